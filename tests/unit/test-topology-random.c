/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hubs.h"

#include <string.h>

/* Machines made up at random: the order of what is read must not matter, nor what was there before. */

#define HUB_PORTS_MAX 5
#define DEPTH_MAX 3
#define MACHINES 40
#define STEPS 40

typedef struct
{
  char *name;
  guint usb;
  char *ports; /* NULL: no hub */
} Spec;

static void
spec_free (gpointer data)
{
  Spec *spec = data;

  g_free (spec->name);
  g_free (spec->ports);
  g_free (spec);
}

static void
add_spec (GPtrArray *specs, const char *name, char *ports)
{
  Spec *spec = g_new0 (Spec, 1);

  spec->name = g_strdup (name);
  spec->usb = strchr (name, '3') == name || g_str_has_prefix (name, "usb3") ? 2 : 3;
  spec->ports = ports;
  g_ptr_array_add (specs, spec);
}

static char *
port_name (const char *hub, guint number)
{
  return g_str_has_prefix (hub, "usb") ? g_strdup_printf ("%s-%u", hub + 3, number)
                                       : g_strdup_printf ("%s.%u", hub, number);
}

static void add_hubs (GPtrArray *specs, const char *hub2, const char *hub3, guint depth);

/* What is in a connector: nothing, a device on either half or on both, a hub of one speed or of both. */
static void
fill_connector (GPtrArray *specs, const char *half2, const char *half3, guint depth)
{
  gboolean in2 = half2 != NULL && g_test_rand_bit ();
  gboolean in3 = half3 != NULL && g_test_rand_bit ();

  if (depth < DEPTH_MAX && g_test_rand_bit ())
    {
      add_hubs (specs, in2 ? half2 : NULL, in3 ? half3 : NULL, depth + 1);
      return;
    }
  if (in2)
    add_spec (specs, half2, NULL);
  if (in3)
    add_spec (specs, half3, NULL);
}

static void
add_port (GString *ports, guint number, const char *peer)
{
  g_string_append_printf (ports, "%s%u%s%s", ports->len > 0 ? " " : "", number, peer != NULL ? "=" : "",
                          peer != NULL ? peer : "");
}

/* Two hubs in one, or one of them alone. Some ports are tied to each other, whatever their numbers; who says so varies. */
static void
add_hubs (GPtrArray *specs, const char *hub2, const char *hub3, guint depth)
{
  guint n2 = hub2 != NULL ? (guint)g_test_rand_int_range (1, HUB_PORTS_MAX) : 0;
  guint n3 = hub3 != NULL ? (guint)g_test_rand_int_range (1, HUB_PORTS_MAX) : 0;
  const char *said3[HUB_PORTS_MAX] = { NULL };
  gboolean tied3[HUB_PORTS_MAX] = { FALSE };
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  GString *ports2 = g_string_new (NULL);
  GString *ports3 = g_string_new (NULL);

  for (guint i = 1; i <= n2; i++)
    {
      guint j = (guint)g_test_rand_int_range (0, (gint32)n3 + 1);
      int who = g_test_rand_int_range (0, 3);
      char *half2 = port_name (hub2, i);
      char *half3 = j > 0 && !tied3[j] ? port_name (hub3, j) : NULL;

      g_ptr_array_add (names, half2);
      g_ptr_array_add (names, half3);
      tied3[j] = TRUE;
      add_port (ports2, i, who != 2 ? half3 : NULL);
      if (half3 != NULL && who != 1)
        said3[j] = half2;
      fill_connector (specs, half2, half3, depth);
    }
  for (guint j = 1; j <= n3; j++)
    {
      g_autofree char *half3 = port_name (hub3, j);

      add_port (ports3, j, said3[j]);
      if (!tied3[j])
        fill_connector (specs, NULL, half3, depth);
    }
  if (hub2 != NULL)
    add_spec (specs, hub2, g_string_free (ports2, FALSE));
  else
    g_string_free (ports2, TRUE);
  if (hub3 != NULL)
    add_spec (specs, hub3, g_string_free (ports3, FALSE));
  else
    g_string_free (ports3, TRUE);
}

static int
compare_specs (gconstpointer a, gconstpointer b)
{
  const Spec *first = *(const Spec *const *)a;
  const Spec *second = *(const Spec *const *)b;
  gboolean first_root = g_str_has_prefix (first->name, "usb");
  gboolean second_root = g_str_has_prefix (second->name, "usb");

  return first_root != second_root ? second_root - first_root : strcmp (first->name, second->name);
}

/* Hubs come before what is behind them. */
static GPtrArray *
machine_new (void)
{
  GPtrArray *specs = g_ptr_array_new_with_free_func (spec_free);

  add_hubs (specs, "usb3", "usb4", 0);
  g_ptr_array_sort (specs, compare_specs);
  return specs;
}

static void
shuffle (GPtrArray *array)
{
  for (guint i = array->len; i > 1; i--)
    {
      guint j = (guint)g_test_rand_int_range (0, (gint32)i);
      gpointer item = array->pdata[i - 1];

      array->pdata[i - 1] = array->pdata[j];
      array->pdata[j] = item;
    }
}

static HpTopology *
build (GPtrArray *specs)
{
  HpTopology *topology = hp_topology_new ();

  for (guint i = 0; i < specs->len; i++)
    {
      const Spec *spec = specs->pdata[i];

      hp_changes_free (hubs_put (topology, spec->name, i + 1, spec->usb, spec->ports));
    }
  return topology;
}

static void
test_order_does_not_matter (void)
{
  for (guint i = 0; i < MACHINES; i++)
    {
      g_autoptr (GPtrArray) specs = machine_new ();
      g_autoptr (HpTopology) in_order = build (specs);
      g_autofree char *wanted_connectors = hubs_connectors (in_order);
      g_autofree char *wanted_devices = hubs_devices (in_order);
      g_autoptr (HpTopology) at_random = NULL;

      shuffle (specs);
      at_random = build (specs);
      hubs_expect (at_random, wanted_connectors, wanted_devices);
    }
}

/* Whoever only listens to the changes must come to know the same names. */
static void
follow (GHashTable *known, GHashTable *gone, GHashTable *changed)
{
  GHashTableIter iter;
  gpointer name;

  g_hash_table_iter_init (&iter, gone);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_hash_table_remove (known, name);
  g_hash_table_iter_init (&iter, changed);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_hash_table_add (known, g_strdup (name));
}

typedef struct
{
  GPtrArray *specs;
  GHashTable *plugged; /* set of the Specs that are there */
  HpTopology *topology;
  GHashTable *ports, *devices; /* sets of names, by the changes alone */
  guint64 instance;
} Life;

static void
note (Life *life, HpChanges *changes)
{
  follow (life->ports, changes->ports_gone, changes->ports_changed);
  follow (life->devices, changes->devices_gone, changes->devices_changed);
  hp_changes_free (changes);
}

/* Whether @name is @hub or behind it. */
static gboolean
is_behind (const char *name, const char *hub)
{
  gsize length = strlen (hub);

  if (g_str_has_prefix (hub, "usb"))
    return g_str_equal (name, hub) || (name[0] == hub[3] && name[1] == '-');
  return g_str_has_prefix (name, hub) && (name[length] == '\0' || name[length] == '.');
}

static void
take_out (Life *life, const Spec *spec)
{
  for (guint i = 0; i < life->specs->len; i++)
    if (is_behind (((const Spec *)life->specs->pdata[i])->name, spec->name))
      g_hash_table_remove (life->plugged, life->specs->pdata[i]);
}

static gboolean
has_hub (Life *life, const Spec *spec)
{
  for (guint i = 0; i < life->specs->len; i++)
    {
      const Spec *other = life->specs->pdata[i];

      if (other != spec && is_behind (spec->name, other->name) && !g_hash_table_contains (life->plugged, other))
        return FALSE;
    }
  return TRUE;
}

/* Pulls one thing out, plugs one in, or puts another one in its place. */
static void
step (Life *life)
{
  Spec *spec = life->specs->pdata[g_test_rand_int_range (0, (gint32)life->specs->len)];
  gboolean there = g_hash_table_contains (life->plugged, spec);

  if (there && g_test_rand_bit ())
    {
      take_out (life, spec);
      note (life, hubs_take (life->topology, spec->name));
      return;
    }
  if (!has_hub (life, spec))
    return;
  take_out (life, spec);
  g_hash_table_add (life->plugged, spec);
  note (life, hubs_put (life->topology, spec->name, ++life->instance, spec->usb, spec->ports));
  hubs_expect_changes (hubs_put (life->topology, spec->name, life->instance, spec->usb, spec->ports), "", "", "", "");
}

static void
check (Life *life)
{
  g_autoptr (GPtrArray) rest = g_ptr_array_new ();
  g_autoptr (HpTopology) fresh = NULL;
  g_autofree char *wanted_connectors = NULL;
  g_autofree char *wanted_devices = NULL;
  g_autoptr (GPtrArray) ports = hp_topology_list_ports (life->topology);

  for (guint i = 0; i < life->specs->len; i++)
    if (g_hash_table_contains (life->plugged, life->specs->pdata[i]))
      g_ptr_array_add (rest, life->specs->pdata[i]);
  fresh = build (rest);
  wanted_connectors = hubs_connectors (fresh);
  wanted_devices = hubs_devices (fresh);
  hubs_expect (life->topology, wanted_connectors, wanted_devices);
  g_assert_cmpuint (g_hash_table_size (life->ports), ==, ports->len);
  for (guint i = 0; i < ports->len; i++)
    g_assert_true (g_hash_table_contains (life->ports, ((const HpPort *)ports->pdata[i])->id));
  g_assert_cmpuint (g_hash_table_size (life->devices), ==, rest->len);
  for (guint i = 0; i < rest->len; i++)
    g_assert_true (g_hash_table_contains (life->devices, ((const Spec *)rest->pdata[i])->name));
}

static void
test_past_does_not_matter (void)
{
  for (guint i = 0; i < MACHINES; i++)
    {
      g_autoptr (GPtrArray) specs = machine_new ();
      g_autoptr (GHashTable) plugged = g_hash_table_new (NULL, NULL);
      g_autoptr (HpTopology) topology = hp_topology_new ();
      g_autoptr (GHashTable) ports = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      g_autoptr (GHashTable) devices = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      Life life = { specs, plugged, topology, ports, devices, 0 };

      for (guint j = 0; j < specs->len; j++)
        {
          const Spec *spec = specs->pdata[j];

          g_hash_table_add (plugged, (gpointer)spec);
          note (&life, hubs_put (topology, spec->name, ++life.instance, spec->usb, spec->ports));
        }
      for (guint j = 0; j < STEPS; j++)
        {
          step (&life);
          check (&life);
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/topology-random/order-does-not-matter", test_order_does_not_matter);
  g_test_add_func ("/topology-random/past-does-not-matter", test_past_does_not_matter);
  return g_test_run ();
}
