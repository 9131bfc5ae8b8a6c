/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "topology.h"

/* The records that the topology is made of. */

static void
interface_clear (gpointer data)
{
  g_free (((HpUsbInterface *)data)->driver);
}

HpDevice *
hp_device_new (void)
{
  HpDevice *device = g_new0 (HpDevice, 1);

  device->interfaces = g_array_new (FALSE, TRUE, sizeof (HpUsbInterface));
  g_array_set_clear_func (device->interfaces, interface_clear);
  device->ports = g_ptr_array_new_with_free_func ((GDestroyNotify)hp_kernel_port_free);
  return device;
}

void
hp_device_free (HpDevice *device)
{
  if (device == NULL)
    return;
  g_free (device->name);
  g_free (device->syspath);
  g_free (device->controller);
  g_free (device->controller_path);
  g_free (device->vendor);
  g_free (device->product);
  g_free (device->serial);
  g_array_unref (device->interfaces);
  g_ptr_array_unref (device->ports);
  g_free (device);
}

void
hp_device_add_interface (HpDevice *device, guint8 number, guint8 class_code, guint8 subclass, guint8 protocol,
                         const char *driver)
{
  HpUsbInterface interface = {
    .number = number,
    .class_code = class_code,
    .subclass = subclass,
    .protocol = protocol,
    .driver = g_strdup (driver),
  };

  g_array_append_val (device->interfaces, interface);
}

HpKernelPort *
hp_kernel_port_new (const char *name, guint number)
{
  HpKernelPort *port = g_new0 (HpKernelPort, 1);

  port->name = g_strdup (name);
  port->number = number;
  return port;
}

void
hp_kernel_port_free (HpKernelPort *port)
{
  if (port == NULL)
    return;
  g_free (port->name);
  g_free (port->directory);
  g_free (port->peer);
  g_free (port->connect_type);
  g_free (port->position);
  g_free (port);
}

gboolean
hp_device_is_idle (const HpDevice *device)
{
  if (!device->configured)
    return TRUE;
  for (guint i = 0; i < device->interfaces->len; i++)
    if (g_array_index (device->interfaces, HpUsbInterface, i).driver == NULL)
      return TRUE;
  return FALSE;
}

char *
hp_device_describe (const HpDevice *device)
{
  GString *text = g_string_new (NULL);

  /* Many say their vendor twice: "SanDisk", "SanDisk Ultra". */
  if (device->vendor != NULL && (device->product == NULL || !g_str_has_prefix (device->product, device->vendor)))
    g_string_append (text, device->vendor);
  if (device->product != NULL)
    g_string_append_printf (text, "%s%s", text->len > 0 ? " " : "", device->product);
  if (text->len == 0)
    g_string_append (text, device->hub ? "hub" : "unnamed device");
  g_string_append_printf (text, " (%04x:%04x)", device->vendor_id, device->product_id);
  return g_string_free (text, FALSE);
}

typedef struct
{
  HpSpeed speed;
  guint mbps;
  const char *text;
} SpeedEntry;

static const SpeedEntry speeds[] = {
  [HP_SPEED_UNKNOWN] = { HP_SPEED_UNKNOWN, 0, "unknown speed" },
  [HP_SPEED_LOW] = { HP_SPEED_LOW, 1, "1.5 Mb/s" },
  [HP_SPEED_FULL] = { HP_SPEED_FULL, 12, "12 Mb/s" },
  [HP_SPEED_HIGH] = { HP_SPEED_HIGH, 480, "480 Mb/s" },
  [HP_SPEED_SUPER] = { HP_SPEED_SUPER, 5000, "5 Gb/s" },
  [HP_SPEED_SUPER_PLUS] = { HP_SPEED_SUPER_PLUS, 10000, "10 Gb/s" },
};

guint
hp_speed_mbps (HpSpeed speed)
{
  return speeds[speed].mbps;
}

const char *
hp_speed_to_string (HpSpeed speed)
{
  return speeds[speed].text;
}

HpSpeed
hp_speed_from_sysfs (const char *text)
{
  /* Without the digit first, strtoull() takes a sign as well. */
  guint64 mbps = text != NULL && g_ascii_isdigit (*text) ? g_ascii_strtoull (text, NULL, 10) : 0;

  if (mbps > 5000)
    return HP_SPEED_SUPER_PLUS;
  for (guint i = G_N_ELEMENTS (speeds) - 1; i > 0; i--)
    if (speeds[i].mbps == mbps)
      return speeds[i].speed;
  return HP_SPEED_UNKNOWN;
}

HpChanges *
hp_changes_new (void)
{
  HpChanges *changes = g_new0 (HpChanges, 1);

  changes->ports_gone = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  changes->ports_changed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  changes->devices_gone = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)hp_device_free);
  changes->devices_changed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return changes;
}

void
hp_changes_free (HpChanges *changes)
{
  if (changes == NULL)
    return;
  g_hash_table_unref (changes->ports_gone);
  g_hash_table_unref (changes->ports_changed);
  g_hash_table_unref (changes->devices_gone);
  g_hash_table_unref (changes->devices_changed);
  g_free (changes);
}

gboolean
hp_changes_is_empty (const HpChanges *changes)
{
  return g_hash_table_size (changes->ports_gone) + g_hash_table_size (changes->ports_changed)
             + g_hash_table_size (changes->devices_gone) + g_hash_table_size (changes->devices_changed)
         == 0;
}
