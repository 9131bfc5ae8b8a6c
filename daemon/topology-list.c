/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "topology-private.h"

#include <stdlib.h>
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

/* A port next to what it is sorted by, taken out of its name once and not at every comparison. */
typedef struct
{
  const HpPort *port;
  gsize controller_length;
  guint8 chain[HP_CHAIN_DEPTH_MAX]; /* its numbers; 0 behind the last, which no port has */
} SortedPort;

static void
read_sorted (SortedPort *sorted, const HpPort *port)
{
  const char *at = strrchr (port->id, ':') + 1;

  *sorted = (SortedPort){ .port = port, .controller_length = (gsize)(g_strrstr (port->id, "-usbv") - port->id) };
  for (guint i = 0; i < HP_CHAIN_DEPTH_MAX && *at != '\0'; i++)
    {
      char *end = NULL;

      sorted->chain[i] = (guint8)g_ascii_strtoull (at, &end, 10);
      at = *end == '.' ? end + 1 : end;
    }
}

/* By controller, then by place, then USB 2 before SuperSpeed. */
static int
compare_ports (gconstpointer a, gconstpointer b)
{
  const SortedPort *first = a, *second = b;
  int order = strncmp (first->port->id, second->port->id, MIN (first->controller_length, second->controller_length));

  if (order == 0)
    order =
        (first->controller_length > second->controller_length) - (first->controller_length < second->controller_length);
  if (order == 0)
    order = memcmp (first->chain, second->chain, sizeof first->chain);
  return order != 0 ? order : strcmp (first->port->id, second->port->id);
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

GPtrArray *
hp_topology_list_ports (const HpTopology *topology)
{
  guint n_ports = g_hash_table_size (topology->ports);
  g_autofree SortedPort *sorted = g_new (SortedPort, n_ports);
  GPtrArray *list = g_ptr_array_sized_new (n_ports);
  GHashTableIter iter;
  gpointer port;

  g_hash_table_iter_init (&iter, topology->ports);
  for (guint i = 0; g_hash_table_iter_next (&iter, NULL, &port); i++)
    read_sorted (&sorted[i], port);
  if (n_ports > 0)
    qsort (sorted, n_ports, sizeof *sorted, compare_ports);
  for (guint i = 0; i < n_ports; i++)
    g_ptr_array_add (list, (gpointer)sorted[i].port);
  return list;
}

GPtrArray *
hp_topology_list_devices (const HpTopology *topology)
{
  GPtrArray *list = g_ptr_array_sized_new (g_hash_table_size (topology->devices));
  GHashTableIter iter;
  gpointer device;

  g_hash_table_iter_init (&iter, topology->devices);
  while (g_hash_table_iter_next (&iter, NULL, &device))
    g_ptr_array_add (list, device);
  g_ptr_array_sort (list, compare_devices);
  return list;
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
