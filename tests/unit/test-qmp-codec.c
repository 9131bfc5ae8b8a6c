/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-codec.h"

#include <string.h>

/* --- framing --- */

static void
push (HpQmpFramer *framer, const char *data, gsize length)
{
  g_autoptr (GError) error = NULL;
  gboolean pushed = hp_qmp_framer_push (framer, data, length, &error);

  g_assert_no_error (error);
  g_assert_true (pushed);
}

/* Takes all that is whole, each with a line of "--" behind it. */
static void
pop_all (HpQmpFramer *framer, GString *taken)
{
  while (TRUE)
    {
      g_autoptr (GBytes) text = hp_qmp_framer_pop (framer);

      if (text == NULL)
        return;
      g_string_append_len (taken, g_bytes_get_data (text, NULL), (gssize)g_bytes_get_size (text));
      g_string_append (taken, "\n--\n");
    }
}

#define GREETING                                                                                                       \
  "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, \"package\": \"Debian 1:7.2\"}, "   \
  "\"capabilities\": [\"oob\"]}}"
#define PRETTY "{\r\n    \"return\": {\r\n        \"a\": [\r\n            1\r\n        ]\r\n    }\r\n}"
#define STRINGS "{\"a\": \"}{][\", \"b\\\"}\": \"\\\\\", \"c\": \"\\\\\\\"}\", \"d\": \"{\\u007d\"}"

static void
test_frames (void)
{
  static const char *const cases[][2] = {
    { "", "" },
    { " \r\n\t", "" },
    { "{}", "{}\n--\n" },
    { GREETING "\r\n", GREETING "\n--\n" },
    { PRETTY "\r\n" PRETTY "\r\n", PRETTY "\n--\n" PRETTY "\n--\n" },
    { "{}{}\n{\"a\":{}}", "{}\n--\n{}\n--\n{\"a\":{}}\n--\n" },
    { "\r\n" STRINGS STRINGS, STRINGS "\n--\n" STRINGS "\n--\n" },
    { "{\"a\": [{}, [[]], {\"b\": {}}]} {\"c", "{\"a\": [{}, [[]], {\"b\": {}}]}\n--\n" },
    /* Where brackets do not match it is for the parser of JSON to say so. */
    { "{]{\"a\":[}]", "{]\n--\n{\"a\":[}]\n--\n" },
    { "{\"\xff\x01\": \"\xc3\"}", "{\"\xff\x01\": \"\xc3\"}\n--\n" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *stream = cases[i][0];
      gsize length = strlen (stream);

      /* Split in two at every byte; the last time byte by byte. */
      for (gsize split = 0; split <= length + 1; split++)
        {
          g_autoptr (HpQmpFramer) framer = hp_qmp_framer_new ();
          g_autoptr (GString) taken = g_string_new (NULL);

          g_assert_null (hp_qmp_framer_pop (framer));
          for (gsize j = 0; split > length && j < length; j++)
            {
              push (framer, stream + j, 1);
              pop_all (framer, taken);
            }
          if (split <= length)
            {
              push (framer, stream, split);
              pop_all (framer, taken);
              push (framer, stream + split, length - split);
            }
          pop_all (framer, taken);
          g_assert_cmpstr (taken->str, ==, cases[i][1]);
        }
    }
  hp_qmp_framer_free (NULL);
}

static void
test_frames_at_random (void)
{
  static const char *const pieces[] = { "{}", GREETING, PRETTY, STRINGS, "{\"return\": {}, \"id\": \"1\"}" };
  static const char *const spaces[] = { "", " ", "\n", "\r\n", "\t\r\n " };

  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (HpQmpFramer) framer = hp_qmp_framer_new ();
      g_autoptr (GString) stream = g_string_new (NULL);
      g_autoptr (GString) wanted = g_string_new (NULL);
      g_autoptr (GString) taken = g_string_new (NULL);
      gsize at = 0;

      for (int n = g_test_rand_int_range (0, 20); n > 0; n--)
        {
          const char *piece = pieces[g_test_rand_int_range (0, G_N_ELEMENTS (pieces))];

          g_string_append_printf (stream, "%s%s", piece, spaces[g_test_rand_int_range (0, G_N_ELEMENTS (spaces))]);
          g_string_append_printf (wanted, "%s\n--\n", piece);
        }
      while (at < stream->len)
        {
          gsize length = (gsize)g_test_rand_int_range (0, 400);

          length = MIN (length, stream->len - at);
          push (framer, stream->str + at, length);
          at += length;
          if (g_test_rand_bit ())
            pop_all (framer, taken);
        }
      pop_all (framer, taken);
      g_assert_cmpstr (taken->str, ==, wanted->str);
    }
}

/* Broken, for good; what was whole before may still be had. */
static void
expect_broken (HpQmpFramer *framer, const char *data, gsize length, const char *said)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) again = NULL;

  g_assert_false (hp_qmp_framer_push (framer, data, length, &error));
  g_assert_error (error, HP_QMP_ERROR, HP_QMP_ERROR_PROTOCOL);
  g_assert_nonnull (strstr (error->message, said));
  g_assert_false (hp_qmp_framer_push (framer, "{}", 2, &again));
  g_assert_error (again, HP_QMP_ERROR, HP_QMP_ERROR_PROTOCOL);
}

static void
test_garbage (void)
{
  static const char garbage[][3] = { "x", "[", "]", "}", "\"", "1", ",", ":", "-", "\\", "\x01", "\x80", "\xef" };

  for (gsize i = 0; i < G_N_ELEMENTS (garbage); i++)
    for (guint behind = 0; behind < 3; behind++)
      {
        g_autoptr (HpQmpFramer) framer = hp_qmp_framer_new ();
        g_autoptr (GString) data = g_string_new (behind == 0 ? "" : behind == 1 ? "{} \n" : "{\"a\":{}}");
        g_autoptr (GString) taken = g_string_new (NULL);

        g_string_append (data, garbage[i]);
        g_string_append (data, "{}");
        expect_broken (framer, data->str, data->len, "must begin with {");
        pop_all (framer, taken);
        g_assert_cmpstr (taken->str, ==, behind == 0 ? "" : behind == 1 ? "{}\n--\n" : "{\"a\":{}}\n--\n");
      }

  g_autoptr (HpQmpFramer) framer = hp_qmp_framer_new ();

  expect_broken (framer, "\0{}", 3, "must begin with {");
}

static void
test_depth (void)
{
  for (guint mixed = 0; mixed < 2; mixed++)
    {
      g_autoptr (GString) open = g_string_new ("{");
      g_autoptr (GString) whole = g_string_new (NULL);
      g_autoptr (HpQmpFramer) framer = hp_qmp_framer_new ();
      g_autoptr (HpQmpFramer) deeper = hp_qmp_framer_new ();
      g_autoptr (GBytes) text = NULL;

      for (guint i = 1; i < HP_QMP_DEPTH_MAX; i++)
        g_string_append (open, mixed ? "[" : "{");
      g_string_append (whole, open->str);
      for (guint i = 1; i < HP_QMP_DEPTH_MAX; i++)
        g_string_append (whole, mixed ? "]" : "}");
      g_string_append (whole, "}");
      push (framer, whole->str, whole->len);
      text = hp_qmp_framer_pop (framer);
      g_assert_cmpuint (g_bytes_get_size (text), ==, whole->len);
      push (deeper, open->str, open->len);
      push (deeper, "\"{{{{\"", 6);
      expect_broken (deeper, mixed ? "[" : "{", 1, "too deep");
    }
}

static void
test_size (void)
{
  g_autofree char *blank = g_strnfill (HP_QMP_MESSAGE_MAX - 2, ' ');
  g_autoptr (HpQmpFramer) framer = hp_qmp_framer_new ();
  g_autoptr (HpQmpFramer) longer = hp_qmp_framer_new ();

  /* The longest there is, three times, and space between that does not count. */
  for (guint i = 0; i < 3; i++)
    {
      push (framer, "{", 1);
      push (framer, blank, HP_QMP_MESSAGE_MAX - 2);
      push (framer, "}", 1);
      push (framer, blank, HP_QMP_MESSAGE_MAX - 2);
    }
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GBytes) text = hp_qmp_framer_pop (framer);

      g_assert_cmpuint (g_bytes_get_size (text), ==, HP_QMP_MESSAGE_MAX);
    }
  g_assert_null (hp_qmp_framer_pop (framer));
  push (longer, "{}{\"", 4);
  push (longer, blank, HP_QMP_MESSAGE_MAX - 2);
  expect_broken (longer, "\"", 1, "longer");
}

/* --- messages --- */

static HpQmpMessage *
parse (const char *text)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
  g_autoptr (GError) error = NULL;
  HpQmpMessage *message = hp_qmp_message_parse (bytes, &error);

  g_test_message ("%s", text);
  g_assert_no_error (error);
  g_assert_nonnull (message);
  return message;
}

typedef struct
{
  const char *text;
  HpQmpKind kind;
  const char *id, *event;
  const char *data; /* as JSON; NULL: none */
} MessageCase;

static void
test_messages (void)
{
  static const MessageCase cases[] = {
    { "{\"QMP\": {\"version\": {}, \"capabilities\": []}}", HP_QMP_GREETING, NULL, NULL,
      "{\"version\":{},\"capabilities\":[]}" },
    { "{\"return\": {}, \"id\": \"7\"}", HP_QMP_RETURN, "7", NULL, "{}" },
    { "{\"id\": \"7\", \"return\": [1, \"a\", true]}", HP_QMP_RETURN, "7", NULL, "[1,\"a\",true]" },
    { PRETTY, HP_QMP_RETURN, NULL, NULL, "{\"a\":[1]}" },
    { "{\"return\": null}", HP_QMP_RETURN, NULL, NULL, "null" },
    { "{\"return\": \"\", \"id\": \"\"}", HP_QMP_RETURN, "", NULL, "\"\"" },
    /* Ids that are not ours. */
    { "{\"return\": 1, \"id\": 7}", HP_QMP_RETURN, NULL, NULL, "1" },
    { "{\"return\": 1, \"id\": null}", HP_QMP_RETURN, NULL, NULL, "1" },
    { "{\"return\": 1, \"id\": [\"7\"]}", HP_QMP_RETURN, NULL, NULL, "1" },
    { "{\"return\": 1, \"id\": {\"id\": \"7\"}}", HP_QMP_RETURN, NULL, NULL, "1" },
    { "{\"event\": \"RESET\", \"timestamp\": {}}", HP_QMP_EVENT, NULL, "RESET", NULL },
    { "{\"timestamp\": {}, \"event\": \"SHUTDOWN\", \"data\": {\"guest\": false}}", HP_QMP_EVENT, NULL, "SHUTDOWN",
      "{\"guest\":false}" },
    { "{\"event\": \"A\", \"data\": 5}", HP_QMP_EVENT, NULL, "A", "5" },
    /* Of two the last counts; of all that a message may be, the answer. */
    { "{\"return\": 1, \"return\": 2, \"id\": \"a\", \"id\": \"b\"}", HP_QMP_RETURN, "b", NULL, "2" },
    { "{\"event\": \"A\", \"return\": 1}", HP_QMP_RETURN, NULL, NULL, "1" },
    { "{\"error\": {}, \"return\": 1}", HP_QMP_RETURN, NULL, NULL, "1" },
    /* A NUL cannot be in a string of C: what is before it is what there is. */
    { "{\"event\": \"A\\u0000B\"}", HP_QMP_EVENT, NULL, "A", NULL },
    { "{\"return\": \"\\u00e4\\ud83d\\udcbe\"}", HP_QMP_RETURN, NULL, NULL, "\"\xc3\xa4\xf0\x9f\x92\xbe\"" },
    { "{\"return\": 9223372036854775807}", HP_QMP_RETURN, NULL, NULL, "9223372036854775807" },
    { "{\"return\": -9223372036854775808}", HP_QMP_RETURN, NULL, NULL, "-9223372036854775808" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (HpQmpMessage) message = parse (cases[i].text);
      g_autofree char *data = message->data != NULL ? json_to_string (message->data, FALSE) : NULL;

      g_assert_cmpint (message->kind, ==, cases[i].kind);
      g_assert_cmpstr (message->id, ==, cases[i].id);
      g_assert_cmpstr (message->event, ==, cases[i].event);
      g_assert_cmpstr (data, ==, cases[i].data);
      g_assert_null (message->failure);
    }
  hp_qmp_message_free (NULL);
}

typedef struct
{
  const char *error; /* the member's value */
  int code;
  const char *text;
} FailureCase;

#define GIVEN_NONE "QEMU gave no reason"

static void
test_failures (void)
{
  static const FailureCase cases[] = {
    { "{\"class\": \"GenericError\", \"desc\": \"bad\"}", HP_QMP_ERROR_GENERIC, "bad" },
    { "{\"class\": \"CommandNotFound\", \"desc\": \"bad\"}", HP_QMP_ERROR_COMMAND_NOT_FOUND, "bad" },
    { "{\"desc\": \"Device 'p1' not found\", \"class\": \"DeviceNotFound\"}", HP_QMP_ERROR_DEVICE_NOT_FOUND,
      "Device 'p1' not found" },
    { "{\"class\": \"New\", \"desc\": \"%s%n\"}", HP_QMP_ERROR_GENERIC, "%s%n" },
    { "{\"class\": 5, \"desc\": \"bad\"}", HP_QMP_ERROR_GENERIC, "bad" },
    { "{\"desc\": \"\\u001b[31mbad\\n  \\u202enext \"}", HP_QMP_ERROR_GENERIC, "[31mbad next" },
    { "{\"desc\": \" \\n\"}", HP_QMP_ERROR_GENERIC, GIVEN_NONE },
    { "{\"desc\": 5}", HP_QMP_ERROR_GENERIC, GIVEN_NONE },
    { "{}", HP_QMP_ERROR_GENERIC, GIVEN_NONE },
    { "null", HP_QMP_ERROR_GENERIC, GIVEN_NONE },
    { "\"bad\"", HP_QMP_ERROR_GENERIC, GIVEN_NONE },
    { "[]", HP_QMP_ERROR_GENERIC, GIVEN_NONE },
  };
  g_autofree char *long_name = g_strnfill (5000, 'x');
  g_autofree char *long_text = g_strdup_printf ("{\"error\": {\"desc\": \"%s\"}}", long_name);
  g_autoptr (HpQmpMessage) long_message = parse (long_text);

  g_assert_cmpuint (strlen (long_message->failure->message), ==, 1024);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdup_printf ("{\"id\": \"7\", \"error\": %s}", cases[i].error);
      g_autoptr (HpQmpMessage) message = parse (text);

      g_assert_cmpint (message->kind, ==, HP_QMP_FAILURE);
      g_assert_cmpstr (message->id, ==, "7");
      g_assert_null (message->data);
      g_assert_error (message->failure, HP_QMP_ERROR, cases[i].code);
      g_assert_cmpstr (message->failure->message, ==, cases[i].text);
    }
}

static void
expect_no_message (const char *text, gsize length, const char *said)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, length);
  g_autoptr (GError) error = NULL;

  g_assert_null (hp_qmp_message_parse (bytes, &error));
  g_assert_error (error, HP_QMP_ERROR, HP_QMP_ERROR_PROTOCOL);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, said));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  for (const char *at = error->message; *at != '\0'; at++)
    g_assert_false (g_ascii_iscntrl (*at));
  g_assert_cmpuint (strlen (error->message), <, 1100);
}

static void
test_no_messages (void)
{
  static const char *const neither[] = { "{}",
                                         "{\"a\": 1}",
                                         "{\"id\": \"7\"}",
                                         "{\"event\": 5}",
                                         "{\"event\": null}",
                                         "{\"data\": {}}",
                                         "[]",
                                         "[{\"return\": 1}]",
                                         "5",
                                         "\"return\"",
                                         "null" };
  static const char no_json[] = "{\n{]\n{\"return\": [}]\n{\"return\": 1,}\n{\"return\" 1}\n{\"return\": \x1b[31m}\n"
                                "{\"return\": \"\\ud800\"}\n{\"return\": }\n{return: 1}\n{\"return\": nil}";
  g_auto (GStrv) lines = g_strsplit (no_json, "\n", -1);
  g_autofree char *long_name = g_strnfill (5000, 'x');
  g_autofree char *long_text = g_strdup_printf ("{\"return\": %s}", long_name);

  for (gsize i = 0; i < G_N_ELEMENTS (neither); i++)
    expect_no_message (neither[i], strlen (neither[i]), "neither");
  for (gsize i = 0; lines[i] != NULL; i++)
    expect_no_message (lines[i], strlen (lines[i]), "not QMP");
  expect_no_message (long_text, strlen (long_text), "not QMP");
  expect_no_message ("", 0, "not QMP");
  expect_no_message (" ", 1, "not QMP");
  expect_no_message ("{\"return\": \"\xff\"}", 14, "UTF-8");
  expect_no_message ("{\"return\": \"a\0b\"}", 16, "UTF-8");
}

/* --- what is in them --- */

static void
test_version (void)
{
  static const struct
  {
    const char *data, *expected;
    guint major, minor;
  } cases[] = {
    { "{\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, \"package\": \"\"}}", "7.2.22", 7, 2 },
    { "{\"qemu\": {\"major\": 11, \"minor\": 1, \"micro\": 3}}", "11.1.3", 11, 1 },
    { "{\"qemu\": {\"major\": 0, \"minor\": 0, \"micro\": 999}}", "0.0.999", 0, 0 },
    { "{\"qemu\": {\"major\": -1, \"minor\": 1, \"micro\": 1}}" },
    { "{\"qemu\": {\"major\": 1, \"minor\": 1000, \"micro\": 1}}" },
    { "{\"qemu\": {\"major\": 1, \"minor\": 1, \"micro\": 4294967296}}" },
    { "{\"qemu\": {\"major\": 1, \"minor\": -1, \"micro\": 1}}" },
    { "{\"qemu\": {\"major\": 1, \"minor\": 1, \"micro\": -1}}" },
    { "{\"qemu\": {\"major\": 1000, \"minor\": 1, \"micro\": 1}}" },
    { "{\"qemu\": {\"major\": \"1\", \"minor\": 1, \"micro\": 1}}" },
    { "{\"qemu\": {\"major\": 1, \"minor\": 1.0, \"micro\": 1}}" },
    { "{\"qemu\": {\"major\": 1, \"minor\": 1}}" },
    { "{\"qemu\": \"7.2\"}" },
    { "{\"version\": \"7.2\"}" },
    { "{}" },
    { "[]" },
    { "null" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdup_printf ("{\"return\": %s}", cases[i].data);
      g_autoptr (HpQmpMessage) message = parse (text);
      guint major = 77, minor = 77;
      g_autofree char *version = hp_qmp_version (message->data, &major, &minor);
      g_autofree char *again = hp_qmp_version (message->data, NULL, NULL);

      g_assert_cmpstr (version, ==, cases[i].expected);
      g_assert_cmpstr (again, ==, cases[i].expected);
      g_assert_cmpuint (major, ==, version != NULL ? cases[i].major : 77);
      g_assert_cmpuint (minor, ==, version != NULL ? cases[i].minor : 77);
    }
  g_assert_null (hp_qmp_version (NULL, NULL, NULL));
}

static void
test_readers (void)
{
  static const char *const others[] = { "absent", "null", "list", "object", "true", "real" };
  g_autoptr (HpQmpMessage) message =
      parse ("{\"return\": {\"text\": \"a\", \"number\": -5, \"null\": null, \"list\": [1], \"object\": {\"a\": 1}, "
             "\"true\": true, \"real\": 1.5}}");
  gint64 number = 77;

  g_assert_cmpstr (hp_json_string (message->data, "text"), ==, "a");
  g_assert_null (hp_json_string (message->data, "number"));
  g_assert_true (hp_json_int (message->data, "number", &number));
  g_assert_cmpint (number, ==, -5);
  number = 77;
  g_assert_false (hp_json_int (message->data, "text", &number));
  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_assert_null (hp_json_string (message->data, others[i]));
      g_assert_false (hp_json_int (message->data, others[i], &number));
      g_assert_cmpint (hp_json_member (message->data, others[i]) == NULL, ==, i == 0);
      g_assert_null (hp_json_member (hp_json_member (message->data, i == 3 ? "text" : others[i]), "a"));
    }
  g_assert_cmpint (number, ==, 77);
  g_assert_true (hp_json_int (hp_json_member (message->data, "object"), "a", &number));
  g_assert_null (hp_json_member (NULL, "a"));
  g_assert_null (hp_json_string (NULL, "a"));
  g_assert_false (hp_json_int (NULL, "a", &number));
}

static void
test_command (void)
{
  g_autoptr (JsonObject) arguments = json_object_new ();
  g_autoptr (GBytes) bare = hp_qmp_command ("qmp_capabilities", NULL, "1");
  g_autoptr (HpQmpFramer) framer = hp_qmp_framer_new ();
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GBytes) line = NULL;
  g_autoptr (GBytes) text = NULL;
  JsonObject *found;

  g_assert_cmpmem (g_bytes_get_data (bare, NULL), g_bytes_get_size (bare),
                   "{\"execute\":\"qmp_capabilities\",\"id\":\"1\"}\n", 40);
  json_object_set_string_member (arguments, "id", "a\n\"\\{\xc3\xa4\x01");
  json_object_set_int_member (arguments, "port", 4);
  line = hp_qmp_command ("device_add", arguments, "\"\n");
  /* One line, with nothing in it that ends it early, and the frame is the whole of it. */
  g_assert_true (memchr (g_bytes_get_data (line, NULL), '\n', g_bytes_get_size (line))
                 == (const char *)g_bytes_get_data (line, NULL) + g_bytes_get_size (line) - 1);
  push (framer, g_bytes_get_data (line, NULL), g_bytes_get_size (line));
  text = hp_qmp_framer_pop (framer);
  g_assert_cmpuint (g_bytes_get_size (text), ==, g_bytes_get_size (line) - 1);
  g_assert_true (
      json_parser_load_from_data (parser, g_bytes_get_data (text, NULL), (gssize)g_bytes_get_size (text), NULL));
  found = json_node_get_object (json_parser_get_root (parser));
  g_assert_cmpstr (json_object_get_string_member (found, "execute"), ==, "device_add");
  g_assert_cmpstr (json_object_get_string_member (found, "id"), ==, "\"\n");
  found = json_object_get_object_member (found, "arguments");
  g_assert_cmpstr (json_object_get_string_member (found, "id"), ==, "a\n\"\\{\xc3\xa4\x01");
  g_assert_cmpint (json_object_get_int_member (found, "port"), ==, 4);
  g_assert_cmpint (json_object_get_int_member (arguments, "port"), ==, 4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/qmp-codec/frames", test_frames);
  g_test_add_func ("/qmp-codec/frames/at-random", test_frames_at_random);
  g_test_add_func ("/qmp-codec/frames/garbage", test_garbage);
  g_test_add_func ("/qmp-codec/frames/depth", test_depth);
  g_test_add_func ("/qmp-codec/frames/size", test_size);
  g_test_add_func ("/qmp-codec/messages", test_messages);
  g_test_add_func ("/qmp-codec/messages/failures", test_failures);
  g_test_add_func ("/qmp-codec/messages/none", test_no_messages);
  g_test_add_func ("/qmp-codec/version", test_version);
  g_test_add_func ("/qmp-codec/readers", test_readers);
  g_test_add_func ("/qmp-codec/command", test_command);
  return g_test_run ();
}
