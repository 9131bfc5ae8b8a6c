/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/errors.h"
#include "client/event.h"
#include "client/output.h"
#include "dbus/generated.h"

#include <locale.h>
#include <string.h>

static const HpColumn columns[] = { { "NAME", 0, FALSE }, { "DEVICE", 6, FALSE }, { "STATE", 0, TRUE } };

static void
test_table (void)
{
  g_autoptr (HpTable) table = hp_table_new (columns, G_N_ELEMENTS (columns));
  g_autofree char *empty = hp_table_format (table, TRUE, 0, FALSE);
  g_autofree char *full = NULL;
  g_autofree char *bare = NULL;

  g_assert_cmpstr (empty, ==, "NAME  DEVICE  STATE\n");
  hp_table_add (table, (const char *const[]){ "3-1", "日本 stick", "attached" });
  hp_table_add (table, (const char *const[]){ "3-10.2", NULL, "host" });
  hp_table_add (table, (const char *const[]){ "", "a\033[2Jb\n", "failed" });
  g_assert_cmpuint (hp_table_rows (table), ==, 3);
  full = hp_table_format (table, TRUE, 0, FALSE);
  g_assert_cmpstr (full, ==,
                   "NAME    DEVICE      STATE\n"
                   "3-1     日本 stick  attached\n"
                   "3-10.2  -           host\n"
                   "-       a\357\277\275[2Jb      failed\n");
  bare = hp_table_format (table, FALSE, 0, FALSE);
  g_assert_cmpstr (bare, ==, strchr (full, '\n') + 1);
}

/* On a narrow terminal the columns that may be cut are, the widest first, down to their least; no line is longer. */
static void
test_table_narrow (void)
{
  static const struct
  {
    guint width;
    const char *line;
  } cases[] = {
    { 80, "3-1   SanDisk Ultra  attached\n" }, { 29, "3-1   SanDisk Ultra  attached\n" },
    { 28, "3-1   SanDisk Ult…  attached\n" },  { 22, "3-1   SanDi…  attached\n" },
    { 5, "3-1   SanDi…  attached\n" },
  };
  g_autoptr (HpTable) table = hp_table_new (columns, G_N_ELEMENTS (columns));

  hp_table_add (table, (const char *const[]){ "3-1", "SanDisk Ultra", "attached" });
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = hp_table_format (table, TRUE, cases[i].width, FALSE);

      g_assert_cmpstr (strchr (text, '\n') + 1, ==, cases[i].line);
    }
}

static void
test_table_color (void)
{
  g_autoptr (HpTable) table = hp_table_new (columns, G_N_ELEMENTS (columns));
  g_autofree char *text = NULL;

  hp_table_add (table, (const char *const[]){ "failed", "x", "failed" });
  text = hp_table_format (table, FALSE, 0, TRUE);
  /* Only the column of states is painted, and the paint takes up no room. */
  g_assert_cmpstr (text, ==, "failed  x  \033[31mfailed\033[0m\n");
}

static void
test_key (void)
{
  static const struct
  {
    const char *property, *key;
  } cases[] = {
    { "Id", "id" },
    { "Usb2", "usb2" },
    { "VirtualMachines", "virtual_machines" },
    { "AssignedAt", "assigned_at" },
    { "LatencyUsec", "latency_usec" },
    { "VendorId", "vendor_id" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *key = hp_json_key (cases[i].property);

      g_assert_cmpstr (key, ==, cases[i].key);
    }
}

/* An empty dictionary still has every key of the contract, in its order. */
static void
test_json_empty (void)
{
  g_autoptr (HpRecord) record = hp_record_new ("/x", g_variant_new ("a{sv}", NULL));
  g_autoptr (JsonNode) node = hp_json_from_record (record, hp_dbus_virtual_machine_interface_info ());
  g_autofree char *text = hp_json_text (node, FALSE);

  g_assert_cmpstr (text, ==,
                   "{\"object\":\"/x\",\"name\":null,\"socket\":null,\"origin\":null,\"state\":null,\"reason\":null,"
                   "\"message\":null,\"run_state\":null,\"qemu_version\":null,\"pid\":null,\"uid\":null,"
                   "\"guest_buses\":null,\"ports\":null,\"devices\":null}\n");
}

static void
test_json_values (void)
{
  g_autoptr (HpRecord) vm =
      hp_record_new ("/vm", g_variant_new_parsed (
                                "{'Name': <'a\\u001b\\u009b\\u202e'>, 'Pid': <uint32 0>, 'Uid': <uint32 4294967295>,"
                                " 'GuestBuses': <[('xhci', 'qemu-xhci', uint32 8, uint32 0)]>,"
                                " 'Ports': <['a', 'b']>, 'Devices': <@as []>, 'State': <uint32 7>, 'New': <true>}"));
  g_autoptr (HpRecord) device =
      hp_record_new ("/device", g_variant_new_parsed (
                                    "{'Speed': <uint32 0>, 'Bus': <uint32 0>, 'Hub': <true>, 'VendorId': <uint32 1>,"
                                    " 'LatencyUsec': <uint64 18446744073709551615>, 'GuestPort': <uint32 2>}"));
  g_autoptr (JsonNode) node = hp_json_from_record (vm, hp_dbus_virtual_machine_interface_info ());
  g_autoptr (JsonNode) device_node = hp_json_from_record (device, hp_dbus_device_interface_info ());
  JsonObject *object = json_node_get_object (device_node);
  g_autofree char *text = hp_json_text (node, FALSE);

  /* A wrong type (State) is nothing, what the contract does not know (New) is left out. */
  g_assert_cmpstr (text, ==,
                   "{\"object\":\"/vm\",\"name\":\"a\\u001b\\u009b\\u202e\",\"socket\":null,\"origin\":null,"
                   "\"state\":null,\"reason\":null,\"message\":null,\"run_state\":null,\"qemu_version\":null,"
                   "\"pid\":null,\"uid\":null,"
                   "\"guest_buses\":[{\"name\":\"xhci\",\"type\":\"qemu-xhci\",\"ports\":8,\"taken\":0}],"
                   "\"ports\":[\"a\",\"b\"],\"devices\":[]}\n");
  g_assert_true (json_object_get_null_member (object, "speed"));
  g_assert_cmpint (json_object_get_int_member (object, "bus"), ==, 0);
  g_assert_false (json_object_get_null_member (object, "bus"));
  g_assert_true (json_object_get_boolean_member (object, "hub"));
  g_assert_cmpint (json_object_get_int_member (object, "latency_usec"), ==, G_MAXINT64);
}

/* Beyond the first plane, an escape is a pair; what is harmless stays as it is. */
static void
test_json_escapes (void)
{
  g_autoptr (JsonNode) node = json_node_init_string (json_node_alloc (), "日😀\363\240\201\201\177\342\200\250");
  g_autofree char *text = hp_json_text (node, FALSE);
  g_autoptr (JsonNode) back = json_from_string (text, NULL);

  g_assert_cmpstr (text, ==, "\"日😀\\udb40\\udc41\\u007f\\u2028\"\n");
  g_assert_cmpstr (json_node_get_string (back), ==, json_node_get_string (node));
}

static void
test_records (void)
{
  static const struct
  {
    guint speed;
    const char *text;
  } speeds[] = {
    { 0, "" },          { 1, "1.5 Mb/s" },    { 12, "12 Mb/s" },    { 480, "480 Mb/s" },
    { 5000, "5 Gb/s" }, { 20000, "20 Gb/s" }, { 2500, "2.5 Gb/s" },
  };
  g_autoptr (HpRecord) gone =
      hp_record_new ("/p", g_variant_new_parsed (
                               "{'Id': <'pci-usbv2-0:1'>, 'Usb2': <'3-1'>, 'AssignedAt': <'pci-usbv2-0:1'>}"));
  g_autoptr (HpRecord) superspeed =
      hp_record_new ("/p", g_variant_new_parsed (
                               "{'Id': <'i'>, 'Usb3': <'4-1'>, 'Present': <true>, 'VirtualMachines': <['a', 'b']>}"));
  g_autoptr (HpRecord) nameless =
      hp_record_new ("/d", g_variant_new_parsed ("{'VendorId': <uint32 1921>, 'ProductId': <uint32 21889>}"));
  g_autofree char *host = hp_port_owner (gone);
  g_autofree char *both = hp_port_owner (superspeed);
  g_autofree char *full = hp_port_full_name (superspeed);
  g_autofree char *full_gone = hp_port_full_name (gone);
  g_autofree char *ids = hp_device_description (nameless);

  for (gsize i = 0; i < G_N_ELEMENTS (speeds); i++)
    {
      g_autofree char *text = hp_speed_to_string (speeds[i].speed);

      g_assert_cmpstr (text, ==, speeds[i].text);
    }
  /* A kernel name of a port that is not there may be another port's by now. */
  g_assert_cmpstr (hp_port_short_name (gone), ==, "pci-usbv2-0:1");
  g_assert_cmpstr (full_gone, ==, "pci-usbv2-0:1");
  g_assert_cmpstr (full, ==, "4-1 (i)");
  g_assert_cmpstr (host, ==, "host");
  g_assert_cmpstr (both, ==, "a, b");
  g_assert_cmpstr (ids, ==, "0781:5581");
}

static void
test_events (void)
{
  static const struct
  {
    HpEvent event;
    const char *text; /* behind the time */
  } cases[] = {
    { { .kind = HP_EVENT_DAEMON, .state = "running", .version = "1.2" }, "daemon     hotplugd 1.2 is running\n" },
    { { .kind = HP_EVENT_DAEMON, .state = "gone" }, "daemon     hotplugd is gone\n" },
    { { .kind = HP_EVENT_PLUGGED, .device = "3-1", .description = "Stick\033c", .port = "id" },
      "plugged    3-1    \"Stick\357\277\275c\" into id\n" },
    { { .kind = HP_EVENT_UNPLUGGED, .device = "3-1", .description = "Stick", .port = "id" },
      "unplugged  3-1    \"Stick\" from id\n" },
    { { .kind = HP_EVENT_PLUGGED, .device = "3-1.4", .description = "Stick", .port = "id" },
      "plugged    3-1.4  \"Stick\" into id\n" },
    { { .kind = HP_EVENT_PLUGGED, .device = "3-1.4.2", .description = "Stick", .port = "id" },
      "plugged    3-1.4.2  \"Stick\" into id\n" },
    { { .kind = HP_EVENT_DETACHED, .device = "3-1", .description = "", .vm = "w" }, "detached   3-1    from w\n" },
    { { .kind = HP_EVENT_DETACHED, .device = "3-1", .vm = "w" }, "detached   3-1    from w\n" },
    { { .kind = HP_EVENT_ATTACHED,
        .device = "3-1",
        .description = "Stick",
        .vm = "w",
        .guest_bus = "xhci.0",
        .guest_port = 3,
        .latency_usec = 12345 },
      "attached   3-1    \"Stick\" to w at xhci.0 port 3, after 12.3 ms\n" },
    { { .kind = HP_EVENT_DETACHED, .device = "3-1", .description = "Stick", .vm = "w" },
      "detached   3-1    \"Stick\" from w\n" },
    { { .kind = HP_EVENT_FAILED, .device = "3-1", .description = "Stick", .vm = "w", .message = "no free port" },
      "failed     3-1    \"Stick\" to w: no free port\n" },
    { { .kind = HP_EVENT_VM, .vm = "w", .state = "online" }, "vm         w is online\n" },
    { { .kind = HP_EVENT_VM, .vm = "w", .state = "busy", .message = "m" }, "vm         w is busy: m\n" },
    { { .kind = HP_EVENT_PORT, .port = "id", .vm = "w" }, "port       id is assigned to w\n" },
    { { .kind = HP_EVENT_PORT, .port = "id" }, "port       id is the host's\n" },
  };
  g_autoptr (GDateTime) when = g_date_time_new_utc (2026, 11, 22, 1, 2, 3.004567);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = hp_event_to_text (&cases[i].event, when, FALSE);

      g_assert_true (g_str_has_prefix (text, "01:02:03.004  "));
      g_assert_cmpstr (text + strlen ("01:02:03.004  "), ==, cases[i].text);
    }
}

static void
test_event_json (void)
{
  g_autoptr (GDateTime) when = g_date_time_new_utc (2026, 11, 22, 1, 2, 3);
  HpEvent event = { .kind = HP_EVENT_FAILED, .device = "3-1", .vm = "w", .reason = "qemu-refused", .retry_usec = 5 };
  g_autofree char *text = hp_event_to_json (&event, when);

  g_assert_cmpstr (text, ==,
                   "{\"time\":\"2026-11-22T01:02:03Z\",\"event\":\"failed\",\"device\":\"3-1\",\"port\":null,"
                   "\"virtual_machine\":\"w\",\"description\":null,\"state\":null,\"reason\":\"qemu-refused\","
                   "\"message\":null,\"guest_bus\":null,\"guest_port\":null,\"latency_usec\":null,\"retry_usec\":5}\n");
}

static void
test_output_full (void)
{
  HpContext context = { 0 };
  g_autoptr (GError) error = NULL;

  context.terminal.out.file = fopen ("/dev/full", "w");
  g_assert_false (hp_output_text (&context, "x", &error));
  g_assert_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_OUTPUT);
  fclose (context.terminal.out.file);
  /* Quiet: nothing is written, so nothing fails. */
  context.terminal.out.file = NULL;
  context.options.quiet = TRUE;
  g_assert_true (hp_output_sentence (&context, "done", NULL));
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/output/table", test_table);
  g_test_add_func ("/output/table-narrow", test_table_narrow);
  g_test_add_func ("/output/table-color", test_table_color);
  g_test_add_func ("/output/full", test_output_full);
  g_test_add_func ("/json/key", test_key);
  g_test_add_func ("/json/empty", test_json_empty);
  g_test_add_func ("/json/values", test_json_values);
  g_test_add_func ("/json/escapes", test_json_escapes);
  g_test_add_func ("/record/words", test_records);
  g_test_add_func ("/event/text", test_events);
  g_test_add_func ("/event/json", test_event_json);
  return g_test_run ();
}
