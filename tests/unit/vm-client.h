/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fake-qemu.h"
#include "vm-private.h"

/* A machine of ours to a QEMU of ours, and what it has told. The fixture of its tests. */
typedef struct
{
  FakeQemu *qemu;
  HpVm *vm;
  /* What it told, in order: "online:vm-migrating ONLINE ENDED LOST(id) "; state and reason only where they change. */
  GString *log;
  char *last_state;
  guint n_online, n_ended, n_changed;
} VmClient;

/* QEMU listens; the machine is not started yet, and it is impatient. */
void vm_client_set_up (VmClient *client, gconstpointer unused);
/* … and online. */
void vm_client_set_up_online (VmClient *client, gconstpointer unused);
/* Also sees to it that nothing holds on to the machine. */
void vm_client_tear_down (VmClient *client, gconstpointer unused);

/* Another machine in place of the one that is there. */
void vm_client_renew (VmClient *client, const char *socket, const char *const *hubs);
void vm_client_start (VmClient *client);
/* Clears the log. */
void vm_client_assert_log (VmClient *client, const char *expected);
void vm_client_wait_for_log (VmClient *client, const char *expected);
/* Commands of the machine are given up on after @timeout_ms. */
void vm_client_set_timeout (VmClient *client, guint timeout_ms);
/* All that is under way between the two is done. */
void vm_client_settle (VmClient *client);

/* A callback that puts the result where @user_data points to. */
void keep_result (GObject *source, GAsyncResult *result, gpointer user_data);
