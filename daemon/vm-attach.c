/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm-private.h"

/*
 * Attaching and detaching. One operation at a time: what the next one finds free, the last one has settled.
 *
 *   attach: node opened (in a thread) -> add-fd -> device_add, place by place -> remove-fd -> really there?
 *   detach: device_del
 *
 * An operation holds the session that it began on, and ends with it.
 */

typedef enum
{
  MODE_DESCRIPTOR, /* hostdevice=/dev/fdset/N: QEMU needs no rights */
  MODE_PATH,       /* hostdevice=/dev/bus/usb/…: where it cannot be passed */
  MODE_ADDRESS,    /* hostbus, hostaddr: before QEMU 5.1 */
} Mode;

typedef struct
{
  gboolean attach;
  HpQmpSession *session;
  char *id;

  /* attach */
  char *kernel_name;
  char *syspath;
  char *place_key;
  HpUsbfsTarget target;
  HpSpeed speed;
  gboolean configure;
  HpUsbfs *usbfs;
  GPtrArray *places; /* HpGuestPlace */
  guint next_place;
  HpGuestPlace *place; /* borrowed: where it is; NULL nowhere yet */
  gboolean counted;    /* stock was taken again for it */
  Mode mode;
  GError *error; /* why it failed, while there is something to clean up */
} Operation;

static void operation_open (GTask *task);
static void operation_add (GTask *task);
static void operation_remove_fd (GTask *task);
static void operation_verify (GTask *task);
static void operations_next (HpVm *vm);

static void
operation_free (gpointer data)
{
  Operation *operation = data;

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
  const Operation *operation = vm->operation != NULL ? g_task_get_task_data (vm->operation) : NULL;

  return operation != NULL && g_strcmp0 (operation->id, id) == 0;
}

/* --- the ends --- */

/* The machine's own answer to the caller is the last thing: it may call anything. */
static void
operation_end (GTask *task, GError *error)
{
  g_autoptr (HpVm) vm = g_object_ref (g_task_get_source_object (task));
  g_autoptr (GTask) running = g_steal_pointer (&vm->operation);
  Operation *operation = g_task_get_task_data (task);
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

static void operation_fail (GTask *task, HpReason reason, const char *format, ...) G_GNUC_PRINTF (3, 4);

static void
operation_fail (GTask *task, HpReason reason, const char *format, ...)
{
  va_list arguments;
  GError *error;

  va_start (arguments, format);
  error = g_error_new_valist (HP_VM_ERROR, (int)reason, format, arguments);
  va_end (arguments);
  operation_end (task, error);
}

/* What an error of a command means. */
static HpReason
reason_of (const GError *error)
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

/* Whether nothing more can be asked on the session, cleaning up included. */
static gboolean
is_cut_off (const GError *error)
{
  HpReason reason = error != NULL ? reason_of (error) : HP_REASON_NONE;

  return reason == HP_REASON_VM_STALLED || reason == HP_REASON_VM_OFFLINE;
}

/* Whether the machine is still the one that the operation began with, and can be spoken to. */
static gboolean
operation_check (GTask *task)
{
  HpVm *vm = g_task_get_source_object (task);
  Operation *operation = g_task_get_task_data (task);

  if (vm->state == HP_VM_STALLED)
    operation_fail (task, HP_REASON_VM_STALLED, "the machine has not answered the last command yet");
  else if (vm->session == NULL || vm->session != operation->session || vm->state != HP_VM_ONLINE)
    operation_fail (task, HP_REASON_VM_OFFLINE, "the machine is %s", hp_vm_state_to_string (vm->state));
  else if (operation->attach && !hp_vm_is_ready (vm))
    operation_fail (task, HP_REASON_VM_MIGRATING, "its run state is %s", vm->run_state);
  else
    return TRUE;
  return FALSE;
}

static void
operation_execute (GTask *task, const char *command, JsonObject *arguments, int fd, GAsyncReadyCallback callback)
{
  Operation *operation = g_task_get_task_data (task);

  hp_qmp_session_execute_async (operation->session, command, arguments, fd, callback, g_object_ref (task));
}

static JsonObject *
arguments_with_id (const char *id)
{
  JsonObject *arguments = json_object_new ();

  json_object_set_string_member (arguments, "id", id);
  return arguments;
}

/* --- attach --- */

static void
operation_succeed (GTask *task)
{
  HpVm *vm = g_task_get_source_object (task);
  const Operation *operation = g_task_get_task_data (task);

  g_hash_table_replace (vm->own, g_strdup (operation->id), hp_vm_place_copy (operation->place));
  if (operation->place_key != NULL)
    g_hash_table_replace (vm->places, g_strdup (operation->place_key), hp_vm_place_copy (operation->place));
  hp_vm_emit_changed (vm);
  operation_end (task, NULL);
}

static void
on_taken_back (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpVm *vm = g_task_get_source_object (task);
  Operation *operation = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer = hp_qmp_session_execute_finish (HP_QMP_SESSION (source), result, &error);

  if (is_cut_off (error))
    {
      operation_fail (task, reason_of (error), "device_del %s: %s", operation->id, error->message);
      return;
    }
  if (vm->session == operation->session)
    hp_vm_mark_port (vm, operation->place, FALSE);
  operation_end (task, g_steal_pointer (&operation->error));
}

static void
on_verified (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpVm *vm = g_task_get_source_object (task);
  Operation *operation = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer = hp_qmp_session_execute_finish (HP_QMP_SESSION (source), result, &error);

  if (is_cut_off (error))
    operation_fail (task, reason_of (error), "qom-get %s attached: %s", operation->id, error->message);
  else if (vm->session != operation->session)
    operation_fail (task, HP_REASON_VM_OFFLINE, "the machine is %s", hp_vm_state_to_string (vm->state));
  else if (answer != NULL && JSON_NODE_HOLDS_VALUE (answer) && json_node_get_value_type (answer) == G_TYPE_BOOLEAN
           && json_node_get_boolean (answer))
    operation_succeed (task);
  else
    {
      operation->error = g_error_new (HP_VM_ERROR, HP_REASON_NOT_TAKEN, "QEMU made %s on %s port %u without it%s%s",
                                      operation->id, operation->place->bus, operation->place->port,
                                      error != NULL ? ": " : "", error != NULL ? error->message : "");
      operation_execute (task, "device_del", arguments_with_id (operation->id), -1, on_taken_back);
    }
}

static void
operation_verify (GTask *task)
{
  const Operation *operation = g_task_get_task_data (task);
  JsonObject *arguments = json_object_new ();
  g_autofree char *path = g_strconcat ("/machine/peripheral/", operation->id, NULL);

  json_object_set_string_member (arguments, "path", path);
  json_object_set_string_member (arguments, "property", "attached");
  operation_execute (task, "qom-get", arguments, -1, on_verified);
}

static void
on_fd_removed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Operation *operation = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer = hp_qmp_session_execute_finish (HP_QMP_SESSION (source), result, &error);

  if (operation->error != NULL)
    operation_end (task, g_steal_pointer (&operation->error));
  else if (is_cut_off (error))
    operation_fail (task, reason_of (error), "remove-fd: %s", error->message);
  else
    operation_verify (task);
}

/* QEMU has a copy of its own by now, or never will. Left there the descriptor would outlive the device. */
static void
operation_remove_fd (GTask *task)
{
  JsonObject *arguments = json_object_new ();

  json_object_set_int_member (arguments, "fdset-id", HP_VM_FDSET);
  operation_execute (task, "remove-fd", arguments, -1, on_fd_removed);
}

/* device_add is done with, well or not. */
static void
operation_added (GTask *task)
{
  Operation *operation = g_task_get_task_data (task);

  if (operation->mode == MODE_DESCRIPTOR)
    operation_remove_fd (task);
  else if (operation->error != NULL)
    operation_end (task, g_steal_pointer (&operation->error));
  else
    operation_verify (task);
}

static void
on_added (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpVm *vm = g_task_get_source_object (task);
  Operation *operation = g_task_get_task_data (task);
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
  if (is_cut_off (error))
    {
      operation_fail (task, reason_of (error), "device_add: %s", error->message);
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
    operation->error = g_error_new (HP_VM_ERROR, (int)reason_of (error), "device_add on %s port %u: %s", place->bus,
                                    place->port, error->message);
  operation_added (task);
}

/* Numbers as numbers and text as text: QEMU since 9.2 insists. */
static void
operation_add (GTask *task)
{
  HpVm *vm = g_task_get_source_object (task);
  Operation *operation = g_task_get_task_data (task);
  const HpGuestPlace *place = g_ptr_array_index (operation->places, operation->next_place);
  g_autofree char *port = g_strdup_printf ("%u", place->port);
  g_autofree char *path = NULL;
  JsonObject *arguments;

  /* Each try has an id of its own: QEMU 5 keeps that of a failed one. */
  g_free (operation->id);
  operation->id = hp_qdev_id_format (operation->kernel_name, operation->target.instance, vm->attempt++);
  arguments = arguments_with_id (operation->id);
  json_object_set_string_member (arguments, "driver", "usb-host");
  json_object_set_string_member (arguments, "bus", place->bus);
  json_object_set_string_member (arguments, "port", port);
  switch (operation->mode)
    {
    case MODE_DESCRIPTOR:
      path = g_strdup_printf ("/dev/fdset/%d", HP_VM_FDSET);
      break;
    case MODE_PATH:
      path = g_strdup_printf ("/dev/bus/usb/%03u/%03u", operation->target.bus, operation->target.devnum);
      break;
    case MODE_ADDRESS:
      json_object_set_int_member (arguments, "hostbus", operation->target.bus);
      json_object_set_int_member (arguments, "hostaddr", operation->target.devnum);
      break;
    }
  if (path != NULL)
    json_object_set_string_member (arguments, "hostdevice", path);
  operation_execute (task, "device_add", arguments, -1, on_added);
}

static void
on_fd_added (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Operation *operation = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer = hp_qmp_session_execute_finish (HP_QMP_SESSION (source), result, &error);

  if (is_cut_off (error))
    {
      operation_fail (task, reason_of (error), "add-fd: %s", error->message);
      return;
    }
  /* Not over this monitor, or not this QEMU: it may have the rights to open the node itself. */
  if (answer == NULL)
    operation->mode = MODE_PATH;
  operation_add (task);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpVm *vm = g_task_get_source_object (task);
  Operation *operation = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  JsonObject *arguments;

  operation->usbfs = hp_usbfs_open_finish (result, &error);
  /* That took its time, in a thread: the machine may be another. */
  if (!operation_check (task))
    return;
  if (operation->usbfs == NULL)
    {
      operation_fail (task, HP_REASON_OPEN_FAILED, "%s", error->message);
      return;
    }
  operation->mode = vm->stock->hostdevice ? MODE_DESCRIPTOR : MODE_ADDRESS;
  if (operation->mode == MODE_ADDRESS)
    {
      operation_add (task);
      return;
    }
  arguments = json_object_new ();
  json_object_set_int_member (arguments, "fdset-id", HP_VM_FDSET);
  json_object_set_string_member (arguments, "opaque", operation->kernel_name);
  operation_execute (task, "add-fd", arguments, hp_usbfs_fd (operation->usbfs), on_fd_added);
}

static void
on_counted_again (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpVm *vm = g_task_get_source_object (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (HpVmStock) stock = hp_vm_take_stock_finish (HP_QMP_SESSION (source), result, &error);

  if (!operation_check (task))
    return;
  if (stock == NULL)
    {
      operation_fail (task, reason_of (error), "%s", error->message);
      return;
    }
  /* What of ours is there has been told on "online", and is not told again here. */
  g_ptr_array_unref (vm->stock->buses);
  vm->stock->buses = g_ptr_array_ref (stock->buses);
  g_hash_table_unref (vm->stock->foreign);
  vm->stock->foreign = g_hash_table_ref (stock->foreign);
  g_ptr_array_set_size (vm->refused, 0);
  operation_open (task);
}

static void
operation_open (GTask *task)
{
  HpVm *vm = g_task_get_source_object (task);
  Operation *operation = g_task_get_task_data (task);
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
    operation_fail (task, HP_REASON_NO_GUEST_PORT, "%s", problem != NULL ? problem : "no place");
  else
    hp_usbfs_open_async (&operation->target, operation->configure, NULL, on_opened, g_object_ref (task));
}

/* --- detach --- */

static void
on_deleted (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpVm *vm = g_task_get_source_object (task);
  Operation *operation = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer = hp_qmp_session_execute_finish (HP_QMP_SESSION (source), result, &error);
  const HpGuestPlace *place;

  if (answer == NULL && !g_error_matches (error, HP_QMP_ERROR, HP_QMP_ERROR_DEVICE_NOT_FOUND))
    {
      operation_fail (task, reason_of (error), "device_del %s: %s", operation->id, error->message);
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
  operation_end (task, NULL);
}

/* --- the line --- */

static void
operations_next (HpVm *vm)
{
  Operation *operation;

  if (vm->operation != NULL || g_queue_is_empty (vm->operations))
    return;
  vm->operation = g_queue_pop_head (vm->operations);
  operation = g_task_get_task_data (vm->operation);
  operation->session = vm->session != NULL ? g_object_ref (vm->session) : NULL;
  if (!operation_check (vm->operation))
    return;
  if (operation->attach)
    operation_open (vm->operation);
  else
    operation_execute (vm->operation, "device_del", arguments_with_id (operation->id), -1, on_deleted);
}

static void
operations_push (HpVm *vm, Operation *operation, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (vm, NULL, callback, user_data);

  g_task_set_task_data (task, operation, operation_free);
  g_queue_push_tail (vm->operations, task);
  operations_next (vm);
}

void
hp_vm_attach_async (HpVm *vm, const HpVmAttach *request, GAsyncReadyCallback callback, gpointer user_data)
{
  Operation *operation = g_new0 (Operation, 1);

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
  Operation *operation = g_new0 (Operation, 1);

  operation->id = g_strdup (id);
  operations_push (vm, operation, callback, user_data);
}

gboolean
hp_vm_detach_finish (HpVm *vm, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
