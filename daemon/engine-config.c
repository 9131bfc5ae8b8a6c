/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config-files.h"
#include "engine-private.h"
#include "log.h"

/* From configuration and run-time choices to the policy in force. */

static void
note_unresolved (HpEngine *engine, const HpConfigVm *vm, const HpConfigPort *port, const char *problem)
{
  HpUnresolved *unresolved = g_new0 (HpUnresolved, 1);

  unresolved->text = g_strdup (port->ref->text);
  unresolved->vm = g_strdup (vm->name);
  unresolved->origin = g_strdup (port->origin);
  unresolved->problem = g_strdup (problem);
  g_ptr_array_add (engine->unresolved, unresolved);
}

/* They are shown as well, under the name that they were given. */
static void
mark_unresolved (HpEngine *engine)
{
  for (guint i = 0; i < engine->unresolved->len; i++)
    hp_engine_mark_port (engine, ((const HpUnresolved *)g_ptr_array_index (engine->unresolved, i))->text);
}

static void
add_configured (HpEngine *engine, HpPolicy *policy, const HpConfigVm *vm)
{
  for (guint i = 0; i < vm->ports->len; i++)
    {
      const HpConfigPort *port = g_ptr_array_index (vm->ports, i);
      g_autoptr (GError) error = NULL;
      g_autofree char *id = hp_topology_resolve (engine->topology, port->ref, &error);

      if (id != NULL)
        {
          hp_policy_add_config (policy, id, vm->name, vm->reserve, port->origin);
          continue;
        }
      hp_warn (&((HpLog){ .message_id = HP_MESSAGE_CONFIG_BAD, .vm = vm->name }),
               "%s: port %s of virtual machine %s: %s", port->origin, port->ref->text, vm->name, error->message);
      note_unresolved (engine, vm, port, error->message);
    }
}

/* Machines that ports are assigned to, but that the configuration does not name, are shown as well. */
static void
tell_unknown_vms (HpEngine *engine, const HpPolicy *policy)
{
  g_auto (GStrv) names = hp_engine_unknown_vms (engine, policy);

  for (guint i = 0; names[i] != NULL; i++)
    hp_engine_vm_changed (engine, names[i]);
}

static void
mark_assignments (HpEngine *engine, const HpPolicy *policy)
{
  g_autoptr (GPtrArray) list = hp_policy_list (policy);

  for (guint i = 0; i < list->len; i++)
    hp_engine_mark_assignment (engine, g_ptr_array_index (list, i));
}

/* A port is the holder's for as long as both stay assigned to each other. */
static void
refresh_holders (HpEngine *engine)
{
  g_autoptr (GPtrArray) list = hp_policy_list (engine->world->policy);
  GHashTableIter iter;
  gpointer port;

  g_hash_table_iter_init (&iter, engine->world->holders);
  while (g_hash_table_iter_next (&iter, &port, NULL))
    if (hp_policy_exact (engine->world->policy, port) == NULL)
      g_hash_table_iter_remove (&iter);
  for (guint i = 0; i < list->len; i++)
    hp_engine_refresh_holder (engine, g_ptr_array_index (list, i));
}

void
hp_engine_rebuild_policy (HpEngine *engine)
{
  HpPolicy *old = engine->world->policy;
  HpPolicy *policy;
  GHashTableIter iter;
  gpointer value;

  if (engine->handing_back)
    return;
  policy = hp_policy_new ();
  mark_unresolved (engine);
  g_ptr_array_set_size (engine->unresolved, 0);
  for (guint i = 0; i < engine->config->vms->len; i++)
    add_configured (engine, policy, g_ptr_array_index (engine->config->vms, i));
  g_hash_table_iter_init (&iter, engine->state->choices);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const HpChoice *choice = value;

      hp_policy_put (policy, hp_assignment_new (choice->port, (const char *const *)choice->vms, choice->reserve, TRUE,
                                                "run time"));
    }
  mark_unresolved (engine);
  mark_assignments (engine, old);
  tell_unknown_vms (engine, old);
  tell_unknown_vms (engine, policy);
  engine->world->policy = policy;
  hp_policy_free (old);
  refresh_holders (engine);
  /* Which ports are theirs is part of what is shown of them. */
  for (guint i = 0; i < engine->config->vms->len; i++)
    hp_engine_vm_changed (engine, ((const HpConfigVm *)g_ptr_array_index (engine->config->vms, i))->name);
}

void
hp_engine_take_config (HpEngine *engine, HpConfig *config)
{
  hp_config_free (engine->config);
  engine->config = config;
  g_clear_pointer (&engine->config_error, g_free);
  hp_engine_sync_vms (engine);
  hp_engine_rebuild_policy (engine);
  g_signal_emit_by_name (engine, "status-changed");
}

static void
on_loaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpEngine *engine = g_task_get_source_object (task);
  g_autoptr (GError) error = NULL;
  HpConfig *config = hp_config_files_load_finish (result, &error);

  if (config == NULL)
    {
      g_free (engine->config_error);
      engine->config_error = g_strdup (error->message);
      g_signal_emit_by_name (engine, "status-changed");
      hp_warn (&((HpLog){ .message_id = HP_MESSAGE_CONFIG_BAD }), "the configuration stays as it was: %s",
               error->message);
      g_task_return_new_error (task, HP_ERROR, HP_ERROR_CONFIG_INVALID, "%s", error->message);
      return;
    }
  if (!engine->handing_back)
    hp_engine_take_config (engine, config);
  else
    hp_config_free (config);
  hp_usb_scan_all (engine->scan);
  g_task_return_boolean (task, TRUE);
}

void
hp_engine_reload_async (HpEngine *engine, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (engine, NULL, callback, user_data);

  g_task_set_source_tag (task, hp_engine_reload_async);
  hp_config_files_load_async (engine->config_path, NULL, on_loaded, task);
}
