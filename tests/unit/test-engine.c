/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/engine-private.h"

#include <glib/gstdio.h>

static gint64
due (HpEngine *engine, const char *name)
{
  GSource *source = g_hash_table_lookup (engine->wakes, name);

  return source != NULL ? g_source_get_ready_time (source) : 0;
}

/* A port and the device in it have one name, and times of their own: neither may put off the other. */
static void
test_wake (void)
{
  g_autoptr (HpEngine) engine = hp_engine_new ("/nonexistent/config.yaml", "/nonexistent/state.json", NULL);
  gint64 soon = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;

  hp_engine_wake_at (engine, "3-1", soon);
  hp_engine_wake_at (engine, "3-1", soon + 50 * G_USEC_PER_SEC);
  g_assert_cmpint (due (engine, "3-1"), ==, soon);
  hp_engine_wake_at (engine, "3-1", soon - 5 * G_USEC_PER_SEC);
  g_assert_cmpint (due (engine, "3-1"), ==, soon - 5 * G_USEC_PER_SEC);
  hp_engine_wake_at (engine, "4-1", soon + 1);
  g_assert_cmpint (due (engine, "4-1"), ==, soon + 1);
  g_assert_cmpuint (g_hash_table_size (engine->wakes), ==, 2);

  /* What it was is over: the next may come at any time. */
  hp_engine_wake_at (engine, "3-1", 1);
  while (due (engine, "3-1") != 0)
    g_main_context_iteration (NULL, TRUE);
  hp_engine_wake_at (engine, "3-1", soon);
  g_assert_cmpint (due (engine, "3-1"), ==, soon);
}

static void
on_saved (GObject *source, GAsyncResult *result, gpointer saved)
{
  g_autoptr (GError) error = NULL;

  *(gboolean *)saved = hp_engine_request_finish (HP_ENGINE (source), result, &error);
  g_assert_no_error (error);
}

static void
on_stopped (GObject *source, GAsyncResult *result, gpointer stopped)
{
  hp_engine_stop_finish (HP_ENGINE (source), result);
  *(gboolean *)stopped = TRUE;
}

/* What is chosen in the last moment is for the next run: this one assigns nothing any more. */
static void
test_choice_while_stopping (void)
{
  static const char port[] = "pci-0000:00:14.0-usbv2-0:1";
  g_autofree char *folder = g_dir_make_tmp ("hp-engine-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "state.json", NULL);
  g_autoptr (HpEngine) engine = hp_engine_new ("/nonexistent/config.yaml", path, NULL);
  gboolean saved = FALSE, stopped = FALSE;

  hp_engine_assign_async (engine, port, HP_HOST, HP_RESERVE_WHILE_RUNNING, 0, on_saved, &saved);
  hp_engine_stop_async (engine, on_stopped, &stopped);
  while (!saved || !stopped)
    g_main_context_iteration (NULL, TRUE);
  g_assert_null (hp_policy_exact (engine->world->policy, port));
  g_assert_true (g_hash_table_contains (engine->state->choices, port));
  hp_engine_rebuild_policy (engine);
  g_assert_null (hp_policy_exact (engine->world->policy, port));
  g_assert_cmpint (g_remove (path), ==, 0);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/wake", test_wake);
  g_test_add_func ("/engine/choice-while-stopping", test_choice_while_stopping);
  return g_test_run ();
}
