/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp-session.h"
#include "vm.h"

/*
 * What the parts of the actor `vm` share, and what its tests reach into.
 *
 * vm.c            the object: state, signals, what others may ask
 * vm-session.c    getting a session, keeping it, its events
 * vm-watch.c      when to try again
 * vm-stock.c      what is in the machine
 * vm-inventory.c  asking QEMU for that
 * vm-operation.c  attaching and detaching, one after the other
 * vm-attach.c     the steps of attaching
 */

/* Our file descriptor set in QEMU ("HP"). Always the same: a usb-host leaves its set behind as an empty shell. */
#define HP_VM_FDSET 0x4850

/* How long to wait, in ms. Tests have less patience. */
typedef struct
{
  guint event;   /* after an event in the socket's folder where nobody listens yet, and between two such events */
  guint first;   /* first wait where nobody listens */
  guint held;    /* first wait where somebody else holds the monitor, or it speaks no QMP */
  guint longest; /* the waits double up to this */
  guint moving;  /* between two looks at the run state while it is in a migration */
  guint settle;  /* between two looks at the run state otherwise, however many events come */
} HpVmTimes;

/* --- vm-watch.c --- */

typedef enum
{
  HP_VM_WAIT_SOCKET,   /* there is none: the folder's events tell, the timer is for the case that they do not */
  HP_VM_WAIT_LISTENER, /* there is one, and nobody listens */
  HP_VM_WAIT_HELD,     /* somebody is there, but not for us */
} HpVmWait;

/* Calls back when a socket is worth a try. It keeps quiet until hp_vm_watch_start(). */
typedef struct _HpVmWatch HpVmWatch;
typedef void (*HpVmWatchFunc) (gpointer user_data);
HpVmWatch *hp_vm_watch_new (const char *path, const HpVmTimes *times, HpVmWatchFunc func, gpointer user_data);
void hp_vm_watch_free (HpVmWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpVmWatch, hp_vm_watch_free)
/* Watches the folders. Before the first try, so that nothing slips in between. */
void hp_vm_watch_start (HpVmWatch *watch);
/* A try has failed: when is the next? An event may come first. */
void hp_vm_watch_wait (HpVmWatch *watch, HpVmWait wait);
/* Connected: neither events nor timer, and the next waits are short again. */
void hp_vm_watch_stop (HpVmWatch *watch);

/* --- vm-stock.c --- */

/* What is in the machine. */
typedef struct
{
  gboolean usb_host;   /* this QEMU can build usb-host at all */
  gboolean hostdevice; /* since 5.1: by path, and so by descriptor */
  char *run_state;     /* NULL unknown */
  GPtrArray *buses;    /* HpGuestBus */
  GPtrArray *devices;  /* HpVmDevice: ours */
  GHashTable *foreign; /* id -> HpGuestPlace: devices of others, as far as their place is known */
} HpVmStock;
HpVmStock *hp_vm_stock_new (void);
void hp_vm_stock_free (HpVmStock *stock);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpVmStock, hp_vm_stock_free)
/* A bus that is there already stays as it is. @p2, @p3: as QEMU tells, 0 where it does not */
void hp_vm_stock_add_bus (HpVmStock *stock, const char *name, const char *type, gint64 p2, gint64 p3);
/* One line of `info usb`. @bus_name: (nullable): what its number stands for, where that is known */
void hp_vm_stock_add_listed (HpVmStock *stock, const HpGuestDevice *found, const char *bus_name);
#define HP_VM_FOREIGN_MAX 256

/* --- vm-inventory.c --- */

/* Fails only where the session does (stalled, closed); what QEMU does not tell is left out. */
void hp_vm_take_stock_async (HpQmpSession *session, GAsyncReadyCallback callback, gpointer user_data);
HpVmStock *hp_vm_take_stock_finish (HpQmpSession *session, GAsyncResult *result,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- the object --- */

struct _HpVm
{
  GObject parent_instance;

  char *name;
  char *socket;
  char **hubs;
  HpVmTimes times;

  HpVmState state;
  HpReason reason;
  char *detail;
  char *run_state;
  gboolean settled;
  gboolean started;

  HpVmWatch *watch;
  int kept_fd;              /* from hp_vm_adopt() until hp_vm_start() */
  gboolean adopting;        /* it is being tried */
  GCancellable *connecting; /* a try is under way */
  gboolean try_again;       /* the folder changed meanwhile */
  HpQmpSession *session;    /* connected and negotiated */
  gboolean in_doubt;        /* the last session broke, and whether the machine lives on is not known */

  GObject *counting;   /* stock is being taken: marks the count that is wanted */
  guint recounts;      /* something of ours went away meanwhile: take it again, so often at most */
  gboolean recount;    /* … and it did */
  gboolean asking;     /* query-status is on its way */
  gboolean ask_again;  /* an event came meanwhile */
  guint status_source; /* the next query-status */

  HpVmStock *stock;   /* as of the last "online"; the ports in use are kept up to date */
  GHashTable *own;    /* id -> HpGuestPlace: ours that are in the machine now */
  GPtrArray *refused; /* HpGuestPlace: said to be in use, nobody knows by what */
  GHashTable *places; /* place key -> HpGuestPlace: where it was last */

  GQueue *operations; /* GTask, waiting */
  GTask *operation;   /* the one that runs */
  guint64 attempt;    /* makes ids fresh */
};

/* --- vm.c --- */

/* Sets and tells. The caller holds a reference, and looks again at what it knows before it goes on.
 * Returns: whether there was something to tell */
gboolean hp_vm_set_state (HpVm *vm, HpVmState state, HpReason reason, const char *detail);
void hp_vm_emit_changed (HpVm *vm);
void hp_vm_emit_online (HpVm *vm);
void hp_vm_emit_ended (HpVm *vm);
void hp_vm_emit_device_lost (HpVm *vm, const char *id);
HpGuestPlace *hp_vm_place_new (const char *bus, guint port);
HpGuestPlace *hp_vm_place_copy (const HpGuestPlace *place);
/* Notes that a guest port is taken or free. */
void hp_vm_mark_port (HpVm *vm, const HpGuestPlace *place, gboolean used);
/* ONLINE, with the reason that fits the run state. */
gboolean hp_vm_set_online (HpVm *vm);

/* --- vm-session.c --- */

void hp_vm_connect (HpVm *vm);
/* Lets go of session, try and stock, without telling anyone. */
void hp_vm_disconnect (HpVm *vm);

/* --- vm-operation.c --- */

/* Whether it goes by our own device_del. */
gboolean hp_vm_is_deleting (HpVm *vm, const char *id);
