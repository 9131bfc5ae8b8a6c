/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/event.h"
#include "dbus/names.h"

/* Names of devices that are longer are rare: behind a second hub, or on bus 10 and up behind one. */
#define DEVICE_WIDTH "5"

static const struct
{
  const char *name;
  HpPaint paint;
} kinds[] = {
  [HP_EVENT_DAEMON] = { "daemon", HP_PAINT_BOLD },
  [HP_EVENT_PLUGGED] = { "plugged", HP_PAINT_PLAIN },
  [HP_EVENT_UNPLUGGED] = { "unplugged", HP_PAINT_PLAIN },
  [HP_EVENT_ATTACHED] = { "attached", HP_PAINT_GOOD },
  [HP_EVENT_DETACHED] = { "detached", HP_PAINT_WAIT },
  [HP_EVENT_FAILED] = { "failed", HP_PAINT_BAD },
  [HP_EVENT_VM] = { "vm", HP_PAINT_PLAIN },
  [HP_EVENT_PORT] = { "port", HP_PAINT_PLAIN },
};

static const char *
or_empty (const char *text)
{
  return text ? text : "";
}

/* The device in a column of its own, with what is known of it: it may be gone, and so its description. */
static char *
subject (const HpEvent *event)
{
  const char *device = or_empty (event->device);
  const char *description = or_empty (event->description);

  if (!*description)
    return g_strdup_printf ("%-" DEVICE_WIDTH "s ", device);
  return g_strdup_printf ("%-" DEVICE_WIDTH "s  \"%s\"", device, description);
}

/* What follows the name of the event. */
static char *
details (const HpEvent *event)
{
  g_autofree char *device = subject (event);
  const char *message = or_empty (event->message);
  const char *separator = *message ? ": " : "";

  switch (event->kind)
    {
    case HP_EVENT_DAEMON:
      if (event->version)
        return g_strdup_printf ("hotplugd %s is %s", event->version, or_empty (event->state));
      return g_strdup_printf ("hotplugd is %s", or_empty (event->state));
    case HP_EVENT_PLUGGED:
      return g_strdup_printf ("%s into %s", device, or_empty (event->port));
    case HP_EVENT_UNPLUGGED:
      return g_strdup_printf ("%s from %s", device, or_empty (event->port));
    case HP_EVENT_ATTACHED:
      return g_strdup_printf ("%s to %s at %s port %u, after %.1f ms", device, or_empty (event->vm),
                              or_empty (event->guest_bus), event->guest_port, (double)event->latency_usec / 1000);
    case HP_EVENT_DETACHED:
      return g_strdup_printf ("%s from %s", device, or_empty (event->vm));
    case HP_EVENT_FAILED:
      return g_strdup_printf ("%s to %s%s%s", device, or_empty (event->vm), separator, message);
    case HP_EVENT_VM:
      return g_strdup_printf ("%s is %s%s%s", or_empty (event->vm), or_empty (event->state), separator, message);
    case HP_EVENT_PORT:
      return g_strdup_printf ("%s is %s%s", or_empty (event->port), event->vm ? "assigned to " : "the host's",
                              or_empty (event->vm));
    }
  return g_strdup ("");
}

char *
hp_event_to_text (const HpEvent *event, GDateTime *when, gboolean color)
{
  g_autofree char *time = g_date_time_format (when, "%H:%M:%S");
  g_autofree char *name = g_strdup_printf ("%-9s", kinds[event->kind].name);
  g_autofree char *painted = hp_paint (color, kinds[event->kind].paint, name);
  g_autofree char *text = details (event);
  g_autofree char *safe = hp_display_safe (text);

  return g_strdup_printf ("%s.%03d  %s  %s\n", time, g_date_time_get_microsecond (when) / 1000, painted, safe);
}

static void
add_number (JsonBuilder *builder, const char *key, guint64 value)
{
  json_builder_set_member_name (builder, key);
  if (value > 0)
    json_builder_add_int_value (builder, (gint64)MIN (value, (guint64)G_MAXINT64));
  else
    json_builder_add_null_value (builder);
}

char *
hp_event_to_json (const HpEvent *event, GDateTime *when)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autoptr (GDateTime) utc = g_date_time_to_utc (when);
  g_autofree char *time = g_date_time_format_iso8601 (utc);

  json_builder_begin_object (builder);
  hp_json_add_string (builder, "time", time);
  hp_json_add_string (builder, "event", kinds[event->kind].name);
  hp_json_add_string (builder, "device", event->device);
  hp_json_add_string (builder, "port", event->port);
  hp_json_add_string (builder, "virtual_machine", event->vm);
  hp_json_add_string (builder, "description", event->description);
  hp_json_add_string (builder, "state", event->state);
  hp_json_add_string (builder, "reason", event->reason);
  hp_json_add_string (builder, "message", event->message);
  hp_json_add_string (builder, "guest_bus", event->guest_bus);
  add_number (builder, "guest_port", event->guest_port);
  add_number (builder, "latency_usec", event->latency_usec);
  add_number (builder, "retry_usec", event->retry_usec);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return hp_json_text (root, FALSE);
}
