/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hubs.h"

#include <string.h>

HpDevice *
hubs_make (const char *name, guint64 instance, guint usb, const char *controller, const char *ports)
{
  g_auto (GStrv) words = g_strsplit (ports != NULL ? ports : "", " ", -1);
  gboolean root = g_str_has_prefix (name, "usb");
  HpDevice *device = hp_device_new ();

  device->name = g_strdup (name);
  device->syspath = g_strconcat ("/devices/", controller, "/", name, NULL);
  device->instance = instance;
  device->bus = (guint)g_ascii_strtoull (name + (root ? 3 : 0), NULL, 10);
  device->devnum = 1;
  device->usb = usb;
  device->controller = g_strdup (controller);
  device->controller_path = g_strconcat ("/devices/", controller, NULL);
  device->hub = ports != NULL;
  device->configured = TRUE;
  for (guint i = 0; words[i] != NULL; i++)
    {
      g_auto (GStrv) parts = g_strsplit (words[i], "=", 2);
      g_autofree char *port_name =
          root ? g_strdup_printf ("%u-%s", device->bus, parts[0]) : g_strconcat (name, ".", parts[0], NULL);
      HpKernelPort *port = hp_kernel_port_new (port_name, (guint)g_ascii_strtoull (parts[0], NULL, 10));

      port->peer = g_strdup (parts[1]);
      g_ptr_array_add (device->ports, port);
    }
  return device;
}

HpChanges *
hubs_put (HpTopology *topology, const char *name, guint64 instance, guint usb, const char *ports)
{
  HpChanges *changes = hp_changes_new ();

  hp_topology_put (topology, hubs_make (name, instance, usb, "x", ports), changes);
  return changes;
}

HpChanges *
hubs_take (HpTopology *topology, const char *name)
{
  HpChanges *changes = hp_changes_new ();

  hp_topology_remove (topology, name, changes);
  return changes;
}

char *
hubs_connectors (const HpTopology *topology)
{
  g_autoptr (GPtrArray) ports = hp_topology_list_ports (topology);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < ports->len; i++)
    {
      const HpPort *port = g_ptr_array_index (ports, i);

      g_string_append_printf (text, "%s%s=%s+%s", i > 0 ? " " : "", port->id,
                              port->usb2 != NULL ? port->usb2->name : "", port->usb3 != NULL ? port->usb3->name : "");
    }
  return g_string_free (text, FALSE);
}

char *
hubs_devices (const HpTopology *topology)
{
  g_autoptr (GPtrArray) list = hp_topology_list_devices (topology);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < list->len; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? " " : "", ((const HpDevice *)g_ptr_array_index (list, i))->name);
  return g_string_free (text, FALSE);
}

void
hubs_expect (const HpTopology *topology, const char *wanted_connectors, const char *wanted_devices)
{
  g_autofree char *found_connectors = hubs_connectors (topology);
  g_autofree char *found_devices = hubs_devices (topology);

  g_assert_cmpstr (found_connectors, ==, wanted_connectors);
  g_assert_cmpstr (found_devices, ==, wanted_devices);
}

static char *
keys (GHashTable *table)
{
  g_autoptr (GList) list = g_list_sort (g_hash_table_get_keys (table), (GCompareFunc)strcmp);
  GString *text = g_string_new (NULL);

  for (GList *item = list; item != NULL; item = item->next)
    g_string_append_printf (text, "%s%s", text->len > 0 ? " " : "", (const char *)item->data);
  return g_string_free (text, FALSE);
}

void
hubs_expect_changes (HpChanges *changes, const char *ports_gone, const char *ports_changed, const char *devices_gone,
                     const char *devices_changed)
{
  const char *const wanted[] = { ports_gone, ports_changed, devices_gone, devices_changed };
  GHashTable *const found[] = { changes->ports_gone, changes->ports_changed, changes->devices_gone,
                                changes->devices_changed };
  gboolean nothing = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    {
      g_autofree char *text = keys (found[i]);

      g_assert_cmpstr (text, ==, wanted[i]);
      nothing = nothing && *text == '\0';
    }
  g_assert_cmpint (hp_changes_is_empty (changes), ==, nothing);
  hp_changes_free (changes);
}
