/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-command.h"
#include "qmp-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

/* Read in one turn of the main loop: a flood of events must not keep the others waiting. */
#define READ_BYTES (64 * 1024)
/* Kept while looking for the answer that a stream is taken up from. */
#define SKIPPED_MAX (256 * 1024)

struct _HpQmpSession
{
  GObject parent;

  int fd; /* -1 once closed */
  GSource *in;
  GSource *out; /* (nullable): while the socket is full */
  HpQmpFramer *framer;
  GQueue *queue;         /* HpQmpCommand */
  HpQmpCommand *current; /* (nullable): the one QEMU is to answer */
  guint timer;
  guint timeout_ms;
  guint64 next_id;
  gboolean stalled;
  char *version;
  HpQmpGreeting greeting;
  gpointer greeting_data;
  char *mark; /* (nullable): see hp_qmp_session_skip_to() */
  GString *skipped;
};

enum
{
  EVENT,
  STALLED,
  RESPONSIVE,
  CLOSED,
  N_SIGNALS,
};
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (HpQmpSession, hp_qmp_session, G_TYPE_OBJECT)

static void pump (HpQmpSession *session);

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
fail_queued (HpQmpSession *session, const GError *error)
{
  HpQmpCommand *command;

  while ((command = g_queue_pop_head (session->queue)) != NULL)
    hp_qmp_command_fail (command, error);
}

/* Ends the session: first nothing can be sent any more, then everyone who waits is told. */
static void
shut (HpQmpSession *session, const GError *error)
{
  HpQmpCommand *current = g_steal_pointer (&session->current);

  clear_source (&session->in);
  clear_source (&session->out);
  g_clear_handle_id (&session->timer, g_source_remove);
  if (session->fd >= 0)
    close (session->fd);
  session->fd = -1;
  session->stalled = FALSE;
  if (current != NULL)
    hp_qmp_command_fail (current, error);
  fail_queued (session, error);
}

static void
end (HpQmpSession *session, int code, const char *why)
{
  g_autoptr (GError) error = g_error_new_literal (HP_QMP_ERROR, code, why);

  if (session->fd < 0)
    return;
  shut (session, error);
  g_signal_emit (session, signals[CLOSED], 0, error);
}

void
hp_qmp_session_close (HpQmpSession *session)
{
  g_autoptr (GError) error = g_error_new_literal (HP_QMP_ERROR, HP_QMP_ERROR_CLOSED, "the session was closed");
  g_autoptr (HpQmpSession) self = g_object_ref (session);

  if (self->fd >= 0)
    shut (self, error);
}

static gboolean
on_timeout (gpointer user_data)
{
  g_autoptr (HpQmpSession) session = g_object_ref (user_data);
  g_autoptr (GTask) task = g_steal_pointer (&session->current->task);
  g_autoptr (GError) error =
      g_error_new (HP_QMP_ERROR, HP_QMP_ERROR_STALLED, "no answer within %u s", session->timeout_ms / 1000);

  session->timer = 0;
  session->stalled = TRUE;
  if (task != NULL)
    g_task_return_error (task, g_error_copy (error));
  fail_queued (session, error);
  if (session->fd >= 0)
    g_signal_emit (session, signals[STALLED], 0);
  return G_SOURCE_REMOVE;
}

static gboolean
on_writable (int fd, GIOCondition condition, gpointer user_data)
{
  g_autoptr (HpQmpSession) session = g_object_ref (user_data);

  clear_source (&session->out);
  pump (session);
  return G_SOURCE_REMOVE;
}

static GSource *
watch (HpQmpSession *session, GIOCondition condition, GUnixFDSourceFunc callback)
{
  GSource *source = g_unix_fd_source_new (session->fd, condition);

  g_source_set_callback (source, G_SOURCE_FUNC (callback), session, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

static void
send_current (HpQmpSession *session)
{
  if (hp_qmp_command_send (session->current, session->fd))
    return;
  if (errno != EAGAIN && errno != EWOULDBLOCK)
    end (session, HP_QMP_ERROR_CLOSED, g_strerror (errno));
  else if (session->out == NULL)
    session->out = watch (session, G_IO_OUT, on_writable);
}

static void
pump (HpQmpSession *session)
{
  if (session->fd >= 0 && session->current == NULL && !g_queue_is_empty (session->queue))
    {
      session->current = g_queue_pop_head (session->queue);
      session->timer = g_timeout_add (session->timeout_ms, on_timeout, session);
    }
  if (session->current != NULL)
    send_current (session);
}

static void
take_answer (HpQmpSession *session, HpQmpMessage *message)
{
  HpQmpCommand *command = session->current;
  g_autoptr (GTask) task = NULL;
  gboolean was_stalled = session->stalled;

  if (command == NULL || g_strcmp0 (message->id, command->id) != 0)
    {
      end (session, HP_QMP_ERROR_PROTOCOL, "what comes is not QMP: an answer to a command that was not given");
      return;
    }
  task = g_steal_pointer (&command->task);
  session->current = NULL;
  session->stalled = FALSE;
  hp_qmp_command_free (command);
  g_clear_handle_id (&session->timer, g_source_remove);
  pump (session);
  if (task != NULL && message->kind == HP_QMP_RETURN)
    g_task_return_pointer (task, g_steal_pointer (&message->data), (GDestroyNotify)json_node_unref);
  else if (task != NULL)
    g_task_return_error (task, g_steal_pointer (&message->failure));
  if (was_stalled && session->fd >= 0)
    g_signal_emit (session, signals[RESPONSIVE], 0);
}

static void
take_message (HpQmpSession *session, HpQmpMessage *message)
{
  HpQmpGreeting greeting = session->greeting;

  switch (message->kind)
    {
    case HP_QMP_GREETING:
      session->greeting = NULL;
      if (greeting != NULL)
        greeting (session, message->data, session->greeting_data);
      else
        end (session, HP_QMP_ERROR_PROTOCOL, "what comes is not QMP: a second greeting");
      break;
    case HP_QMP_EVENT:
      g_signal_emit (session, signals[EVENT], 0, message->event, message->data);
      break;
    case HP_QMP_RETURN:
    case HP_QMP_FAILURE:
      take_answer (session, message);
      break;
    }
}

static void
take_bytes (HpQmpSession *session, const char *data, gsize length)
{
  g_autoptr (GError) error = NULL;
  GBytes *popped;
  gboolean pushed = hp_qmp_framer_push (session->framer, data, length, &error);

  while (session->fd >= 0 && (popped = hp_qmp_framer_pop (session->framer)) != NULL)
    {
      g_autoptr (GBytes) text = popped;
      g_autoptr (HpQmpMessage) message = hp_qmp_message_parse (text, pushed ? &error : NULL);

      if (message == NULL)
        {
          end (session, HP_QMP_ERROR_PROTOCOL, error != NULL ? error->message : "what comes is not QMP");
          return;
        }
      take_message (session, message);
    }
  if (!pushed)
    end (session, HP_QMP_ERROR_PROTOCOL, error->message);
}

/*
 * Looks for the answer with the mark in what is left of an earlier run's stream, which may begin in the middle of a
 * message. QEMU begins each message on a new line, pretty-printed or not.
 */
static void
skip (HpQmpSession *session, const char *data, gsize length)
{
  const char *found, *start = NULL;

  g_string_append_len (session->skipped, data, (gssize)length);
  found = g_strstr_len (session->skipped->str, (gssize)session->skipped->len, session->mark);
  if (found == NULL)
    {
      if (session->skipped->len > SKIPPED_MAX)
        g_string_erase (session->skipped, 0, (gssize)(session->skipped->len - SKIPPED_MAX / 2));
      return;
    }
  for (const char *at = found; at > session->skipped->str && start == NULL; at--)
    if (at[0] == '{' && at[-1] == '\n')
      start = at;
  if (start == NULL)
    start = session->skipped->str;

  g_autoptr (GString) skipped = g_steal_pointer (&session->skipped);

  g_clear_pointer (&session->mark, g_free);
  take_bytes (session, start, skipped->len - (gsize)(start - skipped->str));
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  g_autoptr (HpQmpSession) session = g_object_ref (user_data);
  g_autofree char *buffer = g_malloc (READ_BYTES);
  gssize n = recv (session->fd, buffer, READ_BYTES, MSG_DONTWAIT);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;
  if (n <= 0)
    {
      end (session, HP_QMP_ERROR_CLOSED, n == 0 ? "QEMU has closed the monitor" : g_strerror (errno));
      return G_SOURCE_REMOVE;
    }
  if (session->mark != NULL)
    skip (session, buffer, (gsize)n);
  else
    take_bytes (session, buffer, (gsize)n);
  return session->fd >= 0 ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

HpQmpSession *
hp_qmp_session_new (int fd)
{
  HpQmpSession *session = g_object_new (HP_TYPE_QMP_SESSION, NULL);

  session->fd = fd;
  session->in = watch (session, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable);
  return session;
}

void
hp_qmp_session_expect_greeting (HpQmpSession *session, HpQmpGreeting greeting, gpointer user_data)
{
  session->greeting = greeting;
  session->greeting_data = user_data;
}

void
hp_qmp_session_skip_to (HpQmpSession *session, const char *mark)
{
  session->mark = g_strdup (mark);
  session->skipped = g_string_new (NULL);
}

void
hp_qmp_session_set_version (HpQmpSession *session, const char *version)
{
  g_free (session->version);
  session->version = g_strdup (version);
}

void
hp_qmp_session_set_timeout (HpQmpSession *session, guint timeout_ms)
{
  session->timeout_ms = timeout_ms;
}

void
hp_qmp_session_execute_with_id (HpQmpSession *session, const char *name, JsonObject *arguments, int fd, const char *id,
                                GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (JsonObject) owned = arguments;
  GTask *task = g_task_new (session, NULL, callback, user_data);
  int fd_error;
  HpQmpCommand *command = hp_qmp_command_new (hp_qmp_command (name, owned, id), id, fd, task, &fd_error);
  g_autoptr (GError) error = NULL;

  g_task_set_source_tag (task, hp_qmp_session_execute_async);
  if (session->fd < 0)
    error = g_error_new_literal (HP_QMP_ERROR, HP_QMP_ERROR_CLOSED, "the session has ended");
  else if (session->stalled)
    error = g_error_new_literal (HP_QMP_ERROR, HP_QMP_ERROR_STALLED, "an earlier command is still not answered");
  else if (g_queue_get_length (session->queue) >= HP_QMP_QUEUE_MAX)
    error = g_error_new_literal (HP_QMP_ERROR, HP_QMP_ERROR_STALLED, "too many commands are waiting");
  else if (fd_error != 0)
    error = g_error_new (HP_QMP_ERROR, HP_QMP_ERROR_GENERIC, "copying a descriptor: %s", g_strerror (fd_error));
  if (error != NULL)
    {
      hp_qmp_command_fail (command, error);
      return;
    }
  g_queue_push_tail (session->queue, command);
  pump (session);
}

void
hp_qmp_session_execute_async (HpQmpSession *session, const char *command, JsonObject *arguments, int fd,
                              GAsyncReadyCallback callback, gpointer user_data)
{
  g_autofree char *id = g_strdup_printf ("%" G_GUINT64_FORMAT, ++session->next_id);

  hp_qmp_session_execute_with_id (session, command, arguments, fd, id, callback, user_data);
}

JsonNode *
hp_qmp_session_execute_finish (HpQmpSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

gboolean
hp_qmp_session_is_open (HpQmpSession *session)
{
  return session->fd >= 0;
}

gboolean
hp_qmp_session_is_stalled (HpQmpSession *session)
{
  return session->stalled;
}

int
hp_qmp_session_fd (HpQmpSession *session)
{
  return session->fd;
}

const char *
hp_qmp_session_version (HpQmpSession *session)
{
  return session->version;
}

gboolean
hp_qmp_session_peer (HpQmpSession *session, guint *ret_pid, guint *ret_uid)
{
  struct ucred peer;
  socklen_t length = sizeof peer;

  if (session->fd < 0 || getsockopt (session->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || peer.pid <= 0)
    return FALSE;
  *ret_pid = (guint)peer.pid;
  *ret_uid = peer.uid;
  return TRUE;
}

static void
hp_qmp_session_init (HpQmpSession *session)
{
  session->fd = -1;
  session->framer = hp_qmp_framer_new ();
  session->queue = g_queue_new ();
  session->timeout_ms = HP_QMP_COMMAND_TIMEOUT_MS;
}

static void
hp_qmp_session_finalize (GObject *object)
{
  HpQmpSession *session = HP_QMP_SESSION (object);
  g_autoptr (GError) error = g_error_new_literal (HP_QMP_ERROR, HP_QMP_ERROR_CLOSED, "the session was dropped");

  /* A pending task holds a reference, so nobody waits any more. */
  shut (session, error);
  g_queue_free (session->queue);
  hp_qmp_framer_free (session->framer);
  g_free (session->version);
  g_free (session->mark);
  if (session->skipped != NULL)
    g_string_free (session->skipped, TRUE);
  G_OBJECT_CLASS (hp_qmp_session_parent_class)->finalize (object);
}

static guint
add_signal (HpQmpSessionClass *class, const char *name, guint n_arguments, GType first, GType second)
{
  return g_signal_new (name, G_TYPE_FROM_CLASS (class), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                       n_arguments, first, second);
}

static void
hp_qmp_session_class_init (HpQmpSessionClass *class)
{
  G_OBJECT_CLASS (class)->finalize = hp_qmp_session_finalize;
  signals[EVENT] = add_signal (class, "event", 2, G_TYPE_STRING, G_TYPE_POINTER);
  signals[STALLED] = add_signal (class, "stalled", 0, G_TYPE_NONE, G_TYPE_NONE);
  signals[RESPONSIVE] = add_signal (class, "responsive", 0, G_TYPE_NONE, G_TYPE_NONE);
  signals[CLOSED] = add_signal (class, "closed", 1, G_TYPE_ERROR, G_TYPE_NONE);
}
