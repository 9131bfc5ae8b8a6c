/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-engine.h"

#include "dbus/errors.h"
#include "dbus/names.h"

struct _HpEngine
{
  GObject parent_instance;

  char *config_path;
  char *config_error;
  char *state_error;
  GHashTable *ports, *devices, *vms;
  char *last;
  GError *next_error;
};

G_DEFINE_TYPE (HpEngine, hp_engine, G_TYPE_OBJECT)

HpPortView *
hp_engine_port_view (HpEngine *engine, const char *id)
{
  return fake_port_view_copy (g_hash_table_lookup (engine->ports, id));
}

HpDeviceView *
hp_engine_device_view (HpEngine *engine, const char *name)
{
  return fake_device_view_copy (g_hash_table_lookup (engine->devices, name));
}

HpVmView *
hp_engine_vm_view (HpEngine *engine, const char *name)
{
  return fake_vm_view_copy (g_hash_table_lookup (engine->vms, name));
}

static int
compare (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (*(char *const *)a, *(char *const *)b);
}

static char **
sorted_keys (GHashTable *table)
{
  g_autoptr (GPtrArray) keys = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, table);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_ptr_array_add (keys, g_strdup (key));
  g_ptr_array_sort (keys, compare);
  g_ptr_array_add (keys, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&keys), FALSE);
}

char **
hp_engine_port_ids (HpEngine *engine)
{
  return sorted_keys (engine->ports);
}

char **
hp_engine_device_names (HpEngine *engine)
{
  return sorted_keys (engine->devices);
}

char **
hp_engine_vm_names (HpEngine *engine)
{
  return sorted_keys (engine->vms);
}

const char *
hp_engine_config_path (HpEngine *engine)
{
  return engine->config_path;
}

const char *
hp_engine_config_error (HpEngine *engine)
{
  return engine->config_error;
}

const char *
hp_engine_state_error (HpEngine *engine)
{
  return engine->state_error;
}

char *
hp_engine_find_port (HpEngine *engine, const char *text, GError **error)
{
  GHashTableIter iter;
  gpointer id, value;

  g_hash_table_iter_init (&iter, engine->ports);
  while (g_hash_table_iter_next (&iter, &id, &value))
    {
      const HpPortView *view = value;

      if (g_str_equal (text, id) || g_str_equal (text, view->usb2))
        return g_strdup (id);
    }
  g_set_error (error, HP_ERROR, HP_ERROR_NO_SUCH_PORT, "no port is called %s", text);
  return NULL;
}

char *
hp_engine_find_device (HpEngine *engine, const char *text, GError **error)
{
  if (g_hash_table_contains (engine->devices, text))
    return g_strdup (text);
  g_set_error (error, HP_ERROR, HP_ERROR_NO_SUCH_DEVICE, "no device is called %s", text);
  return NULL;
}

gboolean
hp_engine_has_vm (HpEngine *engine, const char *vm, GError **error)
{
  if (g_hash_table_contains (engine->vms, vm))
    return TRUE;
  g_set_error (error, HP_ERROR, HP_ERROR_NO_SUCH_VIRTUAL_MACHINE, "no virtual machine is called %s", vm);
  return FALSE;
}

/* Notes the request; FALSE: it fails, and the answer is on its way. @text: (transfer full) */
static gboolean
note (HpEngine *engine, GTask *task, char *text)
{
  g_free (engine->last);
  engine->last = text;
  if (!engine->next_error)
    return TRUE;
  g_task_return_error (task, g_steal_pointer (&engine->next_error));
  return FALSE;
}

static void
set_port (HpEngine *engine, const char *id, const char *vm)
{
  HpPortView *port = g_hash_table_lookup (engine->ports, id);
  const char *const vms[] = { vm, NULL };

  g_strfreev (port->vms);
  port->vms = g_strdupv ((char **)vms);
  fake_set (&port->assigned_at, vm ? id : "");
  g_signal_emit_by_name (engine, "port-changed", id);
}

static void
set_device (HpEngine *engine, const char *name, const char *vm)
{
  HpDeviceView *device = g_hash_table_lookup (engine->devices, name);
  g_autofree char *before = g_strdup (device->vm);
  HpAttachmentEvent event = { .device = name, .port = device->port, .vm = vm ? vm : before };

  event.description = device->description;
  fake_set (&device->state, vm ? "attached" : "held-back");
  fake_set (&device->vm, vm ? vm : "");
  g_signal_emit_by_name (engine, "device-changed", name);
  g_signal_emit_by_name (engine, vm ? "attached" : "detached", &event);
}

void
hp_engine_assign_async (HpEngine *engine, const char *port_id, const char *vm, HpReserve reserve, guint32 by_uid,
                        GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (engine, NULL, callback, user_data);

  if (!note (engine, task, g_strdup_printf ("assign %s %s %u by %u", port_id, vm, reserve, by_uid)))
    return;
  set_port (engine, port_id, g_str_equal (vm, HP_HOST) ? NULL : vm);
  g_task_return_boolean (task, TRUE);
}

void
hp_engine_unassign_async (HpEngine *engine, const char *port_id, gboolean reset, guint32 by_uid,
                          GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (engine, NULL, callback, user_data);

  if (!note (engine, task, g_strdup_printf ("unassign %s %s by %u", port_id, reset ? "reset" : "keep", by_uid)))
    return;
  set_port (engine, port_id, NULL);
  g_task_return_boolean (task, TRUE);
}

void
hp_engine_attach_async (HpEngine *engine, const char *device, const char *vm, GAsyncReadyCallback callback,
                        gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (engine, NULL, callback, user_data);

  if (!note (engine, task, g_strdup_printf ("attach %s %s", device, vm)))
    return;
  set_device (engine, device, vm);
  g_task_return_boolean (task, TRUE);
}

void
hp_engine_detach_async (HpEngine *engine, const char *device, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (engine, NULL, callback, user_data);

  if (!note (engine, task, g_strdup_printf ("detach %s", device)))
    return;
  set_device (engine, device, NULL);
  g_task_return_boolean (task, TRUE);
}

void
hp_engine_reload_async (HpEngine *engine, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (engine, NULL, callback, user_data);
  g_autofree char *text = NULL;

  if (!note (engine, task, g_strdup ("reload")))
    return;
  if (g_file_get_contents (engine->config_path, &text, NULL, NULL) && g_str_has_prefix (text, "bad"))
    {
      fake_engine_set_status (engine, "config.yaml:1:1: bad", NULL);
      g_task_return_new_error (task, HP_ERROR, HP_ERROR_CONFIG_INVALID, "%s", engine->config_error);
      return;
    }
  fake_engine_set_status (engine, "", NULL);
  g_task_return_boolean (task, TRUE);
}

gboolean
hp_engine_request_finish (HpEngine *engine, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
hp_engine_stop_async (HpEngine *engine, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (engine, NULL, callback, user_data);

  g_task_return_boolean (task, TRUE);
}

void
hp_engine_stop_finish (HpEngine *engine, GAsyncResult *result)
{
}

HpPortView *
fake_engine_add_port (HpEngine *engine, const char *id, const char *usb2)
{
  HpPortView *view = fake_port_view_new ();

  fake_set (&view->id, id);
  fake_set (&view->usb2, usb2);
  fake_set (&view->state, "host");
  view->present = TRUE;
  g_hash_table_insert (engine->ports, g_strdup (id), view);
  return view;
}

HpDeviceView *
fake_engine_add_device (HpEngine *engine, const char *name, const char *port, guint bus, guint number)
{
  HpDeviceView *view = fake_device_view_new ();

  fake_set (&view->name, name);
  fake_set (&view->port, port);
  fake_set (&view->description, "Stick (1234:5678)");
  fake_set (&view->state, "host");
  view->bus = bus;
  view->number = number;
  view->vendor_id = 0x1234;
  view->product_id = 0x5678;
  g_hash_table_insert (engine->devices, g_strdup (name), view);
  return view;
}

HpVmView *
fake_engine_add_vm (HpEngine *engine, const char *name, const char *state)
{
  HpVmView *view = fake_vm_view_new ();

  fake_set (&view->name, name);
  fake_set (&view->state, state);
  view->uid = G_MAXUINT32;
  g_hash_table_insert (engine->vms, g_strdup (name), view);
  return view;
}

void
hp_engine_start (HpEngine *engine)
{
  HpPortView *port = fake_engine_add_port (engine, FAKE_PORT, "3-1");
  HpDeviceView *device = fake_engine_add_device (engine, "3-1", FAKE_PORT, 3, 7);
  HpVmView *vm = fake_engine_add_vm (engine, "windows", "online");
  HpGuestBus *bus = g_new0 (HpGuestBus, 1);

  fake_engine_add_port (engine, FAKE_PORT_FREE, "3-2");
  fake_engine_add_vm (engine, "linux", "offline");
  g_strfreev (port->vms);
  port->vms = g_strsplit ("windows", ",", -1);
  fake_set (&port->assigned_at, FAKE_PORT);
  fake_set (&port->state, "active");
  fake_set (&device->vm, "windows");
  fake_set (&device->state, "attached");
  bus->name = (char *)"xhci.0";
  bus->type = (char *)"qemu-xhci";
  bus->ports = 8;
  bus->used = g_hash_table_new (NULL, NULL);
  g_hash_table_add (bus->used, GUINT_TO_POINTER (3));
  g_ptr_array_add (vm->buses, bus);
}

GHashTable *
fake_engine_ports (HpEngine *engine)
{
  return engine->ports;
}

GHashTable *
fake_engine_devices (HpEngine *engine)
{
  return engine->devices;
}

GHashTable *
fake_engine_vms (HpEngine *engine)
{
  return engine->vms;
}

const char *
fake_engine_last (HpEngine *engine)
{
  return engine->last;
}

void
fake_engine_fail_next (HpEngine *engine, GError *error)
{
  engine->next_error = error;
}

void
fake_engine_set_status (HpEngine *engine, const char *config_error, const char *state_error)
{
  if (config_error)
    fake_set (&engine->config_error, config_error);
  if (state_error)
    fake_set (&engine->state_error, state_error);
  g_signal_emit_by_name (engine, "status-changed");
}

static void
hp_engine_finalize (GObject *object)
{
  HpEngine *self = HP_ENGINE (object);

  g_hash_table_unref (self->ports);
  g_hash_table_unref (self->devices);
  g_hash_table_unref (self->vms);
  g_clear_error (&self->next_error);
  g_free (self->config_path);
  g_free (self->config_error);
  g_free (self->state_error);
  g_free (self->last);
  G_OBJECT_CLASS (hp_engine_parent_class)->finalize (object);
}

static void
hp_engine_class_init (HpEngineClass *class)
{
  static const char *const keyed[] = { "port-changed", "device-changed", "vm-changed" };
  static const char *const events[] = { "attached", "detached", "attach-failed" };

  G_OBJECT_CLASS (class)->finalize = hp_engine_finalize;
  for (guint i = 0; i < G_N_ELEMENTS (keyed); i++)
    g_signal_new (keyed[i], HP_TYPE_ENGINE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  for (guint i = 0; i < G_N_ELEMENTS (events); i++)
    g_signal_new (events[i], HP_TYPE_ENGINE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_POINTER);
  g_signal_new ("status-changed", HP_TYPE_ENGINE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
hp_engine_init (HpEngine *self)
{
  self->ports = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)hp_port_view_free);
  self->devices = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)hp_device_view_free);
  self->vms = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)hp_vm_view_free);
  self->config_error = g_strdup ("");
  self->state_error = g_strdup ("");
}

HpEngine *
hp_engine_new (const char *config_path, const char *state_path, HpServiceManager *manager)
{
  HpEngine *engine = g_object_new (HP_TYPE_ENGINE, NULL);

  engine->config_path = g_strdup (config_path);
  return engine;
}
