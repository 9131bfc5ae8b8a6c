/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "service.h"
#include "dbus/names.h"
#include "sample.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <sys/prctl.h>

Service *
service_new (void)
{
  Service *service = g_new0 (Service, 1);

  service->bus = private_bus_start ();
  service->folder = g_dir_make_tmp ("hp-bench-XXXXXX", NULL);
  g_assert_nonnull (service->folder);
  service->others = g_string_new (NULL);
  service->socket = g_build_filename (service->folder, "qmp", NULL);
  service->connection = private_bus_connect (service->bus);
  return service;
}

void
service_free (Service *service)
{
  static const char *const names[] = { "config.yaml", "state.json", "qmp" };

  g_assert_null (service->process);
  g_clear_object (&service->connection);
  private_bus_stop (service->bus);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (service->folder, names[i], NULL);

      g_unlink (path);
    }
  g_rmdir (service->folder);
  g_free (service->folder);
  g_free (service->socket);
  g_string_free (service->others, TRUE);
  g_free (service);
}

void
service_add_vms (Service *service, GPtrArray *hubs, guint n)
{
  for (guint i = 1; i < n; i++)
    g_string_append_printf (service->others, "  vm%u:\n    socket: %s/none-%u\n    ports: [%s.%u]\n", i,
                            service->folder, i, (const char *)g_ptr_array_index (hubs, i % hubs->len),
                            i / hubs->len + 1);
}

void
service_die_with_us (gpointer unused)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

static void
on_appeared (GDBusConnection *connection, const char *name, const char *owner, gpointer user_data)
{
  *(double *)user_data = sample_now ();
}

void
service_start (Service *service, const char *path, const char *ports)
{
  g_autofree char *config = g_build_filename (service->folder, "config.yaml", NULL);
  g_autofree char *text =
      g_strdup_printf ("virtual_machines:\n  w:\n    socket: %s\n    reserve: never\n    ports: %s\n", service->socket,
                       ports);
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  g_autoptr (GError) error = NULL;
  double appeared = 0, began;
  guint watch;

  g_assert_true (g_file_set_contents (config, text, -1, NULL));
  /* As a service has it: the test's settings for GLib are not the program's. */
  g_subprocess_launcher_unsetenv (launcher, "G_DEBUG");
  g_subprocess_launcher_set_child_setup (launcher, service_die_with_us, NULL, NULL);
  began = sample_now ();
  service->process =
      g_subprocess_launcher_spawn (launcher, &error, path, "--config", config, "--state", service->folder, NULL);
  g_assert_no_error (error);
  service->pid = atoi (g_subprocess_get_identifier (service->process));
  watch = g_bus_watch_name_on_connection (service->connection, HP_BUS_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE, on_appeared,
                                          NULL, &appeared, NULL);
  wait_until (appeared > 0);
  g_bus_unwatch_name (watch);
  service->started_in = appeared - began;
}

void
service_stop (Service *service)
{
  kill (service->pid, SIGCONT);
  g_subprocess_send_signal (service->process, SIGTERM);
  g_subprocess_wait (service->process, NULL, NULL);
  g_clear_object (&service->process);
}

GVariant *
service_call (Service *service, const char *method)
{
  g_autoptr (GError) error = NULL;
  GVariant *reply =
      g_dbus_connection_call_sync (service->connection, HP_BUS_NAME, HP_OBJECT_ROOT, HP_INTERFACE_MANAGER, method,
                                   g_variant_new ("(a{sv})", NULL), G_VARIANT_TYPE ("(a(oa{sv}))"),
                                   G_DBUS_CALL_FLAGS_NONE, 60000, NULL, &error);

  g_assert_no_error (error);
  return reply;
}

guint
service_list (Service *service, const char *method)
{
  g_autoptr (GVariant) reply = service_call (service, method);
  g_autoptr (GVariant) list = g_variant_get_child_value (reply, 0);

  return (guint)g_variant_n_children (list);
}
