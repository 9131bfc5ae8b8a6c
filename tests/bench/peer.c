/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "peer.h"
#include "sample.h"

#include <errno.h>
#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_SECONDS 10
#define GREETING                                                                                                       \
  "{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":2,\"major\":7},\"package\":\"\"},\"capabilities\":[]}}\r\n"

struct _Peer
{
  int listener;
  GThread *thread;
  GMutex mutex;
  GCond cond;
  GHashTable *arrived; /* command -> double *, when; guarded by mutex */
};

/* What a question is answered with. First match by command and, where there is one, by a part of the line. */
static const struct
{
  const char *command, *part, *value;
} answers[] = {
  { "query-status", NULL, "{\"status\":\"running\",\"running\":true}" },
  { "device-list-properties", NULL, "[{\"name\":\"hostdevice\",\"type\":\"str\"}]" },
  { "qom-list", "peripheral/xhci",
    "[{\"name\":\"xhci.0\",\"type\":\"child<usb-bus>\"},"
    "{\"name\":\"p2\",\"type\":\"uint32\"},{\"name\":\"p3\",\"type\":\"uint32\"}]" },
  { "qom-list", "peripheral\"", "[{\"name\":\"xhci\",\"type\":\"child<qemu-xhci>\"}]" },
  { "qom-list", NULL, "[]" },
  { "qom-get", "attached", "true" },
  { "qom-get", NULL, "15" },
  { "human-monitor-command", NULL, "\"\"" },
  { NULL, NULL, "{}" },
};

static const char *
answer_to (const char *command, const char *line)
{
  guint i = 0;

  while (answers[i].command != NULL
         && !(g_str_equal (answers[i].command, command)
              && (answers[i].part == NULL || strstr (line, answers[i].part) != NULL)))
    i++;
  return answers[i].value;
}

static void
note (Peer *peer, const char *command, double when)
{
  g_mutex_lock (&peer->mutex);
  if (!g_hash_table_contains (peer->arrived, command))
    g_hash_table_insert (peer->arrived, g_strdup (command), g_memdup2 (&when, sizeof when));
  g_cond_broadcast (&peer->cond);
  g_mutex_unlock (&peer->mutex);
}

static void
answer (Peer *peer, int fd, const char *line, double when)
{
  g_autoptr (JsonNode) root = json_from_string (line, NULL);
  JsonObject *object = root != NULL && JSON_NODE_HOLDS_OBJECT (root) ? json_node_get_object (root) : NULL;
  const char *command = object != NULL ? json_object_get_string_member_with_default (object, "execute", "") : "";
  JsonNode *id = object != NULL ? json_object_get_member (object, "id") : NULL;
  g_autofree char *id_text = id != NULL ? json_to_string (id, FALSE) : g_strdup ("null");
  g_autofree char *text = g_strdup_printf ("{\"return\":%s,\"id\":%s}\r\n", answer_to (command, line), id_text);

  send (fd, text, strlen (text), MSG_NOSIGNAL);
  note (peer, command, when);
}

/* Lines until the end; descriptors that come along are let go of by the kernel, since nobody asks for them. */
static void
serve (Peer *peer, int fd)
{
  g_autoptr (GString) buffer = g_string_new (NULL);
  char chunk[4096];
  ssize_t n;

  send (fd, GREETING, strlen (GREETING), MSG_NOSIGNAL);
  while ((n = recv (fd, chunk, sizeof chunk, 0)) > 0)
    {
      double when = sample_now ();
      char *end;

      g_string_append_len (buffer, chunk, n);
      while ((end = strchr (buffer->str, '\n')) != NULL)
        {
          g_autofree char *line = g_strndup (buffer->str, (gsize)(end - buffer->str));

          g_string_erase (buffer, 0, end - buffer->str + 1);
          answer (peer, fd, line, when);
        }
    }
  close (fd);
}

static gpointer
run (gpointer data)
{
  Peer *peer = data;
  int fd;

  while ((fd = accept4 (peer->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
    serve (peer, fd);
  return NULL;
}

Peer *
peer_new (const char *path)
{
  Peer *peer = g_new0 (Peer, 1);
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  g_assert_cmpuint (strlen (path), <, sizeof address.sun_path);
  strcpy (address.sun_path, path);
  peer->listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (bind (peer->listener, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (listen (peer->listener, 4), ==, 0);
  g_mutex_init (&peer->mutex);
  g_cond_init (&peer->cond);
  peer->arrived = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  peer->thread = g_thread_new ("peer", run, peer);
  return peer;
}

/* Whoever speaks to it is gone by now. */
void
peer_free (Peer *peer)
{
  shutdown (peer->listener, SHUT_RDWR);
  g_thread_join (peer->thread);
  close (peer->listener);
  g_hash_table_unref (peer->arrived);
  g_mutex_clear (&peer->mutex);
  g_cond_clear (&peer->cond);
  g_free (peer);
}

double
peer_wait (Peer *peer, const char *command)
{
  gint64 deadline = g_get_monotonic_time () + WAIT_SECONDS * G_USEC_PER_SEC;
  const double *when;
  double result;

  g_mutex_lock (&peer->mutex);
  while ((when = g_hash_table_lookup (peer->arrived, command)) == NULL)
    if (!g_cond_wait_until (&peer->cond, &peer->mutex, deadline))
      g_error ("no %s within %d s", command, WAIT_SECONDS);
  result = *when;
  g_hash_table_remove (peer->arrived, command);
  g_mutex_unlock (&peer->mutex);
  return result;
}

void
peer_reset (Peer *peer)
{
  g_mutex_lock (&peer->mutex);
  g_hash_table_remove_all (peer->arrived);
  g_mutex_unlock (&peer->mutex);
}
