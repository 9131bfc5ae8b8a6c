/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-peer.h"

#include "qmp-session.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CHUNK (64 * 1024)
#define FDS_MAX 8

guint qmp_peer_patience;

/* Stands before GLib's, for the sake of one time-out that a test has no time for. */
guint
g_timeout_add (guint interval, GSourceFunc function, gpointer data)
{
  if (qmp_peer_patience > 0 && interval == HP_QMP_GREETING_TIMEOUT_MS)
    interval = qmp_peer_patience;
  return g_timeout_add_full (G_PRIORITY_DEFAULT, interval, function, data, NULL);
}

static gboolean on_connection (int fd, GIOCondition condition, gpointer user_data);

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static GSource *
watch (QmpPeer *peer, int fd, GIOCondition condition, GUnixFDSourceFunc func)
{
  GSource *source = g_unix_fd_source_new (fd, condition);

  g_source_set_callback (source, G_SOURCE_FUNC (func), peer, NULL);
  g_source_attach (source, NULL);
  return source;
}

void
qmp_peer_drop (QmpPeer *peer)
{
  clear_source (&peer->reading);
  clear_source (&peer->writing);
  if (peer->client >= 0)
    close (peer->client);
  peer->client = -1;
  peer->leaving = FALSE;
  g_string_truncate (peer->in, 0);
  g_string_truncate (peer->out, 0);
  peer->out_sent = 0;
  g_clear_pointer (&peer->id, g_free);
  if (peer->listener >= 0 && peer->listening == NULL)
    peer->listening = watch (peer, peer->listener, G_IO_IN, on_connection);
}

static gboolean
on_writable (int fd, GIOCondition condition, gpointer user_data)
{
  QmpPeer *peer = user_data;
  gsize length = peer->out->len - peer->out_sent;
  gssize n;

  n = send (fd, peer->out->str + peer->out_sent, MIN (length, peer->drips ? 1 : CHUNK), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN)
    return G_SOURCE_CONTINUE;
  if (n < 0)
    {
      qmp_peer_drop (peer);
      return G_SOURCE_REMOVE;
    }
  peer->out_sent += (gsize)n;
  peer->written += (gsize)n;
  if (peer->out_sent < peer->out->len)
    return G_SOURCE_CONTINUE;
  g_string_truncate (peer->out, 0);
  peer->out_sent = 0;
  clear_source (&peer->writing);
  if (peer->leaving)
    qmp_peer_drop (peer);
  return G_SOURCE_REMOVE;
}

void
qmp_peer_say_bytes (QmpPeer *peer, const char *bytes, gsize length)
{
  g_assert_cmpint (peer->client, >=, 0);
  g_string_append_len (peer->out, bytes, (gssize)length);
  if (peer->writing == NULL && length > 0)
    peer->writing = watch (peer, peer->client, G_IO_OUT, on_writable);
}

void
qmp_peer_say (QmpPeer *peer, const char *text)
{
  const char *at = strchr (text, '@');

  if (at == NULL)
    {
      qmp_peer_say_bytes (peer, text, strlen (text));
      return;
    }
  g_assert_nonnull (peer->id);

  g_autofree char *id = g_steal_pointer (&peer->id);

  qmp_peer_say_bytes (peer, text, (gsize)(at - text));
  qmp_peer_say_bytes (peer, id, strlen (id));
  qmp_peer_say_bytes (peer, at + 1, strlen (at + 1));
}

void
qmp_peer_leave (QmpPeer *peer)
{
  peer->leaving = TRUE;
  if (peer->writing == NULL)
    qmp_peer_drop (peer);
}

static void
take_step (QmpPeer *peer, const char *command)
{
  const QmpStep *step = peer->next_step++;

  g_assert_cmpstr (command, ==, step->command);
  if (step->say != NULL)
    qmp_peer_say (peer, step->say);
  if (step->leave)
    qmp_peer_leave (peer);
}

static void
take_line (QmpPeer *peer, const char *line)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) root = json_from_string (line, &error);
  JsonObject *object;

  g_assert_no_error (error);
  object = json_node_get_object (root);
  g_assert_true (json_object_has_member (object, "id"));
  g_assert_null (peer->id);
  peer->id = json_to_string (json_object_get_member (object, "id"), FALSE);
  g_free (peer->command);
  peer->command = g_strdup (json_object_get_string_member (object, "execute"));
  if (peer->negotiates && g_str_equal (peer->command, "qmp_capabilities"))
    {
      qmp_peer_say (peer, "{\"return\": {}, \"id\": @}\r\n");
      return;
    }
  peer->commands++;
  if (peer->next_step != NULL)
    take_step (peer, peer->command);
  else if (peer->func != NULL)
    peer->func (peer, peer->command,
                json_object_has_member (object, "arguments") ? json_object_get_object_member (object, "arguments")
                                                             : NULL,
                peer->user_data);
}

/* As QEMU's: the newest is kept, for the next command that wants one. */
static void
take_fds (QmpPeer *peer, struct msghdr *message)
{
  for (struct cmsghdr *header = CMSG_FIRSTHDR (message); header != NULL; header = CMSG_NXTHDR (message, header))
    {
      gsize n_fds = (header->cmsg_len - CMSG_LEN (0)) / sizeof (int);

      g_assert_cmpint (header->cmsg_type, ==, SCM_RIGHTS);
      for (gsize i = 0; i < n_fds; i++)
        {
          if (peer->fd >= 0)
            close (peer->fd);
          memcpy (&peer->fd, CMSG_DATA (header) + i * sizeof (int), sizeof (int));
          peer->fds++;
        }
    }
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  QmpPeer *peer = user_data;
  g_autofree char *buffer = g_malloc (CHUNK);
  char control[CMSG_SPACE (FDS_MAX * sizeof (int))];
  struct iovec part = { .iov_base = buffer, .iov_len = CHUNK };
  struct msghdr message = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
  };
  gssize n = recvmsg (fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  char *end;

  if (n < 0 && errno == EAGAIN)
    return G_SOURCE_CONTINUE;
  if (n <= 0)
    {
      qmp_peer_drop (peer);
      return G_SOURCE_REMOVE;
    }
  take_fds (peer, &message);
  g_string_append_len (peer->in, buffer, n);
  while ((end = memchr (peer->in->str, '\n', peer->in->len)) != NULL)
    {
      g_autofree char *line = g_strndup (peer->in->str, (gsize)(end - peer->in->str));

      g_string_erase (peer->in, 0, end + 1 - peer->in->str);
      take_line (peer, line);
    }
  return peer->client >= 0 ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void
take_client (QmpPeer *peer, int fd)
{
  g_assert_cmpint (peer->client, ==, -1);
  clear_source (&peer->listening);
  peer->client = fd;
  peer->reading = watch (peer, fd, G_IO_IN, on_readable);
  peer->connections++;
}

static gboolean
on_connection (int fd, GIOCondition condition, gpointer user_data)
{
  QmpPeer *peer = user_data;
  int client = accept4 (fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (client < 0)
    return G_SOURCE_CONTINUE;
  take_client (peer, client);
  if (peer->greeting != NULL)
    qmp_peer_say (peer, peer->greeting);
  return G_SOURCE_REMOVE;
}

void
qmp_peer_take (QmpPeer *peer, int fd)
{
  g_unix_set_fd_nonblocking (fd, TRUE, NULL);
  take_client (peer, fd);
}

void
qmp_peer_unlink (QmpPeer *peer)
{
  clear_source (&peer->listening);
  if (peer->listener >= 0)
    close (peer->listener);
  peer->listener = -1;
  g_unlink (peer->path);
}

void
qmp_peer_bind (QmpPeer *peer)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  qmp_peer_unlink (peer);
  g_assert_cmpuint (strlen (peer->path), <, sizeof address.sun_path);
  strcpy (address.sun_path, peer->path);
  peer->listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  g_assert_cmpint (peer->listener, >=, 0);
  g_assert_cmpint (bind (peer->listener, (struct sockaddr *)&address, sizeof address), ==, 0);
}

void
qmp_peer_listen (QmpPeer *peer)
{
  if (peer->listener < 0)
    qmp_peer_bind (peer);
  g_assert_cmpint (listen (peer->listener, 1), ==, 0);
  if (peer->client < 0 && peer->listening == NULL)
    peer->listening = watch (peer, peer->listener, G_IO_IN, on_connection);
}

QmpPeer *
qmp_peer_new (void)
{
  QmpPeer *peer = g_new0 (QmpPeer, 1);
  g_autoptr (GError) error = NULL;

  peer->folder = g_dir_make_tmp ("hp-qmp-XXXXXX", &error);
  g_assert_no_error (error);
  peer->path = g_build_filename (peer->folder, "qmp", NULL);
  peer->greeting = QMP_GREETING;
  peer->negotiates = TRUE;
  peer->listener = peer->client = peer->fd = -1;
  peer->in = g_string_new (NULL);
  peer->out = g_string_new (NULL);
  qmp_peer_listen (peer);
  return peer;
}

void
qmp_peer_free (QmpPeer *peer)
{
  if (peer == NULL)
    return;
  qmp_peer_unlink (peer);
  qmp_peer_drop (peer);
  if (peer->fd >= 0)
    close (peer->fd);
  g_rmdir (peer->folder);
  g_string_free (peer->in, TRUE);
  g_string_free (peer->out, TRUE);
  g_free (peer->command);
  g_free (peer->path);
  g_free (peer->folder);
  g_free (peer);
}

int
qmp_peer_steal_fd (QmpPeer *peer)
{
  int fd = peer->fd;

  peer->fd = -1;
  return fd;
}
