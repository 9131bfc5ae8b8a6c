/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config-files.h"
#include "daemon.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_CONFIG "/etc/hotplugger/config.yaml"
#define DEFAULT_STATE "/var/lib/hotplugger"
#define EXIT_USAGE 2

typedef struct
{
  char *config;
  char *state;
  gboolean check;
  char *check_file; /* NULL: the same as config */
  gboolean version;
  gboolean verbose;
} Options;

static void
options_clear (Options *options)
{
  g_free (options->config);
  g_free (options->state);
  g_free (options->check_file);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static gboolean
on_check_config (const char *option, const char *value, gpointer data, GError **error)
{
  Options *options = data;

  options->check = TRUE;
  g_free (options->check_file);
  options->check_file = g_strdup (value);
  return TRUE;
}

/* Says what is wrong itself. */
static gboolean
parse (Options *options, int *argc, char ***argv)
{
  const GOptionEntry entries[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &options->config, "Read FILE, and config.d beside it", "FILE" },
    { "state", 0, 0, G_OPTION_ARG_FILENAME, &options->state, "Keep what is chosen at run time in DIR", "DIR" },
    { "check-config", 0, G_OPTION_FLAG_OPTIONAL_ARG | G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK,
      (gpointer)on_check_config, "Read the configuration, say what is wrong with it, and end", "[FILE]" },
    { "verbose", 0, 0, G_OPTION_ARG_NONE, &options->verbose, "Log everything", NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, "Print the version and end", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- hands USB ports to virtual machines");
  GOptionGroup *group = g_option_group_new (NULL, NULL, NULL, options, NULL);
  g_autoptr (GError) error = NULL;

  g_option_group_add_entries (group, entries);
  g_option_context_set_main_group (context, group);
  if (!g_option_context_parse (context, argc, argv, &error))
    {
      g_printerr ("hotplugd: %s\nTry 'hotplugd --help'.\n", error->message);
      return FALSE;
    }
  if (*argc > 1)
    {
      g_printerr ("hotplugd: unexpected argument '%s'\nTry 'hotplugd --help'.\n", (*argv)[1]);
      return FALSE;
    }
  return TRUE;
}

/* systemd's list may have several; ours is the first. */
static char *
default_state (void)
{
  const char *list = g_getenv ("STATE_DIRECTORY");

  if (!list || *list == '\0')
    return g_strdup (DEFAULT_STATE);
  return g_strndup (list, strcspn (list, ":"));
}

static char *
counted (guint count, const char *one, const char *many)
{
  return g_strdup_printf ("%u %s", count, count == 1 ? one : many);
}

static int
check_config (const char *path, gboolean must_exist)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HpConfig) config = NULL;
  g_autofree char *vms = NULL;
  g_autofree char *ports = NULL;
  guint count = 0;

  /* No file is a fine configuration, but not where somebody has just named it. */
  if (must_exist && !g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_printerr ("%s: there is no such file\n", path);
      return EXIT_FAILURE;
    }
  config = hp_config_files_load (path, &error);
  if (!config)
    {
      g_printerr ("%s\n", error->message);
      return EXIT_FAILURE;
    }
  for (guint i = 0; i < config->vms->len; i++)
    count += ((const HpConfigVm *)config->vms->pdata[i])->ports->len;
  vms = counted (config->vms->len, "virtual machine", "virtual machines");
  ports = counted (count, "port", "ports");
  g_print ("%s: ok, %s, %s\n", path, vms, ports);
  return EXIT_SUCCESS;
}

int
main (int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  HpDaemonOptions daemon;

  if (!parse (&options, &argc, &argv))
    return EXIT_USAGE;
  if (options.version)
    {
      g_print ("hotplugd %s\n", HP_VERSION);
      return EXIT_SUCCESS;
    }
  if (options.verbose)
    g_setenv ("G_MESSAGES_DEBUG", G_LOG_DOMAIN, TRUE);
  if (!options.config)
    options.config = g_strdup (DEFAULT_CONFIG);
  if (options.check)
    return check_config (options.check_file ? options.check_file : options.config, options.check_file != NULL);
  if (!options.state)
    options.state = default_state ();
  daemon = (HpDaemonOptions){ .config_path = options.config, .state_directory = options.state };
  return hp_daemon_run (&daemon);
}
