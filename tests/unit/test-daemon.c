/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "private-bus.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>

/*
 * The daemon as a process, with an engine over tables: options, the bus name, and what it tells the service manager.
 */

typedef struct
{
  char *directory;
  char *config;
  char *state;
  GSocket *notify;
  GSubprocess *process;
} Fixture;

static char *
daemon_path (void)
{
  return g_test_build_filename (G_TEST_BUILT, "fake-hotplugd", NULL);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GSocketAddress) address = NULL;

  fixture->directory = g_dir_make_tmp ("hp-daemon-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->config = g_build_filename (fixture->directory, "config.yaml", NULL);
  fixture->state = g_build_filename (fixture->directory, "state", NULL);
  path = g_build_filename (fixture->directory, "notify", NULL);
  fixture->notify = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_DEFAULT, &error);
  g_assert_no_error (error);
  address = g_unix_socket_address_new (path);
  g_assert_true (g_socket_bind (fixture->notify, address, FALSE, &error));
  g_socket_set_timeout (fixture->notify, 10);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  static const char *const files[] = { "config.yaml", "notify" };

  if (fixture->process)
    {
      g_subprocess_force_exit (fixture->process);
      g_subprocess_wait (fixture->process, NULL, NULL);
    }
  g_clear_object (&fixture->process);
  g_clear_object (&fixture->notify);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_build_filename (fixture->directory, files[i], NULL);

      g_unlink (path);
    }
  g_assert_cmpint (g_rmdir (fixture->directory), ==, 0); /* the daemon itself wrote nothing */
  g_free (fixture->directory);
  g_free (fixture->config);
  g_free (fixture->state);
}

static void
write_config (Fixture *fixture, const char *text)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents (fixture->config, text, -1, &error);
  g_assert_no_error (error);
}

/* A daemon on the bus of @address. */
static GSubprocess *
spawn (Fixture *fixture, const char *address)
{
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autofree char *program = daemon_path ();
  g_autofree char *notify = g_build_filename (fixture->directory, "notify", NULL);
  g_autofree char *states = g_strdup_printf ("%s:/nonexistent", fixture->state);
  g_autoptr (GError) error = NULL;
  GSubprocess *process;

  g_subprocess_launcher_setenv (launcher, "DBUS_SYSTEM_BUS_ADDRESS", address, TRUE);
  g_subprocess_launcher_setenv (launcher, "NOTIFY_SOCKET", notify, TRUE);
  g_subprocess_launcher_setenv (launcher, "STATE_DIRECTORY", states, TRUE);
  process = g_subprocess_launcher_spawn (launcher, &error, program, "--config", fixture->config, NULL);
  g_assert_no_error (error);
  return process;
}

/* The next datagrams up to the one that has @line as one of its lines. */
static void
wait_notified (Fixture *fixture, const char *line)
{
  gboolean found = FALSE;

  while (!found)
    {
      char buffer[4096];
      g_autoptr (GError) error = NULL;
      gssize length = g_socket_receive (fixture->notify, buffer, sizeof buffer - 1, NULL, &error);
      g_auto (GStrv) lines = NULL;

      g_assert_no_error (error);
      buffer[length] = '\0';
      g_test_message ("notified: %s", buffer);
      lines = g_strsplit (buffer, "\n", -1);
      for (guint i = 0; lines[i] && !found; i++)
        found = g_str_has_prefix (lines[i], line);
    }
}

static void
assert_text (const char *text, const char *part)
{
  if (!strstr (text, part))
    g_error ("\"%s\" is not in \"%s\"", part, text);
}

/* Waits for the end, which must be of this status with this on standard error. */
static void
assert_end (GSubprocess *process, int status, const char *part)
{
  g_autofree char *text = NULL;
  g_autofree char *problem = NULL;
  g_autoptr (GError) error = NULL;

  g_subprocess_communicate_utf8 (process, NULL, NULL, &text, &problem, &error);
  g_assert_no_error (error);
  g_test_message ("stderr: %s", problem);
  g_assert_true (g_subprocess_get_if_exited (process));
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, status);
  /* GLib's own writer puts notices on standard output or error. */
  if (!strstr (text, part))
    assert_text (problem, part);
}

static void
test_options (Fixture *fixture, gconstpointer data)
{
  g_autofree char *check_option = g_strconcat ("--check-config=", fixture->config, NULL);
  g_autofree char *good = g_strconcat (fixture->config, ": ok, 1 virtual machine, 2 ports\n", NULL);
  g_autofree char *none = g_strconcat (fixture->state, ": there is no such file", NULL);
  g_autofree char *empty = g_strconcat (fixture->state, ": ok, 0 virtual machines, 0 ports\n", NULL);
  g_autofree char *bad = g_strconcat (fixture->config, ":2:", NULL);
  const char *const fine = "virtual_machines:\n  a:\n    socket: /run/a\n    ports: [1-1, 1-2]\n";
  const char *const broken = "virtual_machines:\n  a: 1\n";
  const struct
  {
    const char *config;
    const char *args[3];
    int status;
    const char *out, *problem; /* NULL: nothing there */
  } cases[] = {
    { fine, { "--version" }, 0, "hotplugd 0", NULL },
    { fine, { "--help" }, 0, "--check-config", NULL },
    { fine, { "--nonsense" }, 2, NULL, "--nonsense" },
    { fine, { "--config" }, 2, NULL, "--config" },
    { fine, { "extra" }, 2, NULL, "unexpected argument 'extra'" },
    { fine, { "--check-config", fixture->config }, 0, good, NULL },
    { fine, { check_option }, 0, good, NULL },
    { fine, { "--config", fixture->config, "--check-config" }, 0, good, NULL },
    { broken, { "--check-config", fixture->config }, 1, NULL, bad },
    { fine, { "--check-config", fixture->state }, 1, NULL, none },
    { fine, { "--config", fixture->state, "--check-config" }, 0, empty, NULL },
    { fine, { "--check-config", fixture->config, "extra" }, 2, NULL, "unexpected argument 'extra'" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *program = daemon_path ();
      const char *const argv[] = { program, cases[i].args[0], cases[i].args[1], cases[i].args[2], NULL };
      g_autofree char *out = NULL;
      g_autofree char *problem = NULL;
      g_autoptr (GError) error = NULL;
      g_autoptr (GSubprocess) process = NULL;

      write_config (fixture, cases[i].config);
      process = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE, &error);
      g_assert_no_error (error);
      g_subprocess_communicate_utf8 (process, NULL, NULL, &out, &problem, &error);
      g_assert_no_error (error);
      g_test_message ("%u: %s%s", i, out, problem);
      g_assert_true (g_subprocess_get_if_exited (process));
      g_assert_cmpint (g_subprocess_get_exit_status (process), ==, cases[i].status);
      assert_text (out, cases[i].out ? cases[i].out : "");
      assert_text (problem, cases[i].problem ? cases[i].problem : "");
      g_assert_cmpint (*out == '\0', ==, cases[i].out == NULL);
      g_assert_cmpint (*problem == '\0', ==, cases[i].problem == NULL);
    }
}

static void
test_life (Fixture *fixture, gconstpointer data)
{
  const PrivateBus *bus = data;
  static const int signals[] = { SIGTERM, SIGINT };

  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    {
      write_config (fixture, "");
      fixture->process = spawn (fixture, bus->address);
      wait_notified (fixture, "READY=1");
      wait_notified (fixture, "STATUS=1 port assigned, 1 device in 1 virtual machine");

      g_subprocess_send_signal (fixture->process, SIGHUP);
      wait_notified (fixture, "RELOADING=1");
      wait_notified (fixture, "READY=1");

      write_config (fixture, "bad");
      g_subprocess_send_signal (fixture->process, SIGHUP);
      wait_notified (fixture, "RELOADING=1");
      wait_notified (fixture, "STATUS=1 port assigned, 1 device in 1 virtual machine; config.yaml:1:1: bad");
      wait_notified (fixture, "READY=1");

      g_subprocess_send_signal (fixture->process, signals[i]);
      wait_notified (fixture, "STOPPING=1");
      assert_end (fixture->process, 0, "stopped, and gave everything back");
      g_clear_object (&fixture->process);
    }
}

static void
test_second (Fixture *fixture, gconstpointer data)
{
  const PrivateBus *bus = data;
  g_autoptr (GSubprocess) second = NULL;
  /* The first of $STATE_DIRECTORY's. */
  g_autofree char *ready = g_strdup_printf ("configuration %s, state in %s\n", fixture->config, fixture->state);

  fixture->process = spawn (fixture, bus->address);
  wait_notified (fixture, "READY=1");
  second = spawn (fixture, bus->address);
  assert_end (second, 1, "another hotplugd runs");
  g_subprocess_send_signal (fixture->process, SIGTERM);
  assert_end (fixture->process, 0, ready);
}

static void
test_bus_gone (Fixture *fixture, gconstpointer data)
{
  PrivateBus *own = private_bus_start ();

  fixture->process = spawn (fixture, own->address);
  wait_notified (fixture, "READY=1");
  private_bus_stop (own);
  assert_end (fixture->process, 1, "hotplugd ends: the connection to the bus is gone");
}

static void
test_no_bus (Fixture *fixture, gconstpointer data)
{
  fixture->process = spawn (fixture, "unix:path=/nonexistent");
  assert_end (fixture->process, 1, "hotplugd ends: cannot reach the system bus");
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/daemon/options", test_options },   { "/daemon/life", test_life },     { "/daemon/second", test_second },
    { "/daemon/bus-gone", test_bus_gone }, { "/daemon/no-bus", test_no_bus },
  };
  PrivateBus *bus;
  int status;

  g_test_init (&argc, &argv, NULL);
  bus = private_bus_start ();
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add_vtable (tests[i].path, sizeof (Fixture), bus, (GTestFixtureFunc)set_up, (GTestFixtureFunc)tests[i].test,
                       (GTestFixtureFunc)tear_down);
  status = g_test_run ();
  private_bus_stop (bus);
  return status;
}
