/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus-objects.h"

#include "dbus/paths.h"

/*
 * How long what is shown may be behind, in ms. What a device needs comes first: showing its plug takes as long as
 * handing it to QEMU. Whoever asks for a list is never shown an old one.
 */
#define SETTLE_MS 2

struct _HpBusObjects
{
  const HpBusKind *kind;
  HpEngine *engine;
  GDBusObjectManagerServer *server;
  HpBusShown shown;
  gpointer user_data;
  gulong handler;
  GHashTable *exported; /* key -> HpExported */
  GHashTable *dirty;    /* set of keys */
  guint timer;
};

typedef struct
{
  char *path;
  GDBusInterfaceSkeleton *skeleton;
  GVariant *listed; /* (oa{sv}) as it was last asked for, until something changes */
} HpExported;

static void
hp_exported_free (HpExported *exported)
{
  g_clear_pointer (&exported->listed, g_variant_unref);
  g_clear_object (&exported->skeleton);
  g_free (exported->path);
  g_free (exported);
}

static void export(HpBusObjects *objects, const char *key, GDBusInterfaceSkeleton *skeleton)
{
  HpExported *exported = g_new0 (HpExported, 1);
  g_autoptr (GDBusObjectSkeleton) object = NULL;

  exported->path = hp_path_make (objects->kind->parent, key);
  exported->skeleton = g_object_ref (skeleton);
  object = g_dbus_object_skeleton_new (exported->path);
  g_dbus_object_skeleton_add_interface (object, skeleton);
  g_dbus_object_manager_server_export (objects->server, object);
  g_hash_table_replace (objects->exported, g_strdup (key), exported);
}

static void
withdraw (HpBusObjects *objects, const char *key)
{
  HpExported *exported = g_hash_table_lookup (objects->exported, key);

  if (!exported)
    return;
  g_dbus_object_manager_server_unexport (objects->server, exported->path);
  g_hash_table_remove (objects->exported, key);
}

void
hp_bus_objects_sync_one (HpBusObjects *objects, const char *key)
{
  HpExported *exported = g_hash_table_lookup (objects->exported, key);
  GDBusInterfaceSkeleton *current = exported ? exported->skeleton : NULL;
  g_autoptr (GDBusInterfaceSkeleton) skeleton = objects->kind->show (objects->engine, key, current);

  if (skeleton && skeleton == current)
    {
      g_clear_pointer (&exported->listed, g_variant_unref);
      g_dbus_interface_skeleton_flush (skeleton);
    }
  else
    {
      /* Another instance at the same path is seen to go and to come. */
      withdraw (objects, key);
      if (skeleton)
        export(objects, key, skeleton);
    }
  g_hash_table_remove (objects->dirty, key);
  if (objects->shown)
    objects->shown (key, skeleton, objects->user_data);
}

void
hp_bus_objects_sync (HpBusObjects *objects)
{
  g_autoptr (GHashTable) dirty = g_steal_pointer (&objects->dirty);
  GHashTableIter iter;
  gpointer key;

  objects->dirty = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_clear_handle_id (&objects->timer, g_source_remove);
  g_hash_table_iter_init (&iter, dirty);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    hp_bus_objects_sync_one (objects, key);
}

static gboolean
on_settled (gpointer user_data)
{
  HpBusObjects *objects = user_data;

  objects->timer = 0;
  hp_bus_objects_sync (objects);
  return G_SOURCE_REMOVE;
}

static void
on_changed (HpEngine *engine, const char *key, gpointer user_data)
{
  HpBusObjects *objects = user_data;

  g_hash_table_add (objects->dirty, g_strdup (key));
  if (objects->timer == 0)
    objects->timer = g_timeout_add (SETTLE_MS, on_settled, objects);
}

GVariant *
hp_bus_objects_list (HpBusObjects *objects)
{
  g_auto (GStrv) keys = objects->kind->keys (objects->engine);
  GVariantBuilder builder;

  hp_bus_objects_sync (objects);
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(oa{sv})"));
  for (guint i = 0; keys[i]; i++)
    {
      HpExported *exported = g_hash_table_lookup (objects->exported, keys[i]);

      if (!exported)
        continue;
      if (!exported->listed)
        exported->listed = g_variant_ref_sink (
            g_variant_new ("(o@a{sv})", exported->path, g_dbus_interface_skeleton_get_properties (exported->skeleton)));
      g_variant_builder_add_value (&builder, exported->listed);
    }
  return g_variant_builder_end (&builder);
}

HpBusObjects *
hp_bus_objects_new (const HpBusKind *kind, HpEngine *engine, GDBusObjectManagerServer *server, HpBusShown shown,
                    gpointer user_data)
{
  HpBusObjects *objects = g_new0 (HpBusObjects, 1);
  g_auto (GStrv) keys = kind->keys (engine);

  objects->kind = kind;
  objects->engine = engine;
  objects->server = server;
  objects->shown = shown;
  objects->user_data = user_data;
  objects->exported = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)hp_exported_free);
  objects->dirty = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; keys[i]; i++)
    hp_bus_objects_sync_one (objects, keys[i]);
  objects->handler = g_signal_connect (engine, kind->signal, G_CALLBACK (on_changed), objects);
  return objects;
}

void
hp_bus_objects_free (HpBusObjects *objects)
{
  g_signal_handler_disconnect (objects->engine, objects->handler);
  g_clear_handle_id (&objects->timer, g_source_remove);
  g_hash_table_unref (objects->exported);
  g_hash_table_unref (objects->dirty);
  g_free (objects);
}
