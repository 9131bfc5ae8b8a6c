/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config-files.h"
#include "engine-private.h"
#include "log.h"

#include <glib/gstdio.h>

/* After this a stop no longer waits for answers: systemd's own patience is longer. */
#define STOP_MS 5000

enum
{
  PORT_CHANGED,
  DEVICE_CHANGED,
  VM_CHANGED,
  STATUS_CHANGED,
  ATTACHED,
  DETACHED,
  ATTACH_FAILED,
  N_SIGNALS,
};
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (HpEngine, hp_engine, G_TYPE_OBJECT)

static gboolean pass (gpointer user_data);

void
hp_unresolved_free (HpUnresolved *unresolved)
{
  g_free (unresolved->text);
  g_free (unresolved->vm);
  g_free (unresolved->origin);
  g_free (unresolved->problem);
  g_free (unresolved);
}

void
hp_engine_schedule (HpEngine *engine)
{
  if (engine->pass_source == 0)
    engine->pass_source = g_idle_add_full (G_PRIORITY_DEFAULT, pass, engine, NULL);
}

void
hp_engine_mark_device (HpEngine *engine, const char *name)
{
  hp_scope_add_device (engine->dirty, engine->topology, name);
  hp_engine_schedule (engine);
}

void
hp_engine_mark_port (HpEngine *engine, const char *id)
{
  /* A port that is gone has nothing to be done for it, but the view of it changes. */
  g_hash_table_add (engine->dirty->ports, g_strdup (id));
  hp_scope_add_port (engine->dirty, engine->topology, id);
  hp_engine_schedule (engine);
}

void
hp_engine_mark_subtree (HpEngine *engine, const char *id)
{
  g_hash_table_add (engine->dirty->ports, g_strdup (id));
  hp_scope_add_subtree (engine->dirty, engine->topology, id);
  hp_engine_schedule (engine);
}

void
hp_engine_mark_assignment (HpEngine *engine, const HpAssignment *assignment)
{
  hp_engine_mark_subtree (engine, assignment->port);
}

void
hp_engine_mark_all (HpEngine *engine)
{
  g_autoptr (GPtrArray) ports = hp_topology_list_ports (engine->topology);
  GHashTableIter iter;
  gpointer key;

  for (guint i = 0; i < ports->len; i++)
    hp_engine_mark_port (engine, ((const HpPort *)g_ptr_array_index (ports, i))->id);
  g_hash_table_iter_init (&iter, engine->world->attachments);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    hp_engine_mark_device (engine, key);
}

void
hp_engine_device_changed (HpEngine *engine, const char *name)
{
  g_signal_emit (engine, signals[DEVICE_CHANGED], 0, name);
}

void
hp_engine_vm_changed (HpEngine *engine, const char *name)
{
  g_signal_emit (engine, signals[VM_CHANGED], 0, name);
}

/* Whether nothing is left that could be handed back; a machine that does not answer keeps what it has. */
static gboolean
all_handed_back (HpEngine *engine)
{
  GHashTableIter iter;
  gpointer key, list;

  if (engine->n_steps > 0 || g_hash_table_size (engine->usbfs) > 0)
    return FALSE;
  g_hash_table_iter_init (&iter, engine->world->attachments);
  while (g_hash_table_iter_next (&iter, &key, &list))
    for (guint i = 0; i < ((GPtrArray *)list)->len; i++)
      {
        const HpAttachment *attachment = g_ptr_array_index ((GPtrArray *)list, i);
        const HpVmFacts *facts = hp_world_find_vm (engine->world, attachment->vm);

        if (hp_attachment_is_live (attachment) && facts != NULL && facts->ready)
          return FALSE;
      }
  return TRUE;
}

static void
finish_stop (HpEngine *engine)
{
  if (engine->stopping == NULL || engine->pass_source != 0 || !all_handed_back (engine))
    return;

  g_autoptr (GTask) task = g_steal_pointer (&engine->stopping);

  g_task_return_boolean (task, TRUE);
}

/*
 * One pass: asks reconcile() about what is dirty, tells the facade what may look different, and does what was asked
 * for. Nothing here waits; the end of each action marks its port again.
 */
static gboolean
pass (gpointer user_data)
{
  g_autoptr (HpEngine) engine = g_object_ref (user_data);
  g_autoptr (HpScope) scope = g_steal_pointer (&engine->dirty);
  g_autoptr (GPtrArray) actions = NULL;
  GHashTableIter iter;
  gpointer name;

  engine->pass_source = 0;
  engine->dirty = hp_scope_new ();
  engine->world->now = g_get_monotonic_time ();
  actions = hp_reconcile (engine->world, scope);
  for (guint i = 0; i < actions->len; i++)
    hp_engine_run (engine, g_ptr_array_index (actions, i));

  g_hash_table_iter_init (&iter, scope->ports);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_signal_emit (engine, signals[PORT_CHANGED], 0, name);
  g_hash_table_iter_init (&iter, scope->devices);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_signal_emit (engine, signals[DEVICE_CHANGED], 0, name);
  hp_engine_sync_retiring (engine);
  hp_engine_answer_waiting (engine);
  finish_stop (engine);
  return G_SOURCE_REMOVE;
}

typedef struct
{
  HpEngine *engine;
  char *name;
} Wake;

static void
wake_free (gpointer data)
{
  Wake *wake = data;

  g_free (wake->name);
  g_free (wake);
}

static gboolean
on_wake (gpointer user_data)
{
  Wake *wake = user_data;
  g_autofree char *name = g_strdup (wake->name);
  HpEngine *engine = wake->engine;

  g_hash_table_remove (engine->wakes, name);
  hp_engine_mark_device (engine, name);
  return G_SOURCE_REMOVE;
}

static void
source_free (gpointer data)
{
  g_source_destroy (data);
  g_source_unref (data);
}

void
hp_engine_wake_at (HpEngine *engine, const char *name, gint64 at)
{
  GSource *known = g_hash_table_lookup (engine->wakes, name);
  GSource *source;
  Wake *wake;

  /* A port and the device in it share the name: whichever is first, all of it is looked at then. */
  if (known != NULL && g_source_get_ready_time (known) <= at)
    return;
  source = g_timeout_source_new (1);
  wake = g_new0 (Wake, 1);
  wake->engine = engine;
  wake->name = g_strdup (name);
  g_source_set_callback (source, on_wake, wake, wake_free);
  g_source_set_ready_time (source, at);
  g_source_attach (source, NULL);
  g_hash_table_replace (engine->wakes, g_strdup (name), source);
  /* cppcheck-suppress memleak ; the source has wake, and frees it */
}

/* A device is gone, or another sits in its place: nobody's word on it holds any longer, and a hub takes its claims along. */
static void
forget_device (HpEngine *engine, const char *name, const HpDevice *gone)
{
  const HpDevice *device = hp_topology_device (engine->topology, name);

  if (device == NULL || device->instance != gone->instance)
    {
      g_hash_table_remove (engine->world->decisions, name);
      hp_world_untouch (engine->world, name);
      g_hash_table_remove (engine->wakes, name);
    }
  for (guint i = 0; gone->ports != NULL && i < gone->ports->len; i++)
    hp_engine_drop_claim (engine, ((const HpKernelPort *)g_ptr_array_index (gone->ports, i))->name);
}

static void
on_device_seen (HpEngine *engine, const char *name)
{
  const HpDevice *device = hp_topology_device (engine->topology, name);

  /* What arrives on a claimed port is kept from the host's drivers, so it must be given back some day. */
  if (device != NULL && hp_world_claim_state (engine->world, name) != HP_CLAIM_NONE)
    hp_world_touch (engine->world, device);
  if (device != NULL && g_str_has_prefix (name, "usb") && engine->unresolved->len > 0)
    hp_engine_rebuild_policy (engine);
  hp_engine_mark_device (engine, name);
}

static void
on_scan_changed (HpUsbScan *scan, HpChanges *changes, gpointer user_data)
{
  HpEngine *engine = user_data;
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, changes->devices_gone);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      forget_device (engine, key, value);
      hp_engine_mark_device (engine, key);
    }
  g_hash_table_iter_init (&iter, changes->devices_changed);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    on_device_seen (engine, key);
  g_hash_table_iter_init (&iter, changes->ports_gone);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    hp_engine_mark_port (engine, key);
  g_hash_table_iter_init (&iter, changes->ports_changed);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    hp_engine_mark_port (engine, key);
}

static void
load (HpEngine *engine)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HpConfig) config = hp_config_files_load (engine->config_path, &error);

  if (config != NULL)
    {
      hp_config_free (engine->config);
      engine->config = g_steal_pointer (&config);
    }
  else
    {
      hp_warn (&((HpLog){ .message_id = HP_MESSAGE_CONFIG_BAD }),
               "the configuration is not in force, nothing in it is assigned: %s", error->message);
      engine->config_error = g_strdup (error->message);
    }
  g_clear_error (&error);

  g_autoptr (HpState) state = hp_state_file_load (engine->state_path, &engine->state_error, &error);

  if (state == NULL)
    {
      engine->state_error = g_strdup (error->message);
      engine->state_unread = TRUE;
    }
  else
    {
      hp_state_free (engine->state);
      engine->state = g_steal_pointer (&state);
    }
  if (engine->state_error != NULL)
    hp_warn (&((HpLog){ .message_id = HP_MESSAGE_STATE_BAD }), "%s", engine->state_error);
}

/* What an earlier run left with the service manager: claims of ports and connections to machines. */
static void
take_stored (HpEngine *engine)
{
  char *name = NULL;
  int fd;

  while ((fd = hp_service_manager_take (engine->manager, &name)) >= 0)
    {
      g_autofree char *stored = g_steal_pointer (&name);

      if (g_str_has_prefix (stored, "claim."))
        hp_engine_restore_claim (engine, stored + strlen ("claim."), fd);
      else if (g_str_has_prefix (stored, "vm."))
        hp_engine_adopt_vm_fd (engine, stored + strlen ("vm."), fd);
      else
        {
          hp_service_manager_remove (engine->manager, stored);
          g_close (fd, NULL);
        }
    }
}

/*
 * Below assigned ports, a device that no driver has may have been left so by a machine that died while nobody watched;
 * handing it back does no harm where it was not.
 */
static void
touch_idle (HpEngine *engine)
{
  g_autoptr (GPtrArray) devices = hp_topology_list_devices (engine->topology);

  for (guint i = 0; i < devices->len; i++)
    {
      const HpDevice *device = g_ptr_array_index (devices, i);
      const HpPort *port = hp_topology_port_at (engine->topology, device->name);

      if (port != NULL && hp_device_is_idle (device)
          && hp_policy_find (engine->world->policy, engine->topology, port) != NULL)
        hp_world_touch (engine->world, device);
    }
}

void
hp_engine_start (HpEngine *engine)
{
  load (engine);
  engine->scan = hp_usb_scan_new (engine->topology);
  g_signal_connect (engine->scan, "changed", G_CALLBACK (on_scan_changed), engine);
  hp_usb_scan_all (engine->scan);
  hp_engine_rebuild_policy (engine);
  touch_idle (engine);
  hp_engine_sync_vms (engine);
  take_stored (engine);
  hp_engine_mark_all (engine);
  engine->started = TRUE;

  GHashTableIter iter;
  gpointer vm;

  g_hash_table_iter_init (&iter, engine->vms);
  while (g_hash_table_iter_next (&iter, NULL, &vm))
    hp_vm_start (vm);
}

static gboolean
on_stop_timeout (gpointer user_data)
{
  HpEngine *engine = user_data;

  if (engine->stopping != NULL)
    {
      g_autoptr (GTask) task = g_steal_pointer (&engine->stopping);

      hp_warn (NULL, "stopping without waiting any longer for answers");
      g_task_return_boolean (task, FALSE);
    }
  return G_SOURCE_REMOVE;
}

void
hp_engine_stop_async (HpEngine *engine, GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (engine->stopping == NULL);
  engine->stopping = g_task_new (engine, NULL, callback, user_data);
  engine->handing_back = TRUE;
  g_timeout_add (STOP_MS, on_stop_timeout, engine);
  /* With nothing assigned, handing everything back is what reconciling comes to. */
  hp_policy_free (engine->world->policy);
  engine->world->policy = hp_policy_new ();
  g_hash_table_remove_all (engine->world->holders);
  g_hash_table_remove_all (engine->world->decisions);
  hp_engine_mark_all (engine);
  /* Also where there is nothing to mark: a pass is what ends the stop. */
  hp_engine_schedule (engine);
}

void
hp_engine_stop_finish (HpEngine *engine, GAsyncResult *result)
{
  hp_engine_stop_vms (engine);
  g_task_propagate_boolean (G_TASK (result), NULL);
}

HpEngine *
hp_engine_new (const char *config_path, const char *state_path, HpServiceManager *manager)
{
  HpEngine *engine = g_object_new (HP_TYPE_ENGINE, NULL);

  engine->config_path = g_strdup (config_path);
  engine->state_path = g_strdup (state_path);
  engine->manager = manager;
  return engine;
}

static void
hp_engine_init (HpEngine *engine)
{
  engine->config = hp_config_new ();
  engine->state = hp_state_new ();
  engine->unresolved = g_ptr_array_new_with_free_func ((GDestroyNotify)hp_unresolved_free);
  engine->topology = hp_topology_new ();
  engine->world = hp_world_new (engine->topology);
  engine->vms = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  engine->retiring = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  engine->ready_since = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  engine->kept_vms = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  engine->usbfs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)hp_usbfs_unref);
  engine->dirty = hp_scope_new ();
  engine->wakes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, source_free);
  engine->waiting = g_ptr_array_new ();
  engine->changes = g_queue_new ();
}

static void
hp_engine_finalize (GObject *object)
{
  HpEngine *engine = HP_ENGINE (object);

  if (engine->pass_source != 0)
    g_source_remove (engine->pass_source);
  if (engine->scan != NULL)
    g_signal_handlers_disconnect_by_data (engine->scan, engine);
  g_clear_object (&engine->scan);
  g_hash_table_unref (engine->wakes);
  g_hash_table_unref (engine->vms);
  g_hash_table_unref (engine->retiring);
  g_hash_table_unref (engine->ready_since);
  g_hash_table_unref (engine->kept_vms);
  g_hash_table_unref (engine->usbfs);
  g_ptr_array_unref (engine->waiting);
  g_queue_free_full (engine->changes, g_object_unref);
  g_ptr_array_unref (engine->unresolved);
  hp_scope_free (engine->dirty);
  hp_world_free (engine->world);
  hp_topology_free (engine->topology);
  hp_config_free (engine->config);
  hp_state_free (engine->state);
  g_free (engine->config_error);
  g_free (engine->state_error);
  g_free (engine->config_path);
  g_free (engine->state_path);
  G_OBJECT_CLASS (hp_engine_parent_class)->finalize (object);
}

static guint
add_signal (HpEngineClass *class, const char *name, GType argument)
{
  return g_signal_new (name, G_TYPE_FROM_CLASS (class), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                       argument != G_TYPE_NONE ? 1 : 0, argument);
}

static void
hp_engine_class_init (HpEngineClass *class)
{
  G_OBJECT_CLASS (class)->finalize = hp_engine_finalize;
  signals[PORT_CHANGED] = add_signal (class, "port-changed", G_TYPE_STRING);
  signals[DEVICE_CHANGED] = add_signal (class, "device-changed", G_TYPE_STRING);
  signals[VM_CHANGED] = add_signal (class, "vm-changed", G_TYPE_STRING);
  signals[STATUS_CHANGED] = add_signal (class, "status-changed", G_TYPE_NONE);
  signals[ATTACHED] = add_signal (class, "attached", G_TYPE_POINTER);
  signals[DETACHED] = add_signal (class, "detached", G_TYPE_POINTER);
  signals[ATTACH_FAILED] = add_signal (class, "attach-failed", G_TYPE_POINTER);
}
