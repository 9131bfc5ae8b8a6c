/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon.h"

#include "bus.h"
#include "log.h"

#include "dbus/names.h"

#include <glib-unix.h>
#include <stdlib.h>

typedef struct
{
  const HpDaemonOptions *options;
  GMainLoop *loop;
  GCancellable *cancellable; /* of what starting waits for */
  HpServiceManager *manager;
  GDBusConnection *connection;
  HpEngine *engine; /* NULL until it is known that no other daemon runs */
  HpAuthority *authority;
  HpBus *bus;
  gboolean ready;
  gboolean stopping;
  gboolean reloading;
  gboolean reload_again;
  int status;
} HpDaemon;

static void
quit (HpDaemon *daemon, int status)
{
  daemon->status = status;
  g_cancellable_cancel (daemon->cancellable);
  g_main_loop_quit (daemon->loop);
}

/*
 * Ends without handing anything back: where another daemon has the name the world is its, and where the bus is gone the
 * machines keep their devices until the next run takes them over, as after a crash.
 */
static void
fail (HpDaemon *daemon, const char *problem)
{
  hp_warn (NULL, "hotplugd ends: %s", problem);
  quit (daemon, EXIT_FAILURE);
}

static void
on_owned (gpointer user_data)
{
  HpDaemon *daemon = user_data;

  daemon->ready = TRUE;
  hp_service_manager_ready (daemon->manager);
  hp_notice (NULL, "ready: configuration %s, state in %s", daemon->options->config_path,
             daemon->options->state_directory);
}

static void
on_lost (const char *problem, gpointer user_data)
{
  fail (user_data, problem);
}

static void
on_status (const char *line, gpointer user_data)
{
  HpDaemon *daemon = user_data;
  const char *problem = hp_engine_config_error (daemon->engine);
  g_autofree char *text = NULL;

  if (*problem == '\0')
    problem = hp_engine_state_error (daemon->engine);
  text = *problem == '\0' ? g_strdup (line) : g_strdup_printf ("%s; %s", line, problem);
  hp_service_manager_status (daemon->manager, text);
}

static const HpBusEvents bus_events = { on_owned, on_lost, on_status };

static void
start (HpDaemon *daemon)
{
  g_autofree char *state = g_build_filename (daemon->options->state_directory, "state.json", NULL);
  g_autoptr (GError) error = NULL;

  daemon->engine = hp_engine_new (daemon->options->config_path, state, daemon->manager);
  hp_engine_start (daemon->engine);
  daemon->authority = hp_authority_new (daemon->connection);
  daemon->bus = hp_bus_new (daemon->connection, daemon->engine, daemon->authority, &bus_events, daemon, &error);
  if (!daemon->bus)
    fail (daemon, error->message);
}

/* Two engines would take each other's devices for leftovers of their own: asked before anything is touched. */
static void
on_name_asked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  HpDaemon *daemon = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  gboolean owned = FALSE;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (!reply)
    {
      g_prefix_error (&error, "cannot ask the system bus whether another hotplugd runs: ");
      fail (daemon, error->message);
      return;
    }
  g_variant_get (reply, "(b)", &owned);
  if (owned)
    fail (daemon, "another hotplugd runs: it has the name " HP_BUS_NAME " on the system bus");
  else
    start (daemon);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  HpDaemon *daemon = user_data;
  g_autoptr (GError) error = NULL;

  daemon->connection = g_bus_get_finish (result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (!daemon->connection)
    {
      g_prefix_error (&error, "cannot reach the system bus: ");
      fail (daemon, error->message);
      return;
    }
  /* We end by ourselves, with a word about it. */
  g_dbus_connection_set_exit_on_close (daemon->connection, FALSE);
  g_dbus_connection_call (daemon->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                          "NameHasOwner", g_variant_new ("(s)", HP_BUS_NAME), G_VARIANT_TYPE ("(b)"),
                          G_DBUS_CALL_FLAGS_NONE, -1, daemon->cancellable, on_name_asked, daemon);
}

static void
on_stopped (GObject *source, GAsyncResult *result, gpointer user_data)
{
  HpDaemon *daemon = user_data;

  hp_engine_stop_finish (daemon->engine, result);
  hp_notice (NULL, "stopped, and gave everything back");
  quit (daemon, EXIT_SUCCESS);
}

static gboolean
on_stop_signal (gpointer user_data)
{
  HpDaemon *daemon = user_data;

  if (daemon->stopping)
    {
      hp_warn (NULL, "told to stop twice: not waiting for the virtual machines");
      quit (daemon, EXIT_FAILURE);
      return G_SOURCE_CONTINUE;
    }
  daemon->stopping = TRUE;
  hp_service_manager_stopping (daemon->manager);
  g_clear_pointer (&daemon->bus, hp_bus_close);
  if (daemon->engine)
    hp_engine_stop_async (daemon->engine, on_stopped, daemon);
  else
    quit (daemon, EXIT_SUCCESS);
  return G_SOURCE_CONTINUE;
}

static void reload (HpDaemon *daemon);

static void
on_reloaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  HpDaemon *daemon = user_data;
  g_autoptr (GError) error = NULL;

  daemon->reloading = FALSE;
  if (hp_engine_request_finish (daemon->engine, result, &error))
    hp_notice (NULL, "read %s again", hp_engine_config_path (daemon->engine));
  else
    hp_log (G_LOG_LEVEL_WARNING, &(HpLog){ .message_id = HP_MESSAGE_CONFIG_BAD },
            "the old configuration stays in force: %s", error->message);
  if (daemon->stopping)
    return;
  hp_service_manager_ready (daemon->manager);
  if (daemon->reload_again)
    reload (daemon);
}

static void
reload (HpDaemon *daemon)
{
  daemon->reload_again = daemon->reloading;
  if (daemon->reloading)
    return;
  daemon->reloading = TRUE;
  hp_service_manager_reloading (daemon->manager);
  hp_engine_reload_async (daemon->engine, on_reloaded, daemon);
}

static gboolean
on_hangup (gpointer user_data)
{
  HpDaemon *daemon = user_data;

  /* Before that, the configuration is about to be read, or was just now. */
  if (daemon->ready && !daemon->stopping)
    reload (daemon);
  return G_SOURCE_CONTINUE;
}

static void
daemon_clear (HpDaemon *daemon)
{
  g_clear_pointer (&daemon->bus, hp_bus_close);
  g_clear_object (&daemon->authority);
  g_clear_object (&daemon->engine);
  /* Answers that were given last are still to be sent. */
  if (daemon->connection)
    g_dbus_connection_flush_sync (daemon->connection, NULL, NULL);
  g_clear_object (&daemon->connection);
  g_clear_pointer (&daemon->manager, hp_service_manager_free);
  g_clear_object (&daemon->cancellable);
  g_clear_pointer (&daemon->loop, g_main_loop_unref);
}

int
hp_daemon_run (const HpDaemonOptions *options)
{
  HpDaemon daemon = { .options = options };
  const guint signals[] = {
    g_unix_signal_add (SIGTERM, on_stop_signal, &daemon),
    g_unix_signal_add (SIGINT, on_stop_signal, &daemon),
    g_unix_signal_add (SIGHUP, on_hangup, &daemon),
  };

  daemon.loop = g_main_loop_new (NULL, FALSE);
  daemon.cancellable = g_cancellable_new ();
  daemon.manager = hp_service_manager_new ();
  g_bus_get (G_BUS_TYPE_SYSTEM, daemon.cancellable, on_connected, &daemon);
  g_main_loop_run (daemon.loop);
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    g_source_remove (signals[i]);
  daemon_clear (&daemon);
  return daemon.status;
}
