/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process.h"

#include <string.h>

static char *
read_proc (int pid, const char *name)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/%s", pid, name);
  char *text = NULL;

  /* A thread may end between the listing and this. */
  return g_file_get_contents (path, &text, NULL, NULL) ? text : g_strdup ("");
}

/* The number behind @key in a text of lines "Key:  123 kB". */
static guint64
number_of (const char *text, const char *key)
{
  const char *found = strstr (text, key);

  return found != NULL ? g_ascii_strtoull (found + strlen (key), NULL, 10) : 0;
}

static double
cpu_of_thread (int pid, const char *thread)
{
  g_autofree char *name = g_strdup_printf ("task/%s/schedstat", thread);
  g_autofree char *text = read_proc (pid, name);

  return (double)g_ascii_strtoull (text, NULL, 10) / 1e3;
}

static double
switches_of_thread (int pid, const char *thread)
{
  g_autofree char *name = g_strdup_printf ("task/%s/status", thread);
  g_autofree char *text = read_proc (pid, name);

  return (double)(number_of (text, "\nvoluntary_ctxt_switches:") + number_of (text, "\nnonvoluntary_ctxt_switches:"));
}

static double
sum (int pid, double (*of_thread) (int, const char *))
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/task", pid);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *thread;
  double total = 0;

  while (dir != NULL && (thread = g_dir_read_name (dir)) != NULL)
    total += of_thread (pid, thread);
  return total;
}

double
process_cpu (int pid)
{
  return sum (pid, cpu_of_thread);
}

guint64
process_switches (int pid)
{
  return (guint64)sum (pid, switches_of_thread);
}

ProcessMemory
process_memory (int pid)
{
  g_autofree char *status = read_proc (pid, "status");
  g_autofree char *rollup = read_proc (pid, "smaps_rollup");

  return (ProcessMemory){
    .resident = number_of (status, "VmRSS:"),
    .alone = number_of (rollup, "Private_Clean:") + number_of (rollup, "Private_Dirty:"),
    .share = number_of (rollup, "\nPss:"),
  };
}
