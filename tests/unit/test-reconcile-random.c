/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "life.h"

#include <string.h>

/*
 * Worlds at random: things are plugged and pulled, machines start, stall and stop, people change their minds, and every
 * action ends some time later, well or badly. Each action must be in order when it is asked for; and as soon as nothing
 * changes any more, all must become what it should be, whatever was before.
 */

#define WORLDS 60
#define STEPS 120
#define ROUNDS_MAX 20

static const char *const vms[] = { "a", "b", "c" };
static const char *const tops[] = { "3-1", "4-1", "3-2", "4-2", "3-10" };
static const char *const assigned[] = { BUILDER_ID ("1"), BUILDER_ID ("1.1"), BUILDER_ID ("2"), BUILDER_ID ("10"),
                                        BUILDER_CONTROLLER "-usbv3-0:2" };

static guint
any (guint n)
{
  return (guint)g_test_rand_int_range (0, (gint32)n);
}

#define ANY(array) (array)[any (G_N_ELEMENTS (array))]

/* --- what happens --- */

/* What is left of things that are gone must not matter either, so it is not always cleared away. */
static void
forget (Life *life, const char *name)
{
  for (guint i = 1; i <= 2; i++)
    {
      g_autofree char *behind = g_strdup_printf ("%s.%u", name, i);

      g_hash_table_remove (life->world->decisions, behind);
      hp_world_untouch (life->world, behind);
      if (g_test_rand_bit ())
        g_hash_table_remove (life->world->claims, behind);
    }
  if (g_test_rand_bit ())
    return;
  g_hash_table_remove (life->world->decisions, name);
  hp_world_untouch (life->world, name);
}

static void
pull (Life *life, const char *name)
{
  builder_unplug (life->topology, name);
  forget (life, name);
}

/* On a claimed port no driver comes, not even a hub's; for some devices the host has none. */
static void
plug (Life *life, const char *name, gboolean hub)
{
  pull (life, name);
  if (life_claim (life, name) != HP_CLAIM_NONE)
    {
      builder_plug_idle (life->topology, name, hub ? 9 : 0);
      hp_world_touch (life->world, hp_topology_device (life->topology, name));
    }
  else if (!hub && any (4) == 0)
    builder_plug_idle (life->topology, name, 0);
  else
    builder_plug (life->topology, name, hub ? 9 : 0, hub ? 2 : 0);
}

static void
happen_on_usb (Life *life)
{
  const char *top = ANY (tops);
  g_autofree char *behind = g_strdup_printf ("%s.%u", top, any (2) + 1);
  gboolean has_ports = hp_topology_port_at (life->topology, behind) != NULL;

  switch (any (5))
    {
    case 0:
      plug (life, top, TRUE);
      break;
    case 1:
      plug (life, top, FALSE);
      break;
    case 2:
      pull (life, top);
      break;
    default:
      if (has_ports && g_test_rand_bit ())
        plug (life, behind, FALSE);
      else
        pull (life, behind);
    }
}

static void
pick_holders (Life *life)
{
  for (gsize i = 0; i < G_N_ELEMENTS (assigned); i++)
    {
      const HpAssignment *assignment = hp_policy_exact (life->world->policy, assigned[i]);

      hp_world_set_holder (life->world, assigned[i],
                           assignment != NULL ? hp_world_pick_holder (life->world, assignment) : NULL);
    }
}

static void
end_of_vm (Life *life, const char *vm)
{
  g_autoptr (GList) names = g_hash_table_get_keys (life->world->attachments);
  GHashTableIter iter;
  gpointer decision;

  for (GList *item = names; item != NULL; item = item->next)
    {
      g_autofree char *name = g_strdup (item->data);
      HpAttachment *attachment;

      while (hp_world_attachments (life->world, name) != NULL
             && (attachment = hp_world_attachment_in (life->world, name, vm)) != NULL)
        hp_world_remove_attachment (life->world, attachment);
    }
  g_hash_table_iter_init (&iter, life->world->decisions);
  while (g_hash_table_iter_next (&iter, NULL, &decision))
    if (g_strcmp0 (((const HpDecision *)decision)->vm, vm) == 0)
      g_hash_table_iter_remove (&iter);
}

static void
happen_to_vm (Life *life)
{
  const char *vm = ANY (vms);
  gboolean runs = g_test_rand_bit ();

  builder_vm (life->world, vm, runs, runs && any (4) > 0)->settled = any (5) > 0;
  if (!runs)
    end_of_vm (life, vm);
  pick_holders (life);
}

static void
happen_to_policy (Life *life)
{
  static const char *const who[] = { "", "a", "b", "a b", "c a" };
  const char *port = ANY (assigned);

  if (any (4) == 0)
    hp_policy_reset (life->world->policy, port);
  else
    builder_assign (life->world, port, ANY (who), (HpReserve)any (3));
  pick_holders (life);
}

static void
happen_by_hand (Life *life)
{
  const HpDevice *device = hp_topology_device (life->topology, ANY (tops));

  if (device != NULL)
    hp_world_decide (life->world, device->name, device->instance, g_test_rand_bit () ? ANY (vms) : NULL);
}

/* --- what is done --- */

/* Looks at everything, as the slow rescan does. Returns whether there was anything to do. */
static gboolean
reconcile (Life *life)
{
  g_autoptr (HpScope) scope = hp_scope_new ();
  g_autoptr (GPtrArray) ports = hp_topology_list_ports (life->topology);
  g_autoptr (GPtrArray) actions = NULL;
  GHashTableIter iter;
  gpointer name;

  for (guint i = 0; i < ports->len; i++)
    hp_scope_add_port (scope, life->topology, ((const HpPort *)ports->pdata[i])->id);
  g_hash_table_iter_init (&iter, life->world->attachments);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    hp_scope_add_device (scope, life->topology, name);
  actions = hp_reconcile (life->world, scope);
  for (guint i = 0; i < actions->len; i++)
    life_check (life, actions->pdata[i]);
  /* In whatever order. */
  for (guint i = 0; i < actions->len; i++)
    {
      guint j = i + any (actions->len - i);
      gpointer action = actions->pdata[j];

      actions->pdata[j] = actions->pdata[i];
      actions->pdata[i] = action;
      life_run (life, action);
    }
  return actions->len > 0;
}

/* --- what it must come to --- */

/* A machine that does not answer keeps what it has. */
static gboolean
is_stuck (Life *life, const char *name)
{
  GPtrArray *list = hp_world_attachments (life->world, name);
  gboolean stuck = FALSE;

  for (guint i = 0; list != NULL && i < list->len; i++)
    stuck = stuck || !hp_world_find_vm (life->world, ((const HpAttachment *)list->pdata[i])->vm)->ready;
  return stuck;
}

static void
check_device (Life *life, const HpDevice *device)
{
  HpTarget target = hp_world_target (life->world, device);
  GPtrArray *list = hp_world_attachments (life->world, device->name);
  const HpPort *port = hp_topology_port_at (life->topology, device->name);
  const HpDecision *decision = g_hash_table_lookup (life->world->decisions, device->name);
  const HpAttachment *attachment;

  g_assert_true (!target.by_user || decision->instance == device->instance);
  if (is_stuck (life, device->name))
    return;
  if (target.vm == NULL || !hp_world_find_vm (life->world, target.vm)->ready)
    {
      g_assert_null (list);
      g_assert_true (target.vm != NULL || hp_world_wants_claim (life->world, port)
                     || !hp_world_is_touched (life->world, device) || !hp_device_is_idle (device));
      return;
    }
  g_assert_nonnull (list);
  g_assert_cmpuint (list->len, ==, 1);
  attachment = list->pdata[0];
  g_assert_cmpint (attachment->state, ==, HP_ATTACHMENT_ATTACHED);
  g_assert_cmpstr (attachment->vm, ==, target.vm);
  g_assert_cmpuint (attachment->instance, ==, device->instance);
}

/* A claim that is no longer wanted stays as long as a machine has what is in the port. */
static void
check_half (Life *life, const HpPort *port, const HpKernelPort *half)
{
  const HpDevice *device = half != NULL ? hp_topology_device (life->topology, half->name) : NULL;
  gboolean claimed, wanted;

  if (half == NULL)
    return;
  claimed = life_claim (life, half->name) == HP_CLAIM_CLAIMED;
  wanted = hp_world_wants_claim (life->world, port);
  g_assert_true (claimed || !wanted);
  g_assert_false (claimed && device != NULL && device->hub && hp_world_attachments (life->world, half->name) == NULL);
  g_assert_true (wanted || !claimed || hp_world_attachments (life->world, half->name) != NULL);
}

static void
check (Life *life)
{
  g_autoptr (GPtrArray) devices = hp_topology_list_devices (life->topology);
  g_autoptr (GPtrArray) ports = hp_topology_list_ports (life->topology);
  GHashTableIter iter;
  gpointer name;

  for (guint i = 0; i < devices->len; i++)
    if (strchr (((const HpDevice *)devices->pdata[i])->name, '-') != NULL)
      check_device (life, devices->pdata[i]);
  for (guint i = 0; i < ports->len; i++)
    {
      const HpPort *port = ports->pdata[i];

      check_half (life, port, port->usb2);
      check_half (life, port, port->usb3);
    }
  g_hash_table_iter_init (&iter, life->world->attachments);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_assert_true (hp_topology_device (life->topology, name) != NULL || is_stuck (life, name));
}

static void
come_to_rest (Life *life)
{
  gboolean busy = TRUE;

  for (gsize i = 0; i < G_N_ELEMENTS (vms); i++)
    hp_world_vm (life->world, vms[i])->settled = TRUE;
  pick_holders (life);
  for (guint round = 0; busy; round++)
    {
      g_assert_cmpuint (round, <, ROUNDS_MAX);
      while (life->operations->len > 0)
        life_end_one (life, TRUE);
      life->world->now += G_TIME_SPAN_HOUR;
      busy = reconcile (life);
    }
  check (life);
}

static void
test_comes_to_rest (void)
{
  static void (*const events[]) (Life *) = { happen_on_usb, happen_on_usb, happen_to_vm, happen_to_policy,
                                             happen_by_hand };

  for (guint i = 0; i < WORLDS; i++)
    {
      Life *life = life_new ();

      for (guint j = 0; j < STEPS; j++)
        {
          ANY (events) (life);
          for (guint n = any (4); n > 0; n--)
            life_end_one (life, any (4) > 0);
          life->world->now += any (3) * G_USEC_PER_SEC / 2;
          if (g_test_rand_bit ())
            reconcile (life);
          if (any (20) == 0)
            come_to_rest (life);
        }
      come_to_rest (life);
      life_free (life);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reconcile-random/comes-to-rest", test_comes_to_rest);
  return g_test_run ();
}
