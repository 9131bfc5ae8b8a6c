/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "topology-private.h"

#include <string.h>

static void
port_free (HpPort *port)
{
  g_free (port->id);
  g_free (port->id2);
  g_free (port->id3);
  g_free (port);
}

HpTopology *
hp_topology_new (void)
{
  HpTopology *topology = g_new0 (HpTopology, 1);

  topology->devices = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)hp_device_free);
  topology->kernel_ports = g_hash_table_new (g_str_hash, g_str_equal);
  topology->named_by = g_hash_table_new (g_str_hash, g_str_equal);
  topology->port_at = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  topology->ports = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)port_free);
  topology->halves = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  topology->root_hubs = g_hash_table_new (NULL, NULL);
  return topology;
}

void
hp_topology_free (HpTopology *topology)
{
  if (topology == NULL)
    return;
  g_hash_table_unref (topology->root_hubs);
  g_hash_table_unref (topology->halves);
  g_hash_table_unref (topology->port_at);
  g_hash_table_unref (topology->ports);
  g_hash_table_unref (topology->named_by);
  g_hash_table_unref (topology->kernel_ports);
  g_hash_table_unref (topology->devices);
  g_free (topology);
}

static char *
half_id (const HpDevice *hub, const HpKernelPort *half)
{
  g_autofree char *chain = NULL;

  if (!hp_kernel_name_parse (half->name, NULL, &chain))
    return NULL;
  return hp_port_id_format (hub->controller, hub->usb, chain);
}

/* Takes a half out of its connector; a connector without halves is gone, one that loses its name gets another. */
static void
take_half_out (HpTopology *topology, const HpKernelPort *half, HpChanges *changes)
{
  HpPort *port = g_hash_table_lookup (topology->port_at, half->name);
  gboolean second;
  char *id;

  if (port == NULL)
    return;
  second = port->usb3 == half;
  g_hash_table_remove (topology->port_at, half->name);
  g_hash_table_remove (topology->halves, second ? port->id3 : port->id2);
  g_clear_pointer (second ? &port->id3 : &port->id2, g_free);
  if (second)
    port->usb3 = NULL;
  else
    port->usb2 = NULL;
  if (port->usb2 != NULL)
    {
      g_hash_table_add (changes->ports_changed, g_strdup (port->id));
      return;
    }
  g_hash_table_add (changes->ports_gone, g_strdup (port->id));
  g_hash_table_remove (changes->ports_changed, port->id);
  if (port->usb3 == NULL)
    {
      g_hash_table_remove (topology->ports, port->id);
      return;
    }
  g_hash_table_steal (topology->ports, port->id);
  id = g_strdup (port->id3);
  g_free (port->id);
  port->id = id;
  g_hash_table_insert (topology->ports, port->id, port);
  g_hash_table_add (changes->ports_changed, g_strdup (port->id));
}

/* The other half, if it is known and either says so; the kernel ties both ways, but one may be read before the other. */
static const HpKernelPort *
find_peer (const HpTopology *topology, const HpKernelPort *half)
{
  const HpKernelPort *peer = half->peer != NULL ? g_hash_table_lookup (topology->kernel_ports, half->peer)
                                                : g_hash_table_lookup (topology->named_by, half->name);

  if (peer != NULL && (peer->peer == NULL || g_str_equal (peer->peer, half->name)))
    return peer;
  return NULL;
}

static gboolean
has_room (const HpPort *port, guint usb)
{
  return usb == 3 ? port->usb3 == NULL : port->usb2 == NULL;
}

/* Makes @port carry the name of its USB 2 half. */
static void
rename_port (HpTopology *topology, HpPort *port, HpChanges *changes)
{
  const char *id = port->id2 != NULL ? port->id2 : port->id3;

  if (g_strcmp0 (port->id, id) == 0)
    return;
  if (port->id != NULL)
    {
      g_hash_table_add (changes->ports_gone, g_strdup (port->id));
      g_hash_table_remove (changes->ports_changed, port->id);
      g_hash_table_steal (topology->ports, port->id);
      g_free (port->id);
    }
  port->id = g_strdup (id);
  g_hash_table_insert (topology->ports, port->id, port);
}

/* Bus numbers move: what has the name still is on a bus that is gone, and not yet known to be. */
static void
give_up_name (HpTopology *topology, const char *id, guint usb, HpChanges *changes)
{
  const HpPort *port = g_hash_table_lookup (topology->halves, id);

  if (port != NULL)
    take_half_out (topology, usb == 3 ? port->usb3 : port->usb2, changes);
}

static void
put_half_in (HpTopology *topology, const HpDevice *hub, const HpKernelPort *half, HpChanges *changes)
{
  const HpKernelPort *peer = find_peer (topology, half);
  char *id = half_id (hub, half);
  HpPort *port;

  if (id == NULL)
    return;
  give_up_name (topology, id, hub->usb, changes);
  port = peer != NULL ? g_hash_table_lookup (topology->port_at, peer->name) : NULL;
  if (port == NULL || !has_room (port, hub->usb))
    port = g_new0 (HpPort, 1);
  if (hub->usb == 3)
    {
      port->usb3 = half;
      port->id3 = id;
    }
  else
    {
      port->usb2 = half;
      port->id2 = id;
    }
  g_hash_table_replace (topology->port_at, g_strdup (half->name), port);
  rename_port (topology, port, changes);
  g_hash_table_replace (topology->halves, g_strdup (id), port);
  g_hash_table_remove (changes->ports_gone, port->id);
  g_hash_table_add (changes->ports_changed, g_strdup (port->id));
}

static void
add_ports (HpTopology *topology, const HpDevice *hub, HpChanges *changes)
{
  for (guint i = 0; i < hub->ports->len; i++)
    {
      HpKernelPort *half = g_ptr_array_index (hub->ports, i);

      if (g_hash_table_contains (topology->kernel_ports, half->name))
        continue;
      g_hash_table_insert (topology->kernel_ports, half->name, half);
      if (half->peer != NULL && !g_hash_table_contains (topology->named_by, half->peer))
        g_hash_table_insert (topology->named_by, half->peer, half);
      put_half_in (topology, hub, half, changes);
    }
}

static void
remove_ports (HpTopology *topology, const HpDevice *hub, HpChanges *changes)
{
  for (guint i = 0; i < hub->ports->len; i++)
    {
      const HpKernelPort *half = g_ptr_array_index (hub->ports, i);

      if (g_hash_table_lookup (topology->kernel_ports, half->name) != half)
        continue;
      take_half_out (topology, half, changes);
      g_hash_table_remove (topology->kernel_ports, half->name);
      if (half->peer != NULL && g_hash_table_lookup (topology->named_by, half->peer) == half)
        g_hash_table_remove (topology->named_by, half->peer);
    }
}

static void
mark_port_of (HpTopology *topology, const char *device, HpChanges *changes)
{
  const HpPort *port = g_hash_table_lookup (topology->port_at, device);

  if (port != NULL)
    g_hash_table_add (changes->ports_changed, g_strdup (port->id));
}

void
hp_topology_remove (HpTopology *topology, const char *name, HpChanges *changes)
{
  HpDevice *device = g_hash_table_lookup (topology->devices, name);
  g_autofree char *own_name = g_strdup (name);

  if (device == NULL)
    return;
  for (guint i = 0; i < device->ports->len; i++)
    hp_topology_remove (topology, ((const HpKernelPort *)g_ptr_array_index (device->ports, i))->name, changes);
  remove_ports (topology, device, changes);
  g_hash_table_steal (topology->devices, name);
  if (g_hash_table_lookup (topology->root_hubs, GUINT_TO_POINTER (device->bus)) == device)
    g_hash_table_remove (topology->root_hubs, GUINT_TO_POINTER (device->bus));
  mark_port_of (topology, own_name, changes);
  g_hash_table_remove (changes->devices_changed, own_name);
  g_hash_table_replace (changes->devices_gone, g_strdup (own_name), device);
}

/* The parts of a port that do not name it. */
static gboolean
port_facts_equal (const HpKernelPort *a, const HpKernelPort *b)
{
  return g_str_equal (a->name, b->name) && g_strcmp0 (a->peer, b->peer) == 0
         && g_strcmp0 (a->connect_type, b->connect_type) == 0 && a->over_current == b->over_current
         && g_strcmp0 (a->position, b->position) == 0 && g_strcmp0 (a->directory, b->directory) == 0;
}

static gboolean
ports_equal (const HpDevice *a, const HpDevice *b)
{
  if (a->ports->len != b->ports->len)
    return FALSE;
  for (guint i = 0; i < a->ports->len; i++)
    if (!port_facts_equal (g_ptr_array_index (a->ports, i), g_ptr_array_index (b->ports, i)))
      return FALSE;
  return TRUE;
}

static gboolean
interfaces_equal (const HpDevice *a, const HpDevice *b)
{
  if (a->interfaces->len != b->interfaces->len)
    return FALSE;
  for (guint i = 0; i < a->interfaces->len; i++)
    {
      const HpUsbInterface *first = &g_array_index (a->interfaces, HpUsbInterface, i);
      const HpUsbInterface *second = &g_array_index (b->interfaces, HpUsbInterface, i);

      if (first->number != second->number || first->class_code != second->class_code
          || first->subclass != second->subclass || first->protocol != second->protocol
          || g_strcmp0 (first->driver, second->driver) != 0)
        return FALSE;
    }
  return TRUE;
}

static gboolean
device_facts_equal (const HpDevice *a, const HpDevice *b)
{
  return a->devnum == b->devnum && a->vendor_id == b->vendor_id && a->product_id == b->product_id
         && g_strcmp0 (a->vendor, b->vendor) == 0 && g_strcmp0 (a->product, b->product) == 0
         && g_strcmp0 (a->serial, b->serial) == 0 && a->speed == b->speed && a->class_code == b->class_code
         && a->configured == b->configured && a->hub == b->hub && interfaces_equal (a, b);
}

/* The same instance with other facts. Its ports are only taken apart where one of them differs. */
static void
update (HpTopology *topology, HpDevice *known, HpDevice *device, HpChanges *changes)
{
  gboolean same_ports = ports_equal (known, device);

  if (same_ports && device_facts_equal (known, device))
    {
      hp_device_free (device);
      return;
    }
  device->seen_at = known->seen_at;
  if (same_ports)
    {
      /* Connectors point to these. */
      GPtrArray *ports = known->ports;

      known->ports = device->ports;
      device->ports = ports;
    }
  else
    remove_ports (topology, known, changes);
  g_hash_table_add (changes->devices_changed, g_strdup (device->name));
  if (g_hash_table_lookup (topology->root_hubs, GUINT_TO_POINTER (known->bus)) == known)
    g_hash_table_insert (topology->root_hubs, GUINT_TO_POINTER (known->bus), device);
  g_hash_table_replace (topology->devices, device->name, device);
  mark_port_of (topology, device->name, changes);
}

void
hp_topology_put (HpTopology *topology, HpDevice *device, HpChanges *changes)
{
  g_autofree char *name = g_strdup (device->name);
  HpDevice *known = g_hash_table_lookup (topology->devices, name);

  if (known != NULL && known->instance == device->instance && known->devnum == device->devnum)
    update (topology, known, device, changes);
  else
    {
      hp_topology_remove (topology, name, changes);
      g_hash_table_add (changes->devices_changed, g_strdup (name));
      g_hash_table_insert (topology->devices, device->name, device);
      if (g_str_has_prefix (device->name, "usb"))
        g_hash_table_insert (topology->root_hubs, GUINT_TO_POINTER (device->bus), device);
      mark_port_of (topology, name, changes);
    }
  device = g_hash_table_lookup (topology->devices, name);
  add_ports (topology, device, changes);
}
