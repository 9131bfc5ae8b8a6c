/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib/gstdio.h>

/* A descriptor that closes itself, as g_autofd does from GLib 2.76 on: g_auto (HpFd) fd = -1. */
typedef int HpFd;

static inline void
hp_fd_close (HpFd fd)
{
  if (fd >= 0)
    g_close (fd, NULL);
}
G_DEFINE_AUTO_CLEANUP_FREE_FUNC (HpFd, hp_fd_close, -1)

static inline int
hp_fd_steal (HpFd *fd)
{
  int stolen = *fd;

  *fd = -1;
  return stolen;
}
