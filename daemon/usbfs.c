/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "usbfs.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/usbdevice_fs.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define USB_DEVICE_MAJOR 189
#define INTERFACES_MAX 32

struct _HpUsbfs
{
  int fd;
};

HpUsbfs *
hp_usbfs_new_for_fd (int fd)
{
  HpUsbfs *usbfs = g_atomic_rc_box_new0 (HpUsbfs);

  usbfs->fd = fd;
  return usbfs;
}

HpUsbfs *
hp_usbfs_ref (HpUsbfs *usbfs)
{
  return g_atomic_rc_box_acquire (usbfs);
}

static void
clear (HpUsbfs *usbfs)
{
  close (usbfs->fd);
}

void
hp_usbfs_unref (HpUsbfs *usbfs)
{
  if (usbfs != NULL)
    g_atomic_rc_box_release_full (usbfs, (GDestroyNotify)clear);
}

int
hp_usbfs_fd (HpUsbfs *usbfs)
{
  return usbfs->fd;
}

/* What a worker thread needs to know. */
typedef struct
{
  guint bus, devnum;
  char *syspath; /* with /sys */
  guint64 instance;
  gboolean configure;
  guint port;
  HpUsbfs *usbfs;
} Job;

static Job *
job_new (const HpUsbfsTarget *target)
{
  Job *job = g_new0 (Job, 1);

  if (target == NULL)
    return job;
  job->bus = target->bus;
  job->devnum = target->devnum;
  job->syspath = g_strconcat ("/sys", target->syspath, NULL);
  job->instance = target->instance;
  return job;
}

static void
job_free (gpointer data)
{
  Job *job = data;

  g_free (job->syspath);
  g_clear_pointer (&job->usbfs, hp_usbfs_unref);
  g_free (job);
}

static gboolean
fail (GError **error, int code, const char *doing, const Job *job)
{
  g_set_error (error, G_IO_ERROR, code == ENODEV ? G_IO_ERROR_NOT_FOUND : (gint)g_io_error_from_errno (code),
               "%s /dev/bus/usb/%03u/%03u: %s", doing, job->bus, job->devnum, g_strerror (code));
  return FALSE;
}

static gboolean
is_still_there (const Job *job, GError **error)
{
  struct stat status;

  if (stat (job->syspath, &status) == 0 && status.st_ino == job->instance)
    return TRUE;
  return fail (error, ENODEV, "looking at", job);
}

/* Opens the node, and looks only then whether it still is the device that was meant: its number may be used anew. */
static HpUsbfs *
open_node (const Job *job, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/dev/bus/usb/%03u/%03u", job->bus, job->devnum);
  g_autoptr (HpUsbfs) usbfs = NULL;
  int fd = open (path, O_RDWR | O_CLOEXEC);

  if (fd < 0)
    {
      int code = errno;

      fail (error, code == ENOENT ? ENODEV : code, "opening", job);
      return NULL;
    }
  usbfs = hp_usbfs_new_for_fd (fd);
  return is_still_there (job, error) ? g_steal_pointer (&usbfs) : NULL;
}

static char *
read_attribute (const Job *job, const char *name)
{
  g_autofree char *path = g_build_filename (job->syspath, name, NULL);
  g_autofree char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? g_strstrip (g_steal_pointer (&text)) : NULL;
}

/* The bConfigurationValue of the first configuration: the device descriptor has 18 bytes, and it is byte 5 of the next. */
static gboolean
first_configuration (const Job *job, guint *ret_value)
{
  g_autofree char *path = g_build_filename (job->syspath, "descriptors", NULL);
  g_autofree char *data = NULL;
  gsize length;

  if (!g_file_get_contents (path, &data, &length, NULL) || length < 18 + 6 || data[18 + 1] != 2)
    return FALSE;
  *ret_value = (guint8)data[18 + 5];
  return TRUE;
}

/* Returns: TRUE where the device has a configuration, or got one. */
static gboolean
configure (const Job *job, HpUsbfs *usbfs, gboolean *ret_was_unconfigured, GError **error)
{
  g_autofree char *configuration = read_attribute (job, "bConfigurationValue");
  guint value = 1;

  *ret_was_unconfigured = configuration != NULL && *configuration == '\0';
  if (!*ret_was_unconfigured)
    return TRUE;
  first_configuration (job, &value);
  if (ioctl (usbfs->fd, USBDEVFS_SETCONFIGURATION, &value) < 0)
    return fail (error, errno, "configuring", job);
  return TRUE;
}

static void
open_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Job *job = data;
  GError *error = NULL;
  g_autoptr (HpUsbfs) usbfs = open_node (job, &error);
  gboolean was_unconfigured;

  if (usbfs == NULL || (job->configure && !configure (job, usbfs, &was_unconfigured, &error)))
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, g_steal_pointer (&usbfs), (GDestroyNotify)hp_usbfs_unref);
}

static void
run (Job *job, gpointer tag, GTaskThreadFunc function, GCancellable *cancellable, GAsyncReadyCallback callback,
     gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_source_tag (task, tag);
  g_task_set_task_data (task, job, job_free);
  g_task_run_in_thread (task, function);
}

void
hp_usbfs_open_async (const HpUsbfsTarget *target, gboolean with_configuration, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer user_data)
{
  Job *job = job_new (target);

  job->configure = with_configuration;
  run (job, hp_usbfs_open_async, open_in_thread, cancellable, callback, user_data);
}

HpUsbfs *
hp_usbfs_open_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
claim_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Job *job = data;
  GError *error = NULL;
  g_autoptr (HpUsbfs) usbfs = open_node (job, &error);
  unsigned int port = job->port;

  if (usbfs == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  if (ioctl (usbfs->fd, USBDEVFS_CLAIM_PORT, &port) == 0)
    {
      g_task_return_pointer (task, g_steal_pointer (&usbfs), (GDestroyNotify)hp_usbfs_unref);
      return;
    }
  if (errno == EBUSY)
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_BUSY, "port %u is claimed by another program", port);
  else if (errno == ENOTTY)
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "this kernel cannot reserve USB ports");
  else
    {
      fail (&error, errno, "claiming a port of", job);
      g_task_return_error (task, error);
    }
}

void
hp_usbfs_claim_port_async (const HpUsbfsTarget *hub, guint port, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data)
{
  Job *job = job_new (hub);

  job->port = port;
  run (job, hp_usbfs_claim_port_async, claim_in_thread, cancellable, callback, user_data);
}

HpUsbfs *
hp_usbfs_claim_port_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
release_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Job *job = data;
  unsigned int port = job->port;

  if (ioctl (job->usbfs->fd, USBDEVFS_RELEASE_PORT, &port) == 0)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_new_error (task, G_IO_ERROR, (gint)g_io_error_from_errno (errno), "releasing port %u: %s", port,
                             g_strerror (errno));
}

void
hp_usbfs_release_port_async (HpUsbfs *usbfs, guint port, GAsyncReadyCallback callback, gpointer user_data)
{
  Job *job = job_new (NULL);

  job->usbfs = hp_usbfs_ref (usbfs);
  job->port = port;
  run (job, hp_usbfs_release_port_async, release_in_thread, NULL, callback, user_data);
}

gboolean
hp_usbfs_release_port_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* The numbers of the device's interfaces that no driver has, from sysfs. */
static guint
driverless_interfaces (const Job *job, guint ret_numbers[INTERFACES_MAX])
{
  g_autoptr (GDir) dir = g_dir_open (job->syspath, 0, NULL);
  g_autofree char *name = g_path_get_basename (job->syspath);
  g_autofree char *prefix = g_strconcat (name, ":", NULL);
  const char *entry;
  guint n_numbers = 0;

  while (dir != NULL && (entry = g_dir_read_name (dir)) != NULL && n_numbers < INTERFACES_MAX)
    {
      g_autofree char *driver = g_build_filename (job->syspath, entry, "driver", NULL);
      g_autofree char *attribute = g_build_filename (entry, "bInterfaceNumber", NULL);
      g_autofree char *number = NULL;
      guint64 value;

      if (!g_str_has_prefix (entry, prefix) || g_file_test (driver, G_FILE_TEST_EXISTS))
        continue;
      number = read_attribute (job, attribute);
      if (number != NULL && g_ascii_string_to_unsigned (number, 16, 0, 255, &value, NULL))
        ret_numbers[n_numbers++] = (guint)value;
    }
  return n_numbers;
}

static void
hand_back_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Job *job = data;
  GError *error = NULL;
  g_autoptr (HpUsbfs) usbfs = open_node (job, &error);
  guint numbers[INTERFACES_MAX];
  gboolean was_unconfigured;
  guint n_numbers;

  if (usbfs == NULL || !configure (job, usbfs, &was_unconfigured, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  /* Setting the configuration has made the drivers look already. */
  n_numbers = was_unconfigured ? 0 : driverless_interfaces (job, numbers);
  for (guint i = 0; i < n_numbers; i++)
    {
      struct usbdevfs_ioctl command = { .ifno = (int)numbers[i], .ioctl_code = USBDEVFS_CONNECT };

      /* An interface that no driver wants, or that a program holds, stays as it is. */
      (void)ioctl (usbfs->fd, USBDEVFS_IOCTL, &command);
    }
  g_task_return_boolean (task, TRUE);
}

void
hp_usbfs_hand_back_async (const HpUsbfsTarget *target, GAsyncReadyCallback callback, gpointer user_data)
{
  run (job_new (target), hp_usbfs_hand_back_async, hand_back_in_thread, NULL, callback, user_data);
}

gboolean
hp_usbfs_hand_back_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

gboolean
hp_usbfs_is_for (HpUsbfs *usbfs, guint bus, guint devnum)
{
  struct pollfd poll_fd = { .fd = usbfs->fd, .events = POLLOUT };
  struct stat status;

  if (fstat (usbfs->fd, &status) != 0 || !S_ISCHR (status.st_mode))
    return FALSE;
  if (status.st_rdev != makedev (USB_DEVICE_MAJOR, (bus - 1) * 128 + devnum - 1))
    return FALSE;
  /* usbfs says so when the device behind the descriptor is gone. */
  return poll (&poll_fd, 1, 0) >= 0 && (poll_fd.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}
