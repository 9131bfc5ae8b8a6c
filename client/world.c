/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/world.h"
#include "dbus/errors.h"

#include <stdio.h>
#include <string.h>

static GPtrArray *
load (HpClient *client, gboolean wanted, const char *method, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) list = NULL;

  if (!wanted)
    return g_ptr_array_new_with_free_func ((GDestroyNotify)hp_record_free);
  reply = hp_client_call (client, HP_CALL_READ, method, g_variant_new ("(a{sv})", NULL), "(a(oa{sv}))", error);
  if (!reply)
    return NULL;
  list = g_variant_get_child_value (reply, 0);
  return hp_records_new (list);
}

static GHashTable *
index_by (GPtrArray *records, const char *property)
{
  GHashTable *index = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < records->len; i++)
    {
      HpRecord *record = g_ptr_array_index (records, i);

      g_hash_table_insert (index, (gpointer)hp_record_string (record, property), record);
    }
  return index;
}

HpWorld *
hp_world_load (HpClient *client, HpWorldParts parts, GError **error)
{
  g_autoptr (HpWorld) world = g_new0 (HpWorld, 1);

  if (!(world->ports = load (client, parts & HP_WORLD_PORTS, "ListPorts", error))
      || !(world->devices = load (client, parts & HP_WORLD_DEVICES, "ListDevices", error))
      || !(world->vms = load (client, parts & HP_WORLD_VMS, "ListVirtualMachines", error)))
    return NULL;

  world->ports_by_id = index_by (world->ports, "Id");
  world->devices_by_name = index_by (world->devices, "Name");
  world->vms_by_name = index_by (world->vms, "Name");
  return g_steal_pointer (&world);
}

void
hp_world_free (HpWorld *world)
{
  g_clear_pointer (&world->ports_by_id, g_hash_table_unref);
  g_clear_pointer (&world->devices_by_name, g_hash_table_unref);
  g_clear_pointer (&world->vms_by_name, g_hash_table_unref);
  g_clear_pointer (&world->ports, g_ptr_array_unref);
  g_clear_pointer (&world->devices, g_ptr_array_unref);
  g_clear_pointer (&world->vms, g_ptr_array_unref);
  g_free (world);
}

const HpRecord *
hp_world_device (const HpWorld *world, const char *name)
{
  return g_hash_table_lookup (world->devices_by_name, name);
}

const HpRecord *
hp_world_vm (const HpWorld *world, const char *name)
{
  return g_hash_table_lookup (world->vms_by_name, name);
}

gboolean
hp_world_check_vm (const HpWorld *world, const char *name, GError **error)
{
  if (!name || hp_world_vm (world, name))
    return TRUE;
  g_set_error (error, HP_ERROR, HP_ERROR_NO_SUCH_VIRTUAL_MACHINE, "no virtual machine is called \"%s\"", name);
  return FALSE;
}

const HpRecord *
hp_world_port (const HpWorld *world, const char *id)
{
  return g_hash_table_lookup (world->ports_by_id, id);
}

const HpRecord *
hp_world_device_in (const HpWorld *world, const HpRecord *port)
{
  g_autofree const char **names = hp_record_strv (port, "Devices");
  const HpRecord *best = NULL;

  for (gsize i = 0; names[i]; i++)
    {
      const HpRecord *device = hp_world_device (world, names[i]);

      if (device && (!best || hp_record_uint (device, "Speed") > hp_record_uint (best, "Speed")))
        best = device;
    }
  return best;
}

const HpRecord *
hp_records_find_path (GPtrArray *records, const char *path)
{
  for (guint i = 0; i < records->len; i++)
    {
      const HpRecord *record = g_ptr_array_index (records, i);

      if (g_str_equal (record->path, path))
        return record;
    }
  return NULL;
}

/* "usb3-port1" -> "3-1", "3-1-port4" -> "3-1.4"; else NULL. (transfer full) */
static char *
kernel_name_of_directory (const char *text)
{
  const char *port = strstr (text, "-port");

  if (!port || port[5] == '\0' || strspn (port + 5, "0123456789") != strlen (port + 5))
    return NULL;
  if (g_str_has_prefix (text, "usb"))
    return g_strdup_printf ("%.*s-%s", (int)(port - text - 3), text + 3, port + 5);
  return g_strdup_printf ("%.*s.%s", (int)(port - text), text, port + 5);
}

/* Whether @id is the stable name "…-usbv2-…" of what udev calls "…-usb-…". */
static gboolean
is_id_path_of (const char *text, const char *id)
{
  const char *mark = strstr (id, "-usbv");
  gsize head;

  if (!mark || strlen (mark) < 6)
    return FALSE;
  head = (gsize)(mark - id) + strlen ("-usb");
  return strncmp (text, id, head) == 0 && g_str_equal (text + head, mark + strlen ("-usbvN"));
}

static gboolean
is_port_named (const HpRecord *port, const char *name)
{
  return g_str_equal (hp_record_string (port, "Usb2"), name) || g_str_equal (hp_record_string (port, "Usb3"), name)
         || g_str_equal (hp_record_string (port, "Id"), name) || is_id_path_of (name, hp_record_string (port, "Id"));
}

const HpRecord *
hp_world_match_port (const HpWorld *world, const char *text)
{
  const char *slash = strrchr (text, '/');
  const char *last = slash ? slash + 1 : text;
  g_autofree char *kernel = kernel_name_of_directory (last);
  const char *name = kernel ? kernel : last;

  if (*name == '\0')
    return NULL;
  for (guint i = 0; i < world->ports->len; i++)
    {
      const HpRecord *port = g_ptr_array_index (world->ports, i);

      if (g_str_equal (port->path, text) || is_port_named (port, name))
        return port;
    }
  return NULL;
}

const HpRecord *
hp_world_match_device (const HpWorld *world, const char *text, GError **error)
{
  const HpRecord *found = hp_world_device (world, text);
  guint vendor, product;
  int length = 0;

  if (!found)
    found = hp_records_find_path (world->devices, text);
  if (found || strlen (text) != 9 || sscanf (text, "%4x:%4x%n", &vendor, &product, &length) != 2 || length != 9)
    return found;
  for (guint i = 0; i < world->devices->len; i++)
    {
      const HpRecord *device = g_ptr_array_index (world->devices, i);

      if (hp_record_uint (device, "VendorId") != vendor || hp_record_uint (device, "ProductId") != product)
        continue;
      if (found)
        {
          g_set_error (error, HP_ERROR, HP_ERROR_AMBIGUOUS_DEVICE, "\"%s\" fits %s and %s: name one of these instead",
                       text, hp_record_string (found, "Name"), hp_record_string (device, "Name"));
          return NULL;
        }
      found = device;
    }
  return found;
}
