/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus-objects.h"

/* org.hotplugger1.Port: the engine's view of a port as properties. */
extern const HpBusKind hp_bus_port_kind;
