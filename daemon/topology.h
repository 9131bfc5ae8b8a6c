/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "port-id.h"

/*
 * The machine's USB as it stands: devices (hubs among them), kernel ports, and the connectors that people see.
 * Pure: usb-scan reads records from sysfs and puts them in here; everyone else looks things up.
 *
 * A connector has one or two kernel ports, its USB 2 half and its SuperSpeed half, tied by sysfs `peer`. It is named
 * by its USB 2 half, or by its SuperSpeed half where it has no other.
 *
 * Every look-up is a hash look-up; an update costs what the updated hub has of ports, never what the machine has.
 */

typedef enum
{
  HP_SPEED_UNKNOWN,
  HP_SPEED_LOW,        /* 1.5 Mb/s */
  HP_SPEED_FULL,       /* 12 Mb/s */
  HP_SPEED_HIGH,       /* 480 Mb/s */
  HP_SPEED_SUPER,      /* 5000 Mb/s */
  HP_SPEED_SUPER_PLUS, /* 10000 and 20000 Mb/s */
} HpSpeed;

typedef struct
{
  guint8 number;
  guint8 class_code, subclass, protocol;
  char *driver; /* the bound driver, "usbfs" where a program has it; NULL where there is none */
} HpUsbInterface;

/* One half of a connector. Strings are valid UTF-8 without control characters; NULL where the kernel does not tell. */
typedef struct
{
  char *name;         /* kernel name of what sits in it: "3-1.4" */
  char *directory;    /* below /sys: "/devices/…/3-1:1.0/3-1-port4" */
  guint number;       /* on its hub, from 1 */
  char *peer;         /* kernel name of the other half, or NULL */
  char *connect_type; /* "hotplug", "hardwired", "not used", "unknown", or what the kernel says */
  guint over_current; /* count since boot */
  char *position;     /* "back panel, upper left", or NULL */
} HpKernelPort;

/* One device from plug to unplug; a re-enumeration is a new one. Root hubs are devices too. */
typedef struct
{
  char *name;            /* "3-1.4"; "usb3" for a root hub */
  char *syspath;         /* below /sys: "/devices/…/usb3/3-1/3-1.4" */
  guint64 instance;      /* inode of its sysfs directory: never the same for two instances of one name in one boot */
  guint bus, devnum;     /* as in /dev/bus/usb/BBB/DDD */
  guint usb;             /* of its bus: 2 or 3 */
  char *controller;      /* ID_PATH */
  char *controller_path; /* below /sys */
  guint vendor_id, product_id;
  char *vendor; /* names and serial as the device says, made safe; NULL where it says nothing */
  char *product;
  char *serial;
  HpSpeed speed;
  guint8 class_code;   /* bDeviceClass */
  gboolean configured; /* has a bConfigurationValue */
  gboolean hub;        /* bDeviceClass 09 or ports of its own */
  GArray *interfaces;  /* HpUsbInterface */
  GPtrArray *ports;    /* HpKernelPort, hubs only, may be empty */
  gint64 seen_at;      /* monotonic time in µs when it was first put */
} HpDevice;

/* A connector. Borrowed from the topology: valid until the next change. */
typedef struct
{
  char *id;                 /* stable name */
  const HpKernelPort *usb2; /* either may be NULL, not both */
  const HpKernelPort *usb3;
  char *id2; /* stable names of the halves, NULL where there is none; @id equals one of them */
  char *id3;
} HpPort;

/* What an update did, by name. Free with hp_changes_free(). */
typedef struct
{
  GHashTable *ports_gone;    /* set of connector ids */
  GHashTable *ports_changed; /* new ones, and those with other properties, another half, or another device in them */
  GHashTable
      *devices_gone; /* name -> the gone HpDevice (owned); in @devices_changed as well when replaced by another */
  GHashTable *devices_changed; /* set of kernel names: new and changed ones */
} HpChanges;

typedef struct _HpTopology HpTopology;

HpDevice *hp_device_new (void);
void hp_device_free (HpDevice *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpDevice, hp_device_free)
void hp_device_add_interface (HpDevice *device, guint8 number, guint8 class_code, guint8 subclass, guint8 protocol,
                              const char *driver);
HpKernelPort *hp_kernel_port_new (const char *name, guint number);
void hp_kernel_port_free (HpKernelPort *port);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpKernelPort, hp_kernel_port_free)

/* Whether some interface has no driver, or the device is not configured: the host has nothing of it. */
gboolean hp_device_is_idle (const HpDevice *device);
/* Text for people: "SanDisk Ultra (0781:5581)"; never NULL. (transfer full) */
char *hp_device_describe (const HpDevice *device);
guint hp_speed_mbps (HpSpeed speed);            /* 0 unknown, 1 for 1.5 Mb/s */
const char *hp_speed_to_string (HpSpeed speed); /* "1.5 Mb/s", "480 Mb/s", "5 Gb/s" */
HpSpeed hp_speed_from_sysfs (const char *text); /* "1.5", "12", "480", "5000", "10000", "20000" */

HpChanges *hp_changes_new (void);
void hp_changes_free (HpChanges *changes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpChanges, hp_changes_free)
gboolean hp_changes_is_empty (const HpChanges *changes);

HpTopology *hp_topology_new (void);
void hp_topology_free (HpTopology *topology);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpTopology, hp_topology_free)

/*
 * hp_topology_put:
 * Adds @device, or replaces the one of its name. The same instance with the same facts changes nothing. Another
 * instance of the same name removes the old one with all that was behind it first. Halves are joined as soon as both
 * are known, in whatever order they come.
 * @device: (transfer full)
 * @changes: added to
 */
void hp_topology_put (HpTopology *topology, HpDevice *device, HpChanges *changes);

/* Removes the device and, if it is a hub, its ports and all behind them. Unknown names change nothing. */
void hp_topology_remove (HpTopology *topology, const char *name, HpChanges *changes);

const HpDevice *hp_topology_device (const HpTopology *topology, const char *name);
/* By stable name; that of either half will do. */
const HpPort *hp_topology_port (const HpTopology *topology, const char *id);
/* The connector that kernel port @name ("3-1.4") is a half of. */
const HpPort *hp_topology_port_at (const HpTopology *topology, const char *name);
/* The connector that holds the hub that @port is a port of; NULL for a root hub's. */
const HpPort *hp_topology_port_parent (const HpTopology *topology, const HpPort *port);

/* All of them, sorted by controller, then chain. (transfer container) */
GPtrArray *hp_topology_list_ports (const HpTopology *topology);
GPtrArray *hp_topology_list_devices (const HpTopology *topology);
/* The devices directly in @port, at most two: one on each half. @ret_devices gets borrowed pointers. */
guint hp_topology_port_devices (const HpTopology *topology, const HpPort *port, const HpDevice *ret_devices[2]);
/* The connectors on the hub called @name, in order of number. (transfer container) */
GPtrArray *hp_topology_hub_ports (const HpTopology *topology, const char *name);

/*
 * hp_topology_resolve:
 * The stable name that @ref stands for on this machine. The connector itself need not be there now (a port of a hub
 * that is not plugged in), its controller must be. The answer is the connector's id where the connector is known.
 * An ID_PATH that fits two different connectors, or ports of hubs that would be in two, is an error that lists both; a
 * DEVPATH whose bus number is no longer below that controller is an error that says so, unless it has one bus only.
 * Labels are not known here: G_IO_ERROR_NOT_FOUND.
 * Returns: (transfer full): the id, or NULL with @error set (NOT_FOUND, or INVALID_ARGUMENT where it is ambiguous).
 */
char *hp_topology_resolve (const HpTopology *topology, const HpPortRef *ref, GError **error) G_GNUC_WARN_UNUSED_RESULT;
