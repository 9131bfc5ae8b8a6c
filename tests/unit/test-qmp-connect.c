/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-session.h"

#include "qmp-client.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Getting a session from a path. */

#define RETURN_EMPTY "{\"return\": {}, \"id\": @}\r\n"
#define VERSION(major) "{\"qemu\": {\"micro\": 1, \"minor\": 0, \"major\": " major "}, \"package\": \"\"}"

static HpQmpSession *
try_path (const char *path, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  hp_qmp_session_connect_async (path, NULL, keep_result, &result);
  wait_until (result != NULL);
  return hp_qmp_session_connect_finish (result, error);
}

/* --- greetings --- */

static const struct
{
  const char *greeting;
  const char *version;
} greetings[] = {
  { QMP_GREETING, "7.2.22" },
  { "{\"QMP\": {\"version\": " VERSION ("11") ", \"capabilities\": []}}", "11.0.1" },
  { "{\r\n    \"QMP\": {\r\n        \"capabilities\": [\r\n        ],\r\n        \"version\": " VERSION (
        "5") "\r\n    }\r\n}\r\n",
    "5.0.1" },
  { "  \r\n{\"QMP\": {}}", NULL },
  { "{\"QMP\": {\"version\": {\"qemu\": {\"major\": \"7\"}}}}", NULL },
  { "{\"QMP\": {\"version\": \"7\"}}", NULL },
  { "{\"QMP\": null}", NULL },
  { "{\"event\": \"RESET\"}" QMP_GREETING, "7.2.22" },
};

static void
test_greetings (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (greetings) * 2; i++)
    {
      g_autoptr (QmpPeer) peer = qmp_peer_new ();
      g_autoptr (GError) error = NULL;
      g_autoptr (HpQmpSession) session = NULL;
      guint pid, uid;

      peer->greeting = greetings[i / 2].greeting;
      peer->drips = i % 2 == 1;
      session = try_path (peer->path, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (hp_qmp_session_version (session), ==, greetings[i / 2].version);
      g_assert_true (hp_qmp_session_is_open (session));
      g_assert_false (hp_qmp_session_is_stalled (session));
      g_assert_cmpint (fcntl (hp_qmp_session_fd (session), F_GETFD) & FD_CLOEXEC, !=, 0);
      g_assert_true (hp_qmp_session_peer (session, &pid, &uid));
      g_assert_cmpuint (pid, ==, (guint)getpid ());
      g_assert_cmpuint (uid, ==, getuid ());
      hp_qmp_session_close (session);
    }
}

/* Out-of-band execution is not asked for, and nothing else before the negotiation. */
static void
test_negotiation (void)
{
  const QmpStep steps[] = { { "qmp_capabilities", RETURN_EMPTY }, { NULL } };
  g_autoptr (QmpPeer) peer = qmp_peer_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (HpQmpSession) session = NULL;

  peer->negotiates = FALSE;
  peer->next_step = steps;
  session = try_path (peer->path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (peer->commands, ==, 1);
}

/* --- no way in --- */

typedef enum
{
  NO_SOCKET,
  NO_FOLDER,
  NO_FOLDER_BUT_FILE,
  PLAIN_FILE,
  NOT_LISTENING,
  LISTENER_GONE,
  TOO_LONG,
  N_OBSTACLES,
} Obstacle;

static char *
make_obstacle (QmpPeer *peer, Obstacle obstacle)
{
  g_autofree char *name = NULL;

  qmp_peer_unlink (peer);
  switch (obstacle)
    {
    case NO_SOCKET:
    case N_OBSTACLES:
      break;
    case NO_FOLDER:
      return g_build_filename (peer->folder, "none", "qmp", NULL);
    case NO_FOLDER_BUT_FILE:
      g_assert_true (g_file_set_contents (peer->path, "", 0, NULL));
      return g_build_filename (peer->path, "qmp", NULL);
    case PLAIN_FILE:
      g_assert_true (g_file_set_contents (peer->path, "", 0, NULL));
      break;
    case NOT_LISTENING:
      qmp_peer_bind (peer);
      break;
    case LISTENER_GONE:
      qmp_peer_listen (peer);
      close (peer->listener);
      g_source_destroy (peer->listening);
      g_clear_pointer (&peer->listening, g_source_unref);
      peer->listener = -1;
      break;
    case TOO_LONG:
      name = g_strnfill (200, 'x');
      return g_build_filename (peer->folder, name, NULL);
    }
  return g_strdup (peer->path);
}

static void
test_obstacles (void)
{
  static const int codes[N_OBSTACLES] = {
    [NO_SOCKET] = G_IO_ERROR_NOT_FOUND,
    [NO_FOLDER] = G_IO_ERROR_NOT_FOUND,
    [NO_FOLDER_BUT_FILE] = G_IO_ERROR_NOT_FOUND,
    [PLAIN_FILE] = G_IO_ERROR_CONNECTION_REFUSED,
    [NOT_LISTENING] = G_IO_ERROR_CONNECTION_REFUSED,
    [LISTENER_GONE] = G_IO_ERROR_CONNECTION_REFUSED,
    [TOO_LONG] = G_IO_ERROR_FILENAME_TOO_LONG,
  };

  for (guint i = 0; i < N_OBSTACLES; i++)
    {
      g_autoptr (QmpPeer) peer = qmp_peer_new ();
      g_autofree char *path = make_obstacle (peer, i);
      g_autoptr (GError) error = NULL;

      qmp_client_assert_none (try_path (path, &error), &error, G_IO_ERROR, codes[i], path);
    }
}

/* As a user who may not: root may do all, so it steps aside for the moment of connecting. */
static void
test_no_permission (void)
{
  const uid_t nobody = 65534;
  g_autoptr (QmpPeer) peer = qmp_peer_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  gboolean root = geteuid () == 0;

  g_assert_cmpint (g_chmod (peer->path, 0000), ==, 0);
  g_assert_cmpint (g_chmod (peer->folder, 0755), ==, 0);
  if (root)
    g_assert_cmpint (seteuid (nobody), ==, 0);
  hp_qmp_session_connect_async (peer->path, NULL, keep_result, &result);
  if (root)
    g_assert_cmpint (seteuid (0), ==, 0);
  wait_until (result != NULL);
  qmp_client_assert_none (hp_qmp_session_connect_finish (result, &error), &error, G_IO_ERROR,
                          G_IO_ERROR_PERMISSION_DENIED, peer->path);
}

/* --- held by another --- */

static int
connect_plainly (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  strcpy (address.sun_path, path);
  if (connect (fd, (struct sockaddr *)&address, sizeof address) == 0)
    return fd;
  g_assert_cmpint (errno, ==, EAGAIN);
  close (fd);
  return -1;
}

/* One is served, and as many wait as the listener lets; connect() must not wait for them. */
static void
test_backlog_full (void)
{
  g_autoptr (QmpPeer) peer = qmp_peer_new ();
  g_autoptr (GError) error = NULL;
  int fds[16];
  guint n_fds = 0;

  while (n_fds < G_N_ELEMENTS (fds) && (fds[n_fds] = connect_plainly (peer->path)) >= 0)
    n_fds++;
  g_assert_cmpuint (n_fds, <, G_N_ELEMENTS (fds));
  qmp_client_assert_none (try_path (peer->path, &error), &error, HP_QMP_ERROR, HP_QMP_ERROR_BUSY,
                          "one program at a time");
  for (guint i = 0; i < n_fds; i++)
    close (fds[i]);
}

static void
test_busy (void)
{
  g_autoptr (QmpPeer) peer = qmp_peer_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (HpQmpSession) session = NULL;
  int other = connect_plainly (peer->path);

  wait_until (peer->connections == 1);
  qmp_peer_patience = 100;
  qmp_client_assert_none (try_path (peer->path, &error), &error, HP_QMP_ERROR, HP_QMP_ERROR_BUSY, "another program");
  g_clear_error (&error);

  /* The other leaves while we wait. */
  qmp_peer_patience = 0;
  hp_qmp_session_connect_async (peer->path, NULL, keep_result, &result);
  run_for (20);
  g_assert_null (result);
  close (other);
  wait_until (result != NULL);
  session = hp_qmp_session_connect_finish (result, &error);
  g_assert_no_error (error);
}

/* A greeting, but no answer to the negotiation; or half a greeting. */
static void
test_silent (void)
{
  static const char *const greetings_said[] = { QMP_GREETING, "{\"QMP\": {\"version\":" };

  qmp_peer_patience = 100;
  for (guint i = 0; i < G_N_ELEMENTS (greetings_said); i++)
    {
      g_autoptr (QmpPeer) peer = qmp_peer_new ();
      g_autoptr (GError) error = NULL;

      peer->negotiates = FALSE;
      peer->greeting = greetings_said[i];
      qmp_client_assert_none (try_path (peer->path, &error), &error, HP_QMP_ERROR, HP_QMP_ERROR_BUSY, peer->path);
      wait_until (peer->client < 0);
    }
  qmp_peer_patience = 0;
}

/* --- somebody else's language --- */

static const struct
{
  const char *greeting, *answer;
  int code;
} breaches[] = {
  { "SSH-2.0-OpenSSH_9.2\r\n", NULL, HP_QMP_ERROR_PROTOCOL },
  { "{\"return\": {}, \"id\": \"1\"}", NULL, HP_QMP_ERROR_PROTOCOL },
  { "{}", NULL, HP_QMP_ERROR_PROTOCOL },
  { QMP_GREETING QMP_GREETING, NULL, HP_QMP_ERROR_PROTOCOL },
  { QMP_GREETING, "garbage", HP_QMP_ERROR_PROTOCOL },
  { QMP_GREETING, "{\"return\": {}}", HP_QMP_ERROR_PROTOCOL },
  { QMP_GREETING, QMP_GREETING, HP_QMP_ERROR_PROTOCOL },
  { QMP_GREETING, "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"What?\"}, \"id\": @}",
    HP_QMP_ERROR_COMMAND_NOT_FOUND },
};

static void
test_breaches (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (breaches); i++)
    {
      const QmpStep steps[] = { { "qmp_capabilities", breaches[i].answer }, { NULL } };
      g_autoptr (QmpPeer) peer = qmp_peer_new ();
      g_autoptr (GError) error = NULL;

      peer->negotiates = FALSE;
      peer->greeting = breaches[i].greeting;
      peer->next_step = steps;
      qmp_client_assert_none (try_path (peer->path, &error), &error, HP_QMP_ERROR, breaches[i].code, peer->path);
      wait_until (peer->client < 0);
    }
}

/* One that ends in the middle: before, in and after its greeting. */
static void
test_left (void)
{
  static const struct
  {
    const char *greeting;
    gboolean leaves_at_once;
  } moments[] = { { "", TRUE }, { "{\"QMP\":", TRUE }, { QMP_GREETING, TRUE }, { QMP_GREETING, FALSE } };

  for (gsize i = 0; i < G_N_ELEMENTS (moments); i++)
    {
      const QmpStep steps[] = { { "qmp_capabilities", NULL, .leave = TRUE }, { NULL } };
      g_autoptr (QmpPeer) peer = qmp_peer_new ();
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;

      peer->negotiates = FALSE;
      peer->greeting = moments[i].greeting;
      peer->next_step = steps;
      hp_qmp_session_connect_async (peer->path, NULL, keep_result, &result);
      wait_until (peer->connections == 1);
      if (moments[i].leaves_at_once)
        qmp_peer_leave (peer);
      wait_until (result != NULL);
      qmp_client_assert_none (hp_qmp_session_connect_finish (result, &error), &error, HP_QMP_ERROR, HP_QMP_ERROR_CLOSED,
                              peer->path);
    }
}

/* --- changing one's mind --- */

/* The monitor serves one at a time: a try that nobody wants any more must not keep it from the next. */
static void
test_cancel (void)
{
  static const struct
  {
    const char *greeting;
    gboolean adopts;
  } cases[] = { { NULL }, { QMP_GREETING }, { NULL, TRUE } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (QmpPeer) peer = qmp_peer_new ();
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;
      gint64 before = g_get_monotonic_time ();
      HpQmpSession *session;

      peer->negotiates = FALSE;
      peer->greeting = cases[i].greeting;
      if (cases[i].adopts)
        hp_qmp_session_adopt_async (connect_plainly (peer->path), cancellable, keep_result, &result);
      else
        hp_qmp_session_connect_async (peer->path, cancellable, keep_result, &result);
      wait_until (peer->connections == 1 && (peer->commands == 1 || peer->greeting == NULL));
      g_cancellable_cancel (cancellable);
      g_assert_null (result); /* never from within the call that cancels */
      wait_until (result != NULL && peer->client < 0);
      g_assert_cmpint (g_get_monotonic_time () - before, <, 2 * G_USEC_PER_SEC);
      session = cases[i].adopts ? hp_qmp_session_adopt_finish (result, &error)
                                : hp_qmp_session_connect_finish (result, &error);
      qmp_client_assert_none (session, &error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "");
    }
}

static void
test_cancelled_before (void)
{
  g_autoptr (QmpPeer) peer = qmp_peer_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  hp_qmp_session_connect_async (peer->path, cancellable, keep_result, &result);
  g_assert_null (result);
  wait_until (result != NULL);
  qmp_client_assert_none (hp_qmp_session_connect_finish (result, &error), &error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "");
  wait_until (peer->client < 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/qmp-connect/greetings", test_greetings);
  g_test_add_func ("/qmp-connect/negotiation", test_negotiation);
  g_test_add_func ("/qmp-connect/obstacles", test_obstacles);
  g_test_add_func ("/qmp-connect/no-permission", test_no_permission);
  g_test_add_func ("/qmp-connect/backlog-full", test_backlog_full);
  g_test_add_func ("/qmp-connect/busy", test_busy);
  g_test_add_func ("/qmp-connect/silent", test_silent);
  g_test_add_func ("/qmp-connect/breaches", test_breaches);
  g_test_add_func ("/qmp-connect/left", test_left);
  g_test_add_func ("/qmp-connect/cancel", test_cancel);
  g_test_add_func ("/qmp-connect/cancelled-before", test_cancelled_before);
  return g_test_run ();
}
