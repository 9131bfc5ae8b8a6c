/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builder.h"

#include <string.h>

static HpDevice *
new_device (const char *name, guint8 device_class)
{
  static guint64 instances = 0;
  HpDevice *device = hp_device_new ();

  instances++;
  device->name = g_strdup (name);
  device->instance = instances;
  device->bus = (guint)(g_str_has_prefix (name, "usb") ? name[3] : name[0]) - '0';
  device->devnum = (guint)instances % 127 + 1;
  device->usb = device->bus == 4 ? 3 : 2;
  device->controller = g_strdup (BUILDER_CONTROLLER);
  device->controller_path = g_strdup ("/devices/pci0000:00/0000:00:14.0");
  device->syspath = g_strdup_printf ("/devices/pci0000:00/0000:00:14.0/usb%u/%s", device->bus, name);
  device->class_code = device_class;
  device->hub = device_class == 9;
  device->speed = device->bus == 4 ? HP_SPEED_SUPER : HP_SPEED_HIGH;
  device->configured = TRUE;
  return device;
}

static void
add_ports (HpDevice *hub, guint n_ports)
{
  for (guint i = 1; i <= n_ports; i++)
    {
      gboolean root = g_str_has_prefix (hub->name, "usb");
      g_autofree char *name = root ? g_strdup_printf ("%u-%u", hub->bus, i) : g_strdup_printf ("%s.%u", hub->name, i);
      HpKernelPort *port = hp_kernel_port_new (name, i);

      if (root)
        port->peer = g_strdup_printf ("%u-%u", hub->bus == 3 ? 4 : 3, i);
      g_ptr_array_add (hub->ports, port);
    }
}

static guint64
put (HpTopology *topology, HpDevice *device)
{
  g_autoptr (HpChanges) changes = hp_changes_new ();
  guint64 instance = device->instance;

  hp_topology_put (topology, device, changes);
  return instance;
}

HpTopology *
builder_topology (void)
{
  HpTopology *topology = hp_topology_new ();
  const char *const roots[] = { "usb3", "usb4" };

  for (guint i = 0; i < G_N_ELEMENTS (roots); i++)
    {
      HpDevice *root = new_device (roots[i], 9);

      add_ports (root, 15);
      put (topology, root);
    }
  return topology;
}

guint64
builder_plug (HpTopology *topology, const char *name, guint8 device_class, guint n_ports)
{
  HpDevice *device = new_device (name, device_class);

  hp_device_add_interface (device, 0, device_class == 9 ? 9 : 8, 6, 80, device_class == 9 ? "hub" : "usb-storage");
  add_ports (device, n_ports);
  return put (topology, device);
}

guint64
builder_plug_idle (HpTopology *topology, const char *name, guint8 device_class)
{
  HpDevice *device = new_device (name, device_class);

  device->configured = FALSE;
  return put (topology, device);
}

void
builder_unplug (HpTopology *topology, const char *name)
{
  g_autoptr (HpChanges) changes = hp_changes_new ();

  hp_topology_remove (topology, name, changes);
}

HpVmFacts *
builder_vm (HpWorld *world, const char *name, gboolean running, gboolean ready)
{
  HpVmFacts *facts = hp_world_vm (world, name);

  facts->settled = TRUE;
  facts->running = running;
  facts->ready = ready;
  facts->reason = ready ? HP_REASON_NONE : running ? HP_REASON_VM_STALLED : HP_REASON_NO_SOCKET;
  return facts;
}

const HpAssignment *
builder_assign (HpWorld *world, const char *port, const char *vms, HpReserve reserve)
{
  g_auto (GStrv) names = *vms != '\0' ? g_strsplit (vms, " ", -1) : g_new0 (char *, 1);
  const HpAssignment *assignment;

  hp_policy_put (world->policy, hp_assignment_new (port, (const char *const *)names, reserve, TRUE, "run time"));
  assignment = hp_policy_exact (world->policy, port);
  hp_world_set_holder (world, port, hp_world_pick_holder (world, assignment));
  return assignment;
}
