/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/connect.h"
#include "client/agent.h"
#include "client/errors.h"
#include "dbus/errors.h"
#include "dbus/names.h"

#include <signal.h>
#include <unistd.h>

#define READ_TIMEOUT_MS 25000
#define CHANGE_TIMEOUT_MS 120000 /* attaching does USB I/O in the machine */

struct HpClient
{
  const HpOptions *options;
  GCancellable *cancellable;
  GDBusConnection *connection;
  GSubprocess *ssh;
  HpAgent *agent; /* made for the first change */
  gboolean agent_tried;
};

static void
on_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GAsyncResult **ret_result = user_data;

  *ret_result = g_object_ref (result);
}

/* Everything waits here, with the main context running, so that signals are heard. */
static GAsyncResult *
wait_for (GAsyncResult **result)
{
  while (!*result)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

/* ssh as a word list, never through a shell; "--" keeps the host from passing for an option. */
static GDBusConnection *
open_remote (HpClient *client, GError **error)
{
  const char *argv[] = { "ssh", "-xT", "--", client->options->host, "systemd-stdio-bridge", NULL };
  g_autoptr (GIOStream) stream = NULL;
  g_autoptr (GAsyncResult) result = NULL;

  client->ssh = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, error);
  if (!client->ssh)
    return NULL;
  stream =
      g_simple_io_stream_new (g_subprocess_get_stdout_pipe (client->ssh), g_subprocess_get_stdin_pipe (client->ssh));
  g_dbus_connection_new (stream, NULL,
                         G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                         NULL, client->cancellable, on_done, &result);
  return g_dbus_connection_new_finish (wait_for (&result), error);
}

static GDBusConnection *
open_local (HpClient *client, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_bus_get (G_BUS_TYPE_SYSTEM, client->cancellable, on_done, &result);
  return g_bus_get_finish (wait_for (&result), error);
}

HpClient *
hp_client_open (const HpOptions *options, GCancellable *cancellable, GError **error)
{
  g_autoptr (HpClient) client = g_new0 (HpClient, 1);
  g_autoptr (GError) local = NULL;

  client->options = options;
  client->cancellable = cancellable;
  /* Registers the names of the errors, so that GDBus knows them. */
  (void)hp_error_quark ();
  client->connection = options->host ? open_remote (client, &local) : open_local (client, &local);
  if (client->connection)
    {
      g_dbus_connection_set_exit_on_close (client->connection, FALSE);
      return g_steal_pointer (&client);
    }
  if (g_cancellable_is_cancelled (cancellable))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "interrupted");
  else if (options->host)
    g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_NO_BUS, "reaching the bus of %s over ssh: %s", options->host,
                 local->message);
  else
    g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_NO_BUS, "reaching the system bus: %s", local->message);
  return NULL;
}

void
hp_client_free (HpClient *client)
{
  g_clear_pointer (&client->agent, hp_agent_free);
  g_clear_object (&client->connection);
  if (client->ssh)
    g_subprocess_send_signal (client->ssh, SIGTERM);
  g_clear_object (&client->ssh);
  g_free (client);
}

GDBusConnection *
hp_client_connection (HpClient *client)
{
  return client->connection;
}

/* Whether a password can be asked for. The agent of this process is of no use to another host's polkit. */
static gboolean
can_ask (HpClient *client)
{
  if (!client->agent_tried && !client->options->no_ask_password && !client->options->host && geteuid () != 0)
    client->agent = hp_agent_new (client->cancellable);
  client->agent_tried = TRUE;
  return client->agent != NULL;
}

static GVariant *
call (HpClient *client, HpCallKind kind, const char *interface, const char *method, GVariant *arguments,
      const char *reply_type, GError **error)
{
  gboolean ask = kind == HP_CALL_CHANGE && can_ask (client);
  GDBusCallFlags flags = G_DBUS_CALL_FLAGS_NO_AUTO_START;
  g_autoptr (GVariant) owned = g_variant_ref_sink (arguments);
  g_autoptr (GAsyncResult) result = NULL;
  int timeout = kind == HP_CALL_READ ? READ_TIMEOUT_MS : CHANGE_TIMEOUT_MS;

  if (ask)
    {
      /* People are slower at typing than any time-out. */
      flags |= G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION;
      timeout = G_MAXINT;
    }
  if (client->options->timeout_ms > 0)
    timeout = client->options->timeout_ms;

  g_dbus_connection_call (client->connection, HP_BUS_NAME, HP_OBJECT_ROOT, interface, method, owned,
                          G_VARIANT_TYPE (reply_type), flags, timeout, client->cancellable, on_done, &result);
  return g_dbus_connection_call_finish (client->connection, wait_for (&result), error);
}

GVariant *
hp_client_call (HpClient *client, HpCallKind kind, const char *method, GVariant *arguments, const char *reply_type,
                GError **error)
{
  return call (client, kind, HP_INTERFACE_MANAGER, method, arguments, reply_type, error);
}

GVariant *
hp_client_manager (HpClient *client, GError **error)
{
  g_autoptr (GVariant) reply = call (client, HP_CALL_READ, "org.freedesktop.DBus.Properties", "GetAll",
                                     g_variant_new ("(s)", HP_INTERFACE_MANAGER), "(a{sv})", error);

  return reply ? g_variant_get_child_value (reply, 0) : NULL;
}
