/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus-vm.h"

#include "dbus/names.h"

static GVariant *
guest_buses (const HpVmView *view)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ssuu)"));
  for (guint i = 0; i < view->buses->len; i++)
    {
      const HpGuestBus *bus = view->buses->pdata[i];

      g_variant_builder_add (&builder, "(ssuu)", bus->name, bus->type, bus->ports, g_hash_table_size (bus->used));
    }
  return g_variant_builder_end (&builder);
}

static void
show (HpDBusVirtualMachine *vm, const HpVmView *view)
{
  hp_dbus_virtual_machine_set_name (vm, view->name);
  hp_dbus_virtual_machine_set_socket (vm, view->socket);
  hp_dbus_virtual_machine_set_origin (vm, view->origin);
  hp_dbus_virtual_machine_set_state (vm, view->state);
  hp_dbus_virtual_machine_set_reason (vm, view->reason);
  hp_dbus_virtual_machine_set_message (vm, view->message);
  hp_dbus_virtual_machine_set_run_state (vm, view->run_state);
  hp_dbus_virtual_machine_set_qemu_version (vm, view->version);
  hp_dbus_virtual_machine_set_pid (vm, view->pid);
  hp_dbus_virtual_machine_set_uid (vm, view->uid);
  hp_dbus_virtual_machine_set_guest_buses (vm, guest_buses (view));
  hp_dbus_virtual_machine_set_ports (vm, (const char *const *)view->ports);
  hp_dbus_virtual_machine_set_devices (vm, (const char *const *)view->devices);
}

static GDBusInterfaceSkeleton *
show_vm (HpEngine *engine, const char *key, GDBusInterfaceSkeleton *current)
{
  g_autoptr (HpVmView) view = hp_engine_vm_view (engine, key);
  HpDBusVirtualMachine *vm;

  if (!view)
    return NULL;
  vm = current ? g_object_ref (HP_DBUS_VIRTUAL_MACHINE (current)) : hp_dbus_virtual_machine_skeleton_new ();
  show (vm, view);
  return G_DBUS_INTERFACE_SKELETON (vm);
}

const HpBusKind hp_bus_vm_kind = {
  .parent = HP_OBJECT_VM,
  .signal = "vm-changed",
  .keys = hp_engine_vm_names,
  .show = show_vm,
};
