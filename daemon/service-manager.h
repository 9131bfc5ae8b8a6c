/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/*
 * The sd_notify protocol without libsystemd: readiness, status line, watchdog, and the descriptor store that keeps
 * claims and QMP connections across a crash. Does nothing where there is no service manager ($NOTIFY_SOCKET unset).
 */

typedef struct _HpServiceManager HpServiceManager;

/*
 * hp_service_manager_new:
 * Reads and clears the environment (NOTIFY_SOCKET, WATCHDOG_*, LISTEN_*); starts the watchdog on the main loop. To be
 * called first thing, before anything opens descriptors or starts threads. Nothing here ever blocks: what the service
 * manager's socket has no room for waits, in order, and goes out from the main loop.
 */
HpServiceManager *hp_service_manager_new (void);
void hp_service_manager_free (HpServiceManager *manager);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpServiceManager, hp_service_manager_free)

void hp_service_manager_ready (HpServiceManager *manager);
void hp_service_manager_reloading (HpServiceManager *manager);
void hp_service_manager_stopping (HpServiceManager *manager);
/* One line for `systemctl status`; sent only when it differs from the last. */
void hp_service_manager_status (HpServiceManager *manager, const char *status);

/*
 * hp_service_manager_store:
 * Keeps a copy of @fd under @name (letters, digits, '.', '-', '_'; others must be escaped by the caller) until it is
 * removed, or the peer hangs up. @fd stays the caller's.
 * Returns: FALSE where there is no store. (TRUE is no promise: a unit with FileDescriptorStoreMax=0 drops it unsaid.)
 */
gboolean hp_service_manager_store (HpServiceManager *manager, const char *name, int fd);
void hp_service_manager_remove (HpServiceManager *manager, const char *name);

/*
 * The next descriptor an earlier run left, close-on-exec and the caller's from now on, or -1 when there are no more.
 * @ret_name: (transfer full): made safe, "unknown" where it has none. What is not taken is closed with the manager.
 */
int hp_service_manager_take (HpServiceManager *manager, char **ret_name);
