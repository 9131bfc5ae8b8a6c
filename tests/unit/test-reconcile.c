/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder.h"
#include "reconcile.h"

#include <stdarg.h>
#include <string.h>

/* Each test builds a world, asks what to do about one port, and compares the answer as one line of text. */

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
  f->world->now = 1000 * G_USEC_PER_SEC;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  hp_world_free (f->world);
  hp_topology_free (f->topology);
}

static int
compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* "attach 3-1 vm", "claim 3-1", ... sorted, joined by ", ". */
static char *
describe (GPtrArray *actions)
{
  static const char *const names[] = {
    [HP_DO_CLAIM] = "claim",   [HP_DO_RELEASE] = "release",     [HP_DO_ATTACH] = "attach", [HP_DO_DETACH] = "detach",
    [HP_DO_FORGET] = "forget", [HP_DO_HAND_BACK] = "hand-back", [HP_DO_WAKE] = "wake",
  };
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < actions->len; i++)
    {
      const HpAction *action = g_ptr_array_index (actions, i);

      g_ptr_array_add (lines, g_strdup_printf ("%s %s%s%s", names[action->kind], action->name,
                                               action->vm != NULL ? " " : "", action->vm != NULL ? action->vm : ""));
    }
  g_ptr_array_sort (lines, compare);
  g_ptr_array_add (lines, NULL);
  return g_strjoinv (", ", (char **)lines->pdata);
}

static void
expect (Fixture *f, const char *port, const char *wanted)
{
  g_autoptr (HpScope) scope = hp_scope_new ();
  g_autoptr (GPtrArray) actions = NULL;
  g_autofree char *got = NULL;

  hp_scope_add_subtree (scope, f->topology, port);
  actions = hp_reconcile (f->world, scope);
  got = describe (actions);
  g_assert_cmpstr (got, ==, wanted);
}

static void
set_claim (Fixture *f, const char *port, HpClaimState state)
{
  HpClaim *claim = hp_world_claim (f->world, port);
  const HpDevice *hub = hp_world_hub_of (f->world, port);

  claim->state = state;
  claim->hub_instance = hub->instance;
}

static void
claim_both (Fixture *f, const char *chain)
{
  g_autofree char *two = g_strconcat ("3-", chain, NULL);
  g_autofree char *three = g_strconcat ("4-", chain, NULL);

  set_claim (f, two, HP_CLAIM_CLAIMED);
  set_claim (f, three, HP_CLAIM_CLAIMED);
}

static HpAttachment *
attach (Fixture *f, const char *device, guint64 instance, const char *vm, HpAttachmentState state)
{
  HpAttachment *attachment = hp_world_add_attachment (f->world, device, instance, vm, state);

  attachment->id = g_strdup_printf ("hotplugger-%s-%" G_GINT64_MODIFIER "x-1", device, instance);
  return attachment;
}

static void
test_nothing_assigned (Fixture *f, gconstpointer data)
{
  builder_plug (f->topology, "3-1", 0, 0);
  expect (f, BUILDER_ID ("1"), "");
}

static void
test_claims_come_first (Fixture *f, gconstpointer data)
{
  builder_vm (f->world, "win", TRUE, TRUE);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_WHILE_RUNNING);
  builder_plug (f->topology, "3-1", 0, 0);
  expect (f, BUILDER_ID ("1"), "claim 3-1, claim 4-1");
  set_claim (f, "3-1", HP_CLAIM_CLAIMING);
  set_claim (f, "4-1", HP_CLAIM_CLAIMED);
  expect (f, BUILDER_ID ("1"), "");
  set_claim (f, "3-1", HP_CLAIM_CLAIMED);
  expect (f, BUILDER_ID ("1"), "attach 3-1 win");
}

static void
test_prefix_is_another_port (Fixture *f, gconstpointer data)
{
  builder_vm (f->world, "win", TRUE, TRUE);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_NEVER);
  builder_plug (f->topology, "3-10", 0, 0);
  expect (f, BUILDER_ID ("10"), "");
  builder_plug (f->topology, "3-1", 0, 0);
  expect (f, BUILDER_ID ("1"), "attach 3-1 win");
}

static void
test_refused_claim_goes_on_without (Fixture *f, gconstpointer data)
{
  builder_vm (f->world, "win", TRUE, TRUE);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_WHILE_RUNNING);
  builder_plug (f->topology, "3-1", 0, 0);
  set_claim (f, "4-1", HP_CLAIM_CLAIMED);
  set_claim (f, "3-1", HP_CLAIM_REFUSED);
  hp_world_claim (f->world, "3-1")->retry_at = f->world->now + 1;
  expect (f, BUILDER_ID ("1"), "attach 3-1 win, wake 3-1");
  f->world->now += 2;
  expect (f, BUILDER_ID ("1"), "attach 3-1 win, claim 3-1");
}

static void
test_claim_dies_with_its_hub (Fixture *f, gconstpointer data)
{
  builder_vm (f->world, "win", TRUE, TRUE);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_WHILE_RUNNING);
  claim_both (f, "1");
  for (guint i = HP_CLAIM_NONE; i <= HP_CLAIM_REFUSED; i++)
    {
      set_claim (f, "3-1", i);
      hp_world_claim (f->world, "3-1")->hub_instance = 12345678;
      hp_world_claim (f->world, "3-1")->retry_at = f->world->now + 1;
      expect (f, BUILDER_ID ("1"), "claim 3-1");
    }
}

typedef struct
{
  HpReserve reserve;
  gboolean running;
  const char *expected;
} ReserveCase;

static void
test_reserve (Fixture *f, gconstpointer data)
{
  static const ReserveCase cases[] = {
    { HP_RESERVE_WHILE_RUNNING, FALSE, "" },
    { HP_RESERVE_WHILE_RUNNING, TRUE, "claim 3-1, claim 4-1" },
    { HP_RESERVE_ALWAYS, FALSE, "claim 3-1, claim 4-1" },
    { HP_RESERVE_ALWAYS, TRUE, "claim 3-1, claim 4-1" },
    { HP_RESERVE_NEVER, FALSE, "" },
    { HP_RESERVE_NEVER, TRUE, "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      builder_vm (f->world, "win", cases[i].running, cases[i].running);
      builder_assign (f->world, BUILDER_ID ("1"), "win", cases[i].reserve);
      expect (f, BUILDER_ID ("1"), cases[i].expected);
    }
}

static void
test_stop_gives_back (Fixture *f, gconstpointer data)
{
  guint64 instance = builder_plug_idle (f->topology, "3-1", 0);
  const HpDevice *device = hp_topology_device (f->topology, "3-1");

  g_assert_cmpuint (device->instance, ==, instance);
  builder_vm (f->world, "win", FALSE, FALSE);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_WHILE_RUNNING);
  claim_both (f, "1");
  hp_world_touch (f->world, device);
  expect (f, BUILDER_ID ("1"), "release 3-1, release 4-1");
  set_claim (f, "3-1", HP_CLAIM_RELEASING);
  set_claim (f, "4-1", HP_CLAIM_NONE);
  expect (f, BUILDER_ID ("1"), "");
  set_claim (f, "3-1", HP_CLAIM_NONE);
  expect (f, BUILDER_ID ("1"), "hand-back 3-1");
  hp_world_untouch (f->world, "3-1");
  expect (f, BUILDER_ID ("1"), "");
}

static void
test_always_keeps_while_off (Fixture *f, gconstpointer data)
{
  builder_plug_idle (f->topology, "3-1", 0);
  builder_vm (f->world, "win", FALSE, FALSE);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_ALWAYS);
  claim_both (f, "1");
  hp_world_touch (f->world, hp_topology_device (f->topology, "3-1"));
  expect (f, BUILDER_ID ("1"), "");
}

static void
test_host_device_with_driver_is_left_alone (Fixture *f, gconstpointer data)
{
  builder_plug (f->topology, "3-1", 0, 0);
  hp_world_touch (f->world, hp_topology_device (f->topology, "3-1"));
  expect (f, BUILDER_ID ("1"), "");
}

static void
test_hub_on_claimed_port (Fixture *f, gconstpointer data)
{
  builder_vm (f->world, "win", TRUE, TRUE);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_WHILE_RUNNING);
  claim_both (f, "1");
  builder_plug_idle (f->topology, "3-1", 9);
  hp_world_touch (f->world, hp_topology_device (f->topology, "3-1"));
  expect (f, BUILDER_ID ("1"), "release 3-1, release 4-1");
  set_claim (f, "3-1", HP_CLAIM_NONE);
  set_claim (f, "4-1", HP_CLAIM_NONE);
  expect (f, BUILDER_ID ("1"), "hand-back 3-1");
  builder_unplug (f->topology, "3-1");
  builder_plug (f->topology, "3-1", 9, 2);
  builder_plug (f->topology, "3-1.2", 0, 0);
  expect (f, BUILDER_ID ("1"), "claim 3-1.1, claim 3-1.2");
  set_claim (f, "3-1.1", HP_CLAIM_CLAIMED);
  set_claim (f, "3-1.2", HP_CLAIM_CLAIMED);
  expect (f, BUILDER_ID ("1"), "attach 3-1.2 win");
}

static void
test_host_assignment_ends_inheritance (Fixture *f, gconstpointer data)
{
  builder_vm (f->world, "win", TRUE, TRUE);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_NEVER);
  builder_assign (f->world, BUILDER_ID ("1.2"), "", HP_RESERVE_NEVER);
  builder_plug (f->topology, "3-1", 9, 3);
  builder_plug (f->topology, "3-1.1", 0, 0);
  builder_plug (f->topology, "3-1.2", 0, 0);
  expect (f, BUILDER_ID ("1"), "attach 3-1.1 win");
}

static void
test_replug_is_another_device (Fixture *f, gconstpointer data)
{
  guint64 old = builder_plug (f->topology, "3-1", 0, 0);

  builder_vm (f->world, "win", TRUE, TRUE);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_NEVER);
  attach (f, "3-1", old, "win", HP_ATTACHMENT_ATTACHED);
  expect (f, BUILDER_ID ("1"), "");
  builder_unplug (f->topology, "3-1");
  expect (f, BUILDER_ID ("1"), "detach 3-1 win");
  builder_plug (f->topology, "3-1", 0, 0);
  expect (f, BUILDER_ID ("1"), "detach 3-1 win");
  g_hash_table_remove_all (f->world->attachments);
  expect (f, BUILDER_ID ("1"), "attach 3-1 win");
}

static void
test_unassign_while_attached (Fixture *f, gconstpointer data)
{
  guint64 instance = builder_plug (f->topology, "3-1", 0, 0);
  HpAttachment *attachment = attach (f, "3-1", instance, "win", HP_ATTACHMENT_ATTACHED);

  builder_vm (f->world, "win", TRUE, TRUE);
  claim_both (f, "1");
  expect (f, BUILDER_ID ("1"), "detach 3-1 win, release 4-1");
  attachment->state = HP_ATTACHMENT_DETACHING;
  set_claim (f, "4-1", HP_CLAIM_NONE);
  expect (f, BUILDER_ID ("1"), "");
  hp_world_remove_attachment (f->world, attachment);
  expect (f, BUILDER_ID ("1"), "release 3-1");
}

static void
test_detach_backs_off (Fixture *f, gconstpointer data)
{
  guint64 instance = builder_plug (f->topology, "3-1", 0, 0);
  HpAttachment *attachment = attach (f, "3-1", instance, "win", HP_ATTACHMENT_ATTACHED);

  builder_vm (f->world, "win", TRUE, TRUE);
  attachment->retry_at = f->world->now + 1;
  expect (f, BUILDER_ID ("1"), "wake 3-1");
  builder_vm (f->world, "win", TRUE, FALSE);
  attachment->retry_at = 0;
  expect (f, BUILDER_ID ("1"), "");
}

static void
test_failed_is_tried_again (Fixture *f, gconstpointer data)
{
  guint64 instance = builder_plug (f->topology, "3-1", 0, 0);
  HpAttachment *attachment;

  builder_vm (f->world, "win", TRUE, TRUE);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_NEVER);
  attachment = attach (f, "3-1", instance, "win", HP_ATTACHMENT_FAILED);
  attachment->retry_at = f->world->now + 1;
  expect (f, BUILDER_ID ("1"), "wake 3-1");
  attachment->retry_at = f->world->now;
  expect (f, BUILDER_ID ("1"), "attach 3-1 win");
  builder_assign (f->world, BUILDER_ID ("1"), "", HP_RESERVE_NEVER);
  expect (f, BUILDER_ID ("1"), "forget 3-1 win");
}

static void
test_delay (Fixture *f, gconstpointer data)
{
  builder_vm (f->world, "win", TRUE, TRUE)->delay_ms = 2000;
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_NEVER);
  builder_plug (f->topology, "3-1", 0, 0);
  ((HpDevice *)hp_topology_device (f->topology, "3-1"))->seen_at = f->world->now - 1999 * 1000;
  expect (f, BUILDER_ID ("1"), "wake 3-1");
  f->world->now += 1000;
  expect (f, BUILDER_ID ("1"), "attach 3-1 win");
}

static void
test_not_ready_waits (Fixture *f, gconstpointer data)
{
  builder_vm (f->world, "win", TRUE, FALSE);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_NEVER);
  builder_plug (f->topology, "3-1", 0, 0);
  expect (f, BUILDER_ID ("1"), "");
}

static void
test_two_devices_one_connector (Fixture *f, gconstpointer data)
{
  builder_vm (f->world, "win", TRUE, TRUE);
  builder_assign (f->world, BUILDER_ID ("2"), "win", HP_RESERVE_NEVER);
  builder_plug (f->topology, "3-2", 0, 0);
  builder_plug (f->topology, "4-2", 0, 0);
  expect (f, BUILDER_ID ("2"), "attach 3-2 win, attach 4-2 win");
}

static void
test_assigned_by_superspeed_half (Fixture *f, gconstpointer data)
{
  builder_vm (f->world, "win", TRUE, TRUE);
  builder_assign (f->world, BUILDER_CONTROLLER "-usbv3-0:2", "win", HP_RESERVE_NEVER);
  builder_plug (f->topology, "3-2", 0, 0);
  expect (f, BUILDER_ID ("2"), "attach 3-2 win");
}

static void
test_moves_to_other_machine (Fixture *f, gconstpointer data)
{
  guint64 instance = builder_plug (f->topology, "3-1", 0, 0);
  HpAttachment *old = attach (f, "3-1", instance, "win", HP_ATTACHMENT_ATTACHED);

  builder_vm (f->world, "win", TRUE, TRUE);
  builder_vm (f->world, "linux", TRUE, TRUE);
  builder_assign (f->world, BUILDER_ID ("1"), "linux", HP_RESERVE_NEVER);
  expect (f, BUILDER_ID ("1"), "detach 3-1 win");
  hp_world_remove_attachment (f->world, old);
  expect (f, BUILDER_ID ("1"), "attach 3-1 linux");
}

static void
test_double_adoption_keeps_one (Fixture *f, gconstpointer data)
{
  guint64 instance = builder_plug (f->topology, "3-1", 0, 0);

  builder_vm (f->world, "win", TRUE, TRUE);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_NEVER);
  attach (f, "3-1", instance, "win", HP_ATTACHMENT_ATTACHED);
  attach (f, "3-1", instance, "win", HP_ATTACHMENT_ATTACHED);
  expect (f, BUILDER_ID ("1"), "detach 3-1 win");
}

static void
test_by_hand (Fixture *f, gconstpointer data)
{
  guint64 instance = builder_plug (f->topology, "3-1", 0, 0);
  HpAttachment *attachment;

  builder_vm (f->world, "win", TRUE, TRUE);
  hp_world_decide (f->world, "3-1", instance, "win");
  expect (f, BUILDER_ID ("1"), "attach 3-1 win");
  attachment = attach (f, "3-1", instance, "win", HP_ATTACHMENT_ATTACHED);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_WHILE_RUNNING);
  claim_both (f, "1");
  hp_world_decide (f->world, "3-1", instance, NULL);
  expect (f, BUILDER_ID ("1"), "detach 3-1 win, release 4-1");
  hp_world_remove_attachment (f->world, attachment);
  hp_world_decide (f->world, "3-1", instance + 1, NULL);
  expect (f, BUILDER_ID ("1"), "attach 3-1 win");
}

static void
test_holder_is_sticky (Fixture *f, gconstpointer data)
{
  const HpAssignment *assignment;

  builder_vm (f->world, "win", FALSE, FALSE);
  builder_vm (f->world, "linux", TRUE, TRUE);
  assignment = builder_assign (f->world, BUILDER_ID ("1"), "win linux", HP_RESERVE_NEVER);
  g_assert_cmpstr (hp_world_holder (f->world, assignment), ==, "linux");
  builder_vm (f->world, "win", TRUE, TRUE);
  g_assert_cmpstr (hp_world_pick_holder (f->world, assignment), ==, "linux");
  builder_vm (f->world, "linux", FALSE, FALSE);
  g_assert_cmpstr (hp_world_pick_holder (f->world, assignment), ==, "win");
}

static void
test_holder_waits_until_all_are_known (Fixture *f, gconstpointer data)
{
  const HpAssignment *assignment;

  builder_vm (f->world, "win", TRUE, TRUE);
  builder_vm (f->world, "linux", FALSE, FALSE)->settled = FALSE;
  assignment = builder_assign (f->world, BUILDER_ID ("1"), "win linux", HP_RESERVE_NEVER);
  g_assert_null (hp_world_pick_holder (f->world, assignment));
  builder_vm (f->world, "linux", FALSE, FALSE);
  g_assert_cmpstr (hp_world_pick_holder (f->world, assignment), ==, "win");
  builder_vm (f->world, "win", TRUE, TRUE)->settled = FALSE;
  assignment = builder_assign (f->world, BUILDER_ID ("2"), "win", HP_RESERVE_NEVER);
  g_assert_cmpstr (hp_world_pick_holder (f->world, assignment), ==, "win");
}

#define ADD(name, function) g_test_add ("/reconcile/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("nothing-assigned", test_nothing_assigned);
  ADD ("claims-come-first", test_claims_come_first);
  ADD ("prefix-is-another-port", test_prefix_is_another_port);
  ADD ("refused-claim", test_refused_claim_goes_on_without);
  ADD ("claim-dies-with-its-hub", test_claim_dies_with_its_hub);
  ADD ("reserve", test_reserve);
  ADD ("stop-gives-back", test_stop_gives_back);
  ADD ("always-keeps-while-off", test_always_keeps_while_off);
  ADD ("bound-device-is-left-alone", test_host_device_with_driver_is_left_alone);
  ADD ("hub-on-claimed-port", test_hub_on_claimed_port);
  ADD ("host-ends-inheritance", test_host_assignment_ends_inheritance);
  ADD ("replug", test_replug_is_another_device);
  ADD ("unassign-while-attached", test_unassign_while_attached);
  ADD ("detach-backs-off", test_detach_backs_off);
  ADD ("failed-is-tried-again", test_failed_is_tried_again);
  ADD ("delay", test_delay);
  ADD ("not-ready-waits", test_not_ready_waits);
  ADD ("two-devices-one-connector", test_two_devices_one_connector);
  ADD ("assigned-by-superspeed-half", test_assigned_by_superspeed_half);
  ADD ("moves-to-other-machine", test_moves_to_other_machine);
  ADD ("double-adoption", test_double_adoption_keeps_one);
  ADD ("by-hand", test_by_hand);
  ADD ("holder-is-sticky", test_holder_is_sticky);
  ADD ("holder-waits", test_holder_waits_until_all_are_known);
  return g_test_run ();
}
