/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine-private.h"
#include "log.h"

#include <glib/gstdio.h>

#define STORED_NAME_MAX 126 /* bytes of a machine's name, two digits each */

/* The machines: keeping facts of them in the world, taking over what is attached, and following the configuration. */

HpVm *
hp_engine_vm (HpEngine *engine, const char *name)
{
  HpVm *vm = g_hash_table_lookup (engine->vms, name);

  return vm != NULL ? vm : g_hash_table_lookup (engine->retiring, name);
}

GPtrArray *
hp_engine_devices_of (HpEngine *engine, const char *vm)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer name, list;

  g_hash_table_iter_init (&iter, engine->world->attachments);
  while (g_hash_table_iter_next (&iter, &name, &list))
    for (guint i = 0; i < ((GPtrArray *)list)->len; i++)
      if (g_str_equal (((const HpAttachment *)g_ptr_array_index ((GPtrArray *)list, i))->vm, vm))
        {
          g_ptr_array_add (names, g_strdup (name));
          break;
        }
  return names;
}

void
hp_engine_refresh_holder (HpEngine *engine, const HpAssignment *assignment)
{
  const char *holder = hp_world_pick_holder (engine->world, assignment);

  if (hp_world_set_holder (engine->world, assignment->port, holder) && holder != NULL)
    hp_info (&((HpLog){ .port = assignment->port, .vm = holder }), "port %s goes to virtual machine %s",
             assignment->port, holder);
  hp_engine_mark_assignment (engine, assignment);
}

/* All that depends on the state of @vm is looked at again. */
static void
mark_vm (HpEngine *engine, const char *vm)
{
  g_autoptr (GPtrArray) assignments = hp_policy_list_for_vm (engine->world->policy, vm);
  g_autoptr (GPtrArray) devices = hp_engine_devices_of (engine, vm);

  for (guint i = 0; i < assignments->len; i++)
    hp_engine_refresh_holder (engine, g_ptr_array_index (assignments, i));
  for (guint i = 0; i < devices->len; i++)
    hp_engine_mark_device (engine, g_ptr_array_index (devices, i));
}

/* Those whom a person gave to or kept from a machine by hand are not below its ports. */
static void
mark_decided (HpEngine *engine, const char *vm)
{
  GHashTableIter iter;
  gpointer name, decision;

  g_hash_table_iter_init (&iter, engine->world->decisions);
  while (g_hash_table_iter_next (&iter, &name, &decision))
    if (g_strcmp0 (((const HpDecision *)decision)->vm, vm) == 0)
      hp_engine_mark_device (engine, name);
}

static HpReason
reason_of (HpVm *vm)
{
  if (hp_vm_is_ready (vm))
    return HP_REASON_NONE;
  return hp_vm_state (vm) == HP_VM_ONLINE ? HP_REASON_VM_MIGRATING : hp_vm_reason (vm);
}

static void
take_facts (HpEngine *engine, HpVm *vm)
{
  HpVmFacts *facts = hp_world_vm (engine->world, hp_vm_name (vm));
  HpVmState state = hp_vm_state (vm);
  gboolean ready = hp_vm_is_ready (vm);

  if (ready && !facts->ready)
    {
      gint64 now = g_get_monotonic_time ();

      g_hash_table_replace (engine->ready_since, g_strdup (facts->name), g_memdup2 (&now, sizeof now));
    }
  facts->settled = hp_vm_is_settled (vm);
  /* One that leaves the configuration holds no port, but still lets go of what it has. */
  facts->running =
      !g_hash_table_contains (engine->retiring, facts->name) && (state == HP_VM_ONLINE || state == HP_VM_STALLED);
  facts->ready = ready;
  facts->reason = reason_of (vm);
  g_free (facts->detail);
  facts->detail = g_strdup (hp_vm_detail (vm));
}

/* Readable as long as that fits: the service manager takes 255 bytes. */
static char *
stored_name (const char *vm)
{
  g_autoptr (GString) escaped = g_string_new ("vm.");

  if (strlen (vm) > STORED_NAME_MAX)
    {
      g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, vm, -1);

      return g_strconcat ("vm.sha256-", sum, NULL);
    }
  for (const char *at = vm; *at != '\0'; at++)
    g_string_append_printf (escaped, "%02x", (guint8)*at);
  return g_string_free (g_steal_pointer (&escaped), FALSE);
}

/* The service manager's copy goes with the connection, or nobody would get at the monitor any more. */
static void
keep_connection (HpEngine *engine, HpVm *vm, gboolean keep)
{
  g_autofree char *stored = stored_name (hp_vm_name (vm));

  if (keep == g_hash_table_contains (engine->kept_vms, hp_vm_name (vm)))
    return;
  if (keep)
    {
      hp_service_manager_store (engine->manager, stored, hp_vm_session_fd (vm));
      g_hash_table_add (engine->kept_vms, g_strdup (hp_vm_name (vm)));
      return;
    }
  hp_service_manager_remove (engine->manager, stored);
  g_hash_table_remove (engine->kept_vms, hp_vm_name (vm));
}

static void
on_vm_changed (HpVm *vm, gpointer user_data)
{
  HpEngine *engine = user_data;

  if (!hp_vm_is_connected (vm))
    keep_connection (engine, vm, FALSE);
  take_facts (engine, vm);
  mark_vm (engine, hp_vm_name (vm));
  mark_decided (engine, hp_vm_name (vm));
  hp_engine_vm_changed (engine, hp_vm_name (vm));
}

static HpAttachment *
find_by_id (HpEngine *engine, const HpVmDevice *found)
{
  return found->kernel_name != NULL ? hp_world_attachment_by_id (engine->world, found->kernel_name, found->id) : NULL;
}

/* A device of ours that an earlier run, or a late answer, left in the machine. */
static void
adopt (HpEngine *engine, HpVm *vm, const HpVmDevice *found)
{
  const HpDevice *device = hp_topology_device (engine->topology, found->kernel_name);
  /* QEMU has lost hold of the device: no instance matches it, so it is removed, and attached anew if it is there. */
  guint64 instance = found->attached ? found->instance : 0;
  gboolean current = device != NULL && device->instance == instance;
  HpAttachment *attachment = hp_world_attachment (engine->world, found->kernel_name, instance, hp_vm_name (vm));
  const HpPort *port = hp_topology_port_at (engine->topology, found->kernel_name);
  const HpAssignment *assignment = port != NULL ? hp_policy_find (engine->world->policy, engine->topology, port) : NULL;

  if (attachment != NULL && attachment->state == HP_ATTACHMENT_FAILED)
    hp_world_remove_attachment (engine->world, attachment);
  attachment =
      hp_world_add_attachment (engine->world, found->kernel_name, instance, hp_vm_name (vm), HP_ATTACHMENT_ATTACHED);
  attachment->id = g_strdup (found->id);
  attachment->bus = g_strdup (found->bus);
  attachment->port = found->port;
  attachment->reason = HP_REASON_ATTACHED;
  if (current)
    {
      attachment->description = hp_device_describe (device);
      hp_world_touch (engine->world, device);
    }
  if (current && assignment != NULL && hp_world_holder (engine->world, assignment) == NULL
      && g_strv_contains ((const char *const *)assignment->vms, hp_vm_name (vm)))
    hp_world_set_holder (engine->world, assignment->port, hp_vm_name (vm));
  hp_info (&((HpLog){ .device = found->kernel_name, .vm = hp_vm_name (vm) }),
           "virtual machine %s has device %s already", hp_vm_name (vm), found->kernel_name);
  if (current && hp_world_vm (engine->world, hp_vm_name (vm))->met)
    hp_engine_emit_attached (engine, attachment);
  hp_engine_mark_device (engine, found->kernel_name);
}

/* Attachments that the machine turns out not to have any more. */
static void
drop_lost (HpEngine *engine, HpVm *vm)
{
  g_autoptr (GPtrArray) names = hp_engine_devices_of (engine, hp_vm_name (vm));
  GPtrArray *stock = hp_vm_devices (vm);
  g_autoptr (GHashTable) ids = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < stock->len; i++)
    g_hash_table_add (ids, ((HpVmDevice *)g_ptr_array_index (stock, i))->id);
  for (guint i = 0; i < names->len; i++)
    {
      GPtrArray *list = hp_world_attachments (engine->world, g_ptr_array_index (names, i));

      for (guint j = list->len; j > 0; j--)
        {
          HpAttachment *attachment = g_ptr_array_index (list, j - 1);
          gboolean last = list->len == 1;

          if (attachment->state != HP_ATTACHMENT_ATTACHED || !g_str_equal (attachment->vm, hp_vm_name (vm))
              || g_hash_table_contains (ids, attachment->id))
            continue;
          hp_engine_emit_detached (engine, attachment);
          hp_world_remove_attachment (engine->world, attachment);
          hp_engine_mark_device (engine, g_ptr_array_index (names, i));
          if (last)
            break;
        }
    }
}

static void
on_vm_online (HpVm *vm, gpointer user_data)
{
  HpEngine *engine = user_data;
  GPtrArray *stock = hp_vm_devices (vm);

  drop_lost (engine, vm);
  for (guint i = 0; i < stock->len; i++)
    {
      const HpVmDevice *found = g_ptr_array_index (stock, i);
      HpAttachment *known = find_by_id (engine, found);

      if (known == NULL && found->kernel_name != NULL)
        adopt (engine, vm, found);
      else if (known != NULL && known->state == HP_ATTACHMENT_ATTACHED && !found->attached)
        known->instance = 0;
    }
  hp_world_vm (engine->world, hp_vm_name (vm))->met = TRUE;
  keep_connection (engine, vm, TRUE);
  hp_notice (&((HpLog){ .message_id = HP_MESSAGE_VM_STATE, .vm = hp_vm_name (vm) }),
             "virtual machine %s is online, QEMU %s, %u of its devices are ours", hp_vm_name (vm),
             hp_vm_version (vm) != NULL ? hp_vm_version (vm) : "of unknown version", stock->len);
  on_vm_changed (vm, engine);
}

static void
forget_attachments (HpEngine *engine, const char *vm)
{
  g_autoptr (GPtrArray) names = hp_engine_devices_of (engine, vm);

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      const HpDevice *device = hp_topology_device (engine->topology, name);
      HpAttachment *attachment;

      while ((attachment = hp_world_attachment_in (engine->world, name, vm)) != NULL)
        {
          if (attachment->state != HP_ATTACHMENT_FAILED && attachment->state != HP_ATTACHMENT_ATTACHING)
            hp_engine_emit_detached (engine, attachment);
          hp_world_remove_attachment (engine->world, attachment);
        }
      if (device != NULL)
        hp_world_touch (engine->world, device);
      /* QEMU killed in the middle leaves interfaces without drivers and says nothing: look. */
      hp_usb_scan_device (engine->scan, name);
      hp_engine_mark_device (engine, name);
    }
}

/* A person's "until it is pulled out" ends with the machine, too: what it had is the host's again. */
static void
forget_decisions (HpEngine *engine, const char *vm)
{
  GHashTableIter iter;
  gpointer name, decision;

  g_hash_table_iter_init (&iter, engine->world->decisions);
  while (g_hash_table_iter_next (&iter, &name, &decision))
    if (g_strcmp0 (((const HpDecision *)decision)->vm, vm) == 0)
      {
        hp_engine_mark_device (engine, name);
        g_hash_table_iter_remove (&iter);
      }
}

static void
on_vm_ended (HpVm *vm, gpointer user_data)
{
  HpEngine *engine = user_data;

  hp_notice (&((HpLog){ .message_id = HP_MESSAGE_VM_STATE, .vm = hp_vm_name (vm) }), "virtual machine %s has ended",
             hp_vm_name (vm));
  forget_attachments (engine, hp_vm_name (vm));
  forget_decisions (engine, hp_vm_name (vm));
  on_vm_changed (vm, engine);
}

static void
on_device_lost (HpVm *vm, const char *id, gpointer user_data)
{
  HpEngine *engine = user_data;
  g_autofree char *name = NULL;
  HpAttachment *attachment;

  if (!hp_qdev_id_parse (id, &name, NULL))
    return;
  attachment = hp_world_attachment_by_id (engine->world, name, id);
  if (attachment == NULL || attachment->state != HP_ATTACHMENT_ATTACHED)
    return;
  hp_engine_emit_detached (engine, attachment);
  hp_world_remove_attachment (engine->world, attachment);
  hp_usb_scan_device (engine->scan, name);
  hp_engine_mark_device (engine, name);
}

static HpVm *
add_vm (HpEngine *engine, const HpConfigVm *configured)
{
  HpVm *vm = hp_vm_new (configured->name, configured->socket, (const char *const *)configured->hubs);

  g_signal_connect (vm, "changed", G_CALLBACK (on_vm_changed), engine);
  g_signal_connect (vm, "online", G_CALLBACK (on_vm_online), engine);
  g_signal_connect (vm, "ended", G_CALLBACK (on_vm_ended), engine);
  g_signal_connect (vm, "device-lost", G_CALLBACK (on_device_lost), engine);
  g_hash_table_insert (engine->vms, g_strdup (configured->name), vm);
  take_facts (engine, vm);
  return vm;
}

static void
stop_vm (HpEngine *engine, HpVm *vm)
{
  g_signal_handlers_disconnect_by_data (vm, engine);
  keep_connection (engine, vm, FALSE);
  hp_vm_stop (vm);
}

void
hp_engine_stop_vms (HpEngine *engine)
{
  GHashTable *const tables[] = { engine->vms, engine->retiring };

  for (guint i = 0; i < G_N_ELEMENTS (tables); i++)
    {
      GHashTableIter iter;
      gpointer vm;

      g_hash_table_iter_init (&iter, tables[i]);
      while (g_hash_table_iter_next (&iter, NULL, &vm))
        stop_vm (engine, vm);
    }
}

static gboolean
may_have_devices (HpEngine *engine, const char *vm)
{
  GHashTableIter iter;
  gpointer list;

  g_hash_table_iter_init (&iter, engine->world->attachments);
  while (g_hash_table_iter_next (&iter, NULL, &list))
    for (guint i = 0; i < ((GPtrArray *)list)->len; i++)
      {
        const HpAttachment *attachment = g_ptr_array_index ((GPtrArray *)list, i);

        if (hp_attachment_is_live (attachment) && g_str_equal (attachment->vm, vm))
          return TRUE;
      }
  return FALSE;
}

/* A machine that left the configuration is let go once it has let go of its devices, or has ended: one that cannot be
 * told so now has them still, and nobody else may get them. */
void
hp_engine_sync_retiring (HpEngine *engine)
{
  GHashTableIter iter;
  gpointer name, vm;
  gboolean any = FALSE;

  g_hash_table_iter_init (&iter, engine->retiring);
  while (g_hash_table_iter_next (&iter, &name, &vm))
    {
      if (may_have_devices (engine, name))
        continue;
      forget_attachments (engine, name);
      stop_vm (engine, vm);
      g_hash_table_remove (engine->world->vms, name);
      hp_engine_vm_changed (engine, name);
      g_hash_table_iter_remove (&iter);
      any = TRUE;
    }
  if (any)
    hp_engine_sync_vms (engine);
}

static void
retire (HpEngine *engine, const char *name)
{
  g_autoptr (HpVm) vm = g_object_ref (g_hash_table_lookup (engine->vms, name));

  g_hash_table_remove (engine->vms, name);
  g_hash_table_insert (engine->retiring, g_strdup (name), g_object_ref (vm));
  forget_decisions (engine, name);
  on_vm_changed (vm, engine);
  /* One that has neither ports nor devices marks nothing, and is let go by a pass all the same. */
  hp_engine_schedule (engine);
}

void
hp_engine_sync_vms (HpEngine *engine)
{
  g_autoptr (GPtrArray) gone = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer name, vm;

  g_hash_table_iter_init (&iter, engine->vms);
  while (g_hash_table_iter_next (&iter, &name, &vm))
    {
      const HpConfigVm *configured = hp_config_vm (engine->config, name);

      if (configured == NULL || !g_str_equal (configured->socket, hp_vm_socket (vm)))
        g_ptr_array_add (gone, g_strdup (name));
      else
        hp_vm_set_hubs (vm, (const char *const *)configured->hubs);
    }
  for (guint i = 0; i < gone->len; i++)
    retire (engine, g_ptr_array_index (gone, i));
  for (guint i = 0; i < engine->config->vms->len; i++)
    {
      const HpConfigVm *configured = g_ptr_array_index (engine->config->vms, i);

      if (g_hash_table_contains (engine->retiring, configured->name))
        continue;
      if (!g_hash_table_contains (engine->vms, configured->name))
        {
          HpVm *added = add_vm (engine, configured);

          if (engine->started)
            hp_vm_start (added);
        }
      hp_world_vm (engine->world, configured->name)->delay_ms = configured->delay_ms;
      hp_engine_vm_changed (engine, configured->name);
    }
}

void
hp_engine_adopt_vm_fd (HpEngine *engine, const char *escaped_name, int fd)
{
  GHashTableIter iter;
  gpointer name, vm;
  g_autofree char *dropped = g_strconcat ("vm.", escaped_name, NULL);

  g_hash_table_iter_init (&iter, engine->vms);
  while (g_hash_table_iter_next (&iter, &name, &vm))
    {
      g_autofree char *stored = stored_name (name);

      if (!g_str_equal (stored + strlen ("vm."), escaped_name))
        continue;
      hp_vm_adopt (vm, fd);
      g_hash_table_add (engine->kept_vms, g_strdup (name));
      return;
    }
  hp_service_manager_remove (engine->manager, dropped);
  g_close (fd, NULL);
}
