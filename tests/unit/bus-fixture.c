/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus-fixture.h"

#include "dbus/names.h"

static void
on_owned (gpointer user_data)
{
  ((BusFixture *)user_data)->owned = TRUE;
}

static void
on_lost (const char *problem, gpointer user_data)
{
  fake_set (&((BusFixture *)user_data)->lost, problem);
}

static void
on_status (const char *line, gpointer user_data)
{
  BusFixture *fixture = user_data;

  fake_set (&fixture->status, line);
  fixture->status_lines++;
}

const HpBusEvents bus_fixture_events = { on_owned, on_lost, on_status };

static void
on_signal (GDBusConnection *connection, const char *sender, const char *path, const char *interface, const char *signal,
           GVariant *parameters, gpointer user_data)
{
  BusFixture *fixture = user_data;
  g_autofree char *text = g_variant_print (parameters, FALSE);

  g_string_append_printf (fixture->heard, "%s %s %s\n", signal, path, text);
}

static void
set_up (BusFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->bus = (PrivateBus *)data;
  fixture->service = private_bus_connect (fixture->bus);
  fixture->caller = private_bus_connect (fixture->bus);
  fixture->polkit = fake_polkit_new (private_bus_connect (fixture->bus));
  fixture->authority = hp_authority_new (fixture->service);
  fixture->engine = hp_engine_new ("/etc/hotplugger/config.yaml", "/nonexistent/state.json", NULL);
  fixture->heard = g_string_new (NULL);
  hp_engine_start (fixture->engine);
  fixture->facade =
      hp_bus_new (fixture->service, fixture->engine, fixture->authority, &bus_fixture_events, fixture, &error);
  g_assert_no_error (error);
  wait_until (fixture->owned);
  g_dbus_connection_signal_subscribe (fixture->caller, HP_BUS_NAME, NULL, NULL, NULL, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                      on_signal, fixture, NULL);
  /* The bus has heard of that when it has answered this. */
  g_variant_unref (g_dbus_connection_call_sync (fixture->caller, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                                "org.freedesktop.DBus", "GetId", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1,
                                                NULL, &error));
  g_assert_no_error (error);
}

static void
tear_down (BusFixture *fixture, gconstpointer data)
{
  g_clear_pointer (&fixture->facade, hp_bus_close);
  g_clear_object (&fixture->engine);
  g_clear_object (&fixture->authority);
  g_clear_pointer (&fixture->polkit, fake_polkit_free);
  g_clear_object (&fixture->caller);
  g_clear_object (&fixture->service);
  g_clear_pointer (&fixture->lost, g_free);
  g_clear_pointer (&fixture->status, g_free);
  g_string_free (fixture->heard, TRUE);
}

void
answer_clear (Answer *answer)
{
  g_clear_pointer (&answer->value, g_variant_unref);
  g_clear_error (&answer->error);
}

void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Answer *answer = user_data;

  answer->value = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &answer->error);
}

void
start_call (BusFixture *fixture, const char *method, const char *arguments, GDBusCallFlags flags, Answer *answer)
{
  g_autoptr (GError) error = NULL;
  static const char *const types[][2] = { { "AssignPort", "(ssa{sv})" },   { "UnassignPort", "(sa{sv})" },
                                          { "AttachDevice", "(ssa{sv})" }, { "DetachDevice", "(sa{sv})" },
                                          { "Reload", "(a{sv})" },         { "ListPorts", "(a{sv})" },
                                          { "ListDevices", "(a{sv})" },    { "ListVirtualMachines", "(a{sv})" } };
  const char *type = "()";

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      if (g_str_equal (types[i][0], method))
        type = types[i][1];
    }
  *answer = (Answer){ 0 };
  g_dbus_connection_call (fixture->caller, HP_BUS_NAME, HP_OBJECT_ROOT, HP_INTERFACE_MANAGER, method,
                          g_variant_parse (G_VARIANT_TYPE (type), arguments, NULL, NULL, &error), NULL, flags, 10000,
                          NULL, on_answer, answer);
  g_assert_no_error (error);
}

void
call (BusFixture *fixture, const char *method, const char *arguments, Answer *answer)
{
  start_call (fixture, method, arguments, G_DBUS_CALL_FLAGS_NONE, answer);
  wait_until (answer->value || answer->error);
}

void
assert_text (const char *text, const char *part)
{
  if (!strstr (text, part))
    g_error ("“%s” is not in “%s”", part, text);
}

void
assert_error (Answer *answer, GQuark domain, int code, const char *part)
{
  g_assert_error (answer->error, domain, code);
  assert_text (answer->error->message, part);
}

int
bus_fixture_run (int argc, char **argv, const BusTest *tests, gsize n_tests)
{
  PrivateBus *bus;
  int status;

  g_test_init (&argc, &argv, NULL);
  bus = private_bus_start ();
  for (gsize i = 0; i < n_tests; i++)
    g_test_add_vtable (tests[i].path, sizeof (BusFixture), bus, (GTestFixtureFunc)set_up,
                       (GTestFixtureFunc)tests[i].test, (GTestFixtureFunc)tear_down);
  status = g_test_run ();
  /* libpolkit's connection would end the process with its bus. */
  g_dbus_connection_set_exit_on_close (g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, NULL), FALSE);
  private_bus_stop (bus);
  return status;
}
