/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "suggest.h"

#include <string.h>

#define SUGGEST_MAX 32 /* bytes; longer words are nobody's typing error */

/* Levenshtein's distance; both at most SUGGEST_MAX bytes. */
static guint
distance (const char *a, const char *b)
{
  guint row[SUGGEST_MAX + 1];
  gsize length = strlen (b);

  for (guint j = 0; j <= length; j++)
    row[j] = j;
  for (guint i = 0; a[i] != '\0'; i++)
    {
      guint diagonal = row[0];

      row[0] = i + 1;
      for (guint j = 0; j < length; j++)
        {
          guint replaced = diagonal + (g_ascii_tolower (a[i]) != g_ascii_tolower (b[j]));

          diagonal = row[j + 1];
          row[j + 1] = MIN (replaced, MIN (row[j], row[j + 1]) + 1);
        }
    }
  return row[length];
}

const char *
hp_suggest (const char *text, const char *const *known)
{
  const char *best = NULL;
  guint best_distance = G_MAXUINT;

  if (strlen (text) > SUGGEST_MAX)
    return NULL;
  for (gsize i = 0; known[i] != NULL; i++)
    {
      guint candidate = strlen (known[i]) <= SUGGEST_MAX ? distance (text, known[i]) : G_MAXUINT;

      if (candidate < best_distance)
        {
          best = known[i];
          best_distance = candidate;
        }
    }
  return best != NULL && best_distance <= MAX (2, strlen (best) / 3) ? best : NULL;
}
