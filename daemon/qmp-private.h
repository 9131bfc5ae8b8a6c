/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp-session.h"

/* What qmp-connect.c needs of a session that is not ready for commands of others yet. */

typedef void (*HpQmpGreeting) (HpQmpSession *session, JsonNode *greeting, gpointer user_data);

/* Starts to read. @fd: (transfer full), connected and non-blocking */
HpQmpSession *hp_qmp_session_new (int fd);
/* Calls @greeting once; without it a greeting is a breach of protocol. */
void hp_qmp_session_expect_greeting (HpQmpSession *session, HpQmpGreeting greeting, gpointer user_data);
/* Drops all that comes before the message that holds the text @mark: for a stream that was left in the middle. */
void hp_qmp_session_skip_to (HpQmpSession *session, const char *mark);
void hp_qmp_session_set_version (HpQmpSession *session, const char *version);
/* Like execute_async, with an id chosen by the caller. */
void hp_qmp_session_execute_with_id (HpQmpSession *session, const char *command, JsonObject *arguments, int fd,
                                     const char *id, GAsyncReadyCallback callback, gpointer user_data);
