/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus.h"

#include "bus-device.h"
#include "bus-manager.h"
#include "bus-port.h"
#include "bus-vm.h"
#include "summary.h"

#include "dbus/errors.h"
#include "dbus/names.h"

struct _HpBus
{
  GDBusConnection *connection;
  HpEngine *engine;
  HpAuthority *authority;
  const HpBusEvents *events;
  gpointer user_data;
  GDBusObjectManagerServer *server;
  HpBusObjects *ports, *devices, *vms;
  HpBusManager *manager;
  HpSummary *summary;
  gulong handler;
  guint name;
  gboolean owned;
};

static void
tell_status (HpBus *bus)
{
  g_autofree char *line = NULL;

  if (!bus->owned)
    return;
  line = hp_summary_line (bus->summary);
  bus->events->status (line, bus->user_data);
}

static void
on_port_shown (const char *key, GDBusInterfaceSkeleton *skeleton, gpointer user_data)
{
  HpBus *bus = user_data;
  HpDBusPort *port = skeleton ? HP_DBUS_PORT (skeleton) : NULL;
  const char *const *vms = port ? hp_dbus_port_get_virtual_machines (port) : NULL;

  hp_summary_port (bus->summary, key, vms && vms[0] && g_str_equal (hp_dbus_port_get_assigned_at (port), key));
  tell_status (bus);
}

static void
on_device_shown (const char *key, GDBusInterfaceSkeleton *skeleton, gpointer user_data)
{
  HpBus *bus = user_data;
  HpDBusDevice *device = skeleton ? HP_DBUS_DEVICE (skeleton) : NULL;
  gboolean attached = device && g_str_equal (hp_dbus_device_get_state (device), "attached");

  hp_summary_device (bus->summary, key, attached ? hp_dbus_device_get_virtual_machine (device) : NULL);
  tell_status (bus);
}

static void
on_status_changed (HpEngine *engine, gpointer user_data)
{
  tell_status (user_data);
}

static void
on_name_acquired (GDBusConnection *connection, const char *name, gpointer user_data)
{
  HpBus *bus = user_data;

  bus->owned = TRUE;
  bus->events->owned (bus->user_data);
  tell_status (bus);
}

static void
on_name_lost (GDBusConnection *connection, const char *name, gpointer user_data)
{
  HpBus *bus = user_data;
  const char *problem = "the connection to the bus is gone";

  if (connection && bus->owned)
    problem = "the bus took the name " HP_BUS_NAME " away";
  else if (connection)
    problem = "cannot have the name " HP_BUS_NAME " on the bus: another hotplugd runs, or org.hotplugger1.conf is not "
              "installed, or this is not its user";
  bus->owned = FALSE;
  bus->events->lost (problem, bus->user_data);
}

static gboolean
export_all (HpBus *bus, GError **error)
{
  HpBusParts parts = { bus->engine, bus->authority, NULL, NULL, NULL };

  bus->server = g_dbus_object_manager_server_new (HP_OBJECT_ROOT);
  parts.ports = bus->ports = hp_bus_objects_new (&hp_bus_port_kind, bus->engine, bus->server, on_port_shown, bus);
  parts.devices = bus->devices =
      hp_bus_objects_new (&hp_bus_device_kind, bus->engine, bus->server, on_device_shown, bus);
  parts.vms = bus->vms = hp_bus_objects_new (&hp_bus_vm_kind, bus->engine, bus->server, NULL, NULL);
  bus->manager = hp_bus_manager_new (&parts);
  /* After the manager's own, so that the properties are new when the line is. */
  bus->handler = g_signal_connect (bus->engine, "status-changed", G_CALLBACK (on_status_changed), bus);
  if (!hp_bus_manager_export (bus->manager, bus->connection, error))
    return FALSE;
  g_dbus_object_manager_server_set_connection (bus->server, bus->connection);
  return TRUE;
}

HpBus *
hp_bus_new (GDBusConnection *connection, HpEngine *engine, HpAuthority *authority, const HpBusEvents *events,
            gpointer user_data, GError **error)
{
  HpBus *bus = g_new0 (HpBus, 1);

  hp_error_quark (); /* registers the names of our errors */
  bus->connection = g_object_ref (connection);
  bus->engine = engine;
  bus->authority = g_object_ref (authority);
  bus->events = events;
  bus->user_data = user_data;
  bus->summary = hp_summary_new ();
  if (!export_all (bus, error))
    {
      g_prefix_error (error, "cannot put " HP_OBJECT_ROOT " on the bus: ");
      hp_bus_close (bus);
      return NULL;
    }
  bus->name = g_bus_own_name_on_connection (connection, HP_BUS_NAME, G_BUS_NAME_OWNER_FLAGS_DO_NOT_QUEUE,
                                            on_name_acquired, on_name_lost, bus, NULL);
  return bus;
}

void
hp_bus_close (HpBus *bus)
{
  g_clear_handle_id (&bus->name, g_bus_unown_name);
  g_signal_handler_disconnect (bus->engine, bus->handler);
  hp_bus_manager_close (bus->manager);
  g_dbus_object_manager_server_set_connection (bus->server, NULL);
  hp_bus_objects_free (bus->ports);
  hp_bus_objects_free (bus->devices);
  hp_bus_objects_free (bus->vms);
  g_clear_object (&bus->server);
  g_clear_object (&bus->authority);
  g_clear_object (&bus->connection);
  hp_summary_free (bus->summary);
  g_free (bus);
}
