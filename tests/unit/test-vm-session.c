/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm.h"

#include "vm-client.h"

#include <string.h>

/* A machine while it is there: its run state, its devices, its silences; and handlers that make an end of it. */

#define OWN "hotplugger-3-1-2a-5"
#define OWN2 "hotplugger-3-2-2b-6"

static HpGuestBus *
bus_of (VmClient *client)
{
  g_assert_cmpuint (hp_vm_buses (client->vm)->len, ==, 1);
  return g_ptr_array_index (hp_vm_buses (client->vm), 0);
}

static gboolean
is_used (VmClient *client, guint port)
{
  return g_hash_table_contains (bus_of (client)->used, GUINT_TO_POINTER (port));
}

/* --- run state --- */

static void
test_run_state (VmClient *client, gconstpointer unused)
{
  fake_qemu_set_status (client->qemu, "paused", "STOP");
  wait_until (g_strcmp0 (hp_vm_run_state (client->vm), "paused") == 0);
  /* Devices can be added all the same. */
  g_assert_true (hp_vm_is_ready (client->vm));
  g_assert_cmpuint (client->n_changed, >, 2);
  vm_client_assert_log (client, "");
  fake_qemu_set_status (client->qemu, "running", "RESUME");
  wait_until (g_strcmp0 (hp_vm_run_state (client->vm), "running") == 0);
}

static void
test_migrating (VmClient *client, gconstpointer unused)
{
  static const char *const moving[] = { "finish-migrate", "postmigrate", "save-vm", "restore-vm", "inmigrate", "colo" };

  for (gsize i = 0; i < G_N_ELEMENTS (moving); i++)
    {
      fake_qemu_set_status (client->qemu, moving[i], "MIGRATION");
      vm_client_wait_for_log (client, "online:vm-migrating ");
      g_assert_false (hp_vm_is_ready (client->vm));
      g_assert_cmpstr (hp_vm_detail (client->vm), ==, moving[i]);
      g_assert_cmpstr (hp_vm_run_state (client->vm), ==, moving[i]);
      /* No event says that it is over: it is looked at from time to time. */
      client->qemu->status = "running";
      vm_client_wait_for_log (client, "online:online ");
      g_assert_true (hp_vm_is_ready (client->vm));
      g_assert_null (hp_vm_detail (client->vm));
    }
  /* And only as long as it needs to be. */
  vm_client_settle (client);
  client->qemu->n_status = 0;
  run_for (80);
  g_assert_cmpuint (client->qemu->n_status, ==, 0);
}

static void
test_begins_in_migration (VmClient *client, gconstpointer unused)
{
  client->qemu->status = "inmigrate";
  vm_client_start (client);
  vm_client_assert_log (client, "connecting:vm-connecting online:vm-migrating ONLINE ");
  client->qemu->status = "running";
  vm_client_wait_for_log (client, "online:online ");
}

/* Events come as they please; what they make us ask is bounded, and the last state is the one that is kept. */
static void
test_flood_of_events (VmClient *client, gconstpointer unused)
{
  guint before = client->qemu->n_status;

  for (guint i = 0; i < 5000; i++)
    {
      fake_qemu_tell (client->qemu, "RESET");
      fake_qemu_set_status (client->qemu, i % 2 == 0 ? "paused" : "running", i % 2 == 0 ? "STOP" : "RESUME");
      fake_qemu_tell (client->qemu, "DEVICE_DELETED");
      fake_qemu_tell (client->qemu, "NO_SUCH_EVENT");
    }
  client->qemu->status = "debug";
  fake_qemu_tell (client->qemu, "STOP");
  wait_until (g_strcmp0 (hp_vm_run_state (client->vm), "debug") == 0);
  vm_client_settle (client);
  g_assert_cmpuint (client->qemu->n_status - before, <, 200);
  vm_client_assert_log (client, "");
}

static void
test_hostile_status (VmClient *client, gconstpointer unused)
{
  static const char *const answers[] = { "null", "[]", "{}", "{\"status\": 7}", "{\"status\": \"\"}" };

  client->qemu->fails = "query-status";
  for (gsize i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      client->qemu->answer = answers[i];
      client->qemu->fail_times = 1;
      fake_qemu_tell (client->qemu, "STOP");
      wait_until (client->qemu->fail_times == 0);
      vm_client_settle (client);
      g_assert_cmpstr (hp_vm_run_state (client->vm), ==, "running");
    }
  client->qemu->answer = "{\"status\": \"a\\u001b[2Jb\\nc\"}";
  client->qemu->fail_times = 1;
  fake_qemu_tell (client->qemu, "STOP");
  wait_until (g_strcmp0 (hp_vm_run_state (client->vm), "a [2Jb c") == 0);
}

/* --- devices go --- */

static void
test_device_lost (VmClient *client, gconstpointer unused)
{
  fake_qemu_add_device (client->qemu, OWN, "usb-host", "xhci.0", "4")->attached = TRUE;
  fake_qemu_add_device (client->qemu, OWN2, "usb-host", "xhci.0", "3")->attached = TRUE;
  vm_client_start (client);
  g_string_truncate (client->log, 0);
  g_assert_true (is_used (client, 4));
  fake_qemu_delete (client->qemu, OWN);
  vm_client_wait_for_log (client, "LOST(" OWN ") ");
  g_assert_false (is_used (client, 4));
  g_assert_true (is_used (client, 3));
  /* Once is enough. */
  fake_qemu_add_device (client->qemu, OWN, "usb-host", "xhci.0", "4");
  fake_qemu_delete (client->qemu, OWN);
  vm_client_settle (client);
  vm_client_assert_log (client, "");
}

/* Somebody else's: not ours to tell of, but its port is free. */
static void
test_foreign_device_goes (VmClient *client, gconstpointer unused)
{
  fake_qemu_add_device (client->qemu, "kbd", "usb-kbd", "xhci.0", "2");
  vm_client_start (client);
  g_string_truncate (client->log, 0);
  client->n_changed = 0;
  g_assert_true (is_used (client, 2));
  fake_qemu_delete (client->qemu, "kbd");
  wait_until (!is_used (client, 2));
  g_assert_cmpuint (client->n_changed, ==, 1);
  fake_qemu_add_device (client->qemu, "nic", "virtio-net", "xhci.0", "2");
  fake_qemu_delete (client->qemu, "nic");
  vm_client_settle (client);
  vm_client_assert_log (client, "");
  g_assert_cmpuint (client->n_changed, ==, 1);
}

/* While stock is being taken: the count is taken again rather than believed. */
static void
test_device_goes_meanwhile (VmClient *client, gconstpointer unused)
{
  fake_qemu_add_device (client->qemu, OWN, "usb-host", "xhci.0", "4")->attached = TRUE;
  client->qemu->holds = "human-monitor-command";
  hp_vm_start (client->vm);
  wait_until (client->qemu->holding);
  fake_qemu_delete (client->qemu, OWN);
  fake_qemu_go_on (client->qemu);
  vm_client_wait_for_log (client, "connecting:vm-connecting online:online ONLINE ");
  g_assert_cmpuint (hp_vm_devices (client->vm)->len, ==, 0);
  g_assert_false (is_used (client, 4));
}

static void
tell_deleted_always (QmpPeer *peer, const char *command, JsonObject *arguments, gpointer user_data)
{
  FakeQemu *qemu = user_data;

  if (g_str_equal (command, "qom-list"))
    fake_qemu_tell (qemu, "DEVICE_DELETED");
  fake_qemu_ask (qemu, command, arguments);
}

/* … but not for ever. */
static void
test_devices_go_always (VmClient *client, gconstpointer unused)
{
  client->qemu->peer->func = tell_deleted_always;
  vm_client_start (client);
  g_assert_cmpuint (client->qemu->n_questions, <, 100);
}

/* --- silences --- */

static void
test_stalls (VmClient *client, gconstpointer unused)
{
  vm_client_set_timeout (client, 30);
  client->qemu->holds = "query-status";
  fake_qemu_tell (client->qemu, "STOP");
  vm_client_wait_for_log (client, "stalled:vm-stalled ");
  g_assert_false (hp_vm_is_ready (client->vm));
  g_assert_null (hp_vm_run_state (client->vm));
  g_assert_true (hp_vm_is_settled (client->vm));
  /* It does not matter what is said meanwhile. */
  fake_qemu_tell (client->qemu, "RESUME");
  run_for (40);
  vm_client_assert_log (client, "");

  /* Stock is taken again: what was asked for may have been done after all. */
  fake_qemu_add_device (client->qemu, OWN, "usb-host", "xhci.0", "4")->attached = TRUE;
  client->qemu->status = "paused";
  vm_client_set_timeout (client, HP_QMP_COMMAND_TIMEOUT_MS);
  fake_qemu_go_on (client->qemu);
  vm_client_wait_for_log (client, "online:online ONLINE ");
  g_assert_cmpuint (hp_vm_devices (client->vm)->len, ==, 1);
  g_assert_cmpstr (hp_vm_run_state (client->vm), ==, "paused");
  g_assert_cmpuint (client->n_ended, ==, 0);
  fake_qemu_set_status (client->qemu, "running", "RESUME");
  wait_until (g_strcmp0 (hp_vm_run_state (client->vm), "running") == 0);
}

static void
test_stalls_in_the_first_count (VmClient *client, gconstpointer unused)
{
  client->qemu->holds = "qom-list";
  hp_vm_start (client->vm);
  wait_until (client->vm->session != NULL);
  vm_client_set_timeout (client, 30);
  vm_client_wait_for_log (client, "connecting:vm-connecting stalled:vm-stalled ");
  vm_client_set_timeout (client, HP_QMP_COMMAND_TIMEOUT_MS);
  fake_qemu_go_on (client->qemu);
  vm_client_wait_for_log (client, "online:online ONLINE ");
}

static void
test_stalls_to_the_end (VmClient *client, gconstpointer unused)
{
  vm_client_set_timeout (client, 10);
  client->qemu->holds = "query-status";
  fake_qemu_tell (client->qemu, "STOP");
  vm_client_wait_for_log (client, "stalled:vm-stalled ");
  fake_qemu_quit (client->qemu);
  vm_client_wait_for_log (client, "offline:nobody-listens ENDED ");
}

/* --- handlers that make an end --- */

typedef enum
{
  STOP,    /* hp_vm_stop() */
  DROP,    /* the last reference */
  RESTART, /* stop, and start at once */
  N_ENDS,
} End;

typedef struct
{
  VmClient *client;
  End end;
  HpVmState state; /* on "changed": in which */
  guint calls;
  gpointer weak;
} Ender;

static void
make_end (Ender *ender)
{
  HpVm *vm = ender->client->vm;

  if (ender->calls++ > 0)
    return;
  switch (ender->end)
    {
    case STOP:
      hp_vm_stop (vm);
      break;
    case RESTART:
      hp_vm_stop (vm);
      hp_vm_start (vm);
      break;
    case DROP:
    case N_ENDS:
      g_signal_handlers_disconnect_by_data (vm, ender->client);
      g_signal_handlers_disconnect_by_data (vm, ender);
      g_clear_object (&ender->client->vm);
      break;
    }
}

static void
end_on_changed (HpVm *vm, gpointer user_data)
{
  Ender *ender = user_data;

  if (hp_vm_state (vm) == ender->state)
    make_end (ender);
}

static void
end_on_signal (HpVm *vm, gpointer ender)
{
  make_end (ender);
}

static void
end_on_lost (HpVm *vm, const char *id, gpointer ender)
{
  make_end (ender);
}

static const struct
{
  const char *signal;
  GCallback callback;
  HpVmState state;
  const char *how; /* after being online: what happens */
} handlers[] = {
  { "changed", G_CALLBACK (end_on_changed), HP_VM_CONNECTING, NULL },
  { "changed", G_CALLBACK (end_on_changed), HP_VM_ONLINE, NULL },
  { "online", G_CALLBACK (end_on_signal), 0, NULL },
  { "changed", G_CALLBACK (end_on_changed), HP_VM_OFFLINE, "quit" },
  { "ended", G_CALLBACK (end_on_signal), 0, "quit" },
  { "device-lost", G_CALLBACK (end_on_lost), 0, "delete" },
  { "changed", G_CALLBACK (end_on_changed), HP_VM_STALLED, "stall" },
  { "changed", G_CALLBACK (end_on_changed), HP_VM_FAILED, "break" },
  { "changed", G_CALLBACK (end_on_signal), 0, "pause" },
};

static void
happen (VmClient *client, const char *how)
{
  if (g_str_equal (how, "quit"))
    fake_qemu_quit (client->qemu);
  else if (g_str_equal (how, "delete"))
    fake_qemu_delete (client->qemu, OWN);
  else if (g_str_equal (how, "break"))
    qmp_peer_say (client->qemu->peer, "garbage");
  else if (g_str_equal (how, "pause"))
    fake_qemu_set_status (client->qemu, "paused", "STOP");
  else
    {
      vm_client_set_timeout (client, 5);
      client->qemu->holds = "query-status";
      fake_qemu_tell (client->qemu, "STOP");
    }
}

static void
test_handlers (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (handlers) * N_ENDS; i++)
    {
      VmClient client = { NULL };
      Ender ender = { .client = &client, .end = i % N_ENDS, .state = handlers[i / N_ENDS].state };
      const char *how = handlers[i / N_ENDS].how;

      vm_client_set_up (&client, NULL);
      fake_qemu_add_device (client.qemu, OWN, "usb-host", "xhci.0", "4")->attached = TRUE;
      if (how != NULL)
        vm_client_start (&client);
      ender.weak = client.vm;
      g_object_add_weak_pointer (G_OBJECT (client.vm), &ender.weak);
      g_signal_connect (client.vm, handlers[i / N_ENDS].signal, handlers[i / N_ENDS].callback, &ender);
      if (how != NULL)
        happen (&client, how);
      else
        hp_vm_start (client.vm);
      wait_until (ender.calls > 0);
      if (ender.end == STOP)
        g_assert_cmpint (hp_vm_state (client.vm), ==, HP_VM_OFFLINE);
      if (ender.end != RESTART)
        wait_until (client.qemu->peer->client < 0);
      else if (g_strcmp0 (how, "quit") != 0)
        {
          client.qemu->holds = NULL;
          wait_until (hp_vm_is_ready (client.vm));
        }
      if (ender.end == DROP)
        wait_until (ender.weak == NULL);
      else
        g_object_remove_weak_pointer (G_OBJECT (client.vm), &ender.weak);
      vm_client_settle (&client);
      if (ender.end == STOP)
        g_assert_cmpint (hp_vm_state (client.vm), ==, HP_VM_OFFLINE);
      if (client.vm != NULL)
        g_signal_handlers_disconnect_by_data (client.vm, &ender);
      vm_client_tear_down (&client, NULL);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, set_up, function)                                                                                    \
  g_test_add ("/vm-session/" name, VmClient, NULL, set_up, function, vm_client_tear_down)
  ADD ("run-state", vm_client_set_up_online, test_run_state);
  ADD ("migrating", vm_client_set_up_online, test_migrating);
  ADD ("begins-in-migration", vm_client_set_up, test_begins_in_migration);
  ADD ("flood-of-events", vm_client_set_up_online, test_flood_of_events);
  ADD ("hostile-status", vm_client_set_up_online, test_hostile_status);
  ADD ("device-lost", vm_client_set_up, test_device_lost);
  ADD ("foreign-device-goes", vm_client_set_up, test_foreign_device_goes);
  ADD ("device-goes-meanwhile", vm_client_set_up, test_device_goes_meanwhile);
  ADD ("devices-go-always", vm_client_set_up, test_devices_go_always);
  ADD ("stalls", vm_client_set_up_online, test_stalls);
  ADD ("stalls-in-the-first-count", vm_client_set_up, test_stalls_in_the_first_count);
  ADD ("stalls-to-the-end", vm_client_set_up_online, test_stalls_to_the_end);
  g_test_add_func ("/vm-session/handlers", test_handlers);
  return g_test_run ();
}
