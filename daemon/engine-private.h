/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dbus/errors.h"
#include "dbus/names.h"
#include "engine.h"
#include "reconcile.h"
#include "status.h"
#include "usb-scan.h"

/* What the files of the engine share. Nobody else includes this. */

struct _HpEngine
{
  GObject parent;

  char *config_path;
  char *state_path;
  HpServiceManager *manager; /* borrowed */

  HpConfig *config; /* in force; never NULL */
  HpState *state;   /* never NULL */
  char *config_error;
  char *state_error;
  gboolean state_unread; /* what is in the file is not known, and not to be lost either */
  GPtrArray *unresolved; /* HpUnresolved: ports of the configuration that this machine does not have (yet) */

  HpTopology *topology;
  HpUsbScan *scan;
  HpWorld *world;
  GHashTable *vms;         /* name -> HpVm */
  GHashTable *retiring;    /* name -> HpVm on its way out of the configuration, until it has let go of everything */
  GHashTable *ready_since; /* name -> gint64, monotonic µs: since when the machine takes devices */
  GHashTable *kept_vms;    /* set of names: the service manager has a copy of the connection */
  GHashTable *usbfs;       /* kernel port -> HpUsbfs that claims it */

  HpScope *dirty;
  guint pass_source;
  GHashTable *wakes;  /* kernel name -> GSource */
  GPtrArray *waiting; /* HpWaiting: people's calls that are answered when the world has followed */
  GQueue *changes;    /* GTask: changes of the state, saved one after the other */
  gboolean saving;
  GTask *stopping;       /* (nullable) */
  gboolean handing_back; /* from the stop on, for good: nothing is assigned any more */
  gboolean started;
  guint n_steps; /* asynchronous steps under way */
};

/* A port in the configuration that cannot be resolved now. */
typedef struct
{
  char *text;
  char *vm;
  char *origin;
  char *problem;
} HpUnresolved;
void hp_unresolved_free (HpUnresolved *unresolved);

/* engine.c: the dirty set and the pass */
void hp_engine_schedule (HpEngine *engine); /* a pass, also where nothing is dirty */
void hp_engine_mark_device (HpEngine *engine, const char *name);
void hp_engine_mark_port (HpEngine *engine, const char *id);
void hp_engine_mark_subtree (HpEngine *engine, const char *id);
/* Everything behind the port of an assignment; the port may be named by either half and may be missing. */
void hp_engine_mark_assignment (HpEngine *engine, const HpAssignment *assignment);
void hp_engine_mark_all (HpEngine *engine);
void hp_engine_wake_at (HpEngine *engine, const char *name, gint64 at);
void hp_engine_device_changed (HpEngine *engine, const char *name);
void hp_engine_vm_changed (HpEngine *engine, const char *name);

/* engine-act.c: what reconcile() asked for */
void hp_engine_run (HpEngine *engine, const HpAction *action);
/* Drops a claim whose hub is gone, or that is no longer known to the kernel. */
void hp_engine_drop_claim (HpEngine *engine, const char *port);
void hp_engine_restore_claim (HpEngine *engine, const char *port, int fd);

/* The context of one asynchronous step. It names things instead of holding them: time passes. */
typedef struct
{
  HpEngine *engine; /* owned */
  char *name;       /* kernel name of a port or of the device in it */
  guint64 instance; /* of the hub, or of the device */
  guint64 serial;   /* of attaching: of the attachment */
  gint64 since;     /* of attaching: when it could have begun at the earliest */
  char *vm;         /* (nullable) */
  char *id;         /* (nullable) QEMU's */
} HpStep;
HpStep *hp_step_new (HpEngine *engine, const char *name, guint64 instance);
void hp_step_free (HpStep *step);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpStep, hp_step_free)
HpUsbfsTarget hp_engine_target (const HpDevice *device);
/* µs until the next try after @attempts failures. */
gint64 hp_engine_backoff (guint attempts);

/* engine-attach.c */
void hp_engine_attach_device (HpEngine *engine, const HpAction *action);
void hp_engine_detach_device (HpEngine *engine, const HpAction *action);
/* It has been attached, or was found to be so against what was told before. */
void hp_engine_emit_attached (HpEngine *engine, const HpAttachment *attachment);
void hp_engine_emit_detached (HpEngine *engine, const HpAttachment *attachment);

/* engine-vms.c */
HpVm *hp_engine_vm (HpEngine *engine, const char *name);
void hp_engine_sync_vms (HpEngine *engine);
void hp_engine_sync_retiring (HpEngine *engine);
/* Closes all connections; what is in the machines stays there. */
void hp_engine_stop_vms (HpEngine *engine);
void hp_engine_adopt_vm_fd (HpEngine *engine, const char *escaped_name, int fd);
void hp_engine_refresh_holder (HpEngine *engine, const HpAssignment *assignment);
/* The devices that have an attachment to @vm. (transfer full): names */
GPtrArray *hp_engine_devices_of (HpEngine *engine, const char *vm);

/* engine-view.c */
/* The machines in @policy that the configuration does not know, each once. (transfer full) */
char **hp_engine_unknown_vms (HpEngine *engine, const HpPolicy *policy);

/* engine-config.c */
void hp_engine_take_config (HpEngine *engine, HpConfig *config);
void hp_engine_rebuild_policy (HpEngine *engine);

/* engine-request.c */
void hp_engine_answer_waiting (HpEngine *engine);
