/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm-private.h"

#include <sys/stat.h>

/*
 * A socket's folder need not exist yet, nor the one above it. Two things are watched: the first part of the path that
 * is not there (or the socket itself), and the folder that it would be in, which may go away. GFileMonitor, since all
 * monitors of a process share one inotify instance, of which a user may have but 128; on files rather than folders,
 * since it then sorts out in its own thread what else happens in a busy folder, and never polls for what is missing.
 */

struct _HpVmWatch
{
  char *path;
  HpVmTimes times;
  HpVmWatchFunc func;
  gpointer user_data;

  GFileMonitor *awaited; /* on the first part of the path that is not there, or on the socket */
  char *awaited_path;
  GFileMonitor *folder; /* on the folder of that */

  guint source;
  gboolean due; /* the source is for an event: whatever a try says that began before it, it stands */
  guint delay;  /* the last wait, ms; 0 none yet */
  gint64 tried; /* when it was last worth a try, monotonic µs */
};

static void hp_vm_watch_arm (HpVmWatch *watch);

static gboolean
exists (const char *path)
{
  struct stat info;

  return stat (path, &info) == 0;
}

/* The shortest leading part of @path that does not exist; all of it where everything does. */
static char *
first_missing (const char *path)
{
  for (const char *end = strchr (path + 1, '/'); end != NULL; end = strchr (end + 1, '/'))
    {
      g_autofree char *part = g_strndup (path, end - path);

      if (!exists (part))
        return g_steal_pointer (&part);
    }
  return g_strdup (path);
}

static void
hp_vm_watch_fire (HpVmWatch *watch)
{
  g_clear_handle_id (&watch->source, g_source_remove);
  watch->due = FALSE;
  watch->tried = g_get_monotonic_time ();
  watch->func (watch->user_data);
}

static gboolean
on_timer (gpointer user_data)
{
  HpVmWatch *watch = user_data;

  watch->source = 0;
  hp_vm_watch_arm (watch);
  hp_vm_watch_fire (watch);
  return G_SOURCE_REMOVE;
}

static void
hp_vm_watch_schedule (HpVmWatch *watch, guint delay)
{
  g_clear_handle_id (&watch->source, g_source_remove);
  /* Whole seconds fall together for all machines: one wake-up. */
  if (delay >= 2000)
    watch->source = g_timeout_add_seconds (delay / 1000, on_timer, watch);
  else
    watch->source = g_timeout_add (delay, on_timer, watch);
}

/* The socket came, or its rights changed. A try at once, but no more of them than the times allow. */
static void
hp_vm_watch_appeared (HpVmWatch *watch)
{
  gint64 since = (g_get_monotonic_time () - watch->tried) / 1000;

  watch->delay = watch->times.event / 2; /* between bind() and listen() there is a moment */
  hp_vm_watch_schedule (watch, since >= watch->times.event ? 0 : (guint)(watch->times.event - since));
  watch->due = TRUE;
}

static void
on_awaited_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, gpointer user_data)
{
  HpVmWatch *watch = user_data;

  if (event != G_FILE_MONITOR_EVENT_CREATED && event != G_FILE_MONITOR_EVENT_ATTRIBUTE_CHANGED
      && event != G_FILE_MONITOR_EVENT_MOVED_IN && event != G_FILE_MONITOR_EVENT_RENAMED)
    return;
  hp_vm_watch_arm (watch);
  if (exists (watch->path))
    hp_vm_watch_appeared (watch);
}

static void
on_folder_changed (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, gpointer user_data)
{
  HpVmWatch *watch = user_data;

  if (event != G_FILE_MONITOR_EVENT_CREATED && event != G_FILE_MONITOR_EVENT_DELETED
      && event != G_FILE_MONITOR_EVENT_MOVED_IN && event != G_FILE_MONITOR_EVENT_MOVED_OUT
      && event != G_FILE_MONITOR_EVENT_RENAMED && event != G_FILE_MONITOR_EVENT_ATTRIBUTE_CHANGED)
    return;
  /* The monitor below is on the folder that was: begin anew. */
  g_clear_pointer (&watch->awaited_path, g_free);
  hp_vm_watch_arm (watch);
  if (exists (watch->path))
    hp_vm_watch_appeared (watch);
}

static void
drop_monitor (HpVmWatch *watch, GFileMonitor **monitor)
{
  if (*monitor == NULL)
    return;
  g_signal_handlers_disconnect_by_data (*monitor, watch);
  g_file_monitor_cancel (*monitor);
  g_clear_object (monitor);
}

static GFileMonitor *
new_monitor (HpVmWatch *watch, const char *path, GCallback changed)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GError) error = NULL;
  GFileMonitor *monitor = g_file_monitor_file (file, G_FILE_MONITOR_WATCH_MOVES, NULL, &error);

  /* Without (a limit, an odd file system) there still is the timer. */
  if (monitor == NULL)
    g_debug ("watching %s: %s", path, error->message);
  else
    g_signal_connect (monitor, "changed", changed, watch);
  return monitor;
}

static void
hp_vm_watch_arm (HpVmWatch *watch)
{
  /* What is made while the watch is being set up is seen at the second look; a few levels at most come at once. */
  for (guint turn = 0; turn < 16; turn++)
    {
      g_autofree char *path = first_missing (watch->path);
      g_autofree char *folder = g_path_get_dirname (path);

      if (g_strcmp0 (path, watch->awaited_path) == 0)
        return;
      drop_monitor (watch, &watch->awaited);
      drop_monitor (watch, &watch->folder);
      watch->awaited = new_monitor (watch, path, G_CALLBACK (on_awaited_changed));
      if (strcmp (folder, "/") != 0)
        watch->folder = new_monitor (watch, folder, G_CALLBACK (on_folder_changed));
      g_free (watch->awaited_path);
      watch->awaited_path = g_steal_pointer (&path);
    }
}

HpVmWatch *
hp_vm_watch_new (const char *path, const HpVmTimes *times, HpVmWatchFunc func, gpointer user_data)
{
  HpVmWatch *watch = g_new0 (HpVmWatch, 1);

  watch->path = g_strdup (path);
  watch->times = *times;
  watch->func = func;
  watch->user_data = user_data;
  return watch;
}

void
hp_vm_watch_free (HpVmWatch *watch)
{
  if (watch == NULL)
    return;
  hp_vm_watch_stop (watch);
  g_free (watch->path);
  g_free (watch);
}

void
hp_vm_watch_start (HpVmWatch *watch)
{
  hp_vm_watch_arm (watch);
}

void
hp_vm_watch_wait (HpVmWatch *watch, HpVmWait wait)
{
  guint delay = watch->delay > 0 ? MIN (watch->delay * 2, watch->times.longest) : watch->times.first;

  if (watch->due)
    return;
  switch (wait)
    {
    case HP_VM_WAIT_SOCKET:
      /* Its coming is seen at once, and is a new beginning for the other waits. */
      watch->delay = 0;
      delay = watch->times.longest;
      break;
    case HP_VM_WAIT_LISTENER:
      watch->delay = delay;
      break;
    case HP_VM_WAIT_HELD:
      watch->delay = delay = MAX (delay, watch->times.held);
      break;
    }
  hp_vm_watch_schedule (watch, delay);
}

void
hp_vm_watch_stop (HpVmWatch *watch)
{
  g_clear_handle_id (&watch->source, g_source_remove);
  drop_monitor (watch, &watch->awaited);
  drop_monitor (watch, &watch->folder);
  g_clear_pointer (&watch->awaited_path, g_free);
  watch->due = FALSE;
  watch->delay = 0;
}
