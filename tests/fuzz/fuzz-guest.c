/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include "daemon/guest-usb.h"

#include <string.h>

/* What QEMU's `info usb` says, where a device in the guest may have chosen the names; and ids of devices. */

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *)data, size);
  g_autoptr (GPtrArray) devices = NULL;
  g_autofree char *name = NULL;
  guint64 instance = 0;

  if (hp_qdev_id_parse (text, &name, &instance))
    g_assert_true (fuzz_text_is_safe (name));
  /* QMP gives text in UTF-8: json-glib takes nothing else. */
  if (!g_utf8_validate (text, -1, NULL))
    return 0;
  hp_guest_type_may_be_controller (text);
  devices = hp_guest_usb_parse (text);
  g_assert_nonnull (devices);
  g_assert_cmpuint (devices->len, <=, size);
  for (guint i = 0; i < devices->len; i++)
    {
      const HpGuestDevice *device = devices->pdata[i];

      g_assert_true (fuzz_text_is_safe (device->port));
      g_assert_true (device->product == NULL || fuzz_text_is_safe (device->product));
      g_assert_true (device->id == NULL || g_utf8_validate (device->id, -1, NULL));
    }
  return 0;
}
