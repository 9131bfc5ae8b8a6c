/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/authority.h"
#include "dbus/errors.h"
#include "fake-polkit.h"
#include "private-bus.h"

#include <unistd.h>

typedef struct
{
  PrivateBus *bus;
  GDBusConnection *service; /* ours */
  GDBusConnection *caller;
  FakePolkit *polkit;
  HpAuthority *authority;
} Fixture;

/* What came of one question. */
typedef struct
{
  gboolean done;
  gboolean yes;
  guint32 uid;
  GError *error;
} Answer;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->bus = (PrivateBus *)data;
  fixture->service = private_bus_connect (fixture->bus);
  fixture->caller = private_bus_connect (fixture->bus);
  fixture->polkit = fake_polkit_new (private_bus_connect (fixture->bus));
  fixture->authority = hp_authority_new (fixture->service);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_object (&fixture->authority);
  g_clear_pointer (&fixture->polkit, fake_polkit_free);
  g_clear_object (&fixture->caller);
  g_clear_object (&fixture->service);
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Answer *answer = user_data;

  answer->uid = hp_authority_check_uid (result);
  answer->yes = hp_authority_check_finish (HP_AUTHORITY (source), result, &answer->error);
  answer->done = TRUE;
}

static void
ask (Fixture *fixture, gboolean interactive, Answer *answer)
{
  const char *const details[] = { "port", "pci-0000:00:14.0-usbv2-0:1", "vm", "windows", NULL };

  hp_authority_check_async (fixture->authority, g_dbus_connection_get_unique_name (fixture->caller),
                            "org.hotplugger1.assign", details, interactive, on_answer, answer);
}

static void
clear (Answer *answer)
{
  g_clear_error (&answer->error);
  *answer = (Answer){ 0 };
}

static void
assert_error (Answer *answer, GQuark domain, int code, const char *text)
{
  g_assert_false (answer->yes);
  g_assert_error (answer->error, domain, code);
  if (!strstr (answer->error->message, text))
    g_error ("“%s” is not in “%s”", text, answer->error->message);
}

static void
test_answers (Fixture *fixture, gconstpointer data)
{
  const struct
  {
    FakePolkitMode mode;
    gboolean interactive;
    GQuark domain; /* 0: yes */
    int code;
    const char *text;
  } cases[] = {
    { FAKE_POLKIT_YES, FALSE, 0, 0, NULL },
    { FAKE_POLKIT_YES, TRUE, 0, 0, NULL },
    { FAKE_POLKIT_NO, FALSE, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "with a polkit rule" },
    { FAKE_POLKIT_NO, TRUE, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "with a polkit rule" },
    { FAKE_POLKIT_CHALLENGE, FALSE, HP_ERROR, HP_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, "or run it as root" },
    { FAKE_POLKIT_CHALLENGE, TRUE, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "polkit agent" },
    { FAKE_POLKIT_DISMISSED, TRUE, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "dismissed" },
    { FAKE_POLKIT_ERROR, FALSE, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "Action is not registered" },
    { FAKE_POLKIT_ERROR, TRUE, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "org.hotplugger1.policy is installed" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Answer answer = { 0 };

      fixture->polkit->mode = cases[i].mode;
      ask (fixture, cases[i].interactive, &answer);
      wait_until (answer.done);
      if (cases[i].domain == 0)
        g_assert_no_error (answer.error);
      else
        assert_error (&answer, cases[i].domain, cases[i].code, cases[i].text);
      g_assert_cmpint (answer.yes, ==, cases[i].domain == 0);
      g_assert_cmpuint (answer.uid, ==, getuid ());
      g_assert_cmpuint (fixture->polkit->flags, ==, cases[i].interactive ? 1 : 0);
      clear (&answer);
    }
  g_assert_cmpuint (fixture->polkit->asked, ==, G_N_ELEMENTS (cases));
  g_assert_cmpstr (fixture->polkit->caller, ==, g_dbus_connection_get_unique_name (fixture->caller));
  g_assert_cmpstr (fixture->polkit->action, ==, "org.hotplugger1.assign");
  g_assert_cmpstr (fake_polkit_detail (fixture->polkit, "port"), ==, "pci-0000:00:14.0-usbv2-0:1");
  g_assert_cmpstr (fake_polkit_detail (fixture->polkit, "vm"), ==, "windows");
}

static void
test_no_details (Fixture *fixture, gconstpointer data)
{
  Answer answer = { 0 };

  hp_authority_check_async (fixture->authority, g_dbus_connection_get_unique_name (fixture->caller),
                            "org.hotplugger1.reload", NULL, FALSE, on_answer, &answer);
  wait_until (answer.done);
  g_assert_true (answer.yes);
  g_assert_cmpuint (g_variant_n_children (fixture->polkit->details), ==, 0);
}

/* The question is taken back, and a late yes helps nobody. */
static void
test_caller_leaves (Fixture *fixture, gconstpointer data)
{
  Answer answer = { 0 };

  fixture->polkit->mode = FAKE_POLKIT_HANG;
  ask (fixture, TRUE, &answer);
  wait_until (fixture->polkit->asked == 1);
  g_assert_false (answer.done);
  g_dbus_connection_close_sync (fixture->caller, NULL, NULL);
  wait_until (answer.done);
  assert_error (&answer, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "left the bus");
  wait_until (fixture->polkit->cancelled == 1);
  fake_polkit_answer (fixture->polkit, TRUE);
  run_for (50);
  clear (&answer);

  /* One that was gone before: nobody is asked at all. */
  ask (fixture, TRUE, &answer);
  wait_until (answer.done);
  assert_error (&answer, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "answer is no");
  g_assert_cmpuint (answer.uid, ==, G_MAXUINT32);
  g_assert_cmpuint (fixture->polkit->asked, ==, 1);
  clear (&answer);
}

static void
test_limit (Fixture *fixture, gconstpointer data)
{
  Answer answers[17] = { 0 };
  Answer other = { 0 };
  g_autoptr (GDBusConnection) second = private_bus_connect (fixture->bus);

  fixture->polkit->mode = FAKE_POLKIT_HANG;
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    ask (fixture, TRUE, &answers[i]);
  wait_until (answers[16].done && fixture->polkit->asked == 16);
  assert_error (&answers[16], G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED, "16 questions open");
  g_assert_cmpuint (answers[16].uid, ==, G_MAXUINT32);
  /* One caller's flood is not another's. */
  hp_authority_check_async (fixture->authority, g_dbus_connection_get_unique_name (second), "org.hotplugger1.reload",
                            NULL, TRUE, on_answer, &other);
  wait_until (fixture->polkit->asked == 17);
  fake_polkit_answer (fixture->polkit, TRUE);
  wait_until (other.done);
  for (guint i = 0; i < 16; i++)
    {
      wait_until (answers[i].done);
      g_assert_true (answers[i].yes);
    }
  clear (&answers[16]);
  fixture->polkit->mode = FAKE_POLKIT_YES;
  for (guint i = 0; i < 40; i++) /* and none is counted for ever */
    {
      Answer again = { 0 };

      ask (fixture, FALSE, &again);
      wait_until (again.done);
      g_assert_no_error (again.error);
    }
}

/* A hanging question delays nobody else's. */
static void
test_side_by_side (Fixture *fixture, gconstpointer data)
{
  Answer slow = { 0 };
  Answer fast = { 0 };

  fixture->polkit->mode = FAKE_POLKIT_HANG;
  ask (fixture, TRUE, &slow);
  wait_until (fixture->polkit->asked == 1);
  fixture->polkit->mode = FAKE_POLKIT_YES;
  ask (fixture, FALSE, &fast);
  wait_until (fast.done);
  g_assert_true (fast.yes);
  g_assert_false (slow.done);
  fake_polkit_answer (fixture->polkit, FALSE);
  wait_until (slow.done);
  assert_error (&slow, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "not allowed");
  clear (&slow);
}

static void
test_polkit_gone (Fixture *fixture, gconstpointer data)
{
  Answer answer = { 0 };

  /* It goes while it is asked. */
  fixture->polkit->mode = FAKE_POLKIT_HANG;
  ask (fixture, TRUE, &answer);
  wait_until (fixture->polkit->asked == 1);
  g_clear_pointer (&fixture->polkit, fake_polkit_free);
  wait_until (answer.done);
  assert_error (&answer, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "check that polkit runs");
  clear (&answer);

  /* It is not there. */
  ask (fixture, TRUE, &answer);
  wait_until (answer.done);
  assert_error (&answer, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "check that polkit runs");
  clear (&answer);

  /* It comes back. */
  fixture->polkit = fake_polkit_new (private_bus_connect (fixture->bus));
  ask (fixture, TRUE, &answer);
  wait_until (answer.done);
  g_assert_no_error (answer.error);
  g_assert_true (answer.yes);
}

/* Must be the first in this process: libpolkit has not reached anyone yet. */
static void
test_polkit_late (gconstpointer data)
{
  Fixture fixture = { .bus = (gpointer)data };
  Answer answer = { 0 };

  fixture.service = private_bus_connect (fixture.bus);
  fixture.caller = private_bus_connect (fixture.bus);
  fixture.authority = hp_authority_new (fixture.service);
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", TRUE);
  ask (&fixture, FALSE, &answer);
  wait_until (answer.done);
  assert_error (&answer, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "answer is no");
  clear (&answer);

  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", fixture.bus->address, TRUE);
  ask (&fixture, FALSE, &answer);
  wait_until (answer.done);
  assert_error (&answer, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "answer is no");
  clear (&answer);

  fixture.polkit = fake_polkit_new (private_bus_connect (fixture.bus));
  ask (&fixture, FALSE, &answer);
  wait_until (answer.done);
  g_assert_no_error (answer.error);
  tear_down (&fixture, NULL);
}

static void
add (PrivateBus *bus, const char *path, void (*test) (Fixture *, gconstpointer))
{
  g_test_add_vtable (path, sizeof (Fixture), bus, (GTestFixtureFunc)set_up, (GTestFixtureFunc)test,
                     (GTestFixtureFunc)tear_down);
}

int
main (int argc, char **argv)
{
  PrivateBus *bus;
  int status;

  g_test_init (&argc, &argv, NULL);
  bus = private_bus_start ();
  g_test_add_data_func ("/authority/polkit-late", bus, test_polkit_late);
  add (bus, "/authority/answers", test_answers);
  add (bus, "/authority/no-details", test_no_details);
  add (bus, "/authority/caller-leaves", test_caller_leaves);
  add (bus, "/authority/limit", test_limit);
  add (bus, "/authority/side-by-side", test_side_by_side);
  add (bus, "/authority/polkit-gone", test_polkit_gone);
  status = g_test_run ();
  /* libpolkit's connection would end the process with its bus. */
  g_dbus_connection_set_exit_on_close (g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, NULL), FALSE);
  private_bus_stop (bus);
  return status;
}
