/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "peer.h"
#include "process.h"
#include "sample.h"
#include "service.h"

/*
 * hotplugd with nothing to do, with one virtual machine that runs: how much memory it takes, against a program that does
 * nothing but listen to udev; and whether it sleeps. On this machine's own USB, without umockdev, whose library would be
 * counted along; no port is assigned.
 *
 * usage: bench-idle HOTPLUGD BARE-LISTENER
 */
#define SECONDS 10

static ProcessMemory
measure_bare (const char *program)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GDataInputStream) lines = NULL;
  g_autofree char *line = NULL;
  ProcessMemory memory;

  g_subprocess_launcher_set_child_setup (launcher, service_die_with_us, NULL, NULL);
  process = g_subprocess_launcher_spawn (launcher, &error, program, "/nonexistent", "none", NULL);
  g_assert_no_error (error);
  lines = g_data_input_stream_new (g_subprocess_get_stdout_pipe (process));
  line = g_data_input_stream_read_line (lines, NULL, NULL, &error);
  g_assert_cmpstr (line, ==, "ready");
  memory = process_memory (atoi (g_subprocess_get_identifier (process)));
  g_subprocess_force_exit (process);
  g_subprocess_wait (process, NULL, NULL);
  return memory;
}

int
main (int argc, char **argv)
{
  g_autoptr (Service) service = NULL;
  g_autoptr (Peer) peer = NULL;
  ProcessMemory memory, bare;
  guint64 switches;
  Table *table;

  bench_init (&argc, &argv);
  g_assert_cmpint (argc, ==, 3);
  service = service_new ();
  peer = peer_new (service->socket);
  service_start (service, argv[1], "[]");
  peer_wait (peer, "human-monitor-command");
  service_list (service, "ListPorts");
  run_for (2000);

  switches = process_switches (service->pid);
  run_for (SECONDS * 1000);
  switches = process_switches (service->pid) - switches;
  memory = process_memory (service->pid);
  bare = measure_bare (argv[2]);
  service_stop (service);

  table = table_new ("Idle");
  table_row_alone (table, "resident memory, MiB", (double)memory.resident / 1024, "MiB", 8);
  table_row (table, "the same, against a bare listener", (double)memory.resident / 1024, (double)bare.resident / 1024,
             "MiB", 0);
  table_row (table, "of it shared with nobody", (double)memory.alone / 1024, (double)bare.alone / 1024, "MiB", 0);
  table_row (table, "proportional share", (double)memory.share / 1024, (double)bare.share / 1024, "MiB", 0);
  table_row_alone (table, "wake-ups in 10 s (a rescan every 60 s is due)", (double)switches, "", 0);
  table_end (table);
  return 0;
}
