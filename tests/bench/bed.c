/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bed.h"
#include "sample.h"

#include <dlfcn.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/socket.h>

/*
 * When umockdev last began to send an event. Its last step in adding a device is sendmsg(); this one stands before the C
 * library's, so that making the device's files is not measured along.
 */
static double sent_at;
static gboolean armed;

ssize_t
sendmsg (int fd, const struct msghdr *message, int flags)
{
  ssize_t (*real) (int, const struct msghdr *, int) =
      (ssize_t (*) (int, const struct msghdr *, int))dlsym (RTLD_NEXT, "sendmsg");

  if (armed)
    {
      armed = FALSE;
      sent_at = sample_now ();
    }
  return real (fd, message, flags);
}

/* The place of a path of the testbed's on this machine's disk. */
static char *
real_path (Bed *bed, const char *path)
{
  g_autofree char *root = umockdev_testbed_get_root_dir (bed->testbed);

  return g_strconcat (root, path, NULL);
}

static void
write_file (const char *folder, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static char *
port_name (const Bed *bed, const char *hub, guint number)
{
  return g_str_has_prefix (hub, "usb") ? g_strdup_printf ("%u-%u", bed->bus, number)
                                       : g_strdup_printf ("%s.%u", hub, number);
}

/* Ports are plain folders: they have neither subsystem nor events. */
static void
add_ports (Bed *bed, const char *name, const char *interface, guint n_ports)
{
  for (guint i = 1; i <= n_ports; i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/%s-port%u", interface, name, i);
      g_autofree char *folder = real_path (bed, path);

      g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
      write_file (folder, "connect_type", "hotplug\n");
      write_file (folder, "over_current_count", "0\n");
      write_file (folder, "uevent", "");
    }
}

static char *
add_device (Bed *bed, const char *parent, const char *name, const char *class_code, guint n_ports, guint number)
{
  g_autofree char *bus_text = g_strdup_printf ("%u", bed->bus);
  g_autofree char *number_text = g_strdup_printf ("%u", number);
  g_autofree char *ports_text = g_strdup_printf ("%u", n_ports);
  g_autofree char *node = g_strdup_printf ("/dev/bus/usb/%03u/%03u", bed->bus, number);
  const char *attributes[] = {
    "busnum",
    bus_text,
    "devnum",
    number_text,
    "idVendor",
    "0781",
    "idProduct",
    "5581",
    "speed",
    "480",
    "bDeviceClass",
    class_code,
    "maxchild",
    ports_text,
    "manufacturer",
    "SanDisk",
    "product",
    "Ultra",
    "bConfigurationValue",
    "1",
    "version",
    " 2.00",
    NULL,
  };
  const char *properties[] = {
    "DEVTYPE", "usb_device", "BUSNUM", bus_text, "DEVNUM", number_text, "DEVNAME", node, NULL
  };

  return umockdev_testbed_add_devicev (bed->testbed, "usb", name, parent, (char **)attributes, (char **)properties);
}

static char *
add_interface (Bed *bed, const char *device, const char *name, const char *class_code)
{
  const char *attributes[] = { "bInterfaceNumber",
                               "00",
                               "bInterfaceClass",
                               class_code,
                               "bInterfaceSubClass",
                               "06",
                               "bInterfaceProtocol",
                               "50",
                               NULL };
  const char *properties[] = { "DEVTYPE", "usb_interface", NULL };

  return umockdev_testbed_add_devicev (bed->testbed, "usb", name, device, (char **)attributes, (char **)properties);
}

static void
add_hub (Bed *bed, const char *parent, const char *name, guint n_ports)
{
  char *path = add_device (bed, parent, name, "09", n_ports, bed->next_number++);
  gboolean root = g_str_has_prefix (name, "usb");
  g_autofree char *interface_name = root ? g_strdup_printf ("%u-0:1.0", bed->bus) : g_strdup_printf ("%s:1.0", name);
  g_autofree char *interface = add_interface (bed, path, interface_name, "09");

  add_ports (bed, name, interface, n_ports);
  if (!root)
    g_ptr_array_add (bed->hubs, g_strdup (name));
  g_hash_table_insert (bed->paths, g_strdup (name), path);
}

Bed *
bed_new (guint bus, guint n_ports)
{
  Bed *bed = g_new0 (Bed, 1);
  g_autofree char *name = g_strdup_printf ("usb%u", bus);

  bed->testbed = umockdev_testbed_new ();
  g_assert_true (umockdev_in_mock_environment ());
  bed->paths = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  bed->hubs = g_ptr_array_new_with_free_func (g_free);
  bed->bus = bus;
  bed->next_number = 1;
  bed->controller =
      umockdev_testbed_add_device (bed->testbed, "pci", "0000:00:14.0", NULL, "class", "0x0c0330", NULL, NULL);
  add_hub (bed, bed->controller, name, n_ports);
  return bed;
}

void
bed_free (Bed *bed)
{
  g_hash_table_unref (bed->paths);
  g_ptr_array_unref (bed->hubs);
  g_free (bed->controller);
  g_object_unref (bed->testbed);
  g_free (bed);
}

/* The path of the hub that has the port called @name. */
static const char *
hub_path (const Bed *bed, const char *name)
{
  const char *dot = strrchr (name, '.');
  g_autofree char *hub = dot != NULL ? g_strndup (name, (gsize)(dot - name)) : g_strdup_printf ("usb%u", bed->bus);

  return g_hash_table_lookup (bed->paths, hub);
}

void
bed_add_hub (Bed *bed, const char *name, guint n_ports)
{
  add_hub (bed, hub_path (bed, name), name, n_ports);
}

guint
bed_grow (Bed *bed, guint n_ports)
{
  GQueue *free_ports = g_queue_new ();
  g_autofree char *root = g_strdup_printf ("usb%u", bed->bus);
  guint total = BED_PORTS_MAX;

  for (guint i = 2; i <= BED_PORTS_MAX; i++)
    g_queue_push_tail (free_ports, port_name (bed, root, i));
  while (total < n_ports)
    {
      g_autofree char *name = g_queue_pop_head (free_ports);

      bed_add_hub (bed, name, BED_PORTS_MAX);
      for (guint i = 2; i <= BED_PORTS_MAX; i++)
        g_queue_push_tail (free_ports, port_name (bed, name, i));
      total += BED_PORTS_MAX;
    }
  g_queue_free_full (free_ports, g_free);
  return total;
}

double
bed_plug (Bed *bed, const char *name)
{
  guint number = 100 + bed->next_number++ % 900;
  g_autofree char *folder_path = g_strdup_printf ("/dev/bus/usb/%03u", bed->bus);
  g_autofree char *folder = real_path (bed, folder_path);
  g_autofree char *node = g_strdup_printf ("%03u", number);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  write_file (folder, node, "");
  armed = TRUE;
  g_hash_table_replace (bed->paths, g_strdup (name), add_device (bed, hub_path (bed, name), name, "00", 0, number));
  g_assert_false (armed);
  return sent_at;
}

void
bed_unplug (Bed *bed, const char *name, int pid)
{
  const char *path = g_hash_table_lookup (bed->paths, name);

  /* umockdev sends the event of a device that is there only; the kernel does so when it is gone. */
  if (pid > 0)
    kill (pid, SIGSTOP);
  umockdev_testbed_uevent (bed->testbed, path, "remove");
  umockdev_testbed_remove_device (bed->testbed, path);
  if (pid > 0)
    kill (pid, SIGCONT);
  g_hash_table_remove (bed->paths, name);
}
