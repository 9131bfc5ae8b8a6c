/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority.h"

#include "dbus/errors.h"

#include <polkit/polkit.h>

#define QUESTIONS_MAX 16

struct _HpAuthority
{
  GObject parent_instance;

  GDBusConnection *connection;
  PolkitAuthority *polkit; /* NULL until it could be reached once */
  gboolean reaching;       /* for it */
  GPtrArray *waiting;      /* GTask: questions that came before polkit was reached */
  GHashTable *open;        /* caller -> number of its open questions */
};

G_DEFINE_TYPE (HpAuthority, hp_authority, G_TYPE_OBJECT)

typedef struct
{
  GDBusConnection *connection;
  GHashTable *open;
  char *sender;
  char *action;
  PolkitDetails *details;
  gboolean interactive;
  GCancellable *gone; /* fires when the caller leaves the bus */
  guint watch;
  guint32 uid;
} HpQuestion;

static void
hp_question_free (HpQuestion *question)
{
  g_dbus_connection_signal_unsubscribe (question->connection, question->watch);
  g_clear_object (&question->connection);
  g_clear_object (&question->details);
  g_clear_object (&question->gone);
  g_clear_pointer (&question->open, g_hash_table_unref);
  g_free (question->sender);
  g_free (question->action);
  g_free (question);
}

/* Counts the questions that a caller has open. FALSE: it has as many as it may. */
static gboolean
open_question (GHashTable *open, const char *sender)
{
  guint count = GPOINTER_TO_UINT (g_hash_table_lookup (open, sender));

  if (count >= QUESTIONS_MAX)
    return FALSE;
  g_hash_table_insert (open, g_strdup (sender), GUINT_TO_POINTER (count + 1));
  return TRUE;
}

/* Before the answer is given, so that whoever gets it may ask again at once. */
static void
close_question (HpQuestion *question)
{
  guint count = GPOINTER_TO_UINT (g_hash_table_lookup (question->open, question->sender));

  if (count <= 1)
    g_hash_table_remove (question->open, question->sender);
  else
    g_hash_table_insert (question->open, g_strdup (question->sender), GUINT_TO_POINTER (count - 1));
}

static void
answer_yes (GTask *task)
{
  close_question (g_task_get_task_data (task));
  g_task_return_boolean (task, TRUE);
}

static void answer_no (GTask *task, GQuark domain, int code, const char *format, ...) G_GNUC_PRINTF (4, 5);

static void
answer_no (GTask *task, GQuark domain, int code, const char *format, ...)
{
  HpQuestion *question = g_task_get_task_data (task);
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  close_question (question);
  g_task_return_error (task, g_error_new_literal (domain, code, message));
}

/* Nothing that goes wrong on the way is ever a yes. */
static void
answer_cannot_ask (GTask *task, GError *error)
{
  HpQuestion *question = g_task_get_task_data (task);

  if (g_cancellable_is_cancelled (question->gone))
    {
      answer_no (task, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "the caller left the bus before %s was decided",
                 question->action);
      return;
    }
  g_dbus_error_strip_remote_error (error);
  answer_no (task, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED,
             "cannot ask polkit about %s, so the answer is no (check that polkit runs, and that org.hotplugger1.policy "
             "is installed): %s",
             question->action, error->message);
}

static void
on_checked (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpQuestion *question = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (PolkitAuthorizationResult) answer =
      polkit_authority_check_authorization_finish (POLKIT_AUTHORITY (source), result, &error);

  if (!answer)
    answer_cannot_ask (task, error);
  else if (g_cancellable_is_cancelled (question->gone))
    answer_no (task, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "the caller left the bus before %s was decided",
               question->action);
  else if (polkit_authorization_result_get_is_authorized (answer))
    answer_yes (task);
  else if (polkit_authorization_result_get_is_challenge (answer) && !question->interactive)
    answer_no (task, HP_ERROR, HP_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
               "%s needs a password, and this call did not allow asking for one: allow it, or run it as root",
               question->action);
  else if (polkit_authorization_result_get_is_challenge (answer))
    answer_no (task, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED,
               "%s needs a password, and nothing was there to ask for it: run it in a terminal or a desktop session "
               "with a polkit agent, or as root",
               question->action);
  else if (polkit_authorization_result_get_dismissed (answer))
    answer_no (task, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED,
               "%s was not authorized: the question for a password was dismissed", question->action);
  else
    answer_no (task, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED,
               "%s is not allowed for this user: an administrator can allow it with a polkit rule, see "
               "50-hotplugger.rules.example",
               question->action);
}

static void
ask (GTask *task)
{
  HpAuthority *self = g_task_get_source_object (task);
  HpQuestion *question = g_task_get_task_data (task);
  g_autoptr (PolkitSubject) subject = polkit_system_bus_name_new (question->sender);

  /* libpolkit waits for the answer as long as it takes, and takes the question back when it is cancelled. */
  polkit_authority_check_authorization (self->polkit, subject, question->action, question->details,
                                        question->interactive ? POLKIT_CHECK_AUTHORIZATION_FLAGS_ALLOW_USER_INTERACTION
                                                              : POLKIT_CHECK_AUTHORIZATION_FLAGS_NONE,
                                        question->gone, on_checked, g_object_ref (task));
}

/* A failure is not remembered: polkit may come up after us. */
static void
on_polkit (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HpAuthority) self = user_data;
  g_autoptr (GPtrArray) waiting = g_steal_pointer (&self->waiting);
  g_autoptr (GError) error = NULL;

  self->waiting = g_ptr_array_new_with_free_func (g_object_unref);
  self->reaching = FALSE;
  self->polkit = polkit_authority_get_finish (result, &error);
  for (guint i = 0; i < waiting->len; i++)
    {
      if (self->polkit)
        ask (waiting->pdata[i]);
      else
        answer_cannot_ask (waiting->pdata[i], error);
    }
}

/*
 * One at a time: libpolkit reaches out in a thread and holds a lock meanwhile, and whoever asks for it again waits for
 * that lock, here in the main loop.
 */
static void
reach_polkit (HpAuthority *self)
{
  if (self->reaching)
    return;
  self->reaching = TRUE;
  polkit_authority_get_async (NULL, on_polkit, g_object_ref (self));
}

static void
on_uid (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  HpAuthority *self = g_task_get_source_object (task);
  HpQuestion *question = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (!reply)
    {
      answer_cannot_ask (task, error);
      return;
    }
  g_variant_get (reply, "(u)", &question->uid);
  if (self->polkit)
    {
      ask (task);
      return;
    }
  g_ptr_array_add (self->waiting, g_steal_pointer (&task));
  reach_polkit (self);
}

static void
on_owner_changed (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
                  const char *signal, GVariant *parameters, gpointer user_data)
{
  /* Unique names never come back: any change is their end. */
  g_cancellable_cancel (user_data);
}

static HpQuestion *
hp_question_new (HpAuthority *self, const char *sender, const char *action, const char *const *details,
                 gboolean interactive)
{
  HpQuestion *question = g_new0 (HpQuestion, 1);

  question->connection = g_object_ref (self->connection);
  question->open = g_hash_table_ref (self->open);
  question->sender = g_strdup (sender);
  question->action = g_strdup (action);
  question->interactive = interactive;
  question->uid = G_MAXUINT32;
  question->gone = g_cancellable_new ();
  question->details = polkit_details_new ();
  for (guint i = 0; details && details[i] && details[i + 1]; i += 2)
    polkit_details_insert (question->details, details[i], details[i + 1]);
  /* Before the uid is asked for: a caller that is gone by then has no uid, one that goes later is seen here. */
  question->watch =
      g_dbus_connection_signal_subscribe (self->connection, "org.freedesktop.DBus", "org.freedesktop.DBus",
                                          "NameOwnerChanged", "/org/freedesktop/DBus", sender, G_DBUS_SIGNAL_FLAGS_NONE,
                                          on_owner_changed, g_object_ref (question->gone), g_object_unref);
  return question;
}

void
hp_authority_check_async (HpAuthority *authority, const char *sender, const char *action, const char *const *details,
                          gboolean interactive, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (authority, NULL, callback, user_data);
  HpQuestion *question;

  g_task_set_source_tag (task, hp_authority_check_async);
  if (!open_question (authority->open, sender))
    {
      g_task_return_new_error (task, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED,
                               "cannot ask about %s: this caller has %u questions open already; answer one of them "
                               "first",
                               action, QUESTIONS_MAX);
      return;
    }
  question = hp_question_new (authority, sender, action, details, interactive);
  g_task_set_task_data (task, question, (GDestroyNotify)hp_question_free);
  g_dbus_connection_call (authority->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                          "org.freedesktop.DBus", "GetConnectionUnixUser", g_variant_new ("(s)", sender),
                          G_VARIANT_TYPE ("(u)"), G_DBUS_CALL_FLAGS_NONE, -1, question->gone, on_uid,
                          g_steal_pointer (&task));
}

gboolean
hp_authority_check_finish (HpAuthority *authority, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, authority), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}

guint32
hp_authority_check_uid (GAsyncResult *result)
{
  HpQuestion *question = g_task_get_task_data (G_TASK (result));

  return question ? question->uid : G_MAXUINT32;
}

static void
hp_authority_dispose (GObject *object)
{
  HpAuthority *self = HP_AUTHORITY (object);

  g_clear_object (&self->connection);
  g_clear_object (&self->polkit);
  g_clear_pointer (&self->open, g_hash_table_unref);
  g_clear_pointer (&self->waiting, g_ptr_array_unref);
  G_OBJECT_CLASS (hp_authority_parent_class)->dispose (object);
}

static void
hp_authority_class_init (HpAuthorityClass *class)
{
  G_OBJECT_CLASS (class)->dispose = hp_authority_dispose;
}

static void
hp_authority_init (HpAuthority *self)
{
  self->open = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->waiting = g_ptr_array_new_with_free_func (g_object_unref);
}

HpAuthority *
hp_authority_new (GDBusConnection *connection)
{
  HpAuthority *self = g_object_new (HP_TYPE_AUTHORITY, NULL);

  self->connection = g_object_ref (connection);
  return self;
}
