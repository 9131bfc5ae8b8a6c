/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Runs the main loop until @condition holds; the test fails after 10 s. */
#define wait_until(condition)                                                                                          \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    gint64 deadline_ = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;                                                  \
    guint tick_ = g_timeout_add (20, wait_tick, NULL);                                                                 \
    while (!(condition))                                                                                               \
      {                                                                                                                \
        g_assert_cmpint (g_get_monotonic_time (), <, deadline_);                                                       \
        g_main_context_iteration (NULL, TRUE);                                                                         \
      }                                                                                                                \
    g_source_remove (tick_);                                                                                           \
  }                                                                                                                    \
  G_STMT_END

static inline gboolean
wait_tick (gpointer unused)
{
  return G_SOURCE_CONTINUE;
}

static inline gboolean
wait_is_over (gpointer over)
{
  *(gboolean *)over = TRUE;
  return G_SOURCE_REMOVE;
}

/* Runs the main loop for a moment: for what must not happen. */
static inline void
run_for (guint milliseconds)
{
  gboolean over = FALSE;

  g_timeout_add (milliseconds, wait_is_over, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
}
