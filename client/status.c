/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/output.h"
#include "client/verbs.h"
#include "client/world.h"
#include "dbus/generated.h"

#include <string.h>

/*
 * The overview: is the daemon well, which machines are there, which ports are whose, and what to do next.
 */

static const char *
manager_string (GVariant *manager, const char *property)
{
  const char *value = "";

  g_variant_lookup (manager, property, "&s", &value);
  return value;
}

/* Own assignments, and what is plugged in where one of a port above holds. */
static gboolean
is_shown (const HpRecord *port)
{
  const char *at = hp_record_string (port, "AssignedAt");
  g_autofree const char **devices = hp_record_strv (port, "Devices");

  return *at && (g_str_equal (at, hp_record_string (port, "Id")) || devices[0]);
}

static GPtrArray *
assigned_ports (const HpWorld *world)
{
  GPtrArray *ports = g_ptr_array_new ();

  for (guint i = 0; i < world->ports->len; i++)
    if (is_shown (g_ptr_array_index (world->ports, i)))
      g_ptr_array_add (ports, g_ptr_array_index (world->ports, i));
  return ports;
}

static gboolean
print_json (HpContext *context, GVariant *manager, const HpWorld *world, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (GPtrArray) ports = assigned_ports (world);

  json_builder_begin_object (builder);
  for (GDBusPropertyInfo **property = hp_dbus_manager_interface_info ()->properties; *property; property++)
    {
      g_autofree char *key = hp_json_key ((*property)->name);

      hp_json_add_string (builder, key, manager_string (manager, (*property)->name));
    }
  json_builder_set_member_name (builder, "virtual_machines");
  hp_json_add_records (builder, world->vms, hp_dbus_virtual_machine_interface_info ());
  json_builder_set_member_name (builder, "assigned_ports");
  hp_json_add_records (builder, ports, hp_dbus_port_interface_info ());
  json_builder_set_member_name (builder, "devices");
  hp_json_add_records (builder, world->devices, hp_dbus_device_interface_info ());
  json_builder_end_object (builder);
  return hp_output_json (context, json_builder_get_root (builder), error);
}

/* "Configuration: …" with what is wrong on a line of its own. */
static void
append_health (GString *text, const HpStream *out, GVariant *manager)
{
  g_autofree char *version = hp_display_safe (manager_string (manager, "Version"));
  g_autofree char *file = hp_display_safe (manager_string (manager, "ConfigFile"));
  g_autofree char *config_error = hp_display_safe (manager_string (manager, "ConfigError"));
  g_autofree char *state_error = hp_display_safe (manager_string (manager, "StateError"));
  g_autofree char *good = hp_paint (out->color, HP_PAINT_GOOD, "ok");
  g_autofree char *bad = hp_paint (out->color, HP_PAINT_BAD, "not taken");

  g_string_append_printf (text, "hotplugd %s is running\n", version);
  g_string_append_printf (text, "Configuration: %s: %s\n", file, *config_error ? bad : good);
  if (*config_error)
    {
      g_autofree char *painted = hp_paint (out->color, HP_PAINT_BAD, config_error);

      g_string_append_printf (text, "  %s\n", painted);
    }
  if (*state_error)
    {
      g_autofree char *painted = hp_paint (out->color, HP_PAINT_BAD, state_error);

      g_string_append_printf (text, "Run-time choices: %s\n", painted);
    }
}

static void
append_table (GString *text, HpContext *context, const char *title, const HpTable *table)
{
  const HpStream *out = &context->terminal.out;
  g_autofree char *formatted = hp_table_format (table, !context->options.no_legend, out->width, out->color);

  if (hp_table_rows (table) > 0)
    g_string_append_printf (text, "\n%s:\n%s", title, formatted);
}

static void
append_vms (GString *text, HpContext *context, const HpWorld *world)
{
  static const HpColumn columns[] = {
    { "NAME", 8, FALSE }, { "STATE", 0, TRUE }, { "QEMU", 0, FALSE }, { "DEVICES", 12, FALSE }
  };
  g_autoptr (HpTable) table = hp_table_new (columns, G_N_ELEMENTS (columns));

  for (guint i = 0; i < world->vms->len; i++)
    {
      const HpRecord *vm = g_ptr_array_index (world->vms, i);
      g_autofree const char **names = hp_record_strv (vm, "Devices");
      g_autoptr (GString) devices = g_string_new (NULL);

      for (gsize d = 0; names[d]; d++)
        {
          const HpRecord *device = hp_world_device (world, names[d]);
          g_autofree char *description = device ? hp_device_description (device) : g_strdup (names[d]);

          g_string_append_printf (devices, "%s%s", d > 0 ? ", " : "", description);
        }
      hp_table_add (table, (const char *const[]){ hp_record_string (vm, "Name"), hp_record_string (vm, "State"),
                                                  hp_record_string (vm, "QemuVersion"), devices->str });
    }
  append_table (text, context, "Virtual machines", table);
}

static void
append_ports (GString *text, HpContext *context, const HpWorld *world, GPtrArray *ports)
{
  static const HpColumn columns[] = {
    { "PORT", 16, FALSE }, { "DEVICE", 12, FALSE }, { "VM", 8, FALSE }, { "STATE", 0, TRUE }
  };
  g_autoptr (HpTable) table = hp_table_new (columns, G_N_ELEMENTS (columns));

  for (guint i = 0; i < ports->len; i++)
    {
      const HpRecord *port = g_ptr_array_index (ports, i);
      const HpRecord *device = hp_world_device_in (world, port);
      g_autofree char *description = device ? hp_device_description (device) : NULL;
      g_autofree char *owner = hp_port_owner (port);
      /* The state of what is plugged in says more than that of its port; a hub has none to speak of. */
      const HpRecord *teller = device && !hp_record_bool (device, "Hub") ? device : port;

      hp_table_add (table, (const char *const[]){ hp_port_short_name (port), description, owner,
                                                  hp_record_string (teller, "State") });
    }
  append_table (text, context, "Assigned ports", table);
}

/* What is wrong, one line each: machines that cannot be used while ports wait for them, devices that failed. */
static void
append_troubles (GString *text, const HpWorld *world)
{
  gsize start = text->len;

  for (guint i = 0; i < world->vms->len; i++)
    {
      const HpRecord *vm = g_ptr_array_index (world->vms, i);
      g_autofree const char **ports = hp_record_strv (vm, "Ports");
      g_autofree char *name = hp_display_safe (hp_record_string (vm, "Name"));
      g_autofree char *message = hp_display_safe (hp_record_string (vm, "Message"));

      if (ports[0] && *message && !g_str_equal (hp_record_string (vm, "State"), "online"))
        g_string_append_printf (text, "%s%s: %s\n", text->len > start ? "" : "\n", name, message);
    }
  for (guint i = 0; i < world->devices->len; i++)
    {
      const HpRecord *device = g_ptr_array_index (world->devices, i);
      g_autofree char *name = hp_display_safe (hp_record_string (device, "Name"));
      g_autofree char *message = hp_display_safe (hp_record_string (device, "Message"));

      if (*message && g_str_equal (hp_record_string (device, "State"), "failed"))
        g_string_append_printf (text, "%s%s: %s\n", text->len > start ? "" : "\n", name, message);
    }
}

/* A name as it can be typed into a shell. */
static char *
shell_word (const char *name)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

  return *name && name[strspn (name, plain)] == '\0' ? g_strdup (name) : g_shell_quote (name);
}

static void
append_hints (GString *text, GVariant *manager, const HpWorld *world, GPtrArray *ports)
{
  const char *file = manager_string (manager, "ConfigFile");
  g_autofree char *safe_file = hp_display_safe (*file ? file : "/etc/hotplugger/config.yaml");

  if (*manager_string (manager, "ConfigError"))
    g_string_append (text, "\nMend the configuration, then: hotplugctl reload\n");
  else if (world->vms->len == 0)
    g_string_append_printf (text,
                            "\nNo virtual machine is configured. Name one and its QMP socket in %s\n"
                            "(hotplugger-config(5) tells how), then: hotplugctl reload\n",
                            safe_file);
  else if (ports->len == 0)
    {
      g_autofree char *name = hp_display_safe (hp_record_string (g_ptr_array_index (world->vms, 0), "Name"));
      g_autofree char *word = shell_word (name);

      g_autofree char *command = g_strdup_printf ("hotplugctl assign PORT %s", word);
      int width = (int)MIN (strlen (command), 60);

      g_string_append_printf (text,
                              "\nNo port is assigned.\n  %-*s  lists them\n  %s  gives one to a virtual machine\n",
                              width, "hotplugctl ports", command);
    }
}

gboolean
hp_verb_status (HpContext *context, char **arguments, GError **error)
{
  g_autoptr (GVariant) manager = hp_client_manager (context->client, error);
  g_autoptr (HpWorld) world = manager ? hp_world_load (context->client, HP_WORLD_ALL, error) : NULL;
  g_autoptr (GPtrArray) ports = NULL;
  g_autoptr (GString) text = g_string_new (NULL);

  if (!world)
    return FALSE;
  if (hp_output_is_json (context))
    return print_json (context, manager, world, error);

  ports = assigned_ports (world);
  append_health (text, &context->terminal.out, manager);
  append_vms (text, context, world);
  append_ports (text, context, world, ports);
  append_troubles (text, world);
  if (!context->options.quiet)
    append_hints (text, manager, world, ports);
  return hp_output_text (context, text->str, error);
}
