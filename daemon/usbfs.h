/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/*
 * The usbfs ioctls. The only file that opens /dev/bus/usb.
 *
 * Each of them may wait for a device lock that the kernel's hub thread holds for seconds while a broken device
 * enumerates, or do I/O on the bus: they run in worker threads, never on the main loop.
 */

/* An open device node. Plain owner of a descriptor; closing it drops what was claimed through it. */
typedef struct _HpUsbfs HpUsbfs;
HpUsbfs *hp_usbfs_ref (HpUsbfs *usbfs);
void hp_usbfs_unref (HpUsbfs *usbfs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpUsbfs, hp_usbfs_unref)
int hp_usbfs_fd (HpUsbfs *usbfs); /* borrowed */
/* Takes over a descriptor that came from elsewhere (the service manager's store). @fd: (transfer full) */
HpUsbfs *hp_usbfs_new_for_fd (int fd);

/* Which device to open, and what must be true of it, so that a re-used number is never taken for the old device. */
typedef struct
{
  guint bus, devnum;
  const char *syspath; /* below /sys */
  guint64 instance;    /* inode of /sys@syspath */
} HpUsbfsTarget;

/*
 * hp_usbfs_open_async:
 * Opens the node read-write (the mode that QEMU's fd sets insist on), checks that it still is @target, and, with
 * @configure, gives an unconfigured device the first configuration of its descriptors: while its port is claimed the
 * kernel leaves that out, and QEMU does too where there is only one.
 * Errors: G_IO_ERROR_NOT_FOUND the device is gone or another; G_IO_ERROR_PERMISSION_DENIED; else by errno, prefixed.
 */
void hp_usbfs_open_async (const HpUsbfsTarget *target, gboolean configure, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data);
HpUsbfs *hp_usbfs_open_finish (GAsyncResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/*
 * hp_usbfs_claim_port_async:
 * Opens the hub's node and claims its port @port (from 1) with USBDEVFS_CLAIM_PORT (since Linux 2.6.32): while the
 * answer is open no host driver binds to what is plugged in there. The claim is the descriptor's.
 * Errors: G_IO_ERROR_BUSY somebody else has the port; NOT_FOUND the hub is gone; NOT_SUPPORTED; PERMISSION_DENIED.
 */
void hp_usbfs_claim_port_async (const HpUsbfsTarget *hub, guint port, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer user_data);
HpUsbfs *hp_usbfs_claim_port_finish (GAsyncResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Releases the port by ioctl: needed where copies of the descriptor live on in the service manager's store. */
void hp_usbfs_release_port_async (HpUsbfs *usbfs, guint port, GAsyncReadyCallback callback, gpointer user_data);
gboolean hp_usbfs_release_port_finish (GAsyncResult *result, GError **error);

/*
 * hp_usbfs_hand_back_async:
 * Gives a device back to the host's drivers, which the kernel does not do by itself: an unconfigured one is configured
 * (drivers then bind), a configured one has USBDEVFS_CONNECT called for each interface that has none. A device that
 * no driver wants is no error; a program that holds an interface keeps it.
 */
void hp_usbfs_hand_back_async (const HpUsbfsTarget *target, GAsyncReadyCallback callback, gpointer user_data);
gboolean hp_usbfs_hand_back_finish (GAsyncResult *result, GError **error);

/* Whether a descriptor from the store still speaks for the device @target. Does no I/O on the bus. */
gboolean hp_usbfs_is_for (HpUsbfs *usbfs, guint bus, guint devnum);
