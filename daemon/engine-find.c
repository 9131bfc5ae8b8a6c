/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/errors.h"
#include "dbus/names.h"
#include "engine-private.h"

/* Names that people write: of ports, devices and machines. */

gboolean
hp_engine_has_vm (HpEngine *engine, const char *vm, GError **error)
{
  if (hp_config_vm (engine->config, vm) != NULL)
    return TRUE;
  g_set_error (error, HP_ERROR, HP_ERROR_NO_SUCH_VIRTUAL_MACHINE,
               "no virtual machine is called \"%s\": hotplugctl vms lists them, %s is where they are added", vm,
               engine->config_path);
  return FALSE;
}

char *
hp_engine_find_port (HpEngine *engine, const char *name, GError **error)
{
  g_autoptr (GError) problem = NULL;
  g_autoptr (HpPortRef) ref = hp_port_ref_parse (name, &problem);
  g_autofree char *id = ref != NULL ? hp_topology_resolve (engine->topology, ref, &problem) : NULL;
  gboolean ambiguous = g_error_matches (problem, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT) && ref != NULL;

  if (id != NULL)
    return g_steal_pointer (&id);
  g_set_error (error, HP_ERROR, ambiguous ? HP_ERROR_AMBIGUOUS_PORT : HP_ERROR_NO_SUCH_PORT,
               "%s: hotplugctl ports lists all ports", problem->message);
  return NULL;
}

/* "0781:5581" */
static gboolean
parse_ids (const char *name, guint *ret_vendor, guint *ret_product)
{
  if (strlen (name) != 9 || name[4] != ':')
    return FALSE;
  for (guint i = 0; i < 9; i++)
    if (i != 4 && !g_ascii_isxdigit (name[i]))
      return FALSE;
  *ret_vendor = (guint)g_ascii_strtoull (name, NULL, 16);
  *ret_product = (guint)g_ascii_strtoull (name + 5, NULL, 16);
  return TRUE;
}

static char *
find_by_ids (HpEngine *engine, const char *name, guint vendor, guint product, GError **error)
{
  g_autoptr (GPtrArray) devices = hp_topology_list_devices (engine->topology);
  const HpDevice *found = NULL;

  for (guint i = 0; i < devices->len; i++)
    {
      const HpDevice *device = g_ptr_array_index (devices, i);

      if (device->vendor_id != vendor || device->product_id != product
          || hp_topology_port_at (engine->topology, device->name) == NULL)
        continue;
      if (found != NULL)
        {
          g_set_error (error, HP_ERROR, HP_ERROR_AMBIGUOUS_DEVICE, "\"%s\" fits %s and %s: name one of these instead",
                       name, found->name, device->name);
          return NULL;
        }
      found = device;
    }
  if (found != NULL)
    return g_strdup (found->name);
  g_set_error (error, HP_ERROR, HP_ERROR_NO_SUCH_DEVICE,
               "no device with the ids %s is plugged in: hotplugctl devices lists them", name);
  return NULL;
}

static char *
find_in_port (HpEngine *engine, const char *name, GError **error)
{
  g_autofree char *id = hp_engine_find_port (engine, name, NULL);
  const HpPort *port = id != NULL ? hp_topology_port (engine->topology, id) : NULL;
  const HpDevice *devices[2];
  guint n_devices = port != NULL ? hp_topology_port_devices (engine->topology, port, devices) : 0;

  if (n_devices == 1)
    return g_strdup (devices[0]->name);
  if (n_devices == 2)
    g_set_error (error, HP_ERROR, HP_ERROR_AMBIGUOUS_DEVICE, "port \"%s\" holds %s and %s: name one of these instead",
                 name, devices[0]->name, devices[1]->name);
  else if (port != NULL)
    g_set_error (error, HP_ERROR, HP_ERROR_NO_SUCH_DEVICE, "nothing is plugged into port \"%s\"", name);
  else
    g_set_error (error, HP_ERROR, HP_ERROR_NO_SUCH_DEVICE,
                 "no device and no port is called \"%s\": hotplugctl devices lists what is plugged in", name);
  return NULL;
}

char *
hp_engine_find_device (HpEngine *engine, const char *name, GError **error)
{
  guint vendor, product;

  if (hp_topology_device (engine->topology, name) != NULL && hp_topology_port_at (engine->topology, name) != NULL)
    return g_strdup (name);
  if (parse_ids (name, &vendor, &product))
    return find_by_ids (engine, name, vendor, product, error);
  return find_in_port (engine, name, error);
}
