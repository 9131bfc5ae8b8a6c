/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus-port.h"

#include "dbus/names.h"

static void
show (HpDBusPort *port, const HpPortView *view)
{
  hp_dbus_port_set_id (port, view->id);
  hp_dbus_port_set_present (port, view->present);
  hp_dbus_port_set_usb2 (port, view->usb2);
  hp_dbus_port_set_usb3 (port, view->usb3);
  hp_dbus_port_set_parent (port, view->parent);
  hp_dbus_port_set_connect_type (port, view->connect_type);
  hp_dbus_port_set_position (port, view->position);
  hp_dbus_port_set_over_current (port, view->over_current);
  hp_dbus_port_set_devices (port, (const char *const *)view->devices);
  hp_dbus_port_set_virtual_machines (port, (const char *const *)view->vms);
  hp_dbus_port_set_assigned_at (port, view->assigned_at);
  hp_dbus_port_set_origin (port, view->origin);
  hp_dbus_port_set_reserve (port, view->reserve);
  hp_dbus_port_set_holder (port, view->holder);
  hp_dbus_port_set_claimed (port, view->claimed);
  hp_dbus_port_set_state (port, view->state);
  hp_dbus_port_set_reason (port, view->reason);
  hp_dbus_port_set_message (port, view->message);
}

static GDBusInterfaceSkeleton *
show_port (HpEngine *engine, const char *key, GDBusInterfaceSkeleton *current)
{
  g_autoptr (HpPortView) view = hp_engine_port_view (engine, key);
  HpDBusPort *port;

  if (!view)
    return NULL;
  port = current ? g_object_ref (HP_DBUS_PORT (current)) : hp_dbus_port_skeleton_new ();
  show (port, view);
  return G_DBUS_INTERFACE_SKELETON (port);
}

const HpBusKind hp_bus_port_kind = {
  .parent = HP_OBJECT_PORT,
  .signal = "port-changed",
  .keys = hp_engine_port_ids,
  .show = show_port,
};
