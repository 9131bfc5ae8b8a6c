/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/output.h"
#include "client/errors.h"

#include <errno.h>
#include <string.h>

#define GAP 2

struct HpTable
{
  const HpColumn *columns;
  guint n_columns;
  GPtrArray *rows; /* char **, n_columns each, NULL-terminated */
};

HpTable *
hp_table_new (const HpColumn *columns, guint n_columns)
{
  HpTable *table = g_new0 (HpTable, 1);

  table->columns = columns;
  table->n_columns = n_columns;
  table->rows = g_ptr_array_new_with_free_func ((GDestroyNotify)g_strfreev);
  return table;
}

void
hp_table_free (HpTable *table)
{
  g_ptr_array_unref (table->rows);
  g_free (table);
}

void
hp_table_add (HpTable *table, const char *const *cells)
{
  char **row = g_new0 (char *, table->n_columns + 1);

  for (guint i = 0; i < table->n_columns; i++)
    row[i] = cells[i] && *cells[i] ? hp_display_safe (cells[i]) : g_strdup ("-");
  g_ptr_array_add (table->rows, row);
}

guint
hp_table_rows (const HpTable *table)
{
  return table->rows->len;
}

static void
measure (const HpTable *table, gboolean legend, guint *widths)
{
  for (guint c = 0; c < table->n_columns; c++)
    {
      widths[c] = legend ? hp_display_width (table->columns[c].title) : 0;
      for (guint r = 0; r < table->rows->len; r++)
        {
          char **row = g_ptr_array_index (table->rows, r);

          widths[c] = MAX (widths[c], hp_display_width (row[c]));
        }
    }
}

/* Takes from the widest column that may be cut, one column of the terminal at a time, until the line fits. */
static void
shrink (const HpTable *table, guint *widths, guint available)
{
  guint total = 0;

  for (guint c = 0; c < table->n_columns; c++)
    total += widths[c] + (c > 0 ? GAP : 0);
  while (total > available)
    {
      guint widest = G_MAXUINT;

      for (guint c = 0; c < table->n_columns; c++)
        if (table->columns[c].cut_to > 0 && widths[c] > table->columns[c].cut_to
            && (widest == G_MAXUINT || widths[c] > widths[widest]))
          widest = c;
      if (widest == G_MAXUINT)
        return;
      widths[widest]--;
      total--;
    }
}

static void
append_cell (GString *text, const char *cell, guint width, gboolean last, gboolean color, HpPaint paint)
{
  g_autofree char *cut = hp_display_cut (cell, width);
  g_autofree char *painted = hp_paint (color, paint, cut);
  guint used = hp_display_width (cut);

  g_string_append (text, painted);
  if (last)
    {
      g_string_append_c (text, '\n');
      return;
    }
  for (guint i = used; i < width + GAP; i++)
    g_string_append_c (text, ' ');
}

char *
hp_table_format (const HpTable *table, gboolean legend, guint width, gboolean color)
{
  g_autofree guint *widths = g_new0 (guint, table->n_columns);
  GString *text = g_string_new (NULL);

  measure (table, legend, widths);
  if (width > 0)
    shrink (table, widths, width);

  for (guint c = 0; legend && c < table->n_columns; c++)
    append_cell (text, table->columns[c].title, widths[c], c + 1 == table->n_columns, color, HP_PAINT_BOLD);
  for (guint r = 0; r < table->rows->len; r++)
    {
      char **row = g_ptr_array_index (table->rows, r);

      for (guint c = 0; c < table->n_columns; c++)
        append_cell (text, row[c], widths[c], c + 1 == table->n_columns, color,
                     table->columns[c].state ? hp_paint_for_state (row[c]) : HP_PAINT_PLAIN);
    }
  return g_string_free (text, FALSE);
}

gboolean
hp_output_text (HpContext *context, const char *text, GError **error)
{
  int saved;

  if (hp_stream_write (&context->terminal.out, text))
    return TRUE;
  saved = errno;
  if (saved == EPIPE)
    g_set_error_literal (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_OUTPUT_GONE, "nobody reads the output");
  else
    g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_OUTPUT, "writing the output: %s", g_strerror (saved));
  return FALSE;
}

gboolean
hp_output_table (HpContext *context, const HpTable *table, GError **error)
{
  const HpStream *out = &context->terminal.out;
  g_autofree char *text =
      hp_table_format (table, !context->options.no_legend && table->rows->len > 0, out->width, out->color);

  return hp_output_text (context, text, error);
}

gboolean
hp_output_is_json (const HpContext *context)
{
  return context->options.json != HP_JSON_OFF;
}

gboolean
hp_output_json (HpContext *context, JsonNode *root, GError **error)
{
  HpJsonMode mode = context->options.json;
  gboolean pretty = mode == HP_JSON_PRETTY || (mode == HP_JSON_FITTING && context->terminal.out.tty);
  g_autofree char *text = hp_json_text (root, pretty);

  json_node_unref (root);
  return hp_output_text (context, text, error);
}

gboolean
hp_output_sentence (HpContext *context, const char *sentence, GError **error)
{
  g_autofree char *safe = hp_display_safe (sentence);
  g_autofree char *line = g_strconcat (safe, "\n", NULL);

  return context->options.quiet || hp_output_text (context, line, error);
}

void
hp_output_note (HpContext *context, const char *note)
{
  g_autofree char *safe = hp_display_safe (note);
  g_autofree char *line = g_strconcat (safe, "\n", NULL);

  if (!context->options.quiet)
    hp_stream_write (&context->terminal.err, line);
}
