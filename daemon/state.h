/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "policy.h"

/*
 * What was chosen at run time, as a value and as JSON. Pure.
 *
 *   { "version": 1,
 *     "choices": [ { "port": "pci-0000:00:14.0-usbv2-0:1", "vms": [ "windows" ], "reserve": "while-running",
 *                    "since": 1700000000, "by_uid": 1000 } ] }
 *
 * Members that are not known are passed over and not kept; another version is an error.
 */

#define HP_STATE_SIZE_MAX (4 * 1024 * 1024) /* bytes */
#define HP_STATE_CHOICES_MAX 10000
#define HP_STATE_VMS_MAX 1000 /* of one choice */
#define HP_STATE_DEPTH_MAX 16

/* A choice made at run time for one port. It stands above the configuration until it is reset. */
typedef struct
{
  char *port; /* stable name */
  char **vms; /* in order; empty: the host */
  HpReserve reserve;
  gint64 since;   /* real time, seconds */
  guint32 by_uid; /* who asked; G_MAXUINT32 unknown */
} HpChoice;

typedef struct
{
  GHashTable *choices; /* port -> HpChoice; the key is the choice's own port */
} HpState;

HpChoice *hp_choice_new (const char *port, const char *const *vms, HpReserve reserve, gint64 since, guint32 by_uid);
HpChoice *hp_choice_copy (const HpChoice *choice);
void hp_choice_free (HpChoice *choice);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpChoice, hp_choice_free)

HpState *hp_state_new (void);
HpState *hp_state_copy (const HpState *state);
void hp_state_free (HpState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpState, hp_state_free)

/* Puts @choice (transfer full) in the place of what was chosen for its port before. */
void hp_state_put (HpState *state, HpChoice *choice);

/* The same text for the same state: sorted by port, with a line break at the end. */
char *hp_state_to_json (const HpState *state);

/*
 * hp_state_from_json:
 * Every string is checked: ports are stable names, VMs are names of VMs, none twice.
 * Returns: (transfer full): NULL with G_IO_ERROR_INVALID_DATA
 */
HpState *hp_state_from_json (const char *data, gsize length, GError **error) G_GNUC_WARN_UNUSED_RESULT;
