/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-session.h"

#include "memory.h"
#include "qmp-client.h"

#include <sys/socket.h>

/* Taking over a connection that an earlier run has left, with what is still on its way in it. */

#define RETURN_EMPTY "{\"return\": {}, \"id\": @}\r\n"
#define VERSION(major) "{\"qemu\": {\"micro\": 1, \"minor\": 0, \"major\": " major "}, \"package\": \"\"}"

static HpQmpSession *
try_adopt (int fd, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  hp_qmp_session_adopt_async (fd, NULL, keep_result, &result);
  wait_until (result != NULL);
  return hp_qmp_session_adopt_finish (result, error);
}

#define OLD "{\"return\": {}, \"id\": \"41\"}\r\n"

static const struct
{
  const char *before; /* what is on its way when the new run begins */
  const char *answer;
  const char *version;
} leftovers[] = {
  { "", "{\"return\": " VERSION ("7") ", \"id\": @}\r\n", "7.0.1" },
  { OLD "{\"event\": \"RESUME\"}\r\n", "{\"id\": @, \"return\": " VERSION ("8") "}\r\n", "8.0.1" },
  { "s\": \"a}{\"}, \"id\": \"41\"}\r\n", "{\"return\": " VERSION ("9") ", \"id\": @}\r\n", "9.0.1" },
  { "]]}\r\n{\"error\": {\"class\": \"GenericError\", \"desc\": \"x\"}}\r\n",
    "{\r\n    \"return\": {\r\n        \"qemu\": {\r\n            \"micro\": 1,\r\n            \"minor\": 0,\r\n"
    "            \"major\": 10\r\n        }\r\n    },\r\n    \"id\": @\r\n}\r\n",
    "10.0.1" },
  { OLD, "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"x\"}, \"id\": @}\r\n", NULL },
};

static void
adopt_one (gsize which, const char *before, gboolean drips)
{
  g_autoptr (QmpPeer) peer = qmp_peer_new ();
  const QmpStep steps[] = { { "query-version", leftovers[which].answer }, { "query-name", RETURN_EMPTY }, { NULL } };
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (HpQmpSession) session = NULL;
  g_autoptr (JsonNode) answer = NULL;
  int pair[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  qmp_peer_take (peer, pair[0]);
  peer->drips = drips;
  qmp_peer_say (peer, before);
  peer->next_step = steps;
  session = try_adopt (pair[1], &error);
  if (leftovers[which].version == NULL)
    {
      qmp_client_assert_none (session, &error, HP_QMP_ERROR, HP_QMP_ERROR_COMMAND_NOT_FOUND, "");
      return;
    }
  g_assert_no_error (error);
  g_assert_cmpstr (hp_qmp_session_version (session), ==, leftovers[which].version);
  hp_qmp_session_execute_async (session, "query-name", NULL, -1, keep_result, &result);
  wait_until (result != NULL);
  answer = hp_qmp_session_execute_finish (session, result, &error);
  g_assert_no_error (error);
}

static void
test_adopt (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (leftovers) * 2; i++)
    adopt_one (i / 2, leftovers[i / 2].before, i % 2 == 1);
}

/* Much more than what is kept while looking. */
static void
test_adopt_after_flood (void)
{
  g_autoptr (GString) flood = g_string_new (NULL);
  MemoryWatch memory;

  for (guint i = 0; i < 1500000; i++)
    g_string_append (flood, "{\"event\": \"RESET\"}\r\n");
  memory_watch_start (&memory);
  adopt_one (0, flood->str, FALSE);
  g_assert_cmpuint (memory_watch_stop (&memory), <, 2 * 1024);
}

static void
test_adopt_fails (void)
{
  static const struct
  {
    const char *say;
    gboolean leave;
    int code;
  } ends[] = {
    { "", FALSE, HP_QMP_ERROR_BUSY },
    { OLD, FALSE, HP_QMP_ERROR_BUSY },
    { OLD, TRUE, HP_QMP_ERROR_CLOSED },
    { "\r\n{\"nothing\": @}\r\n", FALSE, HP_QMP_ERROR_PROTOCOL },
  };

  qmp_peer_patience = 100;
  for (gsize i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      const QmpStep steps[] = { { "query-version", ends[i].say, ends[i].leave }, { NULL } };
      g_autoptr (QmpPeer) peer = qmp_peer_new ();
      g_autoptr (GError) error = NULL;
      int pair[2];

      g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
      qmp_peer_take (peer, pair[0]);
      peer->next_step = steps;
      qmp_client_assert_none (try_adopt (pair[1], &error), &error, HP_QMP_ERROR, ends[i].code, "");
      wait_until (peer->client < 0);
    }
  qmp_peer_patience = 0;
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/qmp-adopt/leftovers", test_adopt);
  g_test_add_func ("/qmp-adopt/flood", test_adopt_after_flood);
  g_test_add_func ("/qmp-adopt/fails", test_adopt_fails);
  return g_test_run ();
}
