/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "world.h"

static void
vm_facts_free (HpVmFacts *facts)
{
  g_free (facts->name);
  g_free (facts->detail);
  g_free (facts);
}

static void
attachment_free (HpAttachment *attachment)
{
  g_free (attachment->device);
  g_free (attachment->vm);
  g_free (attachment->description);
  g_free (attachment->id);
  g_free (attachment->bus);
  g_free (attachment->detail);
  g_free (attachment);
}

static void
claim_free (HpClaim *claim)
{
  g_free (claim->port);
  g_free (claim->detail);
  g_free (claim);
}

static void
decision_free (HpDecision *decision)
{
  g_free (decision->vm);
  g_free (decision);
}

static GHashTable *
table (GDestroyNotify free_value)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_value);
}

HpWorld *
hp_world_new (HpTopology *topology)
{
  HpWorld *world = g_new0 (HpWorld, 1);

  world->topology = topology;
  world->policy = hp_policy_new ();
  world->vms = table ((GDestroyNotify)vm_facts_free);
  world->holders = table (g_free);
  world->attachments = table ((GDestroyNotify)g_ptr_array_unref);
  world->claims = table ((GDestroyNotify)claim_free);
  world->decisions = table ((GDestroyNotify)decision_free);
  world->touched = table (g_free);
  return world;
}

void
hp_world_free (HpWorld *world)
{
  if (world == NULL)
    return;
  hp_policy_free (world->policy);
  g_hash_table_unref (world->vms);
  g_hash_table_unref (world->holders);
  g_hash_table_unref (world->attachments);
  g_hash_table_unref (world->claims);
  g_hash_table_unref (world->decisions);
  g_hash_table_unref (world->touched);
  g_free (world);
}

HpVmFacts *
hp_world_vm (HpWorld *world, const char *name)
{
  HpVmFacts *facts = g_hash_table_lookup (world->vms, name);

  if (facts != NULL)
    return facts;
  facts = g_new0 (HpVmFacts, 1);
  facts->name = g_strdup (name);
  facts->reason = HP_REASON_VM_UNKNOWN;
  g_hash_table_insert (world->vms, g_strdup (name), facts);
  return facts;
}

const HpVmFacts *
hp_world_find_vm (const HpWorld *world, const char *name)
{
  return g_hash_table_lookup (world->vms, name);
}

HpAttachment *
hp_world_add_attachment (HpWorld *world, const char *device, guint64 instance, const char *vm, HpAttachmentState state)
{
  GPtrArray *list = g_hash_table_lookup (world->attachments, device);
  HpAttachment *attachment = g_new0 (HpAttachment, 1);

  attachment->device = g_strdup (device);
  attachment->instance = instance;
  attachment->serial = ++world->n_attachments;
  attachment->vm = g_strdup (vm);
  attachment->state = state;
  if (list == NULL)
    {
      list = g_ptr_array_new_with_free_func ((GDestroyNotify)attachment_free);
      g_hash_table_insert (world->attachments, g_strdup (device), list);
    }
  g_ptr_array_add (list, attachment);
  return attachment;
}

void
hp_world_remove_attachment (HpWorld *world, HpAttachment *attachment)
{
  g_autofree char *device = g_strdup (attachment->device);
  GPtrArray *list = g_hash_table_lookup (world->attachments, device);

  g_return_if_fail (list != NULL);
  g_ptr_array_remove (list, attachment);
  if (list->len == 0)
    g_hash_table_remove (world->attachments, device);
}

GPtrArray *
hp_world_attachments (const HpWorld *world, const char *device)
{
  return g_hash_table_lookup (world->attachments, device);
}

HpAttachment *
hp_world_attachment (const HpWorld *world, const char *device, guint64 instance, const char *vm)
{
  GPtrArray *list = hp_world_attachments (world, device);

  for (guint i = 0; list != NULL && i < list->len; i++)
    {
      HpAttachment *attachment = g_ptr_array_index (list, i);

      if (attachment->instance == instance && (vm == NULL || g_str_equal (attachment->vm, vm)))
        return attachment;
    }
  return NULL;
}

HpAttachment *
hp_world_attachment_in (const HpWorld *world, const char *device, const char *vm)
{
  GPtrArray *list = hp_world_attachments (world, device);

  for (guint i = 0; list != NULL && i < list->len; i++)
    {
      HpAttachment *attachment = g_ptr_array_index (list, i);

      if (g_str_equal (attachment->vm, vm))
        return attachment;
    }
  return NULL;
}

HpAttachment *
hp_world_attachment_by_id (const HpWorld *world, const char *device, const char *id)
{
  GPtrArray *list = hp_world_attachments (world, device);

  for (guint i = 0; list != NULL && i < list->len; i++)
    {
      HpAttachment *attachment = g_ptr_array_index (list, i);

      if (g_strcmp0 (attachment->id, id) == 0)
        return attachment;
    }
  return NULL;
}

gboolean
hp_attachment_is_live (const HpAttachment *attachment)
{
  return attachment->state != HP_ATTACHMENT_FAILED;
}

HpClaim *
hp_world_claim (HpWorld *world, const char *port)
{
  HpClaim *claim = g_hash_table_lookup (world->claims, port);

  if (claim != NULL)
    return claim;
  claim = g_new0 (HpClaim, 1);
  claim->port = g_strdup (port);
  g_hash_table_insert (world->claims, g_strdup (port), claim);
  return claim;
}

HpClaimState
hp_world_claim_state (const HpWorld *world, const char *port)
{
  const HpClaim *claim = g_hash_table_lookup (world->claims, port);

  return claim != NULL ? claim->state : HP_CLAIM_NONE;
}

void
hp_world_decide (HpWorld *world, const char *device, guint64 instance, const char *vm)
{
  HpDecision *decision = g_new0 (HpDecision, 1);

  decision->instance = instance;
  decision->vm = g_strdup (vm);
  g_hash_table_replace (world->decisions, g_strdup (device), decision);
}

const HpDecision *
hp_world_decision (const HpWorld *world, const HpDevice *device)
{
  const HpDecision *decision = g_hash_table_lookup (world->decisions, device->name);

  return decision != NULL && decision->instance == device->instance ? decision : NULL;
}

void
hp_world_touch (HpWorld *world, const HpDevice *device)
{
  if (!hp_world_is_touched (world, device))
    g_hash_table_replace (world->touched, g_strdup (device->name),
                          g_memdup2 (&device->instance, sizeof device->instance));
}

void
hp_world_untouch (HpWorld *world, const char *device)
{
  g_hash_table_remove (world->touched, device);
}

gboolean
hp_world_is_touched (const HpWorld *world, const HpDevice *device)
{
  const guint64 *instance = g_hash_table_lookup (world->touched, device->name);

  return instance != NULL && *instance == device->instance;
}

static gboolean
is_running (const HpWorld *world, const char *vm)
{
  const HpVmFacts *facts = hp_world_find_vm (world, vm);

  return facts != NULL && facts->running;
}

const char *
hp_world_holder (const HpWorld *world, const HpAssignment *assignment)
{
  return assignment != NULL ? g_hash_table_lookup (world->holders, assignment->port) : NULL;
}

const char *
hp_world_pick_holder (const HpWorld *world, const HpAssignment *assignment)
{
  const char *holder = hp_world_holder (world, assignment);
  gboolean several = g_strv_length (assignment->vms) > 1;

  if (holder != NULL && g_strv_contains ((const char *const *)assignment->vms, holder) && is_running (world, holder))
    return holder;
  for (guint i = 0; several && assignment->vms[i] != NULL; i++)
    {
      const HpVmFacts *facts = hp_world_find_vm (world, assignment->vms[i]);

      if (facts != NULL && !facts->settled)
        return NULL;
    }
  for (guint i = 0; assignment->vms[i] != NULL; i++)
    if (is_running (world, assignment->vms[i]))
      return assignment->vms[i];
  return NULL;
}

gboolean
hp_world_set_holder (HpWorld *world, const char *assigned_port, const char *vm)
{
  const char *holder = g_hash_table_lookup (world->holders, assigned_port);

  if (g_strcmp0 (holder, vm) == 0)
    return FALSE;
  if (vm != NULL)
    g_hash_table_replace (world->holders, g_strdup (assigned_port), g_strdup (vm));
  else
    g_hash_table_remove (world->holders, assigned_port);
  return TRUE;
}

/* Why nobody has an assigned port: the first machine's state stands for all. */
static HpReason
idle_reason (const HpWorld *world, const HpAssignment *assignment)
{
  const HpVmFacts *facts;

  if (assignment->vms[0] == NULL)
    return HP_REASON_KEPT_FOR_HOST;
  facts = hp_world_find_vm (world, assignment->vms[0]);
  if (facts == NULL)
    return HP_REASON_VM_UNKNOWN;
  return facts->reason != HP_REASON_NONE ? facts->reason : HP_REASON_VM_CONNECTING;
}

HpTarget
hp_world_target (const HpWorld *world, const HpDevice *device)
{
  const HpPort *port = hp_topology_port_at (world->topology, device->name);
  const HpDecision *decision = hp_world_decision (world, device);
  HpTarget target = { .reason = HP_REASON_NOT_ASSIGNED };

  if (device->hub)
    {
      target.reason = HP_REASON_HUB;
      return target;
    }
  if (port != NULL)
    target.assignment = hp_policy_find (world->policy, world->topology, port);
  if (decision != NULL)
    {
      target.by_user = TRUE;
      target.vm = decision->vm;
      target.reason = decision->vm != NULL ? HP_REASON_ATTACHED_BY_USER : HP_REASON_DETACHED_BY_USER;
      return target;
    }
  if (target.assignment == NULL)
    return target;
  target.vm = hp_world_holder (world, target.assignment);
  target.reason = target.vm != NULL ? HP_REASON_NONE : idle_reason (world, target.assignment);
  return target;
}

const HpDevice *
hp_world_hub_of (const HpWorld *world, const char *port)
{
  g_autofree char *chain = NULL;
  guint bus;

  if (!hp_kernel_name_parse (port, &bus, &chain))
    return NULL;

  g_autofree char *above = hp_chain_parent (chain);
  g_autofree char *name = above != NULL ? hp_kernel_name_format (bus, above) : g_strdup_printf ("usb%u", bus);

  return hp_topology_device (world->topology, name);
}

gboolean
hp_world_wants_claim (const HpWorld *world, const HpPort *port)
{
  const HpAssignment *assignment = hp_policy_find (world->policy, world->topology, port);
  const HpDevice *devices[2];
  guint n_devices;

  if (assignment == NULL || assignment->vms[0] == NULL || assignment->reserve == HP_RESERVE_NEVER)
    return FALSE;
  if (assignment->reserve == HP_RESERVE_WHILE_RUNNING && hp_world_holder (world, assignment) == NULL)
    return FALSE;
  n_devices = hp_topology_port_devices (world->topology, port, devices);
  for (guint i = 0; i < n_devices; i++)
    {
      const HpDecision *decision = hp_world_decision (world, devices[i]);

      if (devices[i]->hub || (decision != NULL && decision->vm == NULL))
        return FALSE;
    }
  return TRUE;
}
