/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Why a port, a device or a virtual machine is in the state it is in: a closed list. Pure.
 * Each has a code for programs; the sentence is made where the names are known (hp_reason_sentence).
 */
typedef enum
{
  HP_REASON_NONE,
  /* ports */
  HP_REASON_NOT_ASSIGNED,  /* no assignment holds here */
  HP_REASON_KEPT_FOR_HOST, /* assigned to the host, or a run-time choice against the configuration */
  HP_REASON_PORT_MISSING,  /* assigned, but the port is not there */
  HP_REASON_HUB_IN_PORT,   /* a hub makes the port a subtree; its ports are the machine's */
  HP_REASON_CLAIM_REFUSED, /* the kernel or another program refused the claim: host drivers may get in first */
  HP_REASON_HELD,          /* the machine has the port */
  HP_REASON_RESERVED,      /* kept from the host for a machine that does not run */
  /* ports and devices: the machine that should have it */
  HP_REASON_VM_UNKNOWN,
  HP_REASON_VM_OFFLINE,
  HP_REASON_VM_CONNECTING,
  HP_REASON_VM_BUSY,
  HP_REASON_VM_STALLED,
  HP_REASON_VM_FAILED,
  HP_REASON_VM_MIGRATING,
  /* devices */
  HP_REASON_HUB,   /* hubs are never handed over */
  HP_REASON_DELAY, /* the machine's configured delay after a plug */
  HP_REASON_IN_PROGRESS,
  HP_REASON_ATTACHED,
  HP_REASON_DETACHED_BY_USER,
  HP_REASON_ATTACHED_BY_USER, /* attached, by a person's word rather than the port's */
  HP_REASON_NO_GUEST_PORT,
  HP_REASON_OPEN_FAILED, /* the device node could not be opened or configured */
  HP_REASON_QEMU_REFUSED,
  HP_REASON_NOT_TAKEN, /* QEMU created the device and yet does not hold it */
  /* virtual machines */
  HP_REASON_NO_SOCKET,
  HP_REASON_NOBODY_LISTENS,
  HP_REASON_NO_ACCESS,
  HP_REASON_NOT_QMP,
  HP_REASON_NO_USB_HOST, /* this QEMU has no usb-host device */
  HP_REASON_ONLINE,
  HP_REASON_LAST,
} HpReason;

/* "vm-offline"; "" for HP_REASON_NONE. */
const char *hp_reason_code (HpReason reason);

/*
 * hp_reason_sentence:
 * One sentence for people, with what to do next where there is something to do.
 * @vm: (nullable): the machine it is about
 * @detail: (nullable): the cause in other words: QEMU's answer, a path, an errno text
 */
char *hp_reason_sentence (HpReason reason, const char *vm, const char *detail);
