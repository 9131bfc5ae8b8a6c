/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "topology-private.h"

#include <string.h>

/* Looking things up, and listing them for people. */

const HpDevice *
hp_topology_device (const HpTopology *topology, const char *name)
{
  return g_hash_table_lookup (topology->devices, name);
}

const HpPort *
hp_topology_port (const HpTopology *topology, const char *id)
{
  return g_hash_table_lookup (topology->halves, id);
}

const HpPort *
hp_topology_port_at (const HpTopology *topology, const char *name)
{
  return g_hash_table_lookup (topology->port_at, name);
}

const HpPort *
hp_topology_port_parent (const HpTopology *topology, const HpPort *port)
{
  const HpKernelPort *half = port->usb2 != NULL ? port->usb2 : port->usb3;
  g_autofree char *chain = NULL;
  guint bus;

  if (!hp_kernel_name_parse (half->name, &bus, &chain))
    return NULL;

  g_autofree char *above = hp_chain_parent (chain);
  g_autofree char *hub = above != NULL ? hp_kernel_name_format (bus, above) : NULL;

  return hub != NULL ? hp_topology_port_at (topology, hub) : NULL;
}

/* By controller, then by place, then USB 2 before SuperSpeed. */
static int
compare_ports (gconstpointer a, gconstpointer b)
{
  const HpPort *first = *(const HpPort *const *)a;
  const HpPort *second = *(const HpPort *const *)b;
  const char *first_chain = strrchr (first->id, ':') + 1;
  const char *second_chain = strrchr (second->id, ':') + 1;
  gsize first_length = (gsize)(g_strrstr (first->id, "-usbv") - first->id);
  gsize second_length = (gsize)(g_strrstr (second->id, "-usbv") - second->id);
  int order = strncmp (first->id, second->id, MIN (first_length, second_length));

  if (order == 0)
    order = (first_length > second_length) - (first_length < second_length);
  if (order == 0)
    order = hp_chain_compare (first_chain, second_chain);
  return order != 0 ? order : strcmp (first->id, second->id);
}

static int
compare_devices (gconstpointer a, gconstpointer b)
{
  const HpDevice *first = *(const HpDevice *const *)a;
  const HpDevice *second = *(const HpDevice *const *)b;
  const char *first_chain = strchr (first->name, '-');
  const char *second_chain = strchr (second->name, '-');

  if (first->bus != second->bus)
    return first->bus < second->bus ? -1 : 1;
  if (first_chain == NULL || second_chain == NULL)
    return (first_chain != NULL) - (second_chain != NULL);
  return hp_chain_compare (first_chain + 1, second_chain + 1);
}

static GPtrArray *
list_values (GHashTable *table, GCompareFunc compare)
{
  GPtrArray *list = g_ptr_array_sized_new (g_hash_table_size (table));
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, table);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    g_ptr_array_add (list, value);
  g_ptr_array_sort (list, compare);
  return list;
}

GPtrArray *
hp_topology_list_ports (const HpTopology *topology)
{
  return list_values (topology->ports, compare_ports);
}

GPtrArray *
hp_topology_list_devices (const HpTopology *topology)
{
  return list_values (topology->devices, compare_devices);
}

guint
hp_topology_port_devices (const HpTopology *topology, const HpPort *port, const HpDevice *ret_devices[2])
{
  const HpKernelPort *const halves[] = { port->usb2, port->usb3 };
  guint n_devices = 0;

  for (guint i = 0; i < G_N_ELEMENTS (halves); i++)
    {
      const HpDevice *device = halves[i] != NULL ? hp_topology_device (topology, halves[i]->name) : NULL;

      if (device != NULL)
        ret_devices[n_devices++] = device;
    }
  return n_devices;
}

GPtrArray *
hp_topology_hub_ports (const HpTopology *topology, const char *name)
{
  const HpDevice *hub = hp_topology_device (topology, name);
  GPtrArray *list = g_ptr_array_new ();

  for (guint i = 0; hub != NULL && i < hub->ports->len; i++)
    {
      const HpKernelPort *half = g_ptr_array_index (hub->ports, i);
      const HpPort *port = hp_topology_port_at (topology, half->name);

      if (port != NULL)
        g_ptr_array_add (list, (gpointer)port);
    }
  return list;
}
