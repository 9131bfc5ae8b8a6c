/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm-private.h"

#include "wait.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* When is a socket worth a try? Files stand for sockets here: the folder's events are the same. */

static guint n_seconds; /* timers of whole seconds */

/* Stands before GLib's: a second is long. */
guint
g_timeout_add_seconds (guint interval, GSourceFunc function, gpointer data)
{
  n_seconds++;
  return g_timeout_add (interval * 10, function, data);
}

typedef struct
{
  char *root;
  char *path; /* ROOT/a/b/qmp: nothing of that is there at first */
  HpVmTimes times;
  HpVmWatch *watch;
  guint tries;
  gint64 tried[64]; /* when, in µs */
  gboolean frees;
} Fixture;

static void
on_try (gpointer user_data)
{
  Fixture *f = user_data;

  g_assert_cmpuint (f->tries, <, G_N_ELEMENTS (f->tried));
  f->tried[f->tries++] = g_get_monotonic_time ();
  if (f->frees)
    g_clear_pointer (&f->watch, hp_vm_watch_free);
}

static void
set_up (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  f->root = g_dir_make_tmp ("hp-watch-XXXXXX", &error);
  g_assert_no_error (error);
  f->path = g_build_filename (f->root, "a", "b", "qmp", NULL);
  n_seconds = 0;
  /* Timers are out of the question unless a test makes them short. */
  f->times = (HpVmTimes){ .event = 20, .first = 60000, .held = 60000, .longest = 60000 };
}

static void
begin (Fixture *f)
{
  f->watch = hp_vm_watch_new (f->path, &f->times, on_try, f);
  run_for (20);
  g_assert_cmpuint (f->tries, ==, 0);
  hp_vm_watch_start (f->watch);
}

static void
tear_down (Fixture *f, gconstpointer unused)
{
  const char *argv[] = { "rm", "-r", "--", f->root, NULL };
  g_autoptr (GError) error = NULL;

  hp_vm_watch_free (f->watch);
  g_assert_true (g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, &error));
  g_free (f->root);
  g_free (f->path);
}

static char *
in_root (Fixture *f, const char *name)
{
  return g_build_filename (f->root, name, NULL);
}

static void
make_folder (Fixture *f, const char *name)
{
  g_autofree char *path = in_root (f, name);

  g_assert_cmpint (g_mkdir_with_parents (path, 0755), ==, 0);
}

static void
make_file (Fixture *f, const char *name)
{
  g_autofree char *path = in_root (f, name);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, "", 0, &error);
  g_assert_no_error (error);
}

static void
move (Fixture *f, const char *from, const char *to)
{
  g_autofree char *from_path = in_root (f, from);
  g_autofree char *to_path = in_root (f, to);

  g_assert_cmpint (g_rename (from_path, to_path), ==, 0);
}

static void
drop (Fixture *f, const char *name)
{
  g_autofree char *path = in_root (f, name);

  g_assert_cmpint (g_remove (path), ==, 0);
}

/* Waits for one more try; then there are no further ones. */
static void
assert_tried (Fixture *f)
{
  guint before = f->tries;

  wait_until (f->tries > before);
  run_for (40);
  /* Two events of one thing (made, and then renamed or changed) may be two. */
  g_assert_cmpuint (f->tries, <=, before + 2);
}

static void
assert_quiet (Fixture *f)
{
  guint before = f->tries;

  run_for (40);
  g_assert_cmpuint (f->tries, ==, before);
}

/* --- events --- */

static void
test_appears (Fixture *f, gconstpointer unused)
{
  make_folder (f, "a/b");
  begin (f);
  make_file (f, "a/b/other");
  make_file (f, "a/b/qmp2");
  make_file (f, "a/qmp");
  assert_quiet (f);
  make_file (f, "a/b/qmp");
  assert_tried (f);
}

static void
test_folders_appear (Fixture *f, gconstpointer unused)
{
  begin (f);
  make_folder (f, "c/b");
  make_file (f, "c/b/qmp");
  make_folder (f, "a");
  assert_quiet (f);
  make_folder (f, "a/b");
  assert_quiet (f);
  make_file (f, "a/b/qmp");
  assert_tried (f);
}

/* All of it in one go, before anyone can have looked in between. */
static void
test_all_appears (Fixture *f, gconstpointer unused)
{
  begin (f);
  make_folder (f, "a/b");
  make_file (f, "a/b/qmp");
  assert_tried (f);
}

static void
test_moved_in (Fixture *f, gconstpointer unused)
{
  make_folder (f, "a/b");
  make_folder (f, "c/b");
  begin (f);
  make_file (f, "a/b/qmp.new");
  move (f, "a/b/qmp.new", "a/b/qmp");
  assert_tried (f);
  drop (f, "a/b/qmp");
  assert_quiet (f);

  /* A whole folder takes the place of another. */
  make_file (f, "c/b/qmp");
  move (f, "a/b", "a/x");
  assert_quiet (f);
  move (f, "c/b", "a/b");
  assert_tried (f);
}

/* QEMU that starts anew; its management makes even the folder anew. */
static void
test_comes_back (Fixture *f, gconstpointer unused)
{
  make_folder (f, "a/b");
  begin (f);
  for (guint i = 0; i < 3; i++)
    {
      make_file (f, "a/b/qmp");
      assert_tried (f);
      drop (f, "a/b/qmp");
      assert_quiet (f);
    }
  for (guint i = 0; i < 3; i++)
    {
      drop (f, "a/b");
      if (i > 0)
        drop (f, "a");
      assert_quiet (f);
      make_folder (f, "a/b");
      make_file (f, "a/b/qmp");
      assert_tried (f);
      drop (f, "a/b/qmp");
    }
}

static void
test_rights_change (Fixture *f, gconstpointer unused)
{
  make_folder (f, "a/b");
  make_file (f, "a/b/qmp");
  begin (f);
  assert_quiet (f);
  g_assert_cmpint (g_chmod (f->path, 0666), ==, 0);
  assert_tried (f);
}

static void
test_symbolic_link (Fixture *f, gconstpointer unused)
{
  g_autofree char *link = in_root (f, "a");

  make_folder (f, "elsewhere/b");
  g_assert_cmpint (symlink ("elsewhere", link), ==, 0);
  begin (f);
  make_file (f, "elsewhere/b/qmp");
  assert_tried (f);
}

/* A folder is switched for another of the same name: what is watched for is the same, where is not. */
static void
test_folder_switched (Fixture *f, gconstpointer unused)
{
  g_autofree char *link = in_root (f, "a/b");
  g_autofree char *new_link = in_root (f, "a/b.new");

  make_folder (f, "a");
  make_folder (f, "first");
  make_folder (f, "second");
  g_assert_cmpint (symlink ("../first", link), ==, 0);
  begin (f);
  g_assert_cmpint (symlink ("../second", new_link), ==, 0);
  assert_quiet (f);
  move (f, "a/b.new", "a/b");
  assert_quiet (f);
  make_file (f, "first/qmp");
  assert_quiet (f);
  make_file (f, "second/qmp");
  assert_tried (f);
}

/* However often it comes and goes, there is no more than one try in the time that is set for that. */
static void
test_storm (Fixture *f, gconstpointer unused)
{
  gint64 end = g_get_monotonic_time () + 300 * 1000;

  make_folder (f, "a/b");
  begin (f);
  while (g_get_monotonic_time () < end)
    {
      make_file (f, "a/b/qmp");
      g_main_context_iteration (NULL, FALSE);
      drop (f, "a/b/qmp");
      g_main_context_iteration (NULL, FALSE);
    }
  make_file (f, "a/b/qmp");
  assert_tried (f);
  for (guint i = 1; i < f->tries; i++)
    g_assert_cmpint (f->tried[i] - f->tried[i - 1], >=, 19 * 1000);
}

/* --- timers --- */

/* Each try fails in the same way: how far apart are they? */
static void
try_on (Fixture *f, HpVmWait wait, guint n)
{
  f->tries = 0;
  f->tried[f->tries++] = g_get_monotonic_time ();
  for (guint i = 1; i <= n; i++)
    {
      hp_vm_watch_wait (f->watch, wait);
      wait_until (f->tries == i + 1);
    }
}

static void
assert_waits (Fixture *f, const guint *expected, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      gint64 waited = (f->tried[i + 1] - f->tried[i]) / 1000;

      g_assert_cmpint (waited, >=, expected[i] - 1);
      g_assert_cmpint (waited, <, expected[i] + 1000); /* a busy machine */
    }
}

static void
test_back_off (Fixture *f, gconstpointer unused)
{
  static const guint listener[] = { 10, 20, 40, 80, 80 };
  static const guint held[] = { 40, 80, 80 };

  f->times = (HpVmTimes){ .event = 20, .first = 10, .held = 40, .longest = 80 };
  begin (f);
  try_on (f, HP_VM_WAIT_LISTENER, G_N_ELEMENTS (listener));
  assert_waits (f, listener, G_N_ELEMENTS (listener));
  hp_vm_watch_stop (f->watch);
  hp_vm_watch_start (f->watch);
  try_on (f, HP_VM_WAIT_HELD, G_N_ELEMENTS (held));
  assert_waits (f, held, G_N_ELEMENTS (held));
  /* Without a socket there is nothing to hurry for; with it, all begins anew. */
  try_on (f, HP_VM_WAIT_SOCKET, 1);
  assert_waits (f, (const guint[]){ 80 }, 1);
  try_on (f, HP_VM_WAIT_LISTENER, 1);
  assert_waits (f, (const guint[]){ 10 }, 1);
}

/* Waits of seconds fall together with those of others, in one wake-up. */
static void
test_long_wait (Fixture *f, gconstpointer unused)
{
  f->times = (HpVmTimes){ .event = 20, .first = 1, .held = 2000, .longest = 3900 };
  begin (f);
  hp_vm_watch_wait (f->watch, HP_VM_WAIT_LISTENER);
  wait_until (f->tries == 1);
  g_assert_cmpuint (n_seconds, ==, 0);
  try_on (f, HP_VM_WAIT_HELD, 2);
  assert_waits (f, (const guint[]){ 20, 30 }, 2);
  g_assert_cmpuint (n_seconds, ==, 2);
}

static void
test_event_ends_wait (Fixture *f, gconstpointer unused)
{
  make_folder (f, "a/b");
  begin (f);
  hp_vm_watch_wait (f->watch, HP_VM_WAIT_SOCKET);
  make_file (f, "a/b/qmp");
  assert_tried (f);
}

static void
count_try (gpointer count)
{
  ++*(guint *)count;
}

/* An event has made a try due, when one that began before it fails: its wait is not for this. */
static void
test_event_outlasts_wait (Fixture *f, gconstpointer unused)
{
  static const HpVmWait waits[] = { HP_VM_WAIT_SOCKET, HP_VM_WAIT_LISTENER, HP_VM_WAIT_HELD };

  make_folder (f, "a/b");
  for (guint i = 0; i < G_N_ELEMENTS (waits); i++)
    {
      HpVmTimes soon = f->times, late = f->times;
      g_autoptr (HpVmWatch) other = NULL;
      guint heard = 0;

      /* One that tries at once tells when the other has heard. */
      soon.event = 1;
      late.event = 300;
      f->watch = hp_vm_watch_new (f->path, &late, on_try, f);
      other = hp_vm_watch_new (f->path, &soon, count_try, &heard);
      hp_vm_watch_start (f->watch);
      hp_vm_watch_start (other);
      make_file (f, "a/b/qmp");
      wait_until (f->tries == 2 * i + 1);
      drop (f, "a/b/qmp");
      run_for (20);
      heard = 0;
      make_file (f, "a/b/qmp");
      wait_until (heard > 0);
      run_for (10);
      hp_vm_watch_wait (f->watch, waits[i]);
      wait_until (f->tries == 2 * i + 2);
      g_assert_cmpuint (n_seconds, ==, 0);
      drop (f, "a/b/qmp");
      g_clear_pointer (&f->watch, hp_vm_watch_free);
    }
}

/* What came while nobody heard of events is found by the timer. */
static void
test_timer_looks (Fixture *f, gconstpointer unused)
{
  f->times.longest = 20;
  begin (f);
  hp_vm_watch_wait (f->watch, HP_VM_WAIT_SOCKET);
  wait_until (f->tries == 1);
}

/* --- to the end --- */

static void
test_stop (Fixture *f, gconstpointer unused)
{
  make_folder (f, "a/b");
  f->times.longest = 10;
  begin (f);
  hp_vm_watch_wait (f->watch, HP_VM_WAIT_SOCKET);
  hp_vm_watch_stop (f->watch);
  make_file (f, "a/b/qmp");
  assert_quiet (f);
  drop (f, "a/b/qmp");
  hp_vm_watch_start (f->watch);
  make_file (f, "a/b/qmp");
  assert_tried (f);
}

static void
test_freed_by_handler (void)
{
  for (guint i = 0; i < 2; i++)
    {
      Fixture f = { NULL };

      set_up (&f, NULL);
      f.frees = TRUE;
      f.times.longest = 10;
      make_folder (&f, "a/b");
      begin (&f);
      if (i == 0)
        hp_vm_watch_wait (f.watch, HP_VM_WAIT_SOCKET);
      else
        make_file (&f, "a/b/qmp");
      wait_until (f.tries == 1);
      make_folder (&f, "a/b/qmp.d");
      assert_quiet (&f);
      g_assert_null (f.watch);
      tear_down (&f, NULL);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/vm-watch/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("appears", test_appears);
  ADD ("folders-appear", test_folders_appear);
  ADD ("all-appears", test_all_appears);
  ADD ("moved-in", test_moved_in);
  ADD ("comes-back", test_comes_back);
  ADD ("rights-change", test_rights_change);
  ADD ("symbolic-link", test_symbolic_link);
  ADD ("folder-switched", test_folder_switched);
  ADD ("storm", test_storm);
  ADD ("back-off", test_back_off);
  ADD ("long-wait", test_long_wait);
  ADD ("event-ends-wait", test_event_ends_wait);
  ADD ("event-outlasts-wait", test_event_outlasts_wait);
  ADD ("timer-looks", test_timer_looks);
  ADD ("stop", test_stop);
  g_test_add_func ("/vm-watch/freed-by-handler", test_freed_by_handler);
  return g_test_run ();
}
