/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config.h"

#include <gio/gio.h>

/*
 * Reads config.yaml and config.d/ *.yaml (sorted by name) from disk. Never writes there. What anybody may write is
 * warned of, and read.
 */

#define HP_CONFIG_FILES_MAX 1000 /* in config.d */

/*
 * hp_config_files_load:
 * @path: config.yaml; the folder beside it called config.d is read as well. No files at all is an empty configuration;
 *   one that cannot be read, is no regular file or over HP_YAML_SIZE_MAX bytes is an error.
 * Blocking: for --check-config and for start-up, before the main loop runs.
 */
HpConfig *hp_config_files_load (const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same in a worker thread, for reloads. */
void hp_config_files_load_async (const char *path, GCancellable *cancellable, GAsyncReadyCallback callback,
                                 gpointer user_data);
HpConfig *hp_config_files_load_finish (GAsyncResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;
