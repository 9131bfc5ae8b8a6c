/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wait.h"

#include <gio/gio.h>

/*
 * A dbus-daemon of the test's own, of type system and as strict as a real one, with our bus policy in it. It stands in
 * for the system bus of this process and its children.
 */

typedef struct
{
  GSubprocess *daemon;
  char *directory;
  char *address;
} PrivateBus;

PrivateBus *private_bus_start (void);
/* Ends the daemon and waits for that. */
void private_bus_stop (PrivateBus *bus);
/* A connection of its own: another caller. (transfer full) */
GDBusConnection *private_bus_connect (PrivateBus *bus);
