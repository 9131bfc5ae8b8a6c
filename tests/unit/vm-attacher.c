/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm-attacher.h"

#include <string.h>

void
vm_attacher_set_up (VmAttacher *f, gconstpointer unused)
{
  f->testbed = usb_testbed_new ();
  f->usb3 = usb_testbed_add_root_hub (f->testbed, 3, "2.00", STICKS);
  for (guint i = 0; i < STICKS; i++)
    {
      g_autofree char *name = g_strdup_printf ("3-%u", i + 1);
      const UsbTestbedDevice stick = { name, .bus = 3, .devnum = i + 4, .speed = "480", .drivers = { "usb-storage" } };

      f->sticks[i] = usb_testbed_add_device (f->testbed, f->usb3, &stick);
      f->keys[i] = g_strdup_printf ("pci-0000:00:14.0-usbv2-0:%u", i + 1);
      usb_testbed_add_node (f->testbed, 3, i + 4);
      f->requests[i].kernel_name = strrchr (f->sticks[i], '/') + 1;
      f->requests[i].target.bus = 3;
      f->requests[i].target.devnum = i + 4;
      f->requests[i].target.syspath = f->sticks[i] + strlen ("/sys");
      f->requests[i].target.instance = usb_testbed_instance (f->sticks[i]);
      f->requests[i].speed = HP_SPEED_HIGH;
      f->requests[i].place_key = f->keys[i];
    }
  vm_client_set_up_online (&f->client, NULL);
}

void
vm_attacher_tear_down (VmAttacher *f, gconstpointer unused)
{
  vm_client_tear_down (&f->client, NULL);
  for (guint i = 0; i < STICKS; i++)
    {
      g_free (f->sticks[i]);
      g_free (f->keys[i]);
    }
  g_free (f->usb3);
  g_object_unref (f->testbed);
}

HpVmAttached *
vm_attacher_attach (VmAttacher *f, guint stick, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  hp_vm_attach_async (f->client.vm, &f->requests[stick], keep_result, &result);
  wait_until (result != NULL);
  return hp_vm_attach_finish (f->client.vm, result, error);
}

gboolean
vm_attacher_detach (VmAttacher *f, const char *id, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  hp_vm_detach_async (f->client.vm, id, keep_result, &result);
  wait_until (result != NULL);
  return hp_vm_detach_finish (f->client.vm, result, error);
}

char *
vm_attacher_expect (VmAttacher *f, guint stick, const char *bus, guint port)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HpVmAttached) attached = vm_attacher_attach (f, stick, &error);
  g_autofree char *name = NULL;
  guint64 instance;

  g_assert_no_error (error);
  g_assert_cmpstr (attached->bus, ==, bus);
  g_assert_cmpuint (attached->port, ==, port);
  g_assert_true (vm_attacher_is_used (f, bus, port));
  g_assert_true (hp_qdev_id_parse (attached->id, &name, &instance));
  g_assert_cmpstr (name, ==, f->requests[stick].kernel_name);
  g_assert_cmpuint (instance, ==, f->requests[stick].target.instance);
  g_assert_nonnull (fake_qemu_find (f->client.qemu, attached->id));
  return g_steal_pointer (&attached->id);
}

void
vm_attacher_expect_failure (VmAttacher *f, guint stick, HpReason reason, const char *part)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HpVmAttached) attached = vm_attacher_attach (f, stick, &error);

  g_assert_null (attached);
  g_assert_error (error, HP_VM_ERROR, (int)reason);
  if (part != NULL && strstr (error->message, part) == NULL)
    g_error ("\"%s\" is not in \"%s\"", part, error->message);
}

void
vm_attacher_assert_told (VmAttacher *f, const char *expected)
{
  g_assert_cmpstr (f->client.qemu->log->str, ==, expected);
  g_string_truncate (f->client.qemu->log, 0);
}

gboolean
vm_attacher_is_used (VmAttacher *f, const char *bus, guint port)
{
  GPtrArray *buses = hp_vm_buses (f->client.vm);

  for (guint i = 0; i < buses->len; i++)
    {
      const HpGuestBus *found = g_ptr_array_index (buses, i);

      if (g_str_equal (found->name, bus))
        return g_hash_table_contains (found->used, GUINT_TO_POINTER (port));
    }
  g_error ("there is no bus %s", bus);
}
