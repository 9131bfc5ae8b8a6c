/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "policy.h"

/* Both layers by stable name; what was chosen at run time stands above what is configured. */
struct _HpPolicy
{
  GHashTable *config;  /* port -> HpAssignment */
  GHashTable *runtime; /* port -> HpAssignment */
  GHashTable *by_vm;   /* VM -> set of ports that name it in either layer; may hold ports that no longer do */
};

static const char *const reserve_names[] = {
  [HP_RESERVE_WHILE_RUNNING] = "while-running",
  [HP_RESERVE_ALWAYS] = "always",
  [HP_RESERVE_NEVER] = "never",
};

const char *
hp_reserve_to_string (HpReserve reserve)
{
  g_return_val_if_fail ((guint)reserve < G_N_ELEMENTS (reserve_names), "");
  return reserve_names[reserve];
}

gboolean
hp_reserve_from_string (const char *text, HpReserve *ret_reserve)
{
  for (guint i = 0; i < G_N_ELEMENTS (reserve_names); i++)
    {
      if (g_strcmp0 (text, reserve_names[i]) != 0)
        continue;
      *ret_reserve = (HpReserve)i;
      return TRUE;
    }
  return FALSE;
}

HpAssignment *
hp_assignment_new (const char *port, const char *const *vms, HpReserve reserve, gboolean runtime, const char *origin)
{
  HpAssignment *assignment = g_new0 (HpAssignment, 1);

  assignment->port = g_strdup (port);
  assignment->vms = vms != NULL ? g_strdupv ((char **)vms) : g_new0 (char *, 1);
  assignment->reserve = reserve;
  assignment->runtime = runtime;
  assignment->origin = g_strdup (origin);
  return assignment;
}

void
hp_assignment_free (HpAssignment *assignment)
{
  if (assignment == NULL)
    return;
  g_free (assignment->port);
  g_strfreev (assignment->vms);
  g_free (assignment->origin);
  g_free (assignment);
}

HpPolicy *
hp_policy_new (void)
{
  HpPolicy *policy = g_new0 (HpPolicy, 1);

  policy->config = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)hp_assignment_free);
  policy->runtime = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)hp_assignment_free);
  policy->by_vm = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_hash_table_unref);
  return policy;
}

void
hp_policy_free (HpPolicy *policy)
{
  if (policy == NULL)
    return;
  g_hash_table_unref (policy->config);
  g_hash_table_unref (policy->runtime);
  g_hash_table_unref (policy->by_vm);
  g_free (policy);
}

static void
index_vm (HpPolicy *policy, const char *vm, const char *port)
{
  GHashTable *ports = g_hash_table_lookup (policy->by_vm, vm);

  if (ports == NULL)
    {
      ports = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      g_hash_table_insert (policy->by_vm, g_strdup (vm), ports);
    }
  g_hash_table_add (ports, g_strdup (port));
}

void
hp_policy_put (HpPolicy *policy, HpAssignment *assignment)
{
  for (guint i = 0; assignment->vms[i] != NULL; i++)
    index_vm (policy, assignment->vms[i], assignment->port);
  g_hash_table_replace (assignment->runtime ? policy->runtime : policy->config, assignment->port, assignment);
}

gboolean
hp_policy_reset (HpPolicy *policy, const char *port)
{
  return g_hash_table_remove (policy->runtime, port);
}

void
hp_policy_add_config (HpPolicy *policy, const char *port, const char *vm, HpReserve reserve, const char *origin)
{
  const char *const vms[] = { vm, NULL };
  HpAssignment *known = g_hash_table_lookup (policy->config, port);

  if (known == NULL)
    {
      hp_policy_put (policy, hp_assignment_new (port, vms, reserve, FALSE, origin));
      return;
    }
  if (g_strv_contains ((const char *const *)known->vms, vm))
    return;

  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  g_strv_builder_addv (builder, (const char **)known->vms);
  g_strv_builder_add (builder, vm);
  g_strfreev (known->vms);
  known->vms = g_strv_builder_end (builder);
  index_vm (policy, vm, port);
}

const HpAssignment *
hp_policy_exact (const HpPolicy *policy, const char *port)
{
  const HpAssignment *chosen = g_hash_table_lookup (policy->runtime, port);

  return chosen != NULL ? chosen : g_hash_table_lookup (policy->config, port);
}

static const HpAssignment *
find_in (GHashTable *layer, const HpPort *port)
{
  const HpAssignment *found = port->id2 != NULL ? g_hash_table_lookup (layer, port->id2) : NULL;

  return found == NULL && port->id3 != NULL ? g_hash_table_lookup (layer, port->id3) : found;
}

/* A port may have been named by either half, in either layer. */
static const HpAssignment *
find (const HpPolicy *policy, const HpTopology *topology, const HpPort *port, gboolean without_choice)
{
  for (const HpPort *at = port; at != NULL; at = hp_topology_port_parent (topology, at))
    {
      const HpAssignment *found = at == port && without_choice ? NULL : find_in (policy->runtime, at);

      if (found == NULL)
        found = find_in (policy->config, at);
      if (found != NULL)
        return found;
    }
  return NULL;
}

const HpAssignment *
hp_policy_find (const HpPolicy *policy, const HpTopology *topology, const HpPort *port)
{
  return find (policy, topology, port, FALSE);
}

const HpAssignment *
hp_policy_find_without_choice (const HpPolicy *policy, const HpTopology *topology, const HpPort *port)
{
  return find (policy, topology, port, TRUE);
}

const HpAssignment *
hp_policy_configured (const HpPolicy *policy, const char *port)
{
  return g_hash_table_lookup (policy->config, port);
}

static int
compare_by_port (gconstpointer a, gconstpointer b)
{
  const HpAssignment *const *first = a;
  const HpAssignment *const *second = b;

  return strcmp ((*first)->port, (*second)->port);
}

GPtrArray *
hp_policy_list (const HpPolicy *policy)
{
  GPtrArray *list = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer port, assignment;

  g_hash_table_iter_init (&iter, policy->runtime);
  while (g_hash_table_iter_next (&iter, &port, &assignment))
    g_ptr_array_add (list, assignment);
  g_hash_table_iter_init (&iter, policy->config);
  while (g_hash_table_iter_next (&iter, &port, &assignment))
    if (!g_hash_table_contains (policy->runtime, port))
      g_ptr_array_add (list, assignment);
  g_ptr_array_sort (list, compare_by_port);
  return list;
}

GPtrArray *
hp_policy_list_for_vm (const HpPolicy *policy, const char *vm)
{
  GPtrArray *list = g_ptr_array_new ();
  GHashTable *ports = g_hash_table_lookup (policy->by_vm, vm);
  GHashTableIter iter;
  gpointer port;

  if (ports == NULL)
    return list;
  g_hash_table_iter_init (&iter, ports);
  while (g_hash_table_iter_next (&iter, &port, NULL))
    {
      const HpAssignment *assignment = hp_policy_exact (policy, port);

      if (assignment != NULL && g_strv_contains ((const char *const *)assignment->vms, vm))
        g_ptr_array_add (list, (gpointer)assignment);
    }
  g_ptr_array_sort (list, compare_by_port);
  return list;
}
