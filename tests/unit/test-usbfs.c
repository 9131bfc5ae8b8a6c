/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "usbfs.h"

#include "usb-testbed.h"
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/usbdevice_fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

typedef struct
{
  UMockdevTestbed *testbed;
  UMockdevIoctlBase *ioctls;
  char *usb3, *stick;
  HpUsbfsTarget hub, target;
  GString *log; /* of ioctls: "CLAIM 2 ", "CONFIGURE 1 ", "CONNECT 0 " */
  int error;    /* what each of them gives; 0: it works */
} Fixture;

static guint32
number_at (UMockdevIoctlData *argument, gsize size, guint index)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (UMockdevIoctlData) data = umockdev_ioctl_data_resolve (argument, 0, size, &error);
  guint32 number;

  g_assert_no_error (error);
  memcpy (&number, data->data + index * sizeof number, sizeof number);
  return number;
}

/* The kernel's side. */
static gboolean
on_ioctl (UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer user_data)
{
  Fixture *f = user_data;
  UMockdevIoctlData *argument = umockdev_ioctl_client_get_arg (client);
  gulong request = umockdev_ioctl_client_get_request (client);

  if (request == USBDEVFS_CLAIM_PORT)
    g_string_append_printf (f->log, "CLAIM %u ", number_at (argument, sizeof (guint32), 0));
  else if (request == USBDEVFS_RELEASE_PORT)
    g_string_append_printf (f->log, "RELEASE %u ", number_at (argument, sizeof (guint32), 0));
  else if (request == USBDEVFS_SETCONFIGURATION)
    g_string_append_printf (f->log, "CONFIGURE %u ", number_at (argument, sizeof (guint32), 0));
  else if (request == USBDEVFS_IOCTL)
    {
      g_assert_cmphex (number_at (argument, sizeof (struct usbdevfs_ioctl), 1), ==, USBDEVFS_CONNECT);
      g_string_append_printf (f->log, "CONNECT %u ", number_at (argument, sizeof (struct usbdevfs_ioctl), 0));
    }
  else
    g_string_append_printf (f->log, "%lx ", request);
  umockdev_ioctl_client_complete (client, f->error != 0 ? -1 : 0, f->error);
  return TRUE;
}

static void
attach (Fixture *f, guint bus, guint devnum)
{
  g_autofree char *node = g_strdup_printf ("/dev/bus/usb/%03u/%03u", bus, devnum);
  g_autoptr (GError) error = NULL;

  usb_testbed_add_node (f->testbed, bus, devnum);
  g_assert_true (umockdev_testbed_attach_ioctl (f->testbed, node, f->ioctls, &error));
  g_assert_no_error (error);
}

static HpUsbfsTarget
target_of (const char *syspath, guint bus, guint devnum)
{
  return (HpUsbfsTarget){
    .bus = bus, .devnum = devnum, .syspath = syspath + strlen ("/sys"), .instance = usb_testbed_instance (syspath)
  };
}

static void
set_up (Fixture *f, gconstpointer unused)
{
  const UsbTestbedDevice stick = { "3-1", .bus = 3, .devnum = 4, .speed = "480",
                                   .drivers = { "usb-storage", "", "usbfs", "" } };

  f->testbed = usb_testbed_new ();
  f->ioctls = umockdev_ioctl_base_new ();
  f->log = g_string_new (NULL);
  g_signal_connect (f->ioctls, "handle-ioctl", G_CALLBACK (on_ioctl), f);
  f->usb3 = usb_testbed_add_root_hub (f->testbed, 3, "2.00", 4);
  f->stick = usb_testbed_add_device (f->testbed, f->usb3, &stick);
  f->hub = target_of (f->usb3, 3, 1);
  f->target = target_of (f->stick, 3, 4);
  attach (f, 3, 1);
  attach (f, 3, 4);
}

static void
tear_down (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  umockdev_testbed_detach_ioctl (f->testbed, "/dev/bus/usb/003/001", &error);
  g_assert_no_error (error);
  umockdev_testbed_detach_ioctl (f->testbed, "/dev/bus/usb/003/004", &error);
  g_assert_no_error (error);
  g_object_unref (f->ioctls);
  g_string_free (f->log, TRUE);
  g_free (f->usb3);
  g_free (f->stick);
  g_object_unref (f->testbed);
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **)user_data = g_object_ref (result);
}

static HpUsbfs *
open_target (const HpUsbfsTarget *target, gboolean configure, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  hp_usbfs_open_async (target, configure, NULL, keep_result, &result);
  wait_until (result != NULL);
  return hp_usbfs_open_finish (result, error);
}

static HpUsbfs *
claim (const HpUsbfsTarget *hub, guint port, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  hp_usbfs_claim_port_async (hub, port, NULL, keep_result, &result);
  wait_until (result != NULL);
  return hp_usbfs_claim_port_finish (result, error);
}

static gboolean
release (HpUsbfs *usbfs, guint port, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  hp_usbfs_release_port_async (usbfs, port, keep_result, &result);
  wait_until (result != NULL);
  return hp_usbfs_release_port_finish (result, error);
}

static gboolean
hand_back (const HpUsbfsTarget *target, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  hp_usbfs_hand_back_async (target, keep_result, &result);
  wait_until (result != NULL);
  return hp_usbfs_hand_back_finish (result, error);
}

static void
assert_log (Fixture *f, const char *expected)
{
  g_assert_cmpstr (f->log->str, ==, expected);
  g_string_truncate (f->log, 0);
}

/* --- opening --- */

static void
test_open (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HpUsbfs) usbfs = open_target (&f->target, FALSE, &error);
  HpUsbfs *other;
  int fd;

  g_assert_no_error (error);
  fd = hp_usbfs_fd (usbfs);
  /* QEMU's fd sets take no other mode. */
  g_assert_cmpint (fcntl (fd, F_GETFL) & O_ACCMODE, ==, O_RDWR);
  g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, !=, 0);
  assert_log (f, "");

  /* It is open as long as somebody has it. */
  other = hp_usbfs_ref (usbfs);
  hp_usbfs_unref (g_steal_pointer (&usbfs));
  g_assert_cmpint (fcntl (fd, F_GETFD), >=, 0);
  hp_usbfs_unref (other);
  g_assert_cmpint (fcntl (fd, F_GETFD), ==, -1);
  hp_usbfs_unref (NULL);
}

/* What is there must be the very device that was meant: numbers and names are used again. */
static void
test_another (Fixture *f, gconstpointer unused)
{
  HpUsbfsTarget targets[4];

  for (guint i = 0; i < G_N_ELEMENTS (targets); i++)
    targets[i] = f->target;
  targets[0].instance++;
  targets[1].syspath = "/devices/pci0000:00/0000:00:14.0/usb3/3-2";
  targets[2].devnum = 9;
  targets[3].syspath = f->hub.syspath;
  for (guint i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (open_target (&targets[i], TRUE, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
      g_assert_nonnull (strstr (error->message, i == 2 ? "/dev/bus/usb/003/009" : "/dev/bus/usb/003/004"));
      g_clear_error (&error);
      g_assert_null (claim (&targets[i], 1, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
      g_clear_error (&error);
      g_assert_false (hand_back (&targets[i], &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
    }
  assert_log (f, "");
}

static void
test_no_permission (Fixture *f, gconstpointer unused)
{
  static const char *const reached[] = { "", "ioctl", "ioctl/_default", "ioctl/dev/bus/usb/003/004" };
  g_autofree char *node = usb_testbed_real_path (f->testbed, "/dev/bus/usb/003/004");
  g_autoptr (GError) error = NULL;
  gboolean root = geteuid () == 0;
  HpUsbfs *usbfs;

  /* umockdev gives up where it cannot be reached for what could not be opened. */
  for (guint i = 0; i < G_N_ELEMENTS (reached); i++)
    {
      g_autofree char *path = usb_testbed_real_path (f->testbed, reached[i]);

      g_assert_cmpint (g_chmod (path, 0777), ==, 0);
    }
  g_assert_cmpint (g_chmod (node, 0000), ==, 0);
  if (root)
    g_assert_cmpint (seteuid (65534), ==, 0);
  usbfs = open_target (&f->target, FALSE, &error);
  if (root)
    g_assert_cmpint (seteuid (0), ==, 0);
  g_assert_null (usbfs);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_true (g_str_has_prefix (error->message, "opening /dev/bus/usb/003/004: "));
}

static void
test_cancelled (Fixture *f, gconstpointer unused)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) opened = NULL, claimed = NULL;
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  hp_usbfs_open_async (&f->target, FALSE, cancellable, keep_result, &opened);
  hp_usbfs_claim_port_async (&f->hub, 1, cancellable, keep_result, &claimed);
  wait_until (opened != NULL && claimed != NULL);
  g_assert_null (hp_usbfs_open_finish (opened, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_null (hp_usbfs_claim_port_finish (claimed, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* --- configuring --- */

/* Which value the first configuration has stands in the descriptors: byte 5 of what follows the device's 18. */
static const struct
{
  const char *value; /* bConfigurationValue; NULL: no such file */
  const char *tail;  /* after the device descriptor; NULL: no descriptors */
  gsize length;
  const char *log;
} configurations[] = {
  { "1", "\x09\x02\x20\x00\x01\x03\x00\x80\x32", 9, "" },
  { "0", "\x09\x02\x20\x00\x01\x03\x00\x80\x32", 9, "" },
  { NULL, "\x09\x02\x20\x00\x01\x03\x00\x80\x32", 9, "" },
  { "", "\x09\x02\x20\x00\x01\x03\x00\x80\x32", 9, "CONFIGURE 3 " },
  { " ", "\x09\x02\x20\x00\x01\xff\x00\x80\x32", 9, "CONFIGURE 255 " },
  { "", NULL, 0, "CONFIGURE 1 " },
  { "", "", 0, "CONFIGURE 1 " },
  { "", "\x09\x02\x20\x00\x01", 5, "CONFIGURE 1 " },
  { "", "\x09\x04\x20\x00\x01\x03\x00\x80\x32", 9, "CONFIGURE 1 " },
};

static void
write_configuration (Fixture *f, guint which)
{
  char descriptors[64] = "\x12\x01\x00\x02\x00\x00\x00\x40\x81\x07\x04\x01\x00\x01\x00\x00\x00\x01";
  gsize length = configurations[which].length;

  if (length > 0)
    memcpy (descriptors + 18, configurations[which].tail, length);
  usb_testbed_write (f->testbed, f->stick, "bConfigurationValue", configurations[which].value);
  usb_testbed_write_bytes (f->testbed, f->stick, "descriptors", configurations[which].tail != NULL ? descriptors : NULL,
                           18 + length);
}

static void
test_configure (Fixture *f, gconstpointer unused)
{
  for (guint i = 0; i < G_N_ELEMENTS (configurations); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (HpUsbfs) usbfs = NULL, plain = NULL;

      write_configuration (f, i);
      usbfs = open_target (&f->target, TRUE, &error);
      g_assert_no_error (error);
      assert_log (f, configurations[i].log);
      plain = open_target (&f->target, FALSE, &error);
      g_assert_no_error (error);
      assert_log (f, "");
    }
}

static void
test_configure_fails (Fixture *f, gconstpointer unused)
{
  static const int codes[][2] = { { EBUSY, G_IO_ERROR_BUSY },
                                  { ENODEV, G_IO_ERROR_NOT_FOUND },
                                  { EPERM, G_IO_ERROR_PERMISSION_DENIED } };

  usb_testbed_write (f->testbed, f->stick, "bConfigurationValue", "");
  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      g_autoptr (GError) error = NULL;

      f->error = codes[i][0];
      g_assert_null (open_target (&f->target, TRUE, &error));
      g_assert_error (error, G_IO_ERROR, codes[i][1]);
      g_assert_true (g_str_has_prefix (error->message, "configuring /dev/bus/usb/003/004: "));
      g_clear_error (&error);
      g_assert_false (hand_back (&f->target, &error));
      g_assert_error (error, G_IO_ERROR, codes[i][1]);
    }
}

/* --- claiming --- */

static void
test_claim (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HpUsbfs) usbfs = claim (&f->hub, 2, &error);
  g_autoptr (HpUsbfs) second = NULL;

  g_assert_no_error (error);
  assert_log (f, "CLAIM 2 ");
  second = claim (&f->hub, 4, &error);
  g_assert_no_error (error);
  assert_log (f, "CLAIM 4 ");
  /* Each claim has a descriptor of its own, to be dropped alone. */
  g_assert_cmpint (hp_usbfs_fd (usbfs), !=, hp_usbfs_fd (second));
  g_assert_true (release (usbfs, 2, &error));
  g_assert_no_error (error);
  assert_log (f, "RELEASE 2 ");
  f->error = EINVAL;
  g_assert_false (release (usbfs, 2, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_true (g_str_has_prefix (error->message, "releasing port 2: "));
}

/* The caller may let go of it while it is being released. */
static void
test_release_owned (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  HpUsbfs *usbfs = claim (&f->hub, 2, &error);

  g_assert_no_error (error);
  hp_usbfs_release_port_async (usbfs, 2, keep_result, &result);
  hp_usbfs_unref (usbfs);
  wait_until (result != NULL);
  g_assert_true (hp_usbfs_release_port_finish (result, &error));
  assert_log (f, "CLAIM 2 RELEASE 2 ");
}

static void
test_claim_fails (Fixture *f, gconstpointer unused)
{
  static const int codes[][2] = { { EBUSY, G_IO_ERROR_BUSY },
                                  { ENOTTY, G_IO_ERROR_NOT_SUPPORTED },
                                  { EPERM, G_IO_ERROR_PERMISSION_DENIED },
                                  { ENODEV, G_IO_ERROR_NOT_FOUND },
                                  { EINVAL, G_IO_ERROR_INVALID_ARGUMENT } };

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      g_autoptr (GError) error = NULL;

      f->error = codes[i][0];
      g_assert_null (claim (&f->hub, 3, &error));
      g_assert_error (error, G_IO_ERROR, codes[i][1]);
      g_assert_cmpuint (strlen (error->message), >, 0);
      assert_log (f, "CLAIM 3 ");
    }
}

/* --- handing back --- */

/* Only interfaces that nobody has are asked for; in what order is the directory's. */
static void
test_hand_back (Fixture *f, gconstpointer unused)
{
  g_autofree char *third = usb_testbed_interface (f->stick, 3);
  g_autofree char *others = g_strconcat (f->stick, "/3-1.2:1.0", NULL);
  g_autoptr (GError) error = NULL;

  usb_testbed_write (f->testbed, others, "bInterfaceNumber", "05");
  g_assert_true (hand_back (&f->target, &error));
  g_assert_no_error (error);
  if (!g_str_equal (f->log->str, "CONNECT 1 CONNECT 3 "))
    g_assert_cmpstr (f->log->str, ==, "CONNECT 3 CONNECT 1 ");
  g_string_truncate (f->log, 0);

  /* The number of one is unreadable; no driver wants the other. */
  usb_testbed_write (f->testbed, third, "bInterfaceNumber", "zz");
  f->error = ENODEV;
  g_assert_true (hand_back (&f->target, &error));
  g_assert_no_error (error);
  assert_log (f, "CONNECT 1 ");
}

/* With a configuration the drivers look by themselves. */
static void
test_hand_back_unconfigured (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  write_configuration (f, 3);
  g_assert_true (hand_back (&f->target, &error));
  g_assert_no_error (error);
  assert_log (f, "CONFIGURE 3 ");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/usbfs/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("open", test_open);
  ADD ("another", test_another);
  ADD ("no-permission", test_no_permission);
  ADD ("cancelled", test_cancelled);
  ADD ("configure", test_configure);
  ADD ("configure-fails", test_configure_fails);
  ADD ("claim", test_claim);
  ADD ("release-owned", test_release_owned);
  ADD ("claim-fails", test_claim_fails);
  ADD ("hand-back", test_hand_back);
  ADD ("hand-back-unconfigured", test_hand_back_unconfigured);
  return g_test_run ();
}
