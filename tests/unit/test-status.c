/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder.h"
#include "status.h"

#include <stdlib.h>

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

static void
expect_port (Fixture *f, const char *state, HpReason reason, const char *vm)
{
  HpStatus status = hp_status_port (f->world, hp_topology_port (f->topology, BUILDER_ID ("1")));

  g_assert_cmpstr (status.state, ==, state);
  g_assert_cmpstr (hp_reason_code (status.reason), ==, hp_reason_code (reason));
  g_assert_cmpstr (status.vm, ==, vm);
}

static void
expect_device (Fixture *f, const char *state, HpReason reason, const char *vm)
{
  HpStatus status = hp_status_device (f->world, hp_topology_device (f->topology, "3-1"));

  g_assert_cmpstr (status.state, ==, state);
  g_assert_cmpstr (hp_reason_code (status.reason), ==, hp_reason_code (reason));
  g_assert_cmpstr (status.vm, ==, vm);
}

static void
claim (Fixture *f, const char *port, HpClaimState state)
{
  hp_world_claim (f->world, port)->state = state;
}

static void
test_port (Fixture *f, gconstpointer data)
{
  expect_port (f, "host", HP_REASON_NOT_ASSIGNED, "");
  builder_assign (f->world, BUILDER_ID ("1"), "", HP_RESERVE_NEVER);
  expect_port (f, "host", HP_REASON_KEPT_FOR_HOST, "");
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_ALWAYS);
  expect_port (f, "waiting", HP_REASON_VM_UNKNOWN, "win");
  builder_vm (f->world, "win", FALSE, FALSE);
  expect_port (f, "waiting", HP_REASON_NO_SOCKET, "win");
  claim (f, "3-1", HP_CLAIM_CLAIMED);
  expect_port (f, "waiting", HP_REASON_NO_SOCKET, "win");
  claim (f, "4-1", HP_CLAIM_CLAIMED);
  expect_port (f, "reserved", HP_REASON_RESERVED, "win");
  builder_vm (f->world, "win", TRUE, TRUE);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_ALWAYS);
  expect_port (f, "active", HP_REASON_HELD, "win");
  claim (f, "4-1", HP_CLAIM_REFUSED);
  expect_port (f, "active", HP_REASON_CLAIM_REFUSED, "win");
  builder_vm (f->world, "win", TRUE, FALSE);
  expect_port (f, "active", HP_REASON_VM_STALLED, "win");
  builder_vm (f->world, "win", TRUE, TRUE);
  builder_plug (f->topology, "3-1", 9, 2);
  expect_port (f, "active", HP_REASON_HUB_IN_PORT, "win");
}

static void
test_missing (Fixture *f, gconstpointer data)
{
  const HpAssignment *assignment = builder_assign (f->world, BUILDER_ID ("1.7"), "win", HP_RESERVE_NEVER);
  HpStatus status = hp_status_missing_port (assignment);

  g_assert_cmpstr (status.state, ==, "missing");
  g_assert_cmpint (status.reason, ==, HP_REASON_PORT_MISSING);
}

static void
test_device (Fixture *f, gconstpointer data)
{
  guint64 instance = builder_plug (f->topology, "3-1", 0, 0);
  HpAttachment *attachment;

  expect_device (f, "host", HP_REASON_NOT_ASSIGNED, "");
  builder_vm (f->world, "win", FALSE, FALSE);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_NEVER);
  expect_device (f, "waiting", HP_REASON_NO_SOCKET, "win");
  builder_vm (f->world, "win", TRUE, TRUE)->delay_ms = 500;
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_NEVER);
  ((HpDevice *)hp_topology_device (f->topology, "3-1"))->seen_at = f->world->now;
  expect_device (f, "waiting", HP_REASON_DELAY, "win");
  f->world->now += G_USEC_PER_SEC;
  expect_device (f, "waiting", HP_REASON_IN_PROGRESS, "win");
  attachment = hp_world_add_attachment (f->world, "3-1", instance, "win", HP_ATTACHMENT_ATTACHING);
  expect_device (f, "attaching", HP_REASON_IN_PROGRESS, "win");
  attachment->state = HP_ATTACHMENT_FAILED;
  attachment->reason = HP_REASON_NO_GUEST_PORT;
  expect_device (f, "failed", HP_REASON_NO_GUEST_PORT, "win");
  attachment->state = HP_ATTACHMENT_ATTACHED;
  expect_device (f, "attached", HP_REASON_ATTACHED, "win");
  hp_world_decide (f->world, "3-1", instance, "win");
  expect_device (f, "attached", HP_REASON_ATTACHED_BY_USER, "win");
  hp_world_decide (f->world, "3-1", instance, "linux");
  expect_device (f, "attached", HP_REASON_ATTACHED, "win");
  hp_world_decide (f->world, "3-1", instance, NULL);
  expect_device (f, "attached", HP_REASON_ATTACHED, "win");
  attachment->state = HP_ATTACHMENT_DETACHING;
  expect_device (f, "detaching", HP_REASON_IN_PROGRESS, "win");
  hp_world_remove_attachment (f->world, attachment);
  expect_device (f, "held-back", HP_REASON_DETACHED_BY_USER, "");
}

/* Given by hand, to a machine that cannot take it now. */
static void
test_device_by_hand (Fixture *f, gconstpointer data)
{
  guint64 instance = builder_plug (f->topology, "3-1", 0, 0);
  HpAttachment *attachment;

  hp_world_decide (f->world, "3-1", instance, "win");
  expect_device (f, "waiting", HP_REASON_VM_UNKNOWN, "win");
  builder_vm (f->world, "win", TRUE, FALSE);
  expect_device (f, "waiting", HP_REASON_VM_STALLED, "win");
  /* What failed in the other machine says nothing about this one. */
  attachment = hp_world_add_attachment (f->world, "3-1", instance, "linux", HP_ATTACHMENT_FAILED);
  expect_device (f, "waiting", HP_REASON_VM_STALLED, "win");
  attachment->state = HP_ATTACHMENT_ATTACHED;
  expect_device (f, "attached", HP_REASON_ATTACHED, "linux");
  /* Nor does what an earlier device of the name did. */
  attachment->instance--;
  expect_device (f, "waiting", HP_REASON_VM_STALLED, "win");
}

static void
test_hub (Fixture *f, gconstpointer data)
{
  builder_plug (f->topology, "3-1", 9, 2);
  builder_assign (f->world, BUILDER_ID ("1"), "win", HP_RESERVE_NEVER);
  expect_device (f, "host", HP_REASON_HUB, "");
}

typedef struct
{
  const char *interfaces; /* "class/subclass/protocol …" */
  const char *expected;
} ClassCase;

static void
test_class (void)
{
  static const ClassCase cases[] = {
    { "", "unknown" },         { "8/6/80", "storage" },      { "8/6/80 8/6/98", "storage" }, { "3/1/1", "keyboard" },
    { "3/1/2", "mouse" },      { "3/0/0", "hid" },           { "3/1/1 3/0/0", "mixed" },     { "1/1/0 1/2/0", "audio" },
    { "14/1/0", "video" },     { "2/2/1 10/0/0", "serial" }, { "2/13/0", "network" },        { "7/1/2", "printer" },
    { "11/0/0", "smartcard" }, { "224/1/1", "wireless" },    { "255/0/0", "vendor" },        { "254/1/1", "unknown" },
    { "9/0/0", "hub" },        { "10/0/0", "unknown" },      { "8/6/80 3/1/1", "mixed" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HpDevice) device = hp_device_new ();
      g_auto (GStrv) parts = g_strsplit (cases[i].interfaces, " ", -1);

      for (guint j = 0; parts[j] != NULL && *parts[j] != '\0'; j++)
        {
          g_auto (GStrv) codes = g_strsplit (parts[j], "/", 3);

          hp_device_add_interface (device, (guint8)j, (guint8)atoi (codes[0]), (guint8)atoi (codes[1]),
                                   (guint8)atoi (codes[2]), NULL);
        }
      g_test_message ("%s", cases[i].interfaces);
      g_assert_cmpstr (hp_status_class (device), ==, cases[i].expected);
    }
}

#define ADD(name, function) g_test_add ("/status/" name, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("port", test_port);
  ADD ("missing", test_missing);
  ADD ("device", test_device);
  ADD ("device-by-hand", test_device_by_hand);
  ADD ("hub", test_hub);
  g_test_add_func ("/status/class", test_class);
  return g_test_run ();
}
