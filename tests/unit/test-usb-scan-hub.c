/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "usb-scan.h"

#include "scan-log.h"
#include "wait.h"

#include <string.h>

/* Hubs and their ports come and go. */

static char *
plug_hub (ScanLog *f)
{
  char *hub = scan_log_plug (f, f->usb3, "3-2", 2, "09");
  g_autofree char *stick = NULL;

  usb_testbed_add_ports (f->testbed, hub, 2);
  stick = scan_log_plug (f, hub, "3-2.1", 3, NULL);
  wait_until (hp_topology_device (f->topology, "3-2.1") != NULL);
  scan_log_wait_for_events (f);
  g_assert_nonnull (hp_topology_port (f->topology, PORT2 ("2.1")));
  g_string_truncate (f->log, 0);
  return hub;
}

/* Its ports come with it, or with the interface that its driver makes, later. */
static void
test_hub_comes (ScanLog *f, gconstpointer unused)
{
  g_autofree char *hub = scan_log_plug (f, f->usb3, "3-2", 2, "09");
  g_autofree char *interface = usb_testbed_interface (hub, 0);

  scan_log_wait_for (f, "+3-2 *" PORT2 ("2") " ");
  usb_testbed_add_ports (f->testbed, hub, 2);
  umockdev_testbed_uevent (f->testbed, interface, "bind");
  scan_log_wait_for (f, "+3-2 *" PORT2 ("2") " *" PORT2 ("2.1") " *" PORT2 ("2.2") " ");
}

/* In whatever order the removes come, and if but one of them is heard. */
static void
test_hub_goes (void)
{
  static const struct
  {
    gboolean child, hub, child_first;
  } orders[] = { { TRUE, TRUE, TRUE }, { TRUE, TRUE, FALSE }, { FALSE, TRUE, FALSE } };

  for (gsize i = 0; i < G_N_ELEMENTS (orders); i++)
    {
      ScanLog f = { NULL };
      g_autofree char *hub = NULL, *stick = NULL;

      scan_log_set_up_scanned (&f, NULL);
      hub = plug_hub (&f);
      stick = g_strconcat (hub, "/3-2.1", NULL);
      if (orders[i].child_first)
        umockdev_testbed_uevent (f.testbed, stick, "remove");
      umockdev_testbed_uevent (f.testbed, hub, "remove");
      if (orders[i].child && !orders[i].child_first)
        umockdev_testbed_uevent (f.testbed, stick, "remove");
      usb_testbed_unplug (f.testbed, hub);
      wait_until (hp_topology_device (f.topology, "3-2") == NULL);
      scan_log_wait_for_events (&f);
      g_assert_null (hp_topology_device (f.topology, "3-2.1"));
      g_assert_null (hp_topology_port (f.topology, PORT2 ("2.1")));
      g_assert_nonnull (hp_topology_port (f.topology, PORT2 ("2")));
      g_assert_nonnull (strstr (f.log->str, "-3-2.1 "));
      g_assert_nonnull (strstr (f.log->str, "!" PORT2 ("2.1") " !" PORT2 ("2.2") " "));
      scan_log_tear_down (&f, NULL);
    }
}

/* The controller is unbound: both root hubs go with all that is in them. */
static void
test_root_hub_goes (ScanLog *f, gconstpointer unused)
{
  g_autofree char *hub G_GNUC_UNUSED = plug_hub (f);
  g_autoptr (GPtrArray) ports = NULL, devices = NULL;

  umockdev_testbed_uevent (f->testbed, f->usb4, "remove");
  usb_testbed_unplug (f->testbed, f->usb4);
  scan_log_wait_for (f, "-usb4 *" PORT2 ("1") " ");
  g_assert_null (hp_topology_port (f->topology, PORT2 ("1"))->usb3);
  umockdev_testbed_uevent (f->testbed, f->usb3, "remove");
  usb_testbed_unplug (f->testbed, f->usb3);
  scan_log_wait_for (f, "-3-2 -3-2.1 -usb3 !" PORT2 ("1") " !" PORT2 ("2") " !" PORT2 ("2.1") " !" PORT2 ("2.2") " ");
  ports = hp_topology_list_ports (f->topology);
  devices = hp_topology_list_devices (f->topology);
  g_assert_cmpuint (ports->len + devices->len, ==, 0);

  /* An event of what was in it comes late: there is nothing to look at. */
  hp_usb_scan_all (f->scan);
  scan_log_assert (f, "");
}

/* The first that is heard of a bus is a device on it. */
static void
test_root_hub_unheard (ScanLog *f, gconstpointer unused)
{
  g_autofree char *stick = NULL;

  while (g_main_context_iteration (NULL, FALSE))
    ; /* none of what was sent before the scan began is heard */
  scan_log_assert (f, "");
  stick = scan_log_plug (f, f->usb3, "3-1", 2, NULL);
  wait_until (f->n_changed == 1);
  scan_log_assert (f, "+3-1 +usb3 *" PORT2 ("1") " *" PORT2 ("2") " ");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, set_up, function)                                                                                    \
  g_test_add ("/usb-scan-hub/" name, ScanLog, NULL, set_up, function, scan_log_tear_down)
  ADD ("hub-comes", scan_log_set_up_scanned, test_hub_comes);
  g_test_add_func ("/usb-scan-hub/hub-goes", test_hub_goes);
  ADD ("root-hub-goes", scan_log_set_up_scanned, test_root_hub_goes);
  ADD ("root-hub-unheard", scan_log_set_up, test_root_hub_unheard);
  return g_test_run ();
}
