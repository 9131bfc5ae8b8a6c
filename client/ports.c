/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/output.h"
#include "client/verbs.h"
#include "client/world.h"
#include "dbus/generated.h"

static gboolean
is_wanted (const HpOptions *options, const HpRecord *port)
{
  g_autofree const char **devices = hp_record_strv (port, "Devices");
  g_autofree const char **vms = hp_record_strv (port, "VirtualMachines");

  if (options->assigned && *hp_record_string (port, "AssignedAt") == '\0')
    return FALSE;
  if (options->empty && (devices[0] || !hp_record_bool (port, "Present")))
    return FALSE;
  if (options->vm && !g_strv_contains (vms, options->vm))
    return FALSE;
  return TRUE;
}

/* What is plugged in tells its own speed; an empty port what it could. */
static char *
port_speed (const HpRecord *port, const HpRecord *device)
{
  if (device && hp_record_uint (device, "Speed") > 0)
    return hp_speed_to_string (hp_record_uint (device, "Speed"));
  if (*hp_record_string (port, "Usb3"))
    return g_strdup ("USB 3");
  return g_strdup (*hp_record_string (port, "Usb2") ? "USB 2" : "");
}

static gboolean
print_table (HpContext *context, const HpWorld *world, GPtrArray *ports, GError **error)
{
  static const HpColumn columns[] = {
    { "PORT", 0, FALSE },    { "ID", 16, FALSE }, { "SPEED", 0, FALSE },
    { "DEVICE", 12, FALSE }, { "VM", 8, FALSE },  { "STATE", 0, TRUE },
  };
  g_autoptr (HpTable) table = hp_table_new (columns, G_N_ELEMENTS (columns));

  for (guint i = 0; i < ports->len; i++)
    {
      const HpRecord *port = g_ptr_array_index (ports, i);
      const HpRecord *device = hp_world_device_in (world, port);
      g_autofree char *speed = port_speed (port, device);
      g_autofree char *description = device ? hp_device_description (device) : NULL;
      g_autofree char *owner = hp_port_owner (port);
      const char *cells[] = {
        hp_port_short_name (port),        hp_record_string (port, "Id"), speed, description, owner,
        hp_record_string (port, "State"),
      };

      hp_table_add (table, cells);
    }
  return hp_output_table (context, table, error);
}

gboolean
hp_verb_ports (HpContext *context, char **arguments, GError **error)
{
  const HpOptions *options = &context->options;
  HpWorldParts parts =
      HP_WORLD_PORTS | (hp_output_is_json (context) ? 0 : HP_WORLD_DEVICES) | (options->vm ? HP_WORLD_VMS : 0);
  g_autoptr (HpWorld) world = hp_world_load (context->client, parts, error);
  g_autoptr (GPtrArray) wanted = g_ptr_array_new ();

  if (!world || !hp_world_check_vm (world, options->vm, error))
    return FALSE;
  for (guint i = 0; i < world->ports->len; i++)
    if (is_wanted (options, g_ptr_array_index (world->ports, i)))
      g_ptr_array_add (wanted, g_ptr_array_index (world->ports, i));

  if (hp_output_is_json (context))
    return hp_output_json (context, hp_json_from_records (wanted, hp_dbus_port_interface_info ()), error);
  if (wanted->len == 0)
    hp_output_note (context, world->ports->len > 0 ? "no port is like that" : "this machine has no USB ports");
  return print_table (context, world, wanted, error);
}
