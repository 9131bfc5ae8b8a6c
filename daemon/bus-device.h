/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus-objects.h"

/* org.hotplugger1.Device: the engine's view of a device as properties. */
extern const HpBusKind hp_bus_device_kind;
