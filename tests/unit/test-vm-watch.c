/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm-private.h"

#include <glib/gstdio.h>

/* When a machine's socket is worth a try. A file stands for the socket: the watch does not look into it. */

#define EVENT_MS 300

static const HpVmTimes times = { .event = EVENT_MS, .first = 20, .held = 60, .longest = 60000 };

typedef struct
{
  char *directory;
  char *path;
  HpVmWatch *watch;
  guint tries;
} Fixture;

static void
on_try (gpointer user_data)
{
  ((Fixture *)user_data)->tries++;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->directory = g_dir_make_tmp ("hp-watch-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->path = g_build_filename (fixture->directory, "vm.sock", NULL);
  fixture->watch = hp_vm_watch_new (fixture->path, &times, on_try, fixture);
  hp_vm_watch_start (fixture->watch);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  hp_vm_watch_free (fixture->watch);
  g_unlink (fixture->path);
  g_rmdir (fixture->directory);
  g_free (fixture->path);
  g_free (fixture->directory);
}

static gboolean
on_over (gpointer user_data)
{
  *(gboolean *)user_data = TRUE;
  return G_SOURCE_REMOVE;
}

static void
run_for (guint milliseconds)
{
  gboolean over = FALSE;

  g_timeout_add (milliseconds, on_over, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
}

static void
wait_tries (Fixture *fixture, guint tries)
{
  gboolean over = FALSE;
  guint timer = g_timeout_add_seconds (10, on_over, &over);

  while (fixture->tries < tries && !over)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (fixture->tries, ==, tries);
  g_source_remove (timer);
}

static void
appear (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  g_file_set_contents_full (fixture->path, "", 0, G_FILE_SET_CONTENTS_NONE, 0600, &error);
  g_assert_no_error (error);
}

static void
test_appears (Fixture *fixture, gconstpointer data)
{
  hp_vm_watch_wait (fixture->watch, HP_VM_WAIT_SOCKET);
  run_for (50);
  g_assert_cmpuint (fixture->tries, ==, 0);
  appear (fixture);
  wait_tries (fixture, 1);
}

/* It comes after a try has looked, and before that try is known to have failed: that must not put off the next. */
static void
test_appears_meanwhile (Fixture *fixture, gconstpointer data)
{
  appear (fixture);
  wait_tries (fixture, 1);
  g_unlink (fixture->path);
  appear (fixture);
  run_for (EVENT_MS / 3);
  g_assert_cmpuint (fixture->tries, ==, 1);
  hp_vm_watch_wait (fixture->watch, HP_VM_WAIT_SOCKET);
  wait_tries (fixture, 2);
}

static void
test_waits (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    HpVmWait wait;
    gint64 least; /* ms */
  } cases[] = {
    { HP_VM_WAIT_LISTENER, 20 },
    { HP_VM_WAIT_LISTENER, 40 },
    { HP_VM_WAIT_HELD, 80 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gint64 start = g_get_monotonic_time ();

      hp_vm_watch_wait (fixture->watch, cases[i].wait);
      wait_tries (fixture, i + 1);
      g_assert_cmpint ((g_get_monotonic_time () - start) / 1000 + 1, >=, cases[i].least);
    }
  /* Connected: nothing more. */
  hp_vm_watch_wait (fixture->watch, HP_VM_WAIT_LISTENER);
  hp_vm_watch_stop (fixture->watch);
  appear (fixture);
  run_for (200);
  g_assert_cmpuint (fixture->tries, ==, G_N_ELEMENTS (cases));
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/vm-watch/appears", test_appears },
    { "/vm-watch/appears-meanwhile", test_appears_meanwhile },
    { "/vm-watch/waits", test_waits },
  };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add_vtable (tests[i].path, sizeof (Fixture), NULL, (GTestFixtureFunc)set_up, (GTestFixtureFunc)tests[i].test,
                       (GTestFixtureFunc)tear_down);
  return g_test_run ();
}
