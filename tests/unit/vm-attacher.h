/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "usb-testbed.h"
#include "vm-client.h"

/* A machine that is online, and sticks in a testbed to attach to it. The fixture of its tests. */

#define STICKS 5

typedef struct
{
  VmClient client;
  UMockdevTestbed *testbed;
  char *usb3;
  char *sticks[STICKS];        /* "3-1" is the first: their paths in /sys */
  char *keys[STICKS];          /* place keys */
  HpVmAttach requests[STICKS]; /* to be changed at will */
} VmAttacher;

void vm_attacher_set_up (VmAttacher *f, gconstpointer unused);
void vm_attacher_tear_down (VmAttacher *f, gconstpointer unused);

/* Waits for the end. */
HpVmAttached *vm_attacher_attach (VmAttacher *f, guint stick, GError **error);
gboolean vm_attacher_detach (VmAttacher *f, const char *id, GError **error);
/* It must work. Returns: (transfer full): the id */
char *vm_attacher_expect (VmAttacher *f, guint stick, const char *bus, guint port);
/* It must not. @part: (nullable): of the message */
void vm_attacher_expect_failure (VmAttacher *f, guint stick, HpReason reason, const char *part);
/* What QEMU was told. Clears it. */
void vm_attacher_assert_told (VmAttacher *f, const char *expected);
gboolean vm_attacher_is_used (VmAttacher *f, const char *bus, guint port);

#define ADD_ON(bus, port, rest)                                                                                        \
  "device_add {\"id\":\"ID\",\"driver\":\"usb-host\",\"bus\":\"" bus "\",\"port\":\"" port "\"," rest "} "
#define ADD_BY_FD(bus, port) ADD_ON (bus, port, "\"hostdevice\":\"/dev/fdset/18512\"")
