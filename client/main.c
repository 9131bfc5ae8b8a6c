/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/errors.h"
#include "client/output.h"
#include "client/verbs.h"

#include <glib-unix.h>
#include <locale.h>
#include <string.h>

#define DEFAULT_VERB "status"

typedef struct
{
  const char *name;
  const char *arguments; /* for the help */
  guint min, max;
  gboolean needs_bus;
  gboolean (*run) (HpContext *context, char **arguments, GError **error);
  const char *help;
} Verb;

static const Verb verbs[] = {
  { "status", "", 0, 0, TRUE, hp_verb_status, "how things stand, and what to do next (the default)" },
  { "ports", "", 0, 0, TRUE, hp_verb_ports, "all USB ports, what is in them and whose they are" },
  { "devices", "", 0, 0, TRUE, hp_verb_devices, "what is plugged in, and who has it" },
  { "vms", "", 0, 0, TRUE, hp_verb_vms, "the virtual machines and how to reach them" },
  { "assign", "PORT VM", 2, 2, TRUE, hp_verb_assign, "give a port to a virtual machine from now on" },
  { "unassign", "PORT", 1, 1, TRUE, hp_verb_unassign, "give a port back to the host" },
  { "attach", "DEVICE VM", 2, 2, TRUE, hp_verb_attach, "give one device to a virtual machine until it is pulled out" },
  { "detach", "DEVICE", 1, 1, TRUE, hp_verb_detach, "take one device back until it is pulled out" },
  { "monitor", "", 0, 0, TRUE, hp_verb_monitor, "tell what happens, as it happens" },
  { "reload", "", 0, 0, TRUE, hp_verb_reload, "read the configuration again" },
  { "explain", "PORT|DEVICE|VM", 1, 1, TRUE, hp_verb_explain, "why it is as it is, and what to do about it" },
  { "version", "", 0, 0, FALSE, hp_verb_version, "the versions of hotplugctl and hotplugd" },
  { "help", "[VERB]", 0, 1, FALSE, hp_verb_help, "this help, or that of a verb" },
};

static const Verb *
find_verb (const char *name, GError **error)
{
  const char *names[G_N_ELEMENTS (verbs) + 1] = { NULL };
  const char *nearest;

  for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      if (g_str_equal (verbs[i].name, name))
        return &verbs[i];
      names[i] = verbs[i].name;
    }
  nearest = hp_nearest (name, names);
  if (nearest)
    g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE, "unknown verb \"%s\"; did you mean %s?", name, nearest);
  else
    g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE, "unknown verb \"%s\"; hotplugctl help lists them",
                 name);
  return NULL;
}

/* The options that go with @verb but not with all; or, where that is NULL, those that go with all. */
static void
append_options (GString *text, const char *verb)
{
  for (const HpOptionEntry *entry = hp_option_entries; entry->name || entry->letter; entry++)
    {
      g_autofree char *letter = entry->letter ? g_strdup_printf ("-%c", entry->letter) : g_strdup ("  ");
      g_autofree char *name = entry->name
                                  ? g_strdup_printf ("%s--%s%s%s", entry->letter ? ", " : "  ", entry->name,
                                                     entry->metavar ? "=" : "", entry->metavar ? entry->metavar : "")
                                  : g_strdup ("");

      if (verb ? entry->verbs && hp_option_fits (entry, verb) : !entry->verbs)
        g_string_append_printf (text, "  %s%-24s %s\n", letter, name, entry->help);
    }
}

static char *
general_help (void)
{
  GString *text = g_string_new ("hotplugctl [OPTIONS] [VERB] [ARGUMENTS]\n\n"
                                "Gives USB ports of this machine to virtual machines.\n\nVerbs:\n");

  for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      g_autofree char *usage = g_strdup_printf ("%s %s", verbs[i].name, verbs[i].arguments);

      g_string_append_printf (text, "  %-24s %s\n", usage, verbs[i].help);
    }
  g_string_append (text, "\nOptions:\n");
  append_options (text, NULL);
  g_string_append (text, "\nhotplugctl VERB --help tells the options of a verb; hotplugctl(1) tells all.\n");
  return g_string_free (text, FALSE);
}

static char *
verb_help (const Verb *verb)
{
  GString *text = g_string_new (NULL);
  g_autoptr (GString) options = g_string_new (NULL);

  g_string_append_printf (text, "hotplugctl [OPTIONS] %s%s%s\n\n  %s\n", verb->name, *verb->arguments ? " " : "",
                          verb->arguments, verb->help);
  append_options (options, verb->name);
  if (options->len > 0)
    g_string_append_printf (text, "\nOptions:\n%s", options->str);
  g_string_append (text, "\nOptions of all verbs: hotplugctl --help\n");
  return g_string_free (text, FALSE);
}

gboolean
hp_verb_help (HpContext *context, char **arguments, GError **error)
{
  const Verb *verb = arguments[0] ? find_verb (arguments[0], error) : NULL;
  g_autofree char *text = NULL;

  if (arguments[0] && !verb)
    return FALSE;
  text = verb ? verb_help (verb) : general_help ();
  return hp_output_text (context, text, error);
}

static gboolean
check_count (const Verb *verb, guint n, GError **error)
{
  if (n >= verb->min && n <= verb->max)
    return TRUE;
  g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE, "%s: too %s arguments; usage: hotplugctl %s%s%s",
               verb->name, n < verb->min ? "few" : "many", verb->name, *verb->arguments ? " " : "", verb->arguments);
  return FALSE;
}

/* Everything that can be wrong with the command line is found before any bus is touched. */
static gboolean
run (HpContext *context, const char *const *argv, GError **error)
{
  HpOptions *options = &context->options;
  const Verb *verb;
  gboolean parsed = hp_options_parse (options, argv, error);
  char **arguments = options->arguments + (options->n_arguments > 0 ? 1 : 0);
  gboolean done;

  hp_terminal_init (&context->terminal, options->color);
  if (!parsed)
    return FALSE;
  if (options->version)
    return hp_output_text (context, "hotplugctl " HP_VERSION "\n", error);
  if (options->help)
    return hp_verb_help (context, (char *[]){ options->arguments[0], NULL }, error);
  verb = find_verb (options->n_arguments > 0 ? options->arguments[0] : DEFAULT_VERB, error);
  if (!verb || !hp_options_check (options, verb->name, error) || !check_count (verb, g_strv_length (arguments), error))
    return FALSE;
  if (verb->needs_bus && !(context->client = hp_client_open (options, context->cancellable, error)))
    return FALSE;
  done = verb->run (context, arguments, error);
  g_clear_pointer (&context->client, hp_client_free);
  return done;
}

static int
report (HpContext *context, const GError *error)
{
  HpStream *err = &context->terminal.err;
  g_autoptr (HpFailure) failure = hp_failure_new (error);
  g_autofree char *message = hp_display_safe (failure->message);
  g_autofree char *painted = hp_paint (err->color, HP_PAINT_BAD, message);
  g_autofree char *text = NULL;

  if (failure->exit_code == HP_EXIT_INTERRUPTED
      || g_error_matches (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_OUTPUT_GONE))
    return failure->exit_code;
  if (hp_output_is_json (context))
    text = hp_failure_to_json (failure);
  else
    text = g_strdup_printf ("hotplugctl: %s\n%s%s%s", painted, failure->hint ? "hint: " : "",
                            failure->hint ? failure->hint : "", failure->hint ? "\n" : "");
  hp_stream_write (err, text);
  return failure->exit_code;
}

static gboolean
on_signal (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  HpContext context = { .cancellable = cancellable };
  int code = HP_EXIT_OK;

  setlocale (LC_ALL, "");
  g_set_prgname ("hotplugctl");
  g_unix_signal_add (SIGINT, on_signal, cancellable);
  g_unix_signal_add (SIGTERM, on_signal, cancellable);

  if (!run (&context, (const char *const *)argv, &error))
    code = report (&context, error);
  hp_options_clear (&context.options);
  return code;
}
