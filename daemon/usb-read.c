/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "usb-read.h"

#include "fd.h"
#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* USB string descriptors have at most 126 characters. */
#define STRING_MAX 512
#define ATTRIBUTE_MAX 4096
#define INTERFACES_MAX 32
#define DESCRIPTORS_MAX 65536

/*
 * A device has some twenty files: each is found from its folder, which is opened once. That spares the kernel the long way
 * from the root for each of them, and what is read is one device's, whoever takes its name meanwhile.
 */
static HpFd
open_folder (int parent, const char *path)
{
  return openat (parent, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static gssize
read_some (int fd, char *buffer, gsize size)
{
  gssize n;

  do
    n = read (fd, buffer, size);
  while (n < 0 && errno == EINTR);
  return n;
}

/* The kernel gives a text whole, or as much as there is room for. */
static char *
read_attribute (int folder, const char *name)
{
  g_auto (HpFd) fd = openat (folder, name, O_RDONLY | O_CLOEXEC);
  char text[ATTRIBUTE_MAX + 1];
  gssize length = fd >= 0 ? read_some (fd, text, sizeof text) : -1;

  return length >= 0 && length <= ATTRIBUTE_MAX ? g_strchomp (g_strndup (text, (gsize)length)) : NULL;
}

/* What is no text comes in pieces. NULL where it cannot be read, or is over @max bytes. */
static GByteArray *
read_bytes (int folder, const char *name, gsize max)
{
  g_auto (HpFd) fd = openat (folder, name, O_RDONLY | O_CLOEXEC);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  char piece[ATTRIBUTE_MAX];
  gssize n = fd >= 0 ? 1 : -1;

  while (n > 0 && bytes->len <= max && (n = read_some (fd, piece, sizeof piece)) > 0)
    g_byte_array_append (bytes, (const guint8 *)piece, (guint)n);
  return n == 0 ? g_steal_pointer (&bytes) : NULL;
}

/* Numbers in sysfs are decimal even with leading zeros, but for ids and classes, which are hexadecimal. */
static guint
read_number (int folder, const char *name, guint base)
{
  g_autofree char *text = read_attribute (folder, name);
  guint64 number = 0;

  if (text == NULL || !g_ascii_string_to_unsigned (g_strstrip (text), base, 0, G_MAXUINT32, &number, NULL))
    return 0;
  return (guint)number;
}

static char *
read_text (int folder, const char *name)
{
  g_autofree char *text = read_attribute (folder, name);

  return hp_text_safe (text, STRING_MAX);
}

static char *
read_link_name (int folder, const char *name)
{
  char target[PATH_MAX];
  gssize length = readlinkat (folder, name, target, sizeof target - 1);

  if (length < 0)
    return NULL;
  target[length] = '\0';
  return g_path_get_basename (target);
}

/* The names in a folder. (transfer full) */
static GPtrArray *
list_folder (int folder)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  int fd = openat (folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;
  const struct dirent *entry;

  while (dir != NULL && (entry = readdir (dir)) != NULL)
    g_ptr_array_add (names, g_strdup (entry->d_name));
  if (dir != NULL)
    closedir (dir);
  else if (fd >= 0)
    close (fd);
  return names;
}

char *
hp_usb_device_name (const char *sysname)
{
  const char *colon = strchr (sysname, ':');
  g_autofree char *name = colon != NULL ? g_strndup (sysname, (gsize)(colon - sysname)) : g_strdup (sysname);

  /* The interface of a root hub is called "3-0:1.0". */
  if (colon != NULL && g_str_has_suffix (name, "-0"))
    {
      name[strlen (name) - 2] = '\0';
      return g_strconcat ("usb", name, NULL);
    }
  return g_steal_pointer (&name);
}

/* "usb4-port1" -> "4-1", "4-1-port2" -> "4-1.2" */
static char *
port_of_directory (const char *name)
{
  g_autoptr (HpPortRef) ref = hp_port_ref_parse (name, NULL);

  return ref != NULL && ref->kind == HP_PORT_REF_DIRECTORY ? hp_kernel_name_format (ref->bus, ref->chain) : NULL;
}

/* Where the firmware says the connector is: "back panel, upper left". */
static char *
read_position (int port)
{
  g_auto (HpFd) location = open_folder (port, "physical_location");
  g_autofree char *panel = NULL, *vertical = NULL, *horizontal = NULL, *dock = NULL;
  GString *text;

  if (location < 0)
    return NULL;
  panel = read_text (location, "panel");
  vertical = read_text (location, "vertical_position");
  horizontal = read_text (location, "horizontal_position");
  dock = read_text (location, "dock");
  text = g_string_new (NULL);
  if (panel != NULL && !g_str_equal (panel, "unknown"))
    g_string_append_printf (text, "%s panel", panel);
  if (vertical != NULL && horizontal != NULL && text->len > 0)
    g_string_append_printf (text, ", %s %s", vertical, horizontal);
  if (g_strcmp0 (dock, "yes") == 0)
    g_string_append_printf (text, "%sdock", text->len > 0 ? ", " : "");
  return g_string_free (text, text->len == 0);
}

static HpKernelPort *
read_port (int interface, const char *interface_path, const char *entry)
{
  g_auto (HpFd) folder = open_folder (interface, entry);
  g_autofree char *directory = g_build_filename (interface_path, entry, NULL);
  g_autofree char *name = port_of_directory (entry);
  g_autofree char *peer = NULL;
  HpKernelPort *port;

  if (name == NULL)
    return NULL;
  peer = read_link_name (folder, "peer");
  port = hp_kernel_port_new (name, (guint)g_ascii_strtoull (strrchr (entry, 't') + 1, NULL, 10));
  port->directory = g_strdup (g_str_has_prefix (directory, "/sys/") ? directory + strlen ("/sys") : directory);
  port->peer = peer != NULL ? port_of_directory (peer) : NULL;
  port->connect_type = read_text (folder, "connect_type");
  port->over_current = read_number (folder, "over_current_count", 10);
  port->position = read_position (folder);
  return port;
}

static int
compare_ports (gconstpointer a, gconstpointer b)
{
  guint first = (*(const HpKernelPort *const *)a)->number;
  guint second = (*(const HpKernelPort *const *)b)->number;

  return (first > second) - (first < second);
}

/* Ports have no subsystem: the hub's interface directory is where they are. */
static void
read_ports (HpDevice *hub, int interface, const char *interface_path)
{
  g_autoptr (GPtrArray) entries = list_folder (interface);
  g_autofree char *prefix = g_strconcat (hub->name, "-port", NULL);

  for (guint i = 0; i < entries->len; i++)
    {
      const char *entry = g_ptr_array_index (entries, i);
      HpKernelPort *port = g_str_has_prefix (entry, prefix) ? read_port (interface, interface_path, entry) : NULL;

      if (port != NULL)
        g_ptr_array_add (hub->ports, port);
    }
  g_ptr_array_sort (hub->ports, compare_ports);
}

static int
compare_interfaces (gconstpointer a, gconstpointer b)
{
  return ((const HpUsbInterface *)a)->number - ((const HpUsbInterface *)b)->number;
}

static void
read_interface (HpDevice *device, int folder, const char *syspath, const char *entry)
{
  g_auto (HpFd) interface = open_folder (folder, entry);
  g_autofree char *path = g_build_filename (syspath, entry, NULL);
  g_autofree char *driver = read_link_name (interface, "driver");

  hp_device_add_interface (device, (guint8)read_number (interface, "bInterfaceNumber", 16),
                           (guint8)read_number (interface, "bInterfaceClass", 16),
                           (guint8)read_number (interface, "bInterfaceSubClass", 16),
                           (guint8)read_number (interface, "bInterfaceProtocol", 16), driver);
  if (device->hub)
    read_ports (device, interface, path);
}

static void
read_interfaces (HpDevice *device, int folder, const char *syspath)
{
  g_autoptr (GPtrArray) entries = list_folder (folder);

  for (guint i = 0; i < entries->len && device->interfaces->len < INTERFACES_MAX; i++)
    {
      const char *entry = g_ptr_array_index (entries, i);
      g_autofree char *owner = strchr (entry, ':') != NULL ? hp_usb_device_name (entry) : NULL;

      if (g_strcmp0 (owner, device->name) == 0)
        read_interface (device, folder, syspath, entry);
    }
  g_array_sort (device->interfaces, compare_interfaces);
}

/* What an unconfigured device would be: the kernel makes no interfaces for it, its descriptors tell all the same. */
static void
read_descriptors (HpDevice *device, int folder)
{
  g_autoptr (GByteArray) data = read_bytes (folder, "descriptors", DESCRIPTORS_MAX);
  const guint8 *bytes = data != NULL ? data->data : NULL;
  gsize length = data != NULL ? data->len : 0;
  guint n_configurations = 0;
  gsize at;

  for (at = 0; at + 2 <= length && bytes[at] >= 2 && at + bytes[at] <= length; at += bytes[at])
    {
      if (bytes[at + 1] == 2 && ++n_configurations > 1)
        return;
      /* Interface descriptors, first alternate setting. */
      if (bytes[at + 1] == 4 && bytes[at] >= 9 && bytes[at + 3] == 0 && device->interfaces->len < INTERFACES_MAX)
        hp_device_add_interface (device, bytes[at + 2], bytes[at + 5], bytes[at + 6], bytes[at + 7], NULL);
    }
}

static void
read_controller (HpDevice *root, int folder, const char *syspath)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GArray) ancestors = g_array_new (FALSE, TRUE, sizeof (HpAncestor));
  g_autofree char *path = g_path_get_dirname (syspath);
  g_autofree char *version = read_attribute (folder, "version");

  root->controller_path = g_strdup (g_str_has_prefix (path, "/sys/") ? path + strlen ("/sys") : path);
  while (strlen (path) > strlen ("/sys/devices"))
    {
      g_auto (HpFd) above = open_folder (AT_FDCWD, path);
      HpAncestor ancestor = { .subsystem = NULL };
      char *parent = g_path_get_dirname (path);

      g_ptr_array_add (texts, read_link_name (above, "subsystem"));
      ancestor.subsystem = g_ptr_array_index (texts, texts->len - 1);
      g_ptr_array_add (texts, g_path_get_basename (path));
      ancestor.name = g_ptr_array_index (texts, texts->len - 1);
      g_array_append_val (ancestors, ancestor);
      g_free (path);
      path = parent;
    }
  root->controller = hp_controller_id_path ((const HpAncestor *)ancestors->data, ancestors->len);
  root->usb = version != NULL && g_ascii_strtoull (g_strstrip (version), NULL, 10) >= 3 ? 3 : 2;
}

HpDevice *
hp_usb_read_device (const char *syspath, const HpDevice *root)
{
  g_autoptr (HpDevice) device = hp_device_new ();
  g_auto (HpFd) folder = open_folder (AT_FDCWD, syspath);
  g_autofree char *configuration = read_attribute (folder, "bConfigurationValue");
  g_autofree char *speed = read_attribute (folder, "speed");
  struct stat status;

  device->name = g_path_get_basename (syspath);
  device->syspath = g_strdup (g_str_has_prefix (syspath, "/sys/") ? syspath + strlen ("/sys") : syspath);
  device->bus = read_number (folder, "busnum", 10);
  device->devnum = read_number (folder, "devnum", 10);
  if (fstat (folder, &status) != 0 || device->bus == 0 || device->devnum == 0)
    return NULL;
  device->instance = status.st_ino;
  device->vendor_id = read_number (folder, "idVendor", 16);
  device->product_id = read_number (folder, "idProduct", 16);
  device->vendor = read_text (folder, "manufacturer");
  device->product = read_text (folder, "product");
  device->serial = read_text (folder, "serial");
  device->speed = hp_speed_from_sysfs (speed);
  device->class_code = (guint8)read_number (folder, "bDeviceClass", 16);
  device->hub = device->class_code == 9 || read_number (folder, "maxchild", 10) > 0;
  device->configured = configuration != NULL && *g_strstrip (configuration) != '\0';
  if (root == NULL)
    read_controller (device, folder, syspath);
  else
    {
      device->controller = g_strdup (root->controller);
      device->controller_path = g_strdup (root->controller_path);
      device->usb = root->usb;
    }
  if (device->configured)
    read_interfaces (device, folder, syspath);
  else
    read_descriptors (device, folder);
  return g_steal_pointer (&device);
}
