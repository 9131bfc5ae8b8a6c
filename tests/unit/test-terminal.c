/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/terminal.h"

#include <locale.h>
#include <string.h>

static void
test_color_wanted (void)
{
  static const struct
  {
    HpColorMode mode;
    gboolean tty;
    const char *no_color, *term;
    gboolean wanted;
  } cases[] = {
    { HP_COLOR_AUTO, TRUE, NULL, "xterm", TRUE },   { HP_COLOR_AUTO, FALSE, NULL, "xterm", FALSE },
    { HP_COLOR_AUTO, TRUE, "1", "xterm", FALSE },   { HP_COLOR_AUTO, TRUE, "0", "xterm", FALSE },
    { HP_COLOR_AUTO, TRUE, "", "xterm", TRUE },     { HP_COLOR_AUTO, TRUE, NULL, "dumb", FALSE },
    { HP_COLOR_AUTO, TRUE, NULL, "", FALSE },       { HP_COLOR_AUTO, TRUE, NULL, NULL, FALSE },
    { HP_COLOR_ALWAYS, FALSE, "1", "dumb", TRUE },  { HP_COLOR_ALWAYS, TRUE, NULL, NULL, TRUE },
    { HP_COLOR_NEVER, TRUE, NULL, "xterm", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpint (hp_color_wanted (cases[i].mode, cases[i].tty, cases[i].no_color, cases[i].term), ==,
                     cases[i].wanted);
}

static void
test_safe (void)
{
  static const struct
  {
    const char *text, *safe;
  } cases[] = {
    { NULL, "" },
    { "", "" },
    { "SanDisk Ultra", "SanDisk Ultra" },
    { "Gerät № 5 – 日本", "Gerät № 5 – 日本" },
    { "a\033[31mb", "a\357\277\275[31mb" },
    { "a\001\177b", "a\357\277\275\357\277\275b" },
    { "one\ntwo\r\tthree", "one two  three" },
    { "csi \302\233"
      "2J",
      "csi \357\277\275"
      "2J" },                                                         /* U+009B: CSI in one character */
    { "\342\200\256txt.exe", "\357\277\275txt.exe" },                 /* U+202E: right to left */
    { "a\342\200\213b\342\201\246c", "a\357\277\275b\357\277\275c" }, /* U+200B, U+2066 */
    { "a\342\200\250b", "a\357\277\275b" },                           /* U+2028 */
    { "\363\240\201\201", "\357\277\275" },                           /* U+E0041, a tag */
    { "\377\376x", "\357\277\275\357\277\275x" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *safe = hp_display_safe (cases[i].text);

      g_assert_cmpstr (safe, ==, cases[i].safe);
    }
}

static void
test_width (void)
{
  static const struct
  {
    const char *text;
    guint width;
  } cases[] = {
    { "", 0 }, { "abc", 3 }, { "äöü", 3 }, { "日本", 4 }, { "a日b", 4 }, { "e\314\201", 1 }, { "…", 1 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpuint (hp_display_width (cases[i].text), ==, cases[i].width);
}

static void
test_cut (void)
{
  static const struct
  {
    const char *text;
    guint width;
    const char *cut;
  } cases[] = {
    { "abcdef", 6, "abcdef" },
    { "abcdef", 5, "abcd…" },
    { "abcdef", 1, "…" },
    { "abcdef", 0, "" },
    { "日本語", 6, "日本語" },
    { "日本語", 5, "日本…" },
    { "日本語", 4, "日…" },
    { "日本語", 2, "…" },
    { "", 0, "" },
    { "äöü", 2, "ä…" },
    { "e\314\201e\314\201", 1, "…" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *cut = hp_display_cut (cases[i].text, cases[i].width);

      g_assert_cmpstr (cut, ==, cases[i].cut);
      g_assert_cmpuint (hp_display_width (cut), <=, cases[i].width);
    }
}

/* Three dots where the locale has no ellipsis. */
static void
test_cut_ascii (void)
{
  static const struct
  {
    const char *text;
    guint width;
    const char *cut;
  } cases[] = {
    { "abcdef", 6, "abcdef" }, { "abcdef", 5, "ab..." }, { "abcdef", 3, "..." }, { "abcdef", 2, ".." },
    { "abcdef", 0, "" },       { "日本語", 5, "日..." }, { "", 0, "" },
  };

  setlocale (LC_ALL, "C");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *cut = hp_display_cut (cases[i].text, cases[i].width);

      g_assert_cmpstr (cut, ==, cases[i].cut);
    }
  setlocale (LC_ALL, "C.UTF-8");
}

static void
test_paint (void)
{
  g_autofree char *plain = hp_paint (FALSE, HP_PAINT_BAD, "failed");
  g_autofree char *red = hp_paint (TRUE, HP_PAINT_BAD, "failed");
  g_autofree char *unpainted = hp_paint (TRUE, HP_PAINT_PLAIN, "x");
  g_autofree char *empty = hp_paint (TRUE, HP_PAINT_BOLD, "");

  g_assert_cmpstr (plain, ==, "failed");
  g_assert_cmpstr (red, ==, "\033[31mfailed\033[0m");
  g_assert_cmpstr (unpainted, ==, "x");
  g_assert_cmpstr (empty, ==, "");
  g_assert_cmpint (hp_paint_for_state ("attached"), ==, HP_PAINT_GOOD);
  g_assert_cmpint (hp_paint_for_state ("waiting"), ==, HP_PAINT_WAIT);
  g_assert_cmpint (hp_paint_for_state ("failed"), ==, HP_PAINT_BAD);
  g_assert_cmpint (hp_paint_for_state ("offline"), ==, HP_PAINT_DIM);
  g_assert_cmpint (hp_paint_for_state ("never heard of"), ==, HP_PAINT_PLAIN);
}

/* What lands in the file, and that a full disk is noticed. */
static void
test_write (void)
{
  g_autofree char *path = NULL;
  g_autofree char *contents = NULL;
  HpStream stream = { 0 };
  int fd = g_file_open_tmp (NULL, &path, NULL);

  stream.file = fdopen (fd, "w");
  g_assert_true (hp_stream_write (&stream, "grün\n"));
  fclose (stream.file);
  g_assert_true (g_file_get_contents (path, &contents, NULL, NULL));
  g_assert_cmpstr (contents, ==, "grün\n");
  remove (path);

  stream.file = fopen ("/dev/full", "w");
  g_assert_nonnull (stream.file);
  g_assert_false (hp_stream_write (&stream, "x"));
  fclose (stream.file);
}

/* In a locale that knows ASCII alone, the rest becomes "?"; nothing is lost or made up. Runs in a process of its own. */
static void
test_write_ascii (void)
{
  HpStream stream = { .file = stdout };

  if (g_test_subprocess ())
    {
      g_setenv ("LC_ALL", "C", TRUE);
      setlocale (LC_ALL, "C");
      hp_stream_write (&stream, "[gr\303\274n]\n");
      return;
    }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stdout ("*[gr?n]*");
}

static void
test_init (void)
{
  HpTerminal terminal;

  hp_terminal_init (&terminal, HP_COLOR_ALWAYS);
  g_assert_true (terminal.out.file == stdout);
  g_assert_true (terminal.err.file == stderr);
  g_assert_true (terminal.out.color);
  /* Run by meson, stdout is a pipe: nothing is cut. */
  if (!terminal.out.tty)
    g_assert_cmpuint (terminal.out.width, ==, 0);
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "C.UTF-8");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/terminal/color-wanted", test_color_wanted);
  g_test_add_func ("/terminal/safe", test_safe);
  g_test_add_func ("/terminal/width", test_width);
  g_test_add_func ("/terminal/cut", test_cut);
  g_test_add_func ("/terminal/cut-ascii", test_cut_ascii);
  g_test_add_func ("/terminal/paint", test_paint);
  g_test_add_func ("/terminal/write", test_write);
  g_test_add_func ("/terminal/write-ascii", test_write_ascii);
  g_test_add_func ("/terminal/init", test_init);
  return g_test_run ();
}
