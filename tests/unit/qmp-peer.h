/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wait.h"

#include <gio/gio.h>
#include <json-glib/json-glib.h>

/*
 * The other end of a QMP session, in the test's own process and on its main context: it listens on a Unix socket in a
 * temporary folder, serves one client at a time as QEMU does, and answers by a table of steps or by a function.
 * It insists that no command comes before the last one was answered.
 */

#define QMP_GREETING                                                                                                   \
  "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, \"package\": \"Debian 1:7.2\"}, "   \
  "\"capabilities\": [\"oob\"]}}\r\n"

/* What comes for one command. In @say a '@' stands for its id, as JSON. */
typedef struct
{
  const char *command; /* the one that must come; NULL ends the table: nothing more may come */
  const char *say;     /* NULL: nothing for now, see qmp_peer_say() */
  gboolean leave;      /* closes the connection after that */
} QmpStep;

typedef struct _QmpPeer QmpPeer;

/* Answers @command, now or later, with qmp_peer_say(). */
typedef void (*QmpPeerFunc) (QmpPeer *peer, const char *command, JsonObject *arguments, gpointer user_data);

struct _QmpPeer
{
  char *folder;
  char *path; /* of the socket */

  /* How it behaves. May be changed at any time. */
  const char *greeting;     /* on each connection; NULL: silent */
  gboolean negotiates;      /* qmp_capabilities is answered without a step */
  gboolean drips;           /* one byte a turn of the main loop */
  const QmpStep *next_step; /* or, if NULL: */
  QmpPeerFunc func;
  gpointer user_data;

  /* What it saw. */
  guint connections;
  guint commands;
  char *command; /* the last one */
  char *id;      /* its id, as JSON; NULL once it was answered */
  int fd;        /* the last that came and was not stolen, -1 none; as in QEMU a newer one closes it */
  guint fds;     /* how many came */
  gsize written; /* bytes */

  /* Its own. */
  int listener;
  GSource *listening;
  int client; /* -1 none */
  GSource *reading;
  GSource *writing;
  GString *in, *out;
  gsize out_sent;
  gboolean leaving;
};

/*
 * How long a session waits for a greeting, in ms: HP_QMP_GREETING_TIMEOUT_MS where it is 0, as it is at first. Set it
 * around what must wait for nothing.
 */
extern guint qmp_peer_patience;

/* Listens; greets and negotiates. */
QmpPeer *qmp_peer_new (void);
void qmp_peer_free (QmpPeer *peer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmpPeer, qmp_peer_free)

/* The socket goes and comes. qmp_peer_bind() leaves it without a listener. */
void qmp_peer_unlink (QmpPeer *peer);
void qmp_peer_bind (QmpPeer *peer);
void qmp_peer_listen (QmpPeer *peer);
/* Talks over @fd, one end of a pair, and greets nobody. @fd: (transfer full) */
void qmp_peer_take (QmpPeer *peer, int fd);

/* Sends @text; the first '@' in it stands for the id of the command that waits, which is answered by that. */
void qmp_peer_say (QmpPeer *peer, const char *text);
void qmp_peer_say_bytes (QmpPeer *peer, const char *bytes, gsize length);
/* Closes the connection once all is sent. */
void qmp_peer_leave (QmpPeer *peer);
/* … without waiting. */
void qmp_peer_drop (QmpPeer *peer);
/* -1 where there is none. */
int qmp_peer_steal_fd (QmpPeer *peer);
