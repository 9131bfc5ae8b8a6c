/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read-file.h"

#include <dlfcn.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What read() is to do instead of reading: errno values, one a call; 0 reads. */
static struct
{
  int errors[4];
  guint calls;
  const char *grows; /* a file that grows by a byte at each call */
} reads;

/* Stands before the C library's. */
ssize_t
read (int fd, void *buffer, size_t length)
{
  ssize_t (*real) (int, void *, size_t) = (ssize_t (*) (int, void *, size_t))dlsym (RTLD_NEXT, "read");
  guint call = reads.calls++;

  if (reads.grows != NULL)
    g_assert_cmpint (truncate (reads.grows, (off_t)(16 * 1024 * (call + 1) + 1)), ==, 0);
  if (call >= G_N_ELEMENTS (reads.errors) || reads.errors[call] == 0)
    return real (fd, buffer, length);
  errno = reads.errors[call];
  return -1;
}

typedef struct
{
  char *folder, *path;
} Fixture;

static void
set_up (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  f->folder = g_dir_make_tmp ("hp-read-XXXXXX", &error);
  g_assert_no_error (error);
  f->path = g_build_filename (f->folder, "file", NULL);
  g_file_set_contents (f->path, "1234567890", -1, &error);
  g_assert_no_error (error);
  memset (&reads, 0, sizeof reads);
}

static void
tear_down (Fixture *f, gconstpointer unused)
{
  memset (&reads, 0, sizeof reads);
  g_remove (f->path);
  g_rmdir (f->folder);
  g_free (f->path);
  g_free (f->folder);
}

static void
assert_fails (const char *path, gsize max, int code)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (hp_read_file (path, max, NULL, &error));
  g_assert_error (error, G_FILE_ERROR, code);
  g_assert_cmpuint (strlen (error->message), >, 0);
}

static void
test_whole (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL, empty = NULL;
  struct stat info;

  reads.errors[0] = EINTR;
  reads.errors[2] = EINTR;
  bytes = hp_read_file (f->path, 10, &info, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "1234567890", 10);
  g_assert_cmpint (info.st_size, ==, 10);
  g_assert_true (S_ISREG (info.st_mode));
  g_file_set_contents (f->path, "", 0, &error);
  g_assert_no_error (error);
  empty = hp_read_file (f->path, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (empty), ==, 0);
}

static void
test_refused (Fixture *f, gconstpointer unused)
{
  g_autofree char *missing = g_build_filename (f->folder, "missing", NULL);
  g_autofree char *fifo = g_build_filename (f->folder, "fifo", NULL);

  assert_fails (f->path, 9, G_FILE_ERROR_NOSPC);
  assert_fails (missing, 9, G_FILE_ERROR_NOENT);
  assert_fails (f->folder, 9, G_FILE_ERROR_INVAL);
  assert_fails ("/dev/zero", 9, G_FILE_ERROR_INVAL);
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  assert_fails (fifo, 9, G_FILE_ERROR_INVAL);
  g_assert_cmpint (g_remove (fifo), ==, 0);
}

static void
test_breaks (Fixture *f, gconstpointer unused)
{
  reads.errors[1] = EIO;
  assert_fails (f->path, 10, G_FILE_ERROR_IO);
}

/* It was small when it was looked at. */
static void
test_grows (Fixture *f, gconstpointer unused)
{
  reads.grows = f->path;
  assert_fails (f->path, 64 * 1024, G_FILE_ERROR_NOSPC);
  g_assert_cmpuint (reads.calls, <, 10);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/read-file/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("whole", test_whole);
  ADD ("refused", test_refused);
  ADD ("breaks", test_breaks);
  ADD ("grows", test_grows);
  return g_test_run ();
}
