/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bed.h"
#include "peer.h"
#include "sample.h"
#include "service.h"

#include <signal.h>
#include <stdio.h>

/*
 * How long it takes from the event of a plug to device_add on the wire, against the least that anybody could do, and
 * against the least that works: one plug for each in turn, so that whatever else the machine does hits them all.
 *
 * usage: bench-latency HOTPLUGD BARE-LISTENER
 */
#define WARM_UP 3
#define PLUGS 50
#define BAR 1.3

/* One of those that are compared, with a port, a peer and a process of its own. */
typedef struct
{
  Bed *bed;
  Peer *peer;
  const char *port;
  int pid;
  Sample *sample;
  /* of the bare listeners */
  char *socket;
  GSubprocess *process;
} Side;

static void
plug (const Side *side, gboolean warm)
{
  double sent, arrived;

  peer_reset (side->peer);
  sent = bed_plug (side->bed, side->port);
  arrived = peer_wait (side->peer, "device_add");
  if (warm)
    sample_add (side->sample, arrived - sent);
}

/* The others sleep meanwhile: all hear of all plugs. */
static void
plug_bare (const Side *side, const Service *service, gboolean warm)
{
  kill (service->pid, SIGSTOP);
  kill (side->pid, SIGCONT);
  plug (side, warm);
  kill (side->pid, SIGSTOP);
  bed_unplug (side->bed, side->port, 0);
  kill (service->pid, SIGCONT);
}

static void
plug_hotplugd (const Side *side, Service *service, gboolean warm)
{
  /* Twice through its main loop: what it heard late is done with. */
  service_list (service, "ListDevices");
  service_list (service, "ListDevices");
  plug (side, warm);
  /* What follows device_add belongs to this plug, too. */
  peer_wait (side->peer, "qom-get");
  bed_unplug (side->bed, side->port, side->pid);
  peer_wait (side->peer, "device_del");
}

static void
start_bare (Side *side, const Service *service, const char *program, const char *mode)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDataInputStream) lines = NULL;
  g_autofree char *line = NULL;

  side->socket = g_build_filename (service->folder, mode, NULL);
  side->peer = peer_new (side->socket);
  g_subprocess_launcher_set_child_setup (launcher, service_die_with_us, NULL, NULL);
  side->process = g_subprocess_launcher_spawn (launcher, &error, program, side->socket, side->port, mode, NULL);
  g_assert_no_error (error);
  lines = g_data_input_stream_new (g_subprocess_get_stdout_pipe (side->process));
  line = g_data_input_stream_read_line (lines, NULL, NULL, &error);
  g_assert_cmpstr (line, ==, "ready");
  side->pid = atoi (g_subprocess_get_identifier (side->process));
  kill (side->pid, SIGSTOP);
}

static void
stop_bare (Side *side)
{
  kill (side->pid, SIGKILL);
  g_subprocess_wait (side->process, NULL, NULL);
  g_clear_object (&side->process);
  peer_free (side->peer);
  g_assert_cmpint (remove (side->socket), ==, 0);
  g_free (side->socket);
}

static void
measure (const char *hotplugd, const char *listener, Sample *figure, Sample *least, Sample *patient)
{
  g_autoptr (Bed) bed = bed_new (3, BED_PORTS_MAX);
  g_autoptr (Service) service = service_new ();
  g_autoptr (Peer) peer = peer_new (service->socket);
  Side side = { .bed = bed, .peer = peer, .port = "3-1", .sample = figure };
  Side bare[] = { { .bed = bed, .port = "3-2", .sample = least }, { .bed = bed, .port = "3-3", .sample = patient } };

  start_bare (&bare[0], service, listener, "hasty");
  start_bare (&bare[1], service, listener, "patient");
  service_start (service, hotplugd, "[3-1]");
  side.pid = service->pid;
  peer_wait (peer, "human-monitor-command"); /* the last question before it takes devices */
  for (guint i = 0; i < WARM_UP + PLUGS; i++)
    {
      plug_bare (&bare[0], service, i >= WARM_UP);
      plug_bare (&bare[1], service, i >= WARM_UP);
      plug_hotplugd (&side, service, i >= WARM_UP);
    }
  service_stop (service);
  stop_bare (&bare[0]);
  stop_bare (&bare[1]);
}

int
main (int argc, char **argv)
{
  g_autoptr (Sample) figure = sample_new ();
  g_autoptr (Sample) least = sample_new ();
  g_autoptr (Sample) patient = sample_new ();
  Table *table;

  bench_init (&argc, &argv);
  g_assert_cmpint (argc, ==, 3);
  measure (argv[1], argv[2], figure, least, patient);

  table = table_new ("From the event of a plug to device_add on the wire, 50 plugs");
  for (guint percent = 50; percent <= 95; percent += 45)
    {
      const char *what = percent == 50 ? "median" : "95 % are not above";
      g_autofree char *writes = g_strconcat (what, ", listener that only writes", NULL);
      g_autofree char *works = g_strconcat (what, ", least that works", NULL);

      table_row (table, writes, sample_percentile (figure, percent), sample_percentile (least, percent), "us", BAR);
      table_row (table, works, sample_percentile (figure, percent), sample_percentile (patient, percent), "us", BAR);
    }
  table_end (table);
  return 0;
}
