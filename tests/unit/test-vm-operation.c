/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm.h"

#include "vm-attacher.h"

#include <string.h>

/* Operations wait in line, and each ends once; detaching. */

static void
assert_detach_fails (VmAttacher *f, const char *id, HpReason reason)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (vm_attacher_detach (f, id, &error));
  g_assert_error (error, HP_VM_ERROR, (int)reason);
}

/* --- detaching --- */

static void
test_detach (VmAttacher *f, gconstpointer unused)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autofree char *id = vm_attacher_expect (f, 0, "xhci.0", 4);
      g_autoptr (GError) error = NULL;
      guint n_changed = f->client.n_changed;

      f->client.qemu->tells_first = i == 1;
      g_string_truncate (f->client.qemu->log, 0);
      g_assert_true (vm_attacher_detach (f, id, &error));
      g_assert_no_error (error);
      vm_attacher_assert_told (f, "device_del ");
      g_assert_false (vm_attacher_is_used (f, "xhci.0", 4));
      g_assert_cmpuint (f->client.n_changed, ==, n_changed + 1);
      /* That it is deleted is told by an event as well, before the answer or after: it was our doing. */
      vm_client_settle (&f->client);
      vm_client_assert_log (&f->client, "");
      /* Gone is gone. */
      g_assert_true (vm_attacher_detach (f, id, &error));
      g_assert_no_error (error);
      vm_attacher_assert_told (f, "device_del ");
    }
}

/* One that was there when the machine was reached. */
static void
test_detach_found (VmAttacher *f, gconstpointer unused)
{
  const HpVmDevice *device;
  g_autoptr (GError) error = NULL;

  vm_client_renew (&f->client, f->client.qemu->peer->path, NULL);
  fake_qemu_add_device (f->client.qemu, "hotplugger-3-1-2a-5", "usb-host", "xhci.0", "2");
  vm_client_start (&f->client);
  device = g_ptr_array_index (hp_vm_devices (f->client.vm), 0);
  g_assert_true (vm_attacher_is_used (f, "xhci.0", 2));
  g_assert_true (vm_attacher_detach (f, device->id, &error));
  g_assert_no_error (error);
  g_assert_false (vm_attacher_is_used (f, "xhci.0", 2));
  g_assert_cmpuint (f->client.qemu->devices->len, ==, 0);
}

static void
test_detach_fails (VmAttacher *f, gconstpointer unused)
{
  g_autofree char *id = vm_attacher_expect (f, 0, "xhci.0", 4);

  f->client.qemu->fails = "device_del";
  f->client.qemu->desc = "device_del not allowed while migrating";
  f->client.qemu->fail_times = 1;
  assert_detach_fails (f, id, HP_REASON_VM_MIGRATING);
  f->client.qemu->desc = "Bus 'xhci.0' does not support hotplugging";
  f->client.qemu->fail_times = 1;
  assert_detach_fails (f, id, HP_REASON_QEMU_REFUSED);
  /* It is still there, and its port taken. */
  g_assert_true (vm_attacher_is_used (f, "xhci.0", 4));
  f->client.qemu->desc = NULL;
  f->client.qemu->fail_times = 1;
  assert_detach_fails (f, id, HP_REASON_VM_OFFLINE);
  assert_detach_fails (f, id, HP_REASON_VM_OFFLINE);
}

/* While it is being moved nothing may be added; whether it may be removed is QEMU's to say. */
static void
test_while_migrating (VmAttacher *f, gconstpointer unused)
{
  g_autofree char *id = vm_attacher_expect (f, 0, "xhci.0", 4);

  fake_qemu_set_status (f->client.qemu, "postmigrate", "STOP");
  wait_until (!hp_vm_is_ready (f->client.vm));
  g_string_truncate (f->client.qemu->log, 0);
  vm_attacher_expect_failure (f, 1, HP_REASON_VM_MIGRATING, "postmigrate");
  vm_attacher_assert_told (f, "");
  g_assert_true (vm_attacher_detach (f, id, NULL));
}

static void
test_detach_stalls (VmAttacher *f, gconstpointer unused)
{
  g_autofree char *id = vm_attacher_expect (f, 0, "xhci.0", 4);

  f->client.qemu->holds = "device_del";
  vm_client_set_timeout (&f->client, 30);
  assert_detach_fails (f, id, HP_REASON_VM_STALLED);
  /* Nothing is asked any more until it has answered. */
  assert_detach_fails (f, id, HP_REASON_VM_STALLED);
  vm_attacher_expect_failure (f, 1, HP_REASON_VM_STALLED, NULL);
  vm_client_assert_log (&f->client, "stalled:vm-stalled ");
  vm_client_set_timeout (&f->client, HP_QMP_COMMAND_TIMEOUT_MS);
  fake_qemu_go_on (f->client.qemu);
  /* It has done it after all: the count says so. */
  vm_client_wait_for_log (&f->client, "online:online ONLINE ");
  g_assert_cmpuint (hp_vm_devices (f->client.vm)->len, ==, 0);
  g_assert_false (vm_attacher_is_used (f, "xhci.0", 4));
  g_free (vm_attacher_expect (f, 1, "xhci.0", 4));
}

/* Somebody else is quicker. */
static void
test_detach_races (VmAttacher *f, gconstpointer unused)
{
  g_autofree char *id = vm_attacher_expect (f, 0, "xhci.0", 4);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  f->client.qemu->holds = "device_del";
  hp_vm_detach_async (f->client.vm, id, keep_result, &result);
  wait_until (f->client.qemu->holding);
  fake_qemu_delete (f->client.qemu, id);
  fake_qemu_go_on (f->client.qemu);
  wait_until (result != NULL);
  g_assert_true (hp_vm_detach_finish (f->client.vm, result, &error));
  g_assert_no_error (error);
  g_assert_false (vm_attacher_is_used (f, "xhci.0", 4));
  vm_client_assert_log (&f->client, "");
}

/* --- not there --- */

static void
test_not_online (VmAttacher *f, gconstpointer unused)
{
  /* Before it is started, while it is being counted, once it has ended, and once it is stopped. */
  vm_client_renew (&f->client, f->client.qemu->peer->path, NULL);
  vm_attacher_expect_failure (f, 0, HP_REASON_VM_OFFLINE, "offline");
  assert_detach_fails (f, "hotplugger-3-1-0-0", HP_REASON_VM_OFFLINE);
  f->client.qemu->holds = "query-status";
  hp_vm_start (f->client.vm);
  wait_until (f->client.qemu->holding);
  vm_attacher_expect_failure (f, 0, HP_REASON_VM_OFFLINE, "connecting");
  fake_qemu_go_on (f->client.qemu);
  wait_until (f->client.n_online == 2);
  fake_qemu_quit (f->client.qemu);
  wait_until (f->client.n_ended == 1);
  vm_attacher_expect_failure (f, 0, HP_REASON_VM_OFFLINE, "offline");
  fake_qemu_start (f->client.qemu);
  wait_until (f->client.n_online == 3);
  hp_vm_stop (f->client.vm);
  vm_attacher_expect_failure (f, 0, HP_REASON_VM_OFFLINE, "offline");
}

/* --- in line --- */

/* The peer insists that one command comes at a time; here it is one operation at a time, in order. */
static void
test_line (VmAttacher *f, gconstpointer unused)
{
  g_autofree char *old = vm_attacher_expect (f, 0, "xhci.0", 4);
  GAsyncResult *results[STICKS + 1] = { NULL };
  static const guint ports[] = { 3, 2, 4, 1 };

  g_string_truncate (f->client.qemu->log, 0);
  hp_vm_attach_async (f->client.vm, &f->requests[1], keep_result, &results[1]);
  hp_vm_attach_async (f->client.vm, &f->requests[2], keep_result, &results[2]);
  hp_vm_detach_async (f->client.vm, old, keep_result, &results[0]);
  hp_vm_attach_async (f->client.vm, &f->requests[3], keep_result, &results[3]);
  hp_vm_attach_async (f->client.vm, &f->requests[4], keep_result, &results[4]);
  hp_vm_attach_async (f->client.vm, &f->requests[0], keep_result, &results[5]);
  wait_until (results[5] != NULL);
  for (guint i = 0; i < G_N_ELEMENTS (ports); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (HpVmAttached) attached = hp_vm_attach_finish (f->client.vm, results[i + 1], &error);

      g_assert_no_error (error);
      g_assert_cmpuint (attached->port, ==, ports[i]);
    }
  g_assert_true (hp_vm_detach_finish (f->client.vm, results[0], NULL));
  g_assert_null (hp_vm_attach_finish (f->client.vm, results[5], NULL));
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    g_object_unref (results[i]);
}

/* All that waits is told when there is nothing more to wait for. */
static void
test_line_ends (VmAttacher *f, gconstpointer unused)
{
  for (guint i = 0; i < 3; i++)
    {
      GAsyncResult *results[STICKS] = { NULL };
      guint before = f->client.n_online;

      f->client.qemu->holds = "device_add";
      for (guint j = 0; j < STICKS; j++)
        hp_vm_attach_async (f->client.vm, &f->requests[j], keep_result, &results[j]);
      wait_until (f->client.qemu->holding);
      if (i == 0)
        fake_qemu_quit (f->client.qemu);
      else if (i == 1)
        hp_vm_stop (f->client.vm);
      else
        qmp_peer_say (f->client.qemu->peer, "garbage");
      wait_until (results[STICKS - 1] != NULL);
      for (guint j = 0; j < STICKS; j++)
        {
          g_autoptr (GAsyncResult) result = results[j];
          g_autoptr (GError) error = NULL;

          g_assert_nonnull (result);
          g_assert_null (hp_vm_attach_finish (f->client.vm, result, &error));
          g_assert_error (error, HP_VM_ERROR, (int)HP_REASON_VM_OFFLINE);
        }
      f->client.qemu->holds = NULL;
      fake_qemu_quit (f->client.qemu);
      fake_qemu_start (f->client.qemu);
      hp_vm_start (f->client.vm);
      wait_until (f->client.n_online > before);
    }
}

static gboolean
keep_ioctl (UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer kept)
{
  g_assert_null (*(UMockdevIoctlClient **)kept);
  *(UMockdevIoctlClient **)kept = g_object_ref (client);
  return TRUE;
}

/* A broken device keeps us waiting in the kernel; meanwhile the machine ends, and another takes its place. */
static void
test_another_machine (VmAttacher *f, gconstpointer unused)
{
  g_autoptr (UMockdevIoctlBase) ioctls = umockdev_ioctl_base_new ();
  g_autoptr (UMockdevIoctlClient) kept = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_signal_connect (ioctls, "handle-ioctl", G_CALLBACK (keep_ioctl), &kept);
  umockdev_testbed_attach_ioctl (f->testbed, "/dev/bus/usb/003/004", ioctls, &error);
  g_assert_no_error (error);
  usb_testbed_write (f->testbed, f->sticks[0], "bConfigurationValue", "");
  f->requests[0].configure = TRUE;
  hp_vm_attach_async (f->client.vm, &f->requests[0], keep_result, &result);
  wait_until (kept != NULL);
  fake_qemu_quit (f->client.qemu);
  wait_until (f->client.n_ended == 1);
  fake_qemu_start (f->client.qemu);
  wait_until (f->client.n_online == 2);
  g_assert_null (result);
  umockdev_ioctl_client_complete (kept, 0, 0);
  wait_until (result != NULL);
  g_assert_null (hp_vm_attach_finish (f->client.vm, result, &error));
  g_assert_error (error, HP_VM_ERROR, (int)HP_REASON_VM_OFFLINE);
  g_assert_cmpuint (f->client.qemu->devices->len, ==, 0);
  g_free (vm_attacher_expect (f, 1, "xhci.0", 4));
  g_clear_error (&error);
  umockdev_testbed_detach_ioctl (f->testbed, "/dev/bus/usb/003/004", &error);
  g_assert_no_error (error);
}

/* --- callbacks that make an end, or go on --- */

typedef struct
{
  VmAttacher *f;
  enum
  {
    STOP,
    DROP,
    ATTACH,
    N_ENDS
  } end;
  guint calls;
  GAsyncResult *next;
} Ender;

static void
on_attached (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Ender *ender = user_data;
  HpVm *vm = ender->f->client.vm;

  ender->calls++;
  if (vm == NULL)
    return;
  if (ender->end == STOP)
    hp_vm_stop (vm);
  else if (ender->end == ATTACH && ender->calls == 1)
    hp_vm_attach_async (vm, &ender->f->requests[4], keep_result, &ender->next);
  else if (ender->end == DROP)
    {
      g_signal_handlers_disconnect_by_data (vm, &ender->f->client);
      hp_vm_stop (vm);
      g_clear_object (&ender->f->client.vm);
    }
}

static void
test_callbacks (void)
{
  for (guint i = 0; i < N_ENDS * 2; i++)
    {
      VmAttacher f = { .testbed = NULL };
      Ender ender = { .f = &f, .end = i % N_ENDS };
      gpointer weak;

      vm_attacher_set_up (&f, NULL);
      weak = f.client.vm;
      g_object_add_weak_pointer (G_OBJECT (f.client.vm), &weak);
      /* One that works, or one that does not; and two that wait. */
      if (i >= N_ENDS)
        f.requests[0].target.instance++;
      for (guint j = 0; j < 3; j++)
        hp_vm_attach_async (f.client.vm, &f.requests[j], on_attached, &ender);
      wait_until (ender.calls == 3);
      if (ender.end == ATTACH)
        wait_until (ender.next != NULL);
      g_clear_object (&ender.next);
      if (ender.end == DROP)
        wait_until (weak == NULL);
      else
        g_object_remove_weak_pointer (G_OBJECT (f.client.vm), &weak);
      vm_attacher_tear_down (&f, NULL);
    }
}

static void
stop_on_changed (HpVm *vm, gpointer count)
{
  if (++*(guint *)count == 1)
    hp_vm_stop (vm);
}

/* It is attached, and in the moment of saying so somebody stops the machine: the answer is as it went. */
static void
test_changed_stops (VmAttacher *f, gconstpointer unused)
{
  guint count = 0;
  gulong handler = g_signal_connect (f->client.vm, "changed", G_CALLBACK (stop_on_changed), &count);
  g_autoptr (GError) error = NULL;
  g_autoptr (HpVmAttached) attached = vm_attacher_attach (f, 0, &error);

  g_assert_nonnull (attached);
  g_assert_cmpuint (count, >, 0);
  g_assert_no_error (error);
  g_assert_cmpuint (f->client.qemu->devices->len, ==, 1);
  g_assert_cmpint (hp_vm_state (f->client.vm), ==, HP_VM_OFFLINE);
  g_signal_handler_disconnect (f->client.vm, handler);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                                            \
  g_test_add ("/vm-operation/" name, VmAttacher, NULL, vm_attacher_set_up, function, vm_attacher_tear_down)
  ADD ("detach", test_detach);
  ADD ("detach-found", test_detach_found);
  ADD ("detach-fails", test_detach_fails);
  ADD ("while-migrating", test_while_migrating);
  ADD ("detach-stalls", test_detach_stalls);
  ADD ("detach-races", test_detach_races);
  ADD ("not-online", test_not_online);
  ADD ("line", test_line);
  ADD ("line-ends", test_line_ends);
  ADD ("another-machine", test_another_machine);
  ADD ("changed-stops", test_changed_stops);
  g_test_add_func ("/vm-operation/callbacks", test_callbacks);
  return g_test_run ();
}
