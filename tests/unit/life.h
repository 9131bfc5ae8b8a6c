/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "builder.h"
#include "reconcile.h"

/* A world in which actions take their time, as the engine has it: begun now, ended some time later, well or badly. */
typedef struct
{
  HpTopology *topology;
  HpWorld *world;
  GPtrArray *operations; /* begun, and not ended */
  guint ids;
} Life;

Life *life_new (void);
void life_free (Life *life);

/* The state of a claim on the hub that is there now. */
HpClaimState life_claim (const Life *life, const char *port);
/* Asserts that the action is in order, as the world is. */
void life_check (const Life *life, const HpAction *action);
/* Begins it. */
void life_run (Life *life, const HpAction *action);
/* Ends any one of those that were begun. */
void life_end_one (Life *life, gboolean well);
