/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "yaml.h"

#include <string.h>

/* The tree on one line: 'quoted', plain, [list], {key: value}, each with @line:column where @places. */
static void
dump (const HpYaml *yaml, gboolean places, GString *to)
{
  if (yaml->kind == HP_YAML_SCALAR)
    g_string_append_printf (to, yaml->plain ? "%s" : "'%s'", yaml->text);
  if (places)
    g_string_append_printf (to, "@%u:%u", yaml->line, yaml->column);
  if (yaml->kind == HP_YAML_SCALAR)
    return;
  g_string_append_c (to, yaml->kind == HP_YAML_LIST ? '[' : '{');
  for (guint i = 0; i < yaml->items->len; i++)
    {
      if (i > 0)
        g_string_append (to, ", ");
      if (yaml->kind == HP_YAML_MAPPING)
        {
          dump (yaml->keys->pdata[i], places, to);
          g_string_append (to, ": ");
        }
      dump (yaml->items->pdata[i], places, to);
    }
  g_string_append_c (to, yaml->kind == HP_YAML_LIST ? ']' : '}');
}

static const struct
{
  const char *name, *text, *expected; /* NULL: no root */
  gboolean places;
} good[] = {
  { "empty", "", NULL },
  { "comment", "# nothing\n\n", NULL },
  { "empty-document", "---\n...\n", "" },
  { "bom",
    "\xef\xbb\xbf"
    "a: b",
    "{a: b}" },
  { "bom-places",
    "\xef\xbb\xbf"
    "a: b",
    "@1:1{a@1:1: b@1:4}", TRUE },
  { "scalar", "hello", "hello" },
  { "quoted", "['a', \"b\\tc\", d]", "['a', 'b\tc', d]" },
  { "strings-stay-strings", "[yes, off, 0o17, 3-1.2, 12:30, 1e3, ~]", "[yes, off, 0o17, 3-1.2, 12:30, 1e3, ~]" },
  { "block", "a:\n  - b\n  - c: d\n    e: {}\nf: []\ng:\n", "{a: [b, {c: d, e: {}}], f: [], g: }" },
  { "places", "a:\n  - b\n  - 'c'\nd: {e: f}\n", "@1:1{a@1:1: @2:3[b@2:5, 'c'@3:5], d@4:1: @4:4{e@4:5: f@4:8}}", TRUE },
  { "columns-are-characters", "{ä: ö, ü: x}", "@1:1{ä@1:2: ö@1:5, ü@1:8: x@1:11}", TRUE },
  { "crlf", "a: 1\r\nb: 2\r\n", "@1:1{a@1:1: 1@1:4, b@2:1: 2@2:4}", TRUE },
  { "directive", "%YAML 1.1\n---\na: b\n", "{a: b}" },
  { "quoted-merge-key", "'<<': a", "{'<<': a}" },
  { "literal", "a: |\n  x\n  y\n", "{a: 'x\ny\n'}" },
  { "path-with-colons", "- /devices/pci0000:00/0000:00:14.0/usb3/3-1", "[/devices/pci0000:00/0000:00:14.0/usb3/3-1]" },
  { "trailing-document-end", "a: b\n...\n", "{a: b}" },
};

static void
test_good (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  g_autoptr (HpYaml) root = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) dumped = g_string_new (NULL);

  g_assert_true (hp_yaml_parse (good[i].text, strlen (good[i].text), "f.yaml", &root, &error));
  g_assert_no_error (error);
  if (good[i].expected == NULL)
    {
      g_assert_null (root);
      return;
    }
  g_assert_nonnull (root);
  dump (root, good[i].places, dumped);
  g_assert_cmpstr (dumped->str, ==, good[i].expected);
}

static const struct
{
  const char *name, *text;
  gssize length; /* -1: strlen */
  int code;
  const char *message; /* a glob */
} bad[] = {
  { "duplicate-key", "a: 1\nb: 2\n\"a\": 3\n", -1, HP_YAML_ERROR_SYNTAX,
    "f.yaml:3:1: expected a new key, found \"a\" a second time, first on line 1" },
  { "duplicate-key-deep", "x:\n  - {k: 1,\n     k: 2}", -1, HP_YAML_ERROR_SYNTAX,
    "f.yaml:3:6: *\"k\" a second time, first on line 2" },
  { "anchor", "a: &x b", -1, HP_YAML_ERROR_UNSUPPORTED, "f.yaml:1:4: expected a value, found the anchor \"&x\"*" },
  { "anchor-on-list", "a: &x [b]", -1, HP_YAML_ERROR_UNSUPPORTED, "f.yaml:1:4: *anchor \"&x\"*" },
  { "anchor-on-mapping", "a: &x {b: c}", -1, HP_YAML_ERROR_UNSUPPORTED, "f.yaml:1:4: *anchor \"&x\"*" },
  { "anchor-on-key", "&x a: b", -1, HP_YAML_ERROR_UNSUPPORTED, "f.yaml:1:1: *anchor \"&x\"*" },
  { "cycle", "a: &a [*a]", -1, HP_YAML_ERROR_UNSUPPORTED, "f.yaml:1:4: *" },
  { "alias", "a: b\nc: *a", -1, HP_YAML_ERROR_UNSUPPORTED, "f.yaml:2:4: expected a value, found the alias \"*a\"*" },
  { "alias-key", "*a : b", -1, HP_YAML_ERROR_UNSUPPORTED, "f.yaml:1:1: *alias \"*a\"*" },
  { "tag", "a: !evil b", -1, HP_YAML_ERROR_UNSUPPORTED, "f.yaml:1:4: *found the tag \"!evil\"*" },
  { "core-tag", "a: !!str 1", -1, HP_YAML_ERROR_UNSUPPORTED, "f.yaml:1:4: *tag \"tag:yaml.org,2002:str\"*" },
  { "tag-on-list", "!a []", -1, HP_YAML_ERROR_UNSUPPORTED, "f.yaml:1:1: *tag \"!a\"*" },
  { "tag-directive", "%TAG ! tag:x,2000:\n---\na: b", -1, HP_YAML_ERROR_UNSUPPORTED, "f.yaml:1:1: *%TAG*" },
  { "merge-key", "a: 1\n<<: b", -1, HP_YAML_ERROR_UNSUPPORTED, "f.yaml:2:1: expected a key, found \"<<\"*" },
  { "list-as-key", "a: b\n? [x]\n: y", -1, HP_YAML_ERROR_UNSUPPORTED,
    "f.yaml:2:3: expected a key that is text, found a list" },
  { "mapping-as-key", "{a: b}: c", -1, HP_YAML_ERROR_UNSUPPORTED, "f.yaml:1:1: *found a mapping" },
  { "two-documents", "a: b\n---\nc: d\n", -1, HP_YAML_ERROR_UNSUPPORTED, "f.yaml:2:1: *second document" },
  { "tab-indent", "a:\n\tb: c\n", -1, HP_YAML_ERROR_SYNTAX, "f.yaml:2:1: *, here: a tab (indent with spaces)" },
  { "bad-indent", "a: 1\n  b: 2\n", -1, HP_YAML_ERROR_SYNTAX, "f.yaml:2:4: *, here: \": 2\"" },
  { "bad-document", "--- @b\n", -1, HP_YAML_ERROR_SYNTAX, "f.yaml:1:5: *, here: \"@b\"" },
  { "bad-character", "a: @b\n", -1, HP_YAML_ERROR_SYNTAX,
    "f.yaml:1:4: found character that cannot start any token*, here: \"@b\"" },
  { "not-closed", "a: [b, c\n", -1, HP_YAML_ERROR_SYNTAX, "f.yaml:2:1: *flow sequence that starts at line 1" },
  { "not-closed-no-newline", "a: [b, c", -1, HP_YAML_ERROR_SYNTAX, "f.yaml:1:9: *flow sequence that starts at line 1" },
  { "quote-not-closed", "a: 'b\n", -1, HP_YAML_ERROR_SYNTAX, "f.yaml:2:1: *" },
  { "extra-bracket", "a: b\n]", -1, HP_YAML_ERROR_SYNTAX, "f.yaml:2:1: *, here: \"]\"" },
  { "bad-utf8", "a: b\nä: \xff\n", -1, HP_YAML_ERROR_SYNTAX, "f.yaml:2:4: expected text in UTF-8, found 0xff*" },
  { "cut-utf8", "a: b\r\nxy: \xc3", -1, HP_YAML_ERROR_SYNTAX, "f.yaml:2:5: expected text in UTF-8*" },
  { "utf8-surrogate", "a: \xed\xa0\x80", -1, HP_YAML_ERROR_SYNTAX, "f.yaml:1:4: expected text in UTF-8*" },
  { "raw-nul", "a: b\nc: d\0e", 11, HP_YAML_ERROR_SYNTAX, "f.yaml:2:5: expected text in UTF-8, found 0x00*" },
  { "raw-escape", "a: \x1b[2J", -1, HP_YAML_ERROR_SYNTAX, "f.yaml:1:4: *0x1b: control characters are not allowed" },
  { "escaped-nul", "a: b\nc: \"x\\0y\"", -1, HP_YAML_ERROR_UNSUPPORTED, "f.yaml:2:4: *NUL*" },
  { "escaped-nul-in-key", "\"x\\0y\": b", -1, HP_YAML_ERROR_UNSUPPORTED, "f.yaml:1:1: *NUL*" },
  { "escaped-surrogate", "a: \"\\ud800\"", -1, HP_YAML_ERROR_SYNTAX, "f.yaml:1:*" },
  { "utf16",
    "\xff\xfe"
    "a\0:\0 \0b\0",
    10, HP_YAML_ERROR_SYNTAX, "f.yaml:1:1: expected text in UTF-8, found 0xff*" },
  { "bom-error-place",
    "\xef\xbb\xbf"
    "a: @",
    -1, HP_YAML_ERROR_SYNTAX, "f.yaml:1:4: *\"@\"" },
};

static void
test_bad (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  HpYaml *const untouched = (HpYaml *)&bad[i];
  HpYaml *root = untouched;
  g_autoptr (GError) error = NULL;
  /* A copy that ends where the text ends, so that reading past it shows under the sanitizers. */
  gsize length = bad[i].length < 0 ? strlen (bad[i].text) : (gsize)bad[i].length;
  g_autofree char *text = g_memdup2 (bad[i].text, length);

  g_assert_false (hp_yaml_parse (text, length, "f.yaml", &root, &error));
  g_assert_error (error, HP_YAML_ERROR, bad[i].code);
  g_assert_true (root == untouched);
  if (!g_pattern_match_simple (bad[i].message, error->message))
    g_error ("expected \"%s\", got \"%s\"", bad[i].message, error->message);
}

static char *
repeat (const char *unit, gsize times, const char *tail)
{
  GString *text = g_string_sized_new (strlen (unit) * times + 1);

  for (gsize i = 0; i < times; i++)
    g_string_append (text, unit);
  g_string_append (text, tail);
  return g_string_free (text, FALSE);
}

/* Texts that cost a naive reader its stack, its memory or minutes. */
static void
test_limits (void)
{
  static const struct
  {
    const char *unit;
    gsize times;
    const char *tail;
    gboolean ok;
    int code;
  } cases[] = {
    { "[", HP_YAML_DEPTH_MAX, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", TRUE },
    { "[", HP_YAML_DEPTH_MAX + 1, "", FALSE, HP_YAML_ERROR_LIMIT },
    { "[", HP_YAML_SIZE_MAX, "", FALSE, HP_YAML_ERROR_LIMIT },
    { "{a: ", HP_YAML_SIZE_MAX / 4, "", FALSE, HP_YAML_ERROR_LIMIT },
    { "- ", HP_YAML_SIZE_MAX / 2, "", FALSE, HP_YAML_ERROR_LIMIT },
    { "? ", HP_YAML_SIZE_MAX / 2, "", FALSE, HP_YAML_ERROR_UNSUPPORTED },
    { "- a\n", HP_YAML_NODES_MAX - 1, "", TRUE },
    { "- a\n", HP_YAML_NODES_MAX, "", FALSE, HP_YAML_ERROR_LIMIT },
    { "-\n", HP_YAML_SIZE_MAX / 2, "", FALSE, HP_YAML_ERROR_LIMIT },
    { "a", HP_YAML_SIZE_MAX, "", TRUE },
    { "a", HP_YAML_SIZE_MAX + 1, "", FALSE, HP_YAML_ERROR_LIMIT },
    { "#", HP_YAML_SIZE_MAX, "", TRUE },
    { "\n", HP_YAML_SIZE_MAX, "", TRUE },
    { "a: ", HP_YAML_SIZE_MAX / 3, "", FALSE, HP_YAML_ERROR_SYNTAX },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = repeat (cases[i].unit, cases[i].times, cases[i].tail);
      g_autoptr (HpYaml) root = NULL;
      g_autoptr (GError) error = NULL;
      gint64 start = g_get_monotonic_time ();
      gboolean ok = hp_yaml_parse (text, strlen (text), "f.yaml", &root, &error);

      g_test_message ("%.4s × %zu: %" G_GINT64_FORMAT " ms: %s", cases[i].unit, cases[i].times,
                      (g_get_monotonic_time () - start) / 1000, error != NULL ? error->message : "ok");
      g_assert_cmpint (ok, ==, cases[i].ok);
      if (!ok)
        g_assert_error (error, HP_YAML_ERROR, cases[i].code);
      /* Some ms in truth; the slack is for sanitizers and valgrind. */
      g_assert_cmpint (g_get_monotonic_time () - start, <, 10 * G_USEC_PER_SEC);
    }
}

static void
test_readers (void)
{
  static const struct
  {
    const char *key, *description;
    gboolean null;
  } cases[] = {
    { "plain", "the text \"x\"", FALSE },
    { "quoted", "the quoted text \"x\"", FALSE },
    { "empty", "nothing", TRUE },
    { "tilde", "nothing", TRUE },
    { "null", "nothing", TRUE },
    { "quoted-null", "the quoted text \"null\"", FALSE },
    { "quoted-empty", "an empty text", FALSE },
    { "list", "a list", FALSE },
    { "no-items", "an empty list", FALSE },
    { "mapping", "a mapping", FALSE },
    { "no-keys", "an empty mapping", FALSE },
    { "blank", "text without a letter in it", FALSE },
  };
  const char *text = "{plain: x, quoted: 'x', empty: , tilde: ~, null: Null, quoted-null: 'null', quoted-empty: '', "
                     "list: [a], no-items: [], mapping: {a: b}, no-keys: {}, blank: ' ', esc: \"a\\eb\"}";
  g_autoptr (HpYaml) root = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (hp_yaml_parse (text, strlen (text), "f.yaml", &root, &error));
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const HpYaml *yaml = hp_yaml_get (root, cases[i].key);
      g_autofree char *description = NULL;

      g_assert_nonnull (yaml);
      description = hp_yaml_describe (yaml);
      g_assert_cmpstr (description, ==, cases[i].description);
      g_assert_cmpint (hp_yaml_is_null (yaml), ==, cases[i].null);
    }
  g_assert_null (hp_yaml_get (root, "absent"));
  g_assert_null (hp_yaml_get (hp_yaml_get (root, "plain"), "x"));
  g_assert_null (hp_yaml_get (NULL, "x"));
  {
    /* Nothing from the file reaches a terminal as it is, nor at any length. */
    g_autofree char *description = hp_yaml_describe (hp_yaml_get (root, "esc"));

    g_assert_null (strchr (description, '\x1b'));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autofree char *path = g_strdup_printf ("/yaml/good/%s", good[i].name);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_good);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *path = g_strdup_printf ("/yaml/bad/%s", bad[i].name);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_bad);
    }
  g_test_add_func ("/yaml/limits", test_limits);
  g_test_add_func ("/yaml/readers", test_readers);
  return g_test_run ();
}
