/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "usb-scan.h"
#include "usb-testbed.h"

/* A scan of a testbed, and a log of what it tells. The fixture of its tests. */
typedef struct
{
  UMockdevTestbed *testbed;
  HpTopology *topology;
  HpUsbScan *scan;
  char *usb3, *usb4; /* the two root hubs of a controller */
  guint n_changed;
  /* Of all changes: "+NAME " a device is new or changed, "-NAME " is gone, "*ID " a port has changed, "!ID " is gone. */
  GString *log;
} ScanLog;

#define PORT2(chain) "pci-0000:00:14.0-usbv2-0:" chain
#define PORT3(chain) "pci-0000:00:14.0-usbv3-0:" chain

/* A controller with two ports: 1 has both halves, 2 is USB 2 only. */
void scan_log_set_up (ScanLog *f, gconstpointer unused);
/* … that have been read. */
void scan_log_set_up_scanned (ScanLog *f, gconstpointer unused);
void scan_log_tear_down (ScanLog *f, gconstpointer unused);

/* A stick, or a hub where @class_code is "09", with one interface. That is two events; umockdev gives up where some ten
 * are not heard yet. Returns: (transfer full): its path in /sys */
char *scan_log_plug (ScanLog *f, const char *parent, const char *name, guint devnum, const char *class_code);

/* Both clear the log. */
void scan_log_assert (ScanLog *f, const char *expected);
/* Waits for @expected, which may come in more than one go: nothing says which events come together. */
void scan_log_wait_for (ScanLog *f, const char *expected);
/* All events that were sent have been heard: a marker that is sent last is, and it changes nothing else. */
void scan_log_wait_for_events (ScanLog *f);
