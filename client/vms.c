/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/output.h"
#include "client/verbs.h"
#include "client/world.h"
#include "dbus/generated.h"

#include <string.h>

/* One line under the table for each machine that cannot be used, as far as there is something to say. */
static char *
messages (const HpWorld *world)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < world->vms->len; i++)
    {
      const HpRecord *vm = g_ptr_array_index (world->vms, i);
      g_autofree char *name = hp_display_safe (hp_record_string (vm, "Name"));
      g_autofree char *message = hp_display_safe (hp_record_string (vm, "Message"));

      if (*message && !g_str_equal (hp_record_string (vm, "State"), "online"))
        g_string_append_printf (text, "%s%s: %s\n", text->len > 0 ? "" : "\n", name, message);
    }
  return g_string_free (text, FALSE);
}

static gboolean
print_table (HpContext *context, const HpWorld *world, GError **error)
{
  static const HpColumn columns[] = {
    { "NAME", 0, FALSE },  { "STATE", 0, TRUE },    { "QEMU", 0, FALSE },
    { "PORTS", 0, FALSE }, { "DEVICES", 0, FALSE }, { "SOCKET", 12, FALSE },
  };
  g_autoptr (HpTable) table = hp_table_new (columns, G_N_ELEMENTS (columns));
  g_autofree char *below = messages (world);

  for (guint i = 0; i < world->vms->len; i++)
    {
      const HpRecord *vm = g_ptr_array_index (world->vms, i);
      g_autofree const char **ports = hp_record_strv (vm, "Ports");
      g_autofree const char **devices = hp_record_strv (vm, "Devices");
      g_autofree char *n_ports = g_strdup_printf ("%u", g_strv_length ((char **)ports));
      g_autofree char *n_devices = g_strdup_printf ("%u", g_strv_length ((char **)devices));
      const char *cells[] = {
        hp_record_string (vm, "Name"),
        hp_record_string (vm, "State"),
        hp_record_string (vm, "QemuVersion"),
        n_ports,
        n_devices,
        hp_record_string (vm, "Socket"),
      };

      hp_table_add (table, cells);
    }
  if (!hp_output_table (context, table, error))
    return FALSE;
  /* Without the header, programs read the table: nothing but rows then. */
  return context->options.no_legend || *below == '\0' || hp_output_text (context, below, error);
}

gboolean
hp_verb_vms (HpContext *context, char **arguments, GError **error)
{
  g_autoptr (HpWorld) world = hp_world_load (context->client, HP_WORLD_VMS, error);

  if (!world)
    return FALSE;
  if (hp_output_is_json (context))
    return hp_output_json (context, hp_json_from_records (world->vms, hp_dbus_virtual_machine_interface_info ()),
                           error);
  if (world->vms->len == 0)
    hp_output_note (context, "no virtual machine is configured; hotplugger-config(5) tells how");
  return print_table (context, world, error);
}
