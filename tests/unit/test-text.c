/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"

#include <string.h>

#define BAD "\xef\xbf\xbd" /* U+FFFD */

typedef struct
{
  const char *text;
  const char *expected;
} Case;

static const Case safe_cases[] = {
  { NULL, NULL },
  { "", NULL },
  { " \t\r\n", NULL },
  { "a", "a" },
  { "SanDisk Ultra", "SanDisk Ultra" },
  { "  SanDisk \t  Ultra\n", "SanDisk Ultra" },
  { "a\r\nb\vc\fd", "a b c d" },
  { "M\xc3\xbcller \xe6\x97\xa5\xe6\x9c\xac", "M\xc3\xbcller \xe6\x97\xa5\xe6\x9c\xac" },
  { "\xf0\x9f\x92\xbe", "\xf0\x9f\x92\xbe" },
  /* Terminals: colours, titles, bells, C1 controls. */
  { "\x1b[31mred\x1b[0m", "[31mred [0m" },
  { "a\x1b]0;title\x07"
    "b",
    "a ]0;title b" },
  { "a\x7f"
    "b\x08",
    "a b" },
  { "a\xc2\x9b"
    "31m",
    "a 31m" },
  /* Spaces and line ends that ASCII has not. */
  { "a\xc2\x85"
    "b\xc2\xa0"
    "c",
    "a b c" },
  { "a\xe2\x80\xa8"
    "b\xe2\x80\xa9"
    "c\xe3\x80\x80"
    "d",
    "a b c d" },
  /* Turned around, hidden, or of no meaning: gone. */
  { "exe\xe2\x80\xae"
    "gpj",
    "exegpj" },
  { "a\xe2\x81\xa6"
    "b\xe2\x81\xa9",
    "ab" },
  { "a\xe2\x80\x8b"
    "b\xe2\x80\x8d"
    "c\xef\xbb\xbf"
    "d\xc2\xad",
    "abcd" },
  { "a \xe2\x80\x8b b", "a b" },
  { "\xe2\x80\x8b", NULL },
  { "a\xee\x80\x80"
    "b\xf3\xa0\x81\x81"
    "c",
    "abc" },
  { "a\xef\xbf\xbe"
    "b\xcd\xb8",
    "ab" },
  /* Not UTF-8. */
  { "\xff", BAD },
  { "a\xc3", "a" BAD },
  { "a\xc3(", "a" BAD "(" },
  { "\xc0\xaf", BAD BAD },
  { "\xed\xa0\x80", BAD BAD BAD },
  { "\xf4\x90\x80\x80", BAD BAD BAD BAD },
};

static void
test_safe (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (safe_cases); i++)
    {
      g_autofree char *safe = hp_text_safe (safe_cases[i].text, 100);
      g_autofree char *shown = g_strescape (safe_cases[i].text != NULL ? safe_cases[i].text : "NULL", NULL);

      g_test_message ("%s", shown);
      g_assert_cmpstr (safe, ==, safe_cases[i].expected);
    }
}

typedef struct
{
  const char *text;
  gsize max;
  const char *expected;
} CutCase;

static void
test_cut (void)
{
  static const CutCase cases[] = {
    { "abc", 0, NULL },
    { "abc", 1, "a" },
    { "abc", 2, "ab" },
    { "abc", 3, "abc" },
    { "abc", 4, "abc" },
    { "a\xc3\xa4z", 2, "a" },
    { "a\xc3\xa4z", 3, "a\xc3\xa4" },
    { "\xc3\xa4", 1, NULL },
    { "\xf0\x9f\x92\xbe", 3, NULL },
    { "a b", 1, "a" },
    { "a b", 2, "a" },
    { "a b", 3, "a b" },
    { "a   b", 3, "a b" },
    { "  a", 1, "a" },
    { "\xff", 2, NULL },
    { "\xff\xff", 3, BAD },
    { "a\xe2\x80\x8b"
      "b",
      2, "ab" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *safe = hp_text_safe (cases[i].text, cases[i].max);

      g_assert_cmpstr (safe, ==, cases[i].expected);
    }
}

static void
expect_safe (const char *safe, gsize max)
{
  if (safe == NULL)
    return;
  g_assert_cmpuint (strlen (safe), >, 0);
  g_assert_cmpuint (strlen (safe), <=, max);
  g_assert_true (g_utf8_validate (safe, -1, NULL));
  g_assert_null (strstr (safe, "  "));
  g_assert_false (g_str_has_prefix (safe, " ") || g_str_has_suffix (safe, " "));
  for (const char *at = safe; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);

      g_assert_false (g_unichar_iscntrl (c));
      g_assert_true (c == ' ' || !g_unichar_isspace (c));
      g_assert_false (g_unichar_iszerowidth (c) && g_unichar_type (c) == G_UNICODE_FORMAT);
    }
}

/* Whatever comes, the answer holds to the rules, and is its own answer. */
static void
test_at_random (void)
{
  for (guint i = 0; i < 5000; i++)
    {
      char text[64];
      gsize length = (gsize)g_test_rand_int_range (0, sizeof text);
      gsize max = (gsize)g_test_rand_int_range (0, 80);
      gboolean bytes = g_test_rand_bit ();
      g_autoptr (GString) long_text = g_string_new (NULL);
      g_autofree char *safe = NULL;
      g_autofree char *again = NULL;

      for (gsize j = 0; j < length; j++)
        {
          text[j] = (char)g_test_rand_int_range (1, 256);
          /* Any code point, the low ones and the punctuation with the marks in it more often. */
          g_string_append_unichar (long_text, (gunichar)g_test_rand_int_range (1, g_test_rand_bit ()   ? 0x2100
                                                                                  : g_test_rand_bit () ? 0xd800
                                                                                                       : 0x100));
        }
      text[length] = '\0';
      safe = hp_text_safe (bytes ? text : long_text->str, max);
      expect_safe (safe, max);
      again = hp_text_safe (safe, max);
      g_assert_cmpstr (again, ==, safe);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/safe", test_safe);
  g_test_add_func ("/text/cut", test_cut);
  g_test_add_func ("/text/at-random", test_at_random);
  return g_test_run ();
}
