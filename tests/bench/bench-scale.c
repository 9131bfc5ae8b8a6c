/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bed.h"
#include "echo.h"
#include "peer.h"
#include "process.h"
#include "sample.h"
#include "service.h"

/*
 * The real hotplugd on small and huge machines: how long it takes to start; what a plug costs its processors from event to
 * signals; and how long ListPorts takes, against a service that has the same answer ready. All virtual machines but one do
 * not run.
 *
 * usage: bench-scale HOTPLUGD
 */
#define PLUGS 40
#define LISTS 10

typedef struct
{
  guint ports, vms;
  double start, plug; /* µs */
  double list, list_cpu, list_floor;
  guint64 resident; /* KiB */
} Figures;

static double
measure_plug (Bed *bed, Service *service, Peer *peer)
{
  g_autoptr (Sample) sample = sample_new ();

  for (guint i = 0; i < PLUGS; i++)
    {
      double began;

      /* What came before is done with, and so is the time that what is shown may be behind. */
      run_for (30);
      service_list (service, "ListVirtualMachines");
      began = process_cpu (service->pid);
      peer_reset (peer);
      bed_plug (bed, "3-1");
      peer_wait (peer, "qom-get");
      run_for (30);
      sample_add (sample, process_cpu (service->pid) - began);
      bed_unplug (bed, "3-1", service->pid);
      peer_wait (peer, "device_del");
    }
  return sample_percentile (sample, 50);
}

/* µs of a list as the caller sees it. @ret_cpu: (out) (nullable): what it costs the service */
static double
measure_list (Service *service, int pid, double *ret_cpu)
{
  g_autoptr (Sample) sample = sample_new ();
  g_autoptr (Sample) cpu = sample_new ();

  for (guint i = 0; i < LISTS; i++)
    {
      double cpu_began = pid > 0 ? process_cpu (pid) : 0;
      double began = sample_now ();
      g_autoptr (GVariant) reply G_GNUC_UNUSED = service_call (service, "ListPorts");

      sample_add (sample, sample_now () - began);
      sample_add (cpu, pid > 0 ? process_cpu (pid) - cpu_began : 0);
    }
  if (ret_cpu != NULL)
    *ret_cpu = sample_percentile (cpu, 50);
  return sample_percentile (sample, 50);
}

static void
measure (const char *hotplugd, Figures *figures)
{
  g_autoptr (Bed) bed = bed_new (3, BED_PORTS_MAX);
  g_autoptr (Service) service = service_new ();
  g_autoptr (Peer) peer = peer_new (service->socket);
  g_autoptr (GVariant) ports = NULL;
  g_autoptr (Echo) echo = NULL;

  figures->ports = bed_grow (bed, figures->ports);
  service_add_vms (service, bed->hubs, figures->vms);
  service_start (service, hotplugd, "[3-1]");
  peer_wait (peer, "human-monitor-command");
  figures->start = service->started_in;
  g_assert_cmpuint (service_list (service, "ListPorts"), ==, figures->ports);
  figures->list = measure_list (service, service->pid, &figures->list_cpu);
  figures->plug = measure_plug (bed, service, peer);
  ports = service_call (service, "ListPorts");
  figures->resident = process_memory (service->pid).resident;
  service_stop (service);

  echo = echo_new (service, ports);
  figures->list_floor = measure_list (service, 0, NULL);
}

int
main (int argc, char **argv)
{
  Figures sizes[] = { { .ports = 15, .vms = 1 }, { .ports = 1000, .vms = 100 }, { .ports = 10000, .vms = 1000 } };
  Table *table = table_new ("hotplugd; a plug against one on 15 ports with one VM, a list against the same bytes");

  bench_init (&argc, &argv);
  g_assert_cmpint (argc, ==, 2);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    measure (argv[1], &sizes[i]);
  for (guint i = 1; i < G_N_ELEMENTS (sizes); i++)
    {
      const Figures *size = &sizes[i];
      g_autofree char *what = g_strdup_printf ("%u ports, %u VMs", size->ports, size->vms);
      g_autofree char *plug = g_strdup_printf ("a plug's processor time, %s", what);
      g_autofree char *list = g_strdup_printf ("ListPorts, %s", what);
      g_autofree char *list_cpu = g_strdup_printf ("its processor time there, %s", what);
      g_autofree char *start = g_strdup_printf ("start, %s", what);
      g_autofree char *memory = g_strdup_printf ("resident memory, %s", what);

      table_row (table, plug, size->plug, sizes[0].plug, "us", 2);
      table_row (table, list, size->list / 1000, size->list_floor / 1000, "ms", 0);
      table_row_alone (table, list_cpu, size->list_cpu / 1000, "ms", 100);
      table_row_alone (table, start, size->start / 1000, "ms", 3000);
      table_row_alone (table, memory, (double)size->resident / 1024, "MiB", 0);
    }
  table_end (table);
  return 0;
}
