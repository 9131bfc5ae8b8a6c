/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/errors.h"
#include "dbus/errors.h"
#include "dbus/names.h"

#define OWN HP_BUS_NAME ".Error."
#define STANDARD "org.freedesktop.DBus.Error."

/* Errors as GDBus makes them from a reply: known names become codes, all keep their name. */
static void
test_remote (void)
{
  static const struct
  {
    const char *remote;
    int exit_code;
    const char *name;
    gboolean has_hint;
  } cases[] = {
    { OWN "NoSuchPort", HP_EXIT_NOT_FOUND, "NoSuchPort", TRUE },
    { OWN "NoSuchDevice", HP_EXIT_NOT_FOUND, "NoSuchDevice", TRUE },
    { OWN "NoSuchVirtualMachine", HP_EXIT_NOT_FOUND, "NoSuchVirtualMachine", TRUE },
    { OWN "AmbiguousPort", HP_EXIT_FAILED, "AmbiguousPort", TRUE },
    { OWN "AmbiguousDevice", HP_EXIT_FAILED, "AmbiguousDevice", TRUE },
    { OWN "HubNotSupported", HP_EXIT_FAILED, "HubNotSupported", TRUE },
    { OWN "VirtualMachineNotRunning", HP_EXIT_FAILED, "VirtualMachineNotRunning", TRUE },
    { OWN "NotAttached", HP_EXIT_FAILED, "NotAttached", TRUE },
    { OWN "QemuFailed", HP_EXIT_FAILED, "QemuFailed", FALSE },
    { OWN "ConfigInvalid", HP_EXIT_FAILED, "ConfigInvalid", TRUE },
    { OWN "StateNotSaved", HP_EXIT_FAILED, "StateNotSaved", TRUE },
    { OWN "Failed", HP_EXIT_FAILED, "Failed", FALSE },
    { OWN "OfTheFuture", HP_EXIT_FAILED, "OfTheFuture", FALSE },
    { STANDARD "AccessDenied", HP_EXIT_DENIED, "AccessDenied", FALSE },
    { STANDARD "AuthFailed", HP_EXIT_DENIED, "AuthFailed", FALSE },
    { STANDARD "InteractiveAuthorizationRequired", HP_EXIT_DENIED, "InteractiveAuthorizationRequired", TRUE },
    { STANDARD "InvalidArgs", HP_EXIT_USAGE, "InvalidArgs", FALSE },
    { STANDARD "ServiceUnknown", HP_EXIT_NOT_RUNNING, "NotRunning", TRUE },
    { STANDARD "NameHasNoOwner", HP_EXIT_NOT_RUNNING, "NotRunning", TRUE },
    { STANDARD "NoReply", HP_EXIT_NOT_RUNNING, "NotRunning", TRUE },
    { STANDARD "Timeout", HP_EXIT_TIMEOUT, "Timeout", FALSE },
    { STANDARD "TimedOut", HP_EXIT_TIMEOUT, "TimedOut", FALSE },
    { STANDARD "UnknownMethod", HP_EXIT_FAILED, "UnknownMethod", TRUE },
    { STANDARD "LimitsExceeded", HP_EXIT_FAILED, "LimitsExceeded", TRUE },
    { STANDARD "Unheard.Of", HP_EXIT_FAILED, "Of", FALSE },
    { "com.example.NoSuchPort", HP_EXIT_FAILED, "NoSuchPort", FALSE },
  };

  (void)hp_error_quark ();
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = g_dbus_error_new_for_dbus_error (cases[i].remote, "what happened");
      g_autoptr (HpFailure) failure = hp_failure_new (error);

      g_test_message ("%s", cases[i].remote);
      g_assert_cmpint (failure->exit_code, ==, cases[i].exit_code);
      g_assert_cmpstr (failure->name, ==, cases[i].name);
      g_assert_cmpint (failure->hint != NULL, ==, cases[i].has_hint);
      if (failure->exit_code == HP_EXIT_NOT_RUNNING)
        g_assert_nonnull (g_strstr_len (failure->message, -1, "hotplugd"));
      else
        g_assert_cmpstr (failure->message, ==, "what happened");
      /* The error itself is not touched. */
      g_assert_true (g_dbus_error_is_remote_error (error));
    }
}

/* A message that says what to do already gets no hint that says it again. */
static void
test_hint_once (void)
{
  static const struct
  {
    const char *remote, *message;
    const char *hint;
  } cases[] = {
    { OWN "NoSuchPort", "no port is called \"1-99\": hotplugctl ports lists all ports", NULL },
    { OWN "NoSuchPort", "no port is called \"1-99\"", "hotplugctl ports lists all ports" },
    { OWN "AmbiguousPort", "\"x\" fits two: hotplugctl ports lists all ports", NULL },
    { OWN "NoSuchDevice", "no device is called \"x\": hotplugctl devices lists what is plugged in", NULL },
    { OWN "NoSuchDevice", "nothing is plugged into port \"1-1\"", "hotplugctl devices lists what is plugged in" },
    { OWN "AmbiguousDevice", "\"x\" fits 1-1 and 1-2: name one of these instead", NULL },
    { OWN "NoSuchVirtualMachine", "none is called \"x\": hotplugctl vms lists them, F is where they are added", NULL },
    { OWN "HubNotSupported", "1-1 is a hub: name what is plugged into it, or assign its port", NULL },
    { OWN "StateNotSaved", "nothing has changed: no space", "is there room on the disk of /var/lib/hotplugger?" },
    { STANDARD "InteractiveAuthorizationRequired", "x needs a password: allow it, or run it as root",
      "run it on a terminal and without --no-ask-password" },
    { STANDARD "InteractiveAuthorizationRequired", "x needs a password: run it on a terminal", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = g_dbus_error_new_for_dbus_error (cases[i].remote, cases[i].message);
      g_autoptr (HpFailure) failure = hp_failure_new (error);

      g_test_message ("%s", cases[i].message);
      g_assert_cmpstr (failure->hint, ==, cases[i].hint);
    }
}

static void
test_local (void)
{
  static const struct
  {
    GQuark (*domain) (void);
    int code;
    int exit_code;
    const char *name;
  } cases[] = {
    { hp_client_error_quark, HP_CLIENT_ERROR_USAGE, HP_EXIT_USAGE, "Usage" },
    { hp_client_error_quark, HP_CLIENT_ERROR_NOT_RUNNING, HP_EXIT_NOT_RUNNING, "NotRunning" },
    { hp_client_error_quark, HP_CLIENT_ERROR_NO_BUS, HP_EXIT_NOT_RUNNING, "NoBus" },
    { hp_client_error_quark, HP_CLIENT_ERROR_NOT_FOUND, HP_EXIT_NOT_FOUND, "NotFound" },
    { hp_client_error_quark, HP_CLIENT_ERROR_PROTOCOL, HP_EXIT_FAILED, "Protocol" },
    { hp_client_error_quark, HP_CLIENT_ERROR_OUTPUT, HP_EXIT_FAILED, "Output" },
    { hp_client_error_quark, HP_CLIENT_ERROR_OUTPUT_GONE, HP_EXIT_FAILED, "Output" },
    { hp_error_quark, HP_ERROR_NO_SUCH_VIRTUAL_MACHINE, HP_EXIT_NOT_FOUND, "NoSuchVirtualMachine" },
    { g_io_error_quark, G_IO_ERROR_TIMED_OUT, HP_EXIT_TIMEOUT, "Timeout" },
    { g_io_error_quark, G_IO_ERROR_CANCELLED, HP_EXIT_INTERRUPTED, "Interrupted" },
    { g_io_error_quark, G_IO_ERROR_CLOSED, HP_EXIT_NOT_RUNNING, "NoBus" },
    { g_io_error_quark, G_IO_ERROR_NO_SPACE, HP_EXIT_FAILED, "Failed" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = g_error_new_literal (cases[i].domain (), cases[i].code, "what happened");
      g_autoptr (HpFailure) failure = hp_failure_new (error);

      g_assert_cmpint (failure->exit_code, ==, cases[i].exit_code);
      g_assert_cmpstr (failure->name, ==, cases[i].name);
      g_assert_nonnull (failure->message);
    }
}

static void
test_json (void)
{
  g_autoptr (GError) error = g_dbus_error_new_for_dbus_error (OWN "NoSuchPort", "no \"x\"\033[2J\302\233");
  g_autoptr (GError) bare = g_error_new_literal (HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE, "too few");
  g_autoptr (HpFailure) failure = hp_failure_new (error);
  g_autoptr (HpFailure) bare_failure = hp_failure_new (bare);
  g_autofree char *json = hp_failure_to_json (failure);
  g_autofree char *bare_json = hp_failure_to_json (bare_failure);

  g_assert_cmpstr (json, ==,
                   "{\"error\":{\"code\":\"NoSuchPort\",\"message\":\"no \\\"x\\\"\\u001b[2J\\u009b\","
                   "\"hint\":\"hotplugctl ports lists all ports\"}}\n");
  g_assert_cmpstr (bare_json, ==, "{\"error\":{\"code\":\"Usage\",\"message\":\"too few\",\"hint\":null}}\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/errors/remote", test_remote);
  g_test_add_func ("/errors/hint-once", test_hint_once);
  g_test_add_func ("/errors/local", test_local);
  g_test_add_func ("/errors/json", test_json);
  return g_test_run ();
}
