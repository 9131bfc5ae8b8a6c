/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fake-views.h"

/*
 * engine.h over tables, for the facade and the daemon: no USB, no machines, no decisions. hp_engine_start() fills it:
 *
 *   ports    FAKE_PORT (3-1, windows has it), FAKE_PORT_FREE (3-2)
 *   devices  3-1 in FAKE_PORT (1234:5678, bus 3, number 7), attached to windows
 *   machines windows (online, one guest bus), linux (offline)
 *
 * Requests change the tables, emit what the engine would, and answer from the main loop. A reload fails where the
 * configuration's text starts with "bad".
 */

#define FAKE_PORT "pci-0000:00:14.0-usbv2-0:1"
#define FAKE_PORT_FREE "pci-0000:00:14.0-usbv2-0:2"

/* Tables, to be changed at will; say so by the engine's signals. */
GHashTable *fake_engine_ports (HpEngine *engine);   /* id -> HpPortView */
GHashTable *fake_engine_devices (HpEngine *engine); /* name -> HpDeviceView */
GHashTable *fake_engine_vms (HpEngine *engine);     /* name -> HpVmView */

HpPortView *fake_engine_add_port (HpEngine *engine, const char *id, const char *usb2);
HpDeviceView *fake_engine_add_device (HpEngine *engine, const char *name, const char *port, guint bus, guint number);
HpVmView *fake_engine_add_vm (HpEngine *engine, const char *name, const char *state);

/* What was asked for last: "assign <port> <vm> while-running by 0"; NULL: nothing yet. */
const char *fake_engine_last (HpEngine *engine);
/* The next request fails with this. (transfer full) */
void fake_engine_fail_next (HpEngine *engine, GError *error);
void fake_engine_set_status (HpEngine *engine, const char *config_error, const char *state_error);
