/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder.h"

#include <string.h>

typedef struct
{
  HpTopology *topology;
  HpWorld *world;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->topology = builder_topology ();
  f->world = hp_world_new (f->topology);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  hp_world_free (f->world);
  hp_topology_free (f->topology);
}

static void
test_vms (Fixture *f, gconstpointer data)
{
  HpVmFacts *facts;

  g_assert_null (hp_world_find_vm (f->world, "win"));
  facts = hp_world_vm (f->world, "win");
  g_assert_cmpstr (facts->name, ==, "win");
  g_assert_false (facts->settled || facts->running || facts->ready);
  g_assert_cmpint (facts->reason, ==, HP_REASON_VM_UNKNOWN);
  g_assert_null (facts->detail);
  facts->detail = g_strdup ("freed with the world");
  g_assert_true (hp_world_vm (f->world, "win") == facts);
  g_assert_true (hp_world_find_vm (f->world, "win") == facts);
  g_assert_null (hp_world_find_vm (f->world, "Win"));
}

static void
test_attachments (Fixture *f, gconstpointer data)
{
  HpAttachment *first, *second, *third;

  g_assert_null (hp_world_attachments (f->world, "3-1"));
  g_assert_null (hp_world_attachment (f->world, "3-1", 1, NULL));
  g_assert_null (hp_world_attachment_in (f->world, "3-1", "win"));
  g_assert_null (hp_world_attachment_by_id (f->world, "3-1", "id1"));
  first = hp_world_add_attachment (f->world, "3-1", 1, "win", HP_ATTACHMENT_ATTACHED);
  second = hp_world_add_attachment (f->world, "3-1", 2, "win", HP_ATTACHMENT_ATTACHING);
  third = hp_world_add_attachment (f->world, "3-1", 1, "linux", HP_ATTACHMENT_FAILED);
  first->id = g_strdup ("id1");
  first->bus = g_strdup ("xhci.0");
  second->id = g_strdup ("id2");
  g_assert_cmpuint (hp_world_attachments (f->world, "3-1")->len, ==, 3);
  g_assert_null (hp_world_attachments (f->world, "3-10"));
  /* The instance is what counts, and the machine where one is named. */
  g_assert_true (hp_world_attachment (f->world, "3-1", 1, NULL) == first);
  g_assert_true (hp_world_attachment (f->world, "3-1", 1, "win") == first);
  g_assert_true (hp_world_attachment (f->world, "3-1", 2, "win") == second);
  g_assert_true (hp_world_attachment (f->world, "3-1", 1, "linux") == third);
  g_assert_null (hp_world_attachment (f->world, "3-1", 2, "linux"));
  g_assert_null (hp_world_attachment (f->world, "3-1", 3, NULL));
  g_assert_true (hp_world_attachment_in (f->world, "3-1", "win") == first);
  g_assert_true (hp_world_attachment_in (f->world, "3-1", "linux") == third);
  g_assert_null (hp_world_attachment_in (f->world, "3-1", "bsd"));
  g_assert_true (hp_world_attachment_by_id (f->world, "3-1", "id2") == second);
  g_assert_null (hp_world_attachment_by_id (f->world, "3-1", "id3"));
  g_assert_null (hp_world_attachment_by_id (f->world, "3-2", "id2"));
  hp_world_remove_attachment (f->world, first);
  g_assert_true (hp_world_attachment_in (f->world, "3-1", "win") == second);
  g_assert_null (hp_world_attachment (f->world, "3-1", 1, "win"));
  hp_world_remove_attachment (f->world, third);
  hp_world_remove_attachment (f->world, second);
  g_assert_null (hp_world_attachments (f->world, "3-1"));
  g_assert_cmpuint (g_hash_table_size (f->world->attachments), ==, 0);
}

static void
test_live (void)
{
  HpAttachment attachment = { 0 };

  hp_world_free (NULL);
  for (guint i = HP_ATTACHMENT_ATTACHING; i <= HP_ATTACHMENT_FAILED; i++)
    {
      attachment.state = i;
      g_assert_cmpint (hp_attachment_is_live (&attachment), ==, i != HP_ATTACHMENT_FAILED);
    }
}

static void
test_claims (Fixture *f, gconstpointer data)
{
  HpClaim *claim;

  g_assert_cmpint (hp_world_claim_state (f->world, "3-1"), ==, HP_CLAIM_NONE);
  g_assert_cmpuint (g_hash_table_size (f->world->claims), ==, 0);
  claim = hp_world_claim (f->world, "3-1");
  g_assert_cmpstr (claim->port, ==, "3-1");
  g_assert_cmpint (claim->state, ==, HP_CLAIM_NONE);
  claim->state = HP_CLAIM_REFUSED;
  claim->detail = g_strdup ("busy");
  g_assert_true (hp_world_claim (f->world, "3-1") == claim);
  g_assert_cmpint (hp_world_claim_state (f->world, "3-1"), ==, HP_CLAIM_REFUSED);
  g_assert_cmpint (hp_world_claim_state (f->world, "3-10"), ==, HP_CLAIM_NONE);
  g_assert_cmpint (hp_world_claim_state (f->world, "4-1"), ==, HP_CLAIM_NONE);
}

static void
test_hub_of (Fixture *f, gconstpointer data)
{
  static const char *const cases[][2] = {
    { "3-1", "usb3" },   { "4-15", "usb4" },  { "3-200", "usb3" }, { "3-1.4", "3-1" },
    { "3-1.4.7", NULL }, { "3-2.1", NULL },   { "5-1", NULL },     { "3-10.4", "3-10" },
    { "usb3", NULL },    { "3-1:1.0", NULL }, { "", NULL },        { "3-0", NULL },
  };

  builder_plug (f->topology, "3-1", 9, 4);
  builder_plug (f->topology, "3-10", 9, 4);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const HpDevice *hub = hp_world_hub_of (f->world, cases[i][0]);

      g_test_message ("%s", cases[i][0]);
      g_assert_cmpstr (hub != NULL ? hub->name : NULL, ==, cases[i][1]);
    }
}

static void
test_decisions_end_with_the_instance (Fixture *f, gconstpointer data)
{
  guint64 instance = builder_plug (f->topology, "3-1", 0, 0);
  const HpDevice *device = hp_topology_device (f->topology, "3-1");

  g_assert_null (hp_world_decision (f->world, device));
  hp_world_decide (f->world, "3-1", instance, "win");
  g_assert_cmpstr (hp_world_decision (f->world, device)->vm, ==, "win");
  hp_world_decide (f->world, "3-1", instance, hp_world_decision (f->world, device)->vm);
  g_assert_cmpstr (hp_world_decision (f->world, device)->vm, ==, "win");
  hp_world_decide (f->world, "3-1", instance, NULL);
  g_assert_null (hp_world_decision (f->world, device)->vm);
  builder_plug (f->topology, "3-10", 0, 0);
  g_assert_null (hp_world_decision (f->world, hp_topology_device (f->topology, "3-10")));
  builder_plug (f->topology, "3-1", 0, 0);
  device = hp_topology_device (f->topology, "3-1");
  g_assert_cmpuint (device->instance, !=, instance);
  g_assert_null (hp_world_decision (f->world, device));
}

static void
test_touched_ends_with_the_instance (Fixture *f, gconstpointer data)
{
  const HpDevice *device;

  builder_plug (f->topology, "3-1", 0, 0);
  device = hp_topology_device (f->topology, "3-1");
  g_assert_false (hp_world_is_touched (f->world, device));
  hp_world_touch (f->world, device);
  hp_world_touch (f->world, device);
  g_assert_true (hp_world_is_touched (f->world, device));
  builder_plug (f->topology, "3-1", 0, 0);
  device = hp_topology_device (f->topology, "3-1");
  g_assert_false (hp_world_is_touched (f->world, device));
  hp_world_touch (f->world, device);
  g_assert_true (hp_world_is_touched (f->world, device));
  hp_world_untouch (f->world, "3-10");
  g_assert_true (hp_world_is_touched (f->world, device));
  hp_world_untouch (f->world, "3-1");
  g_assert_false (hp_world_is_touched (f->world, device));
}

typedef struct
{
  const char *vms;
  const char *states; /* "VM=run", "off", "asked" (not known yet), "seen" (not known yet, but it runs) */
  const char *holder;
  const char *expected;
} HolderCase;

static void
set_states (HpWorld *world, const char *states)
{
  g_auto (GStrv) words = g_strsplit (states, " ", -1);

  for (guint i = 0; words[i] != NULL; i++)
    {
      g_auto (GStrv) parts = g_strsplit (words[i], "=", 2);
      gboolean runs = g_str_equal (parts[1], "run") || g_str_equal (parts[1], "seen");

      builder_vm (world, parts[0], runs, runs)->settled =
          g_str_equal (parts[1], "run") || g_str_equal (parts[1], "off");
    }
}

static void
test_pick_holder (void)
{
  static const HolderCase cases[] = {
    { "a", "", NULL, NULL },
    { "a", "a=off", NULL, NULL },
    { "a", "a=run", NULL, "a" },
    { "a", "a=asked", NULL, NULL },
    { "a", "a=seen", NULL, "a" },
    { "a", "a=off", "a", NULL },
    { "a b", "a=run b=run", NULL, "a" },
    { "b a", "a=run b=run", NULL, "b" },
    { "a b", "a=off b=run", NULL, "b" },
    { "a b", "a=off b=off", NULL, NULL },
    { "a b", "b=run", NULL, "b" },
    /* Nobody before all are known, whoever may run already. */
    { "a b", "a=asked b=run", NULL, NULL },
    { "a b", "a=run b=asked", NULL, NULL },
    { "a b", "a=seen b=off", NULL, NULL },
    { "a b c", "a=off b=run c=asked", NULL, NULL },
    /* But who has it keeps it. */
    { "a b", "a=run b=run", "b", "b" },
    { "a b", "a=asked b=run", "b", "b" },
    { "a b", "a=run b=off", "b", "a" },
    { "a b", "a=run b=asked", "b", NULL },
    { "a b", "a=run", "b", "a" },
    /* Unless it is no longer one of those. */
    { "a b", "a=run b=run c=run", "c", "a" },
    { "a", "a=off c=run", "c", NULL },
    { "", "a=run", NULL, NULL },
    { "", "a=run", "a", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Fixture f;
      const HpAssignment *assignment;

      set_up (&f, NULL);
      set_states (f.world, cases[i].states);
      assignment = builder_assign (f.world, BUILDER_ID ("1"), cases[i].vms, HP_RESERVE_NEVER);
      hp_world_set_holder (f.world, BUILDER_ID ("1"), cases[i].holder);
      g_test_message ("%s, %s, %s", cases[i].vms, cases[i].states, cases[i].holder);
      g_assert_cmpstr (hp_world_pick_holder (f.world, assignment), ==, cases[i].expected);
      g_assert_cmpstr (hp_world_holder (f.world, assignment), ==, cases[i].holder);
      tear_down (&f, NULL);
    }
}

static void
test_set_holder (Fixture *f, gconstpointer data)
{
  const HpAssignment *assignment = builder_assign (f->world, BUILDER_ID ("1"), "a b", HP_RESERVE_NEVER);

  g_assert_null (hp_world_holder (f->world, NULL));
  g_assert_null (hp_world_holder (f->world, assignment));
  g_assert_false (hp_world_set_holder (f->world, BUILDER_ID ("1"), NULL));
  g_assert_true (hp_world_set_holder (f->world, BUILDER_ID ("1"), "a"));
  g_assert_false (hp_world_set_holder (f->world, BUILDER_ID ("1"), "a"));
  g_assert_cmpstr (hp_world_holder (f->world, assignment), ==, "a");
  g_assert_true (hp_world_set_holder (f->world, BUILDER_ID ("1"), "b"));
  g_assert_cmpstr (hp_world_holder (f->world, assignment), ==, "b");
  g_assert_true (hp_world_set_holder (f->world, BUILDER_ID ("1"), NULL));
  g_assert_null (hp_world_holder (f->world, assignment));
}

typedef struct
{
  const char *vms; /* NULL: not assigned */
  HpReserve reserve;
  const char *states;
  const char *plugged; /* "NAME", "NAME/hub" */
  const char *decided; /* for the device: NULL nothing, "" the host */
  gboolean wanted;
} ClaimCase;

static void
test_wants_claim (void)
{
  static const ClaimCase cases[] = {
    { NULL, HP_RESERVE_ALWAYS, "a=run", NULL, NULL, FALSE },
    { "", HP_RESERVE_ALWAYS, "a=run", NULL, NULL, FALSE },
    { "a", HP_RESERVE_WHILE_RUNNING, "a=run", NULL, NULL, TRUE },
    { "a", HP_RESERVE_WHILE_RUNNING, "a=off", NULL, NULL, FALSE },
    { "a", HP_RESERVE_WHILE_RUNNING, "", NULL, NULL, FALSE },
    { "a b", HP_RESERVE_WHILE_RUNNING, "a=off b=run", NULL, NULL, TRUE },
    { "a b", HP_RESERVE_WHILE_RUNNING, "a=asked b=run", NULL, NULL, FALSE },
    { "a", HP_RESERVE_ALWAYS, "a=off", NULL, NULL, TRUE },
    { "a", HP_RESERVE_ALWAYS, "", NULL, NULL, TRUE },
    { "a", HP_RESERVE_NEVER, "a=run", NULL, NULL, FALSE },
    { "a", HP_RESERVE_ALWAYS, "a=run", "3-1", NULL, TRUE },
    { "a", HP_RESERVE_ALWAYS, "a=run", "3-1/hub", NULL, FALSE },
    { "a", HP_RESERVE_ALWAYS, "a=run", "4-1/hub", NULL, FALSE },
    { "a", HP_RESERVE_ALWAYS, "a=run", "3-10/hub", NULL, TRUE },
    { "a", HP_RESERVE_ALWAYS, "a=run", "3-1", "", FALSE },
    { "a", HP_RESERVE_ALWAYS, "a=run", "4-1", "", FALSE },
    { "a", HP_RESERVE_ALWAYS, "a=run", "3-1", "b", TRUE },
    { "a", HP_RESERVE_ALWAYS, "a=run", "3-10", "", TRUE },
    { NULL, HP_RESERVE_ALWAYS, "a=run", "3-1", "a", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const ClaimCase *c = &cases[i];
      g_auto (GStrv) plugged = g_strsplit (c->plugged != NULL ? c->plugged : "", "/", 2);
      Fixture f;

      set_up (&f, NULL);
      set_states (f.world, c->states);
      if (c->vms != NULL)
        builder_assign (f.world, BUILDER_ID ("1"), c->vms, c->reserve);
      if (c->plugged != NULL)
        builder_plug (f.topology, plugged[0], plugged[1] != NULL ? 9 : 0, 0);
      if (c->decided != NULL)
        hp_world_decide (f.world, plugged[0], hp_topology_device (f.topology, plugged[0])->instance,
                         *c->decided != '\0' ? c->decided : NULL);
      g_test_message ("%u", (guint)i);
      g_assert_cmpint (hp_world_wants_claim (f.world, hp_topology_port (f.topology, BUILDER_ID ("1"))), ==, c->wanted);
      tear_down (&f, NULL);
    }
}

typedef struct
{
  const char *vms; /* NULL: not assigned */
  const char *states;
  const char *plugged;
  const char *decided;
  const char *vm;
  HpReason reason;
} TargetCase;

static void
test_target (void)
{
  static const TargetCase cases[] = {
    { NULL, "a=run", "3-1", NULL, NULL, HP_REASON_NOT_ASSIGNED },
    { NULL, "a=run", "3-1", "a", "a", HP_REASON_ATTACHED_BY_USER },
    { NULL, "a=run", "3-1", "", NULL, HP_REASON_DETACHED_BY_USER },
    { "", "a=run", "3-1", NULL, NULL, HP_REASON_KEPT_FOR_HOST },
    { "", "a=run", "3-1", "a", "a", HP_REASON_ATTACHED_BY_USER },
    { "a", "a=run", "3-1", NULL, "a", HP_REASON_NONE },
    { "a", "a=run", "4-1", NULL, "a", HP_REASON_NONE },
    { "a", "a=run", "3-1", "b", "b", HP_REASON_ATTACHED_BY_USER },
    { "a", "a=run", "3-1", "", NULL, HP_REASON_DETACHED_BY_USER },
    { "a", "a=run", "3-1/hub", NULL, NULL, HP_REASON_HUB },
    { "a", "a=run", "3-1/hub", "a", NULL, HP_REASON_HUB },
    { "a", "a=run", "3-10", NULL, NULL, HP_REASON_NOT_ASSIGNED },
    { "a", "a=run", "3-7.1", NULL, NULL, HP_REASON_NOT_ASSIGNED },
    { "a", "", "3-1", NULL, NULL, HP_REASON_VM_UNKNOWN },
    { "a", "a=off", "3-1", NULL, NULL, HP_REASON_NO_SOCKET },
    { "a b", "a=off b=run", "3-1", NULL, "b", HP_REASON_NONE },
    { "a b", "a=run b=asked", "3-1", NULL, NULL, HP_REASON_VM_CONNECTING },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const TargetCase *c = &cases[i];
      g_auto (GStrv) plugged = g_strsplit (c->plugged, "/", 2);
      const HpDevice *device;
      HpTarget target;
      Fixture f;

      set_up (&f, NULL);
      set_states (f.world, c->states);
      if (c->vms != NULL)
        builder_assign (f.world, BUILDER_ID ("1"), c->vms, HP_RESERVE_NEVER);
      builder_plug (f.topology, plugged[0], plugged[1] != NULL ? 9 : 0, 0);
      device = hp_topology_device (f.topology, plugged[0]);
      if (c->decided != NULL)
        hp_world_decide (f.world, plugged[0], device->instance, *c->decided != '\0' ? c->decided : NULL);
      target = hp_world_target (f.world, device);
      g_test_message ("%u", (guint)i);
      g_assert_cmpstr (target.vm, ==, c->vm);
      g_assert_cmpstr (hp_reason_code (target.reason), ==, hp_reason_code (c->reason));
      g_assert_cmpint (target.by_user, ==, c->decided != NULL && !device->hub);
      g_assert_cmpint (target.assignment != NULL, ==,
                       c->vms != NULL && !device->hub && g_str_has_suffix (device->name, "-1"));
      tear_down (&f, NULL);
    }
}

#define ADD(name, function) g_test_add ("/world/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("vms", test_vms);
  ADD ("attachments", test_attachments);
  g_test_add_func ("/world/live", test_live);
  ADD ("claims", test_claims);
  ADD ("hub-of", test_hub_of);
  ADD ("decisions-end-with-the-instance", test_decisions_end_with_the_instance);
  ADD ("touched-ends-with-the-instance", test_touched_ends_with_the_instance);
  ADD ("set-holder", test_set_holder);
  g_test_add_func ("/world/pick-holder", test_pick_holder);
  g_test_add_func ("/world/wants-claim", test_wants_claim);
  g_test_add_func ("/world/target", test_target);
  return g_test_run ();
}
