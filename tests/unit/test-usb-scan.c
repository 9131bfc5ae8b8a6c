/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "usb-scan.h"

#include "scan-log.h"
#include "wait.h"

#include <string.h>

/* What is heard and what is found. What is read of one device is in test-usb-read.c. */

static guint slow_seconds_ms; /* what the slow timer's interval stands for, where not 0 */

/* Stands before GLib's: a minute is long. */
guint
g_timeout_add_seconds (guint interval, GSourceFunc function, gpointer data)
{
  if (slow_seconds_ms > 0 && interval == HP_USB_SCAN_SLOW_SECONDS)
    return g_timeout_add (slow_seconds_ms, function, data);
  return g_timeout_add_seconds_full (G_PRIORITY_DEFAULT, interval, function, data, NULL);
}

/* --- all at once --- */

static void
test_coldplug (ScanLog *f, gconstpointer unused)
{
  g_autofree char *hub = scan_log_plug (f, f->usb3, "3-2", 2, "09");
  g_autofree char *stick = NULL, *disk = NULL;
  const HpPort *port;

  usb_testbed_add_ports (f->testbed, hub, 2);
  stick = scan_log_plug (f, hub, "3-2.2", 3, NULL);
  disk = scan_log_plug (f, f->usb4, "4-1", 2, NULL);
  hp_usb_scan_all (f->scan);
  g_assert_cmpuint (f->n_changed, ==, 1);
  g_assert_nonnull (strstr (f->log->str, "+3-2 +3-2.2 +4-1 +usb3 +usb4 "));
  g_assert_nonnull (strstr (f->log->str, "*" PORT2 ("1") " *" PORT2 ("2") " *" PORT2 ("2.1") " *" PORT2 ("2.2") " "));
  port = hp_topology_port_at (f->topology, "4-1");
  g_assert_cmpstr (port->id, ==, PORT2 ("1"));
  g_assert_true (port == hp_topology_port_at (f->topology, "3-1"));
  g_assert_cmpstr (port->id3, ==, PORT3 ("1"));
  g_assert_cmpstr (hp_topology_port_at (f->topology, "3-2.2")->id, ==, PORT2 ("2.2"));
  g_assert_cmpuint (hp_topology_device (f->topology, "4-1")->usb, ==, 3);
  g_assert_cmpint (hp_topology_device (f->topology, "4-1")->seen_at, >, 0);

  /* The same once more, and then all the events that were sent meanwhile: nothing new. */
  g_string_truncate (f->log, 0);
  hp_usb_scan_all (f->scan);
  scan_log_wait_for_events (f);
  scan_log_assert (f, "");
}

/* Nothing was heard; all the same it is found. Events that come late change nothing any more. */
static void
test_lost_events (ScanLog *f, gconstpointer unused)
{
  g_autofree char *stick = scan_log_plug (f, f->usb3, "3-1", 2, NULL);
  g_autofree char *again = NULL;

  hp_usb_scan_all (f->scan);
  scan_log_assert (f, "+3-1 *" PORT2 ("1") " ");
  scan_log_wait_for_events (f);
  scan_log_assert (f, "");

  usb_testbed_unplug (f->testbed, stick);
  hp_usb_scan_all (f->scan);
  scan_log_assert (f, "-3-1 *" PORT2 ("1") " ");

  /* Pulled out and put in again, and not a word of either. */
  again = scan_log_plug (f, f->usb3, "3-1", 3, NULL);
  hp_usb_scan_all (f->scan);
  scan_log_assert (f, "+3-1 *" PORT2 ("1") " ");
  usb_testbed_unplug (f->testbed, again);
  g_free (again);
  again = scan_log_plug (f, f->usb3, "3-1", 3, NULL);
  hp_usb_scan_all (f->scan);
  scan_log_assert (f, "-3-1 +3-1 *" PORT2 ("1") " ");
  g_assert_cmpuint (hp_topology_device (f->topology, "3-1")->instance, ==, usb_testbed_instance (again));
}

static void
test_slow_timer (ScanLog *f, gconstpointer unused)
{
  g_autofree char *stick = NULL;

  slow_seconds_ms = 20;
  scan_log_set_up_scanned (f, NULL);
  slow_seconds_ms = 0;
  stick = scan_log_plug (f, f->usb3, "3-1", 2, NULL);
  scan_log_wait_for (f, "+3-1 *" PORT2 ("1") " ");
  usb_testbed_unplug (f->testbed, stick);
  scan_log_wait_for (f, "-3-1 *" PORT2 ("1") " ");
  usb_testbed_write (f->testbed, f->usb3, "product", "Other");
  scan_log_wait_for (f, "+usb3 ");
}

static void
test_no_usb (void)
{
  g_autoptr (UMockdevTestbed) testbed G_GNUC_UNUSED = umockdev_testbed_new ();
  g_autoptr (HpTopology) topology = hp_topology_new ();
  g_autoptr (HpUsbScan) scan = hp_usb_scan_new (topology);
  g_autoptr (GPtrArray) devices = NULL;

  hp_usb_scan_all (scan);
  devices = hp_topology_list_devices (topology);
  g_assert_cmpuint (devices->len, ==, 0);
}

/* --- one by one --- */

static void
test_add_and_remove (ScanLog *f, gconstpointer unused)
{
  /* At the kernel's `add` neither the device's `port` link is there nor the port's `device`. */
  g_autofree char *stick = scan_log_plug (f, f->usb3, "3-1", 2, NULL);

  scan_log_wait_for (f, "+3-1 *" PORT2 ("1") " ");
  g_assert_cmpstr (hp_topology_device (f->topology, "3-1")->product, ==, "Thing");
  g_assert_cmpstr (hp_topology_port_at (f->topology, "3-1")->id, ==, PORT2 ("1"));
  umockdev_testbed_uevent (f->testbed, stick, "bind");
  scan_log_wait_for_events (f);
  scan_log_assert (f, "");

  umockdev_testbed_uevent (f->testbed, stick, "unbind");
  umockdev_testbed_uevent (f->testbed, stick, "remove");
  usb_testbed_unplug (f->testbed, stick);
  scan_log_wait_for (f, "-3-1 *" PORT2 ("1") " ");
  g_assert_null (hp_topology_device (f->topology, "3-1"));
}

static void
test_change (ScanLog *f, gconstpointer unused)
{
  g_autofree char *stick = scan_log_plug (f, f->usb3, "3-1", 2, NULL);
  g_autofree char *interface = usb_testbed_interface (stick, 0);
  gint64 seen_at;

  scan_log_wait_for (f, "+3-1 *" PORT2 ("1") " ");
  seen_at = hp_topology_device (f->topology, "3-1")->seen_at;
  umockdev_testbed_uevent (f->testbed, stick, "change");
  scan_log_wait_for_events (f);
  scan_log_assert (f, "");

  /* A driver goes and comes: that is told of the interface. */
  usb_testbed_link (f->testbed, interface, "driver", NULL);
  umockdev_testbed_uevent (f->testbed, interface, "unbind");
  scan_log_wait_for (f, "+3-1 *" PORT2 ("1") " ");
  g_assert_true (hp_device_is_idle (hp_topology_device (f->topology, "3-1")));
  usb_testbed_bind (f->testbed, interface, "usbfs");
  umockdev_testbed_uevent (f->testbed, interface, "bind");
  scan_log_wait_for (f, "+3-1 *" PORT2 ("1") " ");
  g_assert_false (hp_device_is_idle (hp_topology_device (f->topology, "3-1")));

  /* Taken off its configuration: its interfaces go. */
  usb_testbed_write (f->testbed, stick, "bConfigurationValue", "");
  umockdev_testbed_uevent (f->testbed, stick, "change");
  scan_log_wait_for (f, "+3-1 *" PORT2 ("1") " ");
  g_assert_false (hp_topology_device (f->topology, "3-1")->configured);
  g_assert_cmpint (hp_topology_device (f->topology, "3-1")->seen_at, ==, seen_at);
}

/* An event of a port's over-current comes as one of its hub, by whatever name. */
static void
test_port_change (ScanLog *f, gconstpointer unused)
{
  g_autofree char *port = usb_testbed_port (f->usb3, 2);
  g_autofree char *interface = usb_testbed_interface (f->usb3, 0);

  usb_testbed_write (f->testbed, port, "over_current_count", "1");
  umockdev_testbed_uevent (f->testbed, interface, "change");
  wait_until (f->n_changed > 0);
  g_assert_nonnull (strstr (f->log->str, "*" PORT2 ("2") " "));
  g_assert_cmpuint (hp_topology_port (f->topology, PORT2 ("2"))->usb2->over_current, ==, 1);
}

static void
test_re_enumeration (ScanLog *f, gconstpointer unused)
{
  g_autofree char *stick = scan_log_plug (f, f->usb3, "3-1", 2, NULL);

  scan_log_wait_for (f, "+3-1 *" PORT2 ("1") " ");
  umockdev_testbed_uevent (f->testbed, stick, "remove");
  usb_testbed_unplug (f->testbed, stick);
  g_free (stick);
  stick = scan_log_plug (f, f->usb3, "3-1", 3, NULL);
  /* Both in one go, or one after the other. */
  wait_until (strstr (f->log->str, "+3-1 ") != NULL);
  g_assert_true (g_str_has_prefix (f->log->str, "-3-1 "));
  g_assert_cmpuint (hp_topology_device (f->topology, "3-1")->devnum, ==, 3);
}

/* --- many --- */

/* As fast as the socket takes them (umockdev gives up where it is full). */
static void
test_burst (ScanLog *f, gconstpointer unused)
{
  const guint n_devices = 60;
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < n_devices; i++)
    {
      g_autofree char *name = g_strdup_printf ("3-%u", i + 1);
      g_autofree char *product = g_strdup_printf ("Thing %u", i);
      const UsbTestbedDevice device = { name, .bus = 3, .devnum = i + 2, .speed = "480", .product = product };

      g_ptr_array_add (paths, usb_testbed_add_device (f->testbed, f->usb3, &device));
      if (i % 5 == 4)
        wait_until (hp_topology_device (f->topology, name) != NULL);
    }
  g_assert_cmpuint (f->n_changed, <=, n_devices);
  for (guint i = 0; i < n_devices; i++)
    {
      umockdev_testbed_uevent (f->testbed, g_ptr_array_index (paths, i), "remove");
      usb_testbed_unplug (f->testbed, g_ptr_array_index (paths, i));
      if (i % 5 == 4)
        {
          g_autofree char *name = g_strdup_printf ("3-%u", i + 1);

          wait_until (hp_topology_device (f->topology, name) == NULL);
        }
    }
  for (guint i = 0; i < n_devices; i++)
    {
      g_autofree char *name = g_strdup_printf ("3-%u", i + 1);

      g_assert_null (hp_topology_device (f->topology, name));
    }
}

/* What is there already is read in one go: events of one device are one look. */
static void
test_together (ScanLog *f, gconstpointer unused)
{
  g_autofree char *stick = scan_log_plug (f, f->usb3, "3-1", 2, NULL);

  scan_log_wait_for_events (f);
  f->n_changed = 0;
  for (guint i = 0; i < 8; i++)
    {
      g_autofree char *text = g_strdup_printf ("Thing %u", i);

      usb_testbed_write (f->testbed, stick, "product", text);
      umockdev_testbed_uevent (f->testbed, stick, "change");
    }
  wait_until (f->n_changed == 1);
  scan_log_wait_for_events (f);
  g_assert_cmpuint (f->n_changed, ==, 2); /* and the marker */
  g_assert_cmpstr (hp_topology_device (f->topology, "3-1")->product, ==, "Thing 7");
}

/* --- by name, and to the end --- */

static void
test_look_again (ScanLog *f, gconstpointer unused)
{
  g_autofree char *stick = scan_log_plug (f, f->usb3, "3-1", 2, NULL);

  scan_log_wait_for (f, "+3-1 *" PORT2 ("1") " ");
  scan_log_wait_for_events (f);
  g_string_truncate (f->log, 0);
  hp_usb_scan_device (f->scan, "3-1");
  hp_usb_scan_device (f->scan, "3-7");
  scan_log_wait_for_events (f);
  scan_log_assert (f, "");
  usb_testbed_write (f->testbed, stick, "product", "Other");
  hp_usb_scan_device (f->scan, "3-1");
  scan_log_wait_for (f, "+3-1 *" PORT2 ("1") " ");
  usb_testbed_unplug (f->testbed, stick);
  hp_usb_scan_device (f->scan, "3-1");
  scan_log_wait_for (f, "-3-1 *" PORT2 ("1") " ");
}

static void
drop_scan (HpUsbScan *scan, HpChanges *changes, gpointer user_data)
{
  ScanLog *f = user_data;

  g_clear_object (&f->scan);
}

/* Dropped with something still to look at, and by a handler. */
static void
test_dropped (ScanLog *f, gconstpointer unused)
{
  g_autofree char *stick G_GNUC_UNUSED = scan_log_plug (f, f->usb3, "3-1", 2, NULL);
  gpointer weak = f->scan;

  hp_usb_scan_device (f->scan, "usb3");
  g_assert_finalize_object (g_steal_pointer (&f->scan));
  f->scan = hp_usb_scan_new (f->topology);
  weak = f->scan;
  g_object_add_weak_pointer (G_OBJECT (f->scan), &weak);
  g_signal_connect (f->scan, "changed", G_CALLBACK (drop_scan), f);
  hp_usb_scan_all (f->scan);
  g_assert_null (weak);
  g_assert_nonnull (hp_topology_device (f->topology, "3-1"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, set_up_function, function)                                                                           \
  g_test_add ("/usb-scan/" name, ScanLog, NULL, set_up_function, function, scan_log_tear_down)
  ADD ("coldplug", scan_log_set_up, test_coldplug);
  ADD ("lost-events", scan_log_set_up_scanned, test_lost_events);
  ADD ("slow-timer", NULL, test_slow_timer);
  g_test_add_func ("/usb-scan/no-usb", test_no_usb);
  ADD ("add-and-remove", scan_log_set_up_scanned, test_add_and_remove);
  ADD ("change", scan_log_set_up_scanned, test_change);
  ADD ("port-change", scan_log_set_up_scanned, test_port_change);
  ADD ("re-enumeration", scan_log_set_up_scanned, test_re_enumeration);
  ADD ("burst", scan_log_set_up_scanned, test_burst);
  ADD ("together", scan_log_set_up_scanned, test_together);
  ADD ("look-again", scan_log_set_up_scanned, test_look_again);
  ADD ("dropped", scan_log_set_up_scanned, test_dropped);
  return g_test_run ();
}
