/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read-file.h"

#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <unistd.h>

static gboolean
set_errno (GError **error, int code)
{
  g_set_error_literal (error, G_FILE_ERROR, g_file_error_from_errno (code), g_strerror (code));
  return FALSE;
}

static gboolean
check_file (const struct stat *info, gsize max, GError **error)
{
  if (!S_ISREG (info->st_mode))
    {
      g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "not a regular file");
      return FALSE;
    }
  if (info->st_size > (goffset)max)
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC, "%" G_GINT64_FORMAT " bytes, more than the %zu allowed",
                   (gint64)info->st_size, max);
      return FALSE;
    }
  return TRUE;
}

GBytes *
hp_read_file (const char *path, gsize max, struct stat *ret_stat, GError **error)
{
  /* O_NONBLOCK: opening a FIFO for reading waits for a writer otherwise. */
  g_auto (HpFd) fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint8 chunk[16 * 1024];
  struct stat info;
  gssize n = 0;

  if (fd < 0 || fstat (fd, &info) < 0)
    {
      set_errno (error, errno);
      return NULL;
    }
  if (!check_file (&info, max, error))
    return NULL;
  while ((n = read (fd, chunk, sizeof chunk)) != 0)
    {
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          set_errno (error, errno);
          return NULL;
        }
      g_byte_array_append (bytes, chunk, n);
      info.st_size = bytes->len; /* it may grow while it is read */
      if (!check_file (&info, max, error))
        return NULL;
    }
  if (ret_stat != NULL)
    *ret_stat = info;
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}
