/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus-arguments.h"

#include <string.h>

#define ECHO_MAX 64

/* The caller's own text for an error message: printable ASCII, not too long. */
static char *
echo (const char *text)
{
  g_autofree char *cut = g_strndup (text, ECHO_MAX);
  g_autofree char *safe = g_strescape (cut, NULL);

  return g_strconcat (safe, strlen (text) > ECHO_MAX ? "..." : "", NULL);
}

gboolean
hp_bus_check_text (const char *name, const char *text, GError **error)
{
  if (*text == '\0')
    {
      g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS, "argument '%s' is empty", name);
      return FALSE;
    }
  if (strlen (text) > HP_BUS_ARGUMENT_MAX)
    {
      g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS, "argument '%s' is longer than %d bytes", name,
                   HP_BUS_ARGUMENT_MAX);
      return FALSE;
    }
  return TRUE;
}

static char *
known_keys (const HpBusOption *known)
{
  g_autoptr (GString) text = g_string_new ("this method takes ");

  if (!known || !known->key)
    g_string_append (text, "none");
  for (guint i = 0; known && known[i].key; i++)
    g_string_append_printf (text, "%s'%s'", i > 0 ? ", " : "", known[i].key);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static const HpBusOption *
find_option (const HpBusOption *known, const char *key)
{
  for (guint i = 0; known && known[i].key; i++)
    {
      if (g_str_equal (known[i].key, key))
        return &known[i];
    }
  return NULL;
}

static gboolean
check_option (const HpBusOption *known, const char *key, GVariant *value, GError **error)
{
  const HpBusOption *option = find_option (known, key);
  g_autofree char *shown = echo (key);

  if (!option)
    {
      g_autofree char *keys = known_keys (known);

      g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS, "unknown option '%s': %s", shown, keys);
      return FALSE;
    }
  if (!g_variant_is_of_type (value, option->type))
    {
      g_autofree char *type = g_variant_type_dup_string (option->type);
      g_autofree char *other = echo (g_variant_get_type_string (value));

      g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS, "option '%s' is of type '%s', and '%s' was given",
                   shown, type, other);
      return FALSE;
    }
  return TRUE;
}

gboolean
hp_bus_check_options (GVariant *options, const HpBusOption *known, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GVariantIter iter;
  const char *key;
  GVariant *item;

  g_variant_iter_init (&iter, options);
  while (g_variant_iter_next (&iter, "{&sv}", &key, &item))
    {
      g_autoptr (GVariant) value = item;

      if (!check_option (known, key, value, error))
        return FALSE;
      if (!g_hash_table_add (seen, g_strdup (key)))
        {
          g_set_error (error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS, "option '%s' is given twice", key);
          return FALSE;
        }
    }
  return TRUE;
}
