/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "usb-testbed.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

UMockdevTestbed *
usb_testbed_new (void)
{
  UMockdevTestbed *testbed = umockdev_testbed_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (umockdev_in_mock_environment ());
  /* The host bridge has no subsystem, so the controller is described rather than put below a device. */
  umockdev_testbed_add_from_string (testbed, "P: /devices/pci0000:00/0000:00:14.0\nE: SUBSYSTEM=pci\n", &error);
  g_assert_no_error (error);
  return testbed;
}

char *
usb_testbed_real_path (UMockdevTestbed *testbed, const char *path)
{
  g_autofree char *root = umockdev_testbed_get_root_dir (testbed);

  return g_build_filename (root, path, NULL);
}

guint64
usb_testbed_instance (const char *syspath)
{
  struct stat info;

  g_assert_cmpint (stat (syspath, &info), ==, 0);
  return info.st_ino;
}

void
usb_testbed_write_bytes (UMockdevTestbed *testbed, const char *path, const char *name, const char *bytes, gsize length)
{
  g_autofree char *folder = usb_testbed_real_path (testbed, path);
  g_autofree char *file = g_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;

  if (bytes == NULL)
    {
      g_unlink (file);
      return;
    }
  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  g_file_set_contents (file, bytes, (gssize)length, &error);
  g_assert_no_error (error);
}

void
usb_testbed_write (UMockdevTestbed *testbed, const char *path, const char *name, const char *text)
{
  g_autofree char *line = g_strconcat (text != NULL ? text : "", "\n", NULL);

  usb_testbed_write_bytes (testbed, path, name, text != NULL ? line : NULL, strlen (line));
}

void
usb_testbed_link (UMockdevTestbed *testbed, const char *path, const char *name, const char *target)
{
  g_autofree char *folder = usb_testbed_real_path (testbed, path);
  g_autofree char *link = g_build_filename (folder, name, NULL);

  g_unlink (link);
  if (target != NULL)
    g_assert_cmpint (symlink (target, link), ==, 0);
}

/* "…/usb3" -> "…/usb3/3-0:1.0", "…/3-1" -> "…/3-1/3-1:1.0" */
char *
usb_testbed_interface (const char *syspath, guint number)
{
  g_autofree char *name = g_path_get_basename (syspath);

  if (g_str_has_prefix (name, "usb"))
    return g_strdup_printf ("%s/%s-0:1.%u", syspath, name + strlen ("usb"), number);
  return g_strdup_printf ("%s/%s:1.%u", syspath, name, number);
}

char *
usb_testbed_port (const char *syspath, guint number)
{
  g_autofree char *interface = usb_testbed_interface (syspath, 0);
  g_autofree char *name = g_path_get_basename (syspath);

  return g_strdup_printf ("%s/%s-port%u", interface, name, number);
}

void
usb_testbed_add_ports (UMockdevTestbed *testbed, const char *syspath, guint n_ports)
{
  for (guint i = 1; i <= n_ports; i++)
    {
      g_autofree char *port = usb_testbed_port (syspath, i);

      usb_testbed_write_bytes (testbed, port, "uevent", "", 0);
      usb_testbed_write (testbed, port, "connect_type", "unknown");
      usb_testbed_write (testbed, port, "over_current_count", "0");
    }
}

void
usb_testbed_peer (UMockdevTestbed *testbed, const char *port, const char *other)
{
  /* What it points to is read, never followed: any path with the right end will do. */
  usb_testbed_link (testbed, port, "peer", other);
  usb_testbed_link (testbed, other, "peer", port);
}

void
usb_testbed_bind (UMockdevTestbed *testbed, const char *interface, const char *driver)
{
  g_autofree char *folder = usb_testbed_real_path (testbed, "/sys/bus/usb/drivers");
  g_autofree char *target = g_build_filename (folder, driver, NULL);

  g_assert_cmpint (g_mkdir_with_parents (target, 0755), ==, 0);
  usb_testbed_link (testbed, interface, "driver", target);
}

static void
add_interface (UMockdevTestbed *testbed, const char *syspath, guint number, const char *class_code, const char *driver)
{
  g_autofree char *path = usb_testbed_interface (syspath, number);
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *number_text = g_strdup_printf ("%02x", number);
  g_autofree char *added =
      umockdev_testbed_add_device (testbed, "usb", name, syspath, "bInterfaceNumber", number_text, "bInterfaceClass",
                                   class_code, "bInterfaceSubClass", "06", "bInterfaceProtocol", "50", NULL, "DEVTYPE",
                                   "usb_interface", NULL);

  g_assert_cmpstr (added, ==, path);
  if (driver[0] != '\0')
    usb_testbed_bind (testbed, path, driver);
}

char *
usb_testbed_add_root_hub (UMockdevTestbed *testbed, guint bus, const char *version, guint n_ports)
{
  g_autofree char *name = g_strdup_printf ("usb%u", bus);
  g_autofree char *bus_text = g_strdup_printf ("%u", bus);
  g_autofree char *ports_text = g_strdup_printf ("%u", n_ports);
  /* It is with spaces that the kernel aligns it. */
  g_autofree char *version_text = g_strconcat (" ", version, NULL);
  char *syspath =
      umockdev_testbed_add_device (testbed, "usb", name, USB_CONTROLLER, "busnum", bus_text, "devnum", "1", "version",
                                   version_text, "speed", version[0] == '3' ? "5000" : "480", "maxchild", ports_text,
                                   "bDeviceClass", "09", "bConfigurationValue", "1", "idVendor", "1d6b", "idProduct",
                                   "0002", NULL, "DEVTYPE", "usb_device", NULL);

  add_interface (testbed, syspath, 0, "09", "hub");
  usb_testbed_add_ports (testbed, syspath, n_ports);
  return syspath;
}

char *
usb_testbed_add_device (UMockdevTestbed *testbed, const char *parent, const UsbTestbedDevice *device)
{
  g_autofree char *bus_text = g_strdup_printf ("%u", device->bus);
  g_autofree char *devnum_text = g_strdup_printf ("%u", device->devnum);
  const char *class_code = device->class_code != NULL ? device->class_code : "00";
  char *syspath = umockdev_testbed_add_device (testbed, "usb", device->name, parent, "busnum", bus_text, "devnum",
                                               devnum_text, "speed", device->speed, "bDeviceClass", class_code,
                                               "idVendor", device->vendor_id != NULL ? device->vendor_id : "1d6b",
                                               "idProduct", "0104", "bConfigurationValue",
                                               device->unconfigured ? "" : "1", NULL, "DEVTYPE", "usb_device", NULL);

  if (device->product != NULL)
    usb_testbed_write (testbed, syspath, "product", device->product);
  if (device->descriptors != NULL)
    usb_testbed_write_bytes (testbed, syspath, "descriptors", device->descriptors, device->descriptors_length);
  for (guint i = 0; i < G_N_ELEMENTS (device->drivers) && device->drivers[i] != NULL; i++)
    add_interface (testbed, syspath, i, g_str_equal (class_code, "09") ? "09" : "08", device->drivers[i]);
  return syspath;
}

/* Whether what is called @name goes with the device called @device: "3-1:1.0" and "3-1.2" with "3-1". */
static gboolean
is_part_of (const char *name, const char *device)
{
  gsize length = strlen (device);

  if (g_str_has_prefix (device, "usb"))
    return g_str_equal (name, device)
           || (g_str_has_prefix (name, device + strlen ("usb")) && name[length - strlen ("usb")] == '-');
  return g_str_has_prefix (name, device) && (name[length] == '\0' || name[length] == ':' || name[length] == '.');
}

void
usb_testbed_unplug (UMockdevTestbed *testbed, const char *syspath)
{
  g_autofree char *here = usb_testbed_real_path (testbed, syspath);
  g_autofree char *attic = usb_testbed_real_path (testbed, "/attic");
  g_autofree char *there = g_strdup_printf ("%s/%" G_GUINT64_FORMAT, attic, usb_testbed_instance (syspath));
  g_autofree char *links = usb_testbed_real_path (testbed, "/sys/bus/usb/devices");
  g_autoptr (GDir) dir = g_dir_open (links, 0, NULL);
  g_autofree char *device = g_path_get_basename (syspath);
  const char *name;

  g_assert_cmpint (g_mkdir_with_parents (attic, 0755), ==, 0);
  g_assert_cmpint (g_rename (here, there), ==, 0);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *link = g_build_filename (links, name, NULL);

      if (is_part_of (name, device))
        g_unlink (link);
    }
}

void
usb_testbed_add_node (UMockdevTestbed *testbed, guint bus, guint devnum)
{
  g_autofree char *folder = g_strdup_printf ("/dev/bus/usb/%03u", bus);
  g_autofree char *name = g_strdup_printf ("%03u", devnum);

  usb_testbed_write_bytes (testbed, folder, name, "", 0);
}
