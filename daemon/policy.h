/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "topology.h"

/*
 * Who should have a port: the assignments, and the rule that the nearest assigned port up the chain decides. Pure.
 */

typedef enum
{
  HP_RESERVE_WHILE_RUNNING, /* claimed while a VM has it, the host's otherwise */
  HP_RESERVE_ALWAYS,        /* claimed as long as it is assigned */
  HP_RESERVE_NEVER,         /* never claimed: host drivers bind first, QEMU takes the device from them */
} HpReserve;

const char *hp_reserve_to_string (HpReserve reserve); /* "while-running", "always", "never" */
gboolean hp_reserve_from_string (const char *text, HpReserve *ret_reserve);

/* port -> VMs in order. Free with hp_assignment_free(). */
typedef struct
{
  char *port; /* stable name of the connector or of one half of it */
  char **vms; /* in order of preference; empty: the host's, and nothing is inherited from above */
  HpReserve reserve;
  gboolean runtime; /* chosen at run time, not from the configuration */
  char *origin;     /* "FILE:LINE", or "run time" */
} HpAssignment;

HpAssignment *hp_assignment_new (const char *port, const char *const *vms, HpReserve reserve, gboolean runtime,
                                 const char *origin);
void hp_assignment_free (HpAssignment *assignment);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpAssignment, hp_assignment_free)

typedef struct _HpPolicy HpPolicy;

HpPolicy *hp_policy_new (void);
void hp_policy_free (HpPolicy *policy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpPolicy, hp_policy_free)

/* Adds one; a run-time one hides the configuration's for the same port until it is removed. @assignment: (transfer full) */
void hp_policy_put (HpPolicy *policy, HpAssignment *assignment);
/* Removes the run-time one for exactly @port; the configuration's shows again. Returns whether there was one. */
gboolean hp_policy_reset (HpPolicy *policy, const char *port);
/* Appends @vm to the configuration's assignment of @port, making one where there is none. */
void hp_policy_add_config (HpPolicy *policy, const char *port, const char *vm, HpReserve reserve, const char *origin);

/* The assignment in force for exactly @port (a stable name), or NULL. */
const HpAssignment *hp_policy_exact (const HpPolicy *policy, const char *port);
/* The one in force for @port itself, by the name of either half, or for the nearest port above it; NULL: none. */
const HpAssignment *hp_policy_find (const HpPolicy *policy, const HpTopology *topology, const HpPort *port);
/* What would hold there if nothing had been chosen at run time for @port itself. */
const HpAssignment *hp_policy_find_without_choice (const HpPolicy *policy, const HpTopology *topology,
                                                   const HpPort *port);
/* The configuration's for exactly @port, in force or not. */
const HpAssignment *hp_policy_configured (const HpPolicy *policy, const char *port);
/* All in force, sorted by port. (transfer container) */
GPtrArray *hp_policy_list (const HpPolicy *policy);
/* Those in force that name @vm. (transfer container) */
GPtrArray *hp_policy_list_for_vm (const HpPolicy *policy, const char *vm);
