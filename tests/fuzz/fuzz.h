/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/* What libFuzzer calls, and fuzz-main.c where there is no libFuzzer. Aborts where something is wrong. */
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Whether @text could go to D-Bus and a terminal: valid UTF-8 without control characters. */
static inline gboolean
fuzz_text_is_safe (const char *text)
{
  if (text == NULL || !g_utf8_validate (text, -1, NULL))
    return FALSE;
  for (const char *at = text; *at != '\0'; at = g_utf8_next_char (at))
    if (g_unichar_iscntrl (g_utf8_get_char (at)))
      return FALSE;
  return TRUE;
}
