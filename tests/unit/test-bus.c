/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus-fixture.h"

#include "dbus/names.h"

static GVariant *
get_all (BusFixture *fixture, const char *path, const char *interface)
{
  Answer answer = { 0 };
  GVariant *properties;

  g_dbus_connection_call (fixture->caller, HP_BUS_NAME, path, "org.freedesktop.DBus.Properties", "GetAll",
                          g_variant_new ("(s)", interface), G_VARIANT_TYPE ("(a{sv})"), G_DBUS_CALL_FLAGS_NONE, -1,
                          NULL, on_answer, &answer);
  wait_until (answer.value || answer.error);
  g_assert_no_error (answer.error);
  properties = g_variant_get_child_value (answer.value, 0);
  answer_clear (&answer);
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
managed_objects (BusFixture *fixture)
{
  Answer answer = { 0 };
  GVariant *objects;

  g_dbus_connection_call (fixture->caller, HP_BUS_NAME, HP_OBJECT_ROOT, "org.freedesktop.DBus.ObjectManager",
                          "GetManagedObjects", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_answer, &answer);
  wait_until (answer.value || answer.error);
  g_assert_no_error (answer.error);
  objects = g_variant_get_child_value (answer.value, 0);
  answer_clear (&answer);
  return objects;
}

/* Lists, properties and managed objects say the same. */
static void
test_lists (BusFixture *fixture, gconstpointer data)
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
      answer_clear (&answer);
    }
  g_assert_cmpuint (fixture->polkit->asked, ==, 0);
}

static void
test_values (BusFixture *fixture, gconstpointer data)
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
test_changes_coalesce (BusFixture *fixture, gconstpointer data)
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
test_objects_come_and_go (BusFixture *fixture, gconstpointer data)
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
test_list_is_new (BusFixture *fixture, gconstpointer data)
{
  HpPortView *port = g_hash_table_lookup (fake_engine_ports (fixture->engine), FAKE_PORT);
  Answer answer;
  g_autofree char *text = NULL;

  call (fixture, "ListPorts", "({},)", &answer);
  answer_clear (&answer);
  port->over_current = 77;
  g_signal_emit_by_name (fixture->engine, "port-changed", FAKE_PORT);
  call (fixture, "ListPorts", "({},)", &answer);
  text = g_variant_print (answer.value, FALSE);
  assert_text (text, "'OverCurrent': <uint32 77>");
  answer_clear (&answer);
}

/* Nor is what is seen by other ways behind a list that was answered before, whatever it was a list of. */
static void
test_list_brings_all (BusFixture *fixture, gconstpointer data)
{
  static const char *const methods[] = { "ListPorts", "ListDevices", "ListVirtualMachines" };
  HpPortView *port = g_hash_table_lookup (fake_engine_ports (fixture->engine), FAKE_PORT);
  HpDeviceView *device = g_hash_table_lookup (fake_engine_devices (fixture->engine), "3-1");

  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    {
      g_autoptr (GVariant) ports = NULL, devices = NULL;
      guint over_current = 0, attempts = 0;
      Answer answer;

      port->over_current = device->attempts = i + 1;
      g_signal_emit_by_name (fixture->engine, "port-changed", FAKE_PORT);
      g_signal_emit_by_name (fixture->engine, "device-changed", "3-1");
      call (fixture, methods[i], "({},)", &answer);
      answer_clear (&answer);
      ports = get_all (fixture, FAKE_PORT_PATH, HP_INTERFACE_PORT);
      devices = get_all (fixture, HP_OBJECT_DEVICE "/3_2d1", HP_INTERFACE_DEVICE);
      g_variant_lookup (ports, "OverCurrent", "u", &over_current);
      g_variant_lookup (devices, "Attempts", "u", &attempts);
      g_assert_cmpuint (over_current, ==, i + 1);
      g_assert_cmpuint (attempts, ==, i + 1);
    }
}

static void
test_signals (BusFixture *fixture, gconstpointer data)
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
test_status (BusFixture *fixture, gconstpointer data)
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
test_bus_policy (BusFixture *fixture, gconstpointer data)
{
  Answer answer;

  call (fixture, "DropTheBomb", "()", &answer);
  g_assert_error (answer.error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED);
  answer_clear (&answer);
  g_dbus_connection_call (fixture->caller, HP_BUS_NAME, HP_OBJECT_ROOT, "org.freedesktop.DBus.Peer", "Ping", NULL, NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_answer, &answer);
  wait_until (answer.value || answer.error);
  g_assert_no_error (answer.error);
  answer_clear (&answer);
  g_dbus_connection_call (fixture->caller, HP_BUS_NAME, FAKE_PORT_PATH, "org.freedesktop.DBus.Properties", "Set",
                          g_variant_new ("(ssv)", HP_INTERFACE_PORT, "Holder", g_variant_new_string ("x")), NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_answer, &answer);
  wait_until (answer.value || answer.error);
  g_assert_nonnull (answer.error);
  answer_clear (&answer);
}

static void
test_name_taken (BusFixture *fixture, gconstpointer data)
{
  BusFixture second = { .bus = fixture->bus };
  g_autoptr (GError) error = NULL;
  Answer answer;

  second.service = private_bus_connect (fixture->bus);
  second.facade =
      hp_bus_new (second.service, fixture->engine, fixture->authority, &bus_fixture_events, &second, &error);
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
  answer_clear (&answer);
  g_assert_null (fixture->lost);
}

static void
test_bus_gone (BusFixture *fixture, gconstpointer data)
{
  g_dbus_connection_close_sync (fixture->service, NULL, NULL);
  wait_until (fixture->lost);
  assert_text (fixture->lost, "connection to the bus is gone");
}

int
main (int argc, char **argv)
{
  static const BusTest tests[] = {
    { "/bus/lists", test_lists },
    { "/bus/values", test_values },
    { "/bus/changes-coalesce", test_changes_coalesce },
    { "/bus/objects-come-and-go", test_objects_come_and_go },
    { "/bus/list-is-new", test_list_is_new },
    { "/bus/list-brings-all", test_list_brings_all },
    { "/bus/signals", test_signals },
    { "/bus/status", test_status },
    { "/bus/bus-policy", test_bus_policy },
    { "/bus/name-taken", test_name_taken },
    { "/bus/bus-gone", test_bus_gone },
  };

  return bus_fixture_run (argc, argv, tests, G_N_ELEMENTS (tests));
}
