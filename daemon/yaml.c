/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "yaml.h"

#include "text.h"

#include <string.h>
#include <yaml.h>

#define UTF8_BOM "\xef\xbb\xbf"
#define SHOWN_MAX 60 /* bytes of the file's text in an error */

G_DEFINE_QUARK (hp - yaml - error - quark, hp_yaml_error)

typedef yaml_event_t HpYamlEvent;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (HpYamlEvent, yaml_event_delete)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (yaml_parser_t, yaml_parser_delete)

typedef struct
{
  yaml_parser_t *parser;
  const char *data; /* what the parser reads, without a byte order mark */
  gsize length;
  const char *file;
  guint nodes;
} Reader;

static HpYaml *
hp_yaml_new (HpYamlKind kind, const yaml_mark_t *mark)
{
  HpYaml *yaml = g_new0 (HpYaml, 1);

  yaml->kind = kind;
  yaml->line = mark->line + 1;
  yaml->column = mark->column + 1;
  if (kind == HP_YAML_MAPPING)
    yaml->keys = g_ptr_array_new_with_free_func ((GDestroyNotify)hp_yaml_free);
  if (kind != HP_YAML_SCALAR)
    yaml->items = g_ptr_array_new_with_free_func ((GDestroyNotify)hp_yaml_free);
  return yaml;
}

void
hp_yaml_free (HpYaml *yaml)
{
  if (yaml == NULL)
    return;
  g_clear_pointer (&yaml->keys, g_ptr_array_unref);
  g_clear_pointer (&yaml->items, g_ptr_array_unref);
  g_free (yaml->text);
  g_free (yaml);
}

G_GNUC_PRINTF (5, 6)
static gboolean
fail (const Reader *reader, int code, const yaml_mark_t *mark, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, HP_YAML_ERROR, code, "%s:%zu:%zu: %s", reader->file, mark->line + 1, mark->column + 1, message);
  return FALSE;
}

/*
 * Line and column of byte @offset. libyaml's own mark is 0:0 for what its reader finds, bad UTF-8 and control
 * characters; only the offset is right then.
 */
static yaml_mark_t
mark_at_offset (const Reader *reader, gsize offset)
{
  yaml_mark_t mark = { 0, 0, 0 };

  offset = MIN (offset, reader->length);
  for (gsize i = 0; i < offset; i++)
    {
      guchar byte = reader->data[i];

      if (byte == '\n' || (byte == '\r' && (i + 1 == reader->length || reader->data[i + 1] != '\n')))
        {
          mark.line++;
          mark.column = 0;
        }
      else if ((byte & 0xc0) != 0x80)
        mark.column++;
    }
  return mark;
}

/* The byte offset of character @index. The parser has read that far, so it is valid UTF-8 up to there. */
static gsize
offset_of (const Reader *reader, gsize index)
{
  const char *at = reader->data, *end = reader->data + reader->length;

  for (gsize i = 0; i < index && at < end; i++)
    at = g_utf8_next_char (at);
  return MIN (at, end) - reader->data;
}

/* What stands at @offset, as ", here: "…""; "" at the end of a line. */
static char *
shown_at (const Reader *reader, gsize offset)
{
  g_autofree char *shown = NULL;
  g_autofree char *raw = g_strndup (reader->data + offset, MIN (reader->length - offset, 4 * SHOWN_MAX));

  if (*raw == '\t')
    return g_strdup (", here: a tab (indent with spaces)");
  raw[strcspn (raw, "\r\n")] = '\0';
  shown = hp_text_safe (raw, SHOWN_MAX);
  return shown == NULL ? g_strdup ("") : g_strdup_printf (", here: \"%s\"", shown);
}

static gboolean
fail_reader (const Reader *reader, const char *problem, GError **error)
{
  yaml_mark_t mark = mark_at_offset (reader, reader->parser->problem_offset);

  if (reader->parser->problem_value < 0)
    return fail (reader, HP_YAML_ERROR_SYNTAX, &mark, error, "expected text in UTF-8: %s", problem);
  return fail (reader, HP_YAML_ERROR_SYNTAX, &mark, error, "expected text in UTF-8, found 0x%02x: %s",
               (guint)reader->parser->problem_value, problem);
}

/* Turns the parser's error into ours. */
static gboolean
fail_parser (const Reader *reader, GError **error)
{
  const yaml_parser_t *parser = reader->parser;
  const char *problem = parser->problem != NULL ? parser->problem : "the parser failed";
  g_autofree char *context = NULL;
  g_autofree char *shown = NULL;
  gsize offset = 0;
  yaml_mark_t mark;

  if (parser->error == YAML_READER_ERROR)
    return fail_reader (reader, problem, error);
  if (parser->error == YAML_MEMORY_ERROR)
    return fail (reader, HP_YAML_ERROR_LIMIT, &parser->mark, error, "out of memory");
  /* By the index, not the line: at the end of a text without a newline the parser counts one that is not there. */
  offset = offset_of (reader, parser->problem_mark.index);
  mark = mark_at_offset (reader, offset);
  if (parser->context != NULL)
    context = g_strdup_printf (", %s that starts at line %zu", parser->context,
                               mark_at_offset (reader, offset_of (reader, parser->context_mark.index)).line + 1);
  shown = shown_at (reader, offset);
  return fail (reader, HP_YAML_ERROR_SYNTAX, &mark, error, "%s%s%s", problem, context != NULL ? context : "", shown);
}

static gboolean
next_event (Reader *reader, HpYamlEvent *ret_event, GError **error)
{
  if (yaml_parser_parse (reader->parser, ret_event))
    return TRUE;
  return fail_parser (reader, error);
}

/* Anchors, tags and aliases: they make cycles, bombs and types, and a configuration needs none of them. */
static gboolean
check_properties (const Reader *reader, const HpYamlEvent *event, GError **error)
{
  const yaml_char_t *anchor = NULL, *tag = NULL;
  g_autofree char *shown = NULL;

  if (event->type == YAML_ALIAS_EVENT)
    {
      shown = hp_text_safe ((const char *)event->data.alias.anchor, SHOWN_MAX);
      return fail (reader, HP_YAML_ERROR_UNSUPPORTED, &event->start_mark, error,
                   "expected a value, found the alias \"*%s\": write the value out (or quote it)", shown ? shown : "");
    }
  if (event->type == YAML_SCALAR_EVENT)
    {
      anchor = event->data.scalar.anchor;
      tag = event->data.scalar.tag;
    }
  else if (event->type == YAML_SEQUENCE_START_EVENT)
    {
      anchor = event->data.sequence_start.anchor;
      tag = event->data.sequence_start.tag;
    }
  else if (event->type == YAML_MAPPING_START_EVENT)
    {
      anchor = event->data.mapping_start.anchor;
      tag = event->data.mapping_start.tag;
    }
  if (anchor == NULL && tag == NULL)
    return TRUE;
  shown = hp_text_safe ((const char *)(anchor != NULL ? anchor : tag), SHOWN_MAX);
  return fail (
      reader, HP_YAML_ERROR_UNSUPPORTED, &event->start_mark, error,
      "expected a value, found the %s \"%s%s\", which is not supported here: leave it out (or quote the value)",
      anchor != NULL ? "anchor" : "tag", anchor != NULL ? "&" : "", shown ? shown : "");
}

static HpYaml *
read_scalar (const Reader *reader, const HpYamlEvent *event, GError **error)
{
  const char *value = (const char *)event->data.scalar.value;
  gsize length = event->data.scalar.length;
  HpYaml *yaml = NULL;

  if (memchr (value, '\0', length) != NULL)
    {
      fail (reader, HP_YAML_ERROR_UNSUPPORTED, &event->start_mark, error, "expected text, found a NUL character in it");
      return NULL;
    }
  if (!g_utf8_validate (value, length, NULL))
    {
      fail (reader, HP_YAML_ERROR_SYNTAX, &event->start_mark, error, "expected text in UTF-8");
      return NULL;
    }
  yaml = hp_yaml_new (HP_YAML_SCALAR, &event->start_mark);
  yaml->text = g_strndup (value, length);
  yaml->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  return yaml;
}

static HpYaml *read_node (Reader *reader, const HpYamlEvent *event, guint depth, GError **error);

static HpYaml *
read_list (Reader *reader, const HpYamlEvent *start, guint depth, GError **error)
{
  g_autoptr (HpYaml) list = hp_yaml_new (HP_YAML_LIST, &start->start_mark);

  while (TRUE)
    {
      g_auto (HpYamlEvent) event = { 0 };
      HpYaml *item = NULL;

      if (!next_event (reader, &event, error))
        return NULL;
      if (event.type == YAML_SEQUENCE_END_EVENT)
        return g_steal_pointer (&list);
      item = read_node (reader, &event, depth + 1, error);
      if (item == NULL)
        return NULL;
      g_ptr_array_add (list->items, item);
    }
}

/* The key at @event, new in @seen (text -> HpYaml). */
static HpYaml *
read_key (Reader *reader, const HpYamlEvent *event, GHashTable *seen, guint depth, GError **error)
{
  g_autoptr (HpYaml) key = NULL;
  g_autofree char *shown = NULL;
  const HpYaml *first = NULL;

  if (event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT)
    {
      fail (reader, HP_YAML_ERROR_UNSUPPORTED, &event->start_mark, error, "expected a key that is text, found a %s",
            event->type == YAML_SEQUENCE_START_EVENT ? "list" : "mapping");
      return NULL;
    }
  key = read_node (reader, event, depth, error);
  if (key == NULL)
    return NULL;
  if (key->plain && strcmp (key->text, "<<") == 0)
    {
      fail (reader, HP_YAML_ERROR_UNSUPPORTED, &event->start_mark, error,
            "expected a key, found \"<<\": merge keys are not supported, write the keys out");
      return NULL;
    }
  first = g_hash_table_lookup (seen, key->text);
  if (first == NULL)
    return g_steal_pointer (&key);
  shown = hp_text_safe (key->text, SHOWN_MAX);
  fail (reader, HP_YAML_ERROR_SYNTAX, &event->start_mark, error,
        "expected a new key, found \"%s\" a second time, first on line %u", shown ? shown : "", first->line);
  return NULL;
}

static HpYaml *
read_mapping (Reader *reader, const HpYamlEvent *start, guint depth, GError **error)
{
  g_autoptr (HpYaml) mapping = hp_yaml_new (HP_YAML_MAPPING, &start->start_mark);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  while (TRUE)
    {
      g_auto (HpYamlEvent) key_event = { 0 };
      g_auto (HpYamlEvent) value_event = { 0 };
      HpYaml *key = NULL, *value = NULL;

      if (!next_event (reader, &key_event, error))
        return NULL;
      if (key_event.type == YAML_MAPPING_END_EVENT)
        return g_steal_pointer (&mapping);
      key = read_key (reader, &key_event, seen, depth + 1, error);
      if (key == NULL)
        return NULL;
      g_ptr_array_add (mapping->keys, key);
      g_hash_table_insert (seen, key->text, key);
      if (!next_event (reader, &value_event, error))
        return NULL;
      value = read_node (reader, &value_event, depth + 1, error);
      if (value == NULL)
        return NULL;
      g_ptr_array_add (mapping->items, value);
    }
}

/* Recurses no deeper than HP_YAML_DEPTH_MAX. */
static HpYaml *
read_node (Reader *reader, const HpYamlEvent *event, guint depth, GError **error)
{
  if (!check_properties (reader, event, error))
    return NULL;
  if (++reader->nodes > HP_YAML_NODES_MAX)
    {
      fail (reader, HP_YAML_ERROR_LIMIT, &event->start_mark, error,
            "expected at most %d values in one file, found more", HP_YAML_NODES_MAX);
      return NULL;
    }
  if (event->type == YAML_SCALAR_EVENT)
    return read_scalar (reader, event, error);
  if (depth >= HP_YAML_DEPTH_MAX)
    {
      fail (reader, HP_YAML_ERROR_LIMIT, &event->start_mark, error, "expected at most %d levels, found more",
            HP_YAML_DEPTH_MAX);
      return NULL;
    }
  if (event->type == YAML_SEQUENCE_START_EVENT)
    return read_list (reader, event, depth, error);
  if (event->type == YAML_MAPPING_START_EVENT)
    return read_mapping (reader, event, depth, error);
  fail (reader, HP_YAML_ERROR_SYNTAX, &event->start_mark, error, "expected a value");
  return NULL;
}

/* From DOCUMENT-START to the end of the stream. */
static gboolean
read_document (Reader *reader, const HpYamlEvent *start, HpYaml **ret_root, GError **error)
{
  g_autoptr (HpYaml) root = NULL;
  g_auto (HpYamlEvent) event = { 0 };
  g_auto (HpYamlEvent) document_end = { 0 };
  g_auto (HpYamlEvent) stream_end = { 0 };

  if (start->data.document_start.tag_directives.start != start->data.document_start.tag_directives.end)
    return fail (reader, HP_YAML_ERROR_UNSUPPORTED, &start->start_mark, error,
                 "expected a value, found a %%TAG directive, which is not supported here");
  if (!next_event (reader, &event, error))
    return FALSE;
  root = read_node (reader, &event, 0, error);
  if (root == NULL)
    return FALSE;
  if (!next_event (reader, &document_end, error) || !next_event (reader, &stream_end, error))
    return FALSE;
  if (stream_end.type != YAML_STREAM_END_EVENT)
    return fail (reader, HP_YAML_ERROR_UNSUPPORTED, &stream_end.start_mark, error,
                 "expected the end of the file, found a second document");
  *ret_root = g_steal_pointer (&root);
  return TRUE;
}

static gboolean
read_stream (Reader *reader, HpYaml **ret_root, GError **error)
{
  g_auto (HpYamlEvent) stream_start = { 0 };
  g_auto (HpYamlEvent) event = { 0 };

  if (!next_event (reader, &stream_start, error) || !next_event (reader, &event, error))
    return FALSE;
  if (event.type == YAML_STREAM_END_EVENT)
    {
      *ret_root = NULL;
      return TRUE;
    }
  return read_document (reader, &event, ret_root, error);
}

gboolean
hp_yaml_parse (const char *data, gsize length, const char *file, HpYaml **ret_root, GError **error)
{
  g_auto (yaml_parser_t) parser = { 0 };
  Reader reader = { .parser = &parser, .data = data, .length = length, .file = file };

  if (length > HP_YAML_SIZE_MAX)
    {
      g_set_error (error, HP_YAML_ERROR, HP_YAML_ERROR_LIMIT, "%s:1:1: expected at most %d bytes, found %zu", file,
                   HP_YAML_SIZE_MAX, length);
      return FALSE;
    }
  if (length >= strlen (UTF8_BOM) && memcmp (data, UTF8_BOM, strlen (UTF8_BOM)) == 0)
    {
      reader.data += strlen (UTF8_BOM);
      reader.length -= strlen (UTF8_BOM);
    }
  if (!yaml_parser_initialize (&parser))
    {
      g_set_error (error, HP_YAML_ERROR, HP_YAML_ERROR_LIMIT, "%s:1:1: out of memory", file);
      return FALSE;
    }
  /* Said aloud, or libyaml takes UTF-16 as well and every place after it is wrong. */
  yaml_parser_set_encoding (&parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string (&parser, (const guchar *)reader.data, reader.length);
  return read_stream (&reader, ret_root, error);
}

const HpYaml *
hp_yaml_get (const HpYaml *mapping, const char *key)
{
  if (mapping == NULL || mapping->kind != HP_YAML_MAPPING)
    return NULL;
  for (guint i = 0; i < mapping->keys->len; i++)
    {
      const HpYaml *candidate = mapping->keys->pdata[i];

      if (strcmp (candidate->text, key) == 0)
        return mapping->items->pdata[i];
    }
  return NULL;
}

gboolean
hp_yaml_is_null (const HpYaml *yaml)
{
  static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };

  return yaml->kind == HP_YAML_SCALAR && yaml->plain && g_strv_contains (nulls, yaml->text);
}

char *
hp_yaml_describe (const HpYaml *yaml)
{
  g_autofree char *shown = NULL;

  if (yaml->kind == HP_YAML_LIST)
    return g_strdup (yaml->items->len == 0 ? "an empty list" : "a list");
  if (yaml->kind == HP_YAML_MAPPING)
    return g_strdup (yaml->items->len == 0 ? "an empty mapping" : "a mapping");
  if (hp_yaml_is_null (yaml))
    return g_strdup ("nothing");
  shown = hp_text_safe (yaml->text, SHOWN_MAX);
  if (shown == NULL)
    return g_strdup (*yaml->text == '\0' ? "an empty text" : "text without a letter in it");
  return g_strdup_printf ("%s \"%s\"", yaml->plain ? "the text" : "the quoted text", shown);
}
