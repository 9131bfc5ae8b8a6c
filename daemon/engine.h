/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config.h"
#include "service-manager.h"
#include "state-file.h"
#include "vm.h"

/*
 * The one place where the world is held and reconciled. An actor: everything that happens (a scan, a machine's change,
 * an answer of QEMU, a person's call) marks ports and devices as dirty; then one pass asks the pure reconcile() what to
 * do about just those, and does it. The facade reads views and calls requests; it never sees the parts.
 */

#define HP_TYPE_ENGINE (hp_engine_get_type ())
G_DECLARE_FINAL_TYPE (HpEngine, hp_engine, HP, ENGINE, GObject)

/*
 * hp_engine_new:
 * @config_path: config.yaml; @state_path: state.json
 * @manager: borrowed, outlives the engine
 *
 * Signals:
 * "port-changed" (const char *id), "device-changed" (const char *name), "vm-changed" (const char *name): something that
 *   the view shows is other than before; the view is NULL where the thing is gone.
 * "status-changed" (): configuration or state error.
 * "attached" / "detached" / "attach-failed" (const HpAttachmentEvent *)
 */
HpEngine *hp_engine_new (const char *config_path, const char *state_path, HpServiceManager *manager);

/* Loads configuration and state (blocking: before the main loop runs), reads USB, takes back what the service manager kept,
 * and starts the machines. A bad configuration is no failure: nothing of it is in force and hp_engine_config_error() says why. */
void hp_engine_start (HpEngine *engine);

/*
 * hp_engine_stop_async:
 * Hands everything back: detaches what it can, drops the claims, gives devices to the host's drivers. Bounded by 5 s.
 */
void hp_engine_stop_async (HpEngine *engine, GAsyncReadyCallback callback, gpointer user_data);
void hp_engine_stop_finish (HpEngine *engine, GAsyncResult *result);

/* Views: plain copies, owned by the caller; strings never NULL ("" for nothing). */
typedef struct
{
  char *id, *usb2, *usb3, *parent, *connect_type, *position, *assigned_at, *origin, *reserve, *holder, *state, *reason;
  char *message;
  char **devices, **vms;
  guint over_current;
  gboolean present, claimed;
} HpPortView;

typedef struct
{
  char *name, *port, *vendor, *product, *serial, *description, *class_name, *vm, *state, *reason, *message, *guest_bus;
  char *qemu_id;
  guint bus, number, vendor_id, product_id, speed, guest_port, attempts;
  guint64 latency_usec;
  gboolean hub;
} HpDeviceView;

typedef struct
{
  char *name, *socket, *origin, *state, *reason, *message, *run_state, *version;
  guint pid, uid;
  GPtrArray *buses; /* HpGuestBus, owned copies */
  char **ports, **devices;
} HpVmView;

void hp_port_view_free (HpPortView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpPortView, hp_port_view_free)
void hp_device_view_free (HpDeviceView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpDeviceView, hp_device_view_free)
void hp_vm_view_free (HpVmView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpVmView, hp_vm_view_free)

HpPortView *hp_engine_port_view (HpEngine *engine, const char *id); /* NULL: no such port */
HpDeviceView *hp_engine_device_view (HpEngine *engine, const char *name);
HpVmView *hp_engine_vm_view (HpEngine *engine, const char *name);
/* Keys of all, in the order for people. (transfer full) */
char **hp_engine_port_ids (HpEngine *engine);
char **hp_engine_device_names (HpEngine *engine); /* without root hubs */
char **hp_engine_vm_names (HpEngine *engine);

const char *hp_engine_config_path (HpEngine *engine);
const char *hp_engine_config_error (HpEngine *engine); /* "" for none */
const char *hp_engine_state_error (HpEngine *engine);

/* What happened to a device. Borrowed for the time of the signal. */
typedef struct
{
  const char *device, *port, *vm, *description, *guest_bus, *reason, *message;
  guint guest_port;
  guint64 latency_usec, retry_usec;
} HpAttachmentEvent;

/*
 * Look-ups for arguments that people write. The answer is checked to exist now (ports: on a known controller).
 * Errors: HP_ERROR (dbus/errors.h) NO_SUCH_*, AMBIGUOUS_*. (transfer full)
 */
char *hp_engine_find_port (HpEngine *engine, const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;
char *hp_engine_find_device (HpEngine *engine, const char *text,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;       /* kernel name */
gboolean hp_engine_has_vm (HpEngine *engine, const char *vm, GError **error); /* "host" is none: the caller decides */

/*
 * Requests. They check everything again (time has passed since the caller looked), change, save, and only then answer;
 * on failure nothing has changed. Errors: HP_ERROR.
 */
void hp_engine_assign_async (HpEngine *engine, const char *port_id, const char *vm, HpReserve reserve, guint32 by_uid,
                             GAsyncReadyCallback callback, gpointer user_data);
void hp_engine_unassign_async (HpEngine *engine, const char *port_id, gboolean reset, guint32 by_uid,
                               GAsyncReadyCallback callback, gpointer user_data);
void hp_engine_attach_async (HpEngine *engine, const char *device, const char *vm, GAsyncReadyCallback callback,
                             gpointer user_data);
void hp_engine_detach_async (HpEngine *engine, const char *device, GAsyncReadyCallback callback, gpointer user_data);
void hp_engine_reload_async (HpEngine *engine, GAsyncReadyCallback callback, gpointer user_data);
/* One finish for them all. */
gboolean hp_engine_request_finish (HpEngine *engine, GAsyncResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;
