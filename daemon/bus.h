/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "authority.h"
#include "engine.h"

/*
 * The engine on a bus: the Manager and all port, device and virtual machine objects under their ObjectManager, and the
 * name. The objects are all there before the name is asked for, so nobody sees half of them.
 */

typedef struct _HpBus HpBus;

typedef struct
{
  void (*owned) (gpointer user_data);                     /* the name is ours: callers find us */
  void (*lost) (const char *problem, gpointer user_data); /* it is not, or not any more; nothing follows */
  void (*status) (const char *line, gpointer user_data);  /* there may be something new to say in one line */
} HpBusEvents;

/*
 * hp_bus_new:
 * @connection: to the system bus, or to a test's own
 * @engine: started; borrowed, outlives the bus
 * Returns: NULL where the objects could not be exported
 */
HpBus *hp_bus_new (GDBusConnection *connection, HpEngine *engine, HpAuthority *authority, const HpBusEvents *events,
                   gpointer user_data, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Gives the name back and takes everything off the bus. Calls that are still open are answered. */
void hp_bus_close (HpBus *bus);
