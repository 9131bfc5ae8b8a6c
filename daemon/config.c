/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "suggest.h"
#include "text.h"
#include "yaml.h"

#include <string.h>
#include <sys/un.h>

#define DELAY_MAX_S 3600
#define SHOWN_MAX 60

G_DEFINE_QUARK (hp - config - error - quark, hp_config_error)

/* What is being read: one file's text, next to the configuration it will join. */
typedef struct
{
  const char *file;
  const HpConfig *before; /* from the files read so far */
  HpConfig *config;       /* from this one */
  GHashTable *sockets;    /* canonical path -> HpConfigVm, of both */
  guint n_ports;          /* in both */
} Reader;

static void
hp_config_port_free (HpConfigPort *port)
{
  if (port == NULL)
    return;
  hp_port_ref_free (port->ref);
  g_free (port->origin);
  g_free (port);
}

static void
hp_config_vm_free (HpConfigVm *vm)
{
  if (vm == NULL)
    return;
  g_free (vm->name);
  g_free (vm->socket);
  g_strfreev (vm->hubs);
  g_clear_pointer (&vm->ports, g_ptr_array_unref);
  g_free (vm->origin);
  g_free (vm);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpConfigVm, hp_config_vm_free)

HpConfig *
hp_config_new (void)
{
  HpConfig *config = g_new0 (HpConfig, 1);

  config->vms = g_ptr_array_new_with_free_func ((GDestroyNotify)hp_config_vm_free);
  return config;
}

void
hp_config_free (HpConfig *config)
{
  if (config == NULL)
    return;
  g_ptr_array_unref (config->vms);
  g_free (config);
}

G_GNUC_PRINTF (4, 5)
static gboolean
fail (const Reader *reader, const HpYaml *at, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, HP_CONFIG_ERROR, HP_CONFIG_ERROR_INVALID, "%s:%u:%u: %s", reader->file, at->line, at->column,
               message);
  return FALSE;
}

static gboolean
fail_expected (const Reader *reader, const HpYaml *at, GError **error, const char *expected)
{
  g_autofree char *found = hp_yaml_describe (at);

  return fail (reader, at, error, "expected %s, found %s", expected, found);
}

static char *
origin_of (const Reader *reader, const HpYaml *at)
{
  return g_strdup_printf ("%s:%u", reader->file, at->line);
}

/* No line breaks, no other control characters, no marks that turn or hide text. */
static gboolean
is_clean (const char *text)
{
  for (const char *at = text; *at != '\0'; at = g_utf8_next_char (at))
    {
      GUnicodeType type = g_unichar_type (g_utf8_get_char (at));

      if (type == G_UNICODE_CONTROL || type == G_UNICODE_FORMAT || type == G_UNICODE_LINE_SEPARATOR
          || type == G_UNICODE_PARAGRAPH_SEPARATOR)
        return FALSE;
    }
  return TRUE;
}

gboolean
hp_vm_name_is_valid (const char *name)
{
  gsize length = strlen (name);

  if (length == 0 || length > HP_VM_NAME_MAX || !g_utf8_validate (name, length, NULL))
    return FALSE;
  return is_clean (name) && strchr (name, '/') == NULL && strcmp (name, "host") != 0
         && !g_unichar_isspace (g_utf8_get_char (name))
         && !g_unichar_isspace (g_utf8_get_char (g_utf8_prev_char (name + length)));
}

/* Whether every key of @mapping is one of @known. */
static gboolean
check_keys (const Reader *reader, const HpYaml *mapping, const char *const *known, GError **error)
{
  for (guint i = 0; i < mapping->keys->len; i++)
    {
      const HpYaml *key = mapping->keys->pdata[i];
      g_autofree char *list = NULL;
      g_autofree char *shown = NULL;
      const char *meant = NULL;

      if (g_strv_contains (known, key->text))
        continue;
      list = g_strjoinv (", ", (char **)known);
      shown = hp_text_safe (key->text, SHOWN_MAX);
      meant = hp_suggest (key->text, known);
      if (meant != NULL)
        return fail (reader, key, error, "expected one of the keys %s; found \"%s\", did you mean \"%s\"?", list,
                     shown ? shown : "", meant);
      return fail (reader, key, error, "expected one of the keys %s; found \"%s\"", list, shown ? shown : "");
    }
  return TRUE;
}

/* The same text for paths of the same file, as far as text alone can tell. */
static char *
canonical_path (const char *path)
{
  /* GLib leaves "//" at the start as it is, since POSIX allows it a meaning of its own; Linux gives it none. */
  while (path[0] == '/' && path[1] == '/')
    path++;
  return g_canonicalize_filename (path, "/");
}

static gboolean
read_socket (Reader *reader, const HpYaml *yaml, HpConfigVm *vm, GError **error)
{
  const gsize max = sizeof (((struct sockaddr_un *)NULL)->sun_path) - 1;
  const char *expected = "the absolute path of the socket of QEMU's QMP monitor";
  g_autofree char *canonical = NULL;
  const HpConfigVm *other = NULL;

  if (yaml->kind != HP_YAML_SCALAR || *yaml->text != '/' || g_str_has_suffix (yaml->text, "/"))
    return fail_expected (reader, yaml, error, expected);
  if (strlen (yaml->text) > max)
    return fail (reader, yaml, error, "expected a socket path of at most %zu bytes, as the kernel takes it, found %zu",
                 max, strlen (yaml->text));
  if (!is_clean (yaml->text))
    return fail_expected (reader, yaml, error, "a socket path without control characters");
  canonical = canonical_path (yaml->text);
  other = g_hash_table_lookup (reader->sockets, canonical);
  if (other != NULL)
    return fail (reader, yaml, error, "expected a socket of its own, found \"%s\", which \"%s\" has at %s", yaml->text,
                 other->name, other->origin);
  vm->socket = g_strdup (yaml->text);
  g_hash_table_insert (reader->sockets, g_steal_pointer (&canonical), vm);
  return TRUE;
}

/* "2", "0.25": digits, at most one point, by hand since strtod() follows the locale and takes "0x2p1" and "nan". */
static gboolean
parse_seconds (const char *text, guint *ret_ms)
{
  guint64 ms = 0;
  guint scale = 1000;
  const char *at = text;

  if (!g_ascii_isdigit (*at) || (at[0] == '0' && g_ascii_isdigit (at[1])))
    return FALSE;
  for (; g_ascii_isdigit (*at); at++)
    {
      ms = ms * 10 + (*at - '0') * 1000;
      if (ms > DELAY_MAX_S * 1000)
        return FALSE;
    }
  if (*at == '.')
    {
      if (!g_ascii_isdigit (*++at))
        return FALSE;
      for (; g_ascii_isdigit (*at); at++)
        {
          scale /= 10; /* what is finer than a millisecond falls away */
          ms += (*at - '0') * scale;
        }
    }
  if (*at != '\0' || ms > DELAY_MAX_S * 1000)
    return FALSE;
  *ret_ms = ms;
  return TRUE;
}

static gboolean
read_delay (Reader *reader, const HpYaml *yaml, HpConfigVm *vm, GError **error)
{
  g_autofree char *expected = g_strdup_printf ("a number of seconds from 0 to %d, such as 2 or 0.5", DELAY_MAX_S);
  guint ms = 0;

  if (yaml->kind != HP_YAML_SCALAR || !parse_seconds (yaml->text, &ms))
    return fail_expected (reader, yaml, error, expected);
  if (!yaml->plain)
    return fail (reader, yaml, error, "expected %s, found the quoted text \"%s\": drop the quotes", expected,
                 yaml->text);
  vm->delay_ms = ms;
  return TRUE;
}

static gboolean
read_reserve (Reader *reader, const HpYaml *yaml, HpConfigVm *vm, GError **error)
{
  HpReserve reserve = HP_RESERVE_WHILE_RUNNING;
  g_autofree char *expected = NULL;

  if (yaml->kind == HP_YAML_SCALAR && hp_reserve_from_string (yaml->text, &reserve))
    {
      vm->reserve = reserve;
      return TRUE;
    }
  expected = g_strdup_printf ("one of %s, %s, %s", hp_reserve_to_string (HP_RESERVE_WHILE_RUNNING),
                              hp_reserve_to_string (HP_RESERVE_ALWAYS), hp_reserve_to_string (HP_RESERVE_NEVER));
  return fail_expected (reader, yaml, error, expected);
}

/* A list, or nothing at all, which is an empty one. */
static gboolean
check_list (const Reader *reader, const HpYaml *yaml, const char *of_what, GError **error)
{
  g_autofree char *expected = NULL;

  if (yaml->kind == HP_YAML_LIST || hp_yaml_is_null (yaml))
    return TRUE;
  expected = g_strdup_printf ("a list of %s", of_what);
  return fail_expected (reader, yaml, error, expected);
}

static gboolean
read_hubs (Reader *reader, const HpYaml *yaml, HpConfigVm *vm, GError **error)
{
  g_autoptr (GStrvBuilder) hubs = g_strv_builder_new ();
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  if (!check_list (reader, yaml, "guest USB buses, such as xhci.0", error))
    return FALSE;
  for (guint i = 0; yaml->items != NULL && i < yaml->items->len; i++)
    {
      const HpYaml *item = yaml->items->pdata[i];

      if (i >= HP_CONFIG_HUBS_MAX)
        return fail (reader, item, error, "expected at most %d guest USB buses, found more", HP_CONFIG_HUBS_MAX);
      if (item->kind != HP_YAML_SCALAR || hp_yaml_is_null (item) || *item->text == '\0'
          || strlen (item->text) > HP_CONFIG_HUB_NAME_MAX || !is_clean (item->text))
        return fail_expected (reader, item, error, "the name of a guest USB bus, such as xhci.0");
      /* The old scripts took a bus twice; the order of the first ones is what counts. */
      if (g_hash_table_add (seen, item->text))
        g_strv_builder_add (hubs, item->text);
    }
  g_strfreev (vm->hubs);
  vm->hubs = g_strv_builder_end (hubs);
  return TRUE;
}

/* The same text for references that mean the same port, however they are written. */
static char *
ref_meaning (const HpPortRef *ref)
{
  switch (ref->kind)
    {
    case HP_PORT_REF_KERNEL:
    case HP_PORT_REF_DIRECTORY:
      return g_strdup_printf ("kernel %u-%s", ref->bus, ref->chain);
    case HP_PORT_REF_STABLE:
    case HP_PORT_REF_ID_PATH:
    case HP_PORT_REF_DEVPATH:
      return g_strdup_printf ("%d %s %u %u %s", ref->kind, ref->controller, ref->usb, ref->bus, ref->chain);
    case HP_PORT_REF_LABEL:
    default:
      return g_strdup_printf ("label %s", ref->text);
    }
}

static HpPortRef *
read_port (const Reader *reader, const HpYaml *item, GError **error)
{
  g_autoptr (GError) cause = NULL;
  HpPortRef *ref = NULL;

  if (item->kind != HP_YAML_SCALAR || hp_yaml_is_null (item))
    {
      fail_expected (reader, item, error, "a port, such as /devices/pci0000:00/0000:00:14.0/usb3/3-1");
      return NULL;
    }
  ref = hp_port_ref_parse (item->text, &cause);
  if (ref == NULL)
    fail (reader, item, error, "%s", cause->message);
  return ref;
}

static gboolean
read_ports (Reader *reader, const HpYaml *yaml, HpConfigVm *vm, GError **error)
{
  /* meaning -> HpYaml */
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  if (!check_list (reader, yaml, "ports", error))
    return FALSE;
  for (guint i = 0; yaml->items != NULL && i < yaml->items->len; i++)
    {
      const HpYaml *item = yaml->items->pdata[i], *first = NULL;
      g_autoptr (HpPortRef) ref = NULL;
      g_autofree char *meaning = NULL;
      HpConfigPort *port = NULL;

      if (++reader->n_ports > HP_CONFIG_PORTS_MAX)
        return fail (reader, item, error, "expected at most %d ports in all, found more", HP_CONFIG_PORTS_MAX);
      ref = read_port (reader, item, error);
      if (ref == NULL)
        return FALSE;
      meaning = ref_meaning (ref);
      first = g_hash_table_lookup (seen, meaning);
      if (first != NULL)
        return fail (reader, item, error,
                     "expected each port once, found \"%s\" a second time under \"%s\", first on line %u as \"%s\"",
                     ref->text, vm->name, first->line, first->text);
      g_hash_table_insert (seen, g_steal_pointer (&meaning), (gpointer)item);
      port = g_new0 (HpConfigPort, 1);
      port->ref = g_steal_pointer (&ref);
      port->origin = origin_of (reader, item);
      g_ptr_array_add (vm->ports, port);
    }
  return TRUE;
}

static gboolean
read_vm_members (Reader *reader, const HpYaml *key, const HpYaml *yaml, HpConfigVm *vm, GError **error)
{
  static const char *const keys[] = { "socket", "delay", "hubs", "reserve", "ports", NULL };
  static gboolean (*const readers[]) (Reader *, const HpYaml *, HpConfigVm *,
                                      GError **) = { read_socket, read_delay, read_hubs, read_reserve, read_ports };

  if (yaml->kind != HP_YAML_MAPPING && !hp_yaml_is_null (yaml))
    return fail_expected (reader, yaml, error, "a mapping with the key socket");
  if (yaml->kind == HP_YAML_MAPPING && !check_keys (reader, yaml, keys, error))
    return FALSE;
  if (hp_yaml_get (yaml, "socket") == NULL)
    return fail (reader, key, error,
                 "expected the key socket under \"%s\", the absolute path of QEMU's QMP monitor, found none", vm->name);
  for (gsize i = 0; keys[i] != NULL; i++)
    {
      const HpYaml *value = hp_yaml_get (yaml, keys[i]);

      if (value != NULL && !readers[i](reader, value, vm, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
read_vm (Reader *reader, const HpYaml *key, const HpYaml *yaml, GError **error)
{
  g_autoptr (HpConfigVm) vm = g_new0 (HpConfigVm, 1);
  const HpConfigVm *other = NULL;

  if (hp_yaml_is_null (key) || !hp_vm_name_is_valid (key->text))
    return fail_expected (
        reader, key, error,
        "the name of a VM (1 to " G_STRINGIFY (
            HP_VM_NAME_MAX) " bytes, no control characters, no \"/\", no space at the ends, not \"host\")");
  other = hp_config_vm (reader->before, key->text);
  if (other != NULL)
    return fail (reader, key, error, "expected each VM once, found \"%s\" a second time, first at %s", key->text,
                 other->origin);
  if (reader->before->vms->len + reader->config->vms->len >= HP_CONFIG_VMS_MAX)
    return fail (reader, key, error, "expected at most %d VMs, found more", HP_CONFIG_VMS_MAX);
  vm->name = g_strdup (key->text);
  vm->origin = origin_of (reader, key);
  vm->hubs = g_new0 (char *, 1);
  vm->reserve = HP_RESERVE_WHILE_RUNNING;
  vm->ports = g_ptr_array_new_with_free_func ((GDestroyNotify)hp_config_port_free);
  if (!read_vm_members (reader, key, yaml, vm, error))
    return FALSE;
  g_ptr_array_add (reader->config->vms, g_steal_pointer (&vm));
  return TRUE;
}

static gboolean
read_root (Reader *reader, const HpYaml *root, GError **error)
{
  static const char *const known[] = { "virtual_machines", NULL };
  const HpYaml *vms = NULL;

  if (root == NULL || hp_yaml_is_null (root))
    return TRUE;
  if (root->kind != HP_YAML_MAPPING)
    return fail_expected (reader, root, error, "a mapping with the key virtual_machines");
  if (!check_keys (reader, root, known, error))
    return FALSE;
  vms = hp_yaml_get (root, "virtual_machines");
  if (vms == NULL || hp_yaml_is_null (vms))
    return TRUE;
  if (vms->kind != HP_YAML_MAPPING)
    return fail_expected (reader, vms, error, "a mapping from the names of VMs to what they are");
  for (guint i = 0; i < vms->keys->len; i++)
    if (!read_vm (reader, vms->keys->pdata[i], vms->items->pdata[i], error))
      return FALSE;
  return TRUE;
}

gboolean
hp_config_add_text (HpConfig *config, const char *data, gsize length, const char *file, GError **error)
{
  g_autoptr (HpConfig) added = hp_config_new ();
  g_autoptr (HpYaml) root = NULL;
  g_autoptr (GHashTable) sockets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  Reader reader = { .file = file, .before = config, .config = added, .sockets = sockets };

  for (guint i = 0; i < config->vms->len; i++)
    {
      HpConfigVm *vm = config->vms->pdata[i];

      g_hash_table_insert (sockets, canonical_path (vm->socket), vm);
      reader.n_ports += vm->ports->len;
    }
  if (!hp_yaml_parse (data, length, file, &root, error) || !read_root (&reader, root, error))
    return FALSE;
  g_ptr_array_extend_and_steal (config->vms, g_ptr_array_ref (added->vms));
  return TRUE;
}

const HpConfigVm *
hp_config_vm (const HpConfig *config, const char *name)
{
  for (guint i = 0; i < config->vms->len; i++)
    {
      const HpConfigVm *vm = config->vms->pdata[i];

      if (strcmp (vm->name, name) == 0)
        return vm;
    }
  return NULL;
}
