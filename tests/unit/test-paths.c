/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/names.h"
#include "dbus/paths.h"

#include <gio/gio.h>

static void
test_round_trip (void)
{
  static const struct
  {
    const char *parent, *key, *path;
  } cases[] = {
    { HP_OBJECT_DEVICE, "3-1.4", "/org/hotplugger1/device/3_2d1_2e4" },
    { HP_OBJECT_PORT, "pci-0000:00:14.0-usbv2-0:1", "/org/hotplugger1/port/pci_2d0000_3a00_3a14_2e0_2dusbv2_2d0_3a1" },
    { HP_OBJECT_VM, "windows", "/org/hotplugger1/vm/windows" },
    { HP_OBJECT_VM, "_", "/org/hotplugger1/vm/_5f" },
    { HP_OBJECT_VM, "a/b", "/org/hotplugger1/vm/a_2fb" },
    { HP_OBJECT_VM, "ж 1", "/org/hotplugger1/vm/_d0_b6_201" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = hp_path_make (cases[i].parent, cases[i].key);
      g_autofree char *key = hp_path_key (cases[i].parent, path);

      g_assert_cmpstr (path, ==, cases[i].path);
      g_assert_true (g_variant_is_object_path (path));
      g_assert_cmpstr (key, ==, cases[i].key);
    }
}

static void
test_foreign (void)
{
  static const char *const cases[] = {
    "",
    "/",
    "3-1",
    HP_OBJECT_DEVICE,
    HP_OBJECT_DEVICE "/",
    HP_OBJECT_DEVICE "/_",
    HP_OBJECT_DEVICE "/3-1",
    HP_OBJECT_DEVICE "/a/b",
    HP_OBJECT_DEVICE "s/a",
    HP_OBJECT_PORT "/a",
    HP_OBJECT_DEVICE "/_00",
    HP_OBJECT_DEVICE "/a_00b",
    HP_OBJECT_DEVICE "/_ff", /* not UTF-8 */
    HP_OBJECT_DEVICE "/_2D",
    HP_OBJECT_DEVICE "/_61", /* another spelling */
    HP_OBJECT_DEVICE "/_2",
    HP_OBJECT_DEVICE "/_zz",
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *key = hp_path_key (HP_OBJECT_DEVICE, cases[i]);

      g_assert_null (key);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/paths/round-trip", test_round_trip);
  g_test_add_func ("/paths/foreign", test_foreign);
  return g_test_run ();
}
