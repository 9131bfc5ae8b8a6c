/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder.h"

#define HALF3(chain) BUILDER_CONTROLLER "-usbv3-0:" chain

static void
put (HpPolicy *policy, const char *port, const char *vm, gboolean runtime)
{
  const char *const vms[] = { vm, NULL };

  hp_policy_put (policy, hp_assignment_new (port, vms, HP_RESERVE_WHILE_RUNNING, runtime, "somewhere:1"));
}

static const char *
first_vm (const HpAssignment *assignment)
{
  if (assignment == NULL)
    return "none";
  return assignment->vms[0] != NULL ? assignment->vms[0] : "host";
}

static void
test_layers (void)
{
  g_autoptr (HpPolicy) policy = hp_policy_new ();

  g_assert_cmpstr (first_vm (hp_policy_exact (policy, BUILDER_ID ("1"))), ==, "none");
  put (policy, BUILDER_ID ("1"), "configured", FALSE);
  g_assert_cmpstr (first_vm (hp_policy_exact (policy, BUILDER_ID ("1"))), ==, "configured");
  put (policy, BUILDER_ID ("1"), "chosen", TRUE);
  g_assert_cmpstr (first_vm (hp_policy_exact (policy, BUILDER_ID ("1"))), ==, "chosen");
  g_assert_cmpstr (first_vm (hp_policy_configured (policy, BUILDER_ID ("1"))), ==, "configured");
  g_assert_true (hp_policy_reset (policy, BUILDER_ID ("1")));
  g_assert_false (hp_policy_reset (policy, BUILDER_ID ("1")));
  g_assert_cmpstr (first_vm (hp_policy_exact (policy, BUILDER_ID ("1"))), ==, "configured");
  put (policy, BUILDER_ID ("1"), NULL, TRUE);
  g_assert_cmpstr (first_vm (hp_policy_exact (policy, BUILDER_ID ("1"))), ==, "host");
}

static void
test_several_vms (void)
{
  g_autoptr (HpPolicy) policy = hp_policy_new ();
  const HpAssignment *assignment;

  hp_policy_add_config (policy, BUILDER_ID ("1"), "win", HP_RESERVE_ALWAYS, "a:1");
  hp_policy_add_config (policy, BUILDER_ID ("1"), "linux", HP_RESERVE_NEVER, "a:9");
  hp_policy_add_config (policy, BUILDER_ID ("1"), "win", HP_RESERVE_NEVER, "a:10");
  assignment = hp_policy_exact (policy, BUILDER_ID ("1"));
  g_assert_cmpuint (g_strv_length (assignment->vms), ==, 2);
  g_assert_cmpstr (assignment->vms[0], ==, "win");
  g_assert_cmpstr (assignment->vms[1], ==, "linux");
  g_assert_cmpint (assignment->reserve, ==, HP_RESERVE_ALWAYS);
  g_assert_cmpstr (assignment->origin, ==, "a:1");
}

typedef struct
{
  const char *device; /* kernel name of what is plugged in */
  const char *expected;
} FindCase;

static void
test_nearest_decides (void)
{
  static const FindCase cases[] = {
    { "3-1", "port1" }, { "3-1.1", "port1" }, { "3-1.2", "deep" },  { "3-1.3", "host" }, { "3-10", "none" },
    { "3-2", "half3" }, { "4-2", "half3" },   { "3-11", "eleven" }, { "4-1", "port1" },
  };
  HpTopology *topology = builder_topology ();
  g_autoptr (HpPolicy) policy = hp_policy_new ();

  builder_plug (topology, "3-1", 9, 4);
  put (policy, BUILDER_ID ("1"), "port1", FALSE);
  put (policy, BUILDER_ID ("1.2"), "deep", FALSE);
  put (policy, BUILDER_ID ("1.3"), NULL, TRUE);
  put (policy, BUILDER_ID ("11"), "eleven", FALSE);
  put (policy, HALF3 ("2"), "half3", FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const HpPort *port = hp_topology_port_at (topology, cases[i].device);

      g_test_message ("%s", cases[i].device);
      g_assert_nonnull (port);
      g_assert_cmpstr (first_vm (hp_policy_find (policy, topology, port)), ==, cases[i].expected);
    }
  hp_topology_free (topology);
}

static void
test_without_choice (void)
{
  HpTopology *topology = builder_topology ();
  g_autoptr (HpPolicy) policy = hp_policy_new ();
  const HpPort *port = hp_topology_port_at (topology, "3-1");

  put (policy, BUILDER_ID ("1"), "chosen", TRUE);
  g_assert_cmpstr (first_vm (hp_policy_find_without_choice (policy, topology, port)), ==, "none");
  put (policy, BUILDER_ID ("1"), "configured", FALSE);
  g_assert_cmpstr (first_vm (hp_policy_find_without_choice (policy, topology, port)), ==, "configured");
  builder_plug (topology, "3-3", 9, 2);
  put (policy, BUILDER_ID ("3"), "above", TRUE);
  put (policy, BUILDER_ID ("3.1"), "chosen", TRUE);
  port = hp_topology_port_at (topology, "3-3.1");
  g_assert_cmpstr (first_vm (hp_policy_find_without_choice (policy, topology, port)), ==, "above");
  hp_topology_free (topology);
}

static void
test_lists (void)
{
  g_autoptr (HpPolicy) policy = hp_policy_new ();
  g_autoptr (GPtrArray) all = NULL;
  g_autoptr (GPtrArray) of_win = NULL;
  g_autoptr (GPtrArray) of_nobody = hp_policy_list_for_vm (policy, "nobody");

  put (policy, BUILDER_ID ("2"), "win", FALSE);
  put (policy, BUILDER_ID ("1"), "win", TRUE);
  put (policy, BUILDER_ID ("3"), "win", FALSE);
  put (policy, BUILDER_ID ("3"), "linux", TRUE);
  all = hp_policy_list (policy);
  of_win = hp_policy_list_for_vm (policy, "win");
  g_assert_cmpuint (of_nobody->len, ==, 0);
  g_assert_cmpuint (all->len, ==, 3);
  g_assert_cmpstr (((HpAssignment *)all->pdata[0])->port, ==, BUILDER_ID ("1"));
  g_assert_cmpstr (((HpAssignment *)all->pdata[2])->port, ==, BUILDER_ID ("3"));
  g_assert_cmpuint (of_win->len, ==, 2);
  g_assert_cmpstr (((HpAssignment *)of_win->pdata[1])->port, ==, BUILDER_ID ("2"));
}

static void
test_reserve_names (void)
{
  HpReserve reserve = HP_RESERVE_ALWAYS;

  for (guint i = HP_RESERVE_WHILE_RUNNING; i <= HP_RESERVE_NEVER; i++)
    {
      g_assert_true (hp_reserve_from_string (hp_reserve_to_string (i), &reserve));
      g_assert_cmpuint (reserve, ==, i);
    }
  g_assert_false (hp_reserve_from_string ("Always", &reserve));
  g_assert_false (hp_reserve_from_string (NULL, &reserve));
  g_assert_cmpint (reserve, ==, HP_RESERVE_NEVER);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/policy/layers", test_layers);
  g_test_add_func ("/policy/several-vms", test_several_vms);
  g_test_add_func ("/policy/nearest-decides", test_nearest_decides);
  g_test_add_func ("/policy/without-choice", test_without_choice);
  g_test_add_func ("/policy/lists", test_lists);
  g_test_add_func ("/policy/reserve-names", test_reserve_names);
  return g_test_run ();
}
