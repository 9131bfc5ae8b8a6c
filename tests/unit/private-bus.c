/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "private-bus.h"

#include <glib/gstdio.h>

/* The defaults of the real system bus, and who may play polkit. */
static const char configuration[] =
    "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
    " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
    "<busconfig>\n"
    "  <type>system</type>\n"
    "  <listen>unix:path=%s/bus</listen>\n"
    "  <auth>EXTERNAL</auth>\n"
    "  <policy context=\"default\">\n"
    "    <allow user=\"*\"/>\n"
    "    <deny own=\"*\"/>\n"
    "    <deny send_type=\"method_call\"/>\n"
    "    <allow send_type=\"signal\"/>\n"
    "    <allow send_requested_reply=\"true\" send_type=\"method_return\"/>\n"
    "    <allow send_requested_reply=\"true\" send_type=\"error\"/>\n"
    "    <allow receive_type=\"method_call\"/>\n"
    "    <allow receive_type=\"method_return\"/>\n"
    "    <allow receive_type=\"error\"/>\n"
    "    <allow receive_type=\"signal\"/>\n"
    "    <allow send_destination=\"org.freedesktop.DBus\"/>\n"
    "    <allow own=\"org.freedesktop.PolicyKit1\"/>\n"
    "    <allow send_destination=\"org.freedesktop.PolicyKit1\"/>\n"
    "    <allow own=\"org.hotplugger1\"/>\n" /* the test need not be root */
    "  </policy>\n"
    "  <include ignore_missing=\"no\">%s</include>\n"
    "</busconfig>\n";

PrivateBus *
private_bus_start (void)
{
  PrivateBus *bus = g_new0 (PrivateBus, 1);
  g_autoptr (GError) error = NULL;
  g_autofree char *file = NULL;
  g_autofree char *policy = g_test_build_filename (G_TEST_DIST, "..", "..", "dbus", "org.hotplugger1.conf", NULL);
  g_autofree char *text = NULL;
  g_autofree char *option = NULL;
  g_autoptr (GDataInputStream) lines = NULL;

  bus->directory = g_dir_make_tmp ("hp-bus-XXXXXX", &error);
  g_assert_no_error (error);
  file = g_build_filename (bus->directory, "bus.conf", NULL);
  text = g_strdup_printf (configuration, bus->directory, policy);
  g_assert_true (g_file_set_contents (file, text, -1, &error));
  option = g_strdup_printf ("--config-file=%s", file);
  bus->daemon = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, &error,
                                  "dbus-daemon", "--nofork", "--print-address", option, NULL);
  g_assert_no_error (error);
  lines = g_data_input_stream_new (g_subprocess_get_stdout_pipe (bus->daemon));
  bus->address = g_data_input_stream_read_line (lines, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (bus->address);
  g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", bus->address, TRUE);
  return bus;
}

void
private_bus_stop (PrivateBus *bus)
{
  const char *const names[] = { "bus", "bus.conf" };

  g_subprocess_force_exit (bus->daemon);
  g_subprocess_wait (bus->daemon, NULL, NULL);
  g_object_unref (bus->daemon);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (bus->directory, names[i], NULL);

      g_unlink (path);
    }
  g_rmdir (bus->directory);
  g_free (bus->directory);
  g_free (bus->address);
  g_free (bus);
}

GDBusConnection *
private_bus_connect (PrivateBus *bus)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection =
      g_dbus_connection_new_for_address_sync (bus->address,
                                              G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                                  | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                              NULL, NULL, &error);

  g_assert_no_error (error);
  return connection;
}
