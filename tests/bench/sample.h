/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Measured figures, and the table that a benchmark prints. */

/* Some measurements of one thing, in µs. */
typedef struct
{
  GArray *values; /* double */
} Sample;

Sample *sample_new (void);
void sample_free (Sample *sample);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Sample, sample_free)
void sample_add (Sample *sample, double usec);
/* The value that so many percent are not above; 50: the median. */
double sample_percentile (const Sample *sample, guint percent);

/* What every benchmark begins with. */
void bench_init (int *argc, char ***argv);

/* The clock of all of them, in µs. */
double sample_now (void);

typedef struct _Table Table;

Table *table_new (const char *title);
/* Prints it. */
void table_end (Table *table);
/*
 * table_row:
 * @figure: what was measured; @floor: what it is compared with in the same run; the ratio is their quotient
 * @unit: of both
 * @bar: what the ratio should be at most; 0: there is none
 */
void table_row (Table *table, const char *what, double figure, double floor, const char *unit, double bar);
/* A figure that has a bar of its own and nothing to be compared with. */
void table_row_alone (Table *table, const char *what, double figure, const char *unit, double bar);
