/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include "daemon/qmp-codec.h"

/* What QEMU sends, in pieces: the first byte is how long they are. The same messages come out, however it is cut. */

static void
check_message (GBytes *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HpQmpMessage) message = hp_qmp_message_parse (text, &error);

  if (message == NULL)
    {
      g_assert_nonnull (error);
      g_assert_true (fuzz_text_is_safe (error->message));
      return;
    }
  g_assert_no_error (error);
  g_assert_true ((message->kind == HP_QMP_FAILURE) == (message->failure != NULL));
  g_assert_true ((message->kind == HP_QMP_EVENT) == (message->event != NULL));
  if (message->failure != NULL)
    g_assert_true (fuzz_text_is_safe (message->failure->message));
  if (message->id != NULL)
    g_assert_true (g_utf8_validate (message->id, -1, NULL));
  if (message->data != NULL)
    {
      g_autofree char *version = hp_qmp_version (message->data, &(guint){ 0 }, &(guint){ 0 });
      gint64 number = 0;

      g_assert_true (version == NULL || g_utf8_validate (version, -1, NULL));
      hp_json_string (message->data, "type");
      hp_json_int (message->data, "value", &number);
      hp_json_member (message->data, "data");
    }
}

/* Pushes it in pieces of @piece. Returns the messages, one after another. */
static GByteArray *
run (const char *data, gsize size, gsize piece, gboolean check)
{
  g_autoptr (HpQmpFramer) framer = hp_qmp_framer_new ();
  GByteArray *all = g_byte_array_new ();

  for (gsize at = 0; at < size; at += piece)
    {
      g_autoptr (GError) error = NULL;
      gboolean ok = hp_qmp_framer_push (framer, data + at, MIN (piece, size - at), &error);

      g_assert_true (ok == (error == NULL));
      while (TRUE)
        {
          g_autoptr (GBytes) text = hp_qmp_framer_pop (framer);

          if (text == NULL)
            break;
          g_byte_array_append (all, g_bytes_get_data (text, NULL), g_bytes_get_size (text));
          if (check)
            check_message (text);
        }
      if (!ok)
        break;
    }
  return all;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GByteArray) pieces = NULL, whole = NULL;

  if (size < 2)
    return 0;
  pieces = run ((const char *)data + 1, size - 1, data[0] % 32 + 1, TRUE);
  whole = run ((const char *)data + 1, size - 1, 1, FALSE);
  g_assert_cmpmem (pieces->data, pieces->len, whole->data, whole->len);
  return 0;
}
