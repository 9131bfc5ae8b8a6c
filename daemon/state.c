/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state.h"

#include "config.h"
#include "port-id.h"
#include "text.h"

#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <string.h>

#define VERSION 1
#define SHOWN_MAX 60

HpChoice *
hp_choice_new (const char *port, const char *const *vms, HpReserve reserve, gint64 since, guint32 by_uid)
{
  HpChoice *choice = g_new0 (HpChoice, 1);

  choice->port = g_strdup (port);
  choice->vms = vms != NULL ? g_strdupv ((char **)vms) : g_new0 (char *, 1);
  choice->reserve = reserve;
  choice->since = since;
  choice->by_uid = by_uid;
  return choice;
}

HpChoice *
hp_choice_copy (const HpChoice *choice)
{
  return hp_choice_new (choice->port, (const char *const *)choice->vms, choice->reserve, choice->since, choice->by_uid);
}

void
hp_choice_free (HpChoice *choice)
{
  if (choice == NULL)
    return;
  g_free (choice->port);
  g_strfreev (choice->vms);
  g_free (choice);
}

HpState *
hp_state_new (void)
{
  HpState *state = g_new0 (HpState, 1);

  state->choices = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)hp_choice_free);
  return state;
}

void
hp_state_put (HpState *state, HpChoice *choice)
{
  /* Not insert(): it would keep the key of the choice that goes. */
  g_hash_table_replace (state->choices, choice->port, choice);
}

HpState *
hp_state_copy (const HpState *state)
{
  HpState *copy = hp_state_new ();
  GHashTableIter iter;
  gpointer choice = NULL;

  g_hash_table_iter_init (&iter, state->choices);
  while (g_hash_table_iter_next (&iter, NULL, &choice))
    hp_state_put (copy, hp_choice_copy (choice));
  return copy;
}

void
hp_state_free (HpState *state)
{
  if (state == NULL)
    return;
  g_hash_table_unref (state->choices);
  g_free (state);
}

static void
add_choice (JsonBuilder *builder, const HpChoice *choice)
{
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "port");
  json_builder_add_string_value (builder, choice->port);
  json_builder_set_member_name (builder, "vms");
  json_builder_begin_array (builder);
  for (gsize i = 0; choice->vms[i] != NULL; i++)
    json_builder_add_string_value (builder, choice->vms[i]);
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "reserve");
  json_builder_add_string_value (builder, hp_reserve_to_string (choice->reserve));
  json_builder_set_member_name (builder, "since");
  json_builder_add_int_value (builder, choice->since);
  json_builder_set_member_name (builder, "by_uid");
  if (choice->by_uid == G_MAXUINT32)
    json_builder_add_null_value (builder);
  else
    json_builder_add_int_value (builder, choice->by_uid);
  json_builder_end_object (builder);
}

char *
hp_state_to_json (const HpState *state)
{
  g_autoptr (JsonBuilder) builder = json_builder_new_immutable ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autoptr (GList) ports = g_list_sort (g_hash_table_get_keys (state->choices), (GCompareFunc)strcmp);
  g_autofree char *text = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "version");
  json_builder_add_int_value (builder, VERSION);
  json_builder_set_member_name (builder, "choices");
  json_builder_begin_array (builder);
  for (GList *at = ports; at != NULL; at = at->next)
    add_choice (builder, g_hash_table_lookup (state->choices, at->data));
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  json_generator_set_pretty (generator, TRUE);
  json_generator_set_root (generator, root);
  text = json_generator_to_data (generator, NULL);
  return g_strconcat (text, "\n", NULL);
}

G_GNUC_PRINTF (2, 3)
static gboolean
fail (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (G_IO_ERROR, G_IO_ERROR_INVALID_DATA, format, args));
  va_end (args);
  return FALSE;
}

/*
 * What json-glib would not survive or would get wrong: it recurses without a limit (and dies of it), cuts text at an
 * escaped NUL, and takes things JSON has not. Walks over strings, and counts brackets between them.
 */
static gboolean
check_shape (const char *data, gsize length, GError **error)
{
  guint depth = 0;
  gboolean in_string = FALSE;

  if (length > HP_STATE_SIZE_MAX)
    return fail (error, "expected at most %d bytes, found %zu", HP_STATE_SIZE_MAX, length);
  if (!g_utf8_validate (data, length, NULL))
    return fail (error, "expected text in UTF-8");
  for (gsize i = 0; i < length; i++)
    {
      char c = data[i];

      if (in_string && c == '\\')
        {
          if (length - i > 5 && memcmp (data + i + 1, "u0000", 5) == 0)
            return fail (error, "expected text, found a NUL character at byte %zu", i);
          i++;
        }
      else if (c == '"')
        in_string = !in_string;
      else if (in_string)
        continue;
      else if (c == '[' || c == '{')
        depth++;
      else if (c == ']' || c == '}')
        depth--; /* too many of them wrap around to too deep */
      else if (!g_ascii_isalnum (c) && strchr (" \t\r\n:,.+-", c) == NULL)
        return fail (error, "expected JSON, found 0x%02x at byte %zu", (guint8)c, i);
      if (depth > HP_STATE_DEPTH_MAX)
        return fail (error, "expected at most %d levels, found more at byte %zu", HP_STATE_DEPTH_MAX, i);
    }
  return TRUE;
}

/* The member of @type, or NULL. */
static JsonNode *
member (JsonObject *object, const char *name, JsonNodeType kind, GType type)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL || json_node_get_node_type (node) != kind)
    return NULL;
  return kind != JSON_NODE_VALUE || json_node_get_value_type (node) == type ? node : NULL;
}

static const char *
member_string (JsonObject *object, const char *name)
{
  JsonNode *node = member (object, name, JSON_NODE_VALUE, G_TYPE_STRING);

  return node != NULL ? json_node_get_string (node) : NULL;
}

/* An integer of @min to @max. */
static gboolean
member_int (JsonObject *object, const char *name, gint64 min, gint64 max, gint64 *ret_value)
{
  JsonNode *node = member (object, name, JSON_NODE_VALUE, G_TYPE_INT64);

  if (node == NULL || json_node_get_int (node) < min || json_node_get_int (node) > max)
    return FALSE;
  *ret_value = json_node_get_int (node);
  return TRUE;
}

static char **
read_vms (JsonArray *array, GError **error)
{
  g_autoptr (GStrvBuilder) vms = g_strv_builder_new ();
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  guint length = json_array_get_length (array);

  if (length > HP_STATE_VMS_MAX)
    {
      fail (error, "expected at most %d VMs, found %u", HP_STATE_VMS_MAX, length);
      return NULL;
    }
  for (guint i = 0; i < length; i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      const char *name = NULL;

      if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING)
        name = json_node_get_string (node);
      if (name == NULL || !hp_vm_name_is_valid (name))
        {
          fail (error, "expected the name of a VM, found something else");
          return NULL;
        }
      if (!g_hash_table_add (seen, (gpointer)name))
        {
          fail (error, "expected each VM once, found \"%s\" a second time", name);
          return NULL;
        }
      g_strv_builder_add (vms, name);
    }
  return g_strv_builder_end (vms);
}

/* A stable name in clean text: the parser of names leaves it open what a controller is called. */
static gboolean
port_is_valid (const char *port)
{
  g_autofree char *safe = hp_text_safe (port, HP_PORT_REF_MAX);

  return g_strcmp0 (safe, port) == 0 && hp_port_id_parse (port, NULL, NULL, NULL);
}

static HpChoice *
read_choice (JsonNode *node, GError **error)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
  const char *port = object != NULL ? member_string (object, "port") : NULL;
  const char *reserve_text = object != NULL ? member_string (object, "reserve") : NULL;
  JsonNode *vms_node = object != NULL ? member (object, "vms", JSON_NODE_ARRAY, 0) : NULL;
  g_auto (GStrv) vms = NULL;
  HpReserve reserve = HP_RESERVE_WHILE_RUNNING;
  gint64 since = 0, by_uid = G_MAXUINT32;

  if (port == NULL || !port_is_valid (port))
    fail (error, "expected the member port, the stable name of a port");
  else if (vms_node == NULL)
    fail (error, "expected the member vms, a list");
  else if (reserve_text == NULL || !hp_reserve_from_string (reserve_text, &reserve))
    fail (error, "expected the member reserve, one of the known ones");
  else if (!member_int (object, "since", 0, G_MAXINT64, &since))
    fail (error, "expected the member since, a time");
  else if (member (object, "by_uid", JSON_NODE_NULL, 0) == NULL
           && !member_int (object, "by_uid", 0, G_MAXUINT32 - 1, &by_uid))
    fail (error, "expected the member by_uid, a user id or null");
  else
    vms = read_vms (json_node_get_array (vms_node), error);
  return vms != NULL ? hp_choice_new (port, (const char *const *)vms, reserve, since, by_uid) : NULL;
}

static gboolean
read_choices (HpState *state, JsonArray *array, GError **error)
{
  guint length = json_array_get_length (array);

  if (length > HP_STATE_CHOICES_MAX)
    return fail (error, "expected at most %d choices, found %u", HP_STATE_CHOICES_MAX, length);
  for (guint i = 0; i < length; i++)
    {
      g_autoptr (HpChoice) choice = read_choice (json_array_get_element (array, i), error);

      if (choice == NULL)
        {
          g_prefix_error (error, "choice %u: ", i + 1);
          return FALSE;
        }
      if (g_hash_table_contains (state->choices, choice->port))
        return fail (error, "choice %u: expected each port once, found one a second time", i + 1);
      hp_state_put (state, g_steal_pointer (&choice));
    }
  return TRUE;
}

HpState *
hp_state_from_json (const char *data, gsize length, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (HpState) state = hp_state_new ();
  g_autoptr (GError) cause = NULL;
  JsonNode *root = NULL, *choices = NULL;
  gint64 version = 0;

  if (!check_shape (data, length, error))
    return NULL;
  if (!json_parser_load_from_data (parser, data, length, &cause))
    {
      g_autofree char *safe = hp_text_safe (cause->message, 4 * SHOWN_MAX);

      fail (error, "expected JSON: %s", safe != NULL ? safe : "it is none");
      return NULL;
    }
  root = json_parser_get_root (parser); /* NULL for an empty text */
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    fail (error, "expected an object");
  else if (!member_int (json_node_get_object (root), "version", VERSION, VERSION, &version))
    fail (error, "expected version %d, found another or none", VERSION);
  else if ((choices = member (json_node_get_object (root), "choices", JSON_NODE_ARRAY, 0)) == NULL)
    fail (error, "expected the member choices, a list");
  else if (read_choices (state, json_node_get_array (choices), error))
    return g_steal_pointer (&state);
  return NULL;
}
