/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "policy.h"

#include <gio/gio.h>

/*
 * What was chosen at run time, kept in state.json in the state directory: a JSON object with a "version", written to a
 * temporary file, fsynced and renamed, the folder fsynced too.
 */

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
  GHashTable *choices; /* port -> HpChoice */
} HpState;

HpChoice *hp_choice_new (const char *port, const char *const *vms, HpReserve reserve, gint64 since, guint32 by_uid);
HpChoice *hp_choice_copy (const HpChoice *choice);
void hp_choice_free (HpChoice *choice);
HpState *hp_state_new (void);
HpState *hp_state_copy (const HpState *state);
void hp_state_free (HpState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpState, hp_state_free)

/* Pure halves, for tests and fuzzing. Bounds: 4 MiB, 10,000 choices; every string is checked. */
char *hp_state_to_json (const HpState *state);
HpState *hp_state_from_json (const char *data, gsize length, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/*
 * hp_state_file_load:
 * Blocking: for start-up. No file is an empty state. A file that cannot be understood is set aside as
 * "state.json.corrupt-<seconds>", an empty state is returned, and @ret_problem (transfer full) says what happened; it is
 * never fatal. NULL only where the file exists and cannot be read at all.
 */
HpState *hp_state_file_load (const char *path, char **ret_problem, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Writes a copy of @state in a worker thread. On failure the old file stands as it was. */
void hp_state_file_save_async (const char *path, const HpState *state, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data);
gboolean hp_state_file_save_finish (GAsyncResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;
