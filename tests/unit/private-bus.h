/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/*
 * A dbus-daemon of the test's own, of type system and as strict as a real one, with our bus policy in it. It stands in
 * for the system bus of this process and its children.
 */

typedef struct
{
  GSubprocess *daemon;
  char *directory;
  char *address;
} PrivateBus;

PrivateBus *private_bus_start (void);
/* Ends the daemon and waits for that. */
void private_bus_stop (PrivateBus *bus);
/* A connection of its own: another caller. (transfer full) */
GDBusConnection *private_bus_connect (PrivateBus *bus);

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

/* Runs the main loop for a moment: for what must not happen. */
void run_for (guint milliseconds);
gboolean wait_tick (gpointer unused);
