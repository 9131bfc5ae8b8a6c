/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/bus.h"
#include "dbus/errors.h"
#include "dbus/generated.h"
#include "dbus/names.h"
#include "fake-engine.h"
#include "fake-polkit.h"
#include "private-bus.h"

#include <unistd.h>

#define FAKE_PORT_PATH HP_OBJECT_PORT "/pci_2d0000_3a00_3a14_2e0_2dusbv2_2d0_3a1"

typedef struct
{
  PrivateBus *bus;
  GDBusConnection *service; /* ours */
  GDBusConnection *caller;
  FakePolkit *polkit;
  HpAuthority *authority;
  HpEngine *engine;
  HpBus *facade;
  gboolean owned;
  char *lost;
  char *status;
  guint status_lines;
  GString *heard; /* signals from the service, one a line */
} Fixture;

static void
on_owned (gpointer user_data)
{
  ((Fixture *)user_data)->owned = TRUE;
}

static void
on_lost (const char *problem, gpointer user_data)
{
  fake_set (&((Fixture *)user_data)->lost, problem);
}

static void
on_status (const char *line, gpointer user_data)
{
  Fixture *fixture = user_data;

  fake_set (&fixture->status, line);
  fixture->status_lines++;
}

static const HpBusEvents events = { on_owned, on_lost, on_status };

static void
on_signal (GDBusConnection *connection, const char *sender, const char *path, const char *interface, const char *signal,
           GVariant *parameters, gpointer user_data)
{
  Fixture *fixture = user_data;
  g_autofree char *text = g_variant_print (parameters, FALSE);

  g_string_append_printf (fixture->heard, "%s %s %s\n", signal, path, text);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->bus = (PrivateBus *)data;
  fixture->service = private_bus_connect (fixture->bus);
  fixture->caller = private_bus_connect (fixture->bus);
  fixture->polkit = fake_polkit_new (private_bus_connect (fixture->bus));
  fixture->authority = hp_authority_new (fixture->service);
  fixture->engine = hp_engine_new ("/etc/hotplugger/config.yaml", "/nonexistent/state.json", NULL);
  fixture->heard = g_string_new (NULL);
  hp_engine_start (fixture->engine);
  fixture->facade = hp_bus_new (fixture->service, fixture->engine, fixture->authority, &events, fixture, &error);
  g_assert_no_error (error);
  wait_until (fixture->owned);
  g_dbus_connection_signal_subscribe (fixture->caller, HP_BUS_NAME, NULL, NULL, NULL, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                      on_signal, fixture, NULL);
  /* The bus has heard of that when it has answered this. */
  g_variant_unref (g_dbus_connection_call_sync (fixture->caller, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                                "org.freedesktop.DBus", "GetId", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1,
                                                NULL, &error));
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_pointer (&fixture->facade, hp_bus_close);
  g_clear_object (&fixture->engine);
  g_clear_object (&fixture->authority);
  g_clear_pointer (&fixture->polkit, fake_polkit_free);
  g_clear_object (&fixture->caller);
  g_clear_object (&fixture->service);
  g_clear_pointer (&fixture->lost, g_free);
  g_clear_pointer (&fixture->status, g_free);
  g_string_free (fixture->heard, TRUE);
}

/* An answer from the bus, or none yet. */
typedef struct
{
  GVariant *value;
  GError *error;
} Answer;

static void
clear (Answer *answer)
{
  g_clear_pointer (&answer->value, g_variant_unref);
  g_clear_error (&answer->error);
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Answer *answer = user_data;

  answer->value = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &answer->error);
}

/* @arguments: as text, "('3-1', 'windows', {})" */
static void
start_call (Fixture *fixture, const char *method, const char *arguments, GDBusCallFlags flags, Answer *answer)
{
  g_autoptr (GError) error = NULL;
  static const char *const types[][2] = { { "AssignPort", "(ssa{sv})" },   { "UnassignPort", "(sa{sv})" },
                                          { "AttachDevice", "(ssa{sv})" }, { "DetachDevice", "(sa{sv})" },
                                          { "Reload", "(a{sv})" },         { "ListPorts", "(a{sv})" },
                                          { "ListDevices", "(a{sv})" },    { "ListVirtualMachines", "(a{sv})" } };
  const char *type = "()";

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      if (g_str_equal (types[i][0], method))
        type = types[i][1];
    }
  *answer = (Answer){ 0 };
  g_dbus_connection_call (fixture->caller, HP_BUS_NAME, HP_OBJECT_ROOT, HP_INTERFACE_MANAGER, method,
                          g_variant_parse (G_VARIANT_TYPE (type), arguments, NULL, NULL, &error), NULL, flags, 10000,
                          NULL, on_answer, answer);
  g_assert_no_error (error);
}

static void
call (Fixture *fixture, const char *method, const char *arguments, Answer *answer)
{
  start_call (fixture, method, arguments, G_DBUS_CALL_FLAGS_NONE, answer);
  wait_until (answer->value || answer->error);
}

static void
assert_text (const char *text, const char *part)
{
  if (!strstr (text, part))
    g_error ("“%s” is not in “%s”", part, text);
}

static void
assert_error (Answer *answer, GQuark domain, int code, const char *part)
{
  g_assert_error (answer->error, domain, code);
  assert_text (answer->error->message, part);
}

static void
test_arguments (Fixture *fixture, gconstpointer data)
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
      clear (&answer);
    }
  /* Nobody was asked, nothing was done. */
  g_assert_cmpuint (fixture->polkit->asked, ==, 0);
  g_assert_null (fake_engine_last (fixture->engine));
}

/* GVariant's text form has no key twice. */
static void
test_option_twice (Fixture *fixture, gconstpointer data)
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
  clear (&answer);
}

static void
test_requests (Fixture *fixture, gconstpointer data)
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
      clear (&answer);
    }
}

static void
test_denied (Fixture *fixture, gconstpointer data)
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
      clear (&answer);

      fixture->polkit->mode = FAKE_POLKIT_CHALLENGE;
      call (fixture, cases[i].method, cases[i].arguments, &answer);
      assert_error (&answer, HP_ERROR, HP_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, "needs a password");
      g_assert_cmpuint (fixture->polkit->flags, ==, 0);
      clear (&answer);

      start_call (fixture, cases[i].method, cases[i].arguments, G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                  &answer);
      wait_until (answer.value || answer.error);
      assert_error (&answer, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "needs a password");
      g_assert_cmpuint (fixture->polkit->flags, ==, 1);
      clear (&answer);
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
test_revalidate (Fixture *fixture, gconstpointer data)
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
      clear (&answer);
      /* As it was. */
      g_hash_table_remove_all (fake_engine_ports (fixture->engine));
      g_hash_table_remove_all (fake_engine_devices (fixture->engine));
      g_hash_table_remove_all (fake_engine_vms (fixture->engine));
      hp_engine_start (fixture->engine);
    }
  g_assert_null (fake_engine_last (fixture->engine));
}

static void
test_engine_errors (Fixture *fixture, gconstpointer data)
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
      clear (&answer);
    }
}

static GVariant *
get_all (Fixture *fixture, const char *path, const char *interface)
{
  Answer answer = { 0 };
  GVariant *properties;

  g_dbus_connection_call (fixture->caller, HP_BUS_NAME, path, "org.freedesktop.DBus.Properties", "GetAll",
                          g_variant_new ("(s)", interface), G_VARIANT_TYPE ("(a{sv})"), G_DBUS_CALL_FLAGS_NONE, -1,
                          NULL, on_answer, &answer);
  wait_until (answer.value || answer.error);
  g_assert_no_error (answer.error);
  properties = g_variant_get_child_value (answer.value, 0);
  clear (&answer);
  return properties;
}

/* Equal whatever the order of the keys. */
static void
assert_same_properties (GVariant *a, GVariant *b)
{
  GVariantIter iter;
  const char *key;
  GVariant *item;

  g_assert_cmpuint (g_variant_n_children (a), ==, g_variant_n_children (b));
  g_variant_iter_init (&iter, a);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &item))
    {
      g_autoptr (GVariant) value = item;
      g_autoptr (GVariant) other = g_variant_lookup_value (b, key, NULL);

      g_test_message ("%s", key);
      g_assert_nonnull (other);
      g_assert_cmpvariant (value, other);
    }
}

static GVariant *
managed_objects (Fixture *fixture)
{
  Answer answer = { 0 };
  GVariant *objects;

  g_dbus_connection_call (fixture->caller, HP_BUS_NAME, HP_OBJECT_ROOT, "org.freedesktop.DBus.ObjectManager",
                          "GetManagedObjects", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_answer, &answer);
  wait_until (answer.value || answer.error);
  g_assert_no_error (answer.error);
  objects = g_variant_get_child_value (answer.value, 0);
  clear (&answer);
  return objects;
}

/* Lists, properties and managed objects say the same. */
static void
test_lists (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *method, *interface;
    guint objects, keys;
  } cases[] = {
    { "ListPorts", HP_INTERFACE_PORT, 2, 18 },
    { "ListDevices", HP_INTERFACE_DEVICE, 1, 22 },
    { "ListVirtualMachines", HP_INTERFACE_VM, 2, 13 },
  };
  g_autoptr (GVariant) managed = managed_objects (fixture);

  g_assert_cmpuint (g_variant_n_children (managed), ==, 5);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Answer answer;
      g_autoptr (GVariantIter) iter = NULL;
      const char *path;
      GVariant *item;

      call (fixture, cases[i].method, "({},)", &answer);
      g_assert_no_error (answer.error);
      g_variant_get (answer.value, "(a(oa{sv}))", &iter);
      g_assert_cmpuint (g_variant_iter_n_children (iter), ==, cases[i].objects);
      while (g_variant_iter_next (iter, "(&o@a{sv})", &path, &item))
        {
          g_autoptr (GVariant) listed = item;
          g_autoptr (GVariant) properties = get_all (fixture, path, cases[i].interface);
          g_autoptr (GVariant) interfaces = g_variant_lookup_value (managed, path, NULL);
          g_autoptr (GVariant) there = g_variant_lookup_value (interfaces, cases[i].interface, NULL);

          g_assert_cmpuint (g_variant_n_children (listed), ==, cases[i].keys);
          assert_same_properties (listed, properties);
          assert_same_properties (listed, there);
        }
      clear (&answer);
    }
  g_assert_cmpuint (fixture->polkit->asked, ==, 0);
}

static void
test_values (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *path, *interface, *key, *value;
  } cases[] = {
    { HP_OBJECT_ROOT, HP_INTERFACE_MANAGER, "ConfigFile", "'/etc/hotplugger/config.yaml'" },
    { HP_OBJECT_ROOT, HP_INTERFACE_MANAGER, "ConfigError", "''" },
    { FAKE_PORT_PATH, HP_INTERFACE_PORT, "Id", "'" FAKE_PORT "'" },
    { FAKE_PORT_PATH, HP_INTERFACE_PORT, "Usb2", "'3-1'" },
    { FAKE_PORT_PATH, HP_INTERFACE_PORT, "Present", "true" },
    { FAKE_PORT_PATH, HP_INTERFACE_PORT, "VirtualMachines", "['windows']" },
    { FAKE_PORT_PATH, HP_INTERFACE_PORT, "Devices", "@as []" },
    { HP_OBJECT_DEVICE "/3_2d1", HP_INTERFACE_DEVICE, "VendorId", "uint32 4660" },
    { HP_OBJECT_DEVICE "/3_2d1", HP_INTERFACE_DEVICE, "Bus", "uint32 3" },
    { HP_OBJECT_DEVICE "/3_2d1", HP_INTERFACE_DEVICE, "Number", "uint32 7" },
    { HP_OBJECT_DEVICE "/3_2d1", HP_INTERFACE_DEVICE, "State", "'attached'" },
    { HP_OBJECT_DEVICE "/3_2d1", HP_INTERFACE_DEVICE, "LatencyUsec", "uint64 0" },
    { HP_OBJECT_VM "/windows", HP_INTERFACE_VM, "Uid", "uint32 4294967295" },
    { HP_OBJECT_VM "/windows", HP_INTERFACE_VM, "GuestBuses", "[('xhci.0', 'qemu-xhci', uint32 8, uint32 1)]" },
    { HP_OBJECT_VM "/linux", HP_INTERFACE_VM, "GuestBuses", "@a(ssuu) []" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GVariant) properties = get_all (fixture, cases[i].path, cases[i].interface);
      g_autoptr (GVariant) value = g_variant_lookup_value (properties, cases[i].key, NULL);
      g_autofree char *text = value ? g_variant_print (value, TRUE) : NULL;

      g_assert_cmpstr (text, ==, cases[i].value);
    }
}

static guint
count (const char *text, const char *part)
{
  guint found = 0;

  for (const char *at = strstr (text, part); at; at = strstr (at + 1, part))
    found++;
  return found;
}

/* However often the engine says so, callers hear of an object once. */
static void
test_changes_coalesce (Fixture *fixture, gconstpointer data)
{
  HpPortView *port = g_hash_table_lookup (fake_engine_ports (fixture->engine), FAKE_PORT);

  for (guint i = 1; i <= 50; i++)
    {
      port->over_current = i;
      g_signal_emit_by_name (fixture->engine, "port-changed", FAKE_PORT);
      g_signal_emit_by_name (fixture->engine, "port-changed", FAKE_PORT_FREE); /* says the same as before */
    }
  wait_until (fixture->heard->len > 0);
  run_for (50);
  g_assert_cmpuint (count (fixture->heard->str, "\n"), ==, 1);
  assert_text (fixture->heard->str, "PropertiesChanged " FAKE_PORT_PATH);
  assert_text (fixture->heard->str, "{'OverCurrent': <uint32 50>}");
}

static void
test_objects_come_and_go (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GVariant) before = managed_objects (fixture);
  g_autoptr (GVariant) after = NULL;

  fake_engine_add_device (fixture->engine, "3-2", FAKE_PORT_FREE, 3, 9);
  g_signal_emit_by_name (fixture->engine, "device-changed", "3-2");
  wait_until (count (fixture->heard->str, "\n") == 1);
  assert_text (fixture->heard->str, "InterfacesAdded " HP_OBJECT_ROOT " ('" HP_OBJECT_DEVICE "/3_2d2'");
  assert_text (fixture->heard->str, "'Number': <uint32 9>");
  g_string_truncate (fixture->heard, 0);

  /* Out and in again before anybody looked: another device. */
  fake_engine_add_device (fixture->engine, "3-2", FAKE_PORT_FREE, 3, 10);
  g_signal_emit_by_name (fixture->engine, "device-changed", "3-2");
  wait_until (count (fixture->heard->str, "\n") == 2);
  assert_text (fixture->heard->str, "InterfacesRemoved " HP_OBJECT_ROOT " ('" HP_OBJECT_DEVICE "/3_2d2'");
  assert_text (strchr (fixture->heard->str, '\n'), "InterfacesAdded " HP_OBJECT_ROOT " ('" HP_OBJECT_DEVICE "/3_2d2'");
  assert_text (fixture->heard->str, "'Number': <uint32 10>");
  g_string_truncate (fixture->heard, 0);

  g_hash_table_remove (fake_engine_devices (fixture->engine), "3-2");
  g_hash_table_remove (fake_engine_vms (fixture->engine), "linux");
  g_signal_emit_by_name (fixture->engine, "device-changed", "3-2");
  g_signal_emit_by_name (fixture->engine, "vm-changed", "linux");
  g_signal_emit_by_name (fixture->engine, "vm-changed", "never-was");
  wait_until (count (fixture->heard->str, "InterfacesRemoved") == 2);
  after = managed_objects (fixture);
  g_assert_cmpuint (g_variant_n_children (after), ==, g_variant_n_children (before) - 1);
}

/* A list is never behind the engine, signalled or not. */
static void
test_list_is_new (Fixture *fixture, gconstpointer data)
{
  HpPortView *port = g_hash_table_lookup (fake_engine_ports (fixture->engine), FAKE_PORT);
  Answer answer;
  g_autofree char *text = NULL;

  call (fixture, "ListPorts", "({},)", &answer);
  clear (&answer);
  port->over_current = 77;
  g_signal_emit_by_name (fixture->engine, "port-changed", FAKE_PORT);
  call (fixture, "ListPorts", "({},)", &answer);
  text = g_variant_print (answer.value, FALSE);
  assert_text (text, "'OverCurrent': <uint32 77>");
  clear (&answer);
}

/* Property changes, then the signal, then the answer. */
static void
test_order (Fixture *fixture, gconstpointer data)
{
  Answer answer;
  const char *changed;

  call (fixture, "AttachDevice", "('3-1', 'linux', {})", &answer);
  g_assert_no_error (answer.error);
  changed = strstr (fixture->heard->str, "PropertiesChanged " HP_OBJECT_DEVICE "/3_2d1");
  g_assert_nonnull (changed);
  assert_text (changed,
               "DeviceAttached " HP_OBJECT_ROOT " ('" HP_OBJECT_DEVICE "/3_2d1', '3-1', '" FAKE_PORT "', 'linux', {");
  clear (&answer);

  call (fixture, "AssignPort", "('3-2', 'linux', {})", &answer);
  assert_text (fixture->heard->str, "'VirtualMachines': <['linux']>");
  clear (&answer);
}

static void
test_signals (Fixture *fixture, gconstpointer data)
{
  static const HpAttachmentEvent event = { .device = "3-1",
                                           .port = FAKE_PORT,
                                           .vm = "windows",
                                           .description = "Stick",
                                           .guest_bus = "xhci.0",
                                           .reason = "qemu-refused",
                                           .message = "QEMU refused it",
                                           .guest_port = 4,
                                           .latency_usec = 1500,
                                           .retry_usec = 2000000 };
  static const HpAttachmentEvent bare = { .device = "9-9" };
  static const char *const parts[] = {
    "DeviceAttached /org/hotplugger1 ('/org/hotplugger1/device/3_2d1', '3-1', '" FAKE_PORT "', 'windows', {",
    "'guest-bus': <'xhci.0'>",
    "'guest-port': <uint32 4>",
    "'latency-usec': <uint64 1500>",
    "'description': <'Stick'>",
    "DeviceDetached /org/hotplugger1 ('/org/hotplugger1/device/3_2d1', '3-1', '" FAKE_PORT
    "', 'windows', {'description': <'Stick'>})",
    "AttachFailed /org/hotplugger1 ('/org/hotplugger1/device/3_2d1', '3-1', '" FAKE_PORT "', 'windows', {",
    "'reason': <'qemu-refused'>",
    "'message': <'QEMU refused it'>",
    "'retry-usec': <uint64 2000000>",
    "DeviceDetached /org/hotplugger1 ('/org/hotplugger1/device/9_2d9', '9-9', '', '', {'description': <''>})",
  };

  g_signal_emit_by_name (fixture->engine, "attached", &event);
  g_signal_emit_by_name (fixture->engine, "detached", &event);
  g_signal_emit_by_name (fixture->engine, "attach-failed", &event);
  g_signal_emit_by_name (fixture->engine, "detached", &bare);
  wait_until (count (fixture->heard->str, "\n") == 4);
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    assert_text (fixture->heard->str, parts[i]);
}

static void
test_status (Fixture *fixture, gconstpointer data)
{
  HpDeviceView *device = g_hash_table_lookup (fake_engine_devices (fixture->engine), "3-1");
  guint lines;

  g_assert_cmpstr (fixture->status, ==, "1 port assigned, 1 device in 1 virtual machine");
  fake_set (&device->state, "waiting");
  g_signal_emit_by_name (fixture->engine, "device-changed", "3-1");
  wait_until (g_str_equal (fixture->status, "1 port assigned, no devices in a virtual machine"));
  lines = fixture->status_lines;
  fake_engine_set_status (fixture->engine, "config.yaml:3:1: what", "state.json: what");
  g_assert_cmpuint (fixture->status_lines, ==, lines + 1);
  wait_until (fixture->heard->len > 0 && strstr (fixture->heard->str, "config.yaml:3:1: what"));
  assert_text (fixture->heard->str, "'StateError': <'state.json: what'>");
}

/* The bus policy lets nothing through but what is written in it. */
static void
test_bus_policy (Fixture *fixture, gconstpointer data)
{
  Answer answer;

  call (fixture, "DropTheBomb", "()", &answer);
  g_assert_error (answer.error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED);
  clear (&answer);
  g_dbus_connection_call (fixture->caller, HP_BUS_NAME, HP_OBJECT_ROOT, "org.freedesktop.DBus.Peer", "Ping", NULL, NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_answer, &answer);
  wait_until (answer.value || answer.error);
  g_assert_no_error (answer.error);
  clear (&answer);
  g_dbus_connection_call (fixture->caller, HP_BUS_NAME, FAKE_PORT_PATH, "org.freedesktop.DBus.Properties", "Set",
                          g_variant_new ("(ssv)", HP_INTERFACE_PORT, "Holder", g_variant_new_string ("x")), NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_answer, &answer);
  wait_until (answer.value || answer.error);
  g_assert_nonnull (answer.error);
  clear (&answer);
}

static void
test_name_taken (Fixture *fixture, gconstpointer data)
{
  Fixture second = { .bus = fixture->bus };
  g_autoptr (GError) error = NULL;
  Answer answer;

  second.service = private_bus_connect (fixture->bus);
  second.facade = hp_bus_new (second.service, fixture->engine, fixture->authority, &events, &second, &error);
  g_assert_no_error (error);
  wait_until (second.lost);
  g_assert_false (second.owned);
  assert_text (second.lost, "another hotplugd runs");
  g_clear_pointer (&second.facade, hp_bus_close);
  g_clear_pointer (&second.lost, g_free);
  g_clear_object (&second.service);

  /* Its end leaves the first alone. */
  call (fixture, "ListPorts", "({},)", &answer);
  g_assert_no_error (answer.error);
  clear (&answer);
  g_assert_null (fixture->lost);
}

static void
test_bus_gone (Fixture *fixture, gconstpointer data)
{
  g_dbus_connection_close_sync (fixture->service, NULL, NULL);
  wait_until (fixture->lost);
  assert_text (fixture->lost, "connection to the bus is gone");
}

/* Whoever waits for a password while the daemon stops gets an answer, and nothing happens. */
static void
test_stop_while_asking (Fixture *fixture, gconstpointer data)
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
  clear (&answer);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/bus/arguments", test_arguments },
    { "/bus/option-twice", test_option_twice },
    { "/bus/requests", test_requests },
    { "/bus/denied", test_denied },
    { "/bus/revalidate", test_revalidate },
    { "/bus/engine-errors", test_engine_errors },
    { "/bus/lists", test_lists },
    { "/bus/values", test_values },
    { "/bus/changes-coalesce", test_changes_coalesce },
    { "/bus/objects-come-and-go", test_objects_come_and_go },
    { "/bus/list-is-new", test_list_is_new },
    { "/bus/order", test_order },
    { "/bus/signals", test_signals },
    { "/bus/status", test_status },
    { "/bus/bus-policy", test_bus_policy },
    { "/bus/name-taken", test_name_taken },
    { "/bus/stop-while-asking", test_stop_while_asking },
    { "/bus/bus-gone", test_bus_gone },
  };
  PrivateBus *bus;
  int status;

  g_test_init (&argc, &argv, NULL);
  bus = private_bus_start ();
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add_vtable (tests[i].path, sizeof (Fixture), bus, (GTestFixtureFunc)set_up, (GTestFixtureFunc)tests[i].test,
                       (GTestFixtureFunc)tear_down);
  status = g_test_run ();
  /* libpolkit's connection would end the process with its bus. */
  g_dbus_connection_set_exit_on_close (g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, NULL), FALSE);
  private_bus_stop (bus);
  return status;
}
