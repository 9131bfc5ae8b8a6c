/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "topology.h"

/*
 * The guest's side of USB: which buses and ports a VM has, which are taken, where the next device should go, and the
 * ids we give to QEMU's devices. Pure.
 *
 * QEMU facts: the port is always chosen here, since without `port` QEMU puts a full-speed hub on the last free one
 * (5.2 to 11.1); ports of an xHCI are "1" to max(p2, p3), and a SuperSpeed device needs N <= p3; EHCI takes no
 * full-speed device; nothing tells the assigned port but HMP `info usb`.
 */

typedef enum
{
  HP_GUEST_UHCI, /* also OHCI: full speed */
  HP_GUEST_EHCI, /* high speed only */
  HP_GUEST_XHCI, /* all speeds */
} HpGuestBusKind;

typedef struct
{
  char *name; /* "xhci.0", as in device_add's bus= */
  HpGuestBusKind kind;
  char *type;       /* QOM type of the controller, "qemu-xhci" */
  guint ports;      /* ports "1" to this number */
  guint ports2;     /* XHCI: those up to this number take USB 2 */
  guint ports3;     /* XHCI: those up to this number take SuperSpeed */
  GHashTable *used; /* set of port numbers (GUINT_TO_POINTER) */
} HpGuestBus;

HpGuestBus *hp_guest_bus_new (const char *name, const char *type, guint p2, guint p3);
void hp_guest_bus_free (HpGuestBus *bus);
HpGuestBus *hp_guest_bus_copy (const HpGuestBus *bus);
/* Whether a QOM child type may be a USB controller ("child<qemu-xhci>"); saves asking every object. */
gboolean hp_guest_type_may_be_controller (const char *qom_type);

/* One line of `info usb`. Free with hp_guest_device_free(). */
typedef struct
{
  guint bus_number; /* QEMU's own count of buses, from 0 */
  char *port;       /* "4", or "4.1" behind a hub */
  guint speed_mbps; /* 1 for 1.5 */
  char *product;    /* made safe */
  char *id;         /* NULL where it has none */
} HpGuestDevice;
void hp_guest_device_free (HpGuestDevice *device);
/* Parses `info usb`; lines of another shape are skipped. (transfer full): array of HpGuestDevice */
GPtrArray *hp_guest_usb_parse (const char *text);

/* A place for a device. */
typedef struct
{
  char *bus;
  guint port;
} HpGuestPlace;
void hp_guest_place_free (HpGuestPlace *place);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpGuestPlace, hp_guest_place_free)

/*
 * hp_guest_places:
 * Where a device of @speed can go, best first: the preferred place if it is free and fits, then by bus: those that
 * give full speed before those that only allow a lower one, free ports from the top down (libvirt counts from the
 * bottom, and its ports stay free).
 * @buses: HpGuestBus
 * @only: (nullable): names of buses in order; others are not used. Empty: all, fastest first.
 * @preferred: (nullable): where this host port's last device was
 * Returns: (transfer full): array of HpGuestPlace. Empty: @ret_problem (transfer full) says why with the numbers, the
 *   names in @only that the VM does not have, and the QEMU option that would help.
 */
GPtrArray *hp_guest_places (GPtrArray *buses, const char *const *only, HpSpeed speed, const HpGuestPlace *preferred,
                            char **ret_problem);

/*
 * QEMU ids of ours: "hotplugger-<kernel name>-<instance in hex>-<attempt in hex>", made of [A-Za-z0-9.-] only, since
 * QEMU up to 9.1 insists. The instance makes it recognisable after a restart of the daemon; the attempt keeps it fresh,
 * since QEMU 5 refuses an id for a moment after its device is gone.
 */
#define HP_QDEV_PREFIX "hotplugger-"
char *hp_qdev_id_format (const char *kernel_name, guint64 instance, guint64 attempt);
gboolean hp_qdev_id_parse (const char *id, char **ret_kernel_name, guint64 *ret_instance);
