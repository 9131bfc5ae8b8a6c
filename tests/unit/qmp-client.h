/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp-peer.h"
#include "qmp-session.h"

/* A session with a peer of ours, and what it has told. The fixture of its tests. */
typedef struct
{
  QmpPeer *peer;
  HpQmpSession *session;
  guint events, stalled, responsive;
  char *last_event; /* its data, or its name where it has none */
  GError *closed;
  guint n_closed;
} QmpClient;

/* Connected. */
void qmp_client_set_up (QmpClient *client, gconstpointer unused);
/* Also sees to it that nothing holds on to the session. */
void qmp_client_tear_down (QmpClient *client, gconstpointer unused);

/* A callback that puts the result where @user_data points to. */
void keep_result (GObject *source, GAsyncResult *result, gpointer user_data);
void qmp_client_ask (QmpClient *client, const char *command, GAsyncResult **ret_result);
/* @part: (nullable): of the message */
void qmp_client_assert_failed (QmpClient *client, GAsyncResult *result, int code, const char *part);
void qmp_client_assert_returned (QmpClient *client, GAsyncResult *result, const char *json);
/* Connecting has failed. */
void qmp_client_assert_none (HpQmpSession *session, GError **error, GQuark domain, int code, const char *part);
