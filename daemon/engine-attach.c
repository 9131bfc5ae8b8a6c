/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine-private.h"
#include "log.h"

/* Attaching and detaching one device, from the decision to what people are told. */

static void
emit (HpEngine *engine, const char *signal, const HpAttachment *attachment)
{
  const HpPort *port = hp_topology_port_at (engine->topology, attachment->device);
  g_autofree char *message = hp_reason_sentence (attachment->reason, attachment->vm, attachment->detail);
  gint64 now = g_get_monotonic_time ();
  HpAttachmentEvent event = {
    .device = attachment->device,
    .port = port != NULL ? port->id : "",
    .vm = attachment->vm,
    .description = attachment->description != NULL ? attachment->description : "",
    .guest_bus = attachment->bus != NULL ? attachment->bus : "",
    .guest_port = attachment->port,
    .reason = hp_reason_code (attachment->reason),
    .message = message,
    .latency_usec = attachment->latency,
    .retry_usec = attachment->retry_at > now ? (guint64)(attachment->retry_at - now) : 0,
  };

  g_signal_emit_by_name (engine, signal, &event);
}

void
hp_engine_emit_attached (HpEngine *engine, const HpAttachment *attachment)
{
  emit (engine, "attached", attachment);
}

void
hp_engine_emit_detached (HpEngine *engine, const HpAttachment *attachment)
{
  hp_notice (&((HpLog){ .message_id = HP_MESSAGE_DETACHED, .device = attachment->device, .vm = attachment->vm }),
             "device %s has left virtual machine %s", attachment->device, attachment->vm);
  emit (engine, "detached", attachment);
}

/* When the device could have been attached at the earliest: it was there, and its machine was ready. */
static gint64
cause_of (HpEngine *engine, const HpDevice *device, const char *vm)
{
  const gint64 *ready_since = g_hash_table_lookup (engine->ready_since, vm);

  return MAX (device->seen_at, ready_since != NULL ? *ready_since : 0);
}

static void
attach_succeeded (HpEngine *engine, HpAttachment *attachment, HpVmAttached *attached, gint64 since)
{
  attachment->state = HP_ATTACHMENT_ATTACHED;
  attachment->reason = HP_REASON_ATTACHED;
  attachment->retry_at = 0;
  attachment->id = g_steal_pointer (&attached->id);
  attachment->bus = g_steal_pointer (&attached->bus);
  attachment->port = attached->port;
  g_clear_pointer (&attachment->detail, g_free);
  attachment->latency = (guint64)MAX (g_get_monotonic_time () - since, 1);
  hp_notice (&((HpLog){ .message_id = HP_MESSAGE_ATTACHED, .device = attachment->device, .vm = attachment->vm }),
             "device %s is in virtual machine %s, port %u of %s, after %.1f ms", attachment->device, attachment->vm,
             attachment->port, attachment->bus, (double)attachment->latency / 1000);
  hp_engine_emit_attached (engine, attachment);
}

static void
attach_failed (HpEngine *engine, HpAttachment *attachment, const GError *error)
{
  attachment->state = HP_ATTACHMENT_FAILED;
  attachment->reason = error->domain == HP_VM_ERROR ? (HpReason)error->code : HP_REASON_QEMU_REFUSED;
  attachment->retry_at = g_get_monotonic_time () + hp_engine_backoff (attachment->attempts);
  g_free (attachment->detail);
  attachment->detail = g_strdup (error->message);
  hp_warn (&((HpLog){ .message_id = HP_MESSAGE_ATTACH_FAILED, .device = attachment->device, .vm = attachment->vm }),
           "attaching device %s to virtual machine %s, attempt %u: %s", attachment->device, attachment->vm,
           attachment->attempts, error->message);
  emit (engine, "attach-failed", attachment);
}

static void
on_attached (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HpStep) step = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HpVmAttached) attached = hp_vm_attach_finish (HP_VM (source), result, &error);
  HpEngine *engine = step->engine;
  HpAttachment *attachment = hp_world_attachment (engine->world, step->name, step->instance, step->vm);

  /* No longer known: the machine ended meanwhile and took the device with it. It may be back, and asked anew. */
  if (attachment == NULL || attachment->state != HP_ATTACHMENT_ATTACHING || attachment->serial != step->serial)
    return;
  if (attached != NULL)
    attach_succeeded (engine, attachment, attached, step->since);
  else if (g_error_matches (error, HP_VM_ERROR, HP_REASON_VM_OFFLINE))
    hp_world_remove_attachment (engine->world, attachment);
  else
    attach_failed (engine, attachment, error);
  hp_usb_scan_device (engine->scan, step->name);
  hp_engine_mark_device (engine, step->name);
  hp_engine_vm_changed (engine, step->vm);
}

void
hp_engine_attach_device (HpEngine *engine, const HpAction *action)
{
  const HpDevice *device = hp_topology_device (engine->topology, action->name);
  HpVm *vm = hp_engine_vm (engine, action->vm);
  HpAttachment *attachment;
  const HpPort *port;
  HpStep *step;

  if (device == NULL || device->instance != action->instance || vm == NULL)
    return;
  attachment = hp_world_attachment (engine->world, device->name, device->instance, action->vm);
  if (attachment == NULL)
    attachment =
        hp_world_add_attachment (engine->world, device->name, device->instance, action->vm, HP_ATTACHMENT_ATTACHING);
  attachment->state = HP_ATTACHMENT_ATTACHING;
  attachment->attempts++;
  g_free (attachment->description);
  attachment->description = hp_device_describe (device);
  hp_world_touch (engine->world, device);
  port = hp_topology_port_at (engine->topology, device->name);
  step = hp_step_new (engine, device->name, device->instance);
  step->vm = g_strdup (action->vm);
  step->serial = attachment->serial;
  step->since = cause_of (engine, device, action->vm);
  hp_vm_attach_async (vm,
                      &(HpVmAttach){
                          .kernel_name = device->name,
                          .target = hp_engine_target (device),
                          .speed = device->speed,
                          .place_key = port != NULL ? port->id : device->name,
                          .configure = TRUE,
                      },
                      on_attached, step);
}

static void
on_detached (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HpStep) step = user_data;
  g_autoptr (GError) error = NULL;
  gboolean done = hp_vm_detach_finish (HP_VM (source), result, &error);
  HpEngine *engine = step->engine;
  HpAttachment *attachment = hp_world_attachment_by_id (engine->world, step->name, step->id);

  if (attachment == NULL || attachment->state != HP_ATTACHMENT_DETACHING)
    return;
  if (done)
    {
      hp_engine_emit_detached (engine, attachment);
      hp_world_remove_attachment (engine->world, attachment);
    }
  else
    {
      hp_warn (&((HpLog){ .device = step->name, .vm = step->vm }), "taking device %s from virtual machine %s: %s",
               step->name, step->vm, error->message);
      attachment->state = HP_ATTACHMENT_ATTACHED;
      attachment->attempts++;
      attachment->retry_at = g_get_monotonic_time () + hp_engine_backoff (attachment->attempts);
    }
  hp_usb_scan_device (engine->scan, step->name);
  hp_engine_mark_device (engine, step->name);
  hp_engine_vm_changed (engine, step->vm);
}

void
hp_engine_detach_device (HpEngine *engine, const HpAction *action)
{
  HpAttachment *attachment = hp_world_attachment_by_id (engine->world, action->name, action->id);
  HpVm *vm = hp_engine_vm (engine, action->vm);
  HpStep *step;

  if (attachment == NULL || attachment->state != HP_ATTACHMENT_ATTACHED || vm == NULL)
    return;
  attachment->state = HP_ATTACHMENT_DETACHING;
  /* Those of detaching are counted anew, and then on until one does it. */
  if (attachment->retry_at == 0)
    attachment->attempts = 0;
  step = hp_step_new (engine, action->name, action->instance);
  step->vm = g_strdup (action->vm);
  step->id = g_strdup (action->id);
  hp_vm_detach_async (vm, action->id, on_detached, step);
}
