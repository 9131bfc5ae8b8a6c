/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/errors.h"
#include "client/event.h"
#include "client/output.h"
#include "client/verbs.h"
#include "client/world.h"
#include "dbus/names.h"

/*
 * monitor: one line for each thing that happens, for as long as it is let. It outlives the daemon: when that comes back,
 * what it has now is compared with what was known, so that no plug in between is lost.
 */
typedef struct
{
  HpContext *context;
  GHashTable *records; /* object path -> HpRecord */
  gboolean running;    /* as far as was told */
  gboolean told;       /* whether anything was told about the daemon yet */
  gboolean stale;      /* the daemon has come (back): look at everything */
  GError *error;       /* ends the watch */
} Monitor;

static void
emit (Monitor *monitor, const HpEvent *event)
{
  HpContext *context = monitor->context;
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *line = hp_output_is_json (context) ? hp_event_to_json (event, now)
                                                      : hp_event_to_text (event, now, context->terminal.out.color);

  if (!monitor->error && !hp_output_text (context, line, &monitor->error))
    g_cancellable_cancel (context->cancellable);
}

static gboolean
is_below (const char *path, const char *parent)
{
  return g_str_has_prefix (path, parent) && path[strlen (parent)] == '/';
}

static void
emit_plug (Monitor *monitor, const HpRecord *device, HpEventKind kind)
{
  g_autofree char *description = hp_device_description (device);

  emit (monitor, &(HpEvent){ .kind = kind,
                             .device = hp_record_string (device, "Name"),
                             .port = hp_record_string (device, "Port"),
                             .description = description });
}

static void
emit_vm (Monitor *monitor, const HpRecord *vm)
{
  const char *state = hp_record_string (vm, "State");

  emit (monitor, &(HpEvent){ .kind = HP_EVENT_VM,
                             .vm = hp_record_string (vm, "Name"),
                             .state = state,
                             .reason = hp_record_string (vm, "Reason"),
                             .message = g_str_equal (state, "online") ? "" : hp_record_string (vm, "Message") });
}

static void
emit_port (Monitor *monitor, const HpRecord *port)
{
  g_autofree const char **vms = hp_record_strv (port, "VirtualMachines");
  g_autofree char *owner = vms[0] ? hp_port_owner (port) : NULL;

  emit (monitor, &(HpEvent){ .kind = HP_EVENT_PORT,
                             .port = hp_record_string (port, "Id"),
                             .vm = owner,
                             .state = hp_record_string (port, "State"),
                             .reason = hp_record_string (port, "Reason") });
}

/* Tells what is other in @new than in @old (nullable): the thing was not there. */
static void
compare (Monitor *monitor, const HpRecord *old, const HpRecord *new)
{
  if (is_below (new->path, HP_OBJECT_DEVICE))
    {
      /* Another number on the bus is another plug, even where the path is the same. */
      if (old && hp_record_uint (old, "Number") == hp_record_uint (new, "Number")
          && hp_record_uint (old, "Bus") == hp_record_uint (new, "Bus"))
        return;
      if (old)
        emit_plug (monitor, old, HP_EVENT_UNPLUGGED);
      emit_plug (monitor, new, HP_EVENT_PLUGGED);
    }
  else if (is_below (new->path, HP_OBJECT_VM))
    {
      if (!old || !g_str_equal (hp_record_string (old, "State"), hp_record_string (new, "State")))
        emit_vm (monitor, new);
    }
  else if (is_below (new->path, HP_OBJECT_PORT) && old)
    {
      g_autofree char *before = hp_port_owner (old);
      g_autofree char *after = hp_port_owner (new);

      if (!g_str_equal (before, after))
        emit_port (monitor, new);
    }
}

/* @record: (transfer full) */
static void
learn (Monitor *monitor, HpRecord *record, gboolean tell)
{
  if (tell)
    compare (monitor, g_hash_table_lookup (monitor->records, record->path), record);
  g_hash_table_replace (monitor->records, record->path, record);
}

static void
forget (Monitor *monitor, const char *path)
{
  const HpRecord *record = g_hash_table_lookup (monitor->records, path);

  if (!record)
    return;
  if (is_below (path, HP_OBJECT_DEVICE))
    emit_plug (monitor, record, HP_EVENT_UNPLUGGED);
  g_hash_table_remove (monitor->records, path);
}

static void
on_added (GDBusConnection *connection, const char *sender, const char *path, const char *interface, const char *signal,
          GVariant *parameters, gpointer user_data)
{
  Monitor *monitor = user_data;
  g_autoptr (GVariantIter) interfaces = NULL;
  const char *object, *name;
  GVariant *properties;

  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(oa{sa{sv}})")))
    return;
  g_variant_get (parameters, "(&oa{sa{sv}})", &object, &interfaces);
  while (g_variant_iter_loop (interfaces, "{&s@a{sv}}", &name, &properties))
    if (g_str_has_prefix (name, HP_BUS_NAME "."))
      learn (monitor, hp_record_new (object, properties), TRUE);
}

static void
on_removed (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
            const char *signal, GVariant *parameters, gpointer user_data)
{
  const char *object;

  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(oas)")))
    return;
  g_variant_get_child (parameters, 0, "&o", &object);
  forget (user_data, object);
}

static void
on_changed (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
            const char *signal, GVariant *parameters, gpointer user_data)
{
  Monitor *monitor = user_data;
  const HpRecord *old = g_hash_table_lookup (monitor->records, path);
  g_autoptr (GVariant) changed = NULL;
  GVariantDict merged;
  GVariantIter iter;
  const char *name;
  GVariant *value;

  if (!old || !g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(sa{sv}as)")))
    return;
  changed = g_variant_get_child_value (parameters, 1);
  g_variant_dict_init (&merged, old->properties);
  g_variant_iter_init (&iter, changed);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
    g_variant_dict_insert_value (&merged, name, value);
  learn (monitor, hp_record_new (path, g_variant_dict_end (&merged)), TRUE);
}

/* DeviceAttached, DeviceDetached and AttachFailed have the same form. */
static void
on_manager (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
            const char *signal, GVariant *parameters, gpointer user_data)
{
  static const char *const signals[] = { "DeviceAttached", "DeviceDetached", "AttachFailed" };
  static const HpEventKind kinds[] = { HP_EVENT_ATTACHED, HP_EVENT_DETACHED, HP_EVENT_FAILED };
  g_autoptr (GVariant) details = NULL;
  HpEvent event = { 0 };

  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(osssa{sv})")))
    return;
  g_variant_get (parameters, "(&o&s&s&s@a{sv})", NULL, &event.device, &event.port, &event.vm, &details);
  g_variant_lookup (details, "description", "&s", &event.description);
  g_variant_lookup (details, "reason", "&s", &event.reason);
  g_variant_lookup (details, "message", "&s", &event.message);
  g_variant_lookup (details, "guest-bus", "&s", &event.guest_bus);
  g_variant_lookup (details, "guest-port", "u", &event.guest_port);
  g_variant_lookup (details, "latency-usec", "t", &event.latency_usec);
  g_variant_lookup (details, "retry-usec", "t", &event.retry_usec);
  for (gsize i = 0; i < G_N_ELEMENTS (signals); i++)
    if (g_str_equal (signal, signals[i]))
      {
        event.kind = kinds[i];
        emit (user_data, &event);
      }
}

static void
tell_daemon (Monitor *monitor, const char *state, const char *version)
{
  emit (monitor, &(HpEvent){ .kind = HP_EVENT_DAEMON, .state = state, .version = version });
  monitor->told = TRUE;
}

static void
on_appeared (GDBusConnection *connection, const char *name, const char *owner, gpointer user_data)
{
  ((Monitor *)user_data)->stale = TRUE;
}

static void
on_vanished (GDBusConnection *connection, const char *name, gpointer user_data)
{
  Monitor *monitor = user_data;

  monitor->stale = FALSE;
  if (monitor->running || !monitor->told)
    tell_daemon (monitor, monitor->running ? "gone" : "not running", NULL);
  monitor->running = FALSE;
}

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, gpointer user_data)
{
  Monitor *monitor = user_data;

  if (!monitor->error)
    monitor->error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, "the connection to the bus was lost");
}

static void
learn_all (Monitor *monitor, GPtrArray *records, gboolean tell, GHashTable *present)
{
  for (guint i = 0; i < records->len; i++)
    {
      const HpRecord *record = g_ptr_array_index (records, i);

      g_hash_table_add (present, g_strdup (record->path));
      learn (monitor, hp_record_new (record->path, record->properties), tell);
    }
}

/*
 * Looks at everything. A daemon that goes away meanwhile is no error: its return comes here again. The first look only
 * learns; later ones tell what happened while nobody watched.
 */
static void
look (Monitor *monitor)
{
  gboolean tell = monitor->told && g_hash_table_size (monitor->records) > 0;
  g_autoptr (GVariant) manager = NULL;
  g_autoptr (HpWorld) world = NULL;
  g_autoptr (GHashTable) present = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree gpointer *paths = NULL;
  const char *version = NULL;
  guint n_paths;

  monitor->stale = FALSE;
  manager = hp_client_manager (monitor->context->client, NULL);
  world = manager ? hp_world_load (monitor->context->client, HP_WORLD_ALL, NULL) : NULL;
  if (!world)
    return;
  g_variant_lookup (manager, "Version", "&s", &version);
  monitor->running = TRUE;
  tell_daemon (monitor, "running", version);

  learn_all (monitor, world->ports, tell, present);
  learn_all (monitor, world->vms, tell, present);
  learn_all (monitor, world->devices, tell, present);
  paths = g_hash_table_get_keys_as_array (monitor->records, &n_paths);
  for (guint i = 0; i < n_paths; i++)
    if (!g_hash_table_contains (present, paths[i]))
      forget (monitor, paths[i]);
}

static guint
subscribe (Monitor *monitor, const char *interface, const char *member, GDBusSignalCallback callback)
{
  return g_dbus_connection_signal_subscribe (hp_client_connection (monitor->context->client), HP_BUS_NAME, interface,
                                             member, NULL, NULL, G_DBUS_SIGNAL_FLAGS_NONE, callback, monitor, NULL);
}

gboolean
hp_verb_monitor (HpContext *context, char **arguments, GError **error)
{
  Monitor monitor = { .context = context };
  GDBusConnection *connection = hp_client_connection (context->client);
  guint subscriptions[4];
  gulong closed;
  guint watch;

  monitor.records = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)hp_record_free);
  closed = g_signal_connect (connection, "closed", G_CALLBACK (on_closed), &monitor);
  subscriptions[0] = subscribe (&monitor, "org.freedesktop.DBus.ObjectManager", "InterfacesAdded", on_added);
  subscriptions[1] = subscribe (&monitor, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved", on_removed);
  subscriptions[2] = subscribe (&monitor, "org.freedesktop.DBus.Properties", "PropertiesChanged", on_changed);
  subscriptions[3] = subscribe (&monitor, HP_INTERFACE_MANAGER, NULL, on_manager);
  watch = g_bus_watch_name_on_connection (connection, HP_BUS_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE, on_appeared,
                                          on_vanished, &monitor, NULL);

  while (!monitor.error && !g_cancellable_is_cancelled (context->cancellable))
    {
      if (monitor.stale)
        look (&monitor);
      else
        g_main_context_iteration (NULL, TRUE);
    }

  g_bus_unwatch_name (watch);
  for (gsize i = 0; i < G_N_ELEMENTS (subscriptions); i++)
    g_dbus_connection_signal_unsubscribe (connection, subscriptions[i]);
  g_signal_handler_disconnect (connection, closed);
  g_hash_table_unref (monitor.records);
  if (!monitor.error)
    monitor.error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "interrupted");
  g_propagate_error (error, monitor.error);
  return FALSE;
}
