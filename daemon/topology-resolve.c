/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "topology-private.h"

#include <gio/gio.h>
#include <string.h>

/* From what people write to the stable name of a port. */

/* The connector's own name where the half belongs to one that is known. */
static char *
canonical (const HpTopology *topology, const char *controller, guint usb, const char *chain)
{
  g_autofree char *id = hp_port_id_format (controller, usb, chain);
  const HpPort *port = hp_topology_port (topology, id);

  return port != NULL ? g_strdup (port->id) : g_steal_pointer (&id);
}

static const HpDevice *
root_hub_of (const HpTopology *topology, const char *controller, guint usb)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, topology->root_hubs);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const HpDevice *root = value;

      if (g_str_equal (root->controller, controller) && (usb == 0 || root->usb == usb))
        return root;
    }
  return NULL;
}

static char *
not_found (const HpPortRef *ref, GError **error, const char *why)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no port is called \"%s\": %s", ref->text, why);
  return NULL;
}

/* A port with this name that is not there may come with its hub; one on a root hub may not. */
static char *
check_root_port (const HpTopology *topology, const HpPortRef *ref, const HpDevice *root, GError **error)
{
  g_autofree char *name = hp_kernel_name_format (root->bus, ref->chain);
  g_autofree char *above = hp_chain_parent (ref->chain);
  g_autofree char *why = NULL;

  if (above != NULL || g_hash_table_contains (topology->kernel_ports, name))
    return canonical (topology, root->controller, root->usb, ref->chain);
  why = g_strdup_printf ("bus %u of %s has ports 1 to %u", root->bus, root->controller, root->ports->len);
  return not_found (ref, error, why);
}

static char *
resolve_by_bus (const HpTopology *topology, const HpPortRef *ref, GError **error)
{
  const HpDevice *root = g_hash_table_lookup (topology->root_hubs, GUINT_TO_POINTER (ref->bus));
  g_autofree char *why = NULL;

  if (root == NULL)
    {
      why = g_strdup_printf ("there is no USB bus %u now", ref->bus);
      return not_found (ref, error, why);
    }
  return check_root_port (topology, ref, root, error);
}

/* Bus numbers move between boots, so one that is no longer below its controller says nothing about which half was meant. */
static char *
resolve_devpath (const HpTopology *topology, const HpPortRef *ref, GError **error)
{
  const HpDevice *root = g_hash_table_lookup (topology->root_hubs, GUINT_TO_POINTER (ref->bus));
  const HpDevice *only = NULL;
  guint n_roots = 0;
  GHashTableIter iter;
  gpointer value;
  g_autofree char *why = NULL;

  if (root != NULL && g_str_equal (root->controller_path, ref->controller))
    return check_root_port (topology, ref, root, error);
  g_hash_table_iter_init (&iter, topology->root_hubs);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      if (!g_str_equal (((const HpDevice *)value)->controller_path, ref->controller))
        continue;
      only = value;
      n_roots++;
    }
  if (n_roots == 1)
    return check_root_port (topology, ref, only, error);
  if (n_roots == 0)
    return not_found (ref, error, "there is no USB controller at the beginning of this path");
  why = g_strdup_printf ("bus %u is no longer below this controller, bus numbers move between boots: "
                         "use the stable name %s-usbv2-0:%s, or -usbv3- if you meant its SuperSpeed half",
                         ref->bus, only->controller, ref->chain);
  return not_found (ref, error, why);
}

static const HpPort *
port_on (const HpTopology *topology, const HpDevice *root, const char *chain)
{
  g_autofree char *name = root != NULL ? hp_kernel_name_format (root->bus, chain) : NULL;

  return name != NULL ? hp_topology_port_at (topology, name) : NULL;
}

static char *
ambiguous (const HpTopology *topology, const HpPortRef *ref, const HpDevice *const roots[2], GError **error)
{
  g_autofree char *first = canonical (topology, ref->controller, roots[0]->usb, ref->chain);
  g_autofree char *second = canonical (topology, ref->controller, roots[1]->usb, ref->chain);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "\"%s\" fits two ports: use one of %s (%u-%s) and %s (%u-%s)", ref->text, first, roots[0]->bus,
               ref->chain, second, roots[1]->bus, ref->chain);
  return NULL;
}

/*
 * udev's ID_PATH is the same for a USB 2 and a SuperSpeed port of one number, which may be two connectors. A port of a
 * hub that is not plugged in is where the connector is that the hub would be behind.
 */
static char *
resolve_id_path (const HpTopology *topology, const HpPortRef *ref, GError **error)
{
  const HpDevice *const roots[] = { root_hub_of (topology, ref->controller, 2),
                                    root_hub_of (topology, ref->controller, 3) };
  const HpPort *found[] = { port_on (topology, roots[0], ref->chain), port_on (topology, roots[1], ref->chain) };
  g_autofree char *top = g_strndup (ref->chain, strcspn (ref->chain, "."));

  if (roots[0] == NULL && roots[1] == NULL)
    return not_found (ref, error, "there is no such USB controller");
  if (found[0] == NULL && found[1] == NULL)
    {
      found[0] = port_on (topology, roots[0], top);
      found[1] = port_on (topology, roots[1], top);
    }
  if (found[0] != NULL && found[1] != NULL && found[0] != found[1])
    return ambiguous (topology, ref, roots, error);
  if (found[0] == NULL && (found[1] != NULL || roots[0] == NULL))
    return check_root_port (topology, ref, roots[1], error);
  return check_root_port (topology, ref, roots[0], error);
}

char *
hp_topology_resolve (const HpTopology *topology, const HpPortRef *ref, GError **error)
{
  const HpDevice *root;

  switch (ref->kind)
    {
    case HP_PORT_REF_STABLE:
      root = root_hub_of (topology, ref->controller, ref->usb);
      if (root != NULL)
        return check_root_port (topology, ref, root, error);
      return not_found (ref, error, "there is no such USB controller");
    case HP_PORT_REF_ID_PATH:
      return resolve_id_path (topology, ref, error);
    case HP_PORT_REF_KERNEL:
    case HP_PORT_REF_DIRECTORY:
      return resolve_by_bus (topology, ref, error);
    case HP_PORT_REF_DEVPATH:
      return resolve_devpath (topology, ref, error);
    case HP_PORT_REF_LABEL:
    default:
      return not_found (ref, error,
                        "expected a name like 3-1.4, pci-0000:00:14.0-usbv2-0:1.4 or "
                        "/devices/pci0000:00/0000:00:14.0/usb3/3-1");
    }
}
