/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The daemon from the first connection to the last word: wires service manager, system bus, engine, authority and facade. */

typedef struct
{
  const char *config_path;
  const char *state_directory;
} HpDaemonOptions;

/*
 * hp_daemon_run:
 * Runs until SIGTERM or SIGINT, or until the bus name cannot be had or held. SIGHUP reads the configuration again.
 * Returns: the exit status of the process
 */
int hp_daemon_run (const HpDaemonOptions *options);
