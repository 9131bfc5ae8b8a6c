/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reconcile.h"

void
hp_action_free (HpAction *action)
{
  g_free (action->name);
  g_free (action->vm);
  g_free (action->id);
  g_free (action);
}

HpScope *
hp_scope_new (void)
{
  HpScope *scope = g_new0 (HpScope, 1);

  scope->ports = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  scope->devices = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return scope;
}

void
hp_scope_free (HpScope *scope)
{
  if (scope == NULL)
    return;
  g_hash_table_unref (scope->ports);
  g_hash_table_unref (scope->devices);
  g_free (scope);
}

void
hp_scope_add_device (HpScope *scope, const HpTopology *topology, const char *name)
{
  const HpPort *port = hp_topology_port_at (topology, name);

  g_hash_table_add (scope->devices, g_strdup (name));
  if (port != NULL)
    g_hash_table_add (scope->ports, g_strdup (port->id));
}

void
hp_scope_add_port (HpScope *scope, const HpTopology *topology, const char *id)
{
  const HpPort *port = hp_topology_port (topology, id);

  if (port == NULL)
    return;
  g_hash_table_add (scope->ports, g_strdup (port->id));
  if (port->usb2 != NULL)
    g_hash_table_add (scope->devices, g_strdup (port->usb2->name));
  if (port->usb3 != NULL)
    g_hash_table_add (scope->devices, g_strdup (port->usb3->name));
}

void
hp_scope_add_subtree (HpScope *scope, const HpTopology *topology, const char *id)
{
  const HpPort *port = hp_topology_port (topology, id);
  const HpDevice *devices[2];
  guint n_devices;

  if (port == NULL)
    return;
  hp_scope_add_port (scope, topology, id);
  n_devices = hp_topology_port_devices (topology, port, devices);
  for (guint i = 0; i < n_devices; i++)
    {
      g_autoptr (GPtrArray) below = devices[i]->hub ? hp_topology_hub_ports (topology, devices[i]->name) : NULL;

      for (guint j = 0; below != NULL && j < below->len; j++)
        hp_scope_add_subtree (scope, topology, ((const HpPort *)g_ptr_array_index (below, j))->id);
    }
}

static HpAction *
act (GPtrArray *actions, HpActionKind kind, const char *name)
{
  HpAction *action = g_new0 (HpAction, 1);

  action->kind = kind;
  action->name = g_strdup (name);
  g_ptr_array_add (actions, action);
  return action;
}

static void
wake (GPtrArray *actions, const char *name, gint64 at)
{
  act (actions, HP_DO_WAKE, name)->at = at;
}

static gboolean
has_live_attachment (const HpWorld *world, const char *name)
{
  GPtrArray *list = hp_world_attachments (world, name);

  for (guint i = 0; list != NULL && i < list->len; i++)
    if (hp_attachment_is_live (g_ptr_array_index (list, i)))
      return TRUE;
  return FALSE;
}

/* A claim taken on an earlier instance of the hub is gone with it. */
static HpClaimState
claim_now (const HpWorld *world, const char *name)
{
  const HpClaim *claim = g_hash_table_lookup (world->claims, name);
  const HpDevice *hub = hp_world_hub_of (world, name);

  if (claim == NULL || hub == NULL || claim->hub_instance != hub->instance)
    return HP_CLAIM_NONE;
  return claim->state;
}

static void
reconcile_half (const HpWorld *world, const HpKernelPort *half, gboolean want, GPtrArray *actions)
{
  const HpClaim *claim;
  HpClaimState state;

  if (half == NULL || hp_world_hub_of (world, half->name) == NULL)
    return;
  state = claim_now (world, half->name);
  claim = g_hash_table_lookup (world->claims, half->name);
  if (want && state == HP_CLAIM_REFUSED && claim->retry_at > world->now)
    wake (actions, half->name, claim->retry_at);
  else if (want && (state == HP_CLAIM_NONE || state == HP_CLAIM_REFUSED))
    act (actions, HP_DO_CLAIM, half->name);
  /* While the machine has the device the claim costs nobody anything; dropping it first would let host drivers race
   * with QEMU's release. */
  else if (!want && state == HP_CLAIM_CLAIMED && !has_live_attachment (world, half->name))
    act (actions, HP_DO_RELEASE, half->name);
}

static void
reconcile_port (const HpWorld *world, const char *id, GPtrArray *actions)
{
  const HpPort *port = hp_topology_port (world->topology, id);
  gboolean want;

  if (port == NULL)
    return;
  want = hp_world_wants_claim (world, port);
  reconcile_half (world, port->usb2, want, actions);
  reconcile_half (world, port->usb3, want, actions);
}

/* Takes an attachment that should not be out of its machine, as soon as that can be done. */
static void
remove_attachment (const HpWorld *world, const HpAttachment *attachment, GPtrArray *actions)
{
  const HpVmFacts *facts = hp_world_find_vm (world, attachment->vm);
  HpAction *action;

  if (attachment->state == HP_ATTACHMENT_FAILED)
    {
      action = act (actions, HP_DO_FORGET, attachment->device);
      action->vm = g_strdup (attachment->vm);
      action->instance = attachment->instance;
      return;
    }
  if (attachment->state != HP_ATTACHMENT_ATTACHED || facts == NULL || !facts->ready)
    return;
  if (attachment->retry_at > world->now)
    {
      wake (actions, attachment->device, attachment->retry_at);
      return;
    }
  action = act (actions, HP_DO_DETACH, attachment->device);
  action->vm = g_strdup (attachment->vm);
  action->id = g_strdup (attachment->id);
  action->instance = attachment->instance;
}

/*
 * Goes through what machines have, or tried to have, of this kernel name.
 * Returns: whether some machine still has it and must let go first. @ret_mine: the wanted one, if it is there.
 */
static gboolean
sort_out_attachments (const HpWorld *world, const char *name, const HpDevice *device, const char *wanted_vm,
                      const HpAttachment **ret_mine, GPtrArray *actions)
{
  GPtrArray *list = hp_world_attachments (world, name);
  const HpAttachment *mine = NULL;
  gboolean blocked = FALSE;

  for (guint i = 0; list != NULL && i < list->len; i++)
    {
      const HpAttachment *attachment = g_ptr_array_index (list, i);
      gboolean current = device != NULL && attachment->instance == device->instance;

      if (current && mine == NULL && g_strcmp0 (attachment->vm, wanted_vm) == 0)
        {
          mine = attachment;
          continue;
        }
      blocked = blocked || hp_attachment_is_live (attachment);
      remove_attachment (world, attachment, actions);
    }
  *ret_mine = mine;
  return blocked;
}

static void
want_attached (const HpWorld *world, const HpDevice *device, const char *vm, const HpAttachment *mine,
               GPtrArray *actions)
{
  const HpVmFacts *facts = hp_world_find_vm (world, vm);
  const HpPort *port = hp_topology_port_at (world->topology, device->name);
  HpClaimState claim = claim_now (world, device->name);
  gint64 due;
  HpAction *action;

  if (facts == NULL || !facts->ready)
    return;
  /* A claim on its way is waited for: it is what keeps host drivers from racing with QEMU. */
  if (port != NULL && hp_world_wants_claim (world, port) && claim != HP_CLAIM_CLAIMED && claim != HP_CLAIM_REFUSED)
    return;
  due = device->seen_at + (gint64)facts->delay_ms * 1000;
  if (mine != NULL && mine->retry_at > due)
    due = mine->retry_at;
  if (due > world->now)
    {
      wake (actions, device->name, due);
      return;
    }
  action = act (actions, HP_DO_ATTACH, device->name);
  action->vm = g_strdup (vm);
  action->instance = device->instance;
}

static void
want_on_host (const HpWorld *world, const HpDevice *device, GPtrArray *actions)
{
  const HpPort *port = hp_topology_port_at (world->topology, device->name);
  HpClaimState claim = claim_now (world, device->name);

  if (!hp_world_is_touched (world, device) || !hp_device_is_idle (device))
    return;
  if (port != NULL && hp_world_wants_claim (world, port))
    return;
  if (claim == HP_CLAIM_NONE || claim == HP_CLAIM_REFUSED)
    act (actions, HP_DO_HAND_BACK, device->name)->instance = device->instance;
}

static void
reconcile_device (const HpWorld *world, const char *name, GPtrArray *actions)
{
  const HpDevice *device = hp_topology_device (world->topology, name);
  HpTarget target = { .vm = NULL };
  const HpAttachment *mine;
  gboolean blocked;

  if (device != NULL)
    target = hp_world_target (world, device);
  blocked = sort_out_attachments (world, name, device, target.vm, &mine, actions);
  if (device == NULL || blocked || (mine != NULL && hp_attachment_is_live (mine)))
    return;
  if (target.vm != NULL)
    want_attached (world, device, target.vm, mine, actions);
  else
    want_on_host (world, device, actions);
}

GPtrArray *
hp_reconcile (const HpWorld *world, const HpScope *scope)
{
  GPtrArray *actions = g_ptr_array_new_with_free_func ((GDestroyNotify)hp_action_free);
  GHashTableIter iter;
  gpointer name;

  g_hash_table_iter_init (&iter, scope->ports);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    reconcile_port (world, name, actions);
  g_hash_table_iter_init (&iter, scope->devices);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    reconcile_device (world, name, actions);
  return actions;
}
