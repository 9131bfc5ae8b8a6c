/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config-files.h"

#include "yaml.h"

#include <ftw.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct
{
  char *root, *config, *folder;
  GPtrArray *warnings;
} Fixture;

static GLogWriterOutput
keep_warning (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  GPtrArray *warnings = user_data;

  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0 && level == G_LOG_LEVEL_WARNING)
      g_ptr_array_add (warnings, g_strdup (fields[i].value));
  return G_LOG_WRITER_HANDLED;
}

static void
set_up (Fixture *fixture, GPtrArray *warnings)
{
  g_ptr_array_set_size (warnings, 0);
  fixture->root = g_dir_make_tmp ("hotplugger-test-XXXXXX", NULL);
  g_assert_nonnull (fixture->root);
  fixture->config = g_build_filename (fixture->root, "config.yaml", NULL);
  fixture->folder = g_build_filename (fixture->root, "config.d", NULL);
  fixture->warnings = warnings;
}

static int
remove_one (const char *path, const struct stat *info, int type, struct FTW *ftw)
{
  return g_remove (path);
}

static void
tear_down (Fixture *fixture)
{
  g_assert_cmpint (nftw (fixture->root, remove_one, 8, FTW_DEPTH | FTW_PHYS), ==, 0);
  g_free (fixture->root);
  g_free (fixture->config);
  g_free (fixture->folder);
}

/* @name: relative to the root */
static char *write_file (Fixture *fixture, const char *name, const char *format, ...) G_GNUC_PRINTF (3, 4);
static char *
write_file (Fixture *fixture, const char *name, const char *format, ...)
{
  char *path = g_build_filename (fixture->root, name, NULL);
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_assert_cmpint (g_mkdir_with_parents (fixture->folder, 0755), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_assert_cmpint (chmod (path, 0644), ==, 0);
  return path;
}

static void
write_vm (Fixture *fixture, const char *file, const char *name)
{
  g_free (write_file (fixture, file, "virtual_machines:\n  %s:\n    socket: /run/%s.sock\n", name, name));
}

static void
assert_error (const Fixture *fixture, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HpConfig) config = hp_config_files_load (fixture->config, &error);

  g_assert_null (config);
  g_assert_nonnull (error);
  if (!g_pattern_match_simple (message, error->message))
    g_error ("expected \"%s\", got \"%s\"", message, error->message);
}

static void
assert_vms (const Fixture *fixture, const char *names)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HpConfig) config = hp_config_files_load (fixture->config, &error);
  g_autoptr (GString) found = g_string_new ("");

  g_assert_no_error (error);
  for (guint i = 0; i < config->vms->len; i++)
    g_string_append_printf (found, "%s%s", i > 0 ? " " : "", ((HpConfigVm *)config->vms->pdata[i])->name);
  g_assert_cmpstr (found->str, ==, names);
}

static void
test_order (Fixture *fixture)
{
  g_autofree char *link = g_build_filename (fixture->folder, "30-link.yaml", NULL);

  assert_vms (fixture, ""); /* neither file nor folder */
  write_vm (fixture, "config.yaml", "main");
  assert_vms (fixture, "main");
  write_vm (fixture, "config.d/20.yaml", "b");
  write_vm (fixture, "config.d/10.yaml", "a");
  write_vm (fixture, "config.d/Z.yaml", "z");
  write_vm (fixture, "config.d/é.yaml", "e");
  write_vm (fixture, "config.d/a b.yaml", "space");
  write_vm (fixture, "config.d/.hidden.yaml", "hidden");
  write_vm (fixture, "config.d/10.yaml~", "backup");
  write_vm (fixture, "config.d/10.yaml.dpkg-old", "old");
  write_vm (fixture, "config.d/10.yml", "yml");
  write_vm (fixture, "elsewhere", "linked");
  g_assert_cmpint (symlink ("../elsewhere", link), ==, 0);
  assert_vms (fixture, "main a b linked z space e");
  g_assert_cmpint (g_remove (fixture->config), ==, 0);
  assert_vms (fixture, "a b linked z space e");
}

static void
test_places (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HpConfig) config = NULL;
  g_autofree char *origin = g_strdup_printf ("%s/10.yaml:2", fixture->folder);
  g_autofree char *message = g_strdup_printf ("%s/20.yaml:2:3: expected each VM once, found \"a\" a second time, "
                                              "first at %s",
                                              fixture->folder, origin);
  g_autofree char *bad = NULL;

  write_vm (fixture, "config.d/10.yaml", "a");
  config = hp_config_files_load (fixture->config, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (hp_config_vm (config, "a")->origin, ==, origin);
  write_vm (fixture, "config.d/20.yaml", "a");
  assert_error (fixture, message);
  /* A name that is no text is shown as text. */
  g_free (write_file (fixture, "config.d/20.yaml", "%s", ""));
  bad = write_file (fixture, "config.d/1\xff\x1b.yaml", "[");
  assert_error (fixture, "*/config.d/1\xef\xbf\xbd*.yaml:1:2: *");
}

/* Everything that is not a small regular file is refused at once, none of it waited for. */
static void
test_kinds (Fixture *fixture)
{
  static const char *const names[] = { "config.yaml", "config.d/x.yaml" };

  g_assert_cmpint (g_mkdir_with_parents (fixture->folder, 0755), ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (fixture->root, names[i], NULL);
      g_autofree char *not_regular = g_strdup_printf ("reading the configuration %s: not a regular file", path);
      g_autofree char *too_big = g_strdup_printf ("reading the configuration %s: 1048577 bytes, more than the 1048576 "
                                                  "allowed",
                                                  path);
      g_autofree char *big = g_strnfill (HP_YAML_SIZE_MAX, '#');

      g_assert_cmpint (mkfifo (path, 0600), ==, 0);
      assert_error (fixture, not_regular);
      g_assert_cmpint (g_remove (path), ==, 0);
      g_assert_cmpint (g_mkdir (path, 0755), ==, 0);
      assert_error (fixture, not_regular);
      g_assert_cmpint (g_remove (path), ==, 0);
      g_assert_cmpint (symlink ("/dev/zero", path), ==, 0);
      assert_error (fixture, not_regular);
      g_assert_cmpint (g_remove (path), ==, 0);
      g_assert_cmpint (symlink (names[i], path), ==, 0);
      assert_error (fixture, i == 0 ? "reading the configuration *: *symbolic links*" : "*: No such file or directory");
      g_assert_cmpint (g_remove (path), ==, 0);
      g_assert_true (g_file_set_contents (path, big, HP_YAML_SIZE_MAX, NULL));
      assert_vms (fixture, "");
      g_assert_cmpint (truncate (path, HP_YAML_SIZE_MAX + 1), ==, 0);
      assert_error (fixture, too_big);
      g_assert_cmpint (g_remove (path), ==, 0);
    }
  /* A file that says it has no bytes and has many. */
  g_assert_cmpint (symlink ("/proc/self/maps", fixture->config), ==, 0);
  assert_error (fixture, "*/config.yaml:1:*");
}

static void
test_unreadable (Fixture *fixture)
{
  g_autofree char *message = g_strdup_printf ("reading the configuration: *%s*: Not a directory", fixture->folder);

  g_assert_true (g_file_set_contents (fixture->folder, "", -1, NULL));
  assert_error (fixture, message);
  g_assert_cmpint (g_remove (fixture->folder), ==, 0);
  write_vm (fixture, "config.yaml", "main");
  if (geteuid () == 0)
    {
      g_test_message ("root may read everything: no check of what may not be read");
      return;
    }
  g_assert_cmpint (chmod (fixture->config, 0), ==, 0);
  assert_error (fixture, "reading the configuration *: Permission denied");
  g_assert_cmpint (chmod (fixture->config, 0644), ==, 0);
  g_assert_cmpint (chmod (fixture->folder, 0), ==, 0);
  assert_error (fixture, "reading the configuration: *: Permission denied");
  g_assert_cmpint (chmod (fixture->folder, 0755), ==, 0);
}

static void
test_writable (Fixture *fixture)
{
  write_vm (fixture, "config.yaml", "main");
  g_assert_cmpint (chmod (fixture->config, 0664), ==, 0);
  assert_vms (fixture, "main");
  g_assert_cmpuint (fixture->warnings->len, ==, 0);
  g_assert_cmpint (chmod (fixture->config, 0666), ==, 0);
  g_assert_cmpint (chmod (fixture->folder, 0777), ==, 0);
  assert_vms (fixture, "main");
  g_assert_cmpuint (fixture->warnings->len, ==, 2);
  g_assert_true (g_str_has_prefix (fixture->warnings->pdata[0], fixture->config));
  g_assert_true (g_str_has_prefix (fixture->warnings->pdata[1], fixture->folder));
}

static void
test_too_many (Fixture *fixture)
{
  for (guint i = 0; i <= HP_CONFIG_FILES_MAX; i++)
    {
      g_autofree char *name = g_strdup_printf ("config.d/%u.yaml", i);

      g_free (write_file (fixture, name, "%s", ""));
    }
  assert_error (fixture, "reading the configuration *: more than the 1000 files allowed");
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **)user_data = g_object_ref (result);
}

static HpConfig *
load_async (const Fixture *fixture, GCancellable *cancellable, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  hp_config_files_load_async (fixture->config, cancellable, keep_result, &result);
  g_assert_null (result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return hp_config_files_load_finish (result, error);
}

static void
test_async (Fixture *fixture)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (HpConfig) config = NULL;

  write_vm (fixture, "config.yaml", "main");
  config = load_async (fixture, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (hp_config_vm (config, "main"));
  g_free (write_file (fixture, "config.d/x.yaml", "nonsense"));
  g_assert_null (load_async (fixture, NULL, &error));
  g_assert_error (error, HP_CONFIG_ERROR, HP_CONFIG_ERROR_INVALID);
  g_clear_error (&error);
  g_cancellable_cancel (cancellable);
  g_assert_null (load_async (fixture, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static const struct
{
  const char *name;
  void (*run) (Fixture *fixture);
} tests[] = {
  { "order", test_order },           { "places", test_places },     { "kinds", test_kinds },
  { "unreadable", test_unreadable }, { "writable", test_writable }, { "too-many", test_too_many },
  { "async", test_async },
};

static GPtrArray *all_warnings;

static void
run (gconstpointer data)
{
  Fixture fixture = { 0 };

  set_up (&fixture, all_warnings);
  tests[GPOINTER_TO_SIZE (data)].run (&fixture);
  tear_down (&fixture);
}

int
main (int argc, char **argv)
{
  g_autoptr (GPtrArray) warnings = g_ptr_array_new_with_free_func (g_free);

  g_test_init (&argc, &argv, NULL);
  all_warnings = warnings;
  g_log_set_writer_func (keep_warning, warnings, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strdup_printf ("/config-files/%s", tests[i].name);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), run);
    }
  return g_test_run ();
}
