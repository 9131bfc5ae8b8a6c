/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/output.h"
#include "client/verbs.h"
#include "client/world.h"
#include "dbus/generated.h"

/* Port names as people know them: of a port that is there its kernel name, which is the device's own. */
static const char *
port_name (const HpWorld *world, const HpRecord *device)
{
  const char *id = hp_record_string (device, "Port");
  const HpRecord *port = hp_world_port (world, id);

  return port ? hp_port_short_name (port) : id;
}

/* Why a device is not where it should be follows its state. */
static gboolean
needs_reason (const char *state)
{
  static const char *const states[] = { "failed", "waiting", "held-back", NULL };

  return g_strv_contains (states, state);
}

static gboolean
print_table (HpContext *context, const HpWorld *world, GPtrArray *devices, GError **error)
{
  static const HpColumn columns[] = {
    { "NAME", 0, FALSE }, { "DEVICE", 12, FALSE }, { "CLASS", 0, FALSE }, { "SPEED", 0, FALSE },
    { "PORT", 0, FALSE }, { "VM", 8, FALSE },      { "STATE", 0, TRUE },  { "REASON", 20, FALSE },
  };
  g_autoptr (HpTable) table = NULL;
  gboolean reasons = FALSE;

  for (guint i = 0; i < devices->len; i++)
    reasons = reasons || needs_reason (hp_record_string (g_ptr_array_index (devices, i), "State"));
  /* The last column is there only where somebody needs it. */
  table = hp_table_new (columns, G_N_ELEMENTS (columns) - (reasons ? 0 : 1));

  for (guint i = 0; i < devices->len; i++)
    {
      const HpRecord *device = g_ptr_array_index (devices, i);
      const char *state = hp_record_string (device, "State");
      g_autofree char *description = hp_device_description (device);
      g_autofree char *speed = hp_speed_to_string (hp_record_uint (device, "Speed"));
      const char *cells[] = {
        hp_record_string (device, "Name"),
        description,
        hp_record_string (device, "Class"),
        speed,
        port_name (world, device),
        hp_record_string (device, "VirtualMachine"),
        state,
        needs_reason (state) ? hp_record_string (device, "Message") : NULL,
      };

      hp_table_add (table, cells);
    }
  return hp_output_table (context, table, error);
}

gboolean
hp_verb_devices (HpContext *context, char **arguments, GError **error)
{
  const HpOptions *options = &context->options;
  HpWorldParts parts =
      HP_WORLD_DEVICES | (hp_output_is_json (context) ? 0 : HP_WORLD_PORTS) | (options->vm ? HP_WORLD_VMS : 0);
  g_autoptr (HpWorld) world = hp_world_load (context->client, parts, error);
  g_autoptr (GPtrArray) wanted = g_ptr_array_new ();

  if (!world || !hp_world_check_vm (world, options->vm, error))
    return FALSE;
  for (guint i = 0; i < world->devices->len; i++)
    {
      HpRecord *device = g_ptr_array_index (world->devices, i);

      if (!options->vm || g_str_equal (hp_record_string (device, "VirtualMachine"), options->vm))
        g_ptr_array_add (wanted, device);
    }

  if (hp_output_is_json (context))
    return hp_output_json (context, hp_json_from_records (wanted, hp_dbus_device_interface_info ()), error);
  if (wanted->len == 0)
    hp_output_note (context,
                    options->vm ? "nothing that is plugged in is that virtual machine's" : "nothing is plugged in");
  return print_table (context, world, wanted, error);
}
