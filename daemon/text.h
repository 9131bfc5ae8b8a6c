/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Text from outside, made safe. Pure. USB strings and QEMU's answers are chosen by whoever made the device or runs the
 * guest, and end up in terminals, logs, JSON and D-Bus (where GVariant crashes on bytes that are not UTF-8).
 */

/*
 * hp_text_safe:
 * Valid UTF-8 (other bytes become U+FFFD); control characters, line and paragraph separators, and bidirectional
 * and zero-width marks become spaces or go; runs of white space become one space, none at the ends; at most @max bytes,
 * cut at a character.
 * @text: (nullable)
 * Returns: (transfer full) (nullable): NULL where @text is NULL or nothing is left
 */
char *hp_text_safe (const char *text, gsize max);
