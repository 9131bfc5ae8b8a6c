/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/context.h"
#include "client/json.h"

/*
 * Tables for people. The making of the text is pure; hp_output_* write it to the right stream.
 */

typedef struct
{
  const char *title;
  guint cut_to;   /* on a terminal that is too narrow, down to so many columns; 0: never cut */
  gboolean state; /* painted by what it says */
} HpColumn;

typedef struct HpTable HpTable;

/* @columns: borrowed, static */
HpTable *hp_table_new (const HpColumn *columns, guint n_columns);
void hp_table_free (HpTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpTable, hp_table_free)

/* @cells: as many as there are columns; made safe to show; NULL and "" become "-". */
void hp_table_add (HpTable *table, const char *const *cells);
guint hp_table_rows (const HpTable *table);

/*
 * hp_table_format:
 * @legend: with a header
 * @width: columns of the terminal; 0: nothing is cut
 * Returns: (transfer full): aligned by what is seen, two spaces between columns, no space at the end of a line
 */
char *hp_table_format (const HpTable *table, gboolean legend, guint width, gboolean color);

/*
 * All below write to stdout, and fail with HP_CLIENT_ERROR_OUTPUT or _OUTPUT_GONE.
 */
gboolean hp_output_text (HpContext *context, const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean hp_output_table (HpContext *context, const HpTable *table, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* @root: (transfer full) */
gboolean hp_output_json (HpContext *context, JsonNode *root, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A line of what was done: made safe; nothing with --quiet. */
gboolean hp_output_sentence (HpContext *context, const char *sentence, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A note on stderr, such as that there is nothing to list: nothing with --quiet. Made safe. */
void hp_output_note (HpContext *context, const char *note);

/* Whether JSON is wanted rather than text. */
gboolean hp_output_is_json (const HpContext *context);
