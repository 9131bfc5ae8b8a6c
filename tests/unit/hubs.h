/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "topology.h"

/*
 * Hubs are put in as lines of text, and what became of them is compared as text. "1=4-2 3" is a hub with port 1, whose
 * peer is kernel port 4-2, and port 3. "x-usbv2-0:1=3-1+4-2" is a connector with its name and its two halves.
 */

/* @usb: 2 or 3. @ports: NULL for what is no hub */
HpDevice *hubs_make (const char *name, guint64 instance, guint usb, const char *controller, const char *ports);
/* On controller "x". (transfer full) */
HpChanges *hubs_put (HpTopology *topology, const char *name, guint64 instance, guint usb, const char *ports);
HpChanges *hubs_take (HpTopology *topology, const char *name);

/* All of them in one line. (transfer full) */
char *hubs_connectors (const HpTopology *topology);
char *hubs_devices (const HpTopology *topology);
void hubs_expect (const HpTopology *topology, const char *connectors, const char *devices);
/* Names in the order of strcmp(). @changes: (transfer full) */
void hubs_expect_changes (HpChanges *changes, const char *ports_gone, const char *ports_changed,
                          const char *devices_gone, const char *devices_changed);
