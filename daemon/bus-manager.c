/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus-manager.h"

#include "bus-arguments.h"

#include "dbus/names.h"
#include "dbus/paths.h"

struct _HpBusManager
{
  HpBusParts parts;
  HpBusCalls *calls;
  HpDBusManager *skeleton;
};

static gboolean
on_assign (HpDBusManager *skeleton, GDBusMethodInvocation *invocation, const char *port, const char *vm,
           GVariant *options, HpBusManager *manager)
{
  hp_bus_calls_begin (manager->calls, HP_BUS_ASSIGN, invocation, port, vm, options);
  return TRUE;
}

static gboolean
on_unassign (HpDBusManager *skeleton, GDBusMethodInvocation *invocation, const char *port, GVariant *options,
             HpBusManager *manager)
{
  hp_bus_calls_begin (manager->calls, HP_BUS_UNASSIGN, invocation, port, NULL, options);
  return TRUE;
}

static gboolean
on_attach (HpDBusManager *skeleton, GDBusMethodInvocation *invocation, const char *device, const char *vm,
           GVariant *options, HpBusManager *manager)
{
  hp_bus_calls_begin (manager->calls, HP_BUS_ATTACH, invocation, device, vm, options);
  return TRUE;
}

static gboolean
on_detach (HpDBusManager *skeleton, GDBusMethodInvocation *invocation, const char *device, GVariant *options,
           HpBusManager *manager)
{
  hp_bus_calls_begin (manager->calls, HP_BUS_DETACH, invocation, device, NULL, options);
  return TRUE;
}

static gboolean
on_reload (HpDBusManager *skeleton, GDBusMethodInvocation *invocation, GVariant *options, HpBusManager *manager)
{
  hp_bus_calls_begin (manager->calls, HP_BUS_RELOAD, invocation, NULL, NULL, options);
  return TRUE;
}

/* What is seen by other ways after a list is not older than the list. */
static gboolean
list (HpBusManager *manager, HpBusObjects *objects, GDBusMethodInvocation *invocation, GVariant *options)
{
  g_autoptr (GError) error = NULL;

  if (!hp_bus_check_options (options, NULL, &error))
    {
      g_dbus_method_invocation_return_gerror (invocation, error);
      return TRUE;
    }
  hp_bus_objects_sync (manager->parts.devices);
  hp_bus_objects_sync (manager->parts.ports);
  hp_bus_objects_sync (manager->parts.vms);
  g_dbus_method_invocation_return_value (invocation, g_variant_new ("(@a(oa{sv}))", hp_bus_objects_list (objects)));
  return TRUE;
}

static gboolean
on_list_ports (HpDBusManager *skeleton, GDBusMethodInvocation *invocation, GVariant *options, HpBusManager *manager)
{
  return list (manager, manager->parts.ports, invocation, options);
}

static gboolean
on_list_devices (HpDBusManager *skeleton, GDBusMethodInvocation *invocation, GVariant *options, HpBusManager *manager)
{
  return list (manager, manager->parts.devices, invocation, options);
}

static gboolean
on_list_vms (HpDBusManager *skeleton, GDBusMethodInvocation *invocation, GVariant *options, HpBusManager *manager)
{
  return list (manager, manager->parts.vms, invocation, options);
}

static const char *
known (const char *text)
{
  return text ? text : "";
}

/* The device's own properties are never behind the signal about it. */
static char *
event_path (HpBusManager *manager, const HpAttachmentEvent *event)
{
  hp_bus_objects_sync_one (manager->parts.devices, event->device);
  return hp_path_make (HP_OBJECT_DEVICE, event->device);
}

static void
on_attached (HpEngine *engine, const HpAttachmentEvent *event, HpBusManager *manager)
{
  g_autofree char *path = event_path (manager, event);
  GVariantDict details;

  g_variant_dict_init (&details, NULL);
  g_variant_dict_insert (&details, "description", "s", known (event->description));
  g_variant_dict_insert (&details, "guest-bus", "s", known (event->guest_bus));
  g_variant_dict_insert (&details, "guest-port", "u", event->guest_port);
  g_variant_dict_insert (&details, "latency-usec", "t", event->latency_usec);
  hp_dbus_manager_emit_device_attached (manager->skeleton, path, event->device, known (event->port), known (event->vm),
                                        g_variant_dict_end (&details));
}

static void
on_detached (HpEngine *engine, const HpAttachmentEvent *event, HpBusManager *manager)
{
  g_autofree char *path = event_path (manager, event);
  GVariantDict details;

  g_variant_dict_init (&details, NULL);
  g_variant_dict_insert (&details, "description", "s", known (event->description));
  hp_dbus_manager_emit_device_detached (manager->skeleton, path, event->device, known (event->port), known (event->vm),
                                        g_variant_dict_end (&details));
}

static void
on_attach_failed (HpEngine *engine, const HpAttachmentEvent *event, HpBusManager *manager)
{
  g_autofree char *path = event_path (manager, event);
  GVariantDict details;

  g_variant_dict_init (&details, NULL);
  g_variant_dict_insert (&details, "description", "s", known (event->description));
  g_variant_dict_insert (&details, "reason", "s", known (event->reason));
  g_variant_dict_insert (&details, "message", "s", known (event->message));
  g_variant_dict_insert (&details, "retry-usec", "t", event->retry_usec);
  hp_dbus_manager_emit_attach_failed (manager->skeleton, path, event->device, known (event->port), known (event->vm),
                                      g_variant_dict_end (&details));
}

static void
on_status (HpEngine *engine, HpBusManager *manager)
{
  hp_dbus_manager_set_config_error (manager->skeleton, hp_engine_config_error (engine));
  hp_dbus_manager_set_state_error (manager->skeleton, hp_engine_state_error (engine));
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (manager->skeleton));
}

HpBusManager *
hp_bus_manager_new (const HpBusParts *parts)
{
  static const struct
  {
    const char *signal;
    GCallback handler;
  } methods[] = {
    { "handle-list-ports", G_CALLBACK (on_list_ports) },
    { "handle-list-devices", G_CALLBACK (on_list_devices) },
    { "handle-list-virtual-machines", G_CALLBACK (on_list_vms) },
    { "handle-assign-port", G_CALLBACK (on_assign) },
    { "handle-unassign-port", G_CALLBACK (on_unassign) },
    { "handle-attach-device", G_CALLBACK (on_attach) },
    { "handle-detach-device", G_CALLBACK (on_detach) },
    { "handle-reload", G_CALLBACK (on_reload) },
  };
  HpBusManager *manager = g_new0 (HpBusManager, 1);

  manager->parts = *parts;
  manager->calls = hp_bus_calls_new (parts);
  manager->skeleton = hp_dbus_manager_skeleton_new ();
  hp_dbus_manager_set_version (manager->skeleton, HP_VERSION);
  hp_dbus_manager_set_config_file (manager->skeleton, hp_engine_config_path (parts->engine));
  on_status (parts->engine, manager);
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    g_signal_connect (manager->skeleton, methods[i].signal, methods[i].handler, manager);
  g_signal_connect (parts->engine, "status-changed", G_CALLBACK (on_status), manager);
  g_signal_connect (parts->engine, "attached", G_CALLBACK (on_attached), manager);
  g_signal_connect (parts->engine, "detached", G_CALLBACK (on_detached), manager);
  g_signal_connect (parts->engine, "attach-failed", G_CALLBACK (on_attach_failed), manager);
  return manager;
}

gboolean
hp_bus_manager_export (HpBusManager *manager, GDBusConnection *connection, GError **error)
{
  return g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (manager->skeleton), connection, HP_OBJECT_ROOT,
                                           error);
}

void
hp_bus_manager_close (HpBusManager *manager)
{
  g_signal_handlers_disconnect_by_data (manager->parts.engine, manager);
  g_signal_handlers_disconnect_by_data (manager->skeleton, manager);
  g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (manager->skeleton));
  g_clear_object (&manager->skeleton);
  hp_bus_calls_close (manager->calls);
  g_free (manager);
}
