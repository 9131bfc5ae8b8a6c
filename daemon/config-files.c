/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config-files.h"

#include "log.h"
#include "read-file.h"
#include "text.h"
#include "yaml.h"

#include <string.h>

#define FOLDER "config.d"
#define SUFFIX ".yaml"
#define NAME_MAX_SHOWN 4096

static void
warn_if_writable (const char *shown, const struct stat *info)
{
  if (info->st_mode & S_IWOTH)
    hp_warn (NULL,
             "%s: anybody may write here and so decide which USB ports are handed to whom; chmod o-w would end that",
             shown);
}

/* Adds one file to @config. @required: whether it must be there. */
static gboolean
add_file (HpConfig *config, const char *path, gboolean required, GError **error)
{
  g_autofree char *shown = hp_text_safe (path, NAME_MAX_SHOWN);
  g_autoptr (GError) cause = NULL;
  g_autoptr (GBytes) bytes = NULL;
  struct stat info;
  gsize length = 0;
  const char *data = NULL;

  bytes = hp_read_file (path, HP_YAML_SIZE_MAX, &info, &cause);
  if (bytes == NULL)
    {
      if (!required && g_error_matches (cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return TRUE;
      g_set_error (error, HP_CONFIG_ERROR, HP_CONFIG_ERROR_UNREADABLE, "reading the configuration %s: %s", shown,
                   cause->message);
      return FALSE;
    }
  warn_if_writable (shown, &info);
  data = g_bytes_get_data (bytes, &length);
  return hp_config_add_text (config, data != NULL ? data : "", length, shown, error);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* The names in the folder that count, sorted; empty where there is no folder. */
static GPtrArray *
list_folder (const char *folder, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *shown = hp_text_safe (folder, NAME_MAX_SHOWN);
  g_autoptr (GError) cause = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, &cause);
  struct stat info;
  const char *name = NULL;

  if (dir == NULL)
    {
      if (g_error_matches (cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return g_steal_pointer (&names);
      /* GLib's message names the folder. */
      g_set_error (error, HP_CONFIG_ERROR, HP_CONFIG_ERROR_UNREADABLE, "reading the configuration: %s", cause->message);
      return NULL;
    }
  if (stat (folder, &info) == 0)
    warn_if_writable (shown, &info);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      /* What editors and package managers leave beside a file starts with a dot or ends otherwise. */
      if (*name == '.' || !g_str_has_suffix (name, SUFFIX))
        continue;
      if (names->len >= HP_CONFIG_FILES_MAX)
        {
          g_set_error (error, HP_CONFIG_ERROR, HP_CONFIG_ERROR_UNREADABLE,
                       "reading the configuration %s: more than the %d files allowed", shown, HP_CONFIG_FILES_MAX);
          return NULL;
        }
      g_ptr_array_add (names, g_strdup (name));
    }
  g_ptr_array_sort (names, compare_names);
  return g_steal_pointer (&names);
}

HpConfig *
hp_config_files_load (const char *path, GError **error)
{
  g_autoptr (HpConfig) config = hp_config_new ();
  g_autofree char *parent = g_path_get_dirname (path);
  g_autofree char *folder = g_build_filename (parent, FOLDER, NULL);
  g_autoptr (GPtrArray) names = NULL;

  if (!add_file (config, path, FALSE, error))
    return NULL;
  names = list_folder (folder, error);
  if (names == NULL)
    return NULL;
  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *file = g_build_filename (folder, names->pdata[i], NULL);

      if (!add_file (config, file, TRUE, error))
        return NULL;
    }
  return g_steal_pointer (&config);
}

static void
load_in_thread (GTask *task, gpointer source, gpointer path, GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;
  HpConfig *config = hp_config_files_load (path, &error);

  if (config == NULL)
    g_task_return_error (task, g_steal_pointer (&error));
  else
    g_task_return_pointer (task, config, (GDestroyNotify)hp_config_free);
}

void
hp_config_files_load_async (const char *path, GCancellable *cancellable, GAsyncReadyCallback callback,
                            gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_source_tag (task, hp_config_files_load_async);
  g_task_set_task_data (task, g_strdup (path), g_free);
  g_task_run_in_thread (task, load_in_thread);
}

HpConfig *
hp_config_files_load_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, hp_config_files_load_async), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
