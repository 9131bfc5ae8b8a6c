/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "usb-read.h"

#include "usb-testbed.h"

#include <string.h>

typedef struct
{
  UMockdevTestbed *testbed;
  char *root; /* usb3 */
  HpDevice *root_device;
} Fixture;

static void
set_up (Fixture *f, gconstpointer unused)
{
  f->testbed = usb_testbed_new ();
  f->root = usb_testbed_add_root_hub (f->testbed, 3, "2.00", 2);
  f->root_device = hp_usb_read_device (f->root, NULL);
  g_assert_nonnull (f->root_device);
}

static void
tear_down (Fixture *f, gconstpointer unused)
{
  hp_device_free (f->root_device);
  g_free (f->root);
  g_object_unref (f->testbed);
}

static char *
add_stick (Fixture *f, gboolean unconfigured)
{
  const UsbTestbedDevice device = { "3-1",
                                    .bus = 3,
                                    .devnum = 7,
                                    .speed = "480",
                                    .product = "Stick",
                                    .vendor_id = "0781",
                                    .unconfigured = unconfigured,
                                    .drivers = { unconfigured ? NULL : "usb-storage" } };

  return usb_testbed_add_device (f->testbed, f->root, &device);
}

static const HpUsbInterface *
interface_of (const HpDevice *device, guint index)
{
  g_assert_cmpuint (device->interfaces->len, >, index);
  return &g_array_index (device->interfaces, HpUsbInterface, index);
}

static const HpKernelPort *
port_of (const HpDevice *device, guint index)
{
  g_assert_cmpuint (device->ports->len, >, index);
  return g_ptr_array_index (device->ports, index);
}

/* --- names --- */

static void
test_names (void)
{
  static const char *const names[][2] = {
    { "3-1", "3-1" },
    { "3-1:1.0", "3-1" },
    { "3-1.4:2.3", "3-1.4" },
    { "usb3", "usb3" },
    { "3-0:1.0", "usb3" },
    { "12-0:1.0", "usb12" },
    { "3-10:1.0", "3-10" },
    { "3-1.0:1.0", "3-1.0" },
    { "3-1-0:1.0", "usb3-1" },
    { "", "" },
    { ":", "" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *name = hp_usb_device_name (names[i][0]);

      g_assert_cmpstr (name, ==, names[i][1]);
    }
}

/* --- devices --- */

static void
test_root_hub (Fixture *f, gconstpointer unused)
{
  static const struct
  {
    const char *version;
    guint usb;
  } versions[] = { { " 2.00", 2 }, { " 3.00", 3 }, { " 3.20", 3 }, { " 1.10", 2 }, { "", 2 }, { "x", 2 }, { NULL, 2 } };

  g_assert_cmpstr (f->root_device->name, ==, "usb3");
  g_assert_cmpstr (f->root_device->syspath, ==, "/devices/pci0000:00/0000:00:14.0/usb3");
  g_assert_cmpstr (f->root_device->controller, ==, "pci-0000:00:14.0");
  g_assert_cmpstr (f->root_device->controller_path, ==, "/devices/pci0000:00/0000:00:14.0");
  g_assert_true (f->root_device->hub);
  g_assert_true (f->root_device->configured);
  g_assert_cmpuint (f->root_device->ports->len, ==, 2);
  for (gsize i = 0; i < G_N_ELEMENTS (versions); i++)
    {
      g_autoptr (HpDevice) device = NULL;

      usb_testbed_write (f->testbed, f->root, "version", versions[i].version);
      device = hp_usb_read_device (f->root, NULL);
      g_assert_cmpuint (device->usb, ==, versions[i].usb);
    }
}

static void
test_device (Fixture *f, gconstpointer unused)
{
  g_autofree char *syspath = add_stick (f, FALSE);
  g_autoptr (HpDevice) device = hp_usb_read_device (syspath, f->root_device);

  g_assert_cmpstr (device->name, ==, "3-1");
  g_assert_cmpstr (device->syspath, ==, syspath + strlen ("/sys"));
  g_assert_cmpuint (device->instance, ==, usb_testbed_instance (syspath));
  g_assert_cmpuint (device->bus, ==, 3);
  g_assert_cmpuint (device->devnum, ==, 7);
  g_assert_cmpuint (device->usb, ==, 2);
  g_assert_cmpstr (device->controller, ==, "pci-0000:00:14.0");
  g_assert_cmpstr (device->controller_path, ==, "/devices/pci0000:00/0000:00:14.0");
  g_assert_cmphex (device->vendor_id, ==, 0x0781);
  g_assert_cmphex (device->product_id, ==, 0x0104);
  g_assert_cmpstr (device->product, ==, "Stick");
  g_assert_null (device->vendor);
  g_assert_null (device->serial);
  g_assert_cmpint (device->speed, ==, HP_SPEED_HIGH);
  g_assert_true (device->configured);
  g_assert_false (device->hub);
  g_assert_cmpuint (device->interfaces->len, ==, 1);
  g_assert_cmphex (interface_of (device, 0)->class_code, ==, 8);
  g_assert_cmphex (interface_of (device, 0)->subclass, ==, 6);
  g_assert_cmphex (interface_of (device, 0)->protocol, ==, 0x50);
  g_assert_cmpstr (interface_of (device, 0)->driver, ==, "usb-storage");
}

/* In order of number, whatever order the directory has; those of others are not its own. */
static void
test_interfaces (Fixture *f, gconstpointer unused)
{
  const UsbTestbedDevice combined = { "3-1", .bus = 3, .devnum = 8, .speed = "12",
                                      .drivers = { "usbhid", "", "usbfs" } };
  g_autofree char *syspath = usb_testbed_add_device (f->testbed, f->root, &combined);
  g_autofree char *child = g_strconcat (syspath, "/3-1.1:1.0", NULL);
  g_autofree char *power = g_strconcat (syspath, "/power", NULL);
  g_autoptr (HpDevice) device = NULL;

  usb_testbed_write (f->testbed, child, "bInterfaceNumber", "05");
  usb_testbed_write (f->testbed, power, "bInterfaceNumber", "06");
  device = hp_usb_read_device (syspath, f->root_device);
  g_assert_cmpuint (device->interfaces->len, ==, 3);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpuint (interface_of (device, i)->number, ==, i);
  g_assert_cmpstr (interface_of (device, 0)->driver, ==, "usbhid");
  g_assert_null (interface_of (device, 1)->driver);
  g_assert_cmpstr (interface_of (device, 2)->driver, ==, "usbfs");
}

/* Each attribute may be missing, or go away between two reads: only who and where it is are needed. */
static void
test_missing (Fixture *f, gconstpointer unused)
{
  static const struct
  {
    const char *attribute;
    gboolean needed;
  } attributes[] = {
    { "busnum", TRUE }, { "devnum", TRUE }, { "idVendor" }, { "idProduct" },           { "product" },
    { "manufacturer" }, { "serial" },       { "speed" },    { "bConfigurationValue" }, { "bDeviceClass" },
    { "uevent" },       { "subsystem" },    { "maxchild" }, { "descriptors" },
  };
  g_autofree char *syspath = add_stick (f, FALSE);

  for (gsize i = 0; i < G_N_ELEMENTS (attributes); i++)
    {
      g_autofree char *path = g_build_filename (syspath, attributes[i].attribute, NULL);
      g_autofree char *text = NULL;
      gsize length = 0;
      gboolean was_there = g_file_get_contents (path, &text, &length, NULL);
      g_autoptr (HpDevice) device = NULL;

      if (was_there)
        usb_testbed_write_bytes (f->testbed, syspath, attributes[i].attribute, NULL, 0);
      device = hp_usb_read_device (syspath, f->root_device);
      g_assert_true ((device == NULL) == attributes[i].needed);
      if (was_there)
        usb_testbed_write_bytes (f->testbed, syspath, attributes[i].attribute, text, length);
    }
}

static void
test_gone (Fixture *f, gconstpointer unused)
{
  g_autofree char *syspath = add_stick (f, FALSE);

  usb_testbed_unplug (f->testbed, syspath);
  g_assert_null (hp_usb_read_device (syspath, f->root_device));
  g_assert_null (hp_usb_read_device ("/nowhere", NULL));
}

static const struct
{
  const char *attribute, *text;
} numbers[] = {
  { "busnum", "" },
  { "busnum", "x" },
  { "busnum", "0" },
  { "busnum", "-3" },
  { "devnum", "99999999999999999999" },
  { "devnum", "1 2" },
  { "devnum", " " },
  { "devnum", "4294967296" },
  { "devnum", "0x7" },
};

/* What is no number is none. */
static void
test_numbers (Fixture *f, gconstpointer unused)
{
  g_autofree char *syspath = add_stick (f, FALSE);
  g_autoptr (HpDevice) padded = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      usb_testbed_write (f->testbed, syspath, numbers[i].attribute, numbers[i].text);
      g_assert_null (hp_usb_read_device (syspath, f->root_device));
      usb_testbed_write (f->testbed, syspath, numbers[i].attribute,
                         g_str_equal (numbers[i].attribute, "busnum") ? "3" : "7");
    }
  /* Decimal, though it looks octal. */
  usb_testbed_write (f->testbed, syspath, "devnum", "  010 ");
  padded = hp_usb_read_device (syspath, f->root_device);
  g_assert_cmpuint (padded->devnum, ==, 10);
}

/* --- what a device says of itself --- */

static void
test_hostile_strings (Fixture *f, gconstpointer unused)
{
  static const struct
  {
    const char *said, *shown;
  } strings[] = {
    { "Plain", "Plain" },
    { "  padded \t", "padded" },
    { "", NULL },
    { " \r\n ", NULL },
    { "\x1b[2J\x1b]0;evil\x07", "[2J ]0;evil" },
    { "two\nlines", "two lines" },
    { "\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd" },
    { "cut\xc3", "cut\xef\xbf\xbd" },
    { "\xe2\x80\xae"
      "gnp.exe",
      "gnp.exe" },
    { "\xc2\x9b"
      "31m",
      "31m" },
    { "%s%n", "%s%n" },
    { "ä€😀", "ä€😀" },
  };
  g_autofree char *syspath = add_stick (f, FALSE);
  g_autofree char *long_text = g_strnfill (3000, 'x');
  g_autofree char *huge_text = g_strnfill (5000, 'x');
  g_autoptr (HpDevice) cut = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (strings); i++)
    {
      g_autoptr (HpDevice) device = NULL;

      usb_testbed_write (f->testbed, syspath, "product", strings[i].said);
      usb_testbed_write (f->testbed, syspath, "manufacturer", strings[i].said);
      usb_testbed_write (f->testbed, syspath, "serial", strings[i].said);
      device = hp_usb_read_device (syspath, f->root_device);
      g_assert_cmpstr (device->product, ==, strings[i].shown);
      g_assert_cmpstr (device->vendor, ==, strings[i].shown);
      g_assert_cmpstr (device->serial, ==, strings[i].shown);
    }
  usb_testbed_write (f->testbed, syspath, "product", long_text);
  usb_testbed_write (f->testbed, syspath, "serial", huge_text);
  cut = hp_usb_read_device (syspath, f->root_device);
  g_assert_cmpuint (strlen (cut->product), ==, 512);
  g_assert_null (cut->serial);
}

/* A device descriptor and the head of a configuration, then what follows. */
#define HEAD                                                                                                           \
  "\x12\x01\x00\x02\x00\x00\x00\x40\x81\x07\x04\x01\x00\x01\x00\x00\x00\x01"                                           \
  "\x09\x02\x20\x00\x01\x01\x00\x80\x32"
#define INTERFACE(number, setting, class_code) "\x09\x04" number setting "\x02" class_code "\x06\x50\x00"

static const struct
{
  const char *name;
  const char *bytes;
  gsize length;
  guint n_interfaces;
} descriptors[] = {
#define CASE(name, bytes, n)                                                                                           \
  {                                                                                                                    \
    name, bytes, sizeof (bytes) - 1, n                                                                                 \
  }
  CASE ("one", HEAD INTERFACE ("\x00", "\x00", "\x08"), 1),
  CASE ("two, and endpoints between",
        HEAD INTERFACE ("\x00", "\x00", "\x03") "\x07\x05\x81\x02\x00\x02\x00" INTERFACE ("\x01", "\x00", "\x08"), 2),
  CASE ("another setting of the same", HEAD INTERFACE ("\x00", "\x00", "\x08") INTERFACE ("\x00", "\x01", "\x08"), 1),
  CASE ("the first configuration only",
        HEAD INTERFACE ("\x00", "\x00", "\x08") "\x09\x02\x20\x00\x01\x02\x00\x80\x32" INTERFACE ("\x00", "\x00",
                                                                                                  "\x03"),
        1),
  CASE ("nothing", "", 0),
  CASE ("the device only", "\x12\x01\x00\x02\x00\x00\x00\x40\x81\x07\x04\x01\x00\x01\x00\x00\x00\x01", 0),
  CASE ("cut", HEAD "\x09\x04\x00\x00", 0),
  CASE ("a length of nothing", HEAD "\x00\x04\x00\x00\x02\x08\x06\x50\x00", 0),
  CASE ("a length of one", HEAD "\x01" INTERFACE ("\x00", "\x00", "\x08"), 0),
  CASE ("an interface that is too short", HEAD "\x05\x04\x00\x00\x02" INTERFACE ("\x01", "\x00", "\x08"), 1),
  CASE ("a length beyond the end", HEAD "\xff\x04\x00\x00\x02\x08\x06\x50\x00", 0),
#undef CASE
};

static void
test_descriptors (Fixture *f, gconstpointer unused)
{
  g_autofree char *syspath = add_stick (f, TRUE);
  g_autoptr (HpDevice) without = hp_usb_read_device (syspath, f->root_device);

  g_assert_false (without->configured);
  g_assert_cmpuint (without->interfaces->len, ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (descriptors); i++)
    {
      g_autoptr (HpDevice) device = NULL;

      g_test_message ("%s", descriptors[i].name);
      usb_testbed_write_bytes (f->testbed, syspath, "descriptors", descriptors[i].bytes, descriptors[i].length);
      device = hp_usb_read_device (syspath, f->root_device);
      g_assert_cmpuint (device->interfaces->len, ==, descriptors[i].n_interfaces);
      g_assert_true (hp_device_is_idle (device));
      if (descriptors[i].n_interfaces > 0)
        g_assert_null (interface_of (device, 0)->driver);
    }
}

static void
test_many_descriptors (Fixture *f, gconstpointer unused)
{
  g_autofree char *syspath = add_stick (f, TRUE);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (HpDevice) many = NULL, too_many = NULL;

  for (guint i = 0; i < 7000; i++)
    g_byte_array_append (bytes, (const guint8 *)INTERFACE ("\x00", "\x00", "\x08"), 9);
  usb_testbed_write_bytes (f->testbed, syspath, "descriptors", (const char *)bytes->data, bytes->len);
  many = hp_usb_read_device (syspath, f->root_device);
  g_assert_cmpuint (many->interfaces->len, ==, 32);
  for (guint i = 0; i < 1000; i++)
    g_byte_array_append (bytes, (const guint8 *)INTERFACE ("\x00", "\x00", "\x08"), 9);
  usb_testbed_write_bytes (f->testbed, syspath, "descriptors", (const char *)bytes->data, bytes->len);
  too_many = hp_usb_read_device (syspath, f->root_device);
  g_assert_cmpuint (too_many->interfaces->len, ==, 0);
}

/* --- ports --- */

static void
test_ports (Fixture *f, gconstpointer unused)
{
  g_autofree char *first = usb_testbed_port (f->root, 1);
  g_autofree char *location = g_strconcat (first, "/physical_location", NULL);
  g_autoptr (HpDevice) device = NULL;

  usb_testbed_write (f->testbed, first, "connect_type", "hotplug");
  usb_testbed_write (f->testbed, first, "over_current_count", "5");
  usb_testbed_link (f->testbed, first, "peer", "../../../usb4/4-0:1.0/usb4-port3");
  usb_testbed_write (f->testbed, location, "panel", "back");
  usb_testbed_write (f->testbed, location, "vertical_position", "upper");
  usb_testbed_write (f->testbed, location, "horizontal_position", "left");
  usb_testbed_write (f->testbed, location, "dock", "yes");
  device = hp_usb_read_device (f->root, NULL);
  g_assert_cmpuint (device->ports->len, ==, 2);
  g_assert_cmpstr (port_of (device, 0)->name, ==, "3-1");
  g_assert_cmpuint (port_of (device, 0)->number, ==, 1);
  g_assert_cmpstr (port_of (device, 0)->directory, ==, first + strlen ("/sys"));
  g_assert_cmpstr (port_of (device, 0)->peer, ==, "4-3");
  g_assert_cmpstr (port_of (device, 0)->connect_type, ==, "hotplug");
  g_assert_cmpuint (port_of (device, 0)->over_current, ==, 5);
  g_assert_cmpstr (port_of (device, 0)->position, ==, "back panel, upper left, dock");
  g_assert_cmpstr (port_of (device, 1)->name, ==, "3-2");
  g_assert_null (port_of (device, 1)->peer);
  g_assert_null (port_of (device, 1)->position);
}

static void
test_positions (Fixture *f, gconstpointer unused)
{
  static const struct
  {
    const char *panel, *vertical, *horizontal, *dock, *position;
  } positions[] = {
    { "front", "center", "right", "no", "front panel, center right" },
    { "unknown", "upper", "left", "no", NULL },
    { "unknown", NULL, NULL, "yes", "dock" },
    { "top", "upper", NULL, NULL, "top panel" },
    { NULL, "upper", "left", NULL, NULL },
    { "\x1b[0m", "a", "b", NULL, "[0m panel, a b" },
  };
  g_autofree char *port = usb_testbed_port (f->root, 1);
  g_autofree char *location = g_strconcat (port, "/physical_location", NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (positions); i++)
    {
      g_autoptr (HpDevice) device = NULL;

      usb_testbed_write (f->testbed, location, "panel", positions[i].panel);
      usb_testbed_write (f->testbed, location, "vertical_position", positions[i].vertical);
      usb_testbed_write (f->testbed, location, "horizontal_position", positions[i].horizontal);
      usb_testbed_write (f->testbed, location, "dock", positions[i].dock);
      device = hp_usb_read_device (f->root, NULL);
      g_assert_cmpstr (port_of (device, 0)->position, ==, positions[i].position);
    }
}

/* Only "<hub>-port<number>" is one, and they come in order of number. */
static void
test_port_names (Fixture *f, gconstpointer unused)
{
  static const char *const others[] = { "usb3-port",    "usb3-port0",   "usb3-portX",  "usb3-port1x",
                                        "usb3-port-1",  "usb4-port1",   "3-1-port1",   "usb33-port1",
                                        "usb3-port256", "usb3-port1.2", "usb3-port01", "usb3-port4294967297",
                                        "ep_81",        "power" };
  g_autofree char *interface = usb_testbed_interface (f->root, 0);
  g_autoptr (HpDevice) device = NULL;

  usb_testbed_add_ports (f->testbed, f->root, 12);
  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autofree char *path = g_build_filename (interface, others[i], NULL);

      usb_testbed_write (f->testbed, path, "connect_type", "hotplug");
    }
  device = hp_usb_read_device (f->root, NULL);
  g_assert_cmpuint (device->ports->len, ==, 12);
  for (guint i = 0; i < device->ports->len; i++)
    g_assert_cmpuint (port_of (device, i)->number, ==, i + 1);
}

static void
test_hub (Fixture *f, gconstpointer unused)
{
  const UsbTestbedDevice hub = {
    "3-2", .bus = 3, .devnum = 2, .speed = "480", .class_code = "09", .drivers = { "hub" }
  };
  const UsbTestbedDevice dead = {
    "3-1", .bus = 3, .devnum = 3, .speed = "480", .class_code = "09", .unconfigured = TRUE
  };
  g_autofree char *syspath = usb_testbed_add_device (f->testbed, f->root, &hub);
  g_autofree char *dead_path = usb_testbed_add_device (f->testbed, f->root, &dead);
  g_autofree char *port = usb_testbed_port (syspath, 4);
  g_autoptr (HpDevice) device = NULL, unconfigured = NULL;

  usb_testbed_add_ports (f->testbed, syspath, 4);
  usb_testbed_link (f->testbed, port, "peer", "../../../../usb4/4-2/4-2:1.0/4-2-port4");
  device = hp_usb_read_device (syspath, f->root_device);
  g_assert_true (device->hub);
  g_assert_cmpuint (device->ports->len, ==, 4);
  g_assert_cmpstr (port_of (device, 3)->name, ==, "3-2.4");
  g_assert_cmpstr (port_of (device, 3)->peer, ==, "4-2.4");
  unconfigured = hp_usb_read_device (dead_path, f->root_device);
  g_assert_true (unconfigured->hub);
  g_assert_cmpuint (unconfigured->ports->len, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/usb-read/names", test_names);
#define ADD(name, function) g_test_add ("/usb-read/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("root-hub", test_root_hub);
  ADD ("device", test_device);
  ADD ("interfaces", test_interfaces);
  ADD ("missing", test_missing);
  ADD ("gone", test_gone);
  ADD ("numbers", test_numbers);
  ADD ("hostile-strings", test_hostile_strings);
  ADD ("descriptors", test_descriptors);
  ADD ("many-descriptors", test_many_descriptors);
  ADD ("ports", test_ports);
  ADD ("positions", test_positions);
  ADD ("port-names", test_port_names);
  ADD ("hub", test_hub);
  return g_test_run ();
}
