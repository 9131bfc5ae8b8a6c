/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine-private.h"
#include "log.h"

/* What people ask for. The caller was authorised before; here everything is looked up again, for time has passed. */

/* A machine that has not answered for so long is told of to the caller; the world follows later all the same. */
#define ANSWER_SECONDS 30

/* A call that is answered once the device is where it was asked to be. */
typedef struct
{
  char *device;
  guint64 instance;
  char *vm; /* NULL: out of any machine */
  GTask *task;
  guint timeout;
} HpWaiting;

static void
waiting_free (HpWaiting *waiting)
{
  g_clear_handle_id (&waiting->timeout, g_source_remove);
  g_free (waiting->device);
  g_free (waiting->vm);
  g_object_unref (waiting->task);
  g_free (waiting);
}

/* Answers, and forgets the call. @error: (transfer full) (nullable): NULL for success */
static void
answer (HpEngine *engine, HpWaiting *waiting, GError *error)
{
  g_autoptr (GTask) task = g_object_ref (waiting->task);

  g_ptr_array_remove (engine->waiting, waiting);
  waiting_free (waiting);
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static gboolean
on_answer_timeout (gpointer user_data)
{
  HpWaiting *waiting = user_data;
  HpEngine *engine = g_task_get_source_object (waiting->task);

  waiting->timeout = 0;
  answer (engine, waiting,
          g_error_new (HP_ERROR, HP_ERROR_FAILED,
                       "device %s: no answer within %d s; it goes on: hotplugctl devices tells how it ends",
                       waiting->device, ANSWER_SECONDS));
  return G_SOURCE_REMOVE;
}

static void
wait_for (HpEngine *engine, GTask *task, const HpDevice *device, const char *vm)
{
  HpWaiting *waiting = g_new0 (HpWaiting, 1);

  waiting->device = g_strdup (device->name);
  waiting->instance = device->instance;
  waiting->vm = g_strdup (vm);
  waiting->task = g_object_ref (task);
  waiting->timeout = g_timeout_add_seconds (ANSWER_SECONDS, on_answer_timeout, waiting);
  g_ptr_array_add (engine->waiting, waiting);
  hp_engine_mark_device (engine, device->name);
}

/* Whether what was asked for is still what a person wants with the device. */
static gboolean
still_asked_for (HpEngine *engine, const HpWaiting *waiting, const HpDevice *device)
{
  const HpDecision *decision = hp_world_decision (engine->world, device);

  return g_strcmp0 (decision != NULL ? decision->vm : NULL, waiting->vm) == 0;
}

/* Why nobody works on it any more: the machine has ended, and with it what it was given by hand, or others had a word. */
static GError *
overruled (HpEngine *engine, const HpWaiting *waiting, const HpDevice *device)
{
  if (waiting->vm != NULL && hp_world_decision (engine->world, device) == NULL)
    return g_error_new (HP_ERROR, HP_ERROR_VIRTUAL_MACHINE_NOT_RUNNING,
                        "device %s: virtual machine %s has ended meanwhile", waiting->device, waiting->vm);
  return g_error_new (HP_ERROR, HP_ERROR_FAILED, "device %s: somebody asked for something else meanwhile",
                      waiting->device);
}

/* Returns: whether the call can be answered now; @ret_error is then set, or left NULL for success. */
static gboolean
is_decided (HpEngine *engine, const HpWaiting *waiting, GError **ret_error)
{
  const HpDevice *device = hp_topology_device (engine->topology, waiting->device);
  HpAttachment *attachment = hp_world_attachment (engine->world, waiting->device, waiting->instance, waiting->vm);

  if (device == NULL || device->instance != waiting->instance)
    {
      *ret_error = waiting->vm == NULL
                       ? NULL
                       : g_error_new (HP_ERROR, HP_ERROR_NO_SUCH_DEVICE, "device %s was pulled out", waiting->device);
      return TRUE;
    }
  if (waiting->vm == NULL && (attachment == NULL || !hp_attachment_is_live (attachment)))
    return TRUE;
  if (waiting->vm != NULL && attachment != NULL && attachment->state == HP_ATTACHMENT_ATTACHED)
    return TRUE;
  if (waiting->vm != NULL && attachment != NULL && attachment->state == HP_ATTACHMENT_FAILED)
    *ret_error = g_error_new (HP_ERROR, HP_ERROR_QEMU_FAILED, "attaching device %s to virtual machine %s: %s",
                              waiting->device, waiting->vm, attachment->detail);
  else if (!still_asked_for (engine, waiting, device))
    *ret_error = overruled (engine, waiting, device);
  return *ret_error != NULL;
}

void
hp_engine_answer_waiting (HpEngine *engine)
{
  for (guint i = engine->waiting->len; i > 0; i--)
    {
      HpWaiting *waiting = g_ptr_array_index (engine->waiting, i - 1);
      const HpDevice *device;
      GError *error = NULL;

      if (!is_decided (engine, waiting, &error))
        continue;
      /* What was asked for by hand and failed is not tried for ever. */
      device = hp_topology_device (engine->topology, waiting->device);
      if (error != NULL && waiting->vm != NULL && device != NULL && still_asked_for (engine, waiting, device))
        {
          g_hash_table_remove (engine->world->decisions, waiting->device);
          hp_engine_mark_device (engine, waiting->device);
        }
      answer (engine, waiting, error);
    }
}

static const HpDevice *
device_for_request (HpEngine *engine, const char *name, GError **error)
{
  const HpDevice *device = hp_topology_device (engine->topology, name);

  if (device == NULL)
    {
      g_set_error (error, HP_ERROR, HP_ERROR_NO_SUCH_DEVICE, "device %s is not there (any more)", name);
      return NULL;
    }
  if (device->hub)
    {
      g_set_error (error, HP_ERROR, HP_ERROR_HUB_NOT_SUPPORTED,
                   "device %s is a hub, which stays with the host: name what is plugged into it, or assign its port",
                   name);
      return NULL;
    }
  return device;
}

void
hp_engine_attach_async (HpEngine *engine, const char *name, const char *vm, GAsyncReadyCallback callback,
                        gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (engine, NULL, callback, user_data);
  g_autoptr (GError) error = NULL;
  const HpDevice *device = device_for_request (engine, name, &error);
  const HpVmFacts *facts = hp_world_find_vm (engine->world, vm);
  HpAttachment *failed;

  g_task_set_source_tag (task, hp_engine_attach_async);
  if (device == NULL || !hp_engine_has_vm (engine, vm, &error))
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  /* The old one of a machine that has another socket now takes nothing any more: the new one will. */
  if (facts == NULL || !facts->ready || g_hash_table_contains (engine->retiring, vm))
    {
      HpReason reason = facts == NULL ? HP_REASON_VM_UNKNOWN : facts->ready ? HP_REASON_VM_CONNECTING : facts->reason;
      g_autofree char *why = hp_reason_sentence (reason, vm, facts != NULL ? facts->detail : NULL);

      g_task_return_new_error (task, HP_ERROR, HP_ERROR_VIRTUAL_MACHINE_NOT_RUNNING, "%s", why);
      return;
    }
  /* What went wrong before is no answer, and whoever asks by hand does not wait for the next turn. */
  failed = hp_world_attachment (engine->world, device->name, device->instance, vm);
  if (failed != NULL && failed->state == HP_ATTACHMENT_FAILED)
    hp_world_remove_attachment (engine->world, failed);
  hp_world_decide (engine->world, device->name, device->instance, vm);
  wait_for (engine, task, device, vm);
}

void
hp_engine_detach_async (HpEngine *engine, const char *name, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (engine, NULL, callback, user_data);
  g_autoptr (GError) error = NULL;
  const HpDevice *device = device_for_request (engine, name, &error);

  g_task_set_source_tag (task, hp_engine_detach_async);
  if (device == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  if (hp_world_target (engine->world, device).vm == NULL
      && hp_world_attachment (engine->world, device->name, device->instance, NULL) == NULL)
    {
      g_task_return_new_error (task, HP_ERROR, HP_ERROR_NOT_ATTACHED,
                               "device %s is in no virtual machine, and on its way into none", name);
      return;
    }
  hp_world_decide (engine->world, device->name, device->instance, NULL);
  wait_for (engine, task, device, NULL);
}

/* A change of what was chosen at run time: put a choice (@choice set), or drop the one for @port. */
typedef struct
{
  char *port;
  HpChoice *choice;
  HpState *state; /* as it will be */
} Change;

static void
change_free (Change *change)
{
  g_free (change->port);
  g_clear_pointer (&change->choice, hp_choice_free);
  g_clear_pointer (&change->state, hp_state_free);
  g_free (change);
}

static void save_next (HpEngine *engine);

/* The machines that the port is assigned to: which ports are theirs is part of what is shown of them. */
static void
tell_vms (HpEngine *engine, const char *port)
{
  const HpAssignment *assignment = hp_policy_exact (engine->world->policy, port);

  for (guint i = 0; assignment != NULL && assignment->vms[i] != NULL; i++)
    hp_engine_vm_changed (engine, assignment->vms[i]);
}

static void
take_state (HpEngine *engine, Change *change)
{
  const HpAssignment *assignment;

  hp_state_free (engine->state);
  engine->state = g_steal_pointer (&change->state);
  /* Saved, and so for the next run. */
  if (engine->handing_back)
    return;
  tell_vms (engine, change->port);
  hp_engine_mark_subtree (engine, change->port);
  if (change->choice != NULL)
    hp_policy_put (engine->world->policy, hp_assignment_new (change->port, (const char *const *)change->choice->vms,
                                                             change->choice->reserve, TRUE, "run time"));
  else
    hp_policy_reset (engine->world->policy, change->port);
  tell_vms (engine, change->port);
  assignment = hp_policy_exact (engine->world->policy, change->port);
  if (assignment != NULL)
    hp_engine_refresh_holder (engine, assignment);
  else
    hp_world_set_holder (engine->world, change->port, NULL);
}

static void
on_saved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpEngine *engine = g_task_get_source_object (task);
  g_autoptr (GError) error = NULL;

  engine->saving = FALSE;
  if (hp_state_file_save_finish (result, &error))
    {
      take_state (engine, g_task_get_task_data (task));
      g_task_return_boolean (task, TRUE);
    }
  else
    {
      g_task_return_new_error (task, HP_ERROR, HP_ERROR_STATE_NOT_SAVED, "nothing has changed: %s", error->message);
    }
  save_next (engine);
}

/* One save at a time: each starts from what the one before has left. */
static void
save_next (HpEngine *engine)
{
  g_autoptr (GTask) task = NULL;
  Change *change;

  if (engine->saving || g_queue_is_empty (engine->changes))
    return;
  task = g_queue_pop_head (engine->changes);
  change = g_task_get_task_data (task);
  change->state = hp_state_copy (engine->state);
  if (change->choice != NULL)
    hp_state_put (change->state, hp_choice_copy (change->choice));
  else
    g_hash_table_remove (change->state->choices, change->port);
  engine->saving = TRUE;
  hp_state_file_save_async (engine->state_path, change->state, NULL, on_saved, g_object_ref (task));
}

static void
queue_change (HpEngine *engine, GTask *task, const char *port, HpChoice *choice)
{
  Change *change;

  if (engine->state_unread)
    {
      hp_choice_free (choice);
      g_task_return_new_error (task, HP_ERROR, HP_ERROR_STATE_NOT_SAVED, "nothing has changed: %s",
                               engine->state_error);
      return;
    }
  change = g_new0 (Change, 1);
  change->port = g_strdup (port);
  change->choice = choice;
  g_task_set_task_data (task, change, (GDestroyNotify)change_free);
  g_queue_push_tail (engine->changes, g_object_ref (task));
  save_next (engine);
}

static HpChoice *
new_choice (const char *port, const char *const *vms, HpReserve reserve, guint32 by_uid)
{
  return hp_choice_new (port, vms, reserve, g_get_real_time () / G_USEC_PER_SEC, by_uid);
}

void
hp_engine_assign_async (HpEngine *engine, const char *port_id, const char *vm, HpReserve reserve, guint32 by_uid,
                        GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (engine, NULL, callback, user_data);
  g_autoptr (GError) error = NULL;
  gboolean to_host = g_str_equal (vm, HP_HOST);
  const char *const vms[] = { to_host ? NULL : vm, NULL };

  g_task_set_source_tag (task, hp_engine_assign_async);
  if (!to_host && !hp_engine_has_vm (engine, vm, &error))
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  queue_change (engine, task, port_id, new_choice (port_id, vms, reserve, by_uid));
}

/* Whether the port would still be a machine's without what was chosen for it at run time. */
static gboolean
is_assigned_without_choice (HpEngine *engine, const char *port_id)
{
  const HpPort *port = hp_topology_port (engine->topology, port_id);
  const HpAssignment *left = port != NULL
                                 ? hp_policy_find_without_choice (engine->world->policy, engine->topology, port)
                                 : hp_policy_configured (engine->world->policy, port_id);

  return left != NULL && left->vms[0] != NULL;
}

void
hp_engine_unassign_async (HpEngine *engine, const char *port_id, gboolean reset, guint32 by_uid,
                          GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (engine, NULL, callback, user_data);
  HpChoice *choice = NULL;

  g_task_set_source_tag (task, hp_engine_unassign_async);
  if (!reset && is_assigned_without_choice (engine, port_id))
    choice = new_choice (port_id, NULL, HP_RESERVE_WHILE_RUNNING, by_uid);
  queue_change (engine, task, port_id, choice);
}

gboolean
hp_engine_request_finish (HpEngine *engine, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
