/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm.h"

#include "vm-client.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A machine comes, is reached, and goes. What it tells while it is there is in test-vm-session.c. */

#define UP "online:online ONLINE "

/* --- before --- */

static void
test_new (VmClient *client, gconstpointer unused)
{
  guint pid, uid;

  g_assert_cmpstr (hp_vm_name (client->vm), ==, "machine");
  g_assert_cmpstr (hp_vm_socket (client->vm), ==, client->qemu->peer->path);
  g_assert_cmpint (hp_vm_state (client->vm), ==, HP_VM_OFFLINE);
  g_assert_cmpint (hp_vm_reason (client->vm), ==, HP_REASON_NONE);
  g_assert_null (hp_vm_detail (client->vm));
  g_assert_null (hp_vm_run_state (client->vm));
  g_assert_null (hp_vm_version (client->vm));
  g_assert_false (hp_vm_peer (client->vm, &pid, &uid));
  g_assert_false (hp_vm_is_settled (client->vm));
  g_assert_false (hp_vm_is_ready (client->vm));
  g_assert_cmpint (hp_vm_session_fd (client->vm), ==, -1);
  g_assert_cmpuint (hp_vm_buses (client->vm)->len, ==, 0);
  g_assert_cmpuint (hp_vm_devices (client->vm)->len, ==, 0);
  run_for (20);
  g_assert_cmpuint (client->qemu->peer->connections, ==, 0);
  vm_client_assert_log (client, "");
}

static void
test_states (void)
{
  static const char *const names[] = { "offline", "connecting", "online", "busy", "stalled", "failed" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpstr (hp_vm_state_to_string (i), ==, names[i]);
}

/* --- reaching it --- */

static void
test_online (VmClient *client, gconstpointer unused)
{
  const HpVmDevice *device;
  guint pid, uid;

  fake_qemu_add_device (client->qemu, "hotplugger-3-1-2a-5", "usb-host", "xhci.0", "4")->attached = TRUE;
  hp_vm_start (client->vm);
  hp_vm_start (client->vm);
  vm_client_wait_for_log (client, "connecting:vm-connecting " UP);
  g_assert_cmpuint (client->qemu->peer->connections, ==, 1);
  g_assert_cmpstr (hp_vm_version (client->vm), ==, "7.2.0");
  g_assert_cmpstr (hp_vm_run_state (client->vm), ==, "running");
  g_assert_true (hp_vm_is_ready (client->vm));
  g_assert_true (hp_vm_peer (client->vm, &pid, &uid));
  g_assert_cmpuint (pid, ==, (guint)getpid ());
  g_assert_cmpint (hp_vm_session_fd (client->vm), >=, 0);
  g_assert_cmpuint (hp_vm_buses (client->vm)->len, ==, 1);
  g_assert_cmpuint (hp_vm_devices (client->vm)->len, ==, 1);
  device = g_ptr_array_index (hp_vm_devices (client->vm), 0);
  g_assert_cmpstr (device->kernel_name, ==, "3-1");
  g_assert_cmphex (device->instance, ==, 0x2a);
  g_assert_true (device->attached);
  g_assert_cmpstr (device->bus, ==, "xhci.0");
  g_assert_cmpuint (device->port, ==, 4);
}

/* Seen the moment it comes: no timer is due for a minute. */
static void
test_socket_appears (VmClient *client, gconstpointer unused)
{
  client->vm->times.longest = client->vm->times.first = 60000;
  qmp_peer_unlink (client->qemu->peer);
  hp_vm_start (client->vm);
  vm_client_wait_for_log (client, "connecting:vm-connecting offline:no-socket ");
  g_assert_true (hp_vm_is_settled (client->vm));
  fake_qemu_start (client->qemu);
  vm_client_wait_for_log (client, "connecting:vm-connecting " UP);
}

/* … and in the middle of the try that finds it missing. */
static void
test_socket_appears_meanwhile (VmClient *client, gconstpointer unused)
{
  client->vm->times.longest = client->vm->times.first = 60000;
  qmp_peer_unlink (client->qemu->peer);
  hp_vm_start (client->vm);
  fake_qemu_start (client->qemu);
  wait_until (client->n_online == 1);
}

static void
test_folder_appears (VmClient *client, gconstpointer unused)
{
  g_autofree char *folder = g_build_filename (client->qemu->peer->folder, "a", "b", NULL);
  g_autofree char *parent = g_path_get_dirname (folder);

  qmp_peer_unlink (client->qemu->peer);
  g_free (client->qemu->peer->path);
  client->qemu->peer->path = g_build_filename (folder, "qmp", NULL);
  vm_client_renew (client, client->qemu->peer->path, NULL);
  client->vm->times.longest = client->vm->times.first = 60000;
  hp_vm_start (client->vm);
  vm_client_wait_for_log (client, "connecting:vm-connecting offline:no-socket ");
  g_assert_cmpint (g_mkdir_with_parents (folder, 0755), ==, 0);
  fake_qemu_start (client->qemu);
  vm_client_wait_for_log (client, "connecting:vm-connecting " UP);
  fake_qemu_quit (client->qemu);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
  g_assert_cmpint (g_rmdir (parent), ==, 0);
}

/* It is bound, and listens later: nothing but time tells that. */
static void
test_listens_late (VmClient *client, gconstpointer unused)
{
  qmp_peer_bind (client->qemu->peer);
  hp_vm_start (client->vm);
  vm_client_wait_for_log (client, "connecting:vm-connecting offline:nobody-listens ");
  run_for (30);
  fake_qemu_start (client->qemu);
  vm_client_wait_for_log (client, "connecting:vm-connecting " UP);
}

/* Tries that fail in the same way tell nothing anew. */
static void
test_quiet_tries (VmClient *client, gconstpointer unused)
{
  qmp_peer_bind (client->qemu->peer);
  client->vm->times.longest = 10;
  hp_vm_start (client->vm);
  vm_client_wait_for_log (client, "connecting:vm-connecting offline:nobody-listens ");
  client->n_changed = 0;
  run_for (60);
  g_assert_cmpuint (client->n_changed, ==, 0);
}

static void
test_no_access (VmClient *client, gconstpointer unused)
{
  const char *path = client->qemu->peer->path;
  gboolean root = geteuid () == 0;

  g_assert_cmpint (g_chmod (client->qemu->peer->folder, 0755), ==, 0);
  g_assert_cmpint (g_chmod (path, 0600), ==, 0);
  if (!root)
    g_assert_cmpint (g_chmod (path, 0000), ==, 0);
  client->vm->times.longest = client->vm->times.held = client->vm->times.first = 60000;
  /* Root may do all, so it steps aside for the moment of connecting. */
  if (root)
    g_assert_cmpint (seteuid (65534), ==, 0);
  hp_vm_start (client->vm);
  if (root)
    g_assert_cmpint (seteuid (0), ==, 0);
  vm_client_wait_for_log (client, "connecting:vm-connecting failed:no-access ");
  g_assert_nonnull (strstr (hp_vm_detail (client->vm), path));
  g_assert_nonnull (strstr (hp_vm_detail (client->vm), root ? "user 0" : "its mode is 0000"));
  g_assert_true (hp_vm_is_settled (client->vm));
  /* Its rights change: that is an event, and worth a try at once. */
  g_assert_cmpint (g_chmod (path, 0666), ==, 0);
  vm_client_wait_for_log (client, "connecting:vm-connecting " UP);
}

static void
test_no_way_to_folder (VmClient *client, gconstpointer unused)
{
  g_autofree char *path = g_build_filename (client->qemu->peer->folder, "a", "qmp", NULL);
  g_autofree char *folder = g_path_get_dirname (path);
  gboolean root = geteuid () == 0;

  g_assert_cmpint (g_chmod (client->qemu->peer->folder, 0755), ==, 0);
  g_assert_cmpint (g_mkdir (folder, root ? 0700 : 0000), ==, 0);
  vm_client_renew (client, path, NULL);
  if (root)
    g_assert_cmpint (seteuid (65534), ==, 0);
  hp_vm_start (client->vm);
  vm_client_wait_for_log (client, "connecting:vm-connecting failed:no-access ");
  if (root)
    g_assert_cmpint (seteuid (0), ==, 0);
  g_assert_nonnull (strstr (hp_vm_detail (client->vm), "cannot be searched"));
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

/* Somebody else has the monitor, and then not any more. */
static void
test_busy (VmClient *client, gconstpointer unused)
{
  client->qemu->peer->greeting = NULL;
  qmp_peer_patience = 50;
  hp_vm_start (client->vm);
  vm_client_wait_for_log (client, "connecting:vm-connecting busy:vm-busy ");
  g_assert_true (hp_vm_is_settled (client->vm));
  qmp_peer_patience = 0;
  client->qemu->peer->greeting = client->qemu->greeting;
  vm_client_wait_for_log (client, "connecting:vm-connecting " UP);
}

static void
test_not_qmp (VmClient *client, gconstpointer unused)
{
  client->qemu->peer->greeting = "SSH-2.0-OpenSSH_9.2\r\n";
  hp_vm_start (client->vm);
  vm_client_wait_for_log (client, "connecting:vm-connecting failed:not-qmp ");
  g_assert_nonnull (hp_vm_detail (client->vm));
  client->qemu->peer->greeting = client->qemu->greeting;
  vm_client_wait_for_log (client, "connecting:vm-connecting " UP);
}

static void
test_no_usb_host (VmClient *client, gconstpointer unused)
{
  client->qemu->lacks_usb_host = TRUE;
  hp_vm_start (client->vm);
  vm_client_wait_for_log (client, "connecting:vm-connecting failed:no-usb-host ");
  g_assert_true (hp_vm_is_settled (client->vm));
  g_assert_false (hp_vm_is_ready (client->vm));
  fake_qemu_quit (client->qemu);
  vm_client_wait_for_log (client, "offline:nobody-listens ENDED ");
}

/* It ends while stock is being taken, or before: that was no machine yet. */
static void
test_ends_early (VmClient *client, gconstpointer unused)
{
  client->qemu->fails = "device-list-properties";
  client->qemu->fail_times = 1;
  hp_vm_start (client->vm);
  wait_until (strstr (client->log->str, "offline") != NULL);
  fake_qemu_start (client->qemu);
  wait_until (client->n_online == 1);
  g_assert_cmpuint (client->n_ended, <=, 1);
}

/* --- the end, and again --- */

static void
test_ends_and_comes_back (VmClient *client, gconstpointer unused)
{
  client->vm->times.longest = client->vm->times.first = 60000;
  for (guint i = 0; i < 3; i++)
    {
      fake_qemu_add_device (client->qemu, "hotplugger-3-1-2a-5", "usb-host", "xhci.0", "4");
      if (i == 0)
        hp_vm_start (client->vm);
      else
        fake_qemu_start (client->qemu);
      wait_until (client->n_online == i + 1);
      g_assert_true (g_str_has_suffix (client->log->str, "connecting:vm-connecting " UP));
      g_assert_cmpuint (hp_vm_devices (client->vm)->len, ==, 1);
      g_string_truncate (client->log, 0);
      fake_qemu_quit (client->qemu);
      wait_until (client->n_ended == i + 1);
      vm_client_assert_log (client, "offline:nobody-listens ENDED ");
      g_assert_null (hp_vm_run_state (client->vm));
      g_assert_null (hp_vm_version (client->vm));
      g_assert_cmpint (hp_vm_session_fd (client->vm), ==, -1);
      g_assert_cmpuint (hp_vm_buses (client->vm)->len, ==, 0);
    }
}

/* The session breaks, but does the machine live? That is known once it is reached again, or is not there. */
static void
test_breaks (VmClient *client, gconstpointer unused)
{
  vm_client_start (client);
  g_string_truncate (client->log, 0);
  qmp_peer_say (client->qemu->peer, "garbage");
  vm_client_wait_for_log (client, "failed:not-qmp connecting:vm-connecting " UP);
  g_assert_cmpuint (client->n_ended, ==, 0);
  qmp_peer_say (client->qemu->peer, "garbage");
  vm_client_wait_for_log (client, "failed:not-qmp ");
  fake_qemu_quit (client->qemu);
  wait_until (client->n_ended == 1);
  g_assert_cmpint (hp_vm_state (client->vm), ==, HP_VM_OFFLINE);
  run_for (60);
  g_assert_cmpuint (client->n_ended, ==, 1);
}

static void
test_stop (VmClient *client, gconstpointer unused)
{
  fake_qemu_add_device (client->qemu, "hotplugger-3-1-2a-5", "usb-host", "xhci.0", "4")->attached = TRUE;
  vm_client_start (client);
  g_string_truncate (client->log, 0);
  g_string_truncate (client->qemu->log, 0);
  hp_vm_stop (client->vm);
  vm_client_assert_log (client, "offline ");
  hp_vm_stop (client->vm);
  wait_until (client->qemu->peer->client < 0);
  run_for (60);
  vm_client_assert_log (client, "");
  g_assert_cmpuint (client->qemu->peer->connections, ==, 1);
  /* What was attached is the machine's still. */
  g_assert_cmpuint (client->qemu->devices->len, ==, 1);
  g_assert_cmpstr (client->qemu->log->str, ==, "");

  hp_vm_start (client->vm);
  wait_until (client->n_online == 2);
  g_assert_cmpuint (hp_vm_devices (client->vm)->len, ==, 1);
}

/* In the middle of connecting; the one that comes right after must find the monitor free. */
static void
test_stop_while_connecting (VmClient *client, gconstpointer unused)
{
  QmpPeerFunc func = client->qemu->peer->func;
  gint64 before = g_get_monotonic_time ();

  client->qemu->peer->negotiates = FALSE;
  client->qemu->peer->func = NULL; /* no answer at all */
  hp_vm_start (client->vm);
  wait_until (client->qemu->peer->commands == 1);
  hp_vm_stop (client->vm);
  vm_client_assert_log (client, "connecting:vm-connecting offline ");
  client->qemu->peer->negotiates = TRUE;
  client->qemu->peer->func = func;
  hp_vm_start (client->vm);
  wait_until (client->n_online == 1);
  /* The first did not wait for its greeting's time. */
  g_assert_cmpint (g_get_monotonic_time () - before, <, HP_QMP_GREETING_TIMEOUT_MS * 1000 / 2);
  hp_vm_stop (client->vm);
  hp_vm_start (client->vm);
  hp_vm_stop (client->vm);
  wait_until (client->qemu->peer->client < 0);
  g_assert_cmpuint (client->n_ended, ==, 0);
}

/* --- taken over from an earlier run --- */

/* A connection that was negotiated already. */
static int
give_connection (VmClient *client)
{
  int pair[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  qmp_peer_unlink (client->qemu->peer);
  qmp_peer_take (client->qemu->peer, pair[0]);
  return pair[1];
}

static void
test_adopt (VmClient *client, gconstpointer unused)
{
  hp_vm_adopt (client->vm, give_connection (client));
  hp_vm_start (client->vm);
  vm_client_wait_for_log (client, "connecting:vm-connecting " UP);
  g_assert_cmpstr (hp_vm_version (client->vm), ==, "7.2.0");
  /* From then on it is like any other. */
  fake_qemu_quit (client->qemu);
  vm_client_wait_for_log (client, "offline:nobody-listens ENDED ");
  fake_qemu_start (client->qemu);
  wait_until (client->n_online == 2);
}

/* Without a socket of its own it ends with that connection. */
static void
test_adopt_only (VmClient *client, gconstpointer unused)
{
  vm_client_renew (client, NULL, NULL);
  g_assert_null (hp_vm_socket (client->vm));
  hp_vm_adopt (client->vm, give_connection (client));
  hp_vm_start (client->vm);
  vm_client_wait_for_log (client, "connecting:vm-connecting " UP);
  fake_qemu_quit (client->qemu);
  vm_client_wait_for_log (client, "offline:nobody-listens ENDED ");
  run_for (60);
  vm_client_assert_log (client, "");
}

static void
test_adopt_fails (VmClient *client, gconstpointer unused)
{
  int pair[2];

  /* It ended in between, and another was started in its place: that is the machine now. */
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  close (pair[0]);
  hp_vm_adopt (client->vm, pair[1]);
  vm_client_start (client);
  vm_client_assert_log (client, "connecting:vm-connecting " UP);

  /* It ended, and there is none. */
  qmp_peer_unlink (client->qemu->peer);
  vm_client_renew (client, client->qemu->peer->path, NULL);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  close (pair[0]);
  hp_vm_adopt (client->vm, pair[1]);
  hp_vm_start (client->vm);
  vm_client_wait_for_log (client, "connecting:vm-connecting offline:no-socket ENDED ");

  /* Nor could there be one. */
  vm_client_renew (client, NULL, NULL);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  close (pair[0]);
  hp_vm_adopt (client->vm, pair[1]);
  hp_vm_start (client->vm);
  vm_client_wait_for_log (client, "connecting:vm-connecting offline:no-socket ENDED ");
  g_assert_nonnull (hp_vm_detail (client->vm));
}

/* A second one takes the place of the first; none is leaked where it is never started. */
static void
test_adopt_twice (VmClient *client, gconstpointer unused)
{
  int first[2], second[2];
  char byte;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, first), ==, 0);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, second), ==, 0);
  hp_vm_adopt (client->vm, first[1]);
  hp_vm_adopt (client->vm, second[1]);
  g_assert_cmpint (read (first[0], &byte, 1), ==, 0);
  vm_client_renew (client, NULL, NULL);
  g_assert_cmpint (read (second[0], &byte, 1), ==, 0);
  close (first[0]);
  close (second[0]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vm/states", test_states);
#define ADD(name, function) g_test_add ("/vm/" name, VmClient, NULL, vm_client_set_up, function, vm_client_tear_down)
  ADD ("new", test_new);
  ADD ("online", test_online);
  ADD ("socket-appears", test_socket_appears);
  ADD ("socket-appears-meanwhile", test_socket_appears_meanwhile);
  ADD ("folder-appears", test_folder_appears);
  ADD ("listens-late", test_listens_late);
  ADD ("quiet-tries", test_quiet_tries);
  ADD ("no-access", test_no_access);
  ADD ("no-way-to-folder", test_no_way_to_folder);
  ADD ("busy", test_busy);
  ADD ("not-qmp", test_not_qmp);
  ADD ("no-usb-host", test_no_usb_host);
  ADD ("ends-early", test_ends_early);
  ADD ("ends-and-comes-back", test_ends_and_comes_back);
  ADD ("breaks", test_breaks);
  ADD ("stop", test_stop);
  ADD ("stop-while-connecting", test_stop_while_connecting);
  ADD ("adopt", test_adopt);
  ADD ("adopt-only", test_adopt_only);
  ADD ("adopt-fails", test_adopt_fails);
  ADD ("adopt-twice", test_adopt_twice);
  return g_test_run ();
}
