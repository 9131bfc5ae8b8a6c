/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state-file.h"

#include "fd.h"
#include "read-file.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBLEM_MAX 4096  /* bytes */
#define TEMPORARY ".tmp-" /* between the file's name and six random letters */

/* "/var/lib/hotplugger/.state.json.tmp-": what the temporary files of @path begin with. */
static char *
temporary_prefix (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *hidden = g_strconcat (".", name, TEMPORARY, NULL);

  return g_build_filename (folder, hidden, NULL);
}

/* Temporary files of a run that was killed while it wrote. */
static void
remove_leftovers (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *prefix = temporary_prefix (path);
  g_autofree char *name_prefix = g_path_get_basename (prefix);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name = NULL;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *leftover = NULL;

      if (!g_str_has_prefix (name, name_prefix))
        continue;
      leftover = g_build_filename (folder, name, NULL);
      unlink (leftover);
    }
}

/* Moves the file out of the way under a name that is free. Returns what was done, for people. */
static char *
set_aside (const char *path)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *aside =
          g_strdup_printf (i == 0 ? "%s.corrupt-%" G_GINT64_FORMAT : "%s.corrupt-%" G_GINT64_FORMAT "-%u", path, now,
                           i);

      if (renameat2 (AT_FDCWD, path, AT_FDCWD, aside, RENAME_NOREPLACE) == 0)
        return g_strdup_printf ("set aside as %s", aside);
      if (errno != EEXIST)
        return g_strdup_printf ("setting it aside as %s failed: %s", aside, g_strerror (errno));
    }
  return g_strdup ("there was no free name to set it aside");
}

HpState *
hp_state_file_load (const char *path, char **ret_problem, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) cause = NULL;
  g_autofree char *done = NULL, *problem = NULL;
  HpState *state = NULL;
  gsize length = 0;
  const char *data = NULL;

  remove_leftovers (path);
  if (ret_problem != NULL)
    *ret_problem = NULL;
  bytes = hp_read_file (path, HP_STATE_SIZE_MAX, NULL, &cause);
  if (bytes != NULL)
    {
      data = g_bytes_get_data (bytes, &length);
      state = hp_state_from_json (data != NULL ? data : "", length, &cause);
    }
  if (state != NULL)
    return state;
  if (g_error_matches (cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    return hp_state_new ();
  if (bytes == NULL && !g_error_matches (cause, G_FILE_ERROR, G_FILE_ERROR_NOSPC))
    {
      problem = hp_text_safe (path, PROBLEM_MAX);
      g_set_error (error, cause->domain, cause->code, "reading the state %s: %s", problem, cause->message);
      return NULL;
    }
  done = set_aside (path);
  problem = g_strdup_printf ("reading the state %s: %s; what was chosen at run time is lost (%s)", path, cause->message,
                             done);
  if (ret_problem != NULL)
    *ret_problem = hp_text_safe (problem, PROBLEM_MAX);
  return hp_state_new ();
}

typedef struct
{
  char *path;
  char *text;
} Save;

static void
save_free (Save *save)
{
  g_free (save->path);
  g_free (save->text);
  g_free (save);
}

static gboolean
set_errno (GError **error, const char *doing, const char *path, int code)
{
  g_autofree char *shown = hp_text_safe (path, PROBLEM_MAX);

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "saving the state %s: %s: %s", shown, doing,
               g_strerror (code));
  return FALSE;
}

static gboolean
write_all (int fd, const char *text)
{
  gsize left = strlen (text);

  while (left > 0)
    {
      gssize n = write (fd, text, left);

      if (n < 0 && errno != EINTR)
        return FALSE;
      if (n > 0)
        {
          text += n;
          left -= n;
        }
    }
  return TRUE;
}

/* Makes the rename last. Some file systems cannot, and say EINVAL. */
static gboolean
sync_folder (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_auto (HpFd) fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0 || (fsync (fd) < 0 && errno != EINVAL))
    return set_errno (error, "syncing the folder", path, errno);
  return TRUE;
}

/* Writes @text to @temporary, new from mkostemp(), and puts it in the place of @path. */
static gboolean
fill_and_rename (HpFd fd, const char *temporary, const Save *save, GError **error)
{
  if (!write_all (fd, save->text))
    return set_errno (error, "writing", save->path, errno);
  /* Before the rename, or a power cut may leave the new name with nothing in it. */
  if (fsync (fd) < 0)
    return set_errno (error, "syncing", save->path, errno);
  if (rename (temporary, save->path) < 0)
    return set_errno (error, "renaming", save->path, errno);
  return TRUE;
}

static gboolean
save_now (const Save *save, GError **error)
{
  g_autofree char *prefix = temporary_prefix (save->path);
  g_autofree char *temporary = g_strconcat (prefix, "XXXXXX", NULL);
  g_auto (HpFd) fd = mkostemp (temporary, O_CLOEXEC); /* mode 0600 */

  if (fd < 0)
    return set_errno (error, "making a temporary file beside it", save->path, errno);
  if (!fill_and_rename (fd, temporary, save, error))
    {
      unlink (temporary);
      return FALSE;
    }
  return sync_folder (save->path, error);
}

static void
save_in_thread (GTask *task, gpointer source, gpointer save, GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;

  if (g_cancellable_set_error_if_cancelled (cancellable, &error) || !save_now (save, &error))
    g_task_return_error (task, g_steal_pointer (&error));
  else
    g_task_return_boolean (task, TRUE);
}

void
hp_state_file_save_async (const char *path, const HpState *state, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  Save *save = g_new0 (Save, 1);

  save->path = g_strdup (path);
  save->text = hp_state_to_json (state);
  g_task_set_source_tag (task, hp_state_file_save_async);
  g_task_set_task_data (task, save, (GDestroyNotify)save_free);
  /* A save that was made is not to be told as cancelled. */
  g_task_set_check_cancellable (task, FALSE);
  /* What is written must be readable by hp_state_from_json(). */
  if (g_hash_table_size (state->choices) > HP_STATE_CHOICES_MAX || strlen (save->text) > HP_STATE_SIZE_MAX)
    {
      g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                               "saving the state: more than the %d choices or %d bytes allowed", HP_STATE_CHOICES_MAX,
                               HP_STATE_SIZE_MAX);
      return;
    }
  g_task_run_in_thread (task, save_in_thread);
}

gboolean
hp_state_file_save_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_async_result_is_tagged (result, hp_state_file_save_async), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
