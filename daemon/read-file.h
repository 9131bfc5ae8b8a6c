/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/stat.h>

/*
 * hp_read_file:
 * The bytes of a regular file of at most @max bytes. Never hangs: a FIFO or a device is an error, and is not waited for.
 * @ret_stat: (out) (optional): what the kernel says of the file that was read
 * Returns: (transfer full): NULL with a G_FILE_ERROR: NOENT where there is no file, INVAL where it is no regular one,
 *   NOSPC where it is over @max, else by errno. The message is the cause alone, without the path.
 */
GBytes *hp_read_file (const char *path, gsize max, struct stat *ret_stat, GError **error) G_GNUC_WARN_UNUSED_RESULT;
