/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "world.h"

/*
 * What to do so that the world becomes what it should be. Pure: the world in, a few actions out, called after anything.
 * It looks only at what is in scope, so its cost does not grow with the machine. Actions are safe to run in any
 * order and to run late: whoever runs them looks everything up again, and each end of one puts its port back in scope.
 */

typedef enum
{
  HP_DO_CLAIM,     /* @name: kernel port */
  HP_DO_RELEASE,   /* @name: kernel port */
  HP_DO_ATTACH,    /* @name: device, @vm */
  HP_DO_DETACH,    /* @name: device, @vm, @id */
  HP_DO_FORGET,    /* @name: device, @vm, @instance: a failed attachment that no longer matters */
  HP_DO_HAND_BACK, /* @name: device: give it to the host's drivers, which do not come back by themselves */
  HP_DO_WAKE,      /* @at: look at @name again then */
} HpActionKind;

typedef struct
{
  HpActionKind kind;
  char *name;
  char *vm;
  char *id;
  guint64 instance; /* of the device, where one is meant */
  gint64 at;
} HpAction;

void hp_action_free (HpAction *action);

/* What to look at. Both sets hold names that may no longer exist. */
typedef struct
{
  GHashTable *ports;   /* set of connector ids */
  GHashTable *devices; /* set of kernel names */
} HpScope;

HpScope *hp_scope_new (void);
void hp_scope_free (HpScope *scope);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpScope, hp_scope_free)
void hp_scope_add_device (HpScope *scope, const HpTopology *topology, const char *name); /* and the port it is in */
void hp_scope_add_port (HpScope *scope, const HpTopology *topology, const char *id);     /* and the devices in it */
/* The port and everything behind it. */
void hp_scope_add_subtree (HpScope *scope, const HpTopology *topology, const char *id);

/* Returns: (transfer full): array of HpAction; claims and releases first. */
GPtrArray *hp_reconcile (const HpWorld *world, const HpScope *scope);
