/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sample.h"

#include <time.h>

Sample *
sample_new (void)
{
  Sample *sample = g_new0 (Sample, 1);

  sample->values = g_array_new (FALSE, FALSE, sizeof (double));
  return sample;
}

void
sample_free (Sample *sample)
{
  g_array_unref (sample->values);
  g_free (sample);
}

void
sample_add (Sample *sample, double usec)
{
  g_array_append_val (sample->values, usec);
}

static int
compare (gconstpointer a, gconstpointer b)
{
  double first = *(const double *)a, second = *(const double *)b;

  return (first > second) - (first < second);
}

double
sample_percentile (const Sample *sample, guint percent)
{
  guint n = sample->values->len;
  guint rank = (n * percent + 99) / 100;

  if (n == 0)
    return 0;
  g_array_sort (sample->values, compare);
  return g_array_index (sample->values, double, CLAMP (rank, 1, n) - 1);
}

void
bench_init (int *argc, char ***argv)
{
  /* For the paths of what lies beside the tests; what is for debugging tests is not wanted here. */
  g_test_init (argc, argv, NULL);
  g_log_set_default_handler (g_log_default_handler, NULL);
}

double
sample_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

struct _Table
{
  GString *text;
};

/* The columns: what, figure, floor, ratio, bar, and whether it is met. */
static void
line (Table *table, const char *what, const char *figure, const char *floor, const char *ratio, const char *bar,
      const char *verdict)
{
  g_string_append_printf (table->text, "%-46s %14s %14s %8s %8s  %s\n", what, figure, floor, ratio, bar, verdict);
}

Table *
table_new (const char *title)
{
  Table *table = g_new0 (Table, 1);

  table->text = g_string_new (NULL);
  g_string_append_printf (table->text, "\n%s\n", title);
  line (table, "", "figure", "floor", "ratio", "bar", "");
  return table;
}

void
table_end (Table *table)
{
  g_print ("%s", table->text->str);
  g_string_free (table->text, TRUE);
  g_free (table);
}

static const char *
verdict (double value, double bar)
{
  if (bar <= 0)
    return "";
  return value <= bar ? "ok" : "missed";
}

void
table_row (Table *table, const char *what, double figure, double floor, const char *unit, double bar)
{
  double ratio = floor > 0 ? figure / floor : 0;
  g_autofree char *figure_text = g_strdup_printf ("%.1f %s", figure, unit);
  g_autofree char *floor_text = g_strdup_printf ("%.1f %s", floor, unit);
  g_autofree char *ratio_text = g_strdup_printf ("%.2f", ratio);
  g_autofree char *bar_text = bar > 0 ? g_strdup_printf ("%.2f", bar) : g_strdup ("-");

  line (table, what, figure_text, floor_text, ratio_text, bar_text, verdict (ratio, bar));
}

void
table_row_alone (Table *table, const char *what, double figure, const char *unit, double bar)
{
  g_autofree char *figure_text = g_strdup_printf ("%.1f %s", figure, unit);
  g_autofree char *bar_text = bar > 0 ? g_strdup_printf ("%.0f", bar) : g_strdup ("-");

  line (table, what, figure_text, "-", "-", bar_text, verdict (figure, bar));
}
