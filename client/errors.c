/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/errors.h"
#include "client/json.h"
#include "dbus/errors.h"
#include "dbus/names.h"

#include <string.h>

G_DEFINE_QUARK (hotplugctl - error - quark, hp_client_error)

#define FREEDESKTOP_PREFIX "org.freedesktop.DBus.Error."

#define HINT_START "start it with: systemctl start hotplugd"
#define HINT_PASSWORD "run it on a terminal and without --no-ask-password"
#define HINT_VERSIONS "hotplugctl and hotplugd may be of different versions: hotplugctl version"

/* What there is to say about an error that came over the bus, by its name. */
typedef struct
{
  const char *name;
  int exit_code;
  const char *hint;
  const char *said_by; /* (nullable): words by which a message says the same already; then there is no hint */
} Remote;

static const Remote own_errors[] = {
  { "NoSuchPort", HP_EXIT_NOT_FOUND, "hotplugctl ports lists all ports", "hotplugctl ports" },
  { "AmbiguousPort", HP_EXIT_FAILED, "take one of the names that hotplugctl ports lists", "hotplugctl ports" },
  { "NoSuchDevice", HP_EXIT_NOT_FOUND, "hotplugctl devices lists what is plugged in", "hotplugctl devices" },
  { "AmbiguousDevice", HP_EXIT_FAILED, "take one of the names that hotplugctl devices lists", "name one of these" },
  { "NoSuchVirtualMachine", HP_EXIT_NOT_FOUND,
    "hotplugctl vms lists the virtual machines; hotplugger-config(5) tells how to add one", "hotplugctl vms" },
  { "HubNotSupported", HP_EXIT_FAILED, "assign the port that the hub is in: all that is behind it goes along",
    "assign its port" },
  { "VirtualMachineNotRunning", HP_EXIT_FAILED, "hotplugctl explain tells what keeps it", "hotplugctl explain" },
  { "NotAttached", HP_EXIT_FAILED, "hotplugctl devices tells who has which device", "hotplugctl devices" },
  { "QemuFailed", HP_EXIT_FAILED, NULL, NULL },
  { "ConfigInvalid", HP_EXIT_FAILED, "the configuration that was in force still is; see hotplugger-config(5)", NULL },
  { "StateNotSaved", HP_EXIT_FAILED, "is there room on the disk of /var/lib/hotplugger?", NULL },
  { "Failed", HP_EXIT_FAILED, NULL, NULL },
};

static const Remote standard_errors[] = {
  { "AccessDenied", HP_EXIT_DENIED, NULL, NULL },
  { "AuthFailed", HP_EXIT_DENIED, NULL, NULL },
  { "InteractiveAuthorizationRequired", HP_EXIT_DENIED, HINT_PASSWORD, "on a terminal" },
  { "InvalidArgs", HP_EXIT_USAGE, NULL, NULL },
  { "ServiceUnknown", HP_EXIT_NOT_RUNNING, HINT_START, NULL },
  { "NameHasNoOwner", HP_EXIT_NOT_RUNNING, HINT_START, NULL },
  { "NoReply", HP_EXIT_NOT_RUNNING, "the journal tells why: journalctl -u hotplugd", NULL },
  { "Disconnected", HP_EXIT_NOT_RUNNING, NULL, NULL },
  { "Timeout", HP_EXIT_TIMEOUT, NULL, NULL },
  { "TimedOut", HP_EXIT_TIMEOUT, NULL, NULL },
  { "UnknownMethod", HP_EXIT_FAILED, HINT_VERSIONS, NULL },
  { "UnknownInterface", HP_EXIT_FAILED, HINT_VERSIONS, NULL },
  { "UnknownObject", HP_EXIT_FAILED, HINT_VERSIONS, NULL },
  { "LimitsExceeded", HP_EXIT_FAILED, "try again in a moment", NULL },
};

static const Remote *
find_remote (const Remote *table, gsize n, const char *name)
{
  for (gsize i = 0; i < n; i++)
    if (g_str_equal (table[i].name, name))
      return &table[i];
  return NULL;
}

/* Fills in what came over the bus. A name that nobody here knows keeps its last part: still something to search for. */
static void
fill_remote (HpFailure *failure, const char *remote_name)
{
  const Remote *remote = NULL;
  const char *name = strrchr (remote_name, '.');

  name = name ? name + 1 : remote_name;
  if (g_str_has_prefix (remote_name, HP_BUS_NAME ".Error."))
    remote = find_remote (own_errors, G_N_ELEMENTS (own_errors), name);
  else if (g_str_has_prefix (remote_name, FREEDESKTOP_PREFIX))
    remote = find_remote (standard_errors, G_N_ELEMENTS (standard_errors), name);

  failure->name = g_strdup (name);
  failure->exit_code = remote ? remote->exit_code : HP_EXIT_FAILED;
  if (remote && !(remote->said_by && strstr (failure->message, remote->said_by)))
    failure->hint = remote->hint;
  if (failure->exit_code == HP_EXIT_NOT_RUNNING)
    {
      gboolean lost = g_str_equal (name, "NoReply") || g_str_equal (name, "Disconnected");

      g_free (failure->name);
      failure->name = g_strdup ("NotRunning");
      g_free (failure->message);
      failure->message = g_strdup (lost ? "hotplugd went away before it answered" : "hotplugd is not running");
    }
}

static void
fill_client (HpFailure *failure, HpClientError code)
{
  static const struct
  {
    const char *name;
    int exit_code;
    const char *hint;
  } table[] = {
    [HP_CLIENT_ERROR_USAGE] = { "Usage", HP_EXIT_USAGE, NULL },
    [HP_CLIENT_ERROR_NOT_RUNNING] = { "NotRunning", HP_EXIT_NOT_RUNNING, HINT_START },
    [HP_CLIENT_ERROR_NO_BUS] = { "NoBus", HP_EXIT_NOT_RUNNING, NULL },
    [HP_CLIENT_ERROR_NOT_FOUND] = { "NotFound", HP_EXIT_NOT_FOUND,
                                    "hotplugctl ports, devices and vms list what there is" },
    [HP_CLIENT_ERROR_PROTOCOL] = { "Protocol", HP_EXIT_FAILED, HINT_VERSIONS },
    [HP_CLIENT_ERROR_OUTPUT] = { "Output", HP_EXIT_FAILED, NULL },
    [HP_CLIENT_ERROR_OUTPUT_GONE] = { "Output", HP_EXIT_FAILED, NULL },
  };

  failure->name = g_strdup (table[code].name);
  failure->exit_code = table[code].exit_code;
  failure->hint = table[code].hint;
}

/*
 * An error that was set here by the name that the daemon would give it: `ports --vm NAME` knows as well as the daemon
 * that there is no such machine.
 */
static char *
local_remote_name (const GError *error)
{
  g_autoptr (GError) plain = NULL;
  g_autofree char *encoded = NULL;

  if (error->domain != HP_ERROR)
    return NULL;
  plain = g_error_new_literal (error->domain, error->code, "");
  encoded = g_dbus_error_encode_gerror (plain);
  return g_steal_pointer (&encoded);
}

HpFailure *
hp_failure_new (const GError *error)
{
  HpFailure *failure = g_new0 (HpFailure, 1);
  g_autoptr (GError) stripped = g_error_copy (error);
  g_autofree char *remote_name = g_dbus_error_get_remote_error (error);

  if (!remote_name)
    remote_name = local_remote_name (error);
  g_dbus_error_strip_remote_error (stripped);
  failure->message = g_strdup (stripped->message);
  failure->exit_code = HP_EXIT_FAILED;

  if (remote_name)
    fill_remote (failure, remote_name);
  else if (error->domain == HP_CLIENT_ERROR)
    fill_client (failure, (HpClientError)error->code);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    {
      failure->exit_code = HP_EXIT_TIMEOUT;
      failure->name = g_strdup ("Timeout");
      g_free (failure->message);
      failure->message = g_strdup ("hotplugd did not answer in time");
      failure->hint = "what was asked for may still be done; --timeout=SECONDS waits longer";
    }
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      failure->exit_code = HP_EXIT_INTERRUPTED;
      failure->name = g_strdup ("Interrupted");
    }
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED))
    {
      failure->exit_code = HP_EXIT_NOT_RUNNING;
      failure->name = g_strdup ("NoBus");
      g_free (failure->message);
      failure->message = g_strdup ("the connection to the bus was lost");
    }
  if (!failure->name)
    failure->name = g_strdup ("Failed");
  return failure;
}

void
hp_failure_free (HpFailure *failure)
{
  g_free (failure->name);
  g_free (failure->message);
  g_free (failure);
}

char *
hp_failure_to_json (const HpFailure *failure)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "error");
  json_builder_begin_object (builder);
  hp_json_add_string (builder, "code", failure->name);
  hp_json_add_string (builder, "message", failure->message);
  hp_json_add_string (builder, "hint", failure->hint);
  json_builder_end_object (builder);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return hp_json_text (root, FALSE);
}
