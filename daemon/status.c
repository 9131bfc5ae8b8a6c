/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "status.h"

/* The words of the D-Bus contract. */
#define STATE_HOST "host"
#define STATE_WAITING "waiting"

static HpStatus
status (const char *state, HpReason reason, const char *vm, const char *detail)
{
  return (HpStatus){ .state = state, .reason = reason, .vm = vm != NULL ? vm : "", .detail = detail };
}

static gboolean
holds_hub (const HpWorld *world, const HpPort *port)
{
  const HpDevice *devices[2];
  guint n_devices = hp_topology_port_devices (world->topology, port, devices);

  for (guint i = 0; i < n_devices; i++)
    if (devices[i]->hub)
      return TRUE;
  return FALSE;
}

/* Why the kernel keeps refusing one of the halves, or NULL. */
static const HpClaim *
refused_claim (const HpWorld *world, const HpPort *port)
{
  const HpKernelPort *const halves[] = { port->usb2, port->usb3 };

  for (guint i = 0; i < G_N_ELEMENTS (halves); i++)
    {
      const HpClaim *claim = halves[i] != NULL ? g_hash_table_lookup (world->claims, halves[i]->name) : NULL;

      if (claim != NULL && claim->state == HP_CLAIM_REFUSED)
        return claim;
    }
  return NULL;
}

gboolean
hp_status_is_claimed (const HpWorld *world, const HpPort *port)
{
  const HpKernelPort *const halves[] = { port->usb2, port->usb3 };

  for (guint i = 0; i < G_N_ELEMENTS (halves); i++)
    if (halves[i] != NULL && hp_world_claim_state (world, halves[i]->name) != HP_CLAIM_CLAIMED)
      return FALSE;
  return TRUE;
}

/* Nobody has the port: the first of its machines tells why. */
static HpStatus
idle_port (const HpWorld *world, const HpPort *port, const HpAssignment *assignment)
{
  const char *vm = assignment->vms[0];
  const HpVmFacts *facts = hp_world_find_vm (world, vm);
  HpReason reason = facts != NULL ? facts->reason : HP_REASON_VM_UNKNOWN;
  const char *detail = facts != NULL ? facts->detail : NULL;

  if (hp_status_is_claimed (world, port))
    return status ("reserved", HP_REASON_RESERVED, vm, detail);
  return status (STATE_WAITING, reason != HP_REASON_NONE ? reason : HP_REASON_VM_CONNECTING, vm, detail);
}

HpStatus
hp_status_port (const HpWorld *world, const HpPort *port)
{
  const HpAssignment *assignment = hp_policy_find (world->policy, world->topology, port);
  const char *holder = hp_world_holder (world, assignment);
  const HpVmFacts *facts = holder != NULL ? hp_world_find_vm (world, holder) : NULL;
  const HpClaim *refused = refused_claim (world, port);

  if (assignment == NULL)
    return status (STATE_HOST, HP_REASON_NOT_ASSIGNED, NULL, NULL);
  if (assignment->vms[0] == NULL)
    return status (STATE_HOST, HP_REASON_KEPT_FOR_HOST, NULL, NULL);
  if (holder == NULL)
    return idle_port (world, port, assignment);
  if (facts != NULL && !facts->ready && facts->reason != HP_REASON_NONE)
    return status ("active", facts->reason, holder, facts->detail);
  if (holds_hub (world, port))
    return status ("active", HP_REASON_HUB_IN_PORT, holder, NULL);
  if (refused != NULL && hp_world_wants_claim (world, port))
    return status ("active", HP_REASON_CLAIM_REFUSED, holder, refused->detail);
  return status ("active", HP_REASON_HELD, holder, NULL);
}

HpStatus
hp_status_missing_port (const HpAssignment *assignment)
{
  return status ("missing", HP_REASON_PORT_MISSING, assignment->vms[0], NULL);
}

static HpStatus
attachment_status (const HpAttachment *attachment, gboolean by_user)
{
  HpStatus result =
      status ("attached", by_user ? HP_REASON_ATTACHED_BY_USER : HP_REASON_ATTACHED, attachment->vm, NULL);

  result.attachment = attachment;
  switch (attachment->state)
    {
    case HP_ATTACHMENT_ATTACHED:
      break;
    case HP_ATTACHMENT_ATTACHING:
      result.state = "attaching";
      result.reason = HP_REASON_IN_PROGRESS;
      break;
    case HP_ATTACHMENT_DETACHING:
      result.state = "detaching";
      result.reason = HP_REASON_IN_PROGRESS;
      break;
    case HP_ATTACHMENT_FAILED:
      result.state = "failed";
      result.reason = attachment->reason;
      result.detail = attachment->detail;
      break;
    }
  return result;
}

/* It should be in @target's machine, and nothing was tried yet. */
static HpStatus
waiting_device (const HpWorld *world, const HpDevice *device, const HpTarget *target)
{
  const HpVmFacts *facts = hp_world_find_vm (world, target->vm);

  if (facts == NULL)
    return status (STATE_WAITING, HP_REASON_VM_UNKNOWN, target->vm, NULL);
  if (!facts->ready)
    return status (STATE_WAITING, facts->reason, target->vm, facts->detail);
  if (device->seen_at + (gint64)facts->delay_ms * 1000 > world->now)
    return status (STATE_WAITING, HP_REASON_DELAY, target->vm, NULL);
  return status (STATE_WAITING, HP_REASON_IN_PROGRESS, target->vm, NULL);
}

HpStatus
hp_status_device (const HpWorld *world, const HpDevice *device)
{
  HpTarget target = hp_world_target (world, device);
  const HpAttachment *attachment = NULL;
  gboolean wanted;

  if (device->hub)
    return status (STATE_HOST, HP_REASON_HUB, NULL, NULL);
  if (target.vm != NULL)
    attachment = hp_world_attachment (world, device->name, device->instance, target.vm);
  if (attachment == NULL)
    attachment = hp_world_attachment (world, device->name, device->instance, NULL);
  wanted = attachment != NULL && g_strcmp0 (attachment->vm, target.vm) == 0;
  /* A person's word may as well be that it should leave. */
  if (attachment != NULL && (hp_attachment_is_live (attachment) || wanted))
    return attachment_status (attachment, target.by_user && wanted);
  if (target.vm != NULL)
    return waiting_device (world, device, &target);
  if (target.by_user)
    return status ("held-back", target.reason, NULL, NULL);
  if (target.assignment != NULL && target.assignment->vms[0] != NULL)
    {
      const HpVmFacts *facts = hp_world_find_vm (world, target.assignment->vms[0]);

      return status (STATE_WAITING, target.reason, target.assignment->vms[0], facts != NULL ? facts->detail : NULL);
    }
  return status (STATE_HOST, target.reason, NULL, NULL);
}

static const char *
interface_class (const HpUsbInterface *interface)
{
  switch (interface->class_code)
    {
    case 0x01:
      return "audio";
    case 0x02:
      return interface->subclass == 0x02 ? "serial" : "network";
    case 0x03:
      if (interface->subclass == 1 && interface->protocol == 1)
        return "keyboard";
      return interface->subclass == 1 && interface->protocol == 2 ? "mouse" : "hid";
    case 0x07:
      return "printer";
    case 0x08:
      return "storage";
    case 0x09:
      return "hub";
    case 0x0a:
      return NULL; /* the data half of a communications device, which its control half names */
    case 0x0b:
      return "smartcard";
    case 0x0e:
      return "video";
    case 0xe0:
      return "wireless";
    case 0xff:
      return "vendor";
    default:
      return "unknown";
    }
}

const char *
hp_status_class (const HpDevice *device)
{
  const char *found = NULL;

  if (device->hub)
    return "hub";
  for (guint i = 0; device->interfaces != NULL && i < device->interfaces->len; i++)
    {
      const char *name = interface_class (&g_array_index (device->interfaces, HpUsbInterface, i));

      if (name == NULL || g_strcmp0 (name, found) == 0)
        continue;
      if (found != NULL)
        return "mixed";
      found = name;
    }
  return found != NULL ? found : "unknown";
}
