/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "usb-scan.h"
#include "usb-read.h"

#include <gudev/gudev.h>
#include <string.h>

struct _HpUsbScan
{
  GObject parent;

  HpTopology *topology; /* borrowed */
  GUdevClient *client;
  GHashTable *dirty; /* kernel name -> path of it with /sys, to be looked at */
  guint source;
  guint timer;
};

enum
{
  CHANGED,
  N_SIGNALS,
};
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (HpUsbScan, hp_usb_scan, G_TYPE_OBJECT)

/* "/sys/devices/…/usb3/3-1/3-1.4" -> "usb3", and the path of that */
static char *
root_path_of (const char *syspath)
{
  const char *last = strrchr (syspath, '/');
  guint bus;

  if (last == NULL || !hp_kernel_name_parse (last + 1, &bus, NULL))
    return NULL;

  g_autofree char *component = g_strdup_printf ("/usb%u/", bus);
  const char *found = strstr (syspath, component);

  return found != NULL ? g_strndup (syspath, (gsize)(found - syspath) + strlen (component) - 1) : NULL;
}

static void
look_at (HpUsbScan *scan, const char *syspath, HpChanges *changes)
{
  g_autofree char *name = g_path_get_basename (syspath);
  g_autofree char *root_path = root_path_of (syspath);
  g_autofree char *root_name = root_path != NULL ? g_path_get_basename (root_path) : NULL;
  const HpDevice *root = root_name != NULL ? hp_topology_device (scan->topology, root_name) : NULL;
  HpDevice *device;

  /* The bus comes before what is on it. */
  if (root_path != NULL && root == NULL)
    {
      look_at (scan, root_path, changes);
      root = hp_topology_device (scan->topology, root_name);
    }
  device = root_path == NULL || root != NULL ? hp_usb_read_device (syspath, root) : NULL;
  if (device == NULL)
    {
      hp_topology_remove (scan->topology, name, changes);
      return;
    }
  device->seen_at = g_get_monotonic_time ();
  hp_topology_put (scan->topology, device, changes);
}

static void
emit_changes (HpUsbScan *scan, HpChanges *changes)
{
  if (!hp_changes_is_empty (changes))
    g_signal_emit (scan, signals[CHANGED], 0, changes);
}

static int
compare_lengths (gconstpointer a, gconstpointer b)
{
  gsize first = strlen (*(const char *const *)a);
  gsize second = strlen (*(const char *const *)b);

  return first != second ? (first > second) - (first < second)
                         : strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* Hubs first: their paths are shorter than those of what is behind them. */
static void
look_at_all (HpUsbScan *scan, GPtrArray *paths, HpChanges *changes)
{
  g_ptr_array_sort (paths, compare_lengths);
  for (guint i = 0; i < paths->len; i++)
    look_at (scan, g_ptr_array_index (paths, i), changes);
}

static gboolean
on_dirty (gpointer user_data)
{
  g_autoptr (HpUsbScan) scan = g_object_ref (user_data);
  g_autoptr (HpChanges) changes = hp_changes_new ();
  g_autoptr (GHashTable) dirty = g_steal_pointer (&scan->dirty);
  g_autoptr (GPtrArray) paths = g_ptr_array_sized_new (g_hash_table_size (dirty));
  GHashTableIter iter;
  gpointer path;

  g_hash_table_iter_init (&iter, dirty);
  while (g_hash_table_iter_next (&iter, NULL, &path))
    g_ptr_array_add (paths, path);
  scan->source = 0;
  scan->dirty = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  look_at_all (scan, paths, changes);
  emit_changes (scan, changes);
  return G_SOURCE_REMOVE;
}

/* The first event of a burst is not kept waiting: what else is there already is read in the same go. */
static void
mark (HpUsbScan *scan, const char *name, const char *syspath)
{
  g_hash_table_replace (scan->dirty, g_strdup (name), g_strdup (syspath));
  if (scan->source == 0)
    scan->source = g_idle_add_full (G_PRIORITY_DEFAULT, on_dirty, scan, NULL);
}

static void
on_uevent (GUdevClient *client, const char *action, GUdevDevice *udevice, gpointer user_data)
{
  HpUsbScan *scan = user_data;
  const char *syspath = g_udev_device_get_sysfs_path (udevice);
  const char *sysname = g_udev_device_get_name (udevice);
  g_autofree char *name = NULL;
  g_autofree char *path = NULL;

  if (syspath == NULL || sysname == NULL)
    return;
  name = hp_usb_device_name (sysname);
  path = strchr (sysname, ':') != NULL ? g_path_get_dirname (syspath) : g_strdup (syspath);
  mark (scan, name, path);
}

static void
remove_unlisted (HpUsbScan *scan, GHashTable *listed, HpChanges *changes)
{
  g_autoptr (GPtrArray) known = hp_topology_list_devices (scan->topology);
  g_autoptr (GPtrArray) gone = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < known->len; i++)
    {
      const HpDevice *device = g_ptr_array_index (known, i);

      if (!g_hash_table_contains (listed, device->name))
        g_ptr_array_add (gone, g_strdup (device->name));
    }
  for (guint i = 0; i < gone->len; i++)
    hp_topology_remove (scan->topology, g_ptr_array_index (gone, i), changes);
}

void
hp_usb_scan_all (HpUsbScan *scan)
{
  g_autoptr (HpChanges) changes = hp_changes_new ();
  g_autolist (GUdevDevice) devices = g_udev_client_query_by_subsystem (scan->client, "usb");
  g_autoptr (GPtrArray) paths = g_ptr_array_new ();
  g_autoptr (GHashTable) listed = g_hash_table_new (g_str_hash, g_str_equal);

  for (GList *item = devices; item != NULL; item = item->next)
    {
      const char *name = g_udev_device_get_name (item->data);

      if (name == NULL || strchr (name, ':') != NULL)
        continue;
      g_hash_table_add (listed, (gpointer)name);
      g_ptr_array_add (paths, (gpointer)g_udev_device_get_sysfs_path (item->data));
    }
  remove_unlisted (scan, listed, changes);
  look_at_all (scan, paths, changes);
  emit_changes (scan, changes);
}

void
hp_usb_scan_device (HpUsbScan *scan, const char *name)
{
  const HpDevice *device = hp_topology_device (scan->topology, name);
  g_autofree char *path = device != NULL ? g_strconcat ("/sys", device->syspath, NULL) : NULL;

  if (path != NULL)
    mark (scan, name, path);
}

static gboolean
on_slow_timer (gpointer user_data)
{
  hp_usb_scan_all (user_data);
  return G_SOURCE_CONTINUE;
}

HpUsbScan *
hp_usb_scan_new (HpTopology *topology)
{
  static const char *const subsystems[] = { "usb", NULL };
  HpUsbScan *scan = g_object_new (HP_TYPE_USB_SCAN, NULL);

  scan->topology = topology;
  scan->client = g_udev_client_new (subsystems);
  g_signal_connect (scan->client, "uevent", G_CALLBACK (on_uevent), scan);
  scan->timer = g_timeout_add_seconds (HP_USB_SCAN_SLOW_SECONDS, on_slow_timer, scan);
  return scan;
}

static void
hp_usb_scan_init (HpUsbScan *scan)
{
  scan->dirty = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

static void
hp_usb_scan_finalize (GObject *object)
{
  HpUsbScan *scan = HP_USB_SCAN (object);

  g_clear_handle_id (&scan->source, g_source_remove);
  g_clear_handle_id (&scan->timer, g_source_remove);
  g_clear_object (&scan->client);
  g_hash_table_unref (scan->dirty);
  G_OBJECT_CLASS (hp_usb_scan_parent_class)->finalize (object);
}

static void
hp_usb_scan_class_init (HpUsbScanClass *class)
{
  G_OBJECT_CLASS (class)->finalize = hp_usb_scan_finalize;
  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (class), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                   G_TYPE_NONE, 1, G_TYPE_POINTER);
}
