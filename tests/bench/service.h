/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "private-bus.h"

/* The real hotplugd on a bus of its own, with a configuration and a folder of the benchmark's. */
typedef struct
{
  PrivateBus *bus;
  char *folder;
  GString *others; /* of the configuration: further machines */
  char *socket;    /* where the machine "w" is configured to listen */
  GDBusConnection *connection;
  GSubprocess *process;
  int pid;
  double started_in; /* µs from the start of the program to its name on the bus */
} Service;

/* Only what comes before the program: the bus and the folder. */
Service *service_new (void);
void service_free (Service *service);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Service, service_free)

/* From the next start on, virtual machines that do not run, until there are @n: each with a port of one of @hubs. */
void service_add_vms (Service *service, GPtrArray *hubs, guint n);
/* Starts the program at @path. @ports: the ports of the machine "w", as YAML. */
void service_start (Service *service, const char *path, const char *ports);
void service_stop (Service *service);
/* A child's set-up: whatever becomes of the benchmark, nothing is left running. */
void service_die_with_us (gpointer unused);
/* Calls a method of the manager that lists something. Returns: (transfer full): the reply */
GVariant *service_call (Service *service, const char *method);
/* The same, and how many there are. */
guint service_list (Service *service, const char *method);
