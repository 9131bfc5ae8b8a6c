/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm-private.h"

/* One attaching or detaching, the data of a GTask whose source is the machine. One runs at a time. */

typedef enum
{
  HP_VM_BY_DESCRIPTOR, /* hostdevice=/dev/fdset/N: QEMU needs no rights */
  HP_VM_BY_PATH,       /* hostdevice=/dev/bus/usb/…: where it cannot be passed */
  HP_VM_BY_ADDRESS,    /* hostbus, hostaddr: before QEMU 5.1 */
} HpVmMode;

typedef struct
{
  gboolean attach;
  HpQmpSession *session; /* that it began on, and ends with */
  char *id;

  /* attach */
  char *kernel_name;
  char *syspath;
  char *place_key;
  HpUsbfsTarget target;
  HpSpeed speed;
  gboolean configure;
  HpUsbfs *usbfs;
  GPtrArray *places; /* HpGuestPlace */
  guint next_place;
  HpGuestPlace *place; /* borrowed: where it is; NULL nowhere yet */
  gboolean counted;    /* stock was taken again for it */
  HpVmMode mode;
  GError *error; /* why it failed, while there is something to clean up */
} HpVmOperation;

/* --- vm-operation.c --- */

/* The machine's own answer to the caller is the last thing: it may call anything. @error: (nullable) (transfer full) */
void hp_vm_operation_end (GTask *task, GError *error);
void hp_vm_operation_fail (GTask *task, HpReason reason, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* Whether the machine is still the one that the operation began with, and can be spoken to; else it has failed. */
gboolean hp_vm_operation_check (GTask *task);
/* @arguments: (transfer full). @callback gets a reference to @task. */
void hp_vm_operation_execute (GTask *task, const char *command, JsonObject *arguments, int fd,
                              GAsyncReadyCallback callback);
/* {"id": ID} (transfer full) */
JsonObject *hp_vm_operation_arguments (const char *id);
/* What an error of a command means. */
HpReason hp_vm_error_reason (const GError *error);
/* Whether nothing more can be asked on the session, cleaning up included. */
gboolean hp_vm_error_is_cut_off (const GError *error);

/* --- vm-attach.c --- */

void hp_vm_operation_attach (GTask *task);
