/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "echo.h"
#include "dbus/generated.h"
#include "dbus/names.h"

struct _Echo
{
  GVariant *reply;
  GMainContext *context;
  GMainLoop *loop;
  GDBusConnection *connection;
  GThread *thread;
  guint object;
};

static void
on_method_call (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
                const char *method, GVariant *arguments, GDBusMethodInvocation *invocation, gpointer user_data)
{
  const Echo *echo = user_data;

  g_dbus_method_invocation_return_value (invocation, echo->reply);
}

static gpointer
run (gpointer data)
{
  Echo *echo = data;

  g_main_context_push_thread_default (echo->context);
  g_main_loop_run (echo->loop);
  g_main_context_pop_thread_default (echo->context);
  return NULL;
}

Echo *
echo_new (const Service *service, GVariant *reply)
{
  static const GDBusInterfaceVTable vtable = { .method_call = on_method_call };
  Echo *echo = g_new0 (Echo, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = NULL;

  echo->reply = g_variant_ref (reply);
  echo->context = g_main_context_new ();
  echo->loop = g_main_loop_new (echo->context, FALSE);
  echo->connection = private_bus_connect (service->bus);
  /* Calls are answered in the context that is the default when the object is registered. */
  g_main_context_push_thread_default (echo->context);
  echo->object = g_dbus_connection_register_object (echo->connection, HP_OBJECT_ROOT, hp_dbus_manager_interface_info (),
                                                    &vtable, echo, NULL, &error);
  g_main_context_pop_thread_default (echo->context);
  g_assert_no_error (error);
  answer = g_dbus_connection_call_sync (echo->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                        "org.freedesktop.DBus", "RequestName", g_variant_new ("(su)", HP_BUS_NAME, 4),
                                        G_VARIANT_TYPE ("(u)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  g_assert_no_error (error);
  echo->thread = g_thread_new ("echo", run, echo);
  return echo;
}

void
echo_free (Echo *echo)
{
  g_main_loop_quit (echo->loop);
  g_thread_join (echo->thread);
  g_dbus_connection_unregister_object (echo->connection, echo->object);
  g_dbus_connection_close_sync (echo->connection, NULL, NULL);
  g_object_unref (echo->connection);
  g_main_loop_unref (echo->loop);
  g_main_context_unref (echo->context);
  g_variant_unref (echo->reply);
  g_free (echo);
}
