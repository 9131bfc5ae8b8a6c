/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "summary.h"

struct _HpSummary
{
  GHashTable *ports;   /* set of ids */
  GHashTable *devices; /* name -> vm */
  GHashTable *vms;     /* vm -> number of its devices */
};

HpSummary *
hp_summary_new (void)
{
  HpSummary *summary = g_new0 (HpSummary, 1);

  summary->ports = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  summary->devices = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  summary->vms = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return summary;
}

void
hp_summary_free (HpSummary *summary)
{
  g_hash_table_unref (summary->ports);
  g_hash_table_unref (summary->devices);
  g_hash_table_unref (summary->vms);
  g_free (summary);
}

void
hp_summary_port (HpSummary *summary, const char *id, gboolean assigned)
{
  if (assigned)
    g_hash_table_add (summary->ports, g_strdup (id));
  else
    g_hash_table_remove (summary->ports, id);
}

static void
count (HpSummary *summary, const char *vm, int change)
{
  int devices = GPOINTER_TO_INT (g_hash_table_lookup (summary->vms, vm)) + change;

  if (devices > 0)
    g_hash_table_insert (summary->vms, g_strdup (vm), GINT_TO_POINTER (devices));
  else
    g_hash_table_remove (summary->vms, vm);
}

void
hp_summary_device (HpSummary *summary, const char *name, const char *vm)
{
  const char *before = g_hash_table_lookup (summary->devices, name);

  if (before)
    count (summary, before, -1);
  if (vm)
    {
      count (summary, vm, 1);
      g_hash_table_insert (summary->devices, g_strdup (name), g_strdup (vm));
    }
  else
    g_hash_table_remove (summary->devices, name);
}

static char *
number (guint count_of, const char *one, const char *many)
{
  return count_of == 0 ? g_strdup_printf ("no %s", many)
                       : g_strdup_printf ("%u %s", count_of, count_of == 1 ? one : many);
}

char *
hp_summary_line (HpSummary *summary)
{
  guint machines = g_hash_table_size (summary->vms);
  g_autofree char *ports = number (g_hash_table_size (summary->ports), "port", "ports");
  g_autofree char *devices = number (g_hash_table_size (summary->devices), "device", "devices");
  g_autofree char *vms = machines > 1 ? g_strdup_printf ("%u virtual machines", machines)
                                      : g_strdup_printf ("%s virtual machine", machines == 1 ? "1" : "a");

  return g_strdup_printf ("%s assigned, %s in %s", ports, devices, vms);
}
