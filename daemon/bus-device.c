/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus-device.h"

#include "dbus/names.h"

static void
show (HpDBusDevice *device, const HpDeviceView *view)
{
  hp_dbus_device_set_name (device, view->name);
  hp_dbus_device_set_port (device, view->port);
  hp_dbus_device_set_bus (device, view->bus);
  hp_dbus_device_set_number (device, view->number);
  hp_dbus_device_set_vendor_id (device, view->vendor_id);
  hp_dbus_device_set_product_id (device, view->product_id);
  hp_dbus_device_set_vendor (device, view->vendor);
  hp_dbus_device_set_product (device, view->product);
  hp_dbus_device_set_serial (device, view->serial);
  hp_dbus_device_set_description (device, view->description);
  hp_dbus_device_set_speed (device, view->speed);
  hp_dbus_device_set_class (device, view->class_name);
  hp_dbus_device_set_hub (device, view->hub);
  hp_dbus_device_set_virtual_machine (device, view->vm);
  hp_dbus_device_set_state (device, view->state);
  hp_dbus_device_set_reason (device, view->reason);
  hp_dbus_device_set_message (device, view->message);
  hp_dbus_device_set_guest_bus (device, view->guest_bus);
  hp_dbus_device_set_guest_port (device, view->guest_port);
  hp_dbus_device_set_qemu_id (device, view->qemu_id);
  hp_dbus_device_set_attempts (device, view->attempts);
  hp_dbus_device_set_latency_usec (device, view->latency_usec);
}

static GDBusInterfaceSkeleton *
show_device (HpEngine *engine, const char *key, GDBusInterfaceSkeleton *current)
{
  g_autoptr (HpDeviceView) view = hp_engine_device_view (engine, key);
  HpDBusDevice *device = current ? HP_DBUS_DEVICE (current) : NULL;

  if (!view)
    return NULL;
  /* The kernel gives every plug and every re-enumeration a number of its own. */
  if (device && hp_dbus_device_get_bus (device) == view->bus && hp_dbus_device_get_number (device) == view->number)
    g_object_ref (device);
  else
    device = hp_dbus_device_skeleton_new ();
  show (device, view);
  return G_DBUS_INTERFACE_SKELETON (device);
}

const HpBusKind hp_bus_device_kind = {
  .parent = HP_OBJECT_DEVICE,
  .signal = "device-changed",
  .keys = hp_engine_device_names,
  .show = show_device,
};
