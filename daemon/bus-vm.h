/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus-objects.h"

/* org.hotplugger1.VirtualMachine: the engine's view of a virtual machine as properties. */
extern const HpBusKind hp_bus_vm_kind;
