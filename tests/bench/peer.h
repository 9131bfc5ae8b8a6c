/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * QEMU's side of QMP, as far as Hotplugger speaks it: a machine with one xHCI of 15 ports that takes whatever it is
 * given. In a thread of its own, so that nothing else delays it.
 */
typedef struct _Peer Peer;

/* Listens on a socket at @path. */
Peer *peer_new (const char *path);
void peer_free (Peer *peer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Peer, peer_free)

/*
 * peer_wait:
 * Waits for the next @command ("device_add") to arrive; at most 10 s, then the benchmark fails.
 * Returns: when it arrived, by sample_now()
 */
double peer_wait (Peer *peer, const char *command);
/* Forgets what has arrived. */
void peer_reset (Peer *peer);
