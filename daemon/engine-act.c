/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine-private.h"
#include "log.h"

#define BACKOFF_FIRST_US (1 * G_USEC_PER_SEC)
#define BACKOFF_LAST_US (60 * G_USEC_PER_SEC)

/* The claims: asking the kernel for a port, letting it go, and handing devices back to the host's drivers. */

HpStep *
hp_step_new (HpEngine *engine, const char *name, guint64 instance)
{
  HpStep *step = g_new0 (HpStep, 1);

  step->engine = g_object_ref (engine);
  step->name = g_strdup (name);
  step->instance = instance;
  engine->n_steps++;
  return step;
}

void
hp_step_free (HpStep *step)
{
  step->engine->n_steps--;
  /* A stop waits for the last of them, whether that changed anything or not. */
  if (step->engine->stopping != NULL)
    hp_engine_schedule (step->engine);
  g_object_unref (step->engine);
  g_free (step->name);
  g_free (step->vm);
  g_free (step->id);
  g_free (step);
}

gint64
hp_engine_backoff (guint attempts)
{
  guint doublings = MIN (attempts > 0 ? attempts - 1 : 0, 6);

  return MIN ((gint64)BACKOFF_FIRST_US << doublings, (gint64)BACKOFF_LAST_US);
}

HpUsbfsTarget
hp_engine_target (const HpDevice *device)
{
  return (HpUsbfsTarget){
    .bus = device->bus,
    .devnum = device->devnum,
    .syspath = device->syspath,
    .instance = device->instance,
  };
}

static guint
number_of (const char *port)
{
  const char *last = MAX (strrchr (port, '-'), strrchr (port, '.'));

  return last != NULL ? (guint)g_ascii_strtoull (last + 1, NULL, 10) : 0;
}

static char *
stored_name (const char *port)
{
  return g_strconcat ("claim.", port, NULL);
}

/* Keeps the claim: for us, and with the service manager for the next run after a crash. */
static void
hold_claim (HpEngine *engine, const char *port, HpUsbfs *usbfs, guint64 hub_instance)
{
  HpClaim *claim = hp_world_claim (engine->world, port);
  const HpDevice *device = hp_topology_device (engine->topology, port);
  g_autofree char *stored = stored_name (port);

  claim->state = HP_CLAIM_CLAIMED;
  claim->hub_instance = hub_instance;
  g_clear_pointer (&claim->detail, g_free);
  g_hash_table_replace (engine->usbfs, g_strdup (port), hp_usbfs_ref (usbfs));
  hp_service_manager_store (engine->manager, stored, hp_usbfs_fd (usbfs));
  if (device != NULL)
    hp_world_touch (engine->world, device);
}

void
hp_engine_drop_claim (HpEngine *engine, const char *port)
{
  g_autofree char *stored = stored_name (port);

  if (g_hash_table_remove (engine->usbfs, port))
    hp_service_manager_remove (engine->manager, stored);
  g_hash_table_remove (engine->world->claims, port);
}

void
hp_engine_restore_claim (HpEngine *engine, const char *port, int fd)
{
  g_autoptr (HpUsbfs) usbfs = hp_usbfs_new_for_fd (fd);
  const HpDevice *hub = hp_world_hub_of (engine->world, port);
  g_autofree char *stored = stored_name (port);

  if (hub == NULL || !hp_usbfs_is_for (usbfs, hub->bus, hub->devnum))
    {
      hp_service_manager_remove (engine->manager, stored);
      return;
    }
  hold_claim (engine, port, usbfs, hub->instance);
}

static void
on_claimed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HpStep) step = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (HpUsbfs) usbfs = hp_usbfs_claim_port_finish (result, &error);
  HpEngine *engine = step->engine;
  const HpDevice *hub = hp_world_hub_of (engine->world, step->name);
  HpClaim *claim = g_hash_table_lookup (engine->world->claims, step->name);

  /* The hub was pulled out meanwhile: closing the descriptor is all there is to do. */
  if (claim == NULL || hub == NULL || hub->instance != step->instance)
    return;
  if (usbfs != NULL)
    hold_claim (engine, step->name, usbfs, hub->instance);
  else
    {
      hp_warn (&((HpLog){ .message_id = HP_MESSAGE_CLAIM_REFUSED, .port = step->name }),
               "port %s is not reserved, host drivers may see a device first: %s", step->name, error->message);
      claim->state = HP_CLAIM_REFUSED;
      claim->retry_at = g_get_monotonic_time () + BACKOFF_LAST_US;
      g_free (claim->detail);
      claim->detail = g_strdup (error->message);
    }
  hp_engine_mark_device (engine, step->name);
}

static void
claim_port (HpEngine *engine, const char *port)
{
  const HpDevice *hub = hp_world_hub_of (engine->world, port);
  HpClaim *claim = hp_world_claim (engine->world, port);
  HpUsbfsTarget target;

  if (hub == NULL)
    return;
  claim->state = HP_CLAIM_CLAIMING;
  claim->hub_instance = hub->instance;
  target = hp_engine_target (hub);
  hp_usbfs_claim_port_async (&target, number_of (port), NULL, on_claimed, hp_step_new (engine, port, hub->instance));
}

static void
on_released (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HpStep) step = user_data;
  g_autoptr (GError) error = NULL;
  const HpClaim *claim = g_hash_table_lookup (step->engine->world->claims, step->name);

  /* A claim that is already gone is as good as released. */
  if (!hp_usbfs_release_port_finish (result, &error))
    hp_debug (NULL, "releasing port %s: %s", step->name, error->message);
  /* The hub was pulled out meanwhile, and its claim went with it: what is there now is another's. */
  if (claim == NULL || claim->state != HP_CLAIM_RELEASING || claim->hub_instance != step->instance)
    return;
  hp_engine_drop_claim (step->engine, step->name);
  hp_engine_mark_device (step->engine, step->name);
}

static void
release_port (HpEngine *engine, const char *port)
{
  HpUsbfs *usbfs = g_hash_table_lookup (engine->usbfs, port);
  HpClaim *claim = hp_world_claim (engine->world, port);

  if (usbfs == NULL)
    {
      hp_engine_drop_claim (engine, port);
      hp_engine_mark_device (engine, port);
      return;
    }
  claim->state = HP_CLAIM_RELEASING;
  hp_usbfs_release_port_async (usbfs, number_of (port), on_released, hp_step_new (engine, port, claim->hub_instance));
}

/* It still is to be given back: as soon as something about it changes, or else in a while. */
static void
hand_back_failed (const HpStep *step, const GError *error)
{
  HpEngine *engine = step->engine;
  const HpDevice *device = hp_topology_device (engine->topology, step->name);

  hp_warn (&((HpLog){ .device = step->name }), "giving device %s back to the host: %s", step->name, error->message);
  if (device == NULL || device->instance != step->instance)
    return;
  hp_world_touch (engine->world, device);
  hp_engine_wake_at (engine, step->name, g_get_monotonic_time () + BACKOFF_LAST_US);
}

static void
on_handed_back (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HpStep) step = user_data;
  g_autoptr (GError) error = NULL;

  if (!hp_usbfs_hand_back_finish (result, &error))
    hand_back_failed (step, error);
  else
    hp_engine_mark_device (step->engine, step->name);
  hp_usb_scan_device (step->engine->scan, step->name);
}

static void
hand_back (HpEngine *engine, const HpAction *action)
{
  const HpDevice *device = hp_topology_device (engine->topology, action->name);
  HpUsbfsTarget target;

  if (device == NULL || device->instance != action->instance)
    return;
  hp_world_untouch (engine->world, device->name);
  target = hp_engine_target (device);
  hp_usbfs_hand_back_async (&target, on_handed_back, hp_step_new (engine, device->name, device->instance));
}

static void
forget (HpEngine *engine, const HpAction *action)
{
  HpAttachment *attachment = hp_world_attachment (engine->world, action->name, action->instance, action->vm);

  if (attachment != NULL && attachment->state == HP_ATTACHMENT_FAILED)
    hp_world_remove_attachment (engine->world, attachment);
}

void
hp_engine_run (HpEngine *engine, const HpAction *action)
{
  switch (action->kind)
    {
    case HP_DO_CLAIM:
      claim_port (engine, action->name);
      break;
    case HP_DO_RELEASE:
      release_port (engine, action->name);
      break;
    case HP_DO_ATTACH:
      hp_engine_attach_device (engine, action);
      break;
    case HP_DO_DETACH:
      hp_engine_detach_device (engine, action);
      break;
    case HP_DO_FORGET:
      forget (engine, action);
      break;
    case HP_DO_HAND_BACK:
      hand_back (engine, action);
      break;
    case HP_DO_WAKE:
      hp_engine_wake_at (engine, action->name, action->at);
      break;
    }
}
