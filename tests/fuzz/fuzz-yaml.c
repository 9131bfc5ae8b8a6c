/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include "daemon/config.h"
#include "daemon/yaml.h"

#include <string.h>

/* A config file, as YAML and as a configuration. */

#define FILE_NAME "f.yaml"

static guint
check_tree (const HpYaml *yaml, guint depth)
{
  guint nodes = 1;

  g_assert_cmpuint (depth, <=, HP_YAML_DEPTH_MAX);
  g_assert_cmpuint (yaml->line, >, 0);
  g_assert_cmpuint (yaml->column, >, 0);
  g_assert_true ((yaml->kind == HP_YAML_SCALAR) == (yaml->text != NULL));
  g_assert_true ((yaml->kind == HP_YAML_SCALAR) == (yaml->items == NULL));
  g_assert_true ((yaml->kind == HP_YAML_MAPPING) == (yaml->keys != NULL));
  if (yaml->kind == HP_YAML_SCALAR)
    g_assert_true (g_utf8_validate (yaml->text, -1, NULL));
  for (guint i = 0; yaml->items != NULL && i < yaml->items->len; i++)
    nodes += check_tree (yaml->items->pdata[i], depth + 1);
  for (guint i = 0; yaml->keys != NULL && i < yaml->keys->len; i++)
    {
      const HpYaml *key = yaml->keys->pdata[i];

      nodes += check_tree (key, depth + 1);
      /* The first of that name is this one: no key twice. */
      g_assert_true (i > 100 || hp_yaml_get (yaml, key->text) == yaml->items->pdata[i]);
    }
  return nodes;
}

static void
check_error (const GError *error)
{
  g_assert_nonnull (error);
  g_assert_true (fuzz_text_is_safe (error->message));
  g_assert_true (g_str_has_prefix (error->message, FILE_NAME ":"));
  g_assert_true (g_ascii_isdigit (error->message[strlen (FILE_NAME ":")]));
}

static void
check_config (const HpConfig *config)
{
  g_assert_cmpuint (config->vms->len, <=, HP_CONFIG_VMS_MAX);
  for (guint i = 0; i < config->vms->len; i++)
    {
      const HpConfigVm *vm = config->vms->pdata[i];

      g_assert_true (hp_vm_name_is_valid (vm->name));
      g_assert_true (hp_config_vm (config, vm->name) == vm);
      g_assert_true (g_path_is_absolute (vm->socket) && strlen (vm->socket) <= 107);
      g_assert_true (fuzz_text_is_safe (vm->socket));
      g_assert_cmpuint (vm->delay_ms, <=, 3600 * 1000);
      for (gsize j = 0; vm->hubs[j] != NULL; j++)
        g_assert_true (fuzz_text_is_safe (vm->hubs[j]));
      for (guint j = 0; j < vm->ports->len; j++)
        g_assert_true (fuzz_text_is_safe (((const HpConfigPort *)vm->ports->pdata[j])->ref->text));
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (HpConfig) config = hp_config_new ();
  g_autoptr (HpYaml) root = NULL;
  g_autoptr (GError) yaml_error = NULL;
  g_autoptr (GError) error = NULL;

  if (!hp_yaml_parse ((const char *)data, size, FILE_NAME, &root, &yaml_error))
    check_error (yaml_error);
  else if (root != NULL)
    g_assert_cmpuint (check_tree (root, 0), <=, HP_YAML_NODES_MAX);
  if (hp_config_add_text (config, (const char *)data, size, FILE_NAME, &error))
    {
      g_assert_no_error (yaml_error);
      check_config (config);
      /* A second time all its VMs are there already. */
      g_assert_true (hp_config_add_text (config, (const char *)data, size, FILE_NAME, NULL) == (config->vms->len == 0));
    }
  else
    {
      check_error (error);
      g_assert_cmpuint (config->vms->len, ==, 0);
    }
  return 0;
}
