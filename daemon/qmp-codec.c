/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-codec.h"
#include "text.h"

#include <string.h>

#define DESCRIPTION_MAX 1024

G_DEFINE_QUARK (hp - qmp - error - quark, hp_qmp_error)

struct _HpQmpFramer
{
  GByteArray *buffer;
  gsize start;    /* of the first object that was not popped */
  GArray *ends;   /* gsize: where whole objects end in the buffer */
  guint next_end; /* of the first object that was not popped */
  guint depth;
  gboolean in_string;
  gboolean escaped;
  gboolean broken;
};

HpQmpFramer *
hp_qmp_framer_new (void)
{
  HpQmpFramer *framer = g_new0 (HpQmpFramer, 1);

  framer->buffer = g_byte_array_new ();
  framer->ends = g_array_new (FALSE, FALSE, sizeof (gsize));
  return framer;
}

void
hp_qmp_framer_free (HpQmpFramer *framer)
{
  if (framer == NULL)
    return;
  g_byte_array_unref (framer->buffer);
  g_array_unref (framer->ends);
  g_free (framer);
}

static gboolean
refuse (HpQmpFramer *framer, const char *why, GError **error)
{
  framer->broken = TRUE;
  g_set_error (error, HP_QMP_ERROR, HP_QMP_ERROR_PROTOCOL, "what comes is not QMP: %s", why);
  return FALSE;
}

/* Drops what was popped, once nothing whole is left: each byte moves at most once. */
static void
compact (HpQmpFramer *framer)
{
  if (framer->next_end < framer->ends->len)
    return;
  g_array_set_size (framer->ends, 0);
  framer->next_end = 0;
  if (framer->start > 0)
    g_byte_array_remove_range (framer->buffer, 0, (guint)framer->start);
  framer->start = 0;
  if (framer->buffer->len == 0 && framer->depth == 0)
    {
      g_byte_array_unref (framer->buffer);
      framer->buffer = g_byte_array_new ();
    }
}

/* One byte inside an object. */
static void
step (HpQmpFramer *framer, char byte)
{
  if (framer->in_string)
    {
      if (framer->escaped)
        framer->escaped = FALSE;
      else if (byte == '\\')
        framer->escaped = TRUE;
      else if (byte == '"')
        framer->in_string = FALSE;
    }
  else if (byte == '"')
    framer->in_string = TRUE;
  else if (byte == '{' || byte == '[')
    framer->depth++;
  else if (byte == '}' || byte == ']')
    framer->depth--;
}

gboolean
hp_qmp_framer_push (HpQmpFramer *framer, const char *data, gsize length, GError **error)
{
  if (framer->broken)
    return refuse (framer, "an earlier message was broken", error);
  compact (framer);
  for (gsize i = 0; i < length; i++)
    {
      gboolean outside = framer->depth == 0;
      gsize begun = framer->ends->len > 0 ? g_array_index (framer->ends, gsize, framer->ends->len - 1) : framer->start;

      if (outside && g_ascii_isspace (data[i]))
        continue;
      if (outside && data[i] != '{')
        return refuse (framer, "an object must begin with {", error);
      step (framer, data[i]);
      g_byte_array_append (framer->buffer, (const guint8 *)&data[i], 1);
      if (framer->depth > HP_QMP_DEPTH_MAX)
        return refuse (framer, "a message is nested too deep", error);
      if (framer->buffer->len - begun > HP_QMP_MESSAGE_MAX)
        return refuse (framer, "a message is longer than any answer of QEMU", error);
      if (framer->depth == 0)
        {
          gsize end = framer->buffer->len;

          g_array_append_val (framer->ends, end);
        }
    }
  return TRUE;
}

GBytes *
hp_qmp_framer_pop (HpQmpFramer *framer)
{
  gsize end, start = framer->start;

  if (framer->next_end >= framer->ends->len)
    return NULL;
  end = g_array_index (framer->ends, gsize, framer->next_end++);
  framer->start = end;
  return g_bytes_new (framer->buffer->data + start, end - start);
}

JsonNode *
hp_json_member (JsonNode *object, const char *member)
{
  if (object == NULL || !JSON_NODE_HOLDS_OBJECT (object))
    return NULL;
  return json_object_get_member (json_node_get_object (object), member);
}

const char *
hp_json_string (JsonNode *object, const char *member)
{
  JsonNode *node = hp_json_member (object, member);

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;
  return json_node_get_string (node);
}

gboolean
hp_json_int (JsonNode *object, const char *member, gint64 *ret_value)
{
  JsonNode *node = hp_json_member (object, member);

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return FALSE;
  *ret_value = json_node_get_int (node);
  return TRUE;
}

void
hp_qmp_message_free (HpQmpMessage *message)
{
  if (message == NULL)
    return;
  g_free (message->id);
  g_free (message->event);
  g_clear_pointer (&message->data, json_node_unref);
  g_clear_error (&message->failure);
  g_free (message);
}

static GError *
failure_of (JsonNode *error)
{
  const char *class = hp_json_string (error, "class");
  g_autofree char *text = hp_text_safe (hp_json_string (error, "desc"), DESCRIPTION_MAX);
  int code = HP_QMP_ERROR_GENERIC;

  if (g_strcmp0 (class, "CommandNotFound") == 0)
    code = HP_QMP_ERROR_COMMAND_NOT_FOUND;
  else if (g_strcmp0 (class, "DeviceNotFound") == 0)
    code = HP_QMP_ERROR_DEVICE_NOT_FOUND;
  return g_error_new_literal (HP_QMP_ERROR, code, text != NULL ? text : "QEMU gave no reason");
}

static void
take_member (HpQmpMessage *message, HpQmpKind kind, JsonNode *data)
{
  message->kind = kind;
  message->data = data != NULL ? json_node_ref (data) : NULL;
}

HpQmpMessage *
hp_qmp_message_parse (GBytes *text, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (HpQmpMessage) message = g_new0 (HpQmpMessage, 1);
  g_autoptr (GError) cause = NULL;
  gsize length = g_bytes_get_size (text);
  const char *data = length > 0 ? g_bytes_get_data (text, NULL) : "";
  JsonNode *root;
  const char *event;

  if (!g_utf8_validate_len (data, length, NULL))
    {
      g_set_error_literal (error, HP_QMP_ERROR, HP_QMP_ERROR_PROTOCOL, "what comes is not QMP: it is not valid UTF-8");
      return NULL;
    }
  if (!json_parser_load_from_data (parser, data, (gssize)length, &cause))
    {
      /* json-glib quotes what it did not understand. */
      g_autofree char *why = hp_text_safe (cause->message, DESCRIPTION_MAX);

      g_set_error (error, HP_QMP_ERROR, HP_QMP_ERROR_PROTOCOL, "what comes is not QMP: %s", why);
      return NULL;
    }
  root = json_parser_get_root (parser);
  message->id = g_strdup (hp_json_string (root, "id"));
  event = hp_json_string (root, "event");
  if (hp_json_member (root, "QMP") != NULL)
    take_member (message, HP_QMP_GREETING, hp_json_member (root, "QMP"));
  else if (hp_json_member (root, "return") != NULL)
    take_member (message, HP_QMP_RETURN, hp_json_member (root, "return"));
  else if (hp_json_member (root, "error") != NULL)
    {
      message->kind = HP_QMP_FAILURE;
      message->failure = failure_of (hp_json_member (root, "error"));
    }
  else if (event != NULL)
    {
      message->event = g_strdup (event);
      take_member (message, HP_QMP_EVENT, hp_json_member (root, "data"));
    }
  else
    {
      g_set_error_literal (error, HP_QMP_ERROR, HP_QMP_ERROR_PROTOCOL,
                           "what comes is not QMP: neither greeting, answer nor event");
      return NULL;
    }
  return g_steal_pointer (&message);
}

char *
hp_qmp_version (JsonNode *data, guint *ret_major, guint *ret_minor)
{
  JsonNode *version = hp_json_member (data, "version");
  JsonNode *qemu = hp_json_member (version != NULL ? version : data, "qemu");
  gint64 major, minor, micro;

  if (!hp_json_int (qemu, "major", &major) || !hp_json_int (qemu, "minor", &minor)
      || !hp_json_int (qemu, "micro", &micro) || major < 0 || major > 999 || minor < 0 || minor > 999 || micro < 0
      || micro > 999)
    return NULL;
  if (ret_major != NULL)
    *ret_major = (guint)major;
  if (ret_minor != NULL)
    *ret_minor = (guint)minor;
  return g_strdup_printf ("%d.%d.%d", (int)major, (int)minor, (int)micro);
}

GBytes *
hp_qmp_command (const char *command, JsonObject *arguments, const char *id)
{
  g_autoptr (JsonObject) object = json_object_new ();
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  g_autofree char *text = NULL;
  char *line;

  json_object_set_string_member (object, "execute", command);
  if (arguments != NULL)
    json_object_set_object_member (object, "arguments", json_object_ref (arguments));
  json_object_set_string_member (object, "id", id);
  json_node_set_object (root, object);
  text = json_to_string (root, FALSE);
  line = g_strconcat (text, "\n", NULL);
  return g_bytes_new_take (line, strlen (line));
}
