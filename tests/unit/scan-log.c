/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scan-log.h"

#include "wait.h"

#include <string.h>

static void
append_sorted (GString *log, char mark, GHashTable *names)
{
  g_autoptr (GList) keys = g_list_sort (g_hash_table_get_keys (names), (GCompareFunc)strcmp);

  for (GList *item = keys; item != NULL; item = item->next)
    g_string_append_printf (log, "%c%s ", mark, (const char *)item->data);
}

static void
on_changed (HpUsbScan *scan, HpChanges *changes, gpointer user_data)
{
  ScanLog *f = user_data;

  g_assert_false (hp_changes_is_empty (changes));
  f->n_changed++;
  append_sorted (f->log, '-', changes->devices_gone);
  append_sorted (f->log, '+', changes->devices_changed);
  append_sorted (f->log, '!', changes->ports_gone);
  append_sorted (f->log, '*', changes->ports_changed);
}

void
scan_log_set_up (ScanLog *f, gconstpointer unused)
{
  g_autofree char *half2 = NULL, *half3 = NULL;

  f->testbed = usb_testbed_new ();
  f->usb3 = usb_testbed_add_root_hub (f->testbed, 3, "2.00", 2);
  f->usb4 = usb_testbed_add_root_hub (f->testbed, 4, "3.00", 1);
  half2 = usb_testbed_port (f->usb3, 1);
  half3 = usb_testbed_port (f->usb4, 1);
  usb_testbed_peer (f->testbed, half2, half3);
  f->topology = hp_topology_new ();
  f->log = g_string_new (NULL);
  f->scan = hp_usb_scan_new (f->topology);
  g_signal_connect (f->scan, "changed", G_CALLBACK (on_changed), f);
}

void
scan_log_tear_down (ScanLog *f, gconstpointer unused)
{
  if (f->scan != NULL)
    g_assert_finalize_object (f->scan);
  hp_topology_free (f->topology);
  g_string_free (f->log, TRUE);
  g_free (f->usb3);
  g_free (f->usb4);
  g_object_unref (f->testbed);
}

void
scan_log_set_up_scanned (ScanLog *f, gconstpointer unused)
{
  scan_log_set_up (f, NULL);
  hp_usb_scan_all (f->scan);
  g_string_truncate (f->log, 0);
  f->n_changed = 0;
}

char *
scan_log_plug (ScanLog *f, const char *parent, const char *name, guint devnum, const char *class_code)
{
  const UsbTestbedDevice device = { name,
                                    .bus = (guint)g_ascii_strtoull (name, NULL, 10),
                                    .devnum = devnum,
                                    .speed = "480",
                                    .class_code = class_code,
                                    .product = "Thing",
                                    .drivers = { class_code != NULL ? "hub" : "usb-storage" } };

  return usb_testbed_add_device (f->testbed, parent, &device);
}

void
scan_log_assert (ScanLog *f, const char *expected)
{
  g_assert_cmpstr (f->log->str, ==, expected);
  g_string_truncate (f->log, 0);
}

void
scan_log_wait_for (ScanLog *f, const char *expected)
{
  wait_until (f->log->len >= strlen (expected));
  scan_log_assert (f, expected);
}

void
scan_log_wait_for_events (ScanLog *f)
{
  static guint count;
  g_autofree char *text = g_strdup_printf ("marker %u", ++count);

  usb_testbed_write (f->testbed, f->usb4, "serial", text);
  umockdev_testbed_uevent (f->testbed, f->usb4, "change");
  wait_until (g_str_has_suffix (f->log->str, "+usb4 "));
  g_string_truncate (f->log, f->log->len - strlen ("+usb4 "));
}
