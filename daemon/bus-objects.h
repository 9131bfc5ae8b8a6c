/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine.h"

#include "dbus/generated.h"

/*
 * The exported objects of one kind: what the engine shows, put on the bus. The engine's signals only mark an object;
 * marks are worked off together when the main loop has nothing better to do, or before an answer that must not be
 * overtaken by the properties it changes. One mark costs the same whatever the number of objects.
 */

typedef struct
{
  const char *parent; /* HP_OBJECT_PORT */
  const char *signal; /* the engine's, "port-changed" */
  char **(*keys) (HpEngine *engine);
  /*
   * Puts the engine's view of @key on @current, or on a new skeleton where @current is NULL or showed another instance.
   * Returns: (transfer full) (nullable): NULL: there is no such thing (any more)
   */
  GDBusInterfaceSkeleton *(*show) (HpEngine *engine, const char *key, GDBusInterfaceSkeleton *current);
} HpBusKind;

typedef struct _HpBusObjects HpBusObjects;

/* @skeleton is up to date; NULL: @key is gone. */
typedef void (*HpBusShown) (const char *key, GDBusInterfaceSkeleton *skeleton, gpointer user_data);

/*
 * hp_bus_objects_new:
 * Exports all that there are on @server, which need not be connected yet.
 * @engine, @server: borrowed, outlive this
 * @shown: (nullable): called for each object after it was shown or removed
 */
HpBusObjects *hp_bus_objects_new (const HpBusKind *kind, HpEngine *engine, GDBusObjectManagerServer *server,
                                  HpBusShown shown, gpointer user_data);
void hp_bus_objects_free (HpBusObjects *objects);

/* Works off all marks now, and sends what changed. */
void hp_bus_objects_sync (HpBusObjects *objects);
/* The same for one object, marked or not. */
void hp_bus_objects_sync_one (HpBusObjects *objects, const char *key);

/* All, in the engine's order, up to date: a(oa{sv}) of paths and properties. (transfer floating) */
GVariant *hp_bus_objects_list (HpBusObjects *objects);
