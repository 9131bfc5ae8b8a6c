/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus-fixture.h"

#include "dbus/errors.h"
#include "dbus/names.h"

#include <unistd.h>

static void
test_arguments (BusFixture *fixture, gconstpointer data)
{
  g_autofree char *long_text = g_strnfill (1025, 'x');
  g_autofree char *longest = g_strnfill (1024, 'x');
  g_autofree char *too_long = g_strdup_printf ("('%s', 'windows', {})", long_text);
  g_autofree char *vm_too_long = g_strdup_printf ("('3-1', '%s', {})", long_text);
  g_autofree char *long_enough = g_strdup_printf ("('%s', 'windows', {})", longest);
  g_autofree char *long_key = g_strdup_printf ("({'%s': <1>},)", long_text);
  const struct
  {
    const char *method, *arguments;
    GQuark domain;
    int code;
    const char *part;
  } cases[] = {
#define BAD G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS
    { "ListPorts", "({'all': <true>},)", BAD, "unknown option 'all': this method takes none" },
    { "ListDevices", "({'': <true>},)", BAD, "unknown option ''" },
    { "ListVirtualMachines", "({'x\\ny': <true>},)", BAD, "unknown option 'x\\ny'" },
    { "Reload", long_key, BAD, "xxx...'" },
    { "Reload", "({'force': <true>},)", BAD, "takes none" },
    { "AssignPort", "('3-1', 'windows', {'reset': <true>})", BAD, "'reset': this method takes 'reserve'" },
    { "AssignPort", "('3-1', 'windows', {'reserve': <true>})", BAD, "'reserve' is of type 's', and 'b' was given" },
    { "AssignPort", "('3-1', 'windows', {'reserve': <'now'>})", BAD, "none of 'while-running'" },
    { "AssignPort", "('', 'windows', {})", BAD, "'port' is empty" },
    { "AssignPort", "('3-1', '', {})", BAD, "'vm' is empty" },
    { "AssignPort", too_long, BAD, "'port' is longer than 1024 bytes" },
    { "AssignPort", vm_too_long, BAD, "'vm' is longer than 1024 bytes" },
    { "UnassignPort", "('3-1', {'reset': <'yes'>})", BAD, "'reset' is of type 'b', and 's' was given" },
    { "UnassignPort", "('', {})", BAD, "'port' is empty" },
    { "AttachDevice", "('3-1', 'windows', {'port': <1>})", BAD, "takes none" },
    { "DetachDevice", "('', {})", BAD, "'device' is empty" },
#undef BAD
    { "AssignPort", long_enough, HP_ERROR, HP_ERROR_NO_SUCH_PORT, "no port is called" },
    { "AssignPort", "('9-9', 'windows', {})", HP_ERROR, HP_ERROR_NO_SUCH_PORT, "9-9" },
    { "AssignPort", "('3-1', 'beos', {})", HP_ERROR, HP_ERROR_NO_SUCH_VIRTUAL_MACHINE, "beos" },
    { "UnassignPort", "('9-9', {})", HP_ERROR, HP_ERROR_NO_SUCH_PORT, "9-9" },
    { "AttachDevice", "('9-9', 'windows', {})", HP_ERROR, HP_ERROR_NO_SUCH_DEVICE, "9-9" },
    { "AttachDevice", "('3-1', 'host', {})", HP_ERROR, HP_ERROR_NO_SUCH_VIRTUAL_MACHINE, "host" },
    { "AttachDevice", "('/org/hotplugger1/device/9_2d9', 'windows', {})", HP_ERROR, HP_ERROR_NO_SUCH_DEVICE, "9-9" },
    { "DetachDevice", "('/org/hotplugger1/device/', {})", HP_ERROR, HP_ERROR_NO_SUCH_DEVICE, "no device" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Answer answer;

      call (fixture, cases[i].method, cases[i].arguments, &answer);
      assert_error (&answer, cases[i].domain, cases[i].code, cases[i].part);
      answer_clear (&answer);
    }
  /* Nobody was asked, nothing was done. */
  g_assert_cmpuint (fixture->polkit->asked, ==, 0);
  g_assert_null (fake_engine_last (fixture->engine));
}

/* GVariant's text form has no key twice. */
static void
test_option_twice (BusFixture *fixture, gconstpointer data)
{
  Answer answer = { 0 };
  GVariantBuilder options;

  g_variant_builder_init (&options, G_VARIANT_TYPE ("a{sv}"));
  for (guint i = 0; i < 2; i++)
    g_variant_builder_add (&options, "{sv}", "reset", g_variant_new_boolean (i == 0));
  g_dbus_connection_call (fixture->caller, HP_BUS_NAME, HP_OBJECT_ROOT, HP_INTERFACE_MANAGER, "UnassignPort",
                          g_variant_new ("(s@a{sv})", "3-1", g_variant_builder_end (&options)), NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_answer, &answer);
  wait_until (answer.value || answer.error);
  assert_error (&answer, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS, "given twice");
  answer_clear (&answer);
}

static void
test_requests (BusFixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *method, *arguments, *action, *device, *port, *vm, *request, *reply;
  } cases[] = {
    { "AssignPort", "('3-2', 'linux', {})", HP_ACTION_ASSIGN, NULL, FAKE_PORT_FREE, "linux",
      "assign " FAKE_PORT_FREE " linux 0 by ", "('" FAKE_PORT_FREE "',)" },
    { "AssignPort", "('3-2', 'windows', {'reserve': <'never'>})", HP_ACTION_ASSIGN, NULL, FAKE_PORT_FREE, "windows",
      "assign " FAKE_PORT_FREE " windows 2 by ", "('" FAKE_PORT_FREE "',)" },
    { "AssignPort", "('3-2', 'host', {'reserve': <'always'>})", HP_ACTION_ASSIGN, NULL, FAKE_PORT_FREE, "host",
      "assign " FAKE_PORT_FREE " host 1 by ", "('" FAKE_PORT_FREE "',)" },
    { "UnassignPort", "('3-1', {})", HP_ACTION_UNASSIGN, NULL, FAKE_PORT, "windows", "unassign " FAKE_PORT " keep by ",
      "('" FAKE_PORT "',)" },
    { "UnassignPort", "('3-1', {'reset': <true>})", HP_ACTION_UNASSIGN, NULL, FAKE_PORT, "host",
      "unassign " FAKE_PORT " reset by ", "('" FAKE_PORT "',)" },
    { "DetachDevice", "('3-1', {})", HP_ACTION_DETACH, "3-1", FAKE_PORT, "windows", "detach 3-1",
      "('/org/hotplugger1/device/3_2d1',)" },
    { "DetachDevice", "('/org/hotplugger1/device/3_2d1', {})", HP_ACTION_DETACH, "3-1", FAKE_PORT, "host", "detach 3-1",
      "('/org/hotplugger1/device/3_2d1',)" },
    { "AttachDevice", "('3-1', 'linux', {})", HP_ACTION_ATTACH, "3-1", FAKE_PORT, "linux", "attach 3-1 linux",
      "('/org/hotplugger1/device/3_2d1',)" },
    { "Reload", "({},)", HP_ACTION_RELOAD, NULL, NULL, NULL, "reload", "()" },
  };
  g_autofree char *uid = g_strdup_printf ("%u", getuid ());

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Answer answer;
      g_autofree char *reply = NULL;
      gboolean by = g_str_has_suffix (cases[i].request, " by ");
      g_autofree char *request = g_strconcat (cases[i].request, by ? uid : "", NULL);

      call (fixture, cases[i].method, cases[i].arguments, &answer);
      g_assert_no_error (answer.error);
      reply = g_variant_print (answer.value, FALSE);
      g_assert_cmpstr (reply, ==, cases[i].reply);
      g_assert_cmpstr (fake_engine_last (fixture->engine), ==, request);
      g_assert_cmpstr (fixture->polkit->caller, ==, g_dbus_connection_get_unique_name (fixture->caller));
      g_assert_cmpstr (fixture->polkit->action, ==, cases[i].action);
      g_assert_cmpstr (fake_polkit_detail (fixture->polkit, "device"), ==, cases[i].device);
      g_assert_cmpstr (fake_polkit_detail (fixture->polkit, "port"), ==, cases[i].port);
      g_assert_cmpstr (fake_polkit_detail (fixture->polkit, "vm"), ==, cases[i].vm);
      answer_clear (&answer);
    }
}

static void
test_denied (BusFixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *method, *arguments;
  } cases[] = {
    { "AssignPort", "('3-2', 'linux', {})" },
    { "UnassignPort", "('3-1', {})" },
    { "DetachDevice", "('3-1', {})" },
    { "AttachDevice", "('3-1', 'linux', {})" },
    { "Reload", "({},)" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Answer answer;

      fixture->polkit->mode = FAKE_POLKIT_NO;
      call (fixture, cases[i].method, cases[i].arguments, &answer);
      assert_error (&answer, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "not allowed");
      answer_clear (&answer);

      fixture->polkit->mode = FAKE_POLKIT_CHALLENGE;
      call (fixture, cases[i].method, cases[i].arguments, &answer);
      assert_error (&answer, HP_ERROR, HP_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, "needs a password");
      g_assert_cmpuint (fixture->polkit->flags, ==, 0);
      answer_clear (&answer);

      start_call (fixture, cases[i].method, cases[i].arguments, G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                  &answer);
      wait_until (answer.value || answer.error);
      assert_error (&answer, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "needs a password");
      g_assert_cmpuint (fixture->polkit->flags, ==, 1);
      answer_clear (&answer);
    }
  g_assert_null (fake_engine_last (fixture->engine));
}

/* What may have become of the world while a person types in a password. */
static void
device_unplugged (HpEngine *engine)
{
  g_hash_table_remove (fake_engine_devices (engine), "3-1");
}

static void
device_swapped (HpEngine *engine)
{
  fake_engine_add_device (engine, "3-1", FAKE_PORT, 3, 8);
  fake_set (&((HpDeviceView *)g_hash_table_lookup (fake_engine_devices (engine), "3-1"))->vm, "windows");
}

static void
device_moved_on (HpEngine *engine)
{
  fake_set (&((HpDeviceView *)g_hash_table_lookup (fake_engine_devices (engine), "3-1"))->vm, "linux");
}

static void
port_given_away (HpEngine *engine)
{
  HpPortView *port = g_hash_table_lookup (fake_engine_ports (engine), FAKE_PORT);

  g_strfreev (port->vms);
  port->vms = g_strsplit ("windows,linux", ",", -1);
}

static void
port_gone (HpEngine *engine)
{
  g_hash_table_remove (fake_engine_ports (engine), FAKE_PORT);
}

static void
name_moved (HpEngine *engine)
{
  HpPortView *port = g_hash_table_lookup (fake_engine_ports (engine), FAKE_PORT);
  HpPortView *other = g_hash_table_lookup (fake_engine_ports (engine), FAKE_PORT_FREE);

  fake_set (&port->usb2, "4-1");
  fake_set (&other->usb2, "3-1");
}

static void
vm_gone (HpEngine *engine)
{
  g_hash_table_remove (fake_engine_vms (engine), "linux");
}

static void
test_revalidate (BusFixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *method, *arguments;
    void (*happens) (HpEngine *engine);
    int code;
  } cases[] = {
    { "DetachDevice", "('3-1', {})", device_unplugged, HP_ERROR_NO_SUCH_DEVICE },
    { "DetachDevice", "('3-1', {})", device_swapped, HP_ERROR_FAILED },
    { "DetachDevice", "('3-1', {})", device_moved_on, HP_ERROR_FAILED },
    { "AttachDevice", "('3-1', 'linux', {})", device_swapped, HP_ERROR_FAILED },
    { "AttachDevice", "('3-1', 'linux', {})", vm_gone, HP_ERROR_NO_SUCH_VIRTUAL_MACHINE },
    { "AssignPort", "('3-1', 'linux', {})", port_gone, HP_ERROR_NO_SUCH_PORT },
    { "AssignPort", "('3-1', 'linux', {})", vm_gone, HP_ERROR_NO_SUCH_VIRTUAL_MACHINE },
    { "AssignPort", "('3-1', 'linux', {})", name_moved, HP_ERROR_FAILED },
    { "UnassignPort", "('3-1', {})", port_given_away, HP_ERROR_FAILED },
    { "UnassignPort", "('3-1', {})", port_gone, HP_ERROR_NO_SUCH_PORT },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Answer answer;

      fixture->polkit->mode = FAKE_POLKIT_HANG;
      start_call (fixture, cases[i].method, cases[i].arguments, G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                  &answer);
      wait_until (fixture->polkit->asked == i + 1);
      cases[i].happens (fixture->engine);
      fake_polkit_answer (fixture->polkit, TRUE);
      wait_until (answer.value || answer.error);
      g_test_message ("%u: %s", i, answer.error ? answer.error->message : "done");
      g_assert_error (answer.error, HP_ERROR, cases[i].code);
      answer_clear (&answer);
      /* As it was. */
      g_hash_table_remove_all (fake_engine_ports (fixture->engine));
      g_hash_table_remove_all (fake_engine_devices (fixture->engine));
      g_hash_table_remove_all (fake_engine_vms (fixture->engine));
      hp_engine_start (fixture->engine);
    }
  g_assert_null (fake_engine_last (fixture->engine));
}

static void
test_engine_errors (BusFixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *domain;
    int code;
    int seen; /* HpError */
    const char *message, *seen_message;
  } cases[] = {
    { NULL, HP_ERROR_STATE_NOT_SAVED, HP_ERROR_STATE_NOT_SAVED, "cannot save", "cannot save" },
    { NULL, HP_ERROR_QEMU_FAILED, HP_ERROR_QEMU_FAILED, "QEMU says no", "QEMU says no" },
    { NULL, HP_ERROR_HUB_NOT_SUPPORTED, HP_ERROR_HUB_NOT_SUPPORTED, "a hub", "a hub" },
    { "somebody-elses", 7, HP_ERROR_FAILED, "odd", "odd" },
    { NULL, HP_ERROR_FAILED, HP_ERROR_FAILED, "bytes \xff\xfe", "bytes \357\277\275" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Answer answer;
      GQuark domain = cases[i].domain ? g_quark_from_static_string (cases[i].domain) : HP_ERROR;

      fake_engine_fail_next (fixture->engine, g_error_new_literal (domain, cases[i].code, cases[i].message));
      call (fixture, "DetachDevice", "('3-1', {})", &answer);
      assert_error (&answer, HP_ERROR, cases[i].seen, cases[i].seen_message);
      answer_clear (&answer);
    }
}

/* Property changes, then the signal, then the answer. */
static void
test_order (BusFixture *fixture, gconstpointer data)
{
  Answer answer;
  const char *changed;

  call (fixture, "AttachDevice", "('3-1', 'linux', {})", &answer);
  g_assert_no_error (answer.error);
  changed = strstr (fixture->heard->str, "PropertiesChanged " HP_OBJECT_DEVICE "/3_2d1");
  g_assert_nonnull (changed);
  assert_text (changed,
               "DeviceAttached " HP_OBJECT_ROOT " ('" HP_OBJECT_DEVICE "/3_2d1', '3-1', '" FAKE_PORT "', 'linux', {");
  answer_clear (&answer);

  call (fixture, "AssignPort", "('3-2', 'linux', {})", &answer);
  assert_text (fixture->heard->str, "'VirtualMachines': <['linux']>");
  answer_clear (&answer);
}

/* Whoever waits for a password while the daemon stops gets an answer, and nothing happens. */
static void
test_stop_while_asking (BusFixture *fixture, gconstpointer data)
{
  Answer answer;

  fixture->polkit->mode = FAKE_POLKIT_HANG;
  start_call (fixture, "DetachDevice", "('3-1', {})", G_DBUS_CALL_FLAGS_NONE, &answer);
  wait_until (fixture->polkit->asked == 1);
  g_clear_pointer (&fixture->facade, hp_bus_close);
  fake_polkit_answer (fixture->polkit, TRUE);
  wait_until (answer.value || answer.error);
  assert_error (&answer, HP_ERROR, HP_ERROR_FAILED, "stopping");
  g_assert_null (fake_engine_last (fixture->engine));
  answer_clear (&answer);
}

int
main (int argc, char **argv)
{
  static const BusTest tests[] = {
    { "/bus-calls/arguments", test_arguments },   { "/bus-calls/option-twice", test_option_twice },
    { "/bus-calls/requests", test_requests },     { "/bus-calls/denied", test_denied },
    { "/bus-calls/revalidate", test_revalidate }, { "/bus-calls/engine-errors", test_engine_errors },
    { "/bus-calls/order", test_order },           { "/bus-calls/stop-while-asking", test_stop_while_asking },
  };

  return bus_fixture_run (argc, argv, tests, G_N_ELEMENTS (tests));
}
