/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-session.h"

#include "qmp-client.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A session once it is open: what it is asked, and what it tells. How it gets there is in test-qmp-connect.c. */

/* --- answers --- */

static const struct
{
  const char *say;
  const char *answer; /* or: */
  int code;
  const char *part;
} answers[] = {
  { "{\"return\": {}, \"id\": @}\r\n", "{}" },
  { "{\"id\": @, \"return\": [1, \"a\", null]}\r\n", "[1,\"a\",null]" },
  { "{\"return\": false, \"id\": @}", "false" },
  { "{\"return\": null, \"id\": @}", "null" },
  { "{\r\n    \"return\": {\r\n        \"text\": \"}{\\\"\"\r\n    },\r\n    \"id\": @\r\n}\r\n",
    "{\"text\":\"}{\\\"\"}" },
  { "{\"event\": \"STOP\"}{\"return\": 1, \"id\": @}{\"event\": \"RESUME\"}", "1" },
  { "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}, \"id\": @}", NULL, HP_QMP_ERROR_GENERIC, "no" },
  { "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"x\"}, \"id\": @}", NULL, HP_QMP_ERROR_COMMAND_NOT_FOUND },
  { "{\"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"x\"}, \"id\": @}", NULL, HP_QMP_ERROR_DEVICE_NOT_FOUND },
  { "{\"error\": {\"class\": \"KVMMissingCap\", \"desc\": \"x\"}, \"id\": @}", NULL, HP_QMP_ERROR_GENERIC },
  { "{\"error\": {\"desc\": \"a\\u001b[2Jb\"}, \"id\": @}", NULL, HP_QMP_ERROR_GENERIC, "a [2Jb" },
  { "{\"error\": 7, \"id\": @}", NULL, HP_QMP_ERROR_GENERIC },
};

static void
check_answers (QmpClient *client)
{
  for (gsize i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      const QmpStep steps[] = { { "query-name", answers[i].say }, { NULL } };
      g_autoptr (GAsyncResult) result = NULL;

      client->peer->next_step = steps;
      qmp_client_ask (client, "query-name", &result);
      wait_until (result != NULL);
      if (answers[i].answer != NULL)
        qmp_client_assert_returned (client, result, answers[i].answer);
      else
        qmp_client_assert_failed (client, result, answers[i].code, answers[i].part);
    }
  client->peer->next_step = NULL;
  wait_until (client->events == 2);
  g_assert_cmpuint (client->peer->commands, ==, G_N_ELEMENTS (answers));
  g_assert_true (hp_qmp_session_is_open (client->session));
}

static void
test_answers (QmpClient *client, gconstpointer unused)
{
  check_answers (client);
}

static void
test_drip (QmpClient *client, gconstpointer unused)
{
  client->peer->drips = TRUE;
  check_answers (client);
}

static void
test_arguments (QmpClient *client, gconstpointer unused)
{
  JsonObject *arguments = json_object_new ();
  g_autoptr (GAsyncResult) result = NULL;

  /* The peer insists that what comes is JSON, one command a line. */
  json_object_set_string_member (arguments, "text", "a\n\"b\"\\ \xe2\x82\xac");
  hp_qmp_session_execute_async (client->session, "echo", arguments, -1, keep_result, &result);
  wait_until (client->peer->commands == 1);
  qmp_peer_say (client->peer, "{\"return\": {}, \"id\": @}");
  wait_until (result != NULL);
  qmp_client_assert_returned (client, result, "{}");
}

/* An answer to something else ends the session: from here on nobody knows what answers what. */
static void
test_foreign_answers (void)
{
  static const char *const says[] = {
    "{\"return\": {}, \"id\": \"foreign\"}\r\n",
    "{\"return\": {}, \"id\": 1}\r\n",
    "{\"return\": {}}\r\n",
    "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}\r\n",
    "{\"return\": {}, \"id\": [\"1\"]}\r\n",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (says) * 2; i++)
    {
      QmpClient client = { 0 };
      g_autoptr (GAsyncResult) first = NULL, second = NULL;
      gboolean asked = i % 2 == 0;

      qmp_client_set_up (&client, NULL);
      if (asked)
        {
          qmp_client_ask (&client, "one", &first);
          qmp_client_ask (&client, "two", &second);
          wait_until (client.peer->commands == 1);
        }
      qmp_peer_say (client.peer, says[i / 2]);
      wait_until (client.n_closed == 1);
      g_assert_error (client.closed, HP_QMP_ERROR, HP_QMP_ERROR_PROTOCOL);
      wait_until (!asked || (first != NULL && second != NULL));
      if (asked)
        {
          qmp_client_assert_failed (&client, first, HP_QMP_ERROR_PROTOCOL, "not given");
          qmp_client_assert_failed (&client, second, HP_QMP_ERROR_PROTOCOL, "not given");
        }
      g_clear_object (&first);
      g_clear_object (&second);
      qmp_client_tear_down (&client, NULL);
    }
}

static void
test_out_of_order (QmpClient *client, gconstpointer unused)
{
  g_autoptr (GAsyncResult) first = NULL, second = NULL;
  g_autofree char *id = NULL, *answer = NULL;

  qmp_client_ask (client, "one", &first);
  wait_until (client->peer->commands == 1);
  id = g_steal_pointer (&client->peer->id);
  answer = g_strdup_printf ("{\"return\": 1, \"id\": %s}{\"return\": 2, \"id\": %s}", id, id);
  qmp_client_ask (client, "two", &second);
  qmp_peer_say (client->peer, answer);
  wait_until (client->n_closed == 1 && second != NULL);
  qmp_client_assert_returned (client, first, "1");
  qmp_client_assert_failed (client, second, HP_QMP_ERROR_PROTOCOL, NULL);
}

/* --- the line --- */

static void
test_queue (QmpClient *client, gconstpointer unused)
{
  GAsyncResult *results[HP_QMP_QUEUE_MAX + 2] = { NULL };
  guint n_results = G_N_ELEMENTS (results);

  /* One that QEMU is to answer, and the line behind it. The peer insists that only one comes at a time. */
  for (guint i = 0; i < n_results; i++)
    qmp_client_ask (client, "step", &results[i]);
  wait_until (results[n_results - 1] != NULL);
  qmp_client_assert_failed (client, results[n_results - 1], HP_QMP_ERROR_STALLED, "too many");
  for (guint i = 0; i + 1 < n_results; i++)
    {
      wait_until (client->peer->commands == i + 1 && client->peer->id != NULL);
      g_assert_null (results[i]);
      qmp_peer_say (client->peer, "{\"return\": {}, \"id\": @}");
    }
  wait_until (results[n_results - 2] != NULL);
  for (guint i = 0; i + 1 < n_results; i++)
    qmp_client_assert_returned (client, results[i], "{}");
  for (guint i = 0; i < n_results; i++)
    g_object_unref (results[i]);
}

/* --- events --- */

static void
test_flood (QmpClient *client, gconstpointer unused)
{
  const guint n_events = 50000;
  g_autoptr (GString) flood = g_string_new (NULL);
  g_autoptr (GAsyncResult) result = NULL;

  for (guint i = 0; i < n_events; i++)
    g_string_append (flood, "{\"timestamp\": {\"seconds\": 1}, \"event\": \"RESET\", \"data\": {\"guest\": true}}\r\n");
  qmp_client_ask (client, "query-status", &result);
  wait_until (client->peer->commands == 1);
  qmp_peer_say_bytes (client->peer, flood->str, flood->len);
  qmp_peer_say (client->peer, "{\"return\": {}, \"id\": @}");
  qmp_peer_say_bytes (client->peer, flood->str, flood->len);
  wait_until (result != NULL);
  g_assert_cmpuint (client->events, >=, n_events);
  g_assert_cmpuint (client->events, <, 2 * n_events); /* it did not swallow all of it in one go */
  qmp_client_assert_returned (client, result, "{}");
  wait_until (client->events == 2 * n_events);
  g_assert_cmpstr (client->last_event, ==, "{\"guest\":true}");
}

/* --- stalled --- */

static void
test_stalled (QmpClient *client, gconstpointer unused)
{
  g_autoptr (GAsyncResult) first = NULL, second = NULL, third = NULL, fourth = NULL;

  hp_qmp_session_set_timeout (client->session, 50);
  qmp_client_ask (client, "device_add", &first);
  qmp_client_ask (client, "remove-fd", &second);
  wait_until (first != NULL && second != NULL);
  qmp_client_assert_failed (client, first, HP_QMP_ERROR_STALLED, "no answer");
  qmp_client_assert_failed (client, second, HP_QMP_ERROR_STALLED, NULL);
  g_assert_cmpuint (client->stalled, ==, 1);
  g_assert_true (hp_qmp_session_is_stalled (client->session));
  g_assert_true (hp_qmp_session_is_open (client->session));

  qmp_client_ask (client, "query-status", &third);
  wait_until (third != NULL);
  qmp_client_assert_failed (client, third, HP_QMP_ERROR_STALLED, "not answered");
  qmp_peer_say (client->peer, "{\"event\": \"STOP\"}");
  wait_until (client->events == 1);
  g_assert_cmpuint (client->peer->commands, ==, 1);
  g_assert_cmpuint (client->responsive, ==, 0);

  qmp_peer_say (client->peer, "{\"return\": {}, \"id\": @}");
  wait_until (client->responsive == 1);
  g_assert_false (hp_qmp_session_is_stalled (client->session));
  hp_qmp_session_set_timeout (client->session, HP_QMP_COMMAND_TIMEOUT_MS);
  qmp_client_ask (client, "query-status", &fourth);
  wait_until (client->peer->commands == 2);
  qmp_peer_say (client->peer, "{\"return\": 4, \"id\": @}");
  wait_until (fourth != NULL);
  qmp_client_assert_returned (client, fourth, "4");
  g_assert_cmpuint (client->stalled + client->responsive, ==, 2);
}

static void
test_stalled_to_the_end (QmpClient *client, gconstpointer unused)
{
  g_autoptr (GAsyncResult) result = NULL;

  hp_qmp_session_set_timeout (client->session, 1);
  qmp_client_ask (client, "device_add", &result);
  wait_until (client->stalled == 1 && client->peer->commands == 1);
  qmp_peer_leave (client->peer);
  wait_until (client->n_closed == 1);
  g_assert_false (hp_qmp_session_is_stalled (client->session));
  g_assert_cmpuint (client->responsive, ==, 0);
  qmp_client_assert_failed (client, result, HP_QMP_ERROR_STALLED, NULL);
}

static void
ask_again (HpQmpSession *session, gpointer user_data)
{
  hp_qmp_session_execute_async (session, "again", NULL, -1, keep_result, user_data);
}

/* From "responsive" on commands go through: the machine takes stock right there. */
static void
test_responsive_asks (QmpClient *client, gconstpointer unused)
{
  g_autoptr (GAsyncResult) first = NULL, second = NULL;

  g_signal_connect (client->session, "responsive", G_CALLBACK (ask_again), &second);
  hp_qmp_session_set_timeout (client->session, 1);
  qmp_client_ask (client, "device_add", &first);
  wait_until (client->stalled == 1 && client->peer->commands == 1);
  hp_qmp_session_set_timeout (client->session, HP_QMP_COMMAND_TIMEOUT_MS);
  qmp_peer_say (client->peer, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"late\"}, \"id\": @}");
  wait_until (client->peer->commands == 2);
  qmp_peer_say (client->peer, "{\"return\": {}, \"id\": @}");
  wait_until (second != NULL);
  qmp_client_assert_returned (client, second, "{}");
}

/* --- descriptors --- */

static gboolean
is_same_file (int a, int b)
{
  struct stat first, second;

  g_assert_cmpint (fstat (a, &first), ==, 0);
  g_assert_cmpint (fstat (b, &second), ==, 0);
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/* With a command so long that it goes in many parts: the descriptor goes with the first, and once. */
static void
test_descriptor (QmpClient *client, gconstpointer unused)
{
  const gsize lengths[] = { 1, 3 * 1024 * 1024 };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      JsonObject *arguments = json_object_new ();
      g_autofree char *text = g_strnfill (lengths[i], 'x');
      g_autoptr (GAsyncResult) result = NULL, plain = NULL;
      int pair[2], got;

      g_assert_cmpint (pipe2 (pair, O_CLOEXEC), ==, 0);
      json_object_set_string_member (arguments, "opaque", text);
      hp_qmp_session_execute_async (client->session, "add-fd", arguments, pair[1], keep_result, &result);
      qmp_client_ask (client, "query-name", &plain);
      wait_until (client->peer->commands == 2 * i + 1);
      got = qmp_peer_steal_fd (client->peer);
      g_assert_cmpint (got, >=, 0);
      g_assert_true (is_same_file (got, pair[1]));
      qmp_peer_say (client->peer, "{\"return\": {\"fd\": 16, \"fdset-id\": 7}, \"id\": @}");
      wait_until (client->peer->commands == 2 * i + 2);
      qmp_peer_say (client->peer, "{\"return\": {}, \"id\": @}");
      wait_until (plain != NULL);
      qmp_client_assert_returned (client, result, "{\"fd\":16,\"fdset-id\":7}");
      qmp_client_assert_returned (client, plain, "{}");
      g_assert_cmpuint (client->peer->fds, ==, i + 1);

      /* The caller's is the caller's, and no copy of it is left. */
      g_assert_cmpint (close (pair[1]), ==, 0);
      g_assert_cmpint (close (got), ==, 0);
      g_assert_cmpint (read (pair[0], &got, 1), ==, 0);
      close (pair[0]);
    }
}

/* It may be closed once the call has returned, long before the command's turn. */
static void
test_descriptor_waits (QmpClient *client, gconstpointer unused)
{
  g_autoptr (GAsyncResult) first = NULL, second = NULL;
  int pair[2];

  g_assert_cmpint (pipe2 (pair, O_CLOEXEC), ==, 0);
  qmp_client_ask (client, "one", &first);
  hp_qmp_session_execute_async (client->session, "add-fd", NULL, pair[1], keep_result, &second);
  close (pair[1]);
  wait_until (client->peer->commands == 1);
  g_assert_cmpuint (client->peer->fds, ==, 0);
  qmp_peer_say (client->peer, "{\"return\": {}, \"id\": @}");
  wait_until (client->peer->commands == 2);
  g_assert_cmpuint (client->peer->fds, ==, 1);
  hp_qmp_session_close (client->session);
  wait_until (second != NULL);
  close (pair[0]);
}

static void
test_descriptor_bad (QmpClient *client, gconstpointer unused)
{
  g_autoptr (GAsyncResult) result = NULL;

  hp_qmp_session_execute_async (client->session, "add-fd", NULL, 1000000, keep_result, &result);
  wait_until (result != NULL);
  qmp_client_assert_failed (client, result, HP_QMP_ERROR_GENERIC, "descriptor");
  g_assert_cmpuint (client->peer->commands, ==, 0);
  g_assert_true (hp_qmp_session_is_open (client->session));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/qmp-session/foreign-answers", test_foreign_answers);
#define ADD(name, function)                                                                                            \
  g_test_add ("/qmp-session/" name, QmpClient, NULL, qmp_client_set_up, function, qmp_client_tear_down)
  ADD ("answers", test_answers);
  ADD ("drip", test_drip);
  ADD ("arguments", test_arguments);
  ADD ("out-of-order", test_out_of_order);
  ADD ("queue", test_queue);
  ADD ("flood", test_flood);
  ADD ("stalled", test_stalled);
  ADD ("stalled-to-the-end", test_stalled_to_the_end);
  ADD ("responsive-asks", test_responsive_asks);
  ADD ("descriptor", test_descriptor);
  ADD ("descriptor-waits", test_descriptor_waits);
  ADD ("descriptor-bad", test_descriptor_bad);
  return g_test_run ();
}
