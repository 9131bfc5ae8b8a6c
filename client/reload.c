/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/errors.h"
#include "client/output.h"
#include "client/verbs.h"

/*
 * reload and version: the daemon itself.
 */

static gboolean
tell_config (HpContext *context, GError **error)
{
  g_autoptr (GVariant) manager = hp_client_manager (context->client, error);
  g_autofree char *sentence = NULL;
  const char *file = "";

  if (!manager)
    return FALSE;
  g_variant_lookup (manager, "ConfigFile", "&s", &file);
  if (hp_output_is_json (context))
    {
      g_autoptr (JsonBuilder) builder = json_builder_new ();

      json_builder_begin_object (builder);
      hp_json_add_string (builder, "config_file", file);
      json_builder_end_object (builder);
      return hp_output_json (context, json_builder_get_root (builder), error);
    }
  sentence = g_strdup_printf ("%s is in force", file);
  return hp_output_sentence (context, sentence, error);
}

gboolean
hp_verb_reload (HpContext *context, char **arguments, GError **error)
{
  g_autoptr (GVariant) reply =
      hp_client_call (context->client, HP_CALL_CHANGE, "Reload", g_variant_new ("(a{sv})", NULL), "()", error);

  return reply && tell_config (context, error);
}

/* No bus and no daemon are no failure here: the client has a version of its own. */
gboolean
hp_verb_version (HpContext *context, char **arguments, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (HpClient) client = hp_client_open (&context->options, context->cancellable, &why);
  g_autoptr (GVariant) manager = client ? hp_client_manager (client, &why) : NULL;
  g_autoptr (HpFailure) failure = manager ? NULL : hp_failure_new (why);
  g_autofree char *daemon = NULL;
  g_autofree char *safe = NULL;
  g_autofree char *text = NULL;

  if (failure && failure->exit_code == HP_EXIT_INTERRUPTED)
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
  if (manager)
    g_variant_lookup (manager, "Version", "s", &daemon);
  if (hp_output_is_json (context))
    {
      g_autoptr (JsonBuilder) builder = json_builder_new ();

      json_builder_begin_object (builder);
      hp_json_add_string (builder, "hotplugctl", HP_VERSION);
      hp_json_add_string (builder, "hotplugd", daemon);
      json_builder_end_object (builder);
      return hp_output_json (context, json_builder_get_root (builder), error);
    }
  safe = hp_display_safe (daemon);
  text = g_strdup_printf ("hotplugctl %s\nhotplugd %s\n", HP_VERSION, daemon ? safe : failure ? "not running" : "-");
  return hp_output_text (context, text, error);
}
