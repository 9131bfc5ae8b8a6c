/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <umockdev.h>

/*
 * A machine's USB of umockdev's making: one controller with a root hub, hubs behind it, and devices to plug in. The
 * program must run under umockdev-wrapper.
 */

#define BED_PORTS_MAX 15 /* of a hub, as with the kernel's */

typedef struct
{
  UMockdevTestbed *testbed;
  char *controller;
  GHashTable *paths; /* kernel name -> path below the testbed's /sys */
  GPtrArray *hubs;   /* kernel names, but for the root hub's */
  guint bus, next_number;
} Bed;

/* A root hub with @n_ports ports, of bus @bus. */
Bed *bed_new (guint bus, guint n_ports);
void bed_free (Bed *bed);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Bed, bed_free)

/* Hubs below the root hub and each other, until there are at least @n_ports ports. Returns: how many there are. */
guint bed_grow (Bed *bed, guint n_ports);
/* A hub into the port called @name, with its ports. */
void bed_add_hub (Bed *bed, const char *name, guint n_ports);

/*
 * bed_plug:
 * A stick into the port called @name ("3-1.4"), with its node in /dev, and the kernel's event.
 * Returns: when the event was sent, by sample_now()
 */
double bed_plug (Bed *bed, const char *name);
/* @pid: a process that must see the event only when the device is gone; 0: none */
void bed_unplug (Bed *bed, const char *name, int pid);
