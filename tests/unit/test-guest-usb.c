/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest-usb.h"

#include <stdlib.h>
#include <string.h>

typedef struct
{
  const char *type;
  guint p2, p3;
  HpGuestBusKind kind;
  guint ports, ports2, ports3;
} BusCase;

static void
test_bus (void)
{
  static const BusCase cases[] = {
    { "qemu-xhci", 15, 15, HP_GUEST_XHCI, 15, 15, 15 },
    { "qemu-xhci", 4, 8, HP_GUEST_XHCI, 8, 4, 8 },
    { "nec-usb-xhci", 8, 4, HP_GUEST_XHCI, 8, 8, 4 },
    { "qemu-xhci", 8, 0, HP_GUEST_XHCI, 8, 8, 0 },
    { "qemu-xhci", 0, 8, HP_GUEST_XHCI, 8, 0, 8 },
    { "qemu-xhci", 20, 255, HP_GUEST_XHCI, 15, 15, 15 }, /* clamped, as QEMU does without a word */
    { "qemu-xhci", 0, 0, HP_GUEST_XHCI, 4, 4, 4 },       /* not told: QEMU's defaults */
    { "usb-ehci", 0, 0, HP_GUEST_EHCI, 6, 0, 0 },
    { "ich9-usb-ehci1", 15, 15, HP_GUEST_EHCI, 6, 0, 0 },
    { "ich9-usb-uhci1", 0, 0, HP_GUEST_UHCI, 2, 0, 0 },
    { "piix3-usb-uhci", 0, 0, HP_GUEST_UHCI, 2, 0, 0 },
    { "pci-ohci", 0, 0, HP_GUEST_UHCI, 3, 0, 0 },
    { "sysbus-ohci", 0, 0, HP_GUEST_UHCI, 3, 0, 0 },
    { "dwc2-usb", 0, 0, HP_GUEST_UHCI, 1, 0, 0 },
    { "", 0, 0, HP_GUEST_UHCI, 1, 0, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      HpGuestBus *bus = hp_guest_bus_new ("usb.0", cases[i].type, cases[i].p2, cases[i].p3);

      g_test_message ("%s %u %u", cases[i].type, cases[i].p2, cases[i].p3);
      g_assert_cmpstr (bus->name, ==, "usb.0");
      g_assert_cmpstr (bus->type, ==, cases[i].type);
      g_assert_cmpint (bus->kind, ==, cases[i].kind);
      g_assert_cmpuint (bus->ports, ==, cases[i].ports);
      g_assert_cmpuint (bus->ports2, ==, cases[i].ports2);
      g_assert_cmpuint (bus->ports3, ==, cases[i].ports3);
      g_assert_cmpuint (g_hash_table_size (bus->used), ==, 0);
      hp_guest_bus_free (bus);
    }
  hp_guest_bus_free (NULL);
}

static void
test_copy (void)
{
  HpGuestBus *bus = hp_guest_bus_new ("xhci.0", "qemu-xhci", 8, 4);
  HpGuestBus *copy;

  g_hash_table_add (bus->used, GUINT_TO_POINTER (3));
  copy = hp_guest_bus_copy (bus);
  g_hash_table_add (bus->used, GUINT_TO_POINTER (4));
  g_assert_cmpstr (copy->name, ==, "xhci.0");
  g_assert_true (copy->name != bus->name);
  g_assert_cmpstr (copy->type, ==, "qemu-xhci");
  g_assert_cmpint (copy->kind, ==, HP_GUEST_XHCI);
  g_assert_cmpuint (copy->ports, ==, 8);
  g_assert_cmpuint (copy->ports2, ==, 8);
  g_assert_cmpuint (copy->ports3, ==, 4);
  g_assert_cmpuint (g_hash_table_size (copy->used), ==, 1);
  g_assert_true (g_hash_table_contains (copy->used, GUINT_TO_POINTER (3)));
  hp_guest_bus_free (bus);
  hp_guest_bus_free (copy);
}

static void
test_may_be_controller (void)
{
  static const char *const may[] = { "child<qemu-xhci>", "child<nec-usb-xhci>", "child<ich9-usb-ehci1>",
                                     "child<pci-ohci>",  "child<sysbus-ohci>",  "child<piix3-usb-uhci>",
                                     "child<dwc2-usb>" };
  static const char *const may_not[] = { "child<virtio-net-pci>", "child<memory-region>", "child<serial>", "string",
                                         "" };

  for (gsize i = 0; i < G_N_ELEMENTS (may); i++)
    g_assert_true (hp_guest_type_may_be_controller (may[i]));
  for (gsize i = 0; i < G_N_ELEMENTS (may_not); i++)
    g_assert_false (hp_guest_type_may_be_controller (may_not[i]));
}

/* "bus|port|speed|product|id" for each, with a line break between. */
static char *
describe (GPtrArray *devices)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < devices->len; i++)
    {
      const HpGuestDevice *device = g_ptr_array_index (devices, i);

      g_string_append_printf (text, "%s%u|%s|%u|%s|%s", i > 0 ? "\n" : "", device->bus_number, device->port,
                              device->speed_mbps, device->product != NULL ? device->product : "-",
                              device->id != NULL ? device->id : "-");
    }
  return g_string_free (text, FALSE);
}

#define LINE(port, product) "  Device 0.1, Port " port ", Speed 480 Mb/s, Product " product

static void
test_parse (void)
{
  static const char *const cases[][2] = {
    { "  Device 0.1, Port 4.1, Speed 12 Mb/s, Product QEMU USB Keyboard, ID: ss\r\n", "0|4.1|12|QEMU USB Keyboard|ss" },
    { "  Device 1.12, Port 15, Speed 5000 Mb/s, Product A", "1|15|5000|A|-" },
    { "  Device 0.0, Port 2, Speed 1.5 Mb/s, Product Mouse, ID: m\n", "0|2|1|Mouse|m" },
    { LINE ("1", "A, ID: a\r\n") LINE ("2", "B\r\n") LINE ("3", "C, ID: c\r\n"),
      "0|1|480|A|a\n0|2|480|B|-\n0|3|480|C|c" },
    /* Names are the device's own. */
    { LINE ("1", "x, ID: y, Port 4, ID: z"), "0|1|480|x, ID: y, Port 4|z" },
    { LINE ("1", "x, Port 4, Speed 1 Mb/s, Product y, ID: z"), "0|1|480|x, Port 4, Speed 1 Mb/s, Product y|z" },
    { LINE ("1", "  Device 9.9, Port 9, ID: z"), "0|1|480|Device 9.9, Port 9|z" },
    { LINE ("1", "\x1b[31mred\xe2\x80\xae, ID: z"), "0|1|480|[31mred|z" },
    { LINE ("1", "half\na name, ID: z\n") LINE ("2", "B"), "0|1|480|half|-\n0|2|480|B|-" },
    { LINE ("1", "\xff, ID: z"), "0|1|480|\xef\xbf\xbd|z" },
    { LINE ("1", ", ID: z"), "0|1|480|-|z" },
    { LINE ("1", ""), "0|1|480|-|-" },
    { LINE ("1", "A, ID: "), "0|1|480|A|-" },
    { LINE ("1", "A, ID:z"), "0|1|480|A, ID:z|-" },
    /* Of another shape. */
    { "", "" },
    { "USB support not enabled\r\n", "" },
    { "Device 0.1, Port 1, Speed 12 Mb/s, Product A", "" },
    { "   Device 0.1, Port 1, Speed 12 Mb/s, Product A", "" },
    { "  Device 0.1, Port 1, Product A", "" },
    { "  Device 0.1, Speed 12 Mb/s, Product A", "" },
    { "  Device 0.1, Port 1, Speed 12 Mb/s", "" },
    { "  Device 0.1, Port 1, Speed 12, Product A", "" },
    { "  Device 01", "" },
    { LINE ("0", "A"), "" },
    { LINE ("", "A"), "" },
    { LINE ("1.", "A"), "" },
    { LINE ("-1", "A"), "" },
    { LINE ("256", "A"), "" },
    { LINE ("1.1.1.1.1.1.1.1", "A"), "" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GPtrArray) devices = hp_guest_usb_parse (cases[i][0]);
      g_autofree char *found = describe (devices);

      g_assert_cmpstr (found, ==, cases[i][1]);
    }
}

/* However long it is: bounded names, a bounded number of lines, and nothing made up out of the rest. */
static void
test_parse_bounds (void)
{
  g_autofree char *long_name = g_strnfill (10000, 'x');
  g_autofree char *one = g_strdup_printf (LINE ("1", "%s, ID: %s"), long_name, long_name);
  g_autoptr (GPtrArray) single = hp_guest_usb_parse (one);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GPtrArray) many = NULL;

  g_assert_cmpuint (single->len, ==, 1);
  g_assert_cmpuint (strlen (((const HpGuestDevice *)single->pdata[0])->product), ==, 128);
  g_assert_cmpuint (strlen (((const HpGuestDevice *)single->pdata[0])->id), ==, 128);
  for (guint i = 0; i < 5000; i++)
    g_string_append_printf (text, LINE ("1", "A, ID: id%u\n"), i);
  many = hp_guest_usb_parse (text->str);
  g_assert_cmpuint (many->len, >=, 512);
  g_assert_cmpuint (many->len, <=, 1024);
  for (guint i = 0; i < many->len; i++)
    {
      g_autofree char *id = g_strdup_printf ("id%u", i);

      g_assert_cmpstr (((const HpGuestDevice *)many->pdata[i])->id, ==, id);
    }
}

static void
test_qdev_id (void)
{
  static const struct
  {
    const char *kernel_name;
    guint64 instance, attempt;
    const char *id;
  } cases[] = {
    { "3-1", 1, 1, "hotplugger-3-1-1-1" },
    { "12-1.4.10", 0xabc, 16, "hotplugger-12-1.4.10-abc-10" },
    { "3-1", G_MAXUINT64, G_MAXUINT64, "hotplugger-3-1-ffffffffffffffff-ffffffffffffffff" },
    { "3-1.2.3.4.5.6.7", 0, 0, "hotplugger-3-1.2.3.4.5.6.7-0-0" },
  };
  static const char foreign[] =
      "hotplugger hotplugger- hotplugger-3-1 hotplugger-3-1-1 hotplugger-3-1-1- hotplugger-3-1--1 hotplugger-3-1-g-1 "
      "hotplugger-3-1-1-g hotplugger-3-0-1-1 hotplugger-3-1.-1-1 hotplugger-usb3-1-1 hotplugger-03-1-1-1 "
      "hotplugger--3-1-1-1 hotplugger-3-1-1-1-1 hotplugger-3-1-1-+1 hotplugger-3-1-0x1-1 Hotplugger-3-1-1-1 "
      "xhotplugger-3-1-1-1 hotplugger-3-1-10000000000000000-1 hotplugger-3-1-1-10000000000000000 hostdev0 usb1";
  g_auto (GStrv) others = g_strsplit (foreign, " ", -1);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *id = hp_qdev_id_format (cases[i].kernel_name, cases[i].instance, cases[i].attempt);
      g_autofree char *name = NULL;
      guint64 instance = 77;

      g_assert_cmpstr (id, ==, cases[i].id);
      for (const char *at = id; *at != '\0'; at++)
        g_assert_true (g_ascii_isalnum (*at) || *at == '.' || *at == '-');
      g_assert_true (hp_qdev_id_parse (id, NULL, NULL));
      g_assert_true (hp_qdev_id_parse (id, &name, &instance));
      g_assert_cmpstr (name, ==, cases[i].kernel_name);
      g_assert_cmpuint (instance, ==, cases[i].instance);
    }
  g_assert_false (hp_qdev_id_parse (NULL, NULL, NULL));
  for (gsize i = 0; others[i] != NULL; i++)
    {
      g_test_message ("%s", others[i]);
      g_assert_false (hp_qdev_id_parse (others[i], NULL, NULL));
    }
}

/* 4-1 in one instance and 4-1-1 in another: the number of dashes in the name may not confuse. */
static void
test_qdev_id_at_random (void)
{
  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *name = g_strdup_printf ("%d-%d.%d", g_test_rand_int_range (1, 100),
                                               g_test_rand_int_range (1, 256), g_test_rand_int_range (1, 256));
      guint64 instance = (guint64)(guint32)g_test_rand_int () << 32 | (guint32)g_test_rand_int ();
      g_autofree char *id = hp_qdev_id_format (name, instance, (guint32)g_test_rand_int ());
      g_autofree char *again = NULL;
      guint64 found = 0;

      g_assert_true (hp_qdev_id_parse (id, &again, &found));
      g_assert_cmpstr (again, ==, name);
      g_assert_cmpuint (found, ==, instance);
    }
}

/* "NAME:TYPE:P2:P3:TAKEN,TAKEN …" */
static GPtrArray *
make_buses (const char *text)
{
  GPtrArray *buses = g_ptr_array_new_with_free_func ((GDestroyNotify)hp_guest_bus_free);
  g_auto (GStrv) words = g_strsplit (text, " ", -1);

  for (guint i = 0; words[i] != NULL; i++)
    {
      g_auto (GStrv) parts = g_strsplit (words[i], ":", 5);
      g_auto (GStrv) taken = g_strsplit (parts[4], ",", -1);
      HpGuestBus *bus = hp_guest_bus_new (parts[0], parts[1], (guint)atoi (parts[2]), (guint)atoi (parts[3]));

      for (guint j = 0; taken[j] != NULL; j++)
        g_hash_table_add (bus->used, GINT_TO_POINTER (atoi (taken[j])));
      g_ptr_array_add (buses, bus);
    }
  return buses;
}

static char *
describe_places (GPtrArray *places)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < places->len; i++)
    {
      const HpGuestPlace *place = g_ptr_array_index (places, i);

      g_string_append_printf (text, "%s%s/%u", i > 0 ? " " : "", place->bus, place->port);
    }
  return g_string_free (text, FALSE);
}

typedef struct
{
  const char *buses;
  const char *only; /* NULL: no list */
  HpSpeed speed;
  const char *preferred; /* "BUS PORT" */
  const char *expected;
} PlaceCase;

#define ALL_KINDS "u:ich9-usb-uhci1:0:0: e:usb-ehci:0:0:1,2,3,4 x:qemu-xhci:2:1:"

static const PlaceCase place_cases[] = {
  /* Free ports from the top, to the very last one: never without a port, which would bring QEMU's own hub. */
  { "x:qemu-xhci:4:4:", NULL, HP_SPEED_HIGH, NULL, "x/4 x/3 x/2 x/1" },
  { "x:qemu-xhci:4:4:4,2", NULL, HP_SPEED_HIGH, NULL, "x/3 x/1" },
  { "x:qemu-xhci:4:4:1,2,3", NULL, HP_SPEED_HIGH, NULL, "x/4" },
  { "x:qemu-xhci:4:4:1,2,3,4", NULL, HP_SPEED_HIGH, NULL, "" },
  { "", NULL, HP_SPEED_HIGH, NULL, "" },
  /* Full speed first, then what allows a lower one; of those that suit as well, the fastest. */
  { "x:qemu-xhci:4:2:", NULL, HP_SPEED_SUPER, NULL, "x/2 x/1 x/4 x/3" },
  { "x:qemu-xhci:4:2:", NULL, HP_SPEED_SUPER_PLUS, NULL, "x/2 x/1 x/4 x/3" },
  { "x:qemu-xhci:2:4:", NULL, HP_SPEED_SUPER, NULL, "x/4 x/3 x/2 x/1" },
  { "x:qemu-xhci:2:4:", NULL, HP_SPEED_HIGH, NULL, "x/2 x/1" },
  { "x:qemu-xhci:2:4:", NULL, HP_SPEED_LOW, NULL, "x/2 x/1" },
  { "x:qemu-xhci:0:4:", NULL, HP_SPEED_FULL, NULL, "" },
  { ALL_KINDS, NULL, HP_SPEED_SUPER, NULL, "x/1 x/2 e/6 e/5 u/2 u/1" },
  { ALL_KINDS, NULL, HP_SPEED_HIGH, NULL, "x/2 x/1 e/6 e/5 u/2 u/1" },
  { ALL_KINDS, NULL, HP_SPEED_FULL, NULL, "x/2 x/1 u/2 u/1" },
  { ALL_KINDS, NULL, HP_SPEED_LOW, NULL, "x/2 x/1 u/2 u/1" },
  { ALL_KINDS, NULL, HP_SPEED_UNKNOWN, NULL, "x/2 x/1 e/6 e/5 u/2 u/1" },
  { "e:usb-ehci:0:0:", NULL, HP_SPEED_FULL, NULL, "" },
  { "a:qemu-xhci:2:2: b:qemu-xhci:2:2:", NULL, HP_SPEED_HIGH, NULL, "a/2 a/1 b/2 b/1" },
  /* The administrator's buses, in that order, but for speed. */
  { ALL_KINDS, "u x", HP_SPEED_FULL, NULL, "u/2 u/1 x/2 x/1" },
  { ALL_KINDS, "u x", HP_SPEED_HIGH, NULL, "x/2 x/1 u/2 u/1" },
  { ALL_KINDS, "e x", HP_SPEED_HIGH, NULL, "e/6 e/5 x/2 x/1" },
  { ALL_KINDS, "e x", HP_SPEED_SUPER, NULL, "x/1 e/6 e/5 x/2" },
  { ALL_KINDS, "e", HP_SPEED_FULL, NULL, "" },
  { ALL_KINDS, "gone e", HP_SPEED_HIGH, NULL, "e/6 e/5" },
  { ALL_KINDS, "gone", HP_SPEED_HIGH, NULL, "" },
  { ALL_KINDS, "", HP_SPEED_FULL, NULL, "x/2 x/1 u/2 u/1" },
  /* Where it was, as long as that is free, allowed, and of full speed. */
  { "x:qemu-xhci:4:4:", NULL, HP_SPEED_HIGH, "x 2", "x/2 x/4 x/3 x/1" },
  { "x:qemu-xhci:4:4:2", NULL, HP_SPEED_HIGH, "x 2", "x/4 x/3 x/1" },
  { "x:qemu-xhci:4:4:", NULL, HP_SPEED_HIGH, "x 9", "x/4 x/3 x/2 x/1" },
  { "x:qemu-xhci:4:4:", NULL, HP_SPEED_HIGH, "y 2", "x/4 x/3 x/2 x/1" },
  { "x:qemu-xhci:4:2:", NULL, HP_SPEED_SUPER, "x 3", "x/2 x/1 x/4 x/3" },
  { ALL_KINDS, NULL, HP_SPEED_HIGH, "e 5", "e/5 x/2 x/1 e/6 u/2 u/1" },
  { ALL_KINDS, NULL, HP_SPEED_HIGH, "u 1", "x/2 x/1 e/6 e/5 u/2 u/1" },
  { ALL_KINDS, NULL, HP_SPEED_FULL, "e 5", "x/2 x/1 u/2 u/1" },
  { ALL_KINDS, "x", HP_SPEED_HIGH, "e 5", "x/2 x/1" },
  { ALL_KINDS, "e x", HP_SPEED_HIGH, "x 1", "x/1 e/6 e/5 x/2" },
};

static void
test_places (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (place_cases); i++)
    {
      const PlaceCase *c = &place_cases[i];
      g_autoptr (GPtrArray) buses = make_buses (c->buses);
      g_auto (GStrv) only = c->only != NULL ? g_strsplit (c->only, " ", -1) : NULL;
      g_auto (GStrv) parts = g_strsplit (c->preferred != NULL ? c->preferred : "- 0", " ", 2);
      HpGuestPlace preferred = { parts[0], (guint)atoi (parts[1]) };
      g_autofree char *problem = NULL;
      g_autoptr (GPtrArray) places = hp_guest_places (buses, (const char *const *)only, c->speed,
                                                      c->preferred != NULL ? &preferred : NULL, &problem);
      g_autoptr (GPtrArray) unasked =
          hp_guest_places (buses, (const char *const *)only, c->speed, c->preferred != NULL ? &preferred : NULL, NULL);
      g_autofree char *found = describe_places (places);

      g_test_message ("%s, only %s, speed %d, preferred %s: %s", c->buses, c->only, c->speed, c->preferred, problem);
      g_assert_cmpstr (found, ==, c->expected);
      g_assert_cmpint (problem != NULL, ==, *found == '\0');
      g_assert_cmpuint (unasked->len, ==, places->len);
    }
  hp_guest_place_free (NULL);
}

#define ADVICE "start QEMU with -device qemu-xhci,id=xhci,p2=15,p3=15"

static void
test_problem (void)
{
  static const struct
  {
    const char *buses, *only, *expected;
  } cases[] = {
    { "", NULL, "it has no USB controller: " ADVICE },
    { "", "a b", "it has no USB bus called \"a\"; it has no USB bus called \"b\"; it has no USB controller: " ADVICE },
    { "x:qemu-xhci:2:1:1,2", NULL, "x (qemu-xhci) has 2 of 2 ports taken: " ADVICE },
    { "x:qemu-xhci:1:1:1 e:usb-ehci:0:0:1", NULL,
      "x (qemu-xhci) has 1 of 1 ports taken, e (usb-ehci) has 1 of 6 ports taken and does not take this "
      "speed: " ADVICE },
    { "x:qemu-xhci:1:1:1 e:usb-ehci:0:0:1", "x", "x (qemu-xhci) has 1 of 1 ports taken: " ADVICE },
    { "x:qemu-xhci:1:1:", "a", "it has no USB bus called \"a\": " ADVICE },
    { "x:qemu-xhci:1:1:1", "a x", "it has no USB bus called \"a\", x (qemu-xhci) has 1 of 1 ports taken: " ADVICE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GPtrArray) buses = make_buses (cases[i].buses);
      g_auto (GStrv) only = cases[i].only != NULL ? g_strsplit (cases[i].only, " ", -1) : NULL;
      g_autofree char *problem = NULL;
      g_autoptr (GPtrArray) places = hp_guest_places (buses, (const char *const *)only, HP_SPEED_FULL, NULL, &problem);

      g_assert_cmpuint (places->len, ==, 0);
      g_assert_cmpstr (problem, ==, cases[i].expected);
    }
}

/* Machines at random: a place is always one that is there, free, and named once. */
static void
test_places_at_random (void)
{
  static const char *const types[] = { "qemu-xhci", "usb-ehci", "ich9-usb-uhci1", "pci-ohci" };

  for (guint i = 0; i < 500; i++)
    {
      g_autoptr (GPtrArray) buses = g_ptr_array_new_with_free_func ((GDestroyNotify)hp_guest_bus_free);
      g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      HpSpeed speed = (HpSpeed)g_test_rand_int_range (HP_SPEED_UNKNOWN, HP_SPEED_SUPER_PLUS + 1);
      g_autoptr (GPtrArray) places = NULL;

      for (int n = g_test_rand_int_range (0, 4); n > 0; n--)
        {
          g_autofree char *name = g_strdup_printf ("%d", n);
          HpGuestBus *bus =
              hp_guest_bus_new (name, types[g_test_rand_int_range (0, G_N_ELEMENTS (types))],
                                (guint)g_test_rand_int_range (0, 18), (guint)g_test_rand_int_range (0, 18));

          for (int taken = g_test_rand_int_range (0, 16); taken > 0; taken--)
            g_hash_table_add (bus->used, GINT_TO_POINTER (g_test_rand_int_range (1, 16)));
          g_ptr_array_add (buses, bus);
        }
      places = hp_guest_places (buses, NULL, speed, NULL, NULL);
      for (guint j = 0; j < places->len; j++)
        {
          const HpGuestPlace *place = places->pdata[j];
          const HpGuestBus *bus = buses->pdata[buses->len - (guint)atoi (place->bus)];

          g_assert_cmpuint (place->port, >=, 1);
          g_assert_cmpuint (place->port, <=, bus->ports);
          g_assert_false (g_hash_table_contains (bus->used, GUINT_TO_POINTER (place->port)));
          g_assert_true (g_hash_table_add (seen, g_strdup_printf ("%s/%u", place->bus, place->port)));
          g_assert_false (bus->kind == HP_GUEST_EHCI && (speed == HP_SPEED_LOW || speed == HP_SPEED_FULL));
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/guest-usb/bus", test_bus);
  g_test_add_func ("/guest-usb/bus/copy", test_copy);
  g_test_add_func ("/guest-usb/may-be-controller", test_may_be_controller);
  g_test_add_func ("/guest-usb/parse", test_parse);
  g_test_add_func ("/guest-usb/parse/bounds", test_parse_bounds);
  g_test_add_func ("/guest-usb/places", test_places);
  g_test_add_func ("/guest-usb/places/problem", test_problem);
  g_test_add_func ("/guest-usb/places/at-random", test_places_at_random);
  g_test_add_func ("/guest-usb/id", test_qdev_id);
  g_test_add_func ("/guest-usb/id/at-random", test_qdev_id_at_random);
  return g_test_run ();
}
