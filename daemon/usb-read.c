/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "usb-read.h"
#include "text.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>

/* USB string descriptors have at most 126 characters. */
#define STRING_MAX 512
#define ATTRIBUTE_MAX 4096
#define INTERFACES_MAX 32
#define DESCRIPTORS_MAX 65536

static char *
read_attribute (const char *directory, const char *name)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);
  g_autofree char *text = NULL;
  gsize length;

  if (!g_file_get_contents (path, &text, &length, NULL) || length > ATTRIBUTE_MAX)
    return NULL;
  return g_strchomp (g_steal_pointer (&text));
}

/* Numbers in sysfs are decimal even with leading zeros, but for ids and classes, which are hexadecimal. */
static guint
read_number (const char *directory, const char *name, guint base)
{
  g_autofree char *text = read_attribute (directory, name);
  guint64 number = 0;

  if (text == NULL || !g_ascii_string_to_unsigned (g_strstrip (text), base, 0, G_MAXUINT32, &number, NULL))
    return 0;
  return (guint)number;
}

static char *
read_text (const char *directory, const char *name)
{
  g_autofree char *text = read_attribute (directory, name);

  return hp_text_safe (text, STRING_MAX);
}

static char *
read_link_name (const char *directory, const char *name)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);
  g_autofree char *target = g_file_read_link (path, NULL);

  return target != NULL ? g_path_get_basename (target) : NULL;
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
read_position (const char *directory)
{
  g_autofree char *location = g_build_filename (directory, "physical_location", NULL);
  g_autofree char *panel = read_text (location, "panel");
  g_autofree char *vertical = read_text (location, "vertical_position");
  g_autofree char *horizontal = read_text (location, "horizontal_position");
  g_autofree char *dock = read_text (location, "dock");
  GString *text = g_string_new (NULL);

  if (panel != NULL && !g_str_equal (panel, "unknown"))
    g_string_append_printf (text, "%s panel", panel);
  if (vertical != NULL && horizontal != NULL && text->len > 0)
    g_string_append_printf (text, ", %s %s", vertical, horizontal);
  if (g_strcmp0 (dock, "yes") == 0)
    g_string_append_printf (text, "%sdock", text->len > 0 ? ", " : "");
  return g_string_free (text, text->len == 0);
}

static HpKernelPort *
read_port (const char *interface, const char *entry)
{
  g_autofree char *directory = g_build_filename (interface, entry, NULL);
  g_autofree char *name = port_of_directory (entry);
  g_autofree char *peer = read_link_name (directory, "peer");
  HpKernelPort *port;

  if (name == NULL)
    return NULL;
  port = hp_kernel_port_new (name, (guint)g_ascii_strtoull (strrchr (entry, 't') + 1, NULL, 10));
  port->directory = g_strdup (g_str_has_prefix (directory, "/sys/") ? directory + strlen ("/sys") : directory);
  port->peer = peer != NULL ? port_of_directory (peer) : NULL;
  port->connect_type = read_text (directory, "connect_type");
  port->over_current = read_number (directory, "over_current_count", 10);
  port->position = read_position (directory);
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
read_ports (HpDevice *hub, const char *interface)
{
  g_autoptr (GDir) dir = g_dir_open (interface, 0, NULL);
  g_autofree char *prefix = g_strconcat (hub->name, "-port", NULL);
  const char *entry;

  while (dir != NULL && (entry = g_dir_read_name (dir)) != NULL)
    {
      HpKernelPort *port = g_str_has_prefix (entry, prefix) ? read_port (interface, entry) : NULL;

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
read_interfaces (HpDevice *device, const char *syspath)
{
  g_autoptr (GDir) dir = g_dir_open (syspath, 0, NULL);
  const char *entry;

  while (dir != NULL && (entry = g_dir_read_name (dir)) != NULL && device->interfaces->len < INTERFACES_MAX)
    {
      g_autofree char *owner = strchr (entry, ':') != NULL ? hp_usb_device_name (entry) : NULL;
      g_autofree char *path = g_build_filename (syspath, entry, NULL);
      g_autofree char *driver = NULL;

      if (g_strcmp0 (owner, device->name) != 0)
        continue;
      driver = read_link_name (path, "driver");
      hp_device_add_interface (device, (guint8)read_number (path, "bInterfaceNumber", 16),
                               (guint8)read_number (path, "bInterfaceClass", 16),
                               (guint8)read_number (path, "bInterfaceSubClass", 16),
                               (guint8)read_number (path, "bInterfaceProtocol", 16), driver);
      if (device->hub)
        read_ports (device, path);
    }
  g_array_sort (device->interfaces, compare_interfaces);
}

/* What an unconfigured device would be: the kernel makes no interfaces for it, its descriptors tell all the same. */
static void
read_descriptors (HpDevice *device, const char *syspath)
{
  g_autofree char *path = g_build_filename (syspath, "descriptors", NULL);
  g_autofree char *data = NULL;
  const guint8 *bytes;
  gsize length, at;
  guint n_configurations = 0;

  if (!g_file_get_contents (path, &data, &length, NULL) || length > DESCRIPTORS_MAX)
    return;
  bytes = (const guint8 *)data;
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
read_controller (HpDevice *root, const char *syspath)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GArray) ancestors = g_array_new (FALSE, TRUE, sizeof (HpAncestor));
  g_autofree char *path = g_path_get_dirname (syspath);
  g_autofree char *version = read_attribute (syspath, "version");

  root->controller_path = g_strdup (g_str_has_prefix (path, "/sys/") ? path + strlen ("/sys") : path);
  while (strlen (path) > strlen ("/sys/devices"))
    {
      HpAncestor ancestor = { .subsystem = NULL };
      char *parent = g_path_get_dirname (path);

      g_ptr_array_add (texts, read_link_name (path, "subsystem"));
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
  g_autofree char *configuration = read_attribute (syspath, "bConfigurationValue");
  g_autofree char *speed = read_attribute (syspath, "speed");
  struct stat status;

  device->name = g_path_get_basename (syspath);
  device->syspath = g_strdup (g_str_has_prefix (syspath, "/sys/") ? syspath + strlen ("/sys") : syspath);
  device->bus = read_number (syspath, "busnum", 10);
  device->devnum = read_number (syspath, "devnum", 10);
  if (stat (syspath, &status) != 0 || device->bus == 0 || device->devnum == 0)
    return NULL;
  device->instance = status.st_ino;
  device->vendor_id = read_number (syspath, "idVendor", 16);
  device->product_id = read_number (syspath, "idProduct", 16);
  device->vendor = read_text (syspath, "manufacturer");
  device->product = read_text (syspath, "product");
  device->serial = read_text (syspath, "serial");
  device->speed = hp_speed_from_sysfs (speed);
  device->class_code = (guint8)read_number (syspath, "bDeviceClass", 16);
  device->hub = device->class_code == 9 || read_number (syspath, "maxchild", 10) > 0;
  device->configured = configuration != NULL && *g_strstrip (configuration) != '\0';
  if (root == NULL)
    read_controller (device, syspath);
  else
    {
      device->controller = g_strdup (root->controller);
      device->controller_path = g_strdup (root->controller_path);
      device->usb = root->usb;
    }
  if (device->configured)
    read_interfaces (device, syspath);
  else
    read_descriptors (device, syspath);
  return g_steal_pointer (&device);
}
