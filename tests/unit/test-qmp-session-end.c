/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-session.h"

#include "memory.h"
#include "qmp-client.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How a session ends: left by the peer, by us, by a handler in the middle of it, or since what comes is not QMP. */

/* --- by the peer --- */

static void
test_left (QmpClient *client, gconstpointer unused)
{
  g_autoptr (GAsyncResult) first = NULL, second = NULL, third = NULL;
  guint pid, uid;

  qmp_client_ask (client, "one", &first);
  qmp_client_ask (client, "two", &second);
  wait_until (client->peer->commands == 1);
  qmp_peer_say (client->peer, "{\"event\": \"SHUTDOWN\"}{\"return\": ");
  qmp_peer_leave (client->peer);
  wait_until (client->n_closed == 1);
  g_assert_error (client->closed, HP_QMP_ERROR, HP_QMP_ERROR_CLOSED);
  g_assert_cmpstr (client->last_event, ==, "SHUTDOWN");
  /* They have failed by then. */
  g_assert_nonnull (first);
  g_assert_nonnull (second);
  qmp_client_assert_failed (client, first, HP_QMP_ERROR_CLOSED, NULL);
  qmp_client_assert_failed (client, second, HP_QMP_ERROR_CLOSED, NULL);

  qmp_client_ask (client, "three", &third);
  wait_until (third != NULL);
  qmp_client_assert_failed (client, third, HP_QMP_ERROR_CLOSED, "ended");
  g_assert_cmpint (hp_qmp_session_fd (client->session), ==, -1);
  g_assert_false (hp_qmp_session_peer (client->session, &pid, &uid));
  g_assert_cmpuint (client->n_closed, ==, 1);
}

/* What was said before the end counts, though QEMU resets the connection when it has not read all. */
static void
test_left_with_last_words (QmpClient *client, gconstpointer unused)
{
  g_autoptr (GAsyncResult) result = NULL;

  qmp_client_ask (client, "quit", &result);
  wait_until (client->peer->commands == 1);
  qmp_peer_say (client->peer, "{\"return\": {}, \"id\": @}\r\n{\"event\": \"SHUTDOWN\"}\r\n");
  qmp_peer_leave (client->peer);
  wait_until (client->n_closed == 1);
  qmp_client_assert_returned (client, result, "{}");
  g_assert_cmpuint (client->events, ==, 1);
}

/* The peer leaves while a long command is being sent: EPIPE, and no SIGPIPE. */
static void
test_left_unread (QmpClient *client, gconstpointer unused)
{
  JsonObject *arguments = json_object_new ();
  g_autofree char *text = g_strnfill (3 * 1024 * 1024, 'x');
  g_autoptr (GAsyncResult) result = NULL, next = NULL;

  json_object_set_string_member (arguments, "text", text);
  hp_qmp_session_execute_async (client->session, "one", arguments, -1, keep_result, &result);
  shutdown (client->peer->client, SHUT_RD);
  qmp_client_ask (client, "two", &next);
  wait_until (client->n_closed == 1 && result != NULL && next != NULL);
  g_assert_error (client->closed, HP_QMP_ERROR, HP_QMP_ERROR_CLOSED);
  qmp_client_assert_failed (client, result, HP_QMP_ERROR_CLOSED, NULL);
  qmp_client_assert_failed (client, next, HP_QMP_ERROR_CLOSED, NULL);
}

/* --- by us --- */

static void
test_close (QmpClient *client, gconstpointer unused)
{
  g_autoptr (GAsyncResult) first = NULL, second = NULL;

  qmp_client_ask (client, "one", &first);
  qmp_client_ask (client, "two", &second);
  wait_until (client->peer->commands == 1);
  qmp_peer_say (client->peer, "{\"return\": {}, \"id\": @}");
  hp_qmp_session_close (client->session);
  hp_qmp_session_close (client->session);
  g_assert_false (hp_qmp_session_is_open (client->session));
  wait_until (first != NULL && second != NULL && client->peer->client < 0);
  qmp_client_assert_failed (client, first, HP_QMP_ERROR_CLOSED, NULL);
  qmp_client_assert_failed (client, second, HP_QMP_ERROR_CLOSED, NULL);
  g_assert_cmpuint (client->n_closed, ==, 0);
  g_assert_cmpuint (client->peer->commands, ==, 1);
}

/* A pending command keeps the session alive; one without goes with its last reference, and tells nobody. */
static void
test_drop (QmpClient *client, gconstpointer unused)
{
  g_autoptr (GAsyncResult) result = NULL;
  gpointer weak = client->session;

  g_object_add_weak_pointer (G_OBJECT (client->session), &weak);
  qmp_client_ask (client, "one", &result);
  wait_until (client->peer->commands == 1);
  g_object_unref (client->session);
  g_assert_nonnull (weak);
  qmp_peer_say (client->peer, "{\"return\": {}, \"id\": @}");
  wait_until (result != NULL);
  qmp_client_assert_returned (client, result, "{}");
  g_clear_object (&result);
  wait_until (weak == NULL && client->peer->client < 0);
  client->session = NULL;
  g_assert_cmpuint (client->n_closed, ==, 0);
}

/* --- by a handler --- */

typedef struct
{
  QmpClient *client;
  gboolean drop; /* or only close */
  gpointer weak;
  guint calls;
} Ender;

static void
end_it (Ender *ender)
{
  ender->calls++;
  if (!ender->drop)
    hp_qmp_session_close (ender->client->session);
  else if (ender->client->session != NULL)
    {
      g_signal_handlers_disconnect_by_data (ender->client->session, ender->client);
      g_signal_handlers_disconnect_by_data (ender->client->session, ender);
      g_clear_object (&ender->client->session);
    }
}

static void
end_on_event (HpQmpSession *session, const char *name, JsonNode *data, gpointer ender)
{
  end_it (ender);
}

static void
end_on_signal (HpQmpSession *session, gpointer ender)
{
  end_it (ender);
}

static void
end_on_closed (HpQmpSession *session, GError *error, gpointer ender)
{
  end_it (ender);
}

static void
end_on_answer (GObject *session, GAsyncResult *result, gpointer ender)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer G_GNUC_UNUSED = hp_qmp_session_execute_finish (HP_QMP_SESSION (session), result, &error);

  end_it (ender);
}

static const struct
{
  const char *signal; /* NULL: the answer to a command */
  GCallback callback;
  const char *say;
} enders[] = {
  { "event", G_CALLBACK (end_on_event), "{\"event\": \"A\"}{\"event\": \"B\"}{\"return\": {}, \"id\": @}" },
  { NULL, NULL, "{\"return\": {}, \"id\": @}{\"event\": \"A\"}{\"return\": {}}" },
  { NULL, NULL, "{\"error\": {}, \"id\": @}garbage" },
  { "closed", G_CALLBACK (end_on_closed), "garbage" },
  { "stalled", G_CALLBACK (end_on_signal), NULL },
  { "responsive", G_CALLBACK (end_on_signal), "{\"return\": {}, \"id\": @}{\"event\": \"A\"}" },
};

static void
test_handlers (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (enders) * 2; i++)
    {
      QmpClient client = { 0 };
      Ender ender = { .client = &client, .drop = i % 2 == 0 };
      const char *signal = enders[i / 2].signal;
      gboolean stalls = signal != NULL && (g_str_equal (signal, "stalled") || g_str_equal (signal, "responsive"));
      g_autoptr (GAsyncResult) result = NULL, waiting = NULL;

      qmp_client_set_up (&client, NULL);
      ender.weak = client.session;
      g_object_add_weak_pointer (G_OBJECT (client.session), &ender.weak);
      if (signal != NULL)
        g_signal_connect (client.session, signal, enders[i / 2].callback, &ender);
      if (stalls)
        hp_qmp_session_set_timeout (client.session, 1);
      if (signal != NULL)
        hp_qmp_session_execute_async (client.session, "one", NULL, -1, keep_result, &result);
      else
        hp_qmp_session_execute_async (client.session, "one", NULL, -1, end_on_answer, &ender);
      qmp_client_ask (&client, "two", &waiting);
      wait_until (client.peer->commands == 1 && (!stalls || waiting != NULL));
      if (enders[i / 2].say != NULL)
        qmp_peer_say (client.peer, enders[i / 2].say);
      wait_until (ender.calls > 0);
      /* Pending commands keep a dropped one alive until QEMU ends. */
      if (ender.drop)
        qmp_peer_leave (client.peer);
      /* Whichever way it ends, everyone is told, and nothing is left of it. */
      wait_until (waiting != NULL && (signal == NULL || result != NULL));
      g_assert_cmpuint (ender.calls, ==, 1);
      g_clear_object (&waiting);
      g_clear_object (&result);
      wait_until (client.peer->client < 0 && (!ender.drop || ender.weak == NULL));
      qmp_client_tear_down (&client, NULL);
    }
}

/* --- not QMP --- */

static const struct
{
  const char *say;
  gsize length; /* 0: a string */
} broken[] = {
  { "HTTP/1.1 400 Bad Request\r\n\r\n" },
  { "garbage" },
  { "[1]" },
  { "\"text\"" },
  { "7" },
  { "{}" },
  { "{\"neither\": 1}" },
  { "{bad}" },
  { "{\"event\": \"\xff\xfe\"}" },
  { "{\"event\": \"A\", }" },
  { "{\"event\": \"A\""
    "\0"
    "}",
    15 },
  { "\0", 1 },
  { "}" },
  { "{]}" },
  { QMP_GREETING },
};

static void
test_broken (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (broken); i++)
    {
      QmpClient client = { 0 };
      g_autoptr (GAsyncResult) result = NULL;

      qmp_client_set_up (&client, NULL);
      qmp_client_ask (&client, "one", &result);
      wait_until (client.peer->commands == 1);
      qmp_peer_say_bytes (client.peer, broken[i].say, broken[i].length > 0 ? broken[i].length : strlen (broken[i].say));
      wait_until (client.n_closed == 1 && result != NULL);
      g_assert_error (client.closed, HP_QMP_ERROR, HP_QMP_ERROR_PROTOCOL);
      g_assert_true (g_str_has_prefix (client.closed->message, "what comes is not QMP"));
      g_assert_true (g_utf8_validate (client.closed->message, -1, NULL));
      qmp_client_assert_failed (&client, result, HP_QMP_ERROR_PROTOCOL, NULL);
      wait_until (client.peer->client < 0);
      g_clear_object (&result);
      qmp_client_tear_down (&client, NULL);
    }
}

/* What came before the broken part counts. */
static void
test_broken_after_answer (QmpClient *client, gconstpointer unused)
{
  g_autoptr (GAsyncResult) result = NULL;

  qmp_client_ask (client, "one", &result);
  wait_until (client->peer->commands == 1);
  qmp_peer_say (client->peer, "{\"return\": {}, \"id\": @}{\"event\": \"A\"}garbage");
  wait_until (client->n_closed == 1);
  qmp_client_assert_returned (client, result, "{}");
  g_assert_cmpuint (client->events, ==, 1);
}

/* A message without an end: it is not read to the end, nor kept. */
static void
test_endless (void)
{
  static const char *const beginnings[] = { "{\"event\": \"", "{\"return\": [1, ", "{\"a\": {\"b\": \"" };

  for (gsize i = 0; i < G_N_ELEMENTS (beginnings); i++)
    {
      QmpClient client = { 0 };
      const gsize length = 64 * 1024 * 1024;
      g_autofree char *text = g_strnfill (length, '1');
      MemoryWatch memory;

      memcpy (text, beginnings[i], strlen (beginnings[i]));
      qmp_client_set_up (&client, NULL);
      qmp_peer_say_bytes (client.peer, text, length);
      memory_watch_start (&memory);
      wait_until (client.n_closed == 1);
      g_assert_error (client.closed, HP_QMP_ERROR, HP_QMP_ERROR_PROTOCOL);
      g_assert_cmpuint (client.peer->written, <, 8 * 1024 * 1024);
      g_assert_cmpuint (memory_watch_stop (&memory), <, 16 * 1024);
      qmp_client_tear_down (&client, NULL);
    }
}

static void
test_nesting_bomb (void)
{
  static const char *const bombs[] = { "{\"a\":", "[" };

  for (gsize i = 0; i < G_N_ELEMENTS (bombs); i++)
    {
      QmpClient client = { 0 };
      g_autoptr (GString) text = g_string_new ("{\"return\": ");

      for (guint j = 0; j < 200000; j++)
        g_string_append (text, bombs[i]);
      qmp_client_set_up (&client, NULL);
      qmp_peer_say_bytes (client.peer, text->str, text->len);
      wait_until (client.n_closed == 1);
      g_assert_error (client.closed, HP_QMP_ERROR, HP_QMP_ERROR_PROTOCOL);
      g_assert_nonnull (strstr (client.closed->message, "deep"));
      qmp_client_tear_down (&client, NULL);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                                            \
  g_test_add ("/qmp-session-end/" name, QmpClient, NULL, qmp_client_set_up, function, qmp_client_tear_down)
  ADD ("left", test_left);
  ADD ("left-with-last-words", test_left_with_last_words);
  ADD ("left-unread", test_left_unread);
  ADD ("close", test_close);
  ADD ("drop", test_drop);
  ADD ("broken-after-answer", test_broken_after_answer);
  g_test_add_func ("/qmp-session-end/handlers", test_handlers);
  g_test_add_func ("/qmp-session-end/broken", test_broken);
  g_test_add_func ("/qmp-session-end/endless", test_endless);
  g_test_add_func ("/qmp-session-end/nesting-bomb", test_nesting_bomb);
  return g_test_run ();
}
