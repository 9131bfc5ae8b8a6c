/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_DEFAULT 80
#define WIDTH_MAX 10000

gboolean
hp_color_wanted (HpColorMode mode, gboolean tty, const char *no_color, const char *term)
{
  if (mode != HP_COLOR_AUTO)
    return mode == HP_COLOR_ALWAYS;
  if (no_color && *no_color)
    return FALSE;
  return tty && term && *term && !g_str_equal (term, "dumb");
}

/* COLUMNS stands above what the terminal says of itself, as with other tools. */
static guint
terminal_width (int fd)
{
  const char *columns = g_getenv ("COLUMNS");
  struct winsize size = { 0 };
  guint64 value;

  if (columns && g_ascii_string_to_unsigned (columns, 10, 1, WIDTH_MAX, &value, NULL))
    return (guint)value;
  if (ioctl (fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return WIDTH_DEFAULT;
}

static void
stream_init (HpStream *stream, FILE *file, HpColorMode mode)
{
  int fd = fileno (file);

  stream->file = file;
  stream->tty = isatty (fd) == 1;
  stream->color = hp_color_wanted (mode, stream->tty, g_getenv ("NO_COLOR"), g_getenv ("TERM"));
  stream->utf8 = g_get_charset (NULL);
  stream->width = stream->tty ? terminal_width (fd) : 0;
}

void
hp_terminal_init (HpTerminal *terminal, HpColorMode mode)
{
  stream_init (&terminal->out, stdout, mode);
  stream_init (&terminal->err, stderr, mode);
}

gboolean
hp_stream_write (HpStream *stream, const char *text)
{
  g_autofree char *converted = NULL;
  const char *charset;

  if (!g_get_charset (&charset))
    {
      /* A charset that GLib cannot convert to still gets the ASCII part of the text. */
      converted = g_convert_with_fallback (text, -1, charset, "UTF-8", "?", NULL, NULL, NULL);
      if (!converted)
        converted = g_str_to_ascii (text, NULL);
    }
  fputs (converted ? converted : text, stream->file);
  return fflush (stream->file) == 0 && !ferror (stream->file);
}

char *
hp_paint (gboolean color, HpPaint paint, const char *text)
{
  static const char *const sequences[] = {
    [HP_PAINT_PLAIN] = "",        [HP_PAINT_BOLD] = "\033[1m",  [HP_PAINT_DIM] = "\033[2m",
    [HP_PAINT_GOOD] = "\033[32m", [HP_PAINT_WAIT] = "\033[33m", [HP_PAINT_BAD] = "\033[31m",
  };

  if (!color || paint == HP_PAINT_PLAIN || *text == '\0')
    return g_strdup (text);
  return g_strconcat (sequences[paint], text, "\033[0m", NULL);
}

HpPaint
hp_paint_for_state (const char *state)
{
  static const struct
  {
    const char *state;
    HpPaint paint;
  } paints[] = {
    { "active", HP_PAINT_GOOD },    { "attached", HP_PAINT_GOOD },   { "online", HP_PAINT_GOOD },
    { "waiting", HP_PAINT_WAIT },   { "reserved", HP_PAINT_WAIT },   { "attaching", HP_PAINT_WAIT },
    { "detaching", HP_PAINT_WAIT }, { "connecting", HP_PAINT_WAIT }, { "held-back", HP_PAINT_WAIT },
    { "busy", HP_PAINT_BAD },       { "stalled", HP_PAINT_BAD },     { "failed", HP_PAINT_BAD },
    { "missing", HP_PAINT_BAD },    { "unknown", HP_PAINT_BAD },     { "host", HP_PAINT_DIM },
    { "offline", HP_PAINT_DIM },    { "-", HP_PAINT_DIM },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (paints); i++)
    if (g_str_equal (state, paints[i].state))
      return paints[i].paint;
  return HP_PAINT_PLAIN;
}

/* Characters that act on a terminal, or deceive whoever reads it, rather than being seen. */
static gboolean
is_unsafe (gunichar c)
{
  GUnicodeType type = g_unichar_type (c);

  /* FORMAT: direction, zero width, soft hyphen, tags. */
  return type == G_UNICODE_CONTROL || type == G_UNICODE_FORMAT || type == G_UNICODE_LINE_SEPARATOR
         || type == G_UNICODE_PARAGRAPH_SEPARATOR;
}

char *
hp_display_safe (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text ? text : "", -1);
  GString *safe = g_string_new (NULL);

  for (const char *p = valid; *p; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (c == '\n' || c == '\r' || c == '\t')
        g_string_append_c (safe, ' ');
      else
        g_string_append_unichar (safe, is_unsafe (c) ? 0xfffd : c);
    }
  return g_string_free (safe, FALSE);
}

static guint
char_width (gunichar c)
{
  if (g_unichar_iszerowidth (c))
    return 0;
  return g_unichar_iswide (c) ? 2 : 1;
}

guint
hp_display_width (const char *text)
{
  guint width = 0;

  for (const char *p = text; *p; p = g_utf8_next_char (p))
    width += char_width (g_utf8_get_char (p));
  return width;
}

char *
hp_display_cut (const char *text, guint width)
{
  const char *ellipsis = g_get_charset (NULL) ? "…" : "...";
  guint room = hp_display_width (ellipsis);
  const char *end = text;
  guint used = 0;

  if (hp_display_width (text) <= width)
    return g_strdup (text);
  /* Where even the three dots have no room, some of them do. */
  if (width < room)
    return g_strndup (ellipsis, width);
  while (*end && used + char_width (g_utf8_get_char (end)) <= width - room)
    {
      used += char_width (g_utf8_get_char (end));
      end = g_utf8_next_char (end);
    }
  return g_strdup_printf ("%.*s%s", (int)(end - text), text, ellipsis);
}
