/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm-private.h"

#include "fake-qemu.h"

#include <string.h>

/* What of a machine is found, and what is left out where QEMU does not tell. */

#define OWN "hotplugger-3-1-2a-5"
#define OWN2 "hotplugger-4-1.2-ffffffffffffffff-0"

typedef struct
{
  FakeQemu *qemu;
  HpQmpSession *session;
} Fixture;

static void
keep_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **)user_data = g_object_ref (result);
}

static void
set_up (Fixture *f, gconstpointer unused)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  f->qemu = fake_qemu_new ();
  hp_qmp_session_connect_async (f->qemu->peer->path, NULL, keep_result, &result);
  wait_until (result != NULL);
  f->session = hp_qmp_session_connect_finish (result, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *f, gconstpointer unused)
{
  hp_qmp_session_close (f->session);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_finalize_object (f->session);
  fake_qemu_free (f->qemu);
}

static HpVmStock *
take_stock (Fixture *f, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  hp_vm_take_stock_async (f->session, keep_result, &result);
  wait_until (result != NULL);
  return hp_vm_take_stock_finish (f->session, result, error);
}

static void
describe_bus (GString *text, const HpGuestBus *bus)
{
  g_string_append_printf (text, " | %s %s %u:", bus->name, bus->type, bus->ports);
  for (guint port = 0; port < 256; port++)
    if (g_hash_table_contains (bus->used, GUINT_TO_POINTER (port)))
      g_string_append_printf (text, " %u", port);
}

/* All of it in a line: state, buses with the ports in use, devices of ours, devices of others. */
static char *
describe (const HpVmStock *stock)
{
  GString *text = g_string_new (stock->run_state != NULL ? stock->run_state : "?");
  g_autoptr (GList) ids = g_list_sort (g_hash_table_get_keys (stock->foreign), (GCompareFunc)strcmp);

  g_string_append (text, stock->usb_host ? " usb-host" : "");
  g_string_append (text, stock->hostdevice ? " hostdevice" : "");
  for (guint i = 0; i < stock->buses->len; i++)
    describe_bus (text, g_ptr_array_index (stock->buses, i));
  for (guint i = 0; i < stock->devices->len; i++)
    {
      const HpVmDevice *device = g_ptr_array_index (stock->devices, i);

      g_string_append_printf (text, " | %s%s at %s port %u", device->kernel_name, device->attached ? "" : " lost",
                              device->bus != NULL ? device->bus : "?", device->port);
      g_assert_true (hp_qdev_id_parse (device->id, NULL, NULL));
    }
  for (GList *item = ids; item != NULL; item = item->next)
    {
      const HpGuestPlace *place = g_hash_table_lookup (stock->foreign, item->data);

      g_string_append_printf (text, " | (%s at %s port %u)", (char *)item->data, place->bus, place->port);
    }
  return g_string_free (text, FALSE);
}

static void
assert_stock (Fixture *f, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HpVmStock) stock = take_stock (f, &error);
  g_autofree char *text = NULL;

  g_assert_no_error (error);
  text = describe (stock);
  g_assert_cmpstr (text, ==, expected);
}

static const FakeController xhci = { "peripheral", "xhci", "qemu-xhci", "xhci.0", 4, 4 };
static const FakeController wide = { "peripheral", "wide", "nec-usb-xhci", "wide.0", 15, 2 };
static const FakeController anonymous = { "peripheral-anon", "device[0]", "usb-ehci", "usb-bus.1", -1, -1 };
static const FakeController built_in = { "unattached", "device[18]", "piix3-usb-uhci", "usb-bus.0", -1, -1 };
static const FakeController ohci = { "peripheral", "ohci", "pci-ohci", "ohci.0", -1, -1 };
static const FakeController no_bus = { "peripheral", "odd", "usb-serial", NULL, -1, -1 };

static void
test_plain (Fixture *f, gconstpointer unused)
{
  assert_stock (f, "running usb-host hostdevice | xhci.0 qemu-xhci 4:");
  /* A descriptor that an interrupted attach has left behind is cleaned up. */
  g_assert_cmpstr (f->qemu->log->str, ==, "remove-fd ");
}

static void
test_versions (Fixture *f, gconstpointer unused)
{
  fake_qemu_set_version (f->qemu, 5, 0);
  assert_stock (f, "running usb-host | xhci.0 qemu-xhci 4:");
  fake_qemu_set_version (f->qemu, 5, 1);
  assert_stock (f, "running usb-host hostdevice | xhci.0 qemu-xhci 4:");
  f->qemu->status = "prelaunch";
  f->qemu->lacks_usb_host = TRUE;
  assert_stock (f, "prelaunch | xhci.0 qemu-xhci 4:");
}

static void
test_buses (Fixture *f, gconstpointer unused)
{
  fake_qemu_set_controllers (f->qemu, &built_in, &xhci, &anonymous, &wide, &ohci, &no_bus, NULL);
  assert_stock (f, "running usb-host hostdevice | xhci.0 qemu-xhci 4: | wide.0 nec-usb-xhci 15: | ohci.0 pci-ohci 3:"
                   " | usb-bus.1 usb-ehci 6: | usb-bus.0 piix3-usb-uhci 2:");
  fake_qemu_set_controllers (f->qemu, NULL, NULL);
  assert_stock (f, "running usb-host hostdevice");
}

static void
test_devices (Fixture *f, gconstpointer unused)
{
  fake_qemu_add_device (f->qemu, "kbd", "usb-kbd", "xhci.0", "2");
  fake_qemu_add_device (f->qemu, NULL, "usb-hub", "xhci.0", "3");
  fake_qemu_add_device (f->qemu, "disk", "usb-storage", "xhci.0", "3.1");
  fake_qemu_add_device (f->qemu, OWN, "usb-host", "xhci.0", "4")->attached = TRUE;
  fake_qemu_add_device (f->qemu, "hostdev0", "usb-host", "xhci.0", "1");
  assert_stock (f, "running usb-host hostdevice | xhci.0 qemu-xhci 4: 1 2 3 4 | 3-1 at xhci.0 port 4"
                   " | (hostdev0 at xhci.0 port 1) | (kbd at xhci.0 port 2)");
}

/* `info usb` counts buses; which one a number means is learnt from a device whose bus is known. */
static void
test_two_buses (Fixture *f, gconstpointer unused)
{
  fake_qemu_set_controllers (f->qemu, &xhci, &wide, NULL);
  fake_qemu_add_device (f->qemu, OWN, "usb-host", "xhci.0", "4")->attached = TRUE;
  fake_qemu_add_device (f->qemu, NULL, "usb-mouse", "xhci.0", "3");
  fake_qemu_add_device (f->qemu, OWN2, "usb-host", "wide.0", "15");
  fake_qemu_add_device (f->qemu, "kbd", "usb-kbd", "wide.0", "1");
  assert_stock (f, "running usb-host hostdevice | xhci.0 qemu-xhci 4: 3 4 | wide.0 nec-usb-xhci 15: 1 15"
                   " | 3-1 at xhci.0 port 4 | 4-1.2 lost at wide.0 port 15 | (kbd at wide.0 port 1)");
}

static void
test_two_buses_of_others (Fixture *f, gconstpointer unused)
{
  fake_qemu_set_controllers (f->qemu, &xhci, &wide, NULL);
  fake_qemu_add_device (f->qemu, NULL, "usb-mouse", "wide.0", "9");
  fake_qemu_add_device (f->qemu, "kbd", "usb-kbd", "wide.0", "1");
  /* Nothing tells where this one is: its port looks free. QEMU will say that it is not. */
  fake_qemu_add_device (f->qemu, NULL, "usb-mouse", "xhci.0", "3");
  assert_stock (f, "running usb-host hostdevice | xhci.0 qemu-xhci 4: | wide.0 nec-usb-xhci 15: 1 9"
                   " | (kbd at wide.0 port 1)");
}

/* --- what is not told is left out --- */

static void
test_refused (Fixture *f, gconstpointer unused)
{
  static const struct
  {
    const char *command;
    const char *stock;
  } refusals[] = {
    { "remove-fd",
      "running usb-host hostdevice | xhci.0 qemu-xhci 4: 2 4 | 3-1 at xhci.0 port 4 | (k at xhci.0 port 2)" },
    { "query-status", "? usb-host hostdevice | xhci.0 qemu-xhci 4: 2 4 | 3-1 at xhci.0 port 4 | (k at xhci.0 port 2)" },
    { "device-list-properties", "running | xhci.0 qemu-xhci 4: 2 4 | 3-1 at xhci.0 port 4 | (k at xhci.0 port 2)" },
    { "qom-list", "running usb-host hostdevice" },
    { "qom-get",
      "running usb-host hostdevice | xhci.0 qemu-xhci 4: 2 4 | 3-1 lost at ? port 4 | (k at xhci.0 port 2)" },
    { "human-monitor-command", "running usb-host hostdevice | xhci.0 qemu-xhci 4: | 3-1 at xhci.0 port 0" },
  };

  fake_qemu_add_device (f->qemu, OWN, "usb-host", "xhci.0", "4")->attached = TRUE;
  fake_qemu_add_device (f->qemu, "k", "usb-kbd", "xhci.0", "2");
  for (gsize i = 0; i < G_N_ELEMENTS (refusals); i++)
    {
      f->qemu->fails = refusals[i].command;
      f->qemu->desc = "not today";
      f->qemu->fail_times = 100;
      assert_stock (f, refusals[i].stock);
    }
}

/* Answers of whatever shape: nothing is believed of them, and names are of use in a path. */
static void
test_hostile_answers (Fixture *f, gconstpointer unused)
{
  static const char *const asked[] = { "remove-fd", "query-status",          "device-list-properties",
                                       "qom-list",  "human-monitor-command", "qom-get" };
  static const char *const junk[] = {
    "null",
    "true",
    "-7",
    "1e300",
    "\"text\"",
    "[]",
    "{}",
    "[[], {}, null, 1, \"a\"]",
    "{\"status\": [], \"name\": {}}",
    "{\"status\": \"\\u001b[2J\"}",
    "[{\"name\": 7, \"type\": 8}, {\"name\": \"a\"}, {\"type\": \"child<usb-host>\"}]",
    "[{\"name\": \"../../x\", \"type\": \"child<usb-host>\"}, {\"name\": \"a/b\", \"type\": \"child<qemu-xhci>\"}]",
    "[{\"name\": \"a\\u001b[2J\", \"type\": \"child<qemu-xhci>\"}, {\"name\": \"a/b\", \"type\": \"child<usb-bus>\"}]",
    "[{\"name\": \"hotplugger-x\", \"type\": \"child<usb-host>\"}, {\"name\": \"x\", \"type\": \"xhci>>><<<\"}]",
    "[{\"name\": \"hotplugger-3-1-0-0\", \"type\": \"child<usb-host>\"}]",
    "[{\"name\": \"p2\", \"type\": \"child<usb-bus>\"}, {\"name\": \"p3\", \"type\": \"child<usb-bus>\"}]",
    "\"  Device 4294967295.0, Port 1, Speed 12 Mb/s, Product x, ID: a/b\\r\\n  Device 0.0, Port 99999999999, Speed \"",
    "\"  Device 0.0, Port 1.2.3, Speed 12 Mb/s, Product \\u001b, ID: hotplugger-3-1-0-0\\r\\n\"",
    "\"/\"",
    "\"/machine/peripheral/a\\u0007\"",
  };

  fake_qemu_add_device (f->qemu, OWN, "usb-host", "xhci.0", "4")->attached = TRUE;
  fake_qemu_add_device (f->qemu, "k", "usb-kbd", "xhci.0", "2");
  for (gsize i = 0; i < G_N_ELEMENTS (asked) * G_N_ELEMENTS (junk); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (HpVmStock) stock = NULL;
      g_autofree char *text = NULL;

      f->qemu->fails = asked[i / G_N_ELEMENTS (junk)];
      f->qemu->answer = junk[i % G_N_ELEMENTS (junk)];
      f->qemu->fail_times = 1000;
      stock = take_stock (f, &error);
      g_assert_no_error (error);
      text = describe (stock);
      g_assert_null (strchr (text, '\x1b'));
      g_assert_null (strstr (text, "| a/b"));
      g_assert_null (strstr (text, ".."));
    }
}

/* What it makes us ask is bounded, and so is what is kept. */
static void
test_endless_lists (Fixture *f, gconstpointer unused)
{
  const guint many = 3000;
  g_autofree FakeController *controllers = g_new0 (FakeController, many);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  g_autoptr (HpVmStock) stock = NULL;

  for (guint i = 0; i < many; i++)
    {
      g_autofree char *own = g_strdup_printf (HP_QDEV_PREFIX "3-1-%x-0", i);
      g_autofree char *port = g_strdup_printf ("%u", i % 200 + 1);

      g_ptr_array_add (names, g_strdup_printf ("c%u", i));
      controllers[i] = (FakeController){ "peripheral", g_ptr_array_index (names, i * 2), "qemu-xhci", NULL, 99999, -1 };
      g_ptr_array_add (names, g_strdup_printf ("c%u.0", i));
      controllers[i].bus = g_ptr_array_index (names, i * 2 + 1);
      g_ptr_array_add (f->qemu->controllers, &controllers[i]);
      fake_qemu_add_device (f->qemu, own, "usb-host", controllers[i].bus, port);
    }
  stock = take_stock (f, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (stock->buses->len, <=, 64);
  g_assert_cmpuint (stock->devices->len, <=, 256);
  g_assert_cmpuint (g_hash_table_size (stock->foreign), <=, 256);
  g_assert_cmpuint (f->qemu->n_questions, <=, 10 + 3 * 64 + 2 * 256 + 256);
}

/* --- the end of the talk --- */

static void
test_left (void)
{
  static const char *const asked[] = { "remove-fd", "query-status",          "device-list-properties",
                                       "qom-list",  "human-monitor-command", "qom-get" };

  for (gsize i = 0; i < G_N_ELEMENTS (asked); i++)
    {
      Fixture f = { NULL };
      g_autoptr (GError) error = NULL;

      set_up (&f, NULL);
      f.qemu->fails = asked[i];
      f.qemu->fail_times = 1;
      g_assert_null (take_stock (&f, &error));
      g_assert_error (error, HP_QMP_ERROR, HP_QMP_ERROR_CLOSED);
      tear_down (&f, NULL);
    }
}

static void
test_stalled (Fixture *f, gconstpointer unused)
{
  g_autoptr (GError) error = NULL;

  hp_qmp_session_set_timeout (f->session, 20);
  f->qemu->holds = "qom-list";
  g_assert_null (take_stock (f, &error));
  g_assert_error (error, HP_QMP_ERROR, HP_QMP_ERROR_STALLED);
}

static void
test_broken (Fixture *f, gconstpointer unused)
{
  const QmpStep steps[] = { { "remove-fd", "{\"return\": {}, \"id\": @}garbage" }, { "query-status" }, { NULL } };
  g_autoptr (GError) error = NULL;

  f->qemu->peer->next_step = steps;
  g_assert_null (take_stock (f, &error));
  g_assert_error (error, HP_QMP_ERROR, HP_QMP_ERROR_PROTOCOL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function) g_test_add ("/vm-inventory/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("plain", test_plain);
  ADD ("versions", test_versions);
  ADD ("buses", test_buses);
  ADD ("devices", test_devices);
  ADD ("two-buses", test_two_buses);
  ADD ("two-buses-of-others", test_two_buses_of_others);
  ADD ("refused", test_refused);
  ADD ("hostile-answers", test_hostile_answers);
  ADD ("endless-lists", test_endless_lists);
  g_test_add_func ("/vm-inventory/left", test_left);
  ADD ("stalled", test_stalled);
  ADD ("broken", test_broken);
  return g_test_run ();
}
