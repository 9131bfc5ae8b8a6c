/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state-file.h"

#include <dlfcn.h>
#include <errno.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT "pci-0000:00:14.0-usbv2-0:1"
#define SAVE_FOR_EVER "HP_TEST_STATE" /* environment: the path, for the process that is killed */

/*
 * These stand before the C library's, so that the tests see what is synced and when, and can make a step fail.
 * Written by the worker thread, read after it has answered.
 */
static struct
{
  GString *steps;
  const char *fail; /* the step to refuse */
  int error;
} calls;

static int
step (const char *name)
{
  if (calls.steps == NULL)
    return 0;
  g_string_append_printf (calls.steps, "%s;", name);
  if (g_strcmp0 (calls.fail, name) != 0)
    return 0;
  errno = calls.error;
  return -1;
}

int
fsync (int fd)
{
  struct stat info;
  int (*real) (int) = (int (*) (int))dlsym (RTLD_NEXT, "fsync");

  g_assert_cmpint (fstat (fd, &info), ==, 0);
  return step (S_ISDIR (info.st_mode) ? "sync folder" : "sync file") < 0 ? -1 : real (fd);
}

int
rename (const char *from, const char *to)
{
  int (*real) (const char *, const char *) = (int (*) (const char *, const char *))dlsym (RTLD_NEXT, "rename");

  return step ("rename") < 0 ? -1 : real (from, to);
}

typedef struct
{
  char *root, *path;
} Fixture;

static int
remove_one (const char *path, const struct stat *info, int type, struct FTW *ftw)
{
  return g_remove (path);
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **)user_data = g_object_ref (result);
}

static gboolean
save (const char *path, const HpState *state, GCancellable *cancellable, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  hp_state_file_save_async (path, state, cancellable, keep_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return hp_state_file_save_finish (result, error);
}

/* A state with one choice whose VM is called @vm. */
static HpState *
state_of (const char *vm)
{
  HpState *state = hp_state_new ();
  const char *vms[] = { vm, NULL };

  hp_state_put (state, hp_choice_new (PORT, vms, HP_RESERVE_ALWAYS, 1700000000, 1000));
  return state;
}

static char *
vm_of (const HpState *state)
{
  const HpChoice *choice = g_hash_table_lookup (state->choices, PORT);

  return g_strdup (choice != NULL ? choice->vms[0] : NULL);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* What is in the folder, sorted, with the digits of times as '#'. */
static char *
list_folder (const char *root)
{
  g_autoptr (GDir) dir = g_dir_open (root, 0, NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  GString *list = g_string_new ("");
  const char *name = NULL;

  while ((name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (names, g_strdup (name));
  for (guint i = 0; i < names->len; i++)
    for (char *at = names->pdata[i]; *at != '\0'; at++)
      if (g_ascii_isdigit (*at))
        *at = '#';
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++)
    g_string_append_printf (list, "%s;", (char *)names->pdata[i]);
  return g_string_free (list, FALSE);
}

static void
assert_folder (const Fixture *fixture, const char *pattern)
{
  g_autofree char *list = list_folder (fixture->root);

  if (!g_pattern_match_simple (pattern, list))
    g_error ("expected \"%s\" in the folder, got \"%s\"", pattern, list);
}

static void
assert_vm (const Fixture *fixture, const char *expected)
{
  g_autofree char *problem = NULL, *vm = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (HpState) state = hp_state_file_load (fixture->path, &problem, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (problem, ==, NULL);
  vm = vm_of (state);
  g_assert_cmpstr (vm, ==, expected);
}

static void
test_save (const Fixture *fixture)
{
  g_autoptr (HpState) state = state_of ("one");
  g_autoptr (HpState) second = state_of ("two");
  g_autoptr (GError) error = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  struct stat info;
  mode_t old_mask = umask (0);

  assert_vm (fixture, NULL);
  g_string_truncate (calls.steps, 0);
  g_assert_true (save (fixture->path, state, NULL, &error));
  umask (old_mask);
  g_assert_cmpstr (calls.steps->str, ==, "sync file;rename;sync folder;");
  g_assert_cmpint (stat (fixture->path, &info), ==, 0);
  g_assert_cmpuint (info.st_mode, ==, S_IFREG | 0600);
  assert_vm (fixture, "one");

  /* What is written is the state when it was asked for, not what has become of it since. */
  hp_state_file_save_async (fixture->path, second, NULL, keep_result, &result);
  g_hash_table_remove_all (second->choices);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (hp_state_file_save_finish (result, &error));
  assert_vm (fixture, "two");
  assert_folder (fixture, "state.json;");
}

static void
test_fail (const Fixture *fixture)
{
  static const struct
  {
    const char *step, *message;
    int error, code;
    gboolean renamed;
  } cases[] = {
    { "sync file", "saving the state */state.json: syncing: Input/output error", EIO, G_IO_ERROR_FAILED, FALSE },
    { "sync file", "*: syncing: No space left on device", ENOSPC, G_IO_ERROR_NO_SPACE, FALSE },
    { "rename", "*: renaming: Read-only file system", EROFS, G_IO_ERROR_READ_ONLY, FALSE },
    { "sync folder", "*: syncing the folder: Input/output error", EIO, G_IO_ERROR_FAILED, TRUE },
    { "sync folder", NULL, EINVAL, 0, TRUE },
  };
  g_autoptr (HpState) old = state_of ("old");
  g_autoptr (HpState) new = state_of ("new");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      gboolean ok = FALSE;

      calls.fail = NULL;
      g_assert_true (save (fixture->path, old, NULL, &error));
      calls.fail = cases[i].step;
      calls.error = cases[i].error;
      ok = save (fixture->path, new, NULL, &error);
      calls.fail = NULL;
      g_assert_cmpint (ok, ==, cases[i].message == NULL);
      if (!ok && !g_pattern_match_simple (cases[i].message, error->message))
        g_error ("expected \"%s\", got \"%s\"", cases[i].message, error->message);
      if (!ok)
        g_assert_cmpint (error->code, ==, cases[i].code);
      assert_vm (fixture, cases[i].renamed ? "new" : "old");
      assert_folder (fixture, "state.json;");
    }
}

static void
test_fail_early (const Fixture *fixture)
{
  g_autofree char *nowhere = g_build_filename (fixture->root, "none", "state.json", NULL);
  g_autoptr (HpState) state = state_of ("one");
  g_autoptr (HpState) many = hp_state_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_assert_false (save (nowhere, state, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_cancellable_cancel (cancellable);
  g_assert_false (save (fixture->path, state, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  for (guint i = 0; i <= HP_STATE_CHOICES_MAX; i++)
    {
      g_autofree char *port = g_strdup_printf ("%s.%u", PORT, i);

      hp_state_put (many, hp_choice_new (port, NULL, HP_RESERVE_NEVER, 0, 0));
    }
  g_assert_false (save (fixture->path, many, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  assert_folder (fixture, "");
}

/* A disk without room: the old file stands, nothing is left over. Works on a limit of size, which needs no rights. */
static void
test_file_limit (const Fixture *fixture)
{
  g_autoptr (HpState) old = state_of ("old");
  g_autoptr (HpState) big = hp_state_new ();
  g_autoptr (GError) error = NULL;
  struct rlimit limit, small;
  gboolean ok = TRUE;

  g_assert_true (save (fixture->path, old, NULL, &error));
  for (guint i = 1; i < 250; i++)
    {
      g_autofree char *port = g_strdup_printf ("%s.%u", PORT, i);

      hp_state_put (big, hp_choice_new (port, NULL, HP_RESERVE_NEVER, 0, 0));
    }
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  small = limit;
  small.rlim_cur = 8192;
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  ok = save (fixture->path, big, NULL, &error);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  g_assert_false (ok);
  g_assert_true (g_str_has_suffix (error->message, "state.json: writing: File too large"));
  assert_vm (fixture, "old");
  assert_folder (fixture, "state.json;");
  g_clear_error (&error);
  g_assert_true (save (fixture->path, big, NULL, &error));
}

/* The same on a file system that is full, in a mount namespace of a process of its own. */
static void
test_full_disk (const Fixture *fixture)
{
  if (g_test_subprocess ())
    {
      g_autofree char *path = g_build_filename (fixture->root, "full", "state.json", NULL);
      g_autofree char *filler = g_build_filename (fixture->root, "full", "filler", NULL);
      g_autofree char *folder = g_path_get_dirname (path);
      g_autoptr (HpState) state = state_of ("old");
      g_autoptr (HpState) new = state_of ("new");
      g_autoptr (GError) error = NULL;
      Fixture full = { folder, path };
      g_autofree char *zeros = g_malloc0 (4096);
      FILE *file = NULL;

      g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
      if (unshare (CLONE_NEWNS) < 0 || mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
          || mount ("tmpfs", folder, "tmpfs", 0, "size=64k,mode=0700") < 0)
        {
          g_printerr ("cannot mount here: %s\n", g_strerror (errno));
          return;
        }
      g_assert_true (save (path, state, NULL, &error));
      file = fopen (filler, "w");
      while (fwrite (zeros, 4096, 1, file) == 1 && fflush (file) == 0)
        ;
      fclose (file);
      g_assert_false (save (path, new, NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
      assert_vm (&full, "old");
      assert_folder (&full, "filler;state.json;");
      g_clear_error (&error);
      g_assert_cmpint (g_remove (filler), ==, 0);
      g_assert_true (save (path, new, NULL, &error));
      assert_vm (&full, "new");
      g_assert_cmpint (umount (folder), ==, 0);
      g_printerr ("tried on a full disk\n");
      return;
    }
  if (geteuid () != 0)
    {
      g_test_skip ("needs root to mount a small file system");
      return;
    }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  if (!g_test_trap_has_passed ())
    return;
  g_test_trap_assert_stderr ("*ed on a full disk*");
}

/* What is no state is set aside, whole, and an empty one is used. */
static void
test_corrupt (const Fixture *fixture)
{
  static const char *const texts[] = { "", "garbage", "{\"version\":2,\"choices\":[]}", "\xff" };
  g_autoptr (HpState) state = state_of ("one");
  g_autoptr (GError) error = NULL;
  g_autofree char *big = g_strnfill (HP_STATE_SIZE_MAX + 1, ' ');

  for (gsize i = 0; i <= G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *problem = NULL;
      g_autoptr (HpState) empty = NULL;

      g_assert_true (g_file_set_contents (fixture->path, i < G_N_ELEMENTS (texts) ? texts[i] : big, -1, NULL));
      empty = hp_state_file_load (fixture->path, &problem, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (g_hash_table_size (empty->choices), ==, 0);
      g_assert_nonnull (strstr (problem, "what was chosen at run time is lost (set aside as /"));
      g_assert_true (g_utf8_validate (problem, -1, NULL));
      assert_vm (fixture, NULL);
    }
  /* All five are there, none took another's place, though most were of one second. */
  assert_folder (fixture, "state.json.corrupt-##########*;*corrupt*;*corrupt*;*corrupt*;*corrupt*;");
  g_assert_true (save (fixture->path, state, NULL, &error));
  assert_vm (fixture, "one");
  g_assert_true (g_file_set_contents (fixture->path, "x", -1, NULL));
  hp_state_free (hp_state_file_load (fixture->path, NULL, NULL));
}

static void
test_unreadable (const Fixture *fixture)
{
  g_autofree char *problem = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (mkfifo (fixture->path, 0600), ==, 0);
  g_assert_null (hp_state_file_load (fixture->path, &problem, &error));
  g_assert_true (g_str_has_suffix (error->message, "/state.json: not a regular file"));
  g_assert_null (problem);
  assert_folder (fixture, "state.json;");
}

/* What a killed run left beside the file goes; what others keep there stays. */
static void
test_leftovers (const Fixture *fixture)
{
  static const char *const names[] = { ".state.json.tmp-AbC", ".state.json.tmp-", ".other.json.tmp-AbC",
                                       "state.json.old" };
  g_autoptr (HpState) state = state_of ("one");
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (fixture->root, names[i], NULL);

      g_assert_true (g_file_set_contents (path, "{", -1, NULL));
    }
  g_assert_true (save (fixture->path, state, NULL, &error));
  assert_vm (fixture, "one");
  assert_folder (fixture, ".other.json.tmp-AbC;state.json;state.json.old;");
}

/* Saves for ever. */
static void
test_killed_child (const char *path)
{
  g_autoptr (HpState) first = state_of ("first");
  g_autoptr (HpState) second = state_of ("second");

  for (guint i = 0;; i++)
    g_assert_true (save (path, i % 2 == 0 ? second : first, NULL, NULL));
}

/* A process killed at any moment of saving leaves the old or the new state. */
static void
test_killed (const Fixture *fixture)
{
  g_autofree char *exe = g_file_read_link ("/proc/self/exe", NULL);
  const char *argv[] = { exe, "--GTestSubprocess", "-p", "/state-file/killed", NULL };
  g_autoptr (HpState) first = state_of ("first");
  g_auto (GStrv) env = g_environ_setenv (g_get_environ (), SAVE_FOR_EVER, fixture->path, TRUE);
  g_autoptr (GError) error = NULL;
  guint seen_new = 0;

  for (guint i = 0; i < 15; i++)
    {
      g_autofree char *problem = NULL, *vm = NULL;
      g_autoptr (HpState) state = NULL;
      struct stat before, now;
      GPid pid = 0;

      g_assert_true (save (fixture->path, first, NULL, &error));
      g_assert_cmpint (stat (fixture->path, &before), ==, 0);
      g_assert_true (g_spawn_async (NULL, (char **)argv, env, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL,
                                    NULL, NULL, &pid, NULL));
      now = before;
      for (guint j = 0; j < 20000 && now.st_ino == before.st_ino; j++)
        {
          g_usleep (1000);
          g_assert_cmpint (stat (fixture->path, &now), ==, 0);
        }
      g_assert_cmpuint (now.st_ino, !=, before.st_ino);
      g_usleep (377 * i);
      kill (pid, SIGKILL);
      waitpid (pid, NULL, 0);
      state = hp_state_file_load (fixture->path, &problem, &error);
      g_assert_no_error (error);
      g_assert_null (problem);
      vm = vm_of (state);
      g_assert_true (g_str_equal (vm, "first") || g_str_equal (vm, "second"));
      seen_new += g_str_equal (vm, "second");
    }
  g_test_message ("%u of 15 ended with the new state", seen_new);
  assert_folder (fixture, "state.json;");
}

static const struct
{
  const char *name;
  void (*run) (const Fixture *fixture);
} tests[] = {
  { "save", test_save },
  { "fail", test_fail },
  { "fail-early", test_fail_early },
  { "file-limit", test_file_limit },
  { "full-disk", test_full_disk },
  { "corrupt", test_corrupt },
  { "unreadable", test_unreadable },
  { "leftovers", test_leftovers },
  { "killed", test_killed },
};

static void
run (gconstpointer data)
{
  Fixture fixture = { 0 };

  calls.steps = g_string_new ("");
  fixture.root = g_dir_make_tmp ("hotplugger-test-XXXXXX", NULL);
  g_assert_nonnull (fixture.root);
  fixture.path = g_build_filename (fixture.root, "state.json", NULL);
  tests[GPOINTER_TO_SIZE (data)].run (&fixture);
  g_assert_cmpint (nftw (fixture.root, remove_one, 8, FTW_DEPTH | FTW_PHYS), ==, 0);
  g_free (fixture.root);
  g_free (fixture.path);
  g_string_free (g_steal_pointer (&calls.steps), TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (g_test_subprocess () && g_getenv (SAVE_FOR_EVER) != NULL)
    test_killed_child (g_getenv (SAVE_FOR_EVER));
  for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strdup_printf ("/state-file/%s", tests[i].name);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), run);
    }
  return g_test_run ();
}
