/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/errors.h"
#include "client/options.h"

#include <string.h>

#define ARGV_MAX 8

/* What one command line becomes, written down as text: easy to compare, and every field is in it. */
static char *
describe (const HpOptions *options)
{
  g_autofree char *arguments = g_strjoinv (",", options->arguments);

  return g_strdup_printf ("%s|json=%d color=%d%s%s%s%s%s timeout=%d host=%s%s%s%s vm=%s reserve=%s", arguments,
                          (int)options->json, (int)options->color, options->no_legend ? " no-legend" : "",
                          options->no_ask_password ? " no-ask" : "", options->quiet ? " quiet" : "",
                          options->help ? " help" : "", options->version ? " version" : "", options->timeout_ms,
                          options->host ? options->host : "-", options->assigned ? " assigned" : "",
                          options->empty ? " empty" : "", options->reset ? " reset" : "",
                          options->vm ? options->vm : "-", options->reserve ? options->reserve : "-");
}

static void
test_good (void)
{
  static const struct
  {
    const char *argv[ARGV_MAX];
    const char *expected;
  } cases[] = {
    { { "x" }, "|json=0 color=0 timeout=0 host=- vm=- reserve=-" },
    { { "x", "ports", "--json=short" }, "ports|json=1 color=0 timeout=0 host=- vm=- reserve=-" },
    { { "x", "--json", "pretty", "ports" }, "ports|json=2 color=0 timeout=0 host=- vm=- reserve=-" },
    { { "x", "-jq" }, "|json=3 color=0 quiet timeout=0 host=- vm=- reserve=-" },
    { { "x", "-j", "--json=off" }, "|json=0 color=0 timeout=0 host=- vm=- reserve=-" },
    { { "x", "-Hbob@box", "vms" }, "vms|json=0 color=0 timeout=0 host=bob@box vm=- reserve=-" },
    { { "x", "-qH", "box", "vms" }, "vms|json=0 color=0 quiet timeout=0 host=box vm=- reserve=-" },
    { { "x", "--host=a", "--host=b" }, "|json=0 color=0 timeout=0 host=b vm=- reserve=-" },
    { { "x", "--color", "always", "--no-legend" }, "|json=0 color=1 no-legend timeout=0 host=- vm=- reserve=-" },
    { { "x", "--color=never", "--no-ask-password" }, "|json=0 color=2 no-ask timeout=0 host=- vm=- reserve=-" },
    { { "x", "ports", "--assigned", "--empty", "--vm=a b" },
      "ports|json=0 color=0 timeout=0 host=- assigned empty vm=a b reserve=-" },
    { { "x", "--vm", "a", "--vm", "b", "ports" }, "ports|json=0 color=0 timeout=0 host=- vm=b reserve=-" },
    { { "x", "assign", "3-1", "w", "--reserve", "always" },
      "assign,3-1,w|json=0 color=0 timeout=0 host=- vm=- reserve=always" },
    { { "x", "assign", "--reserve=never", "--reserve=while-running" },
      "assign|json=0 color=0 timeout=0 host=- vm=- reserve=while-running" },
    { { "x", "unassign", "--reset", "3-1" }, "unassign,3-1|json=0 color=0 timeout=0 host=- reset vm=- reserve=-" },
    { { "x", "explain", "--", "--odd", "-j" }, "explain,--odd,-j|json=0 color=0 timeout=0 host=- vm=- reserve=-" },
    { { "x", "explain", "-" }, "explain,-|json=0 color=0 timeout=0 host=- vm=- reserve=-" },
    { { "x", "-h", "--version" }, "|json=0 color=0 help version timeout=0 host=- vm=- reserve=-" },
    { { "x", "--timeout=2" }, "|json=0 color=0 timeout=2000 host=- vm=- reserve=-" },
    { { "x", "--vm", "--reset", "ports" }, "ports|json=0 color=0 timeout=0 host=- vm=--reset reserve=-" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *described = NULL;
      HpOptions options;

      g_assert_true (hp_options_parse (&options, cases[i].argv, &error));
      g_assert_no_error (error);
      described = describe (&options);
      g_assert_cmpstr (described, ==, cases[i].expected);
      g_assert_cmpuint (options.n_arguments, ==, g_strv_length (options.arguments));
      hp_options_clear (&options);
    }
}

static void
test_bad (void)
{
  static const struct
  {
    const char *argv[ARGV_MAX];
    const char *message;
  } cases[] = {
    { { "x", "--jsn=short" }, "unknown option --jsn; did you mean --json?" },
    { { "x", "--frobnicate" }, "unknown option --frobnicate" },
    { { "x", "-z" }, "unknown option -z" },
    { { "x", "-jz" }, "unknown option -z" },
    { { "x", "-ü" }, "unknown option -ü" },
    { { "x", "--json" }, "--json needs a value: short, pretty or off" },
    { { "x", "-H" }, "-H needs a value: [USER@]HOST" },
    { { "x", "--quiet=yes" }, "--quiet takes no value" },
    { { "x", "--json=long" }, "--json: expected short, pretty or off, got \"long\"" },
    { { "x", "--json=" }, "--json: expected short, pretty or off, got \"\"" },
    { { "x", "--color=red" }, "--color: expected auto, always or never, got \"red\"" },
    { { "x", "--timeout=0" }, "--timeout: expected 1 to 86400 seconds, got \"0\"" },
    { { "x", "--timeout=1s" }, "--timeout: expected 1 to 86400 seconds, got \"1s\"" },
    { { "x", "--timeout=-1" }, "--timeout: expected 1 to 86400 seconds, got \"-1\"" },
    { { "x", "--host=-oProxyCommand=x" }, "--host: expected [USER@]HOST, got \"-oProxyCommand=x\"" },
    { { "x", "-H", "-x" }, "--host: expected [USER@]HOST, got \"-x\"" },
    { { "x", "--host=" }, "--host: expected [USER@]HOST, got \"\"" },
    { { "x", "--host=a b" }, "--host: expected [USER@]HOST, got \"a b\"" },
    { { "x", "--reserve=sometimes" }, "--reserve: expected while-running, always or never, got \"sometimes\"" },
    { { "x", "ports\377" }, "an argument is not valid UTF-8: \"ports\377\"" },
    { { "x", "--vm", "\300" }, "an argument is not valid UTF-8: \"\300\"" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      HpOptions options;

      g_assert_false (hp_options_parse (&options, cases[i].argv, &error));
      g_assert_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_USAGE);
      g_assert_cmpstr (error->message, ==, cases[i].message);
      g_assert_nonnull (options.arguments);
      hp_options_clear (&options);
    }
}

/* The form that was asked for before things went wrong holds for the error. */
static void
test_bad_keeps_json (void)
{
  HpOptions options;

  g_assert_false (hp_options_parse (&options, (const char *const[]){ "x", "-j", "--nonsense", NULL }, NULL));
  g_assert_cmpint (options.json, ==, HP_JSON_FITTING);
  hp_options_clear (&options);
}

static void
test_verbs (void)
{
  static const struct
  {
    const char *option, *verb;
    gboolean fits;
  } cases[] = {
    { "--assigned", "ports", TRUE }, { "--assigned", "port", FALSE }, { "--assigned", "devices", FALSE },
    { "--vm=x", "ports", TRUE },     { "--vm=x", "devices", TRUE },   { "--vm=x", "vms", FALSE },
    { "--reset", "unassign", TRUE }, { "--reset", "assign", FALSE },  { "--reserve=never", "assign", TRUE },
    { "--quiet", "anything", TRUE }, { "-j", "anything", TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      HpOptions options;

      g_assert_true (hp_options_parse (&options, (const char *const[]){ "x", cases[i].option, NULL }, NULL));
      g_assert_cmpint (hp_options_check (&options, cases[i].verb, &error), ==, cases[i].fits);
      g_assert_cmpint (error == NULL, ==, cases[i].fits);
      hp_options_clear (&options);
    }
}

static void
test_nearest (void)
{
  static const char *const words[] = { "status", "ports", "devices", "assign", "unassign", "attach", "detach", NULL };
  static const struct
  {
    const char *word, *nearest;
  } cases[] = {
    { "asign", "assign" },
    { "assing", "assign" },
    { "port", "ports" },
    { "stat", "status" },
    { "unasign", "unassign" },
    { "atach", "attach" },
    { "dettach", "detach" },
    { "frobnicate", NULL },
    { "x", NULL },
    { "", NULL },
    { "dev", "devices" },
    { "ssassssssssssssssssssssssssssssssssssssssssn", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpstr (hp_nearest (cases[i].word, words), ==, cases[i].nearest);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/options/good", test_good);
  g_test_add_func ("/options/bad", test_bad);
  g_test_add_func ("/options/bad-keeps-json", test_bad_keeps_json);
  g_test_add_func ("/options/verbs", test_verbs);
  g_test_add_func ("/options/nearest", test_nearest);
  return g_test_run ();
}
