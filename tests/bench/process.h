/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What the kernel counts of a process, all its threads together. */

/* µs on a processor so far. */
double process_cpu (int pid);
/* How often it went to sleep, or was made to make room, so far. */
guint64 process_switches (int pid);
/* Resident memory, the part that nobody shares, and its share of all, in KiB. */
typedef struct
{
  guint64 resident, alone, share;
} ProcessMemory;
ProcessMemory process_memory (int pid);
