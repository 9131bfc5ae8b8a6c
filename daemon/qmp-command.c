/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-command.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

HpQmpCommand *
hp_qmp_command_new (GBytes *bytes, const char *id, int fd, GTask *task, int *ret_fd_error)
{
  HpQmpCommand *command = g_new0 (HpQmpCommand, 1);

  command->bytes = bytes;
  command->id = g_strdup (id);
  command->fd = fd >= 0 ? fcntl (fd, F_DUPFD_CLOEXEC, 3) : -1;
  *ret_fd_error = fd >= 0 && command->fd < 0 ? errno : 0;
  command->task = task;
  return command;
}

void
hp_qmp_command_free (HpQmpCommand *command)
{
  g_bytes_unref (command->bytes);
  g_free (command->id);
  if (command->fd >= 0)
    close (command->fd);
  g_clear_object (&command->task);
  g_free (command);
}

void
hp_qmp_command_fail (HpQmpCommand *command, const GError *error)
{
  g_autoptr (GTask) task = g_steal_pointer (&command->task);

  hp_qmp_command_free (command);
  if (task != NULL)
    g_task_return_error (task, g_error_copy (error));
}

gboolean
hp_qmp_command_is_sent (const HpQmpCommand *command)
{
  return command->sent >= g_bytes_get_size (command->bytes);
}

/* The descriptor goes with the first byte, and with nothing else. */
static gssize
send_some (const HpQmpCommand *command, int socket)
{
  gsize length;
  const char *data = g_bytes_get_data (command->bytes, &length);
  struct iovec part = { .iov_base = (void *)(data + command->sent), .iov_len = length - command->sent };
  union
  {
    struct cmsghdr header;
    char space[CMSG_SPACE (sizeof (int))];
  } control = { 0 };
  struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

  if (command->sent == 0 && command->fd >= 0)
    {
      message.msg_control = control.space;
      message.msg_controllen = sizeof control.space;
      control.header.cmsg_level = SOL_SOCKET;
      control.header.cmsg_type = SCM_RIGHTS;
      control.header.cmsg_len = CMSG_LEN (sizeof (int));
      memcpy (CMSG_DATA (&control.header), &command->fd, sizeof (int));
    }
  return sendmsg (socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

gboolean
hp_qmp_command_send (HpQmpCommand *command, int socket)
{
  while (!hp_qmp_command_is_sent (command))
    {
      gssize n = send_some (command, socket);

      if (n < 0 && errno != EINTR)
        return FALSE;
      command->sent += (gsize)MAX (n, 0);
    }
  return TRUE;
}
