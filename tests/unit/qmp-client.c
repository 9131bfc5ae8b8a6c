/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-client.h"

#include <string.h>

void
keep_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_assert_null (*(GAsyncResult **)user_data);
  *(GAsyncResult **)user_data = g_object_ref (result);
}

static void
on_event (HpQmpSession *session, const char *name, JsonNode *data, gpointer user_data)
{
  QmpClient *client = user_data;

  client->events++;
  g_free (client->last_event);
  client->last_event = data != NULL ? json_to_string (data, FALSE) : g_strdup (name);
}

static void
count (HpQmpSession *session, gpointer counter)
{
  ++*(guint *)counter;
}

static void
on_closed (HpQmpSession *session, GError *error, gpointer user_data)
{
  QmpClient *client = user_data;

  g_assert_false (hp_qmp_session_is_open (session));
  g_clear_error (&client->closed);
  client->closed = g_error_copy (error);
  client->n_closed++;
}

void
qmp_client_set_up (QmpClient *client, gconstpointer unused)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  client->peer = qmp_peer_new ();
  hp_qmp_session_connect_async (client->peer->path, NULL, keep_result, &result);
  wait_until (result != NULL);
  client->session = hp_qmp_session_connect_finish (result, &error);
  g_assert_no_error (error);
  g_signal_connect (client->session, "event", G_CALLBACK (on_event), client);
  g_signal_connect (client->session, "stalled", G_CALLBACK (count), &client->stalled);
  g_signal_connect (client->session, "responsive", G_CALLBACK (count), &client->responsive);
  g_signal_connect (client->session, "closed", G_CALLBACK (on_closed), client);
}

void
qmp_client_tear_down (QmpClient *client, gconstpointer unused)
{
  /* Nothing holds on to a session that its owner lets go. */
  if (client->session != NULL)
    {
      hp_qmp_session_close (client->session);
      while (g_main_context_iteration (NULL, FALSE))
        ;
      g_assert_finalize_object (client->session);
    }
  qmp_peer_free (client->peer);
  g_free (client->last_event);
  g_clear_error (&client->closed);
}

void
qmp_client_ask (QmpClient *client, const char *command, GAsyncResult **result)
{
  hp_qmp_session_execute_async (client->session, command, NULL, -1, keep_result, result);
}

void
qmp_client_assert_failed (QmpClient *client, GAsyncResult *result, int code, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (hp_qmp_session_execute_finish (client->session, result, &error));
  g_assert_error (error, HP_QMP_ERROR, code);
  if (part != NULL && strstr (error->message, part) == NULL)
    g_error ("\"%s\" is not in \"%s\"", part, error->message);
}

void
qmp_client_assert_returned (QmpClient *client, GAsyncResult *result, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) answer = hp_qmp_session_execute_finish (client->session, result, &error);
  g_autofree char *text = NULL;

  g_assert_no_error (error);
  text = json_to_string (answer, FALSE);
  g_assert_cmpstr (text, ==, expected);
}

void
qmp_client_assert_none (HpQmpSession *session, GError **error, GQuark domain, int code, const char *part)
{
  g_assert_null (session);
  g_assert_error (*error, domain, code);
  if (strstr ((*error)->message, part) == NULL)
    g_error ("\"%s\" is not in \"%s\"", part, (*error)->message);
}
