/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "usbfs.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Descriptors that come from the service manager's store: whose are they? */

/* A descriptor that is to pass for one of /dev/bus/usb: no real one can be made without the kernel's USB. */
static struct
{
  int fd;
  mode_t mode;
  dev_t rdev;
} posing = { .fd = -1 };

/* Stands before the C library's. */
int
fstat (int fd, struct stat *info)
{
  int (*real) (int, struct stat *) = (int (*) (int, struct stat *))dlsym (RTLD_NEXT, "fstat64");
  int result = real (fd, info);

  if (result == 0 && fd == posing.fd)
    {
      info->st_mode = posing.mode;
      info->st_rdev = posing.rdev;
    }
  return result;
}

/* @fd passes for the node of device 3:4. */
static gboolean
is_for (int fd, guint bus, guint devnum)
{
  g_autoptr (HpUsbfs) usbfs = hp_usbfs_new_for_fd (fcntl (fd, F_DUPFD_CLOEXEC, 3));

  posing.fd = hp_usbfs_fd (usbfs);
  posing.mode = S_IFCHR | 0660;
  posing.rdev = makedev (189, 2 * 128 + 3);
  return hp_usbfs_is_for (usbfs, bus, devnum);
}

static void
test_is_for (void)
{
  g_autoptr (HpUsbfs) null = hp_usbfs_new_for_fd (open ("/dev/null", O_RDWR | O_CLOEXEC));
  g_autoptr (HpUsbfs) plain = NULL, bad = hp_usbfs_new_for_fd (1000000);
  int pair[2];

  g_assert_cmpint (pipe2 (pair, O_CLOEXEC), ==, 0);
  g_assert_true (is_for (pair[1], 3, 4));
  g_assert_false (is_for (pair[1], 3, 5));
  g_assert_false (is_for (pair[1], 4, 4));
  g_assert_false (is_for (pair[1], 0, 0));
  posing.fd = -1;
  plain = hp_usbfs_new_for_fd (fcntl (pair[1], F_DUPFD_CLOEXEC, 3));
  g_assert_false (hp_usbfs_is_for (plain, 3, 4));
  g_assert_false (hp_usbfs_is_for (null, 3, 4));
  g_assert_false (hp_usbfs_is_for (bad, 3, 4));
  /* The device is gone: usbfs says POLLERR and POLLHUP, as a pipe without a reader does. */
  close (pair[0]);
  g_assert_false (is_for (pair[1], 3, 4));
  posing.fd = -1;
  close (pair[1]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/usbfs-store/is-for", test_is_for);
  return g_test_run ();
}
