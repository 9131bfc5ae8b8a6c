/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdio.h>

/*
 * What a person looks at: which stream may be coloured, how wide it is, and how text from outside is shown on it without
 * doing anything to the terminal.
 */

typedef enum
{
  HP_COLOR_AUTO,
  HP_COLOR_ALWAYS,
  HP_COLOR_NEVER,
} HpColorMode;

typedef enum
{
  HP_PAINT_PLAIN,
  HP_PAINT_BOLD,
  HP_PAINT_DIM,
  HP_PAINT_GOOD,
  HP_PAINT_WAIT,
  HP_PAINT_BAD,
} HpPaint;

/* stdout or stderr: each decides for itself. */
typedef struct
{
  FILE *file;
  gboolean tty;
  gboolean color;
  gboolean utf8; /* whether marks beyond ASCII can be shown */
  guint width;   /* columns; 0 where it is no terminal: nothing is cut */
} HpStream;

typedef struct
{
  HpStream out, err;
} HpTerminal;

void hp_terminal_init (HpTerminal *terminal, HpColorMode mode);

/*
 * hp_color_wanted:
 * Pure. --color=always and never are obeyed; else a terminal is coloured that is not TERM=dumb, where NO_COLOR is not
 * set to anything (no-color.org).
 * @no_color, @term: (nullable): the variables of the environment
 */
gboolean hp_color_wanted (HpColorMode mode, gboolean tty, const char *no_color, const char *term);

/*
 * hp_stream_write:
 * @text: UTF-8, written in the encoding of the locale; what that lacks becomes "?".
 * Returns: FALSE where it could not be written, now or earlier. The stream is flushed.
 */
gboolean hp_stream_write (HpStream *stream, const char *text);

/* @text between the sequences for @paint, or alone where the stream has no colour. (transfer full) */
char *hp_paint (gboolean color, HpPaint paint, const char *text);

/* The paint for a state of a port, device or virtual machine. */
HpPaint hp_paint_for_state (const char *state);

/*
 * hp_display_safe:
 * @text: (nullable): anything from outside
 * Returns: (transfer full): valid UTF-8 on one line. Control characters, ESC among them, marks that turn the direction
 *   of text or cannot be seen, and bytes that are not UTF-8 become U+FFFD; line ends and tabs become spaces.
 */
char *hp_display_safe (const char *text);

/* Columns that @text takes up on a terminal. */
guint hp_display_width (const char *text);

/* @text cut to at most @width columns, ending in the ellipsis of the locale where something went. (transfer full) */
char *hp_display_cut (const char *text, guint width);
