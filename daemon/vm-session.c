/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"
#include "vm-private.h"

#include <sys/stat.h>
#include <unistd.h>

/*
 * Getting a session, keeping it, and what QEMU tells on it unasked. Every handler that may tell others holds a
 * reference first and looks again afterwards: they may have stopped the machine, or dropped it.
 */

#define RECOUNTS_MAX 3

static void hp_vm_count (HpVm *vm);

/* --- the run state --- */

static void hp_vm_ask_status (HpVm *vm);

static gboolean
on_status_due (gpointer user_data)
{
  HpVm *vm = user_data;

  vm->status_source = 0;
  hp_vm_ask_status (vm);
  return G_SOURCE_REMOVE;
}

static void
hp_vm_plan_status (HpVm *vm)
{
  gboolean moving = vm->state == HP_VM_ONLINE && !hp_vm_is_ready (vm);
  gboolean again = vm->ask_again;

  if (vm->status_source != 0 || vm->asking || vm->state != HP_VM_ONLINE || (!again && !moving))
    return;
  vm->ask_again = FALSE;
  vm->status_source = g_timeout_add (again ? vm->times.settle : vm->times.moving, on_status_due, vm);
}

static void
on_status (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HpVm) vm = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer = hp_qmp_session_execute_finish (HP_QMP_SESSION (source), result, &error);
  g_autofree char *status = answer != NULL ? hp_text_safe (hp_json_string (answer, "status"), 64) : NULL;

  if (vm->session != HP_QMP_SESSION (source))
    return;
  vm->asking = FALSE;
  if (vm->state == HP_VM_ONLINE && status != NULL && g_strcmp0 (status, vm->run_state) != 0)
    {
      g_free (vm->run_state);
      vm->run_state = g_steal_pointer (&status);
      if (!hp_vm_set_online (vm))
        hp_vm_emit_changed (vm);
    }
  hp_vm_plan_status (vm);
}

/* One question at a time, however many events come. */
static void
hp_vm_ask_status (HpVm *vm)
{
  if (vm->session == NULL || vm->state != HP_VM_ONLINE)
    return;
  vm->asking = TRUE;
  hp_qmp_session_execute_async (vm->session, "query-status", NULL, -1, on_status, g_object_ref (vm));
}

static void
hp_vm_status_event (HpVm *vm)
{
  if (vm->counting != NULL || vm->asking || vm->status_source != 0)
    vm->ask_again = TRUE;
  else
    hp_vm_ask_status (vm);
}

/* --- events --- */

static void
free_refused (HpVm *vm)
{
  for (guint i = 0; i < vm->refused->len; i++)
    hp_vm_mark_port (vm, g_ptr_array_index (vm->refused, i), FALSE);
  g_ptr_array_set_size (vm->refused, 0);
}

static void
on_device_deleted (HpVm *vm, const char *id)
{
  g_autofree char *lost = NULL;
  HpGuestPlace *place;

  if (vm->counting != NULL)
    {
      vm->recount = TRUE;
      return;
    }
  if (hp_qdev_id_parse (id, NULL, NULL))
    {
      place = g_hash_table_lookup (vm->own, id);
      if (place == NULL || hp_vm_is_deleting (vm, id))
        return;
      hp_vm_mark_port (vm, place, FALSE);
      lost = g_strdup (id);
      g_hash_table_remove (vm->own, id);
      hp_vm_emit_device_lost (vm, lost);
      hp_vm_emit_changed (vm);
      return;
    }
  place = g_hash_table_lookup (vm->stock->foreign, id);
  if (place == NULL && vm->refused->len == 0)
    return;
  /* Which port an unknown one was in is not known either: they are all worth a try again. */
  if (place != NULL)
    hp_vm_mark_port (vm, place, FALSE);
  else
    free_refused (vm);
  g_hash_table_remove (vm->stock->foreign, id);
  hp_vm_emit_changed (vm);
}

static void
on_event (HpQmpSession *session, const char *name, JsonNode *data, gpointer user_data)
{
  static const char *const run_state_events[] = { "STOP",         "RESUME",    "SHUTDOWN",       "SUSPEND",
                                                  "SUSPEND_DISK", "WAKEUP",    "GUEST_PANICKED", "GUEST_CRASHLOADED",
                                                  "WATCHDOG",     "MIGRATION", "COLO_EXIT",      NULL };
  g_autoptr (HpVm) vm = g_object_ref (user_data);
  const char *id;

  if (vm->session != session)
    return;
  if (g_str_equal (name, "DEVICE_DELETED"))
    {
      id = data != NULL ? hp_json_string (data, "device") : NULL;
      on_device_deleted (vm, id != NULL ? id : "");
    }
  else if (g_strv_contains (run_state_events, name))
    hp_vm_status_event (vm);
}

static void
on_stalled (HpQmpSession *session, gpointer user_data)
{
  g_autoptr (HpVm) vm = g_object_ref (user_data);

  if (vm->session != session)
    return;
  vm->asking = FALSE;
  g_clear_handle_id (&vm->status_source, g_source_remove);
  vm->settled = TRUE;
  hp_vm_set_state (vm, HP_VM_STALLED, HP_REASON_VM_STALLED, NULL);
}

static void
on_responsive (HpQmpSession *session, gpointer user_data)
{
  g_autoptr (HpVm) vm = g_object_ref (user_data);

  /* What was asked for before may have been done after all. */
  if (vm->session == session)
    hp_vm_count (vm);
}

static void
on_closed (HpQmpSession *session, GError *error, gpointer user_data)
{
  g_autoptr (HpVm) vm = g_object_ref (user_data);
  gboolean broken = g_error_matches (error, HP_QMP_ERROR, HP_QMP_ERROR_PROTOCOL);

  if (vm->session != session)
    return;
  hp_vm_disconnect (vm);
  vm->settled = TRUE;
  vm->in_doubt = broken;
  if (vm->watch != NULL)
    {
      hp_vm_watch_start (vm->watch);
      /* One that is about to end may still take a connection, and never greet. */
      hp_vm_watch_wait (vm->watch, broken ? HP_VM_WAIT_HELD : HP_VM_WAIT_LISTENER);
    }
  if (broken)
    hp_vm_set_state (vm, HP_VM_FAILED, HP_REASON_NOT_QMP, error->message);
  else
    {
      hp_vm_set_state (vm, HP_VM_OFFLINE, HP_REASON_NOBODY_LISTENS, NULL);
      hp_vm_emit_ended (vm);
    }
}

/* --- taking stock --- */

static void
hp_vm_put_stock (HpVm *vm, HpVmStock *stock)
{
  hp_vm_stock_free (vm->stock);
  vm->stock = stock;
  g_free (vm->run_state);
  vm->run_state = g_strdup (stock->run_state);
  g_ptr_array_set_size (vm->refused, 0);
  g_hash_table_remove_all (vm->own);
  for (guint i = 0; i < stock->devices->len; i++)
    {
      const HpVmDevice *device = g_ptr_array_index (stock->devices, i);

      g_hash_table_insert (vm->own, g_strdup (device->id),
                           hp_vm_place_new (device->bus != NULL ? device->bus : "", device->port));
    }
}

static void
hp_vm_counted (HpVm *vm, HpVmStock *stock)
{
  HpQmpSession *session = vm->session;
  gboolean usb_host = stock->usb_host;

  hp_vm_put_stock (vm, stock);
  vm->settled = TRUE;
  if (!usb_host)
    {
      hp_vm_set_state (vm, HP_VM_FAILED, HP_REASON_NO_USB_HOST, NULL);
      return;
    }
  if (!hp_vm_set_online (vm))
    hp_vm_emit_changed (vm);
  if (vm->session != session || vm->state != HP_VM_ONLINE)
    return;
  hp_vm_emit_online (vm);
  if (vm->session == session)
    hp_vm_plan_status (vm);
}

typedef struct
{
  HpVm *vm;
  GObject *mark; /* vm->counting, as long as this count is wanted */
} Count;

static void
on_stock (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree Count *count = user_data;
  g_autoptr (HpVm) vm = count->vm;
  g_autoptr (GObject) mark = count->mark;
  g_autoptr (GError) error = NULL;
  g_autoptr (HpVmStock) stock = hp_vm_take_stock_finish (HP_QMP_SESSION (source), result, &error);

  if (vm->counting != mark)
    return;
  g_clear_object (&vm->counting);
  /* Closed: that is told by its own signal. Stalled: once it answers, all of this begins anew. */
  if (stock == NULL)
    return;
  if (vm->recount && vm->recounts < RECOUNTS_MAX)
    {
      vm->recounts++;
      hp_vm_count (vm);
      return;
    }
  vm->recounts = 0;
  hp_vm_counted (vm, g_steal_pointer (&stock));
}

static void
hp_vm_count (HpVm *vm)
{
  Count *count = g_new0 (Count, 1);

  vm->recount = FALSE;
  g_clear_object (&vm->counting);
  vm->counting = g_object_new (G_TYPE_OBJECT, NULL);
  count->vm = g_object_ref (vm);
  count->mark = g_object_ref (vm->counting);
  hp_vm_take_stock_async (vm->session, on_stock, count);
}

/* --- getting a session --- */

typedef struct
{
  HpVm *vm;
  GCancellable *cancellable;
  gboolean adopts;
} Try;

static Try *
try_new (HpVm *vm, gboolean adopts)
{
  Try *try = g_new0 (Try, 1);

  try->vm = g_object_ref (vm);
  try->cancellable = g_object_ref (vm->connecting);
  try->adopts = adopts;
  return try;
}

static void
try_free (Try *try)
{
  g_object_unref (try->vm);
  g_object_unref (try->cancellable);
  g_free (try);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Try, try_free)

/* Who may connect, for people: connecting takes the right to write. */
static char *
describe_access (const char *path, const GError *error)
{
  struct stat info;

  if (stat (path, &info) != 0)
    return g_strdup_printf ("%s: the folder cannot be searched", path);
  return g_strdup_printf ("%s belongs to user %u and group %u, its mode is %04o", path, (guint)info.st_uid,
                          (guint)info.st_gid, (guint)(info.st_mode & 07777));
}

static void
hp_vm_try_failed (HpVm *vm, const GError *error)
{
  HpVmState state = HP_VM_FAILED;
  HpReason reason = HP_REASON_NO_ACCESS;
  HpVmWait wait = HP_VM_WAIT_HELD;
  g_autofree char *detail = g_strdup (error->message);
  gboolean ended = FALSE;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    {
      state = HP_VM_OFFLINE;
      reason = HP_REASON_NO_SOCKET;
      wait = vm->try_again ? HP_VM_WAIT_LISTENER : HP_VM_WAIT_SOCKET;
    }
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    {
      state = HP_VM_OFFLINE;
      reason = HP_REASON_NOBODY_LISTENS;
      wait = HP_VM_WAIT_LISTENER;
    }
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
    {
      g_free (detail);
      detail = describe_access (vm->socket, error);
    }
  else if (g_error_matches (error, HP_QMP_ERROR, HP_QMP_ERROR_CLOSED))
    {
      state = HP_VM_OFFLINE;
      reason = HP_REASON_NOBODY_LISTENS;
    }
  else if (g_error_matches (error, HP_QMP_ERROR, HP_QMP_ERROR_BUSY)
           || g_error_matches (error, HP_QMP_ERROR, HP_QMP_ERROR_STALLED))
    {
      state = HP_VM_BUSY;
      reason = HP_REASON_VM_BUSY;
    }
  else if (error->domain == HP_QMP_ERROR)
    reason = HP_REASON_NOT_QMP;

  if (state == HP_VM_OFFLINE)
    {
      ended = vm->in_doubt;
      vm->in_doubt = FALSE;
    }
  vm->settled = TRUE;
  if (vm->watch != NULL)
    hp_vm_watch_wait (vm->watch, wait);
  hp_vm_set_state (vm, state, reason, detail);
  if (ended)
    hp_vm_emit_ended (vm);
}

static void
hp_vm_connected (HpVm *vm, HpQmpSession *session)
{
  if (vm->watch != NULL)
    hp_vm_watch_stop (vm->watch);
  vm->in_doubt = FALSE;
  vm->session = session;
  g_signal_connect (session, "event", G_CALLBACK (on_event), vm);
  g_signal_connect (session, "stalled", G_CALLBACK (on_stalled), vm);
  g_signal_connect (session, "responsive", G_CALLBACK (on_responsive), vm);
  g_signal_connect (session, "closed", G_CALLBACK (on_closed), vm);
  hp_vm_count (vm);
  hp_vm_set_state (vm, HP_VM_CONNECTING, HP_REASON_VM_CONNECTING, NULL);
}

static void
on_tried (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Try) try = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HpQmpSession) session =
      try->adopts ? hp_qmp_session_adopt_finish (result, &error) : hp_qmp_session_connect_finish (result, &error);
  HpVm *vm = try->vm;

  if (vm->connecting != try->cancellable)
    {
      if (session != NULL)
        hp_qmp_session_close (session);
      return;
    }
  g_clear_object (&vm->connecting);
  vm->adopting = FALSE;
  if (session != NULL)
    hp_vm_connected (vm, g_steal_pointer (&session));
  else if (!try->adopts)
    hp_vm_try_failed (vm, error);
  else
    {
      /* The one that an earlier run was connected to has ended; or it does not answer us, and may be reached anew. */
      vm->in_doubt = TRUE;
      hp_vm_emit_changed (vm);
      hp_vm_connect (vm);
    }
}

void
hp_vm_connect (HpVm *vm)
{
  g_autoptr (HpVm) keep G_GNUC_UNUSED = g_object_ref (vm);
  int fd;

  if (vm->connecting != NULL)
    vm->try_again = TRUE;
  if (!vm->started || vm->session != NULL || vm->connecting != NULL)
    return;
  vm->try_again = FALSE;
  if (!vm->settled)
    hp_vm_set_state (vm, HP_VM_CONNECTING, HP_REASON_VM_CONNECTING, NULL);
  if (!vm->started || vm->session != NULL || vm->connecting != NULL)
    return;
  vm->connecting = g_cancellable_new ();
  if (vm->watch != NULL)
    hp_vm_watch_start (vm->watch);
  if (vm->kept_fd >= 0)
    {
      fd = vm->kept_fd;
      vm->kept_fd = -1;
      vm->adopting = TRUE;
      hp_qmp_session_adopt_async (fd, vm->connecting, on_tried, try_new (vm, TRUE));
    }
  else if (vm->socket != NULL && vm->socket[0] != '\0')
    hp_qmp_session_connect_async (vm->socket, vm->connecting, on_tried, try_new (vm, FALSE));
  else
    {
      g_autoptr (GError) error = g_error_new (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "it has no socket to reconnect to");

      g_clear_object (&vm->connecting);
      hp_vm_try_failed (vm, error);
    }
}

void
hp_vm_disconnect (HpVm *vm)
{
  g_autoptr (HpQmpSession) session = g_steal_pointer (&vm->session);

  if (vm->connecting != NULL)
    g_cancellable_cancel (vm->connecting);
  g_clear_object (&vm->connecting);
  vm->adopting = FALSE;
  g_clear_handle_id (&vm->status_source, g_source_remove);
  g_clear_object (&vm->counting);
  vm->recount = FALSE;
  vm->recounts = 0;
  vm->asking = FALSE;
  vm->ask_again = FALSE;
  if (vm->watch != NULL)
    hp_vm_watch_stop (vm->watch);
  g_clear_pointer (&vm->run_state, g_free);
  g_hash_table_remove_all (vm->own);
  g_ptr_array_set_size (vm->refused, 0);
  hp_vm_stock_free (vm->stock);
  vm->stock = hp_vm_stock_new ();
  if (session == NULL)
    return;
  g_signal_handlers_disconnect_by_data (session, vm);
  hp_qmp_session_close (session);
}
