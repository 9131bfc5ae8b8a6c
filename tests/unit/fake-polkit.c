/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-polkit.h"

static const char *const introspection =
    "<node><interface name='org.freedesktop.PolicyKit1.Authority'>"
    "  <method name='CheckAuthorization'>"
    "    <arg type='(sa{sv})' name='subject' direction='in'/><arg type='s' name='action_id' direction='in'/>"
    "    <arg type='a{ss}' name='details' direction='in'/><arg type='u' name='flags' direction='in'/>"
    "    <arg type='s' name='cancellation_id' direction='in'/><arg type='(bba{ss})' name='result' direction='out'/>"
    "  </method>"
    "  <method name='CancelCheckAuthorization'><arg type='s' name='cancellation_id' direction='in'/></method>"
    "  <signal name='Changed'/>"
    "  <property type='s' name='BackendName' access='read'/>"
    "</interface></node>";

static void
answer (GDBusMethodInvocation *invocation, gboolean yes, gboolean challenge, gboolean dismissed)
{
  GVariantBuilder details;

  g_variant_builder_init (&details, G_VARIANT_TYPE ("a{ss}"));
  if (dismissed)
    g_variant_builder_add (&details, "{ss}", "polkit.dismissed", "true");
  g_dbus_method_invocation_return_value (invocation, g_variant_new ("((bb@a{ss}))", yes, challenge,
                                                                    g_variant_builder_end (&details)));
}

static void
check (FakePolkit *polkit, GVariant *parameters, GDBusMethodInvocation *invocation)
{
  g_autoptr (GVariant) subject = NULL;

  g_clear_pointer (&polkit->caller, g_free);
  g_clear_pointer (&polkit->action, g_free);
  g_clear_pointer (&polkit->details, g_variant_unref);
  g_variant_get (parameters, "((s@a{sv})s@a{ss}us)", NULL, &subject, &polkit->action, &polkit->details, &polkit->flags,
                 NULL);
  g_variant_lookup (subject, "name", "s", &polkit->caller);
  polkit->asked++;
  switch (polkit->mode)
    {
    case FAKE_POLKIT_YES:
    case FAKE_POLKIT_NO:
      answer (invocation, polkit->mode == FAKE_POLKIT_YES, FALSE, FALSE);
      break;
    case FAKE_POLKIT_CHALLENGE:
      answer (invocation, FALSE, TRUE, FALSE);
      break;
    case FAKE_POLKIT_DISMISSED:
      answer (invocation, FALSE, FALSE, TRUE);
      break;
    case FAKE_POLKIT_ERROR:
      g_dbus_method_invocation_return_dbus_error (invocation, "org.freedesktop.PolicyKit1.Error.Failed",
                                                  "Action is not registered");
      break;
    case FAKE_POLKIT_HANG:
      g_ptr_array_add (polkit->hanging, invocation);
      break;
    }
}

static void
on_call (GDBusConnection *connection, const char *sender, const char *path, const char *interface, const char *method,
         GVariant *parameters, GDBusMethodInvocation *invocation, gpointer user_data)
{
  FakePolkit *polkit = user_data;

  if (g_str_equal (method, "CheckAuthorization"))
    {
      check (polkit, parameters, invocation);
      return;
    }
  polkit->cancelled++;
  g_dbus_method_invocation_return_value (invocation, NULL);
}

static GVariant *
on_property (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
             const char *property, GError **error, gpointer user_data)
{
  return g_variant_new_string ("fake");
}

FakePolkit *
fake_polkit_new (GDBusConnection *connection)
{
  static const GDBusInterfaceVTable table = { on_call, on_property, NULL, { NULL } };
  FakePolkit *polkit = g_new0 (FakePolkit, 1);
  g_autoptr (GDBusNodeInfo) info = g_dbus_node_info_new_for_xml (introspection, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;

  polkit->connection = connection;
  polkit->hanging = g_ptr_array_new_with_free_func (g_object_unref);
  polkit->object = g_dbus_connection_register_object (connection, "/org/freedesktop/PolicyKit1/Authority",
                                                      info->interfaces[0], &table, polkit, NULL, &error);
  g_assert_no_error (error);
  reply =
      g_dbus_connection_call_sync (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                   "RequestName", g_variant_new ("(su)", "org.freedesktop.PolicyKit1", 4u), NULL,
                                   G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  g_assert_no_error (error);
  return polkit;
}

void
fake_polkit_free (FakePolkit *polkit)
{
  g_dbus_connection_unregister_object (polkit->connection, polkit->object);
  g_dbus_connection_close_sync (polkit->connection, NULL, NULL);
  g_clear_object (&polkit->connection);
  g_clear_pointer (&polkit->details, g_variant_unref);
  g_ptr_array_unref (polkit->hanging);
  g_free (polkit->caller);
  g_free (polkit->action);
  g_free (polkit);
}

const char *
fake_polkit_detail (FakePolkit *polkit, const char *key)
{
  const char *value = NULL;

  g_variant_lookup (polkit->details, key, "&s", &value);
  return value;
}

void
fake_polkit_answer (FakePolkit *polkit, gboolean yes)
{
  while (polkit->hanging->len > 0)
    answer (g_ptr_array_steal_index (polkit->hanging, 0), yes, FALSE, FALSE);
}
