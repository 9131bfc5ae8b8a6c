/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/terminal.h"

/*
 * The command line: options, and what is left when they are taken out. Pure: argv in, a value out. One table of options
 * serves the parser, the help, and so the tests that compare man page and completion with it.
 */

typedef enum
{
  HP_JSON_OFF,
  HP_JSON_SHORT,
  HP_JSON_PRETTY,
  HP_JSON_FITTING, /* -j: pretty on a terminal, else short */
} HpJsonMode;

typedef struct
{
  HpJsonMode json;
  HpColorMode color;
  gboolean no_legend;
  gboolean no_ask_password;
  gboolean quiet;
  gboolean help;
  gboolean version;
  int timeout_ms; /* 0: not given */
  char *host;
  /* of some verbs */
  gboolean assigned;
  gboolean empty;
  gboolean reset;
  char *vm;
  char *reserve;
  /* the verb and its arguments, NULL-terminated; never NULL */
  char **arguments;
  guint n_arguments;
  GPtrArray *met; /* const HpOptionEntry, borrowed: which options were given */
} HpOptions;

/* One option. The array ends with an entry that has neither name nor letter. */
typedef struct
{
  const char *name;    /* (nullable) */
  char letter;         /* 0: none */
  const char *metavar; /* (nullable): NULL takes no value */
  const char *values;  /* (nullable): what it may be, where that is not everything that the metavar stands for */
  const char *verbs;   /* (nullable): the verbs that know it, separated by spaces; NULL: all */
  const char *help;
  gboolean (*set) (HpOptions *options, const char *value, GError **error);
  gsize offset; /* where `set` is NULL: of the gboolean, or with a metavar of the string */
} HpOptionEntry;

extern const HpOptionEntry hp_option_entries[];

/* Whether @entry may be given with @verb. */
gboolean hp_option_fits (const HpOptionEntry *entry, const char *verb);

/*
 * hp_options_parse:
 * Options may stand anywhere; "--" ends them.
 * Returns: FALSE with HP_CLIENT_ERROR_USAGE. @options is then what was understood so far, so that the error can be told
 *   in the wanted form. Free its contents with hp_options_clear() either way.
 */
gboolean hp_options_parse (HpOptions *options, const char *const *argv, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Whether all options that were given go with @verb; else HP_CLIENT_ERROR_USAGE. */
gboolean hp_options_check (const HpOptions *options, const char *verb, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void hp_options_clear (HpOptions *options);

/*
 * hp_nearest:
 * Returns: (nullable): the one of @words (NULL-terminated) that @word was most likely meant to be, by edits and common
 *   beginning; NULL where none is near.
 */
const char *hp_nearest (const char *word, const char *const *words);
