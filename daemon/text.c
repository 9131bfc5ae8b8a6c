/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"

/* What would break a line, move the cursor, or turn the text around. */
static gboolean
is_blank (gunichar c)
{
  return g_unichar_isspace (c) || g_unichar_iscntrl (c) || g_unichar_type (c) == G_UNICODE_LINE_SEPARATOR
         || g_unichar_type (c) == G_UNICODE_PARAGRAPH_SEPARATOR;
}

/* Bidirectional and zero-width marks, private and unassigned code points: nothing to see, or a way to deceive. */
static gboolean
is_dropped (gunichar c)
{
  GUnicodeType type = g_unichar_type (c);

  return type == G_UNICODE_FORMAT || type == G_UNICODE_SURROGATE || type == G_UNICODE_PRIVATE_USE
         || type == G_UNICODE_UNASSIGNED;
}

char *
hp_text_safe (const char *text, gsize max)
{
  g_autofree char *valid = NULL;
  GString *safe;
  gboolean pending_space = FALSE;

  if (text == NULL)
    return NULL;
  valid = g_utf8_make_valid (text, -1);
  safe = g_string_new (NULL);
  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);
      char bytes[6];
      gsize length;

      if (is_blank (c))
        {
          pending_space = safe->len > 0;
          continue;
        }
      if (is_dropped (c))
        continue;
      length = (gsize)g_unichar_to_utf8 (c, bytes);
      if (safe->len + length + (pending_space ? 1 : 0) > max)
        break;
      if (pending_space)
        g_string_append_c (safe, ' ');
      pending_space = FALSE;
      g_string_append_len (safe, bytes, (gssize)length);
    }
  return g_string_free (safe, safe->len == 0);
}
