/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reconcile.h"
#include "sample.h"
#include "status.h"

/*
 * What deciding costs on a small and on a huge machine: one plug through topology, policy, reconcile and status, and the
 * list of all ports. In process, without I/O: any growth is ours.
 */
#define ROUNDS 2000
#define HUB_PORTS 50
#define CONTROLLER "pci-0000:00:14.0"

typedef struct
{
  HpTopology *topology;
  HpWorld *world;
  guint n_hubs;
  guint64 instance;
} Machine;

static HpDevice *
new_device (Machine *machine, const char *name, gboolean hub, guint n_ports)
{
  HpDevice *device = hp_device_new ();

  device->name = g_strdup (name);
  device->instance = ++machine->instance;
  device->bus = 1;
  device->devnum = (guint)machine->instance % 127 + 1;
  device->usb = 2;
  device->controller = g_strdup (CONTROLLER);
  device->controller_path = g_strdup ("/devices/pci0000:00/0000:00:14.0");
  device->syspath = g_strdup_printf ("/devices/pci0000:00/0000:00:14.0/usb1/%s", name);
  device->vendor = g_strdup ("SanDisk");
  device->product = g_strdup ("Ultra");
  device->speed = HP_SPEED_HIGH;
  device->configured = TRUE;
  device->hub = hub;
  hp_device_add_interface (device, 0, hub ? 9 : 8, 6, 80, NULL);
  for (guint i = 1; i <= n_ports; i++)
    {
      g_autofree char *port =
          g_str_has_prefix (name, "usb") ? g_strdup_printf ("1-%u", i) : g_strdup_printf ("%s.%u", name, i);

      g_ptr_array_add (device->ports, hp_kernel_port_new (port, i));
    }
  return device;
}

static void
put (Machine *machine, HpDevice *device)
{
  g_autoptr (HpChanges) changes = hp_changes_new ();

  hp_topology_put (machine->topology, device, changes);
}

/* Hub @number's ports are the machine's vm<number>. All of them run. */
static void
add_hub (Machine *machine, guint number, guint n_ports)
{
  g_autofree char *name = g_strdup_printf ("1-%u", number);
  g_autofree char *vm = g_strdup_printf ("vm%u", number);
  g_autofree char *id = g_strdup_printf (CONTROLLER "-usbv2-0:%u", number);
  HpVmFacts *facts = hp_world_vm (machine->world, vm);

  put (machine, new_device (machine, name, TRUE, n_ports));
  facts->settled = facts->running = facts->ready = TRUE;
  facts->reason = HP_REASON_NONE;
  hp_policy_add_config (machine->world->policy, id, vm, HP_RESERVE_NEVER, "config.yaml:1");
  hp_world_set_holder (machine->world, id, vm);
}

static Machine *
machine_new (guint n_ports)
{
  Machine *machine = g_new0 (Machine, 1);
  guint per_hub = MIN (n_ports, HUB_PORTS);

  machine->n_hubs = n_ports / per_hub;
  machine->topology = hp_topology_new ();
  machine->world = hp_world_new (machine->topology);
  put (machine, new_device (machine, "usb1", TRUE, machine->n_hubs));
  for (guint i = 1; i <= machine->n_hubs; i++)
    add_hub (machine, i, per_hub);
  return machine;
}

static void
machine_free (Machine *machine)
{
  hp_world_free (machine->world);
  hp_topology_free (machine->topology);
  g_free (machine);
}

/* What the engine asks after an event, and what it then shows. Returns: how many actions came of it. */
static guint
decide (Machine *machine, const char *name)
{
  g_autoptr (HpScope) scope = hp_scope_new ();
  g_autoptr (GPtrArray) actions = NULL;
  const HpDevice *device = hp_topology_device (machine->topology, name);
  const HpPort *port = hp_topology_port_at (machine->topology, name);

  machine->world->now = g_get_monotonic_time ();
  hp_scope_add_device (scope, machine->topology, name);
  actions = hp_reconcile (machine->world, scope);
  hp_status_port (machine->world, port);
  if (device != NULL)
    hp_status_device (machine->world, device);
  return actions->len;
}

/* µs of a plug and an unplug, anywhere on the machine. */
static double
measure_plug (Machine *machine)
{
  g_autoptr (Sample) sample = sample_new ();

  for (guint i = 0; i < ROUNDS; i++)
    {
      g_autofree char *name = g_strdup_printf ("1-%u.%u", i * 7 % machine->n_hubs + 1, i % 10 + 1);
      g_autoptr (HpChanges) changes = hp_changes_new ();
      double began = sample_now ();

      hp_topology_put (machine->topology, new_device (machine, name, FALSE, 0), changes);
      g_assert_cmpuint (decide (machine, name), ==, 1);
      hp_topology_remove (machine->topology, name, changes);
      g_assert_cmpuint (decide (machine, name), ==, 0);
      sample_add (sample, sample_now () - began);
    }
  return sample_percentile (sample, 50);
}

/* µs of a list of all ports with their states, for each of them. */
static double
measure_list (Machine *machine, guint n_ports)
{
  g_autoptr (Sample) sample = sample_new ();

  for (guint i = 0; i < MAX (10, ROUNDS / n_ports); i++)
    {
      double began = sample_now ();
      g_autoptr (GPtrArray) ports = hp_topology_list_ports (machine->topology);

      for (guint j = 0; j < ports->len; j++)
        hp_status_port (machine->world, g_ptr_array_index (ports, j));
      sample_add (sample, (sample_now () - began) / ports->len);
    }
  return sample_percentile (sample, 50);
}

int
main (int argc, char **argv)
{
  static const guint sizes[] = { 10, 1000, 10000 };
  Table *table = table_new ("Deciding, in process: each size against 10 ports");
  double plug[G_N_ELEMENTS (sizes)], list[G_N_ELEMENTS (sizes)];

  bench_init (&argc, &argv);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      Machine *machine = machine_new (sizes[i]);

      plug[i] = measure_plug (machine);
      list[i] = measure_list (machine, sizes[i]);
      machine_free (machine);
    }
  /* Twice is what the caches of the processor cost; what grows with the machine would be a hundred times and more. */
  for (guint i = 1; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autofree char *a = g_strdup_printf ("plug and unplug, %u ports", sizes[i]);
      g_autofree char *b = g_strdup_printf ("list, per port, %u ports", sizes[i]);

      table_row (table, a, plug[i], plug[0], "us", 2);
      table_row (table, b, list[i], list[0], "us", 0);
    }
  table_end (table);
  return 0;
}
