/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/output.h"
#include "client/verbs.h"
#include "client/world.h"
#include "dbus/generated.h"

/*
 * attach and detach: one device, until it is pulled out.
 */

static char *
attach_sentence (const HpRecord *device)
{
  g_autofree char *description = hp_device_description (device);
  const char *vm = hp_record_string (device, "VirtualMachine");
  const char *bus = hp_record_string (device, "GuestBus");
  g_autofree char *place = *bus ? g_strdup_printf (" (%s port %u)", bus, hp_record_uint (device, "GuestPort")) : NULL;

  return g_strdup_printf ("%s \"%s\" is attached to %s%s until it is pulled out", hp_record_string (device, "Name"),
                          description, vm, place ? place : "");
}

static char *
detach_sentence (const HpWorld *world, const HpRecord *device)
{
  g_autofree char *description = hp_device_description (device);
  const HpRecord *port = hp_world_port (world, hp_record_string (device, "Port"));
  g_autofree char *owner = port ? hp_port_owner (port) : g_strdup ("");
  g_autofree const char **vms = port ? hp_record_strv (port, "VirtualMachines") : NULL;

  if (vms && vms[0])
    return g_strdup_printf ("%s \"%s\" is the host's until it is pulled out; the port stays assigned to %s",
                            hp_record_string (device, "Name"), description, owner);
  return g_strdup_printf ("%s \"%s\" is the host's", hp_record_string (device, "Name"), description);
}

/* Calls @method, which answers with the device's object, and tells how it stands now. */
static gboolean
change (HpContext *context, const char *method, GVariant *arguments, gboolean attach, GError **error)
{
  g_autoptr (GVariant) reply = hp_client_call (context->client, HP_CALL_CHANGE, method, arguments, "(o)", error);
  g_autoptr (GError) ignored = NULL;
  g_autoptr (HpWorld) world = NULL;
  g_autoptr (HpRecord) bare = NULL;
  const HpRecord *device = NULL;
  g_autofree char *sentence = NULL;
  const char *path;

  if (!reply)
    return FALSE;
  g_variant_get (reply, "(&o)", &path);
  world = hp_world_load (context->client, HP_WORLD_PORTS | HP_WORLD_DEVICES, &ignored);
  device = world ? hp_records_find_path (world->devices, path) : NULL;
  if (hp_output_is_json (context))
    {
      /* Pulled out in the meantime: its path is all there is to tell. */
      bare = hp_record_new (path, g_variant_new ("a{sv}", NULL));
      return hp_output_json (context, hp_json_from_record (device ? device : bare, hp_dbus_device_interface_info ()),
                             error);
    }
  if (!device)
    return hp_output_sentence (context, attach ? "attached, and gone again" : "detached, and gone", error);
  sentence = attach ? attach_sentence (device) : detach_sentence (world, device);
  return hp_output_sentence (context, sentence, error);
}

gboolean
hp_verb_attach (HpContext *context, char **arguments, GError **error)
{
  return change (context, "AttachDevice", g_variant_new ("(ssa{sv})", arguments[0], arguments[1], NULL), TRUE, error);
}

gboolean
hp_verb_detach (HpContext *context, char **arguments, GError **error)
{
  return change (context, "DetachDevice", g_variant_new ("(sa{sv})", arguments[0], NULL), FALSE, error);
}
