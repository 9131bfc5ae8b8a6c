/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/options.h"
#include "client/errors.h"

#include <string.h>

#define TIMEOUT_MAX_SECONDS 86400

#define JSON_VALUES "short, pretty or off"
#define COLOR_VALUES "auto, always or never"
#define RESERVE_VALUES "while-running, always or never"

static gboolean
set_json (HpOptions *options, const char *value, GError **error)
{
  static const char *const modes[] = { "off", "short", "pretty", NULL };

  for (int i = 0; modes[i]; i++)
    if (g_str_equal (value, modes[i]))
      {
        options->json = (HpJsonMode)i;
        return TRUE;
      }
  g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE, "--json: expected " JSON_VALUES ", got \"%s\"", value);
  return FALSE;
}

static gboolean
set_json_fitting (HpOptions *options, const char *value, GError **error)
{
  options->json = HP_JSON_FITTING;
  return TRUE;
}

static gboolean
set_color (HpOptions *options, const char *value, GError **error)
{
  static const char *const modes[] = { "auto", "always", "never", NULL };

  for (int i = 0; modes[i]; i++)
    if (g_str_equal (value, modes[i]))
      {
        options->color = (HpColorMode)i;
        return TRUE;
      }
  g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE, "--color: expected " COLOR_VALUES ", got \"%s\"", value);
  return FALSE;
}

static gboolean
set_timeout (HpOptions *options, const char *value, GError **error)
{
  guint64 seconds;

  if (!g_ascii_string_to_unsigned (value, 10, 1, TIMEOUT_MAX_SECONDS, &seconds, NULL))
    {
      g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE, "--timeout: expected 1 to %d seconds, got \"%s\"",
                   TIMEOUT_MAX_SECONDS, value);
      return FALSE;
    }
  options->timeout_ms = (int)seconds * 1000;
  return TRUE;
}

/* The host ends up as a word of ssh's command line: it must not pass for an option there, and be one word. */
static gboolean
set_host (HpOptions *options, const char *value, GError **error)
{
  if (*value == '\0' || *value == '-' || strpbrk (value, " \t\r\n"))
    {
      g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE, "--host: expected [USER@]HOST, got \"%s\"", value);
      return FALSE;
    }
  g_free (options->host);
  options->host = g_strdup (value);
  return TRUE;
}

static gboolean
set_reserve (HpOptions *options, const char *value, GError **error)
{
  static const char *const modes[] = { "while-running", "always", "never", NULL };

  if (!g_strv_contains (modes, value))
    {
      g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE, "--reserve: expected " RESERVE_VALUES ", got \"%s\"",
                   value);
      return FALSE;
    }
  g_free (options->reserve);
  options->reserve = g_strdup (value);
  return TRUE;
}

#define AT(field) NULL, G_STRUCT_OFFSET (HpOptions, field)

const HpOptionEntry hp_option_entries[] = {
  { "assigned", 0, NULL, NULL, "ports", "only ports that are assigned", AT (assigned) },
  { "empty", 0, NULL, NULL, "ports", "only ports with nothing in them", AT (empty) },
  { "vm", 0, "NAME", NULL, "ports devices", "only what belongs to this virtual machine", AT (vm) },
  { "reserve", 0, "MODE", RESERVE_VALUES, "assign", "keep the port from the host: " RESERVE_VALUES, set_reserve, 0 },
  { "reset", 0, NULL, NULL, "unassign", "forget the run-time choice: the configuration holds again", AT (reset) },
  { "json", 0, "MODE", JSON_VALUES, NULL, "JSON on stdout: " JSON_VALUES, set_json, 0 },
  { NULL, 'j', NULL, NULL, NULL, "--json=pretty on a terminal, else --json=short", set_json_fitting, 0 },
  { "no-legend", 0, NULL, NULL, NULL, "no header above tables", AT (no_legend) },
  { "no-ask-password", 0, NULL, NULL, NULL, "never ask for a password", AT (no_ask_password) },
  { "quiet", 'q', NULL, NULL, NULL, "say nothing but data and errors", AT (quiet) },
  { "timeout", 0, "SECONDS", NULL, NULL, "wait no longer for an answer", set_timeout, 0 },
  { "host", 'H', "[USER@]HOST", NULL, NULL, "speak to the daemon of another host, over ssh", set_host, 0 },
  { "color", 0, "WHEN", COLOR_VALUES, NULL, "colours: " COLOR_VALUES, set_color, 0 },
  { "help", 'h', NULL, NULL, NULL, "the help of the verb, or without a verb this one", AT (help) },
  { "version", 0, NULL, NULL, NULL, "the version of hotplugctl", AT (version) },
  { NULL, 0, NULL, NULL, NULL, NULL, NULL, 0 },
};

#undef AT

/* The array ends where there is neither a name nor a letter. */
static gboolean
is_end (const HpOptionEntry *entry)
{
  return !entry->name && !entry->letter;
}

gboolean
hp_option_fits (const HpOptionEntry *entry, const char *verb)
{
  g_auto (GStrv) verbs = NULL;

  if (!entry->verbs)
    return TRUE;
  verbs = g_strsplit (entry->verbs, " ", -1);
  return g_strv_contains ((const char *const *)verbs, verb);
}

static gboolean
set_entry (const HpOptionEntry *entry, HpOptions *options, const char *value, GError **error)
{
  char **string = NULL;

  if (entry->set)
    return entry->set (options, value, error);
  if (!entry->metavar)
    {
      G_STRUCT_MEMBER (gboolean, options, entry->offset) = TRUE;
      return TRUE;
    }
  string = &G_STRUCT_MEMBER (char *, options, entry->offset);
  g_free (*string);
  *string = g_strdup (value);
  return TRUE;
}

static const HpOptionEntry *
find_long (const char *name, gsize length)
{
  for (const HpOptionEntry *entry = hp_option_entries; !is_end (entry); entry++)
    if (entry->name && strlen (entry->name) == length && strncmp (entry->name, name, length) == 0)
      return entry;
  return NULL;
}

static const HpOptionEntry *
find_letter (char letter)
{
  for (const HpOptionEntry *entry = hp_option_entries; !is_end (entry); entry++)
    if (entry->letter == letter)
      return entry;
  return NULL;
}

static void
set_unknown_error (const char *name, GError **error)
{
  const char *names[64] = { NULL };
  const char *nearest;
  gsize n = 0;

  for (const HpOptionEntry *entry = hp_option_entries; !is_end (entry) && n < G_N_ELEMENTS (names) - 1; entry++)
    if (entry->name)
      names[n++] = entry->name;
  nearest = hp_nearest (name, names);
  if (nearest)
    g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE, "unknown option --%s; did you mean --%s?", name,
                 nearest);
  else
    g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE, "unknown option --%s", name);
}

/* The state of the parser: what it fills in, and where it is in argv. */
typedef struct
{
  HpOptions *options;
  const char *const *next;
} Parser;

static gboolean
take_long (Parser *parser, const char *text, GError **error)
{
  gsize length = strcspn (text, "=");
  const HpOptionEntry *entry = find_long (text, length);
  const char *value = text[length] == '=' ? text + length + 1 : NULL;
  g_autofree char *name = g_strndup (text, length);

  if (!entry)
    {
      set_unknown_error (name, error);
      return FALSE;
    }
  if (!entry->metavar && value)
    {
      g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE, "--%s takes no value", name);
      return FALSE;
    }
  if (entry->metavar && !value && !(value = *parser->next))
    {
      g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE, "--%s needs a value: %s", name,
                   entry->values ? entry->values : entry->metavar);
      return FALSE;
    }
  if (entry->metavar && text[length] != '=')
    parser->next++;
  g_ptr_array_add (parser->options->met, (gpointer)entry);
  return set_entry (entry, parser->options, value, error);
}

/* "-jq", "-Hhost", "-H host". */
static gboolean
take_letters (Parser *parser, const char *text, GError **error)
{
  for (const char *p = text; *p; p++)
    {
      const HpOptionEntry *entry = find_letter (*p);
      const char *value;

      if (!entry)
        {
          /* Not %c: the letter may be the first byte of a longer character. */
          g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE, "unknown option -%.*s",
                       (int)(g_utf8_next_char (p) - p), p);
          return FALSE;
        }
      g_ptr_array_add (parser->options->met, (gpointer)entry);
      if (!entry->metavar)
        {
          if (!set_entry (entry, parser->options, NULL, error))
            return FALSE;
          continue;
        }
      value = p[1] ? p + 1 : *parser->next;
      if (!value)
        {
          g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE, "-%c needs a value: %s", *p, entry->metavar);
          return FALSE;
        }
      parser->next += p[1] ? 0 : 1;
      return set_entry (entry, parser->options, value, error);
    }
  return TRUE;
}

static gboolean
take_words (Parser *parser, GPtrArray *words, GError **error)
{
  gboolean ended = FALSE;

  while (*parser->next)
    {
      const char *word = *parser->next++;

      if (ended || *word != '-' || g_str_equal (word, "-"))
        g_ptr_array_add (words, g_strdup (word));
      else if (g_str_equal (word, "--"))
        ended = TRUE;
      else if (!(word[1] == '-' ? take_long (parser, word + 2, error) : take_letters (parser, word + 1, error)))
        return FALSE;
    }
  return TRUE;
}

/* What is not UTF-8 must not get near GVariant, which dies of it. */
static gboolean
check_utf8 (const char *const *argv, GError **error)
{
  for (; *argv; argv++)
    if (!g_utf8_validate (*argv, -1, NULL))
      {
        g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE, "an argument is not valid UTF-8: \"%s\"", *argv);
        return FALSE;
      }
  return TRUE;
}

gboolean
hp_options_parse (HpOptions *options, const char *const *argv, GError **error)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new_with_free_func (g_free);
  Parser parser = { .options = options, .next = argv + 1 };
  gboolean ok;

  memset (options, 0, sizeof *options);
  options->met = g_ptr_array_new ();
  ok = check_utf8 (parser.next, error) && take_words (&parser, words, error);
  options->n_arguments = words->len;
  g_ptr_array_add (words, NULL);
  options->arguments = (char **)g_ptr_array_free (g_steal_pointer (&words), FALSE);
  return ok;
}

gboolean
hp_options_check (const HpOptions *options, const char *verb, GError **error)
{
  for (guint i = 0; i < options->met->len; i++)
    {
      const HpOptionEntry *entry = g_ptr_array_index (options->met, i);

      if (!hp_option_fits (entry, verb))
        {
          g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE, "--%s does not go with %s", entry->name, verb);
          return FALSE;
        }
    }
  return TRUE;
}

void
hp_options_clear (HpOptions *options)
{
  g_clear_pointer (&options->host, g_free);
  g_clear_pointer (&options->vm, g_free);
  g_clear_pointer (&options->reserve, g_free);
  g_clear_pointer (&options->arguments, g_strfreev);
  g_clear_pointer (&options->met, g_ptr_array_unref);
}

#define WORD_MAX 32

/* Levenshtein's distance of two short words, with one row of the table. */
static guint
distance (const char *a, const char *b)
{
  guint row[WORD_MAX + 1];
  gsize n = MIN (strlen (b), (gsize)WORD_MAX);

  for (gsize j = 0; j <= n; j++)
    row[j] = (guint)j;
  for (gsize i = 1; a[i - 1] && i <= WORD_MAX; i++)
    {
      guint diagonal = row[0];

      row[0] = (guint)i;
      for (gsize j = 1; j <= n; j++)
        {
          guint substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);

          diagonal = row[j];
          row[j] = MIN (MIN (row[j], row[j - 1]) + 1, substitute);
        }
    }
  return row[n];
}

const char *
hp_nearest (const char *word, const char *const *words)
{
  const char *best = NULL;
  guint best_distance = G_MAXUINT;

  for (; *words; words++)
    {
      guint d = distance (word, *words);

      /* "assi" for "assign": a beginning of some length counts as one slip. */
      if (strlen (word) >= 3 && g_str_has_prefix (*words, word))
        d = MIN (d, 1);
      if (d < best_distance && d <= MAX (1, strlen (*words) / 3))
        {
          best = *words;
          best_distance = d;
        }
    }
  return best;
}
