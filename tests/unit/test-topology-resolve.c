/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hubs.h"

#include <gio/gio.h>
#include <string.h>

/*
 * A machine of its time: "x" is an xHCI whose halves have different numbers (3-1 is 4-2) and two connectors that are
 * USB 2 alone, with a hub of both speeds in one; "e" an EHCI of one bus with the hub that its chip set has on it; "w" an
 * xHCI with the same numbers on both buses; "s" has only a SuperSpeed bus.
 */
static HpTopology *
machine (void)
{
  HpTopology *topology = hp_topology_new ();
  g_autoptr (HpChanges) changes = hp_changes_new ();

  hp_topology_put (topology, hubs_make ("usb1", 1, 2, "e", "1 2"), changes);
  hp_topology_put (topology, hubs_make ("1-1", 2, 2, "e", "1 2 3 4 5 6 7 8"), changes);
  hp_topology_put (topology, hubs_make ("usb3", 3, 2, "x", "1=4-2 2=4-1 3 4"), changes);
  hp_topology_put (topology, hubs_make ("usb4", 4, 3, "x", "1=3-2 2=3-1"), changes);
  hp_topology_put (topology, hubs_make ("3-1", 5, 2, "x", "1=4-2.1 2=4-2.2 3"), changes);
  hp_topology_put (topology, hubs_make ("4-2", 6, 3, "x", "1=3-1.1 2=3-1.2"), changes);
  hp_topology_put (topology, hubs_make ("usb7", 7, 2, "w", "1=8-1 10=8-10"), changes);
  hp_topology_put (topology, hubs_make ("usb8", 8, 3, "w", "1=7-1 10=7-10 11"), changes);
  hp_topology_put (topology, hubs_make ("usb9", 9, 3, "s", "1"), changes);
  return topology;
}

static char *
resolve (const HpTopology *topology, const char *text, GError **error)
{
  g_autoptr (GError) bad = NULL;
  g_autoptr (HpPortRef) ref = hp_port_ref_parse (text, &bad);

  g_assert_no_error (bad);
  return hp_topology_resolve (topology, ref, error);
}

static void
test_found (void)
{
  static const char *const cases[][2] = {
    /* Stable names, of either half; what is behind a hub that is not there keeps the name it was given. */
    { "x-usbv2-0:1", "x-usbv2-0:1" },
    { "x-usbv3-0:2", "x-usbv2-0:1" },
    { "x-usbv3-0:2.2", "x-usbv2-0:1.2" },
    { "x-usbv2-0:1.3", "x-usbv2-0:1.3" },
    { "x-usbv2-0:1.9", "x-usbv2-0:1.9" },
    { "x-usbv3-0:1.1", "x-usbv3-0:1.1" },
    { "s-usbv3-0:1", "s-usbv3-0:1" },
    { "w-usbv2-0:10", "w-usbv2-0:10" },
    /* Kernel names and port directories. */
    { "3-1", "x-usbv2-0:1" },
    { "4-2", "x-usbv2-0:1" },
    { "4-1", "x-usbv2-0:2" },
    { "3-2.1", "x-usbv2-0:2.1" },
    { "1-1.8", "e-usbv2-0:1.8" },
    { "7-10", "w-usbv2-0:10" },
    { "/sys/bus/usb/devices/3-1.2", "x-usbv2-0:1.2" },
    { "usb4-port2", "x-usbv2-0:1" },
    { "4-2-port1", "x-usbv2-0:1.1" },
    /* Paths, with or without /sys. */
    { "/devices/x/usb3/3-1", "x-usbv2-0:1" },
    { "/sys/devices/x/usb3/3-1", "x-usbv2-0:1" },
    { "/devices/x/usb4/4-2", "x-usbv2-0:1" },
    { "/devices/x/usb3/3-1/3-1:1.0/3-1-port3", "x-usbv2-0:1.3" },
    { "/sys/devices/x/usb4/4-0:1.0/usb4-port1", "x-usbv2-0:2" },
    /* The number moved, or is that of another controller now: no matter where the controller has one bus. */
    { "/devices/e/usb5/5-1/5-1.8", "e-usbv2-0:1.8" },
    { "/devices/e/usb3/3-2", "e-usbv2-0:2" },
    { "/devices/s/usb1/1-1", "s-usbv3-0:1" },
    /* ID_PATH, where it fits one connector. */
    { "e-usb-0:1.8", "e-usbv2-0:1.8" },
    { "w-usb-0:1", "w-usbv2-0:1" },
    { "w-usb-0:1.3", "w-usbv2-0:1.3" },
    { "w-usb-0:11", "w-usbv3-0:11" },
    { "w-usb-0:11.2", "w-usbv3-0:11.2" },
    { "x-usb-0:3", "x-usbv2-0:3" },
    { "x-usb-0:3.1", "x-usbv2-0:3.1" },
    { "x-usb-0:1.1", "x-usbv2-0:1.1" },
    { "x-usb-0:2.1", "x-usbv2-0:1.1" },
    { "s-usb-0:1", "s-usbv3-0:1" },
  };
  g_autoptr (HpTopology) topology = machine ();

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *id = resolve (topology, cases[i][0], &error);

      g_test_message ("%s", cases[i][0]);
      g_assert_no_error (error);
      g_assert_cmpstr (id, ==, cases[i][1]);
    }
}

typedef struct
{
  const char *text;
  int code;
  const char *said, *said_too;
} Refused;

static void
test_refused (void)
{
  static const Refused cases[] = {
    { "y-usbv2-0:1", G_IO_ERROR_NOT_FOUND, "no such USB controller", "y-usbv2-0:1" },
    { "e-usbv3-0:1", G_IO_ERROR_NOT_FOUND, "no such USB controller", "e-usbv3-0:1" },
    { "y-usb-0:1", G_IO_ERROR_NOT_FOUND, "no such USB controller", "y-usb-0:1" },
    { "/devices/y/usb3/3-1", G_IO_ERROR_NOT_FOUND, "no USB controller", "/devices/y" },
    { "/devices/xx/usb3/3-1", G_IO_ERROR_NOT_FOUND, "no USB controller", "/devices/xx" },
    { "x-usbv2-0:5", G_IO_ERROR_NOT_FOUND, "ports 1 to 4", "bus 3" },
    { "x-usbv3-0:3", G_IO_ERROR_NOT_FOUND, "ports 1 to 2", "bus 4" },
    { "3-10", G_IO_ERROR_NOT_FOUND, "ports 1 to 4", "bus 3" },
    { "/devices/e/usb1/1-3", G_IO_ERROR_NOT_FOUND, "ports 1 to 2", "bus 1" },
    { "/devices/e/usb5/5-3", G_IO_ERROR_NOT_FOUND, "ports 1 to 2", "bus 1" },
    { "x-usb-0:9", G_IO_ERROR_NOT_FOUND, "ports 1 to 4", "bus 3" },
    { "s-usb-0:2", G_IO_ERROR_NOT_FOUND, "ports 1 to 1", "bus 9" },
    { "5-1", G_IO_ERROR_NOT_FOUND, "no USB bus 5", "5-1" },
    { "usb30-port1", G_IO_ERROR_NOT_FOUND, "no USB bus 30", "usb30-port1" },
    { "front left", G_IO_ERROR_NOT_FOUND, "front left", "expected a name like" },
    /* The number moved, and the controller has two buses: nothing says which one was meant. */
    { "/devices/x/usb2/2-1", G_IO_ERROR_NOT_FOUND, "bus 2 is no longer below", "x-usbv2-0:1" },
    { "/devices/x/usb1/1-1.8", G_IO_ERROR_NOT_FOUND, "bus 1 is no longer below", "x-usbv2-0:1.8" },
    /* Two connectors of one ID_PATH, and what would be behind a hub in either. */
    { "x-usb-0:1", G_IO_ERROR_INVALID_ARGUMENT, "x-usbv2-0:1 (3-1)", "x-usbv2-0:2 (4-1)" },
    { "x-usb-0:2", G_IO_ERROR_INVALID_ARGUMENT, "x-usbv2-0:2 (3-2)", "x-usbv2-0:1 (4-2)" },
    { "x-usb-0:1.9", G_IO_ERROR_INVALID_ARGUMENT, "x-usbv2-0:1.9 (3-1.9)", "x-usbv3-0:1.9 (4-1.9)" },
  };
  g_autoptr (HpTopology) topology = machine ();

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *id = resolve (topology, cases[i].text, &error);

      g_test_message ("%s: %s", cases[i].text, error != NULL ? error->message : id);
      g_assert_null (id);
      g_assert_error (error, G_IO_ERROR, cases[i].code);
      g_assert_nonnull (strstr (error->message, cases[i].said));
      g_assert_nonnull (strstr (error->message, cases[i].said_too));
    }
}

static void
expect_each_way (const HpTopology *topology, const HpPort *port, const HpKernelPort *half, const char *half_id)
{
  g_autofree char *directory = NULL;
  g_autofree char *chain = NULL;
  g_autofree char *above = NULL;
  guint bus;

  if (half == NULL)
    return;
  g_assert_true (hp_kernel_name_parse (half->name, &bus, &chain));
  above = hp_chain_parent (chain);
  directory = above != NULL ? g_strdup_printf ("%u-%s-port%u", bus, above, half->number)
                            : g_strdup_printf ("usb%u-port%u", bus, half->number);

  g_autofree char *path = g_strdup_printf ("/devices/%c/usb%u/%s", port->id[0], bus, half->name);
  g_autofree char *link = g_strconcat ("/sys/bus/usb/devices/", half->name, NULL);
  const char *const ways[] = { half_id, half->name, directory, path, link };

  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *id = resolve (topology, ways[i], &error);

      g_assert_no_error (error);
      g_assert_cmpstr (id, ==, port->id);
    }
}

/* Whatever way it is written, by whichever half: one connector. */
static void
test_each_way (void)
{
  g_autoptr (HpTopology) topology = machine ();
  g_autoptr (GPtrArray) ports = hp_topology_list_ports (topology);

  g_assert_cmpuint (ports->len, ==, 2 + 8 + 4 + 3 + 3 + 1);
  for (guint i = 0; i < ports->len; i++)
    {
      const HpPort *port = g_ptr_array_index (ports, i);

      expect_each_way (topology, port, port->usb2, port->id2);
      expect_each_way (topology, port, port->usb3, port->id3);
    }
}

/* The stable name means the same port when all bus numbers have moved; the kernel's own does not. */
static void
test_after_a_boot (void)
{
  g_autoptr (HpTopology) topology = hp_topology_new ();
  g_autoptr (HpChanges) changes = hp_changes_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *by_name = NULL;
  g_autofree char *by_bus = NULL;

  hp_topology_put (topology, hubs_make ("usb3", 1, 2, "e", "1 2"), changes);
  hp_topology_put (topology, hubs_make ("usb2", 2, 3, "x", "1=1-2 2=1-1"), changes);
  hp_topology_put (topology, hubs_make ("usb1", 3, 2, "x", "1=2-2 2=2-1 3 4"), changes);
  by_name = resolve (topology, "x-usbv3-0:2", &error);
  g_assert_cmpstr (by_name, ==, "x-usbv2-0:1");
  g_assert_cmpstr (hp_topology_port (topology, by_name)->usb2->name, ==, "1-1");
  by_bus = resolve (topology, "3-1", &error);
  g_assert_cmpstr (by_bus, ==, "e-usbv2-0:1");
  g_assert_null (resolve (topology, "/devices/x/usb3/3-1", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/topology-resolve/found", test_found);
  g_test_add_func ("/topology-resolve/refused", test_refused);
  g_test_add_func ("/topology-resolve/each-way", test_each_way);
  g_test_add_func ("/topology-resolve/after-a-boot", test_after_a_boot);
  return g_test_run ();
}
