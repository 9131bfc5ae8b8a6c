/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* From a path, or from a descriptor that an earlier run left, to a session that takes commands. */

typedef struct
{
  HpQmpSession *session;
  char *path; /* for errors */
  guint timer;
  gulong closed;
  GSource *cancelled; /* (nullable) */
} Handshake;

static void
stop_listening (Handshake *handshake, HpQmpSession *session)
{
  g_clear_handle_id (&handshake->timer, g_source_remove);
  if (handshake->closed != 0)
    g_signal_handler_disconnect (session, handshake->closed);
  handshake->closed = 0;
  if (handshake->cancelled != NULL)
    g_source_destroy (handshake->cancelled);
  g_clear_pointer (&handshake->cancelled, g_source_unref);
}

static void
handshake_free (gpointer data)
{
  Handshake *handshake = data;

  stop_listening (handshake, handshake->session);
  g_clear_object (&handshake->session);
  g_free (handshake->path);
  g_free (handshake);
}

/* Answers once, whichever of greeting, end, time-out and cancelling comes first. */
static void
finish (GTask *task, GError *error)
{
  Handshake *handshake = g_task_get_task_data (task);
  g_autoptr (HpQmpSession) session = g_steal_pointer (&handshake->session);

  if (session == NULL)
    {
      g_clear_error (&error);
      return;
    }
  stop_listening (handshake, session);
  hp_qmp_session_expect_greeting (session, NULL, NULL);
  if (error != NULL)
    {
      hp_qmp_session_close (session);
      g_task_return_error (task, error);
    }
  else if (!g_task_return_error_if_cancelled (task))
    g_task_return_pointer (task, g_steal_pointer (&session), g_object_unref);
  g_object_unref (task);
}

static gboolean
on_greeting_timeout (gpointer user_data)
{
  GTask *task = user_data;
  Handshake *handshake = g_task_get_task_data (task);

  handshake->timer = 0;
  finish (task, g_error_new (HP_QMP_ERROR, HP_QMP_ERROR_BUSY,
                             "%s: no greeting within %d s, another program holds this monitor", handshake->path,
                             HP_QMP_GREETING_TIMEOUT_MS / 1000));
  return G_SOURCE_REMOVE;
}

/* Whoever tries next must not find the monitor held by a try that nobody waits for. */
static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  finish (user_data, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "connecting was cancelled"));
  return G_SOURCE_REMOVE;
}

static void
on_closed (HpQmpSession *session, GError *error, gpointer user_data)
{
  GTask *task = user_data;
  Handshake *handshake = g_task_get_task_data (task);

  finish (task, g_error_new (error->domain, error->code, "%s: %s", handshake->path, error->message));
}

static void
on_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Handshake *handshake = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer = hp_qmp_session_execute_finish (HP_QMP_SESSION (source), result, &error);

  if (answer != NULL)
    finish (task, NULL);
  else
    finish (task, g_error_new (HP_QMP_ERROR, error->code, "%s: negotiating: %s", handshake->path, error->message));
}

static void
on_greeting (HpQmpSession *session, JsonNode *greeting, gpointer user_data)
{
  g_autofree char *version = hp_qmp_version (greeting, NULL, NULL);

  hp_qmp_session_set_version (session, version);
  hp_qmp_session_execute_async (session, "qmp_capabilities", NULL, -1, on_ready, g_object_ref (user_data));
}

static Handshake *
begin (GTask *task, int fd, const char *path)
{
  Handshake *handshake = g_new0 (Handshake, 1);

  handshake->session = hp_qmp_session_new (fd);
  handshake->path = g_strdup (path);
  handshake->closed = g_signal_connect (handshake->session, "closed", G_CALLBACK (on_closed), task);
  handshake->timer = g_timeout_add (HP_QMP_GREETING_TIMEOUT_MS, on_greeting_timeout, task);
  if (g_task_get_cancellable (task) != NULL)
    {
      handshake->cancelled = g_cancellable_source_new (g_task_get_cancellable (task));
      g_source_set_callback (handshake->cancelled, G_SOURCE_FUNC (on_cancelled), task, NULL);
      g_source_attach (handshake->cancelled, g_main_context_get_thread_default ());
    }
  g_task_set_task_data (task, handshake, handshake_free);
  return handshake;
}

/* The unit has PrivateTmp=yes. */
static const char *
hidden_hint (const char *path)
{
  return g_str_has_prefix (path, "/tmp/") || g_str_has_prefix (path, "/var/tmp/")
             ? "; the service does not see the machine's /tmp: use /run"
             : "";
}

static GError *
connect_error (const char *path, int code)
{
  switch (code)
    {
    case EAGAIN:
      return g_error_new (HP_QMP_ERROR, HP_QMP_ERROR_BUSY,
                          "%s: others are waiting for this monitor already, it serves one program at a time", path);
    case ENOENT:
    case ENOTDIR:
      return g_error_new (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "%s: there is no such socket%s", path, hidden_hint (path));
    case ECONNREFUSED:
      return g_error_new (G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED, "%s: nobody listens", path);
    default:
      return g_error_new (G_IO_ERROR, (gint)g_io_error_from_errno (code), "%s: %s", path, g_strerror (code));
    }
}

/* connect() on a Unix socket never waits when it must not: it works, or it fails. */
static int
connect_to (const char *path, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd, code;

  if (strlen (path) >= sizeof address.sun_path)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG, "%s: the path of a socket has at most %zu bytes",
                   path, sizeof address.sun_path - 1);
      return -1;
    }
  memcpy (address.sun_path, path, strlen (path) + 1);
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && connect (fd, (struct sockaddr *)&address, sizeof address) == 0)
    return fd;
  code = errno;
  if (fd >= 0)
    close (fd);
  g_propagate_error (error, connect_error (path, code));
  return -1;
}

void
hp_qmp_session_connect_async (const char *path, GCancellable *cancellable, GAsyncReadyCallback callback,
                              gpointer user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  GError *error = NULL;
  int fd = connect_to (path, &error);

  g_task_set_source_tag (task, hp_qmp_session_connect_async);
  if (fd < 0)
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  hp_qmp_session_expect_greeting (begin (task, fd, path)->session, on_greeting, task);
}

HpQmpSession *
hp_qmp_session_connect_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
on_version (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer = hp_qmp_session_execute_finish (HP_QMP_SESSION (source), result, &error);
  g_autofree char *version = answer != NULL ? hp_qmp_version (answer, NULL, NULL) : NULL;

  hp_qmp_session_set_version (HP_QMP_SESSION (source), version);
  finish (task, answer != NULL ? NULL : g_error_copy (error));
}

void
hp_qmp_session_adopt_async (int fd, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  g_autofree char *id = g_strdup_printf ("again-%08x%08x", g_random_int (), g_random_int ());
  HpQmpSession *session;

  g_task_set_source_tag (task, hp_qmp_session_adopt_async);
  g_unix_set_fd_nonblocking (fd, TRUE, NULL);
  session = begin (task, fd, "connection of an earlier run")->session;
  hp_qmp_session_skip_to (session, id);
  hp_qmp_session_execute_with_id (session, "query-version", NULL, -1, id, on_version, g_object_ref (task));
}

HpQmpSession *
hp_qmp_session_adopt_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
