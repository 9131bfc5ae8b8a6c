/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* A command on its way: what is sent of it, and who waits for the answer. */
typedef struct
{
  GBytes *bytes;
  gsize sent; /* of them */
  char *id;
  int fd;      /* -1 for none */
  GTask *task; /* NULL once it was given up on: the answer may still come */
} HpQmpCommand;

/* @bytes, @task: (transfer full). @fd: copied; where that fails, *@ret_fd_error is errno, else 0 */
HpQmpCommand *hp_qmp_command_new (GBytes *bytes, const char *id, int fd, GTask *task, int *ret_fd_error);
void hp_qmp_command_free (HpQmpCommand *command);
/* Tells who waits that it failed, and frees it. */
void hp_qmp_command_fail (HpQmpCommand *command, const GError *error);

gboolean hp_qmp_command_is_sent (const HpQmpCommand *command);
/* Sends what @socket takes without waiting. Returns: FALSE with errno set, EAGAIN where it is full. */
gboolean hp_qmp_command_send (HpQmpCommand *command, int socket);
