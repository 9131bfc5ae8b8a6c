/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/output.h"
#include "client/verbs.h"
#include "client/world.h"
#include "dbus/generated.h"
#include "dbus/names.h"

/*
 * assign and unassign: after the daemon has said yes, one sentence of what is now, and of what happens next.
 */

/* What becomes of the device that is in a port of a machine that runs. */
static char *
next_for_device (const HpRecord *device)
{
  g_autofree char *description = hp_device_description (device);
  const char *state = hp_record_string (device, "State");
  const char *message = hp_record_string (device, "Message");

  if (hp_record_bool (device, "Hub"))
    return g_strdup_printf ("what is behind \"%s\" goes there", description);
  if (g_str_equal (state, "attached"))
    return g_strdup_printf ("\"%s\" is there now", description);
  if ((g_str_equal (state, "failed") || g_str_equal (state, "held-back")) && *message)
    return g_strdup_printf ("\"%s\" is not there: %s", description, message);
  return g_strdup_printf ("\"%s\" goes there now", description);
}

static char *
next_for_port (const HpWorld *world, const HpRecord *port, const char *vm_name)
{
  const HpRecord *vm = hp_world_vm (world, vm_name);
  const HpRecord *device = hp_world_device_in (world, port);
  const char *state = vm ? hp_record_string (vm, "State") : "unknown";
  const char *message = vm ? hp_record_string (vm, "Message") : "";

  if (!hp_record_bool (port, "Present"))
    return g_strdup ("the port is not there now");
  if (!g_str_equal (state, "online"))
    return g_strdup_printf ("%s is %s%s%s", vm_name, state, *message ? ": " : "", message);
  if (device)
    return next_for_device (device);
  return g_strdup ("what is plugged in from now on goes there");
}

static char *
assign_sentence (const HpWorld *world, const HpRecord *port, const char *vm)
{
  g_autofree char *name = hp_port_full_name (port);
  g_autofree char *next = NULL;

  if (g_str_equal (vm, HP_HOST))
    return g_strdup_printf ("%s is kept for the host", name);
  next = next_for_port (world, port, vm);
  return g_strdup_printf ("%s is assigned to %s; %s", name, vm, next);
}

static char *
unassign_sentence (const HpWorld *world, const HpRecord *port)
{
  g_autofree char *name = hp_port_full_name (port);
  g_autofree const char **vms = hp_record_strv (port, "VirtualMachines");
  const HpRecord *device = hp_world_device_in (world, port);
  g_autofree char *description = device ? hp_device_description (device) : NULL;
  g_autofree char *owner = hp_port_owner (port);

  if (vms[0])
    return g_strdup_printf ("%s is assigned to %s (%s)", name, owner, hp_record_string (port, "Origin"));
  if (device && !hp_record_bool (device, "Hub"))
    return g_strdup_printf ("%s is the host's; \"%s\" comes back to the host", name, description);
  return g_strdup_printf ("%s is the host's", name);
}

/* Calls @method, which answers with a port's stable name. */
static char *
change (HpContext *context, const char *method, GVariant *arguments, GError **error)
{
  g_autoptr (GVariant) reply = hp_client_call (context->client, HP_CALL_CHANGE, method, arguments, "(s)", error);
  char *id = NULL;

  if (reply)
    g_variant_get (reply, "(s)", &id);
  return id;
}

static gboolean
print_json (HpContext *context, const HpRecord *port, GError **error)
{
  return hp_output_json (context, hp_json_from_record (port, hp_dbus_port_interface_info ()), error);
}

/*
 * Looks at the port again and tells. That the change is done is certain by now: where the daemon does not answer any
 * more, or the port is gone, only its name is told.
 */
static gboolean
tell (HpContext *context, const char *id, const char *vm, GError **error)
{
  g_autoptr (GError) ignored = NULL;
  g_autoptr (HpWorld) world = hp_world_load (context->client, HP_WORLD_ALL, &ignored);
  const HpRecord *port = world ? hp_world_port (world, id) : NULL;
  g_autofree char *sentence = NULL;

  if (!port)
    {
      g_autoptr (HpRecord) bare =
          hp_record_new (HP_OBJECT_ROOT, g_variant_new_parsed ("{'Id': <%s>, 'Present': <false>}", id));

      if (hp_output_is_json (context))
        return print_json (context, bare, error);
      sentence = vm ? g_strdup_printf ("%s is assigned to %s", id, vm) : g_strdup_printf ("%s is the host's", id);
      return hp_output_sentence (context, sentence, error);
    }
  if (hp_output_is_json (context))
    return print_json (context, port, error);
  sentence = vm ? assign_sentence (world, port, vm) : unassign_sentence (world, port);
  return hp_output_sentence (context, sentence, error);
}

gboolean
hp_verb_assign (HpContext *context, char **arguments, GError **error)
{
  const char *reserve = context->options.reserve;
  g_autofree char *id = NULL;
  GVariantDict options;

  g_variant_dict_init (&options, NULL);
  if (reserve)
    g_variant_dict_insert (&options, "reserve", "s", reserve);
  id = change (context, "AssignPort",
               g_variant_new ("(ss@a{sv})", arguments[0], arguments[1], g_variant_dict_end (&options)), error);
  return id && tell (context, id, arguments[1], error);
}

gboolean
hp_verb_unassign (HpContext *context, char **arguments, GError **error)
{
  g_autofree char *id = NULL;
  GVariantDict options;

  g_variant_dict_init (&options, NULL);
  if (context->options.reset)
    g_variant_dict_insert (&options, "reset", "b", TRUE);
  id =
      change (context, "UnassignPort", g_variant_new ("(s@a{sv})", arguments[0], g_variant_dict_end (&options)), error);
  return id && tell (context, id, NULL, error);
}
