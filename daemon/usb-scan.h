/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "topology.h"

#include <gio/gio.h>

/*
 * Reads USB from sysfs, and listens to udev. The only user of libgudev.
 *
 * Events are hints: they can be lost without a trace (libgudev's socket buffer), and at the kernel's `add` the sysfs
 * links are not all there. So an event only says "look at this device", and the look gives the truth. Ports have no
 * subsystem and no uevents: they are found by reading the hub's interface directory. A slow full rescan catches what
 * was lost.
 */

#define HP_TYPE_USB_SCAN (hp_usb_scan_get_type ())
G_DECLARE_FINAL_TYPE (HpUsbScan, hp_usb_scan, HP, USB_SCAN, GObject)

/* How often everything is read again although nothing was heard, in seconds. */
#define HP_USB_SCAN_SLOW_SECONDS 60

/*
 * hp_usb_scan_new:
 * Starts listening at once, so that nothing falls between a listing and the first event.
 * Signal "changed" (HpChanges *): after @topology was brought up to date. The changes are the emitter's.
 * @topology: borrowed; must outlive the scan. Only the scan changes it.
 */
HpUsbScan *hp_usb_scan_new (HpTopology *topology);

/* Reads everything now: at start, on SIGHUP, and on the slow timer. Emits "changed" if anything did. */
void hp_usb_scan_all (HpUsbScan *scan);

/* Reads one device again (after its driver or configuration was changed). Emits "changed" if anything did. */
void hp_usb_scan_device (HpUsbScan *scan, const char *name);
