/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "topology.h"

/*
 * Reads one USB device, and the ports of a hub, from sysfs. Every attribute is optional: kernels differ, and a device can
 * go away between two reads.
 */

/*
 * hp_usb_read_device:
 * @syspath: "/sys/devices/…/usb3/3-1"
 * @root: (nullable): the root hub of its bus, which tells the controller; NULL where @syspath is a root hub
 * Returns: (transfer full) (nullable): NULL where it is no USB device, or gone
 */
HpDevice *hp_usb_read_device (const char *syspath, const HpDevice *root);

/* The name of the device that a USB device or interface in sysfs belongs to: "3-1:1.0" -> "3-1", "3-0:1.0" -> "usb3". */
char *hp_usb_device_name (const char *sysname);
