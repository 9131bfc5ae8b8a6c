/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/json.h"

char *
hp_json_key (const char *property)
{
  GString *key = g_string_new (NULL);

  for (const char *p = property; *p; p++)
    {
      if (g_ascii_isupper (*p) && p != property)
        g_string_append_c (key, '_');
      g_string_append_c (key, g_ascii_tolower (*p));
    }
  return g_string_free (key, FALSE);
}

/*
 * json-glib escapes what JSON demands. What goes beyond, C1 controls and marks of direction, can only stand inside of
 * strings: escape it wherever it is.
 */
static void
append_escaped (GString *text, gunichar c)
{
  GUnicodeType type = g_unichar_type (c);

  if (type != G_UNICODE_FORMAT && type != G_UNICODE_LINE_SEPARATOR && type != G_UNICODE_PARAGRAPH_SEPARATOR
      && !(type == G_UNICODE_CONTROL && c >= 0x7f))
    g_string_append_unichar (text, c);
  else if (c < 0x10000)
    g_string_append_printf (text, "\\u%04x", c);
  else
    g_string_append_printf (text, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff));
}

char *
hp_json_text (JsonNode *root, gboolean pretty)
{
  g_autofree char *plain = json_to_string (root, pretty);
  GString *text = g_string_new (NULL);

  for (const char *p = plain; *p; p = g_utf8_next_char (p))
    append_escaped (text, g_utf8_get_char (p));
  g_string_append_c (text, '\n');
  return g_string_free (text, FALSE);
}

static void
add_string_or_null (JsonBuilder *builder, const char *value)
{
  if (value && *value)
    json_builder_add_string_value (builder, value);
  else
    json_builder_add_null_value (builder);
}

void
hp_json_add_string (JsonBuilder *builder, const char *key, const char *value)
{
  json_builder_set_member_name (builder, key);
  add_string_or_null (builder, value);
}

/* GuestBuses: an object each, since nobody should have to count fields. */
static void
add_guest_buses (JsonBuilder *builder, GVariant *value)
{
  GVariantIter iter;
  const char *name, *type;
  guint32 ports, taken;

  json_builder_begin_array (builder);
  g_variant_iter_init (&iter, value);
  while (g_variant_iter_next (&iter, "(&s&suu)", &name, &type, &ports, &taken))
    {
      json_builder_begin_object (builder);
      hp_json_add_string (builder, "name", name);
      hp_json_add_string (builder, "type", type);
      json_builder_set_member_name (builder, "ports");
      json_builder_add_int_value (builder, ports);
      json_builder_set_member_name (builder, "taken");
      json_builder_add_int_value (builder, taken);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

/* Numbers that stand for "unknown" in the contract, where 0 or the largest number cannot be meant. */
static gboolean
is_unknown_number (const char *property, guint64 value)
{
  static const char *const zero[] = { "Speed", "GuestPort", "Pid", "LatencyUsec", NULL };

  if (g_str_equal (property, "Uid"))
    return value == G_MAXUINT32;
  return value == 0 && g_strv_contains (zero, property);
}

static void
add_number (JsonBuilder *builder, const char *property, guint64 value)
{
  if (is_unknown_number (property, value))
    json_builder_add_null_value (builder);
  else
    json_builder_add_int_value (builder, (gint64)MIN (value, (guint64)G_MAXINT64));
}

static void
add_value (JsonBuilder *builder, const char *property, GVariant *value)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    add_string_or_null (builder, g_variant_get_string (value, NULL));
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_BOOLEAN))
    json_builder_add_boolean_value (builder, g_variant_get_boolean (value));
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT32))
    add_number (builder, property, g_variant_get_uint32 (value));
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64))
    add_number (builder, property, g_variant_get_uint64 (value));
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING_ARRAY))
    {
      g_autofree const char **strings = g_variant_get_strv (value, NULL);

      json_builder_begin_array (builder);
      for (gsize i = 0; strings[i]; i++)
        json_builder_add_string_value (builder, strings[i]);
      json_builder_end_array (builder);
    }
  else if (g_variant_is_of_type (value, G_VARIANT_TYPE ("a(ssuu)")))
    add_guest_buses (builder, value);
  else
    json_builder_add_null_value (builder);
}

void
hp_json_add_record (JsonBuilder *builder, const HpRecord *record, const GDBusInterfaceInfo *info)
{
  json_builder_begin_object (builder);
  hp_json_add_string (builder, "object", record->path);
  for (GDBusPropertyInfo **property = info->properties; property && *property; property++)
    {
      g_autofree char *key = hp_json_key ((*property)->name);
      g_autoptr (GVariant) value =
          g_variant_lookup_value (record->properties, (*property)->name, G_VARIANT_TYPE ((*property)->signature));

      json_builder_set_member_name (builder, key);
      if (value)
        add_value (builder, (*property)->name, value);
      else
        json_builder_add_null_value (builder);
    }
  json_builder_end_object (builder);
}

void
hp_json_add_records (JsonBuilder *builder, GPtrArray *records, const GDBusInterfaceInfo *info)
{
  json_builder_begin_array (builder);
  for (guint i = 0; i < records->len; i++)
    hp_json_add_record (builder, g_ptr_array_index (records, i), info);
  json_builder_end_array (builder);
}

JsonNode *
hp_json_from_record (const HpRecord *record, const GDBusInterfaceInfo *info)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  hp_json_add_record (builder, record, info);
  return json_builder_get_root (builder);
}

JsonNode *
hp_json_from_records (GPtrArray *records, const GDBusInterfaceInfo *info)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  hp_json_add_records (builder, records, info);
  return json_builder_get_root (builder);
}
