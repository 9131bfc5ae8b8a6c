/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm-private.h"

#include <unistd.h>

G_DEFINE_TYPE (HpVm, hp_vm, G_TYPE_OBJECT)
G_DEFINE_QUARK (hp - vm - error - quark, hp_vm_error)

enum
{
  SIGNAL_CHANGED,
  SIGNAL_ONLINE,
  SIGNAL_ENDED,
  SIGNAL_DEVICE_LOST,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

static const HpVmTimes default_times = {
  .event = 50,
  .first = 500,
  .held = 2000,
  .longest = 30000,
  .moving = 1000,
  .settle = 200,
};

const char *
hp_vm_state_to_string (HpVmState state)
{
  switch (state)
    {
    case HP_VM_OFFLINE:
      return "offline";
    case HP_VM_CONNECTING:
      return "connecting";
    case HP_VM_ONLINE:
      return "online";
    case HP_VM_BUSY:
      return "busy";
    case HP_VM_STALLED:
      return "stalled";
    case HP_VM_FAILED:
      return "failed";
    }
  return "offline";
}

HpGuestPlace *
hp_vm_place_new (const char *bus, guint port)
{
  HpGuestPlace *place = g_new0 (HpGuestPlace, 1);

  place->bus = g_strdup (bus);
  place->port = port;
  return place;
}

HpGuestPlace *
hp_vm_place_copy (const HpGuestPlace *place)
{
  return hp_vm_place_new (place->bus, place->port);
}

static void
place_free (gpointer place)
{
  hp_guest_place_free (place);
}

static void
hp_vm_init (HpVm *vm)
{
  vm->times = default_times;
  vm->kept_fd = -1;
  vm->state = HP_VM_OFFLINE;
  vm->stock = hp_vm_stock_new ();
  vm->own = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, place_free);
  vm->places = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, place_free);
  vm->refused = g_ptr_array_new_with_free_func (place_free);
  vm->operations = g_queue_new ();
  /* Fresh in this run and the next: a machine may outlive both, and QEMU 5 remembers an id for a moment. */
  vm->attempt = (guint64)(g_get_real_time () / 1000);
}

static void
hp_vm_dispose (GObject *object)
{
  HpVm *vm = HP_VM (object);

  hp_vm_disconnect (vm);
  g_clear_pointer (&vm->watch, hp_vm_watch_free);
  if (vm->kept_fd >= 0)
    close (vm->kept_fd);
  vm->kept_fd = -1;
  G_OBJECT_CLASS (hp_vm_parent_class)->dispose (object);
}

static void
hp_vm_finalize (GObject *object)
{
  HpVm *vm = HP_VM (object);

  /* Each operation holds a reference: there is none left. */
  g_queue_free (vm->operations);
  g_free (vm->name);
  g_free (vm->socket);
  g_strfreev (vm->hubs);
  g_free (vm->detail);
  g_free (vm->run_state);
  hp_vm_stock_free (vm->stock);
  g_hash_table_unref (vm->own);
  g_hash_table_unref (vm->places);
  g_ptr_array_unref (vm->refused);
  G_OBJECT_CLASS (hp_vm_parent_class)->finalize (object);
}

static void
hp_vm_class_init (HpVmClass *class)
{
  GType type = G_TYPE_FROM_CLASS (class);

  G_OBJECT_CLASS (class)->dispose = hp_vm_dispose;
  G_OBJECT_CLASS (class)->finalize = hp_vm_finalize;
  signals[SIGNAL_CHANGED] = g_signal_new ("changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_ONLINE] = g_signal_new ("online", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_ENDED] = g_signal_new ("ended", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[SIGNAL_DEVICE_LOST] =
      g_signal_new ("device-lost", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

HpVm *
hp_vm_new (const char *name, const char *socket, const char *const *hubs)
{
  HpVm *vm = g_object_new (HP_TYPE_VM, NULL);

  vm->name = g_strdup (name);
  vm->socket = g_strdup (socket);
  vm->hubs = g_strdupv ((char **)hubs);
  return vm;
}

static void
on_worth_a_try (gpointer user_data)
{
  hp_vm_connect (user_data);
}

void
hp_vm_start (HpVm *vm)
{
  g_autoptr (HpVm) keep G_GNUC_UNUSED = g_object_ref (vm);

  if (vm->started)
    return;
  vm->started = TRUE;
  if (vm->socket != NULL && vm->socket[0] != '\0' && vm->watch == NULL)
    vm->watch = hp_vm_watch_new (vm->socket, &vm->times, on_worth_a_try, vm);
  hp_vm_connect (vm);
}

void
hp_vm_set_hubs (HpVm *vm, const char *const *hubs)
{
  char **copy = g_strdupv ((char **)hubs);

  g_strfreev (vm->hubs);
  vm->hubs = copy;
}

void
hp_vm_adopt (HpVm *vm, int fd)
{
  if (vm->kept_fd >= 0)
    close (vm->kept_fd);
  vm->kept_fd = fd;
}

void
hp_vm_stop (HpVm *vm)
{
  g_autoptr (HpVm) keep G_GNUC_UNUSED = g_object_ref (vm);

  vm->started = FALSE;
  hp_vm_disconnect (vm);
  g_clear_pointer (&vm->watch, hp_vm_watch_free);
  hp_vm_set_state (vm, HP_VM_OFFLINE, HP_REASON_NONE, NULL);
}

void
hp_vm_emit_changed (HpVm *vm)
{
  g_signal_emit (vm, signals[SIGNAL_CHANGED], 0);
}

void
hp_vm_emit_online (HpVm *vm)
{
  g_signal_emit (vm, signals[SIGNAL_ONLINE], 0);
}

void
hp_vm_emit_ended (HpVm *vm)
{
  g_signal_emit (vm, signals[SIGNAL_ENDED], 0);
}

void
hp_vm_emit_device_lost (HpVm *vm, const char *id)
{
  g_signal_emit (vm, signals[SIGNAL_DEVICE_LOST], 0, id);
}

gboolean
hp_vm_set_state (HpVm *vm, HpVmState state, HpReason reason, const char *detail)
{
  /* Callers may pass the old detail. */
  g_autofree char *old_detail = g_steal_pointer (&vm->detail);
  gboolean changed = vm->state != state || vm->reason != reason || g_strcmp0 (old_detail, detail) != 0;

  vm->detail = g_strdup (detail);
  vm->state = state;
  vm->reason = reason;
  if (changed)
    hp_vm_emit_changed (vm);
  return changed;
}

/* In the middle of being moved, saved or restored: QEMU refuses device_add, or would lose what is added. */
static gboolean
is_moving (const char *run_state)
{
  static const char *const moving[] = { "inmigrate", "restore-vm", "finish-migrate", "postmigrate", "save-vm",
                                        "colo",      NULL };

  return run_state != NULL && g_strv_contains (moving, run_state);
}

gboolean
hp_vm_set_online (HpVm *vm)
{
  gboolean moving = is_moving (vm->run_state);

  return hp_vm_set_state (vm, HP_VM_ONLINE, moving ? HP_REASON_VM_MIGRATING : HP_REASON_ONLINE,
                          moving ? vm->run_state : NULL);
}

void
hp_vm_mark_port (HpVm *vm, const HpGuestPlace *place, gboolean used)
{
  for (guint i = 0; i < vm->stock->buses->len; i++)
    {
      HpGuestBus *bus = g_ptr_array_index (vm->stock->buses, i);

      if (strcmp (bus->name, place->bus) != 0)
        continue;
      if (used)
        g_hash_table_add (bus->used, GUINT_TO_POINTER (place->port));
      else
        g_hash_table_remove (bus->used, GUINT_TO_POINTER (place->port));
    }
}

const char *
hp_vm_name (HpVm *vm)
{
  return vm->name;
}

const char *
hp_vm_socket (HpVm *vm)
{
  return vm->socket;
}

HpVmState
hp_vm_state (HpVm *vm)
{
  return vm->state;
}

HpReason
hp_vm_reason (HpVm *vm)
{
  return vm->reason;
}

const char *
hp_vm_detail (HpVm *vm)
{
  return vm->detail;
}

const char *
hp_vm_run_state (HpVm *vm)
{
  return vm->state == HP_VM_ONLINE ? vm->run_state : NULL;
}

const char *
hp_vm_version (HpVm *vm)
{
  return vm->session != NULL ? hp_qmp_session_version (vm->session) : NULL;
}

gboolean
hp_vm_peer (HpVm *vm, guint *ret_pid, guint *ret_uid)
{
  return vm->session != NULL && hp_qmp_session_peer (vm->session, ret_pid, ret_uid);
}

gboolean
hp_vm_is_settled (HpVm *vm)
{
  return vm->settled;
}

gboolean
hp_vm_is_ready (HpVm *vm)
{
  return vm->state == HP_VM_ONLINE && !is_moving (vm->run_state);
}

int
hp_vm_session_fd (HpVm *vm)
{
  return vm->session != NULL ? hp_qmp_session_fd (vm->session) : -1;
}

gboolean
hp_vm_is_connected (HpVm *vm)
{
  return vm->session != NULL || vm->kept_fd >= 0 || vm->adopting;
}

GPtrArray *
hp_vm_buses (HpVm *vm)
{
  return vm->stock->buses;
}

GPtrArray *
hp_vm_devices (HpVm *vm)
{
  return vm->stock->devices;
}
