/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "world.h"

/* A machine for tests: an xHCI with bus 3 (USB 2) and bus 4 (SuperSpeed), 15 connectors, peers with equal numbers. */

#define BUILDER_CONTROLLER "pci-0000:00:14.0"
#define BUILDER_ID(chain) BUILDER_CONTROLLER "-usbv2-0:" chain

HpTopology *builder_topology (void);

/* What device_class 9 is gets @n_ports ports. Instances count up from 1. Returns the instance. */
guint64 builder_plug (HpTopology *topology, const char *name, guint8 device_class, guint n_ports);
/* The same, claimed: not configured and without interfaces. */
guint64 builder_plug_idle (HpTopology *topology, const char *name, guint8 device_class);
void builder_unplug (HpTopology *topology, const char *name);

/* A machine of the world in one line. */
HpVmFacts *builder_vm (HpWorld *world, const char *name, gboolean running, gboolean ready);
/* Assigns, with the holder that hp_world_pick_holder() gives. @vms: names with spaces between, "" for the host */
const HpAssignment *builder_assign (HpWorld *world, const char *port, const char *vms, HpReserve reserve);
