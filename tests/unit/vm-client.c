/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm-client.h"

#include <string.h>

void
keep_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_assert_null (*(GAsyncResult **)user_data);
  *(GAsyncResult **)user_data = g_object_ref (result);
}

static void
on_changed (HpVm *vm, gpointer user_data)
{
  VmClient *client = user_data;
  const char *reason = hp_reason_code (hp_vm_reason (vm));
  char *state = g_strconcat (hp_vm_state_to_string (hp_vm_state (vm)), *reason != '\0' ? ":" : "", reason, NULL);

  client->n_changed++;
  if (g_strcmp0 (state, client->last_state) != 0)
    g_string_append_printf (client->log, "%s ", state);
  g_free (client->last_state);
  client->last_state = state;
}

static void
on_online (HpVm *vm, gpointer user_data)
{
  VmClient *client = user_data;

  g_assert_cmpint (hp_vm_state (vm), ==, HP_VM_ONLINE);
  g_assert_true (hp_vm_is_settled (vm));
  client->n_online++;
  g_string_append (client->log, "ONLINE ");
}

static void
on_ended (HpVm *vm, gpointer user_data)
{
  VmClient *client = user_data;

  g_assert_cmpint (hp_vm_state (vm), !=, HP_VM_ONLINE);
  g_assert_cmpuint (hp_vm_devices (vm)->len, ==, 0);
  client->n_ended++;
  g_string_append (client->log, "ENDED ");
}

static void
on_lost (HpVm *vm, const char *id, gpointer user_data)
{
  VmClient *client = user_data;

  g_string_append_printf (client->log, "LOST(%s) ", id);
}

static void
make_vm (VmClient *client, const char *socket, const char *const *hubs)
{
  client->vm = hp_vm_new ("machine", socket, hubs);
  client->vm->times = (HpVmTimes){ .event = 10, .first = 10, .held = 20, .longest = 50, .moving = 20, .settle = 10 };
  g_signal_connect (client->vm, "changed", G_CALLBACK (on_changed), client);
  g_signal_connect (client->vm, "online", G_CALLBACK (on_online), client);
  g_signal_connect (client->vm, "ended", G_CALLBACK (on_ended), client);
  g_signal_connect (client->vm, "device-lost", G_CALLBACK (on_lost), client);
}

static void
drop_vm (VmClient *client)
{
  if (client->vm == NULL)
    return;
  g_signal_handlers_disconnect_by_data (client->vm, client);
  hp_vm_stop (client->vm);
  vm_client_settle (client);
  g_assert_finalize_object (g_steal_pointer (&client->vm));
}

void
vm_client_set_up (VmClient *client, gconstpointer unused)
{
  client->qemu = fake_qemu_new ();
  client->log = g_string_new (NULL);
  make_vm (client, client->qemu->peer->path, NULL);
}

void
vm_client_renew (VmClient *client, const char *socket, const char *const *hubs)
{
  drop_vm (client);
  g_clear_pointer (&client->last_state, g_free);
  make_vm (client, socket, hubs);
}

void
vm_client_start (VmClient *client)
{
  guint before = client->n_online;

  hp_vm_start (client->vm);
  wait_until (client->n_online > before);
}

void
vm_client_set_up_online (VmClient *client, gconstpointer unused)
{
  vm_client_set_up (client, NULL);
  vm_client_start (client);
  vm_client_assert_log (client, "connecting:vm-connecting online:online ONLINE ");
  g_string_truncate (client->qemu->log, 0);
}

void
vm_client_tear_down (VmClient *client, gconstpointer unused)
{
  drop_vm (client);
  fake_qemu_free (client->qemu);
  g_string_free (client->log, TRUE);
  g_free (client->last_state);
}

void
vm_client_assert_log (VmClient *client, const char *expected)
{
  g_assert_cmpstr (client->log->str, ==, expected);
  g_string_truncate (client->log, 0);
}

void
vm_client_wait_for_log (VmClient *client, const char *expected)
{
  wait_until (client->log->len >= strlen (expected));
  vm_client_assert_log (client, expected);
}

void
vm_client_set_timeout (VmClient *client, guint timeout_ms)
{
  hp_qmp_session_set_timeout (client->vm->session, timeout_ms);
}

void
vm_client_settle (VmClient *client)
{
  guint commands;

  do
    {
      commands = client->qemu->peer->commands;
      run_for (5);
    }
  while (client->qemu->peer->commands != commands);
}
