/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm-operation.h"

/*
 * Attaching and detaching, one operation at a time: what the next one finds free, the last one has settled.
 * Here are the line that they wait in, how they end, and all of detaching: device_del.
 */

static void operations_next (HpVm *vm);

static void
operation_free (gpointer data)
{
  HpVmOperation *operation = data;

  g_clear_object (&operation->session);
  g_free (operation->id);
  g_free (operation->kernel_name);
  g_free (operation->syspath);
  g_free (operation->place_key);
  g_clear_pointer (&operation->usbfs, hp_usbfs_unref);
  g_clear_pointer (&operation->places, g_ptr_array_unref);
  g_clear_error (&operation->error);
  g_free (operation);
}

void
hp_vm_attached_free (HpVmAttached *attached)
{
  if (attached == NULL)
    return;
  g_free (attached->id);
  g_free (attached->bus);
  g_free (attached);
}

gboolean
hp_vm_is_deleting (HpVm *vm, const char *id)
{
  const HpVmOperation *operation = vm->operation != NULL ? g_task_get_task_data (vm->operation) : NULL;

  return operation != NULL && g_strcmp0 (operation->id, id) == 0;
}

/* --- the ends --- */

void
hp_vm_operation_end (GTask *task, GError *error)
{
  g_autoptr (HpVm) vm = g_object_ref (g_task_get_source_object (task));
  g_autoptr (GTask) running G_GNUC_UNUSED = g_steal_pointer (&vm->operation);
  HpVmOperation *operation = g_task_get_task_data (task);
  HpVmAttached *attached = NULL;

  g_clear_pointer (&operation->usbfs, hp_usbfs_unref);
  if (error != NULL)
    g_task_return_error (task, error);
  else if (!operation->attach)
    g_task_return_boolean (task, TRUE);
  else
    {
      attached = g_new0 (HpVmAttached, 1);
      attached->id = g_strdup (operation->id);
      attached->bus = g_strdup (operation->place->bus);
      attached->port = operation->place->port;
      g_task_return_pointer (task, attached, (GDestroyNotify)hp_vm_attached_free);
    }
  operations_next (vm);
}

void
hp_vm_operation_fail (GTask *task, HpReason reason, const char *format, ...)
{
  va_list arguments;
  GError *error;

  va_start (arguments, format);
  error = g_error_new_valist (HP_VM_ERROR, (int)reason, format, arguments);
  va_end (arguments);
  hp_vm_operation_end (task, error);
}

HpReason
hp_vm_error_reason (const GError *error)
{
  if (g_error_matches (error, HP_QMP_ERROR, HP_QMP_ERROR_STALLED))
    return HP_REASON_VM_STALLED;
  if (error->domain != HP_QMP_ERROR || error->code == HP_QMP_ERROR_CLOSED || error->code == HP_QMP_ERROR_PROTOCOL)
    return HP_REASON_VM_OFFLINE;
  /* No class tells it: "device_add not allowed while migrating" since 2.x. */
  if (strstr (error->message, "while migrating") != NULL)
    return HP_REASON_VM_MIGRATING;
  return HP_REASON_QEMU_REFUSED;
}

gboolean
hp_vm_error_is_cut_off (const GError *error)
{
  HpReason reason = error != NULL ? hp_vm_error_reason (error) : HP_REASON_NONE;

  return reason == HP_REASON_VM_STALLED || reason == HP_REASON_VM_OFFLINE;
}

gboolean
hp_vm_operation_check (GTask *task)
{
  HpVm *vm = g_task_get_source_object (task);
  HpVmOperation *operation = g_task_get_task_data (task);

  if (vm->state == HP_VM_STALLED)
    hp_vm_operation_fail (task, HP_REASON_VM_STALLED, "the machine has not answered the last command yet");
  else if (vm->session == NULL || vm->session != operation->session || vm->state != HP_VM_ONLINE)
    hp_vm_operation_fail (task, HP_REASON_VM_OFFLINE, "the machine is %s", hp_vm_state_to_string (vm->state));
  else if (operation->attach && !hp_vm_is_ready (vm))
    hp_vm_operation_fail (task, HP_REASON_VM_MIGRATING, "its run state is %s", vm->run_state);
  else
    return TRUE;
  return FALSE;
}

void
hp_vm_operation_execute (GTask *task, const char *command, JsonObject *arguments, int fd, GAsyncReadyCallback callback)
{
  HpVmOperation *operation = g_task_get_task_data (task);

  hp_qmp_session_execute_async (operation->session, command, arguments, fd, callback, g_object_ref (task));
}

JsonObject *
hp_vm_operation_arguments (const char *id)
{
  JsonObject *arguments = json_object_new ();

  json_object_set_string_member (arguments, "id", id);
  return arguments;
}

/* --- detach --- */

static void
on_deleted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpVm *vm = g_task_get_source_object (task);
  HpVmOperation *operation = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer = hp_qmp_session_execute_finish (HP_QMP_SESSION (source), result, &error);
  const HpGuestPlace *place;

  if (answer == NULL && !g_error_matches (error, HP_QMP_ERROR, HP_QMP_ERROR_DEVICE_NOT_FOUND))
    {
      hp_vm_operation_fail (task, hp_vm_error_reason (error), "device_del %s: %s", operation->id, error->message);
      return;
    }
  /* USB needs no consent of the guest: with the answer it is gone. */
  place = vm->session == operation->session ? g_hash_table_lookup (vm->own, operation->id) : NULL;
  if (place != NULL)
    {
      hp_vm_mark_port (vm, place, FALSE);
      g_hash_table_remove (vm->own, operation->id);
      hp_vm_emit_changed (vm);
    }
  hp_vm_operation_end (task, NULL);
}

/* --- the line --- */

static void
operations_next (HpVm *vm)
{
  HpVmOperation *operation;

  if (vm->operation != NULL || g_queue_is_empty (vm->operations))
    return;
  vm->operation = g_queue_pop_head (vm->operations);
  operation = g_task_get_task_data (vm->operation);
  operation->session = vm->session != NULL ? g_object_ref (vm->session) : NULL;
  if (!hp_vm_operation_check (vm->operation))
    return;
  if (operation->attach)
    hp_vm_operation_attach (vm->operation);
  else
    hp_vm_operation_execute (vm->operation, "device_del", hp_vm_operation_arguments (operation->id), -1, on_deleted);
}

static void
operations_push (HpVm *vm, HpVmOperation *operation, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (vm, NULL, callback, user_data);

  g_task_set_task_data (task, operation, operation_free);
  g_queue_push_tail (vm->operations, task);
  operations_next (vm);
}

void
hp_vm_attach_async (HpVm *vm, const HpVmAttach *request, GAsyncReadyCallback callback, gpointer user_data)
{
  HpVmOperation *operation = g_new0 (HpVmOperation, 1);

  operation->attach = TRUE;
  operation->kernel_name = g_strdup (request->kernel_name);
  operation->syspath = g_strdup (request->target.syspath);
  operation->place_key = g_strdup (request->place_key);
  operation->target = request->target;
  operation->target.syspath = operation->syspath;
  operation->speed = request->speed;
  operation->configure = request->configure;
  operations_push (vm, operation, callback, user_data);
}

HpVmAttached *
hp_vm_attach_finish (HpVm *vm, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
hp_vm_detach_async (HpVm *vm, const char *id, GAsyncReadyCallback callback, gpointer user_data)
{
  HpVmOperation *operation = g_new0 (HpVmOperation, 1);

  operation->id = g_strdup (id);
  operations_push (vm, operation, callback, user_data);
}

gboolean
hp_vm_detach_finish (HpVm *vm, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
