/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/engine-private.h"

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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/wake", test_wake);
  return g_test_run ();
}
