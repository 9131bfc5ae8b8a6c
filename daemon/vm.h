/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guest-usb.h"
#include "reason.h"
#include "usbfs.h"

#include <gio/gio.h>

/*
 * One virtual machine: its QMP session from the first try to the last, what QEMU is and has, and the attaching and
 * detaching of devices. An actor: it decides nothing about who should have what.
 *
 * It connects when the socket appears (inotify on its folder, or on the nearest folder that exists), and otherwise
 * tries again with back-off, for ever. On every connection it takes stock: version, run state, guest buses and ports,
 * and the usb-host devices that carry our ids. Nothing is believed from an earlier connection.
 */

#define HP_TYPE_VM (hp_vm_get_type ())
G_DECLARE_FINAL_TYPE (HpVm, hp_vm, HP, VM, GObject)

typedef enum
{
  HP_VM_OFFLINE,
  HP_VM_CONNECTING, /* also: connected, taking stock */
  HP_VM_ONLINE,
  HP_VM_BUSY,
  HP_VM_STALLED,
  HP_VM_FAILED,
} HpVmState;

const char *hp_vm_state_to_string (HpVmState state);

/* A usb-host device of ours that was found in the machine on connecting. */
typedef struct
{
  char *id; /* QEMU's, hp_qdev_id_parse() reads it */
  char *kernel_name;
  guint64 instance;
  gboolean attached; /* QEMU's own `attached` property */
  char *bus;         /* guest bus name, NULL unknown */
  guint port;        /* 0 unknown */
} HpVmDevice;

/*
 * hp_vm_new:
 * @name, @socket: as configured; @hubs: (nullable) guest buses to use, in order
 * It does nothing until hp_vm_start().
 *
 * Signals:
 * "changed" (): state, reason, run state or guest buses
 * "online" (): took stock; hp_vm_devices() tells what of ours is there. Again after each new connection and after a
 *   stall has ended (a late answer may have changed things).
 * "device-lost" (const char *id): a device of ours left the machine without our doing.
 * "ended" (): the machine is gone (end of file on the monitor): everything that was attached is free.
 * "device-lost" (const char *id): a device of ours left the machine, and not by hp_vm_detach_async(): somebody else
 *   deleted it. Its guest port is free.
 * Handlers may call anything, hp_vm_stop() and dropping the last reference included.
 *
 * @socket NULL: reached by hp_vm_adopt() only; once that connection ends it stays offline.
 */
HpVm *hp_vm_new (const char *name, const char *socket, const char *const *hubs);
void hp_vm_start (HpVm *vm);
/* Other guest buses from the next attach on. */
void hp_vm_set_hubs (HpVm *vm, const char *const *hubs);
/* Takes over a connection kept from an earlier run (transfer full); call instead of the first try, before start. */
void hp_vm_adopt (HpVm *vm, int fd);
/* Closes the session and stops trying. Attached devices stay with the machine. */
void hp_vm_stop (HpVm *vm);

const char *hp_vm_name (HpVm *vm);
const char *hp_vm_socket (HpVm *vm);
HpVmState hp_vm_state (HpVm *vm);
HpReason hp_vm_reason (HpVm *vm);
const char *hp_vm_detail (HpVm *vm);    /* cause in words, or NULL */
const char *hp_vm_run_state (HpVm *vm); /* QEMU's: "running", ...; NULL while not online */
const char *hp_vm_version (HpVm *vm);
gboolean hp_vm_peer (HpVm *vm, guint *ret_pid, guint *ret_uid);
/* Whether the first try to reach it is over, so that its state means something. */
gboolean hp_vm_is_settled (HpVm *vm);
/* Whether devices can be added and removed now: online, and not in the middle of a migration or restore. */
gboolean hp_vm_is_ready (HpVm *vm);
int hp_vm_session_fd (HpVm *vm); /* for the store; -1 none. Borrowed */
/* Whether there is a connection, or one from an earlier run that may still turn out to be good: a copy of it is worth
 * keeping. A copy of any other keeps the monitor from us, since QEMU serves one connection at a time. */
gboolean hp_vm_is_connected (HpVm *vm);
GPtrArray *hp_vm_buses (HpVm *vm);   /* HpGuestBus, borrowed; may be empty */
GPtrArray *hp_vm_devices (HpVm *vm); /* HpVmDevice, as of the last "online"; borrowed */

/* What to attach. Everything is copied. */
typedef struct
{
  const char *kernel_name;
  HpUsbfsTarget target;
  HpSpeed speed;
  const char *place_key; /* stable port name: the same gets the same guest port again while that is free */
  gboolean configure;    /* its port is claimed: it may need a configuration */
} HpVmAttach;

/* How it went. Plain values; strings owned. Free with hp_vm_attached_free(). */
typedef struct
{
  char *id;
  char *bus;
  guint port;
} HpVmAttached;
void hp_vm_attached_free (HpVmAttached *attached);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpVmAttached, hp_vm_attached_free)

/* Errors of attaching tell the reason by code = HpReason. */
#define HP_VM_ERROR (hp_vm_error_quark ())
GQuark hp_vm_error_quark (void);

/*
 * hp_vm_attach_async:
 * Opens the device's node (usbfs), passes the descriptor (add-fd), device_add with bus and port, remove-fd whatever
 * happened, and asks whether QEMU really holds it; if not it is deleted again. Where QEMU is older than 5.1 or refuses
 * descriptors: by path, then by bus and address. Operations of one machine run one after the other.
 * Errors: HP_VM_ERROR with NO_GUEST_PORT, OPEN_FAILED, QEMU_REFUSED, NOT_TAKEN, VM_STALLED, VM_OFFLINE, VM_MIGRATING.
 */
void hp_vm_attach_async (HpVm *vm, const HpVmAttach *request, GAsyncReadyCallback callback, gpointer user_data);
HpVmAttached *hp_vm_attach_finish (HpVm *vm, GAsyncResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* device_del of one of our ids. A device that QEMU does not know is gone: success. */
void hp_vm_detach_async (HpVm *vm, const char *id, GAsyncReadyCallback callback, gpointer user_data);
gboolean hp_vm_detach_finish (HpVm *vm, GAsyncResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;
