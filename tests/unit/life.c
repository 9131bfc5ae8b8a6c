/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "life.h"

typedef struct
{
  HpActionKind kind;
  char *name, *vm, *id;
  guint64 instance;
} Operation;

static void
operation_free (gpointer data)
{
  Operation *operation = data;

  g_free (operation->name);
  g_free (operation->vm);
  g_free (operation->id);
  g_free (operation);
}

Life *
life_new (void)
{
  Life *life = g_new0 (Life, 1);

  life->topology = builder_topology ();
  life->world = hp_world_new (life->topology);
  life->world->now = 1000 * G_USEC_PER_SEC;
  life->operations = g_ptr_array_new_with_free_func (operation_free);
  return life;
}

void
life_free (Life *life)
{
  g_ptr_array_unref (life->operations);
  hp_world_free (life->world);
  hp_topology_free (life->topology);
  g_free (life);
}

HpClaimState
life_claim (const Life *life, const char *port)
{
  const HpDevice *hub = hp_world_hub_of (life->world, port);
  const HpClaim *claim = g_hash_table_lookup (life->world->claims, port);

  return claim != NULL && hub != NULL && claim->hub_instance == hub->instance ? claim->state : HP_CLAIM_NONE;
}

/* --- whether an action is in order --- */

static gboolean
some_machine_has (const Life *life, const char *name)
{
  GPtrArray *list = hp_world_attachments (life->world, name);

  for (guint i = 0; list != NULL && i < list->len; i++)
    if (hp_attachment_is_live (list->pdata[i]))
      return TRUE;
  return FALSE;
}

static gboolean
wants_claim (const Life *life, const char *name)
{
  const HpPort *port = hp_topology_port_at (life->topology, name);

  return port != NULL && hp_world_wants_claim (life->world, port);
}

static void
check_claim (const Life *life, const HpAction *action)
{
  const HpClaim *claim = g_hash_table_lookup (life->world->claims, action->name);
  HpClaimState state = life_claim (life, action->name);

  g_assert_true (wants_claim (life, action->name));
  g_assert_true (state == HP_CLAIM_NONE || (state == HP_CLAIM_REFUSED && claim->retry_at <= life->world->now));
}

/* Never in two machines nor twice in one; never a hub; not while host drivers are about to be kept off. */
static void
check_attach (const Life *life, const HpAction *action)
{
  const HpDevice *device = hp_topology_device (life->topology, action->name);
  HpClaimState claim = life_claim (life, action->name);

  g_assert_false (device->hub);
  g_assert_cmpuint (device->instance, ==, action->instance);
  g_assert_true (hp_world_find_vm (life->world, action->vm)->ready);
  g_assert_false (some_machine_has (life, action->name));
  g_assert_true (!wants_claim (life, action->name) || claim == HP_CLAIM_CLAIMED || claim == HP_CLAIM_REFUSED);
}

static void
check_hand_back (const Life *life, const HpAction *action)
{
  const HpDevice *device = hp_topology_device (life->topology, action->name);
  HpClaimState claim = life_claim (life, action->name);

  g_assert_cmpuint (device->instance, ==, action->instance);
  g_assert_true (hp_world_is_touched (life->world, device));
  g_assert_false (some_machine_has (life, action->name));
  g_assert_true (claim == HP_CLAIM_NONE || claim == HP_CLAIM_REFUSED);
  g_assert_false (wants_claim (life, action->name));
}

void
life_check (const Life *life, const HpAction *action)
{
  const HpAttachment *attachment;

  switch (action->kind)
    {
    case HP_DO_CLAIM:
      check_claim (life, action);
      break;
    case HP_DO_RELEASE:
      g_assert_cmpint (life_claim (life, action->name), ==, HP_CLAIM_CLAIMED);
      g_assert_false (wants_claim (life, action->name) || some_machine_has (life, action->name));
      break;
    case HP_DO_ATTACH:
      check_attach (life, action);
      break;
    case HP_DO_DETACH:
      attachment = hp_world_attachment_by_id (life->world, action->name, action->id);
      g_assert_cmpint (attachment->state, ==, HP_ATTACHMENT_ATTACHED);
      g_assert_true (hp_world_find_vm (life->world, action->vm)->ready);
      break;
    case HP_DO_FORGET:
      attachment = hp_world_attachment (life->world, action->name, action->instance, action->vm);
      g_assert_cmpint (attachment->state, ==, HP_ATTACHMENT_FAILED);
      break;
    case HP_DO_HAND_BACK:
      check_hand_back (life, action);
      break;
    case HP_DO_WAKE:
    default:
      g_assert_cmpint (action->at, >, life->world->now);
      break;
    }
}

/* --- doing it --- */

static void
begin_attach (Life *life, const HpAction *action)
{
  HpAttachment *attachment = hp_world_attachment (life->world, action->name, action->instance, action->vm);

  if (attachment == NULL)
    attachment = hp_world_add_attachment (life->world, action->name, action->instance, action->vm, 0);
  attachment->state = HP_ATTACHMENT_ATTACHING;
  hp_world_touch (life->world, hp_topology_device (life->topology, action->name));
}

static void
hand_back (Life *life, const char *name)
{
  HpDevice *device = (HpDevice *)hp_topology_device (life->topology, name);

  hp_world_untouch (life->world, name);
  device->configured = TRUE;
  /* The hub's driver finds its ports. */
  if (device->hub && device->ports->len == 0)
    builder_plug (life->topology, name, 9, 2);
}

/* Returns whether it will take some time. */
static gboolean
begin (Life *life, const HpAction *action)
{
  switch (action->kind)
    {
    case HP_DO_CLAIM:
      hp_world_claim (life->world, action->name)->state = HP_CLAIM_CLAIMING;
      hp_world_claim (life->world, action->name)->hub_instance = hp_world_hub_of (life->world, action->name)->instance;
      return TRUE;
    case HP_DO_RELEASE:
      hp_world_claim (life->world, action->name)->state = HP_CLAIM_RELEASING;
      return TRUE;
    case HP_DO_ATTACH:
      begin_attach (life, action);
      return TRUE;
    case HP_DO_DETACH:
      hp_world_attachment_by_id (life->world, action->name, action->id)->state = HP_ATTACHMENT_DETACHING;
      return TRUE;
    case HP_DO_FORGET:
      hp_world_remove_attachment (life->world,
                                  hp_world_attachment (life->world, action->name, action->instance, action->vm));
      return FALSE;
    case HP_DO_HAND_BACK:
      hand_back (life, action->name);
      return FALSE;
    case HP_DO_WAKE:
    default:
      return FALSE;
    }
}

void
life_run (Life *life, const HpAction *action)
{
  Operation *operation;

  if (!begin (life, action))
    return;
  operation = g_new0 (Operation, 1);
  operation->kind = action->kind;
  operation->name = g_strdup (action->name);
  operation->vm = g_strdup (action->vm);
  operation->id = g_strdup (action->id);
  operation->instance =
      action->kind == HP_DO_CLAIM ? hp_world_claim (life->world, action->name)->hub_instance : action->instance;
  g_ptr_array_add (life->operations, operation);
}

static void
end_claim (Life *life, const Operation *operation, gboolean well)
{
  HpClaim *claim = g_hash_table_lookup (life->world->claims, operation->name);
  const HpDevice *hub = hp_world_hub_of (life->world, operation->name);
  const HpDevice *device = hp_topology_device (life->topology, operation->name);

  if (claim == NULL || hub == NULL || hub->instance != operation->instance)
    return;
  claim->state = well ? HP_CLAIM_CLAIMED : HP_CLAIM_REFUSED;
  claim->retry_at = life->world->now + G_USEC_PER_SEC;
  if (well && device != NULL)
    hp_world_touch (life->world, device);
}

static void
end_attach (Life *life, const Operation *operation, gboolean well)
{
  HpAttachment *attachment = hp_world_attachment (life->world, operation->name, operation->instance, operation->vm);

  if (attachment == NULL || attachment->state != HP_ATTACHMENT_ATTACHING)
    return;
  attachment->state = well ? HP_ATTACHMENT_ATTACHED : HP_ATTACHMENT_FAILED;
  attachment->retry_at = well ? 0 : life->world->now + G_USEC_PER_SEC;
  g_free (attachment->id);
  attachment->id = well ? g_strdup_printf ("%u", life->ids++) : NULL;
}

static void
end_detach (Life *life, const Operation *operation, gboolean well)
{
  HpAttachment *attachment = hp_world_attachment_by_id (life->world, operation->name, operation->id);

  if (attachment == NULL || attachment->state != HP_ATTACHMENT_DETACHING)
    return;
  attachment->state = HP_ATTACHMENT_ATTACHED;
  attachment->retry_at = life->world->now + G_USEC_PER_SEC;
  if (well)
    hp_world_remove_attachment (life->world, attachment);
}

void
life_end_one (Life *life, gboolean well)
{
  Operation *operation;

  if (life->operations->len == 0)
    return;
  operation =
      g_ptr_array_steal_index_fast (life->operations, (guint)g_test_rand_int_range (0, (gint32)life->operations->len));
  if (operation->kind == HP_DO_CLAIM)
    end_claim (life, operation, well);
  else if (operation->kind == HP_DO_RELEASE)
    g_hash_table_remove (life->world->claims, operation->name);
  else if (operation->kind == HP_DO_ATTACH)
    end_attach (life, operation, well);
  else
    end_detach (life, operation, well);
  operation_free (operation);
}
