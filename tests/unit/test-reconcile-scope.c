/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder.h"
#include "reconcile.h"

#include <string.h>

/* What is looked at, and what an action says beside its name. */

typedef struct
{
  HpTopology *topology;
  HpWorld *world;
  HpScope *scope;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->topology = builder_topology ();
  f->world = hp_world_new (f->topology);
  f->world->now = 1000 * G_USEC_PER_SEC;
  f->scope = hp_scope_new ();
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  hp_scope_free (f->scope);
  hp_world_free (f->world);
  hp_topology_free (f->topology);
}

static void
expect_names (GHashTable *table, const char *wanted)
{
  g_autoptr (GList) names = g_list_sort (g_hash_table_get_keys (table), (GCompareFunc)strcmp);
  g_autoptr (GString) text = g_string_new (NULL);

  for (GList *item = names; item != NULL; item = item->next)
    {
      const char *name = item->data;

      /* The controller is the same for all. */
      if (g_str_has_prefix (name, BUILDER_CONTROLLER "-usbv"))
        name += strlen (BUILDER_CONTROLLER "-usbv");
      g_string_append_printf (text, "%s%s", text->len > 0 ? " " : "", name);
    }
  g_assert_cmpstr (text->str, ==, wanted);
}

static void
expect_scope (Fixture *f, const char *ports, const char *devices)
{
  expect_names (f->scope->ports, ports);
  expect_names (f->scope->devices, devices);
  g_hash_table_remove_all (f->scope->ports);
  g_hash_table_remove_all (f->scope->devices);
}

static void
test_scope (Fixture *f, gconstpointer data)
{
  builder_plug (f->topology, "3-1", 9, 2);
  builder_plug (f->topology, "3-1.2", 9, 1);
  builder_plug (f->topology, "3-10", 9, 2);
  hp_scope_add_device (f->scope, f->topology, "3-1.2");
  expect_scope (f, "2-0:1.2", "3-1.2");
  hp_scope_add_device (f->scope, f->topology, "4-2");
  expect_scope (f, "2-0:2", "4-2");
  hp_scope_add_device (f->scope, f->topology, "9-9");
  expect_scope (f, "", "9-9");
  hp_scope_add_port (f->scope, f->topology, BUILDER_CONTROLLER "-usbv3-0:1");
  expect_scope (f, "2-0:1", "3-1 4-1");
  hp_scope_add_port (f->scope, f->topology, BUILDER_ID ("1.1"));
  expect_scope (f, "2-0:1.1", "3-1.1");
  hp_scope_add_port (f->scope, f->topology, BUILDER_ID ("1.7"));
  expect_scope (f, "", "");
  hp_scope_add_subtree (f->scope, f->topology, BUILDER_ID ("1"));
  expect_scope (f, "2-0:1 2-0:1.1 2-0:1.2 2-0:1.2.1", "3-1 3-1.1 3-1.2 3-1.2.1 4-1");
  hp_scope_add_subtree (f->scope, f->topology, BUILDER_ID ("1.7"));
  expect_scope (f, "", "");
  hp_scope_free (NULL);
}

/* A hub of both speeds in one connector: what is behind either half. */
static void
test_scope_of_both_halves (Fixture *f, gconstpointer data)
{
  builder_plug (f->topology, "3-1", 9, 1);
  builder_plug (f->topology, "4-1", 9, 2);
  hp_scope_add_subtree (f->scope, f->topology, BUILDER_ID ("1"));
  expect_scope (f, "2-0:1 2-0:1.1 3-0:1.1 3-0:1.2", "3-1 3-1.1 4-1 4-1.1 4-1.2");
}

static GPtrArray *
reconcile (Fixture *f, const char *port)
{
  hp_scope_add_subtree (f->scope, f->topology, port);
  return hp_reconcile (f->world, f->scope);
}

static const HpAction *
find (GPtrArray *actions, HpActionKind kind)
{
  for (guint i = 0; i < actions->len; i++)
    if (((const HpAction *)actions->pdata[i])->kind == kind)
      return actions->pdata[i];
  return NULL;
}

static void
test_claims_and_releases_first (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) actions = NULL;
  guint first_other = 0;

  builder_vm (f->world, "win", TRUE, TRUE);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_WHILE_RUNNING);
  builder_plug (f->topology, "3-1", 9, 4);
  builder_assign (f->world, BUILDER_ID ("1.1"), "", HP_RESERVE_NEVER);
  builder_assign (f->world, BUILDER_ID ("1.2"), "win", HP_RESERVE_NEVER);
  for (guint i = 1; i <= 4; i++)
    {
      g_autofree char *name = g_strdup_printf ("3-1.%u", i);

      builder_plug (f->topology, name, 0, 0);
    }
  hp_world_claim (f->world, "3-1.1")->state = HP_CLAIM_CLAIMED;
  hp_world_claim (f->world, "3-1.1")->hub_instance = hp_topology_device (f->topology, "3-1")->instance;
  actions = reconcile (f, BUILDER_ID ("1"));
  g_assert_cmpuint (actions->len, ==, 4);
  for (guint i = 0; i < actions->len; i++)
    {
      const HpAction *action = actions->pdata[i];
      gboolean of_claims = action->kind == HP_DO_CLAIM || action->kind == HP_DO_RELEASE;

      g_assert_true (!of_claims || first_other == i);
      first_other += of_claims;
    }
  g_assert_cmpuint (first_other, ==, 3);
}

static void
test_fields (Fixture *f, gconstpointer data)
{
  guint64 instance = builder_plug_idle (f->topology, "3-1", 0);
  g_autoptr (GPtrArray) attach = NULL;
  g_autoptr (GPtrArray) forget = NULL;
  g_autoptr (GPtrArray) wake = NULL;
  g_autoptr (GPtrArray) detach = NULL;
  g_autoptr (GPtrArray) hand_back = NULL;
  HpAttachment *attachment;

  builder_vm (f->world, "win", TRUE, TRUE);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_NEVER);
  attach = reconcile (f, BUILDER_ID ("1"));
  g_assert_cmpuint (find (attach, HP_DO_ATTACH)->instance, ==, instance);
  g_assert_cmpstr (find (attach, HP_DO_ATTACH)->vm, ==, "win");
  attachment = hp_world_add_attachment (f->world, "3-1", instance, "win", HP_ATTACHMENT_FAILED);
  attachment->retry_at = f->world->now + 5;
  wake = reconcile (f, BUILDER_ID ("1"));
  g_assert_cmpint (find (wake, HP_DO_WAKE)->at, ==, f->world->now + 5);
  g_assert_cmpstr (find (wake, HP_DO_WAKE)->name, ==, "3-1");
  attachment->instance = 12345678;
  forget = reconcile (f, BUILDER_ID ("1"));
  g_assert_cmpuint (find (forget, HP_DO_FORGET)->instance, ==, 12345678);
  g_assert_cmpstr (find (forget, HP_DO_FORGET)->vm, ==, "win");
  attachment->state = HP_ATTACHMENT_ATTACHED;
  attachment->retry_at = 0;
  attachment->id = g_strdup ("id1");
  detach = reconcile (f, BUILDER_ID ("1"));
  g_assert_cmpuint (detach->len, ==, 1);
  g_assert_cmpstr (find (detach, HP_DO_DETACH)->id, ==, "id1");
  g_assert_cmpstr (find (detach, HP_DO_DETACH)->vm, ==, "win");
  g_assert_cmpuint (find (detach, HP_DO_DETACH)->instance, ==, 12345678);
  hp_world_remove_attachment (f->world, attachment);
  builder_assign (f->world, BUILDER_ID ("1"), "", HP_RESERVE_NEVER);
  hp_world_touch (f->world, hp_topology_device (f->topology, "3-1"));
  hand_back = reconcile (f, BUILDER_ID ("1"));
  g_assert_cmpuint (find (hand_back, HP_DO_HAND_BACK)->instance, ==, instance);
}

/* Names that are no longer there, and what machines hold of them. */
static void
test_names_that_are_gone (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) nothing = NULL;
  g_autoptr (GPtrArray) detach = NULL;

  builder_vm (f->world, "win", TRUE, TRUE);
  g_hash_table_add (f->scope->ports, g_strdup (BUILDER_ID ("1.1")));
  g_hash_table_add (f->scope->devices, g_strdup ("3-1.1"));
  nothing = hp_reconcile (f->world, f->scope);
  g_assert_cmpuint (nothing->len, ==, 0);
  hp_world_add_attachment (f->world, "3-1.1", 5, "win", HP_ATTACHMENT_ATTACHED)->id = g_strdup ("id1");
  hp_world_add_attachment (f->world, "3-1.1", 6, "nobody", HP_ATTACHMENT_ATTACHED)->id = g_strdup ("id2");
  detach = hp_reconcile (f->world, f->scope);
  g_assert_cmpuint (detach->len, ==, 1);
  g_assert_cmpstr (find (detach, HP_DO_DETACH)->id, ==, "id1");
}

#define ADD(name, function) g_test_add ("/reconcile-scope/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("names", test_scope);
  ADD ("both-halves", test_scope_of_both_halves);
  ADD ("claims-and-releases-first", test_claims_and_releases_first);
  ADD ("fields", test_fields);
  ADD ("gone", test_names_that_are_gone);
  return g_test_run ();
}
