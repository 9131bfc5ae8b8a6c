/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp-codec.h"

#include <gio/gio.h>

/*
 * One QMP connection over a Unix socket: an adapter between sockets and the codec. Asynchronous throughout.
 *
 * One command is in flight at a time (QEMU suspends reading otherwise); others wait in line. Every command carries an
 * id; a reply with another id ends the session. A command that is not answered in time fails with
 * HP_QMP_ERROR_STALLED; the session stays open and "responsive" is emitted when the late answer comes: a VM that is
 * stopped for minutes has not ended. Until then further commands fail at once with HP_QMP_ERROR_STALLED.
 * The socket is always drained, whatever the guest floods.
 */

#define HP_TYPE_QMP_SESSION (hp_qmp_session_get_type ())
G_DECLARE_FINAL_TYPE (HpQmpSession, hp_qmp_session, HP, QMP_SESSION, GObject)

#define HP_QMP_GREETING_TIMEOUT_MS 5000
/* device_add and device_del do USB I/O under QEMU's big lock: seconds, with a bad device. */
#define HP_QMP_COMMAND_TIMEOUT_MS 20000
#define HP_QMP_QUEUE_MAX 1024

/*
 * hp_qmp_session_connect_async:
 * Connects without blocking, waits for the greeting, and negotiates (without out-of-band execution).
 * Errors: G_IO_ERROR_NOT_FOUND no socket; CONNECTION_REFUSED nobody listens; PERMISSION_DENIED; HP_QMP_ERROR_BUSY no
 * greeting in time, or the listener's queue is full (EAGAIN); HP_QMP_ERROR_PROTOCOL.
 *
 * Signals of a session:
 * "event" (const char *name, JsonNode *data-or-NULL)
 * "stalled" () and "responsive" ()
 * "closed" (GError *): once; the peer left, or broke the protocol. Pending commands have failed by then.
 */
void hp_qmp_session_connect_async (const char *path, GCancellable *cancellable, GAsyncReadyCallback callback,
                                   gpointer user_data);
HpQmpSession *hp_qmp_session_connect_finish (GAsyncResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/*
 * hp_qmp_session_adopt_async:
 * Takes over a connection that was negotiated by an earlier run of the daemon: whatever still comes of old answers is
 * dropped up to the answer to a command of our own. Fails if none comes within the greeting's time.
 * @fd: (transfer full)
 */
void hp_qmp_session_adopt_async (int fd, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
HpQmpSession *hp_qmp_session_adopt_finish (GAsyncResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/*
 * hp_qmp_session_execute_async:
 * @arguments: (nullable) (transfer full)
 * @fd: passed along with the command (SCM_RIGHTS), borrowed until the call returns; -1 for none
 */
void hp_qmp_session_execute_async (HpQmpSession *session, const char *command, JsonObject *arguments, int fd,
                                   GAsyncReadyCallback callback, gpointer user_data);
/* The value of "return". (transfer full) */
JsonNode *hp_qmp_session_execute_finish (HpQmpSession *session, GAsyncResult *result,
                                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Ends it: pending commands fail with HP_QMP_ERROR_CLOSED, no "closed" is emitted. */
void hp_qmp_session_close (HpQmpSession *session);

/* Other than HP_QMP_COMMAND_TIMEOUT_MS, from the next command on. */
void hp_qmp_session_set_timeout (HpQmpSession *session, guint timeout_ms);

gboolean hp_qmp_session_is_open (HpQmpSession *session);
gboolean hp_qmp_session_is_stalled (HpQmpSession *session);
int hp_qmp_session_fd (HpQmpSession *session);              /* borrowed, for the service manager's store */
const char *hp_qmp_session_version (HpQmpSession *session); /* QEMU's, "7.2.22"; NULL unknown */
/* SO_PEERCRED: who listens. libvirt-made sockets tell libvirtd's. FALSE where the kernel does not say. */
gboolean hp_qmp_session_peer (HpQmpSession *session, guint *ret_pid, guint *ret_uid);
