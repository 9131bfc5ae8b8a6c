/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus-calls.h"

/* org.hotplugger1.Manager on the bus: methods to bus-calls and the lists, the engine's events to signals. */

typedef struct _HpBusManager HpBusManager;

/* What is in @parts is borrowed and outlives the manager. */
HpBusManager *hp_bus_manager_new (const HpBusParts *parts);

gboolean hp_bus_manager_export (HpBusManager *manager, GDBusConnection *connection,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Takes the object off the bus, and frees. */
void hp_bus_manager_close (HpBusManager *manager);
