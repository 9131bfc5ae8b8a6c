/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hubs.h"

/* Intel's numbers differ between the halves; either half may tell of the other alone; either bus may come first. */
static void
test_halves_join (void)
{
  static const char *const cases[][2] = {
    { "1=4-2 2=4-1 4", "1=3-2 2=3-1 3" },
    { "1=4-2 2=4-1 4", "1 2 3" },
    { "1 2 4", "1=3-2 2=3-1 3" },
    { "1=4-2 2 4", "1=3-2 2 3" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases) * 2; i++)
    {
      g_autoptr (HpTopology) topology = hp_topology_new ();
      gboolean first = i % 2 == 0;

      hp_changes_free (hubs_put (topology, first ? "usb3" : "usb4", 1, first ? 2 : 3, cases[i / 2][first ? 0 : 1]));
      hp_changes_free (hubs_put (topology, first ? "usb4" : "usb3", 2, first ? 3 : 2, cases[i / 2][first ? 1 : 0]));
      hubs_expect (topology, "x-usbv2-0:1=3-1+4-2 x-usbv2-0:2=3-2+4-1 x-usbv3-0:3=+4-3 x-usbv2-0:4=3-4+", "usb3 usb4");
      g_assert_true (hp_topology_port (topology, "x-usbv3-0:2") == hp_topology_port (topology, "x-usbv2-0:1"));
      g_assert_true (hp_topology_port_at (topology, "4-1") == hp_topology_port (topology, "x-usbv2-0:2"));
      g_assert_cmpstr (hp_topology_port_at (topology, "4-1")->id3, ==, "x-usbv3-0:1");
      g_assert_null (hp_topology_port_at (topology, "4-4"));
      g_assert_null (hp_topology_port (topology, "x-usbv3-0:4"));
    }
}

static void
test_joining_changes_names (void)
{
  g_autoptr (HpTopology) topology = hp_topology_new ();

  hubs_expect_changes (hubs_put (topology, "usb4", 1, 3, "1=3-1"), "", "x-usbv3-0:1", "", "usb4");
  hubs_expect_changes (hubs_put (topology, "usb3", 2, 2, "1=4-1"), "x-usbv3-0:1", "x-usbv2-0:1", "", "usb3");
  hubs_expect_changes (hubs_put (topology, "3-1", 3, 2, NULL), "", "x-usbv2-0:1", "", "3-1");
  hubs_expect_changes (hubs_put (topology, "4-1", 4, 3, NULL), "", "x-usbv2-0:1", "", "4-1");
  hubs_expect_changes (hubs_take (topology, "usb3"), "x-usbv2-0:1", "x-usbv3-0:1", "3-1 usb3", "");
  hubs_expect (topology, "x-usbv3-0:1=+4-1", "usb4 4-1");
  hubs_expect_changes (hubs_put (topology, "usb3", 5, 2, "1=4-1"), "x-usbv3-0:1", "x-usbv2-0:1", "", "usb3");
  hubs_expect_changes (hubs_take (topology, "usb4"), "", "x-usbv2-0:1", "4-1 usb4", "");
  hubs_expect (topology, "x-usbv2-0:1=3-1+", "usb3");
  hubs_expect_changes (hubs_take (topology, "usb3"), "x-usbv2-0:1", "", "usb3", "");
  hubs_expect (topology, "", "");
}

/* What no kernel says must do no harm: a peer of the same speed, oneself, two for one, or one that points elsewhere. */
static void
test_odd_peers (void)
{
  static const struct
  {
    const char *usb2, *usb3, *expected;
  } cases[] = {
    { "1=3-2 2=3-1", "1", "x-usbv2-0:1=3-1+ x-usbv3-0:1=+4-1 x-usbv2-0:2=3-2+" },
    { "1=3-1", "1=4-1", "x-usbv2-0:1=3-1+ x-usbv3-0:1=+4-1" },
    { "1=4-1 2=4-1", "1", "x-usbv2-0:1=3-1+4-1 x-usbv2-0:2=3-2+" },
    { "1=4-1 2", "1=3-2", "x-usbv2-0:1=3-1+ x-usbv2-0:2=3-2+4-1" },
    { "1=4-9", "1=9-9", "x-usbv2-0:1=3-1+ x-usbv3-0:1=+4-1" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases) * 2; i++)
    {
      g_autoptr (HpTopology) topology = hp_topology_new ();
      gboolean first = i % 2 == 0;

      g_test_message ("%s and %s", cases[i / 2].usb2, cases[i / 2].usb3);
      hp_changes_free (hubs_put (topology, first ? "usb3" : "usb4", 1, first ? 2 : 3,
                                 first ? cases[i / 2].usb2 : cases[i / 2].usb3));
      hp_changes_free (hubs_put (topology, first ? "usb4" : "usb3", 2, first ? 3 : 2,
                                 first ? cases[i / 2].usb3 : cases[i / 2].usb2));
      hubs_expect (topology, cases[i / 2].expected, "usb3 usb4");
      hp_changes_free (hubs_take (topology, "usb3"));
      hp_changes_free (hubs_take (topology, "usb4"));
      hubs_expect (topology, "", "");
    }
}

static void
test_two_devices_in_one_connector (void)
{
  g_autoptr (HpTopology) topology = hp_topology_new ();
  const HpDevice *found[2] = { NULL, NULL };
  const HpPort *port;

  hp_changes_free (hubs_put (topology, "usb3", 1, 2, "1=4-1"));
  hp_changes_free (hubs_put (topology, "usb4", 2, 3, "1=3-1"));
  port = hp_topology_port (topology, "x-usbv2-0:1");
  g_assert_cmpuint (hp_topology_port_devices (topology, port, found), ==, 0);
  hp_changes_free (hubs_put (topology, "4-1", 3, 3, NULL));
  g_assert_cmpuint (hp_topology_port_devices (topology, port, found), ==, 1);
  g_assert_cmpstr (found[0]->name, ==, "4-1");
  hp_changes_free (hubs_put (topology, "3-1", 4, 2, NULL));
  g_assert_cmpuint (hp_topology_port_devices (topology, port, found), ==, 2);
  g_assert_cmpstr (found[0]->name, ==, "3-1");
  g_assert_cmpstr (found[1]->name, ==, "4-1");
  hubs_expect_changes (hubs_take (topology, "4-1"), "", "x-usbv2-0:1", "4-1", "");
  g_assert_cmpuint (hp_topology_port_devices (topology, port, found), ==, 1);
}

/* A hub of both speeds: its ports join as those of the root hubs do, and it has two parents of one connector. */
static void
test_hub_of_both_speeds (void)
{
  g_autoptr (HpTopology) topology = hp_topology_new ();
  g_autoptr (GPtrArray) of_hub = NULL;
  g_autoptr (GPtrArray) of_none = NULL;
  const HpPort *port;

  hp_changes_free (hubs_put (topology, "usb3", 1, 2, "1=4-2 2"));
  hp_changes_free (hubs_put (topology, "usb4", 2, 3, "2=3-1"));
  hp_changes_free (hubs_put (topology, "4-2", 3, 3, "1=3-1.1 2=3-1.2"));
  hp_changes_free (hubs_put (topology, "3-1", 4, 2, "1=4-2.1 2=4-2.2 3"));
  hubs_expect (topology,
               "x-usbv2-0:1=3-1+4-2 x-usbv2-0:1.1=3-1.1+4-2.1 x-usbv2-0:1.2=3-1.2+4-2.2 x-usbv2-0:1.3=3-1.3+ "
               "x-usbv2-0:2=3-2+",
               "usb3 3-1 usb4 4-2");
  port = hp_topology_port (topology, "x-usbv3-0:2.2");
  g_assert_cmpstr (port->id, ==, "x-usbv2-0:1.2");
  port = hp_topology_port_parent (topology, port);
  g_assert_cmpstr (port->id, ==, "x-usbv2-0:1");
  g_assert_null (hp_topology_port_parent (topology, port));
  of_hub = hp_topology_hub_ports (topology, "4-2");
  g_assert_cmpuint (of_hub->len, ==, 2);
  g_assert_cmpstr (((const HpPort *)g_ptr_array_index (of_hub, 1))->id, ==, "x-usbv2-0:1.2");
  of_none = hp_topology_hub_ports (topology, "3-2");
  g_assert_cmpuint (of_none->len, ==, 0);
  /* The USB 2 half of the hub goes first, as it does when the cable is pulled. */
  hubs_expect_changes (hubs_take (topology, "3-1"), "x-usbv2-0:1.1 x-usbv2-0:1.2 x-usbv2-0:1.3",
                       "x-usbv2-0:1 x-usbv3-0:2.1 x-usbv3-0:2.2", "3-1", "");
  port = hp_topology_port_parent (topology, hp_topology_port (topology, "x-usbv3-0:2.1"));
  g_assert_cmpstr (port->id, ==, "x-usbv2-0:1");
  hubs_expect_changes (hubs_take (topology, "4-2"), "x-usbv3-0:2.1 x-usbv3-0:2.2", "x-usbv2-0:1", "4-2", "");
  hubs_expect (topology, "x-usbv2-0:1=3-1+4-2 x-usbv2-0:2=3-2+", "usb3 usb4");
}

static void
test_hub_goes_with_all_behind_it (void)
{
  g_autoptr (HpTopology) topology = hp_topology_new ();

  hp_changes_free (hubs_put (topology, "usb3", 1, 2, "1 10 2"));
  hp_changes_free (hubs_put (topology, "3-1", 2, 2, "1 2"));
  hp_changes_free (hubs_put (topology, "3-1.1", 3, 2, "1 4"));
  hp_changes_free (hubs_put (topology, "3-1.1.4", 4, 2, NULL));
  hp_changes_free (hubs_put (topology, "3-10", 5, 2, "1 4"));
  hp_changes_free (hubs_put (topology, "3-10.1", 6, 2, NULL));
  hubs_expect_changes (hubs_take (topology, "3-1"), "x-usbv2-0:1.1 x-usbv2-0:1.1.1 x-usbv2-0:1.1.4 x-usbv2-0:1.2",
                       "x-usbv2-0:1", "3-1 3-1.1 3-1.1.4", "");
  hubs_expect (topology,
               "x-usbv2-0:1=3-1+ x-usbv2-0:2=3-2+ x-usbv2-0:10=3-10+ x-usbv2-0:10.1=3-10.1+ x-usbv2-0:10.4=3-10.4+",
               "usb3 3-10 3-10.1");
  hubs_expect_changes (hubs_take (topology, "3-1"), "", "", "", "");
  hubs_expect_changes (hubs_take (topology, "usb9"), "", "", "", "");
  hubs_expect_changes (hubs_take (topology, ""), "", "", "", "");
}

static void
test_prefix_is_another_port (void)
{
  g_autoptr (HpTopology) topology = hp_topology_new ();

  hp_changes_free (hubs_put (topology, "usb3", 1, 2, "1 2"));
  hp_changes_free (hubs_put (topology, "3-2", 2, 2, "3 30"));
  hp_changes_free (hubs_put (topology, "3-2.3", 3, 2, "1"));
  hp_changes_free (hubs_put (topology, "3-2.30", 4, 2, NULL));
  hubs_expect_changes (hubs_take (topology, "3-2.3"), "x-usbv2-0:2.3.1", "x-usbv2-0:2.3", "3-2.3", "");
  g_assert_nonnull (hp_topology_device (topology, "3-2.30"));
  g_assert_null (hp_topology_device (topology, "3-2.3"));
}

/* A hub that re-enumerates is another one, and so is a device of another number, though the directory be the same. */
static void
test_another_instance (void)
{
  g_autoptr (HpTopology) topology = hp_topology_new ();
  g_autoptr (HpChanges) changes = NULL;
  const HpDevice *gone;
  HpDevice *device;

  hp_changes_free (hubs_put (topology, "usb3", 1, 2, "1"));
  hp_changes_free (hubs_put (topology, "3-1", 2, 2, "1 2"));
  hp_changes_free (hubs_put (topology, "3-1.1", 3, 2, NULL));
  changes = hubs_put (topology, "3-1", 4, 2, "1");
  gone = g_hash_table_lookup (changes->devices_gone, "3-1");
  g_assert_cmpuint (gone->instance, ==, 2);
  g_assert_cmpuint (gone->ports->len, ==, 2);
  hubs_expect_changes (g_steal_pointer (&changes), "x-usbv2-0:1.2", "x-usbv2-0:1 x-usbv2-0:1.1", "3-1 3-1.1", "3-1");
  hubs_expect (topology, "x-usbv2-0:1=3-1+ x-usbv2-0:1.1=3-1.1+", "usb3 3-1");
  g_assert_cmpuint (hp_topology_device (topology, "3-1")->instance, ==, 4);
  device = hubs_make ("3-1", 4, 2, "x", "1");
  device->devnum = 2;
  changes = hp_changes_new ();
  hp_topology_put (topology, device, changes);
  hubs_expect_changes (g_steal_pointer (&changes), "", "x-usbv2-0:1 x-usbv2-0:1.1", "3-1", "3-1");
}

/*
 * A controller that comes back may get other bus numbers, and the new bus may be read before the old one is known to be
 * gone. The names are the same all along; what is on the bus that came last has them.
 */
static void
test_bus_numbers_move (void)
{
  for (guint added_first = 0; added_first < 2; added_first++)
    {
      g_autoptr (HpTopology) topology = hp_topology_new ();
      const HpPort *port;

      hp_changes_free (hubs_put (topology, "usb10", 1, 2, "1=11-2 2=11-1 3"));
      hp_changes_free (hubs_put (topology, "usb11", 2, 3, "1=10-2 2=10-1"));
      hp_changes_free (hubs_put (topology, "10-1", 3, 2, "1"));
      hp_changes_free (hubs_put (topology, "10-1.1", 4, 2, NULL));
      if (added_first)
        {
          hubs_expect_changes (hubs_put (topology, "usb5", 5, 2, "1=6-2 2=6-1 3"), "",
                               "x-usbv2-0:1 x-usbv2-0:2 x-usbv2-0:3 x-usbv3-0:1 x-usbv3-0:2", "", "usb5");
          hubs_expect_changes (hubs_put (topology, "usb6", 6, 3, "1=5-2 2=5-1"), "x-usbv3-0:1 x-usbv3-0:2",
                               "x-usbv2-0:1 x-usbv2-0:2", "", "usb6");
          g_assert_null (hp_topology_port_at (topology, "10-1"));
          g_assert_nonnull (hp_topology_port_at (topology, "10-1.1"));
          hubs_expect_changes (hubs_take (topology, "usb10"), "x-usbv2-0:1.1", "", "10-1 10-1.1 usb10", "");
          hubs_expect_changes (hubs_take (topology, "usb11"), "", "", "usb11", "");
        }
      else
        {
          hp_changes_free (hubs_take (topology, "usb10"));
          hp_changes_free (hubs_take (topology, "usb11"));
          hubs_expect (topology, "", "");
          hp_changes_free (hubs_put (topology, "usb5", 5, 2, "1=6-2 2=6-1 3"));
          hp_changes_free (hubs_put (topology, "usb6", 6, 3, "1=5-2 2=5-1"));
        }
      hp_changes_free (hubs_put (topology, "5-1", 7, 2, NULL));
      hubs_expect (topology, "x-usbv2-0:1=5-1+6-2 x-usbv2-0:2=5-2+6-1 x-usbv2-0:3=5-3+", "usb5 5-1 usb6");
      port = hp_topology_port (topology, "x-usbv3-0:2");
      g_assert_cmpstr (port->id, ==, "x-usbv2-0:1");
      g_assert_true (port == hp_topology_port_at (topology, "5-1"));
    }
}

/* The same for a hub alone, and for a bus that takes the number that another controller had. */
static void
test_bus_numbers_swap (void)
{
  g_autoptr (HpTopology) topology = hp_topology_new ();
  g_autoptr (HpChanges) changes = hp_changes_new ();

  hp_topology_put (topology, hubs_make ("usb1", 1, 2, "a", "1 2"), changes);
  hp_topology_put (topology, hubs_make ("usb2", 2, 2, "b", "1"), changes);
  hubs_expect (topology, "a-usbv2-0:1=1-1+ a-usbv2-0:2=1-2+ b-usbv2-0:1=2-1+", "usb1 usb2");
  hp_topology_put (topology, hubs_make ("usb1", 3, 2, "b", "1"), changes);
  hubs_expect (topology, "b-usbv2-0:1=1-1+", "usb1 usb2");
  hp_topology_put (topology, hubs_make ("usb2", 4, 2, "a", "1 2"), changes);
  hubs_expect (topology, "a-usbv2-0:1=2-1+ a-usbv2-0:2=2-2+ b-usbv2-0:1=1-1+", "usb1 usb2");
}

/* Several events in one batch: what counts is what is there in the end. */
static void
test_batch (void)
{
  g_autoptr (HpTopology) topology = hp_topology_new ();
  HpChanges *changes = hp_changes_new ();

  hp_topology_put (topology, hubs_make ("usb3", 1, 2, "x", "1"), changes);
  hp_topology_put (topology, hubs_make ("3-1", 2, 2, "x", "1"), changes);
  hp_topology_remove (topology, "3-1", changes);
  hp_topology_put (topology, hubs_make ("3-1", 3, 2, "x", NULL), changes);
  hp_topology_put (topology, hubs_make ("3-1", 4, 2, "x", NULL), changes);
  g_assert_cmpuint (((const HpDevice *)g_hash_table_lookup (changes->devices_gone, "3-1"))->instance, ==, 3);
  hubs_expect_changes (changes, "x-usbv2-0:1.1", "x-usbv2-0:1", "3-1", "3-1 usb3");
}

static HpDevice *
full_device (guint changed)
{
  HpDevice *device = hubs_make ("3-1", 2, 2, "x", "1=4-1.1 2");
  HpKernelPort *port = g_ptr_array_index (device->ports, 0);

  device->vendor = g_strdup (changed == 1 ? "other" : "vendor");
  device->product = g_strdup (changed == 2 ? NULL : "product");
  device->serial = g_strdup (changed == 3 ? "other" : NULL);
  device->vendor_id = changed == 4 ? 1 : 2;
  device->product_id = changed == 5 ? 1 : 2;
  device->speed = changed == 6 ? HP_SPEED_FULL : HP_SPEED_HIGH;
  device->class_code = changed == 7 ? 1 : 9;
  device->configured = changed != 8;
  device->hub = changed != 9;
  hp_device_add_interface (device, changed == 10 ? 1 : 0, changed == 11 ? 1 : 9, changed == 12, changed == 13,
                           changed == 14 ? NULL : "hub");
  if (changed == 15)
    hp_device_add_interface (device, 1, 3, 0, 0, NULL);
  port->connect_type = g_strdup (changed == 16 ? "hotplug" : NULL);
  port->over_current = changed == 17 ? 1 : 0;
  port->position = g_strdup (changed == 18 ? "back panel" : NULL);
  port->directory = g_strdup (changed == 19 ? "/devices/y" : "/devices/x");
  if (changed == 20)
    g_clear_pointer (&port->peer, g_free);
  if (changed == 21)
    g_ptr_array_add (device->ports, hp_kernel_port_new ("3-1.3", 3));
  if (changed == 22)
    g_ptr_array_set_size (device->ports, 1);
  device->seen_at = changed * 1000;
  return device;
}

#define N_FACTS 22

/* What is read again and again is told only when it differs, and the plug was when it was. */
static void
test_same_instance (void)
{
  for (guint changed = 1; changed <= N_FACTS; changed++)
    {
      g_autoptr (HpTopology) topology = hp_topology_new ();
      HpChanges *changes;
      const HpPort *port;

      g_test_message ("fact %u", changed);
      hp_changes_free (hubs_put (topology, "usb3", 1, 2, "1"));
      for (guint i = 0; i < 2; i++)
        {
          changes = hp_changes_new ();
          hp_topology_put (topology, full_device (0), changes);
          g_assert_cmpint (hp_changes_is_empty (changes), ==, i == 1);
          hp_changes_free (changes);
        }
      changes = hp_changes_new ();
      hp_topology_put (topology, full_device (changed), changes);
      g_assert_true (g_hash_table_contains (changes->devices_changed, "3-1"));
      g_assert_cmpuint (g_hash_table_size (changes->devices_gone), ==, 0);
      g_assert_true (g_hash_table_contains (changes->ports_changed, "x-usbv2-0:1"));
      g_assert_cmpint (g_hash_table_contains (changes->ports_changed, "x-usbv2-0:1.1"), ==, changed >= 16);
      g_assert_cmpint (g_hash_table_contains (changes->ports_gone, "x-usbv2-0:1.2"), ==, changed == 22);
      hp_changes_free (changes);
      g_assert_cmpint (hp_topology_device (topology, "3-1")->seen_at, ==, 0);
      port = hp_topology_port (topology, "x-usbv2-0:1.1");
      g_assert_true (port->usb2 == g_ptr_array_index (hp_topology_device (topology, "3-1")->ports, 0));
    }
}

/* A hub is there before its ports are, and what is plugged into it may be read in between. */
static void
test_ports_come_later (void)
{
  g_autoptr (HpTopology) topology = hp_topology_new ();

  hubs_expect_changes (hubs_put (topology, "3-1.2", 1, 2, NULL), "", "", "", "3-1.2");
  hubs_expect_changes (hubs_put (topology, "3-1", 2, 2, ""), "", "", "", "3-1");
  hubs_expect_changes (hubs_put (topology, "usb3", 3, 2, ""), "", "", "", "usb3");
  hubs_expect (topology, "", "usb3 3-1 3-1.2");
  hubs_expect_changes (hubs_put (topology, "usb3", 3, 2, "1 2"), "", "x-usbv2-0:1 x-usbv2-0:2", "", "usb3");
  hubs_expect_changes (hubs_put (topology, "3-1", 2, 2, "1 2"), "", "x-usbv2-0:1 x-usbv2-0:1.1 x-usbv2-0:1.2", "",
                       "3-1");
  g_assert_nonnull (hp_topology_port_at (topology, "3-1.2"));
  hubs_expect_changes (hubs_put (topology, "3-1", 2, 2, "1"), "x-usbv2-0:1.2", "x-usbv2-0:1 x-usbv2-0:1.1", "", "3-1");
  g_assert_null (hp_topology_port_at (topology, "3-1.2"));
}

/* A port 0, one deeper than USB goes, or one that is there twice: passed over, with nothing left behind. */
static void
test_ports_without_names (void)
{
  g_autoptr (HpTopology) topology = hp_topology_new ();

  hp_changes_free (hubs_put (topology, "usb3", 1, 2, "0=4-0 1 256 255 1"));
  hp_changes_free (hubs_put (topology, "usb4", 2, 3, "0=3-0 1"));
  hp_changes_free (hubs_put (topology, "3-1.2.3.4.5.6", 3, 2, "7"));
  hp_changes_free (hubs_put (topology, "3-1.2.3.4.5.6.7", 4, 2, "1"));
  hubs_expect (topology,
               "x-usbv2-0:1=3-1+ x-usbv3-0:1=+4-1 x-usbv2-0:1.2.3.4.5.6.7=3-1.2.3.4.5.6.7+ x-usbv2-0:255=3-255+",
               "usb3 3-1.2.3.4.5.6 3-1.2.3.4.5.6.7 usb4");
  g_assert_null (hp_topology_port_at (topology, "3-0"));
  hp_changes_free (hubs_put (topology, "3-0", 5, 2, NULL));
  hubs_expect_changes (hubs_take (topology, "3-1.2.3.4.5.6"), "x-usbv2-0:1.2.3.4.5.6.7", "",
                       "3-1.2.3.4.5.6 3-1.2.3.4.5.6.7", "");
  hubs_expect_changes (hubs_take (topology, "usb3"), "x-usbv2-0:1 x-usbv2-0:255", "", "3-0 usb3", "");
  hp_changes_free (hubs_take (topology, "usb4"));
  hubs_expect (topology, "", "");
}

static void
test_lists_are_sorted (void)
{
  g_autoptr (HpTopology) topology = hp_topology_new ();
  g_autoptr (HpChanges) changes = hp_changes_new ();
  g_autoptr (GPtrArray) fifteen = NULL;

  hp_topology_put (topology, hubs_make ("10-2", 1, 2, "ab", NULL), changes);
  hp_topology_put (topology, hubs_make ("usb10", 2, 2, "ab", "10 2 1"), changes);
  hp_topology_put (topology, hubs_make ("usb9", 3, 3, "b", "1"), changes);
  hp_topology_put (topology, hubs_make ("usb2", 4, 3, "a", "1 2"), changes);
  hp_topology_put (topology, hubs_make ("10-10", 5, 2, "ab", "3"), changes);
  hp_topology_put (topology, hubs_make ("usb1", 6, 2, "a", "2 1"), changes);
  hubs_expect (topology,
               "a-usbv2-0:1=1-1+ a-usbv3-0:1=+2-1 a-usbv2-0:2=1-2+ a-usbv3-0:2=+2-2 ab-usbv2-0:1=10-1+ "
               "ab-usbv2-0:2=10-2+ ab-usbv2-0:10=10-10+ ab-usbv2-0:10.3=10-10.3+ b-usbv3-0:1=+9-1",
               "usb1 usb2 usb9 usb10 10-2 10-10");
  hp_topology_put (topology, hubs_make ("usb12", 7, 2, "c", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"), changes);
  fifteen = hp_topology_hub_ports (topology, "usb12");
  g_assert_cmpuint (fifteen->len, ==, 15);
  g_assert_cmpstr (((const HpPort *)g_ptr_array_index (fifteen, 14))->id, ==, "c-usbv2-0:15");
  hp_topology_free (NULL);
  hp_changes_free (NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/topology/halves-join", test_halves_join);
  g_test_add_func ("/topology/joining-changes-names", test_joining_changes_names);
  g_test_add_func ("/topology/odd-peers", test_odd_peers);
  g_test_add_func ("/topology/two-devices-in-one-connector", test_two_devices_in_one_connector);
  g_test_add_func ("/topology/hub-of-both-speeds", test_hub_of_both_speeds);
  g_test_add_func ("/topology/hub-goes-with-all", test_hub_goes_with_all_behind_it);
  g_test_add_func ("/topology/prefix-is-another-port", test_prefix_is_another_port);
  g_test_add_func ("/topology/another-instance", test_another_instance);
  g_test_add_func ("/topology/bus-numbers-move", test_bus_numbers_move);
  g_test_add_func ("/topology/bus-numbers-swap", test_bus_numbers_swap);
  g_test_add_func ("/topology/batch", test_batch);
  g_test_add_func ("/topology/same-instance", test_same_instance);
  g_test_add_func ("/topology/ports-come-later", test_ports_come_later);
  g_test_add_func ("/topology/ports-without-names", test_ports_without_names);
  g_test_add_func ("/topology/lists-are-sorted", test_lists_are_sorted);
  return g_test_run ();
}
