/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <malloc.h>

/*
 * How much more memory is in use at any time while the main loop runs. Sanitizers do not tell, so nothing is more then.
 * A peak of the process's pages would count what the C library keeps for later.
 */
typedef struct
{
  guint source;
  gsize least, most;
} MemoryWatch;

static inline gboolean
memory_watch_look (gpointer data)
{
  MemoryWatch *watch = data;
  struct mallinfo2 info = mallinfo2 ();
  gsize used = info.uordblks + info.hblkhd;

  watch->least = MIN (watch->least, used);
  watch->most = MAX (watch->most, used);
  return G_SOURCE_CONTINUE;
}

/* Also keeps the main loop turning. */
static inline void
memory_watch_start (MemoryWatch *watch)
{
  *watch = (MemoryWatch){ .least = G_MAXSIZE };
  watch->source = g_idle_add_full (G_PRIORITY_DEFAULT, memory_watch_look, watch, NULL);
}

/* In KiB. */
static inline gsize
memory_watch_stop (MemoryWatch *watch)
{
  g_source_remove (watch->source);
  return watch->most > watch->least ? (watch->most - watch->least) / 1024 : 0;
}
