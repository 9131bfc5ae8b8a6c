/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "world.h"

/*
 * What to tell people of the world: the state of a port or a device, the reason and the machine it is about. Pure. It
 * reads what reconcile() reads, so that what is said and what is done have one source.
 */

typedef struct
{
  const char *state; /* as documented in the D-Bus interface */
  HpReason reason;
  const char *vm;                 /* "" for none */
  const char *detail;             /* (nullable) */
  const HpAttachment *attachment; /* devices: the one that counts; NULL for none */
} HpStatus;

HpStatus hp_status_port (const HpWorld *world, const HpPort *port);
/* A port that is assigned, and not there. */
HpStatus hp_status_missing_port (const HpAssignment *assignment);
HpStatus hp_status_device (const HpWorld *world, const HpDevice *device);

/* Whether both halves of @port that are there are claimed by us. */
gboolean hp_status_is_claimed (const HpWorld *world, const HpPort *port);

/* What a device is, by its interfaces: "storage", "keyboard", "hub", ..., "mixed", "unknown". */
const char *hp_status_class (const HpDevice *device);
