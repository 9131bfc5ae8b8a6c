/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm-operation.h"

/*
 * The steps of attaching:
 *
 *   node opened (in a thread) -> add-fd -> device_add, place by place -> remove-fd -> really there?
 */

static void operation_add (GTask *task);
static void operation_remove_fd (GTask *task);
static void operation_verify (GTask *task);

static void
operation_succeed (GTask *task)
{
  HpVm *vm = g_task_get_source_object (task);
  const HpVmOperation *operation = g_task_get_task_data (task);

  g_hash_table_replace (vm->own, g_strdup (operation->id), hp_vm_place_copy (operation->place));
  if (operation->place_key != NULL)
    g_hash_table_replace (vm->places, g_strdup (operation->place_key), hp_vm_place_copy (operation->place));
  hp_vm_emit_changed (vm);
  hp_vm_operation_end (task, NULL);
}

static void
on_taken_back (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpVm *vm = g_task_get_source_object (task);
  HpVmOperation *operation = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer G_GNUC_UNUSED = hp_qmp_session_execute_finish (HP_QMP_SESSION (source), result, &error);

  if (hp_vm_error_is_cut_off (error))
    {
      hp_vm_operation_fail (task, hp_vm_error_reason (error), "device_del %s: %s", operation->id, error->message);
      return;
    }
  if (vm->session == operation->session)
    hp_vm_mark_port (vm, operation->place, FALSE);
  hp_vm_operation_end (task, g_steal_pointer (&operation->error));
}

static void
on_verified (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpVm *vm = g_task_get_source_object (task);
  HpVmOperation *operation = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer = hp_qmp_session_execute_finish (HP_QMP_SESSION (source), result, &error);

  if (hp_vm_error_is_cut_off (error))
    hp_vm_operation_fail (task, hp_vm_error_reason (error), "qom-get %s attached: %s", operation->id, error->message);
  else if (vm->session != operation->session)
    hp_vm_operation_fail (task, HP_REASON_VM_OFFLINE, "the machine is %s", hp_vm_state_to_string (vm->state));
  else if (answer != NULL && JSON_NODE_HOLDS_VALUE (answer) && json_node_get_value_type (answer) == G_TYPE_BOOLEAN
           && json_node_get_boolean (answer))
    operation_succeed (task);
  else
    {
      operation->error = g_error_new (HP_VM_ERROR, HP_REASON_NOT_TAKEN, "QEMU made %s on %s port %u without it%s%s",
                                      operation->id, operation->place->bus, operation->place->port,
                                      error != NULL ? ": " : "", error != NULL ? error->message : "");
      hp_vm_operation_execute (task, "device_del", hp_vm_operation_arguments (operation->id), -1, on_taken_back);
    }
}

static void
operation_verify (GTask *task)
{
  const HpVmOperation *operation = g_task_get_task_data (task);
  JsonObject *arguments = json_object_new ();
  g_autofree char *path = g_strconcat ("/machine/peripheral/", operation->id, NULL);

  json_object_set_string_member (arguments, "path", path);
  json_object_set_string_member (arguments, "property", "attached");
  hp_vm_operation_execute (task, "qom-get", arguments, -1, on_verified);
}

static void
on_fd_removed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpVmOperation *operation = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer G_GNUC_UNUSED = hp_qmp_session_execute_finish (HP_QMP_SESSION (source), result, &error);

  if (operation->error != NULL)
    hp_vm_operation_end (task, g_steal_pointer (&operation->error));
  else if (hp_vm_error_is_cut_off (error))
    hp_vm_operation_fail (task, hp_vm_error_reason (error), "remove-fd: %s", error->message);
  else
    operation_verify (task);
}

/* QEMU has a copy of its own by now, or never will. Left there the descriptor would outlive the device. */
static void
operation_remove_fd (GTask *task)
{
  JsonObject *arguments = json_object_new ();

  json_object_set_int_member (arguments, "fdset-id", HP_VM_FDSET);
  hp_vm_operation_execute (task, "remove-fd", arguments, -1, on_fd_removed);
}

/* device_add is done with, well or not. */
static void
operation_added (GTask *task)
{
  HpVmOperation *operation = g_task_get_task_data (task);

  if (operation->mode == HP_VM_BY_DESCRIPTOR)
    operation_remove_fd (task);
  else if (operation->error != NULL)
    hp_vm_operation_end (task, g_steal_pointer (&operation->error));
  else
    operation_verify (task);
}

static void
on_added (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpVm *vm = g_task_get_source_object (task);
  HpVmOperation *operation = g_task_get_task_data (task);
  const HpGuestPlace *place = g_ptr_array_index (operation->places, operation->next_place);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer = hp_qmp_session_execute_finish (HP_QMP_SESSION (source), result, &error);

  if (answer != NULL)
    {
      operation->place = g_ptr_array_index (operation->places, operation->next_place);
      if (vm->session == operation->session)
        hp_vm_mark_port (vm, place, TRUE);
      operation_added (task);
      return;
    }
  if (hp_vm_error_is_cut_off (error))
    {
      hp_vm_operation_fail (task, hp_vm_error_reason (error), "device_add: %s", error->message);
      return;
    }
  if (strstr (error->message, "in use?") != NULL && vm->session == operation->session)
    {
      /* By a device without an id, or one that came after the count. */
      hp_vm_mark_port (vm, place, TRUE);
      g_ptr_array_add (vm->refused, hp_vm_place_copy (place));
      if (++operation->next_place < operation->places->len)
        {
          operation_add (task);
          return;
        }
      operation->error = g_error_new (HP_VM_ERROR, HP_REASON_NO_GUEST_PORT, "%s", error->message);
    }
  else
    operation->error = g_error_new (HP_VM_ERROR, (int)hp_vm_error_reason (error), "device_add on %s port %u: %s",
                                    place->bus, place->port, error->message);
  operation_added (task);
}

/* Numbers as numbers and text as text: QEMU since 9.2 insists. */
static void
operation_add (GTask *task)
{
  HpVm *vm = g_task_get_source_object (task);
  HpVmOperation *operation = g_task_get_task_data (task);
  const HpGuestPlace *place = g_ptr_array_index (operation->places, operation->next_place);
  g_autofree char *port = g_strdup_printf ("%u", place->port);
  g_autofree char *path = NULL;
  JsonObject *arguments;

  /* Each try has an id of its own: QEMU 5 keeps that of a failed one. */
  g_free (operation->id);
  operation->id = hp_qdev_id_format (operation->kernel_name, operation->target.instance, vm->attempt++);
  arguments = hp_vm_operation_arguments (operation->id);
  json_object_set_string_member (arguments, "driver", "usb-host");
  json_object_set_string_member (arguments, "bus", place->bus);
  json_object_set_string_member (arguments, "port", port);
  switch (operation->mode)
    {
    case HP_VM_BY_DESCRIPTOR:
      path = g_strdup_printf ("/dev/fdset/%d", HP_VM_FDSET);
      break;
    case HP_VM_BY_PATH:
      path = g_strdup_printf ("/dev/bus/usb/%03u/%03u", operation->target.bus, operation->target.devnum);
      break;
    case HP_VM_BY_ADDRESS:
      json_object_set_int_member (arguments, "hostbus", operation->target.bus);
      json_object_set_int_member (arguments, "hostaddr", operation->target.devnum);
      break;
    }
  if (path != NULL)
    json_object_set_string_member (arguments, "hostdevice", path);
  hp_vm_operation_execute (task, "device_add", arguments, -1, on_added);
}

static void
on_fd_added (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpVmOperation *operation = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer = hp_qmp_session_execute_finish (HP_QMP_SESSION (source), result, &error);

  if (hp_vm_error_is_cut_off (error))
    {
      hp_vm_operation_fail (task, hp_vm_error_reason (error), "add-fd: %s", error->message);
      return;
    }
  /* Not over this monitor, or not this QEMU: it may have the rights to open the node itself. */
  if (answer == NULL)
    operation->mode = HP_VM_BY_PATH;
  operation_add (task);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpVm *vm = g_task_get_source_object (task);
  HpVmOperation *operation = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  JsonObject *arguments;

  operation->usbfs = hp_usbfs_open_finish (result, &error);
  /* That took its time, in a thread: the machine may be another. */
  if (!hp_vm_operation_check (task))
    return;
  if (operation->usbfs == NULL)
    {
      hp_vm_operation_fail (task, HP_REASON_OPEN_FAILED, "%s", error->message);
      return;
    }
  operation->mode = vm->stock->hostdevice ? HP_VM_BY_DESCRIPTOR : HP_VM_BY_ADDRESS;
  if (operation->mode == HP_VM_BY_ADDRESS)
    {
      operation_add (task);
      return;
    }
  arguments = json_object_new ();
  json_object_set_int_member (arguments, "fdset-id", HP_VM_FDSET);
  json_object_set_string_member (arguments, "opaque", operation->kernel_name);
  hp_vm_operation_execute (task, "add-fd", arguments, hp_usbfs_fd (operation->usbfs), on_fd_added);
}

static void
on_counted_again (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpVm *vm = g_task_get_source_object (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (HpVmStock) stock = hp_vm_take_stock_finish (HP_QMP_SESSION (source), result, &error);

  if (!hp_vm_operation_check (task))
    return;
  if (stock == NULL)
    {
      hp_vm_operation_fail (task, hp_vm_error_reason (error), "%s", error->message);
      return;
    }
  /* What of ours is there has been told on "online", and is not told again here. */
  g_ptr_array_unref (vm->stock->buses);
  vm->stock->buses = g_ptr_array_ref (stock->buses);
  g_hash_table_unref (vm->stock->foreign);
  vm->stock->foreign = g_hash_table_ref (stock->foreign);
  g_ptr_array_set_size (vm->refused, 0);
  hp_vm_operation_attach (task);
}

void
hp_vm_operation_attach (GTask *task)
{
  HpVm *vm = g_task_get_source_object (task);
  HpVmOperation *operation = g_task_get_task_data (task);
  const HpGuestPlace *preferred =
      operation->place_key != NULL ? g_hash_table_lookup (vm->places, operation->place_key) : NULL;
  g_autofree char *problem = NULL;

  operation->places =
      hp_guest_places (vm->stock->buses, (const char *const *)vm->hubs, operation->speed, preferred, &problem);
  if (operation->places->len == 0 && !operation->counted)
    {
      /* QEMU does not tell when a controller is added: look before saying no. */
      operation->counted = TRUE;
      g_clear_pointer (&operation->places, g_ptr_array_unref);
      hp_vm_take_stock_async (operation->session, on_counted_again, g_object_ref (task));
    }
  else if (operation->places->len == 0)
    hp_vm_operation_fail (task, HP_REASON_NO_GUEST_PORT, "%s", problem != NULL ? problem : "no place");
  else
    hp_usbfs_open_async (&operation->target, operation->configure, NULL, on_opened, g_object_ref (task));
}
