/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "state.h"

#include <gio/gio.h>

/*
 * The state kept in state.json in the state directory: written to a temporary file, fsynced and renamed, the folder
 * fsynced too, so that at any moment, a power cut included, either the old or the new one is there as a whole.
 */

/*
 * hp_state_file_load:
 * Blocking: for start-up. No file is an empty state. A file that cannot be understood is set aside as
 * "state.json.corrupt-<seconds>", an empty state is returned, and @ret_problem (transfer full) says what happened; it is
 * never fatal. NULL only where the file exists and cannot be read at all. What a crash left half-written is removed.
 * @ret_problem: (out) (optional): NULL where there is none
 */
HpState *hp_state_file_load (const char *path, char **ret_problem, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/*
 * hp_state_file_save_async:
 * Writes @state, as it is now, in a worker thread. On failure the old file stands as it was.
 * One at a time: of two saves under way at once either may be the one that stays, so wait for the first to finish.
 * Once it has begun it is not cancelled half-way: an answer of G_IO_ERROR_CANCELLED means nothing was written.
 */
void hp_state_file_save_async (const char *path, const HpState *state, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data);
gboolean hp_state_file_save_finish (GAsyncResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;
