/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <umockdev.h>

/*
 * A machine's USB, of umockdev's making: one PCI controller, and the hubs and devices that a test plugs into it. It has
 * what sysfs has (directories, attributes, links) and its uevents; the kernel behind it is the test.
 */

#define USB_CONTROLLER "/sys/devices/pci0000:00/0000:00:14.0"

typedef struct
{
  const char *name; /* "3-1" */
  guint bus, devnum;
  const char *speed;       /* "480" */
  const char *class_code;  /* bDeviceClass; NULL: "00" */
  const char *product;     /* NULL: no strings */
  const char *vendor_id;   /* NULL: "1d6b" */
  gboolean unconfigured;   /* bConfigurationValue is empty, and there are no interfaces */
  const char *drivers[4];  /* of interface 0 and on; "" for none */
  const char *descriptors; /* NULL: no such file */
  gsize descriptors_length;
} UsbTestbedDevice;

UMockdevTestbed *usb_testbed_new (void);

/* A root hub, "usb@bus", with @n_ports ports. The same for one that is plugged in: see usb_testbed_add_ports().
 * Returns: (transfer full): its path in /sys. Each `add_` sends an "add" as well, to be seen by the next turn of the
 * main loop. */
char *usb_testbed_add_root_hub (UMockdevTestbed *testbed, guint bus, const char *version, guint n_ports);
char *usb_testbed_add_device (UMockdevTestbed *testbed, const char *parent, const UsbTestbedDevice *device);
/* Port directories in the first interface of the hub at @syspath. */
void usb_testbed_add_ports (UMockdevTestbed *testbed, const char *syspath, guint n_ports);
/* Their paths. (transfer full) */
char *usb_testbed_interface (const char *syspath, guint number);
char *usb_testbed_port (const char *syspath, guint number);
/* Ties two ports, both ways. */
void usb_testbed_peer (UMockdevTestbed *testbed, const char *port, const char *other);

/* Files and links, without an event. @path: in /sys or /dev. @text NULL: not there. */
void usb_testbed_write (UMockdevTestbed *testbed, const char *path, const char *name, const char *text);
void usb_testbed_write_bytes (UMockdevTestbed *testbed, const char *path, const char *name, const char *bytes,
                              gsize length);
void usb_testbed_link (UMockdevTestbed *testbed, const char *path, const char *name, const char *target);
void usb_testbed_bind (UMockdevTestbed *testbed, const char *interface, const char *driver);
/* Where a path in /sys or /dev really is. (transfer full) */
char *usb_testbed_real_path (UMockdevTestbed *testbed, const char *path);
guint64 usb_testbed_instance (const char *syspath);

/* Takes a device out, with all that is in it; no event is sent. Its inode is not used again. */
void usb_testbed_unplug (UMockdevTestbed *testbed, const char *syspath);

/* The device's node in /dev. */
void usb_testbed_add_node (UMockdevTestbed *testbed, guint bus, guint devnum);
