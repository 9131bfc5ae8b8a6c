/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm.h"

#include "vm-attacher.h"

#include <string.h>

/* The steps of attaching: what goes over the wire, and what is made of each way in which it may fail. */

#define WHOLE(port) "add-fd " ADD_BY_FD ("xhci.0", port) "remove-fd "

/* --- as it should be --- */

static void
test_attach (VmAttacher *f, gconstpointer unused)
{
  g_autofree char *node = usb_testbed_real_path (f->testbed, "/dev/bus/usb/003/004");
  g_autofree char *id = vm_attacher_expect (f, 0, "xhci.0", 4);
  const FakeDevice *device = fake_qemu_find (f->client.qemu, id);

  vm_attacher_assert_told (f, WHOLE ("4"));
  /* QEMU got the very node, opened as its sets want it; and it is the only one that has it still. */
  g_assert_cmpuint (device->inode, ==, usb_testbed_instance (node));
  g_assert_cmpint (f->client.qemu->fdset, ==, -1);
  g_assert_cmpuint (f->client.qemu->peer->fds, ==, 1);
  vm_client_assert_log (&f->client, "");
}

/* What each version takes: by descriptor since 5.1, by numbers before; numbers are numbers for all of them. */
static void
test_versions (VmAttacher *f, gconstpointer unused)
{
  static const struct
  {
    guint major, minor;
    const char *told;
  } versions[] = {
    { 5, 0, ADD_ON ("xhci.0", "4", "\"hostbus\":3,\"hostaddr\":4") },
    { 5, 1, WHOLE ("4") },
    { 6, 1, WHOLE ("4") },
    { 7, 2, WHOLE ("4") },
    { 9, 2, WHOLE ("4") },
    { 10, 0, WHOLE ("4") },
    { 11, 1, WHOLE ("4") },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (versions); i++)
    {
      g_autofree char *id = NULL;
      guint before = f->client.n_online;

      fake_qemu_quit (f->client.qemu);
      fake_qemu_set_version (f->client.qemu, versions[i].major, versions[i].minor);
      fake_qemu_start (f->client.qemu);
      wait_until (f->client.n_online > before);
      g_string_truncate (f->client.qemu->log, 0);
      id = vm_attacher_expect (f, 0, "xhci.0", 4);
      vm_attacher_assert_told (f, versions[i].told);
      g_assert_true (vm_attacher_detach (f, id, NULL));
    }
}

/* Over a monitor that takes no descriptors: QEMU may have the right to open it. */
static void
test_no_descriptors (VmAttacher *f, gconstpointer unused)
{
  g_autofree char *id = NULL;

  f->client.qemu->refuses_fds = TRUE;
  id = vm_attacher_expect (f, 0, "xhci.0", 4);
  vm_attacher_assert_told (f, "add-fd " ADD_ON ("xhci.0", "4", "\"hostdevice\":\"/dev/bus/usb/003/004\""));
}

/* What is asked for may be gone once the call has returned. */
static void
test_request_is_copied (VmAttacher *f, gconstpointer unused)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (HpVmAttached) attached = NULL;
  char *name = g_strdup ("3-1"), *syspath = g_strdup (f->requests[0].target.syspath), *key = g_strdup ("key");
  HpVmAttach request = f->requests[0];

  request.kernel_name = name;
  request.target.syspath = syspath;
  request.place_key = key;
  hp_vm_attach_async (f->client.vm, &request, keep_result, &result);
  memset (name, 'x', strlen (name));
  memset (syspath, 'x', strlen (syspath));
  memset (key, 'x', strlen (key));
  memset (&request, 0xff, sizeof request);
  g_free (name);
  g_free (syspath);
  g_free (key);
  wait_until (result != NULL);
  attached = hp_vm_attach_finish (f->client.vm, result, &error);
  g_assert_no_error (error);
}

/* --- where it goes --- */

/* The same host port gets the same guest port again, as long as that is free. */
static void
test_same_place (VmAttacher *f, gconstpointer unused)
{
  g_autofree char *first = vm_attacher_expect (f, 0, "xhci.0", 4);
  g_autofree char *second = vm_attacher_expect (f, 1, "xhci.0", 3);
  g_autofree char *again = NULL, *other = NULL, *moved = NULL;

  g_assert_true (vm_attacher_detach (f, first, NULL));
  g_assert_true (vm_attacher_detach (f, second, NULL));
  g_assert_false (vm_attacher_is_used (f, "xhci.0", 3));
  again = vm_attacher_expect (f, 1, "xhci.0", 3);
  /* QEMU 5 remembers an id for a moment. */
  g_assert_cmpstr (again, !=, second);
  other = vm_attacher_expect (f, 2, "xhci.0", 4);
  moved = vm_attacher_expect (f, 0, "xhci.0", 2);
  /* Even after the machine has ended, and without a name for the place there is nothing to remember. */
  fake_qemu_quit (f->client.qemu);
  wait_until (f->client.n_ended == 1);
  fake_qemu_start (f->client.qemu);
  wait_until (f->client.n_online == 2);
  g_free (again);
  again = vm_attacher_expect (f, 1, "xhci.0", 3);
  f->requests[1].place_key = NULL;
  g_assert_true (vm_attacher_detach (f, again, NULL));
  g_free (again);
  again = vm_attacher_expect (f, 1, "xhci.0", 4);
}

static const FakeController wide = { "peripheral", "wide", "nec-usb-xhci", "wide.0", 6, 6 };
static const FakeController ehci = { "peripheral", "ehci", "usb-ehci", "ehci.0", -1, -1 };
static const FakeController xhci = { "peripheral", "xhci", "qemu-xhci", "xhci.0", 4, 4 };

static void
restart_with (VmAttacher *f, const FakeController *first, const FakeController *second)
{
  guint before = f->client.n_online;

  fake_qemu_quit (f->client.qemu);
  fake_qemu_set_controllers (f->client.qemu, first, second, NULL);
  fake_qemu_start (f->client.qemu);
  wait_until (f->client.n_online > before);
  g_string_truncate (f->client.qemu->log, 0);
}

static void
test_hubs (VmAttacher *f, gconstpointer unused)
{
  static const char *const only_wide[] = { "wide.0", NULL };
  static const char *const ordered[] = { "none.0", "ehci.0", "wide.0", NULL };
  static const char *const unknown[] = { "none.0", NULL };
  g_autofree char *first = NULL, *second = NULL, *third = NULL;

  restart_with (f, &wide, &ehci);
  hp_vm_set_hubs (f->client.vm, only_wide);
  first = vm_attacher_expect (f, 0, "wide.0", 6);
  hp_vm_set_hubs (f->client.vm, ordered);
  second = vm_attacher_expect (f, 1, "ehci.0", 6);
  hp_vm_set_hubs (f->client.vm, unknown);
  vm_attacher_expect_failure (f, 2, HP_REASON_NO_GUEST_PORT, "none.0");
  hp_vm_set_hubs (f->client.vm, NULL);
  third = vm_attacher_expect (f, 2, "wide.0", 5);
}

/* Full speed does not go on an EHCI bus; so nothing is sent, nor opened. */
static void
test_no_place (VmAttacher *f, gconstpointer unused)
{
  restart_with (f, &ehci, NULL);
  f->requests[0].speed = HP_SPEED_FULL;
  vm_attacher_expect_failure (f, 0, HP_REASON_NO_GUEST_PORT, "does not take this speed");
  restart_with (f, NULL, NULL);
  vm_attacher_expect_failure (f, 0, HP_REASON_NO_GUEST_PORT, "no USB controller");
  vm_attacher_assert_told (f, "remove-fd "); /* stock was taken once more */
  /* A controller is plugged in, which QEMU does not tell. */
  fake_qemu_set_controllers (f->client.qemu, &xhci, NULL);
  g_free (vm_attacher_expect (f, 0, "xhci.0", 4));
}

/* Ports that are taken by what nobody knows of: each is tried, and it ends with the last. */
static void
test_in_use (VmAttacher *f, gconstpointer unused)
{
  g_autofree char *id = NULL;

  fake_qemu_add_device (f->client.qemu, NULL, "usb-mouse", "xhci.0", "4");
  fake_qemu_add_device (f->client.qemu, NULL, "usb-mouse", "xhci.0", "3");
  id = vm_attacher_expect (f, 0, "xhci.0", 2);
  vm_attacher_assert_told (f, "add-fd " ADD_BY_FD ("xhci.0", "4") ADD_BY_FD ("xhci.0", "3")
                                  ADD_BY_FD ("xhci.0", "2") "remove-fd ");
  g_assert_true (vm_attacher_is_used (f, "xhci.0", 4));
  fake_qemu_add_device (f->client.qemu, NULL, "usb-mouse", "xhci.0", "1");
  vm_attacher_expect_failure (f, 1, HP_REASON_NO_GUEST_PORT, "in use?");
  vm_attacher_assert_told (f, "add-fd " ADD_BY_FD ("xhci.0", "1") "remove-fd ");
  vm_attacher_expect_failure (f, 1, HP_REASON_NO_GUEST_PORT, "4 of 4 ports taken");

  /* One of those goes, whichever: they are all worth a try again. */
  g_ptr_array_remove_index (f->client.qemu->devices, 1);
  fake_qemu_tell (f->client.qemu, "DEVICE_DELETED");
  vm_client_settle (&f->client);
  g_free (vm_attacher_expect (f, 1, "xhci.0", 3));
}

static void
test_refused_ports_are_forgotten (VmAttacher *f, gconstpointer unused)
{
  for (guint i = 1; i <= 4; i++)
    {
      g_autofree char *port = g_strdup_printf ("%u", i);

      fake_qemu_add_device (f->client.qemu, NULL, "usb-mouse", "xhci.0", port);
    }
  vm_attacher_expect_failure (f, 0, HP_REASON_NO_GUEST_PORT, "in use?");
  g_assert_true (vm_attacher_is_used (f, "xhci.0", 2));
  fake_qemu_add_device (f->client.qemu, "k", "usb-kbd", "xhci.0", "5");
  g_ptr_array_set_size (f->client.qemu->devices, 2);
  fake_qemu_tell (f->client.qemu, "DEVICE_DELETED");
  vm_client_settle (&f->client);
  g_assert_false (vm_attacher_is_used (f, "xhci.0", 2));
  g_free (vm_attacher_expect (f, 0, "xhci.0", 4));
}

/* --- QEMU says no --- */

static void
test_refused (VmAttacher *f, gconstpointer unused)
{
  static const struct
  {
    const char *desc;
    HpReason reason;
  } errors[] = {
    { "failed to open host usb device /dev/bus/usb/001/017", HP_REASON_QEMU_REFUSED },
    { "failed to open /dev/fdset/18512: Permission denied", HP_REASON_QEMU_REFUSED },
    { "Could not open '/dev/fdset/18512': No such file or directory", HP_REASON_QEMU_REFUSED },
    { "Bus 'xhci.0' not found", HP_REASON_QEMU_REFUSED },
    { "'usb-host' is not a valid device model name", HP_REASON_QEMU_REFUSED },
    { "Duplicate device ID 'x'", HP_REASON_QEMU_REFUSED },
    { "device_add not allowed while migrating", HP_REASON_VM_MIGRATING },
  };

  f->client.qemu->fails = "device_add";
  for (gsize i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      f->client.qemu->desc = errors[i].desc;
      f->client.qemu->fail_times = 1;
      vm_attacher_expect_failure (f, 0, errors[i].reason, errors[i].desc);
      /* It is cleaned up after, and the port is as free as before. */
      vm_attacher_assert_told (f, "add-fd (device_add) remove-fd ");
      g_assert_cmpint (f->client.qemu->fdset, ==, -1);
      g_assert_false (vm_attacher_is_used (f, "xhci.0", 4));
    }
  f->client.qemu->refuses_fds = TRUE;
  f->client.qemu->fail_times = 1;
  vm_attacher_expect_failure (f, 0, HP_REASON_VM_MIGRATING, "migrating");
  vm_attacher_assert_told (f, "add-fd (device_add) ");
}

/* A descriptor that could not be taken back stays with QEMU: no reason to fail. */
static void
test_remove_fd_refused (VmAttacher *f, gconstpointer unused)
{
  f->client.qemu->fails = "remove-fd";
  f->client.qemu->desc = "no";
  f->client.qemu->fail_times = 1;
  g_free (vm_attacher_expect (f, 0, "xhci.0", 4));
  vm_attacher_assert_told (f, "add-fd " ADD_BY_FD ("xhci.0", "4") "(remove-fd) ");
}

/* It made the device, and does not hold it: that is worse than none. */
static void
test_not_taken (VmAttacher *f, gconstpointer unused)
{
  static const char *const answers[] = { "false", "null", "1", "\"true\"", "{}" };

  f->client.qemu->fails = "qom-get";
  for (gsize i = 0; i < G_N_ELEMENTS (answers) + 1; i++)
    {
      f->client.qemu->answer = i > 0 ? answers[i - 1] : NULL;
      f->client.qemu->desc = "no";
      f->client.qemu->fail_times = 1;
      vm_attacher_expect_failure (f, 0, HP_REASON_NOT_TAKEN, "xhci.0 port 4");
      vm_attacher_assert_told (f, WHOLE ("4") "(qom-get) device_del ");
      g_assert_cmpuint (f->client.qemu->devices->len, ==, 0);
      g_assert_false (vm_attacher_is_used (f, "xhci.0", 4));
    }
  f->client.qemu->takes = FALSE;
  vm_attacher_expect_failure (f, 0, HP_REASON_NOT_TAKEN, NULL);
  /* Its going is told by QEMU as well, after all is over; nobody lost anything. */
  vm_client_settle (&f->client);
  vm_client_assert_log (&f->client, "");
  f->client.qemu->takes = TRUE;
  g_free (vm_attacher_expect (f, 0, "xhci.0", 4));
}

/* --- the node --- */

static void
test_open_fails (VmAttacher *f, gconstpointer unused)
{
  f->requests[0].target.instance++;
  vm_attacher_expect_failure (f, 0, HP_REASON_OPEN_FAILED, "/dev/bus/usb/003/004");
  f->requests[1].target.devnum = 99;
  vm_attacher_expect_failure (f, 1, HP_REASON_OPEN_FAILED, "/dev/bus/usb/003/099");
  /* Nothing was said to QEMU, and the next one has the port. */
  vm_attacher_assert_told (f, "");
  g_free (vm_attacher_expect (f, 2, "xhci.0", 4));
}

static gboolean
on_ioctl (UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer count)
{
  ++*(guint *)count;
  umockdev_ioctl_client_complete (client, 0, 0);
  return TRUE;
}

/* Behind a claimed port the kernel leaves it unconfigured, and so does QEMU. */
static void
test_configures (VmAttacher *f, gconstpointer unused)
{
  g_autoptr (UMockdevIoctlBase) ioctls = umockdev_ioctl_base_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *id = NULL;
  guint count = 0;

  g_signal_connect (ioctls, "handle-ioctl", G_CALLBACK (on_ioctl), &count);
  umockdev_testbed_attach_ioctl (f->testbed, "/dev/bus/usb/003/004", ioctls, &error);
  g_assert_no_error (error);
  usb_testbed_write (f->testbed, f->sticks[0], "bConfigurationValue", "");
  id = vm_attacher_expect (f, 0, "xhci.0", 4);
  g_assert_cmpuint (count, ==, 0);
  g_assert_true (vm_attacher_detach (f, id, NULL));
  f->requests[0].configure = TRUE;
  g_free (id);
  id = vm_attacher_expect (f, 0, "xhci.0", 4);
  g_assert_cmpuint (count, ==, 1);
  umockdev_testbed_detach_ioctl (f->testbed, "/dev/bus/usb/003/004", &error);
  g_assert_no_error (error);
}

/* --- the end in the middle --- */

static const struct
{
  const char *command;
  gboolean takes;
  guint n_devices; /* of ours, once it has answered after all */
} steps[] = {
  { "add-fd", TRUE, 0 },  { "device_add", TRUE, 1 },  { "remove-fd", TRUE, 1 },
  { "qom-get", TRUE, 1 }, { "device_del", FALSE, 0 },
};

static void
test_ends (VmAttacher *f, gconstpointer unused)
{
  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      f->client.qemu->fails = steps[i].command;
      f->client.qemu->fail_times = 1;
      f->client.qemu->takes = steps[i].takes;
      vm_attacher_expect_failure (f, 0, HP_REASON_VM_OFFLINE, steps[i].command);
      wait_until (f->client.n_ended == i + 1);
      fake_qemu_start (f->client.qemu);
      wait_until (f->client.n_online == i + 2);
    }
}

/* The call fails, and what was asked for may be done all the same: the next count tells. */
static void
test_stalls (VmAttacher *f, gconstpointer unused)
{
  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      f->client.qemu->holds = steps[i].command;
      f->client.qemu->takes = steps[i].takes;
      vm_client_set_timeout (&f->client, 40);
      vm_attacher_expect_failure (f, 0, HP_REASON_VM_STALLED, steps[i].command);
      wait_until (f->client.qemu->holding && hp_vm_state (f->client.vm) == HP_VM_STALLED);
      vm_client_set_timeout (&f->client, HP_QMP_COMMAND_TIMEOUT_MS);
      fake_qemu_go_on (f->client.qemu);
      wait_until (f->client.n_online == i + 2);
      g_assert_cmpuint (hp_vm_devices (f->client.vm)->len, ==, steps[i].n_devices);
      g_assert_cmpint (f->client.qemu->fdset, ==, -1);
      g_ptr_array_set_size (f->client.qemu->devices, 0);
      fake_qemu_quit (f->client.qemu);
      wait_until (f->client.n_ended == i + 1);
      fake_qemu_start (f->client.qemu);
      wait_until (hp_vm_is_ready (f->client.vm));
      f->client.n_online = (guint)i + 2;
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                                            \
  g_test_add ("/vm-attach/" name, VmAttacher, NULL, vm_attacher_set_up, function, vm_attacher_tear_down)
  ADD ("attach", test_attach);
  ADD ("versions", test_versions);
  ADD ("no-descriptors", test_no_descriptors);
  ADD ("request-is-copied", test_request_is_copied);
  ADD ("same-place", test_same_place);
  ADD ("hubs", test_hubs);
  ADD ("no-place", test_no_place);
  ADD ("in-use", test_in_use);
  ADD ("refused-ports-are-forgotten", test_refused_ports_are_forgotten);
  ADD ("refused", test_refused);
  ADD ("remove-fd-refused", test_remove_fd_refused);
  ADD ("not-taken", test_not_taken);
  ADD ("open-fails", test_open_fails);
  ADD ("configures", test_configures);
  ADD ("ends", test_ends);
  ADD ("stalls", test_stalls);
  return g_test_run ();
}
