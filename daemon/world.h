/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "policy.h"
#include "reason.h"

/*
 * Everything that deciding needs to know, as plain tables. Pure. The engine keeps it up to date; reconcile() and status
 * read it; tests build it by hand.
 */

/* A virtual machine as far as deciding goes. */
typedef struct
{
  char *name;
  gboolean settled; /* the first try to reach it is over: @running means something */
  gboolean running; /* it can hold ports: reachable, or reachable until a moment ago and not known to have ended */
  gboolean ready;   /* devices can be added and removed right now */
  gboolean met;     /* it was online before, in this run: what is found in it then is news */
  HpReason reason;  /* why it is not ready */
  char *detail;     /* (nullable) the same in the machine's words */
  guint delay_ms;   /* to wait after a plug */
} HpVmFacts;

typedef enum
{
  HP_ATTACHMENT_ATTACHING,
  HP_ATTACHMENT_ATTACHED,
  HP_ATTACHMENT_DETACHING,
  HP_ATTACHMENT_FAILED, /* not in the machine; tried again at @retry_at */
} HpAttachmentState;

/* One device instance in, or on its way into, one machine. */
typedef struct
{
  char *device;     /* kernel name */
  guint64 instance; /* of that device; another one now in its place makes this stale */
  guint64 serial;   /* of this attachment: an answer that comes late is not taken for that of a later one */
  char *vm;
  char *description; /* of the device, which may be gone before it is told of; (nullable) */
  HpAttachmentState state;
  char *id;  /* QEMU's id; NULL while there is none */
  char *bus; /* guest bus and port; NULL and 0 unknown */
  guint port;
  guint attempts;
  gint64 retry_at; /* FAILED, and a detach that failed: monotonic µs */
  HpReason reason;
  char *detail;    /* (nullable) */
  guint64 latency; /* µs from the cause to QEMU's answer; 0 for one that was found attached */
} HpAttachment;

typedef enum
{
  HP_CLAIM_NONE,
  HP_CLAIM_CLAIMING,
  HP_CLAIM_CLAIMED,
  HP_CLAIM_RELEASING,
  HP_CLAIM_REFUSED, /* tried again at @retry_at */
} HpClaimState;

/* The kernel's reservation of one kernel port. */
typedef struct
{
  char *port;           /* kernel name, "3-1.4" */
  guint64 hub_instance; /* of the hub it was claimed on: a claim dies with its hub */
  HpClaimState state;
  gint64 retry_at;
  char *detail; /* (nullable) why it was refused */
} HpClaim;

/* A person's word on one device instance; it ends with the instance. */
typedef struct
{
  guint64 instance;
  char *vm; /* NULL: keep it with the host */
} HpDecision;

typedef struct
{
  HpTopology *topology;    /* borrowed */
  HpPolicy *policy;        /* owned */
  GHashTable *vms;         /* name -> HpVmFacts */
  GHashTable *holders;     /* port of an assignment -> name of the machine that has it */
  GHashTable *attachments; /* kernel name -> GPtrArray of HpAttachment, nearly always one */
  guint64 n_attachments;   /* ever made */
  GHashTable *claims;      /* kernel name of the port -> HpClaim */
  GHashTable *decisions;   /* kernel name -> HpDecision */
  GHashTable *touched;     /* kernel name -> instance (guint64 *): host drivers may have been kept off it by us */
  gint64 now;              /* monotonic µs */
} HpWorld;

HpWorld *hp_world_new (HpTopology *topology);
void hp_world_free (HpWorld *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpWorld, hp_world_free)

/* The facts of @name, made if there are none: unsettled, VM_UNKNOWN. */
HpVmFacts *hp_world_vm (HpWorld *world, const char *name);
const HpVmFacts *hp_world_find_vm (const HpWorld *world, const char *name);

HpAttachment *hp_world_add_attachment (HpWorld *world, const char *device, guint64 instance, const char *vm,
                                       HpAttachmentState state);
void hp_world_remove_attachment (HpWorld *world, HpAttachment *attachment);
/* Borrowed; NULL for none. */
GPtrArray *hp_world_attachments (const HpWorld *world, const char *device);
/* That of exactly this instance in @vm, or in any machine where @vm is NULL. */
HpAttachment *hp_world_attachment (const HpWorld *world, const char *device, guint64 instance, const char *vm);
/* Any of that name in @vm, whatever the instance. */
HpAttachment *hp_world_attachment_in (const HpWorld *world, const char *device, const char *vm);
HpAttachment *hp_world_attachment_by_id (const HpWorld *world, const char *device, const char *id);
gboolean hp_attachment_is_live (const HpAttachment *attachment); /* the machine has it, or may have it */

/* The claim on a kernel port, made if there is none. */
HpClaim *hp_world_claim (HpWorld *world, const char *port);
HpClaimState hp_world_claim_state (const HpWorld *world, const char *port);

/* The hub that kernel port @port ("3-1.4") is on, or NULL. */
const HpDevice *hp_world_hub_of (const HpWorld *world, const char *port);
/*
 * hp_world_wants_claim:
 * Whether both halves of @port should be claimed now: it is assigned to a machine, its reserve mode says so, no hub is in
 * it (a hub on a claimed port is dead), and nobody asked for the device in it to stay with the host.
 */
gboolean hp_world_wants_claim (const HpWorld *world, const HpPort *port);

void hp_world_decide (HpWorld *world, const char *device, guint64 instance, const char *vm);
const HpDecision *hp_world_decision (const HpWorld *world, const HpDevice *device);

void hp_world_touch (HpWorld *world, const HpDevice *device);
void hp_world_untouch (HpWorld *world, const char *device);
gboolean hp_world_is_touched (const HpWorld *world, const HpDevice *device);

/*
 * hp_world_pick_holder:
 * Who should have an assignment now: its holder as long as that runs; else the first of its machines that runs. While
 * it is not known of each whether it runs, and none holds it, nobody: a restarted daemon must not give the port to
 * another machine than the one that has it.
 * Returns: (nullable): a name out of the assignment.
 */
const char *hp_world_pick_holder (const HpWorld *world, const HpAssignment *assignment);
/* The holder of the assignment that holds at @port, as it was last set. (nullable) */
const char *hp_world_holder (const HpWorld *world, const HpAssignment *assignment);
/* Sets it; NULL for nobody. Returns whether that changed anything. */
gboolean hp_world_set_holder (HpWorld *world, const char *assigned_port, const char *vm);

/* Who should have a device, and why. */
typedef struct
{
  const char *vm;                 /* NULL: the host */
  const HpAssignment *assignment; /* that decided; NULL for none */
  gboolean by_user;               /* a person's word on this device decided */
  HpReason reason;                /* where @vm is NULL: why */
} HpTarget;

HpTarget hp_world_target (const HpWorld *world, const HpDevice *device);
