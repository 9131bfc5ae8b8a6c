/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "topology.h"

#include <string.h>

typedef struct
{
  gboolean configured;
  const char *drivers; /* of the interfaces; "-" none */
  gboolean idle;
} IdleCase;

static void
test_is_idle (void)
{
  static const IdleCase cases[] = {
    { TRUE, "usb-storage", FALSE },
    { TRUE, "usbhid usbhid", FALSE },
    { TRUE, "usbfs", FALSE },
    { TRUE, "", FALSE },
    { TRUE, "-", TRUE },
    { TRUE, "usbhid -", TRUE },
    { TRUE, "- usbfs", TRUE },
    { FALSE, "", TRUE },
    { FALSE, "usbhid", TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HpDevice) device = hp_device_new ();
      g_auto (GStrv) drivers = g_strsplit (cases[i].drivers, " ", -1);

      for (guint j = 0; drivers[j] != NULL; j++)
        hp_device_add_interface (device, (guint8)j, 3, 1, 2, g_str_equal (drivers[j], "-") ? NULL : drivers[j]);
      device->configured = cases[i].configured;
      g_test_message ("%d \"%s\"", cases[i].configured, cases[i].drivers);
      g_assert_cmpint (hp_device_is_idle (device), ==, cases[i].idle);
    }
}

typedef struct
{
  const char *vendor, *product;
  gboolean hub;
  const char *expected;
} DescribeCase;

static void
test_describe (void)
{
  static const DescribeCase cases[] = {
    { "SanDisk", "Ultra", FALSE, "SanDisk Ultra (0781:00ff)" },
    { "SanDisk", NULL, FALSE, "SanDisk (0781:00ff)" },
    { NULL, "Ultra", FALSE, "Ultra (0781:00ff)" },
    { NULL, NULL, FALSE, "unnamed device (0781:00ff)" },
    { NULL, NULL, TRUE, "hub (0781:00ff)" },
    { "Genesys", "Hub", TRUE, "Genesys Hub (0781:00ff)" },
    { "%s%n", "%d", FALSE, "%s%n %d (0781:00ff)" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HpDevice) device = hp_device_new ();
      g_autofree char *text = NULL;

      device->vendor = g_strdup (cases[i].vendor);
      device->product = g_strdup (cases[i].product);
      device->hub = cases[i].hub;
      device->vendor_id = 0x781;
      device->product_id = 0xff;
      text = hp_device_describe (device);
      g_assert_cmpstr (text, ==, cases[i].expected);
    }
}

static void
test_interfaces (void)
{
  g_autoptr (HpDevice) device = hp_device_new ();
  const HpUsbInterface *interface;

  hp_device_add_interface (device, 0, 8, 6, 80, "usb-storage");
  hp_device_add_interface (device, 255, 255, 254, 253, NULL);
  g_assert_cmpuint (device->interfaces->len, ==, 2);
  interface = &g_array_index (device->interfaces, HpUsbInterface, 1);
  g_assert_cmpuint (interface->number, ==, 255);
  g_assert_cmpuint (interface->class_code, ==, 255);
  g_assert_cmpuint (interface->subclass, ==, 254);
  g_assert_cmpuint (interface->protocol, ==, 253);
  g_assert_null (interface->driver);
  g_assert_cmpstr (g_array_index (device->interfaces, HpUsbInterface, 0).driver, ==, "usb-storage");
}

typedef struct
{
  const char *sysfs; /* NULL: as an attribute that is not there */
  HpSpeed speed;
  guint mbps;
  const char *text;
} SpeedCase;

static void
test_speeds (void)
{
  static const SpeedCase cases[] = {
    { "1.5", HP_SPEED_LOW, 1, "1.5 Mb/s" },
    { "12", HP_SPEED_FULL, 12, "12 Mb/s" },
    { "480", HP_SPEED_HIGH, 480, "480 Mb/s" },
    { "5000", HP_SPEED_SUPER, 5000, "5 Gb/s" },
    { "10000", HP_SPEED_SUPER_PLUS, 10000, "10 Gb/s" },
    { "20000", HP_SPEED_SUPER_PLUS, 10000, "10 Gb/s" },
    { "480\n", HP_SPEED_HIGH, 480, "480 Mb/s" },
    { "unknown", HP_SPEED_UNKNOWN, 0, "unknown speed" },
    { "", HP_SPEED_UNKNOWN, 0, "unknown speed" },
    { "0", HP_SPEED_UNKNOWN, 0, "unknown speed" },
    { "13", HP_SPEED_UNKNOWN, 0, "unknown speed" },
    { "-1", HP_SPEED_UNKNOWN, 0, "unknown speed" },
    { NULL, HP_SPEED_UNKNOWN, 0, "unknown speed" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      HpSpeed speed = hp_speed_from_sysfs (cases[i].sysfs);

      g_test_message ("%s", cases[i].sysfs);
      g_assert_cmpint (speed, ==, cases[i].speed);
      g_assert_cmpuint (hp_speed_mbps (speed), ==, cases[i].mbps);
      g_assert_cmpstr (hp_speed_to_string (speed), ==, cases[i].text);
    }
}

static void
test_changes (void)
{
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (HpChanges) changes = hp_changes_new ();

      g_assert_true (hp_changes_is_empty (changes));
      if (i == 0)
        g_hash_table_add (changes->ports_gone, g_strdup ("a"));
      else if (i == 1)
        g_hash_table_add (changes->ports_changed, g_strdup ("a"));
      else if (i == 2)
        g_hash_table_insert (changes->devices_gone, g_strdup ("3-1"), hp_device_new ());
      else
        g_hash_table_add (changes->devices_changed, g_strdup ("3-1"));
      g_assert_false (hp_changes_is_empty (changes));
    }
}

static void
test_free_nothing (void)
{
  hp_device_free (NULL);
  hp_kernel_port_free (NULL);
  hp_changes_free (NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/device/is-idle", test_is_idle);
  g_test_add_func ("/device/describe", test_describe);
  g_test_add_func ("/device/interfaces", test_interfaces);
  g_test_add_func ("/device/speeds", test_speeds);
  g_test_add_func ("/device/changes", test_changes);
  g_test_add_func ("/device/free-nothing", test_free_nothing);
  return g_test_run ();
}
