/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "port-id.h"

#include <gio/gio.h>
#include <string.h>

#define STABLE_MARK "-usbv"
#define ID_PATH_MARK "-usb-0:"
#define PORT_MARK "-port"

/* Reads a number from 1 to @max without leading zeros or sign; moves @at behind it. */
static gboolean
read_number (const char **at, guint max, guint *ret_number)
{
  guint number = 0;
  const char *digit = *at;

  if (*digit < '1' || *digit > '9')
    return FALSE;
  for (; g_ascii_isdigit (*digit); digit++)
    {
      number = number * 10 + (guint)(*digit - '0');
      if (number > max)
        return FALSE;
    }
  *at = digit;
  *ret_number = number;
  return TRUE;
}

gboolean
hp_chain_is_valid (const char *chain)
{
  const char *at = chain;
  guint number;

  if (chain == NULL)
    return FALSE;
  for (guint depth = 1; depth <= HP_CHAIN_DEPTH_MAX; depth++)
    {
      if (!read_number (&at, 255, &number))
        return FALSE;
      if (*at == '\0')
        return TRUE;
      if (*at++ != '.')
        return FALSE;
    }
  return FALSE;
}

char *
hp_chain_parent (const char *chain)
{
  const char *dot = strrchr (chain, '.');

  return dot != NULL ? g_strndup (chain, (gsize)(dot - chain)) : NULL;
}

gboolean
hp_chain_is_within (const char *chain, const char *ancestor)
{
  gsize length = strlen (ancestor);

  return strncmp (chain, ancestor, length) == 0 && (chain[length] == '\0' || chain[length] == '.');
}

int
hp_chain_compare (const char *a, const char *b)
{
  while (*a != '\0' && *b != '\0')
    {
      char *end_a, *end_b;
      guint64 first = g_ascii_strtoull (a, &end_a, 10);
      guint64 second = g_ascii_strtoull (b, &end_b, 10);

      if (first != second)
        return first < second ? -1 : 1;
      a = *end_a == '.' ? end_a + 1 : end_a;
      b = *end_b == '.' ? end_b + 1 : end_b;
      if (end_a == a && end_b == b && *a != '\0' && *b != '\0')
        return strcmp (a, b);
    }
  return (*a != '\0') - (*b != '\0');
}

gboolean
hp_kernel_name_parse (const char *name, guint *ret_bus, char **ret_chain)
{
  const char *at = name;
  guint bus;

  if (name == NULL || !read_number (&at, 9999, &bus) || *at != '-' || !hp_chain_is_valid (at + 1))
    return FALSE;
  if (ret_bus != NULL)
    *ret_bus = bus;
  if (ret_chain != NULL)
    *ret_chain = g_strdup (at + 1);
  return TRUE;
}

char *
hp_kernel_name_format (guint bus, const char *chain)
{
  return g_strdup_printf ("%u-%s", bus, chain);
}

char *
hp_port_id_format (const char *controller, guint usb, const char *chain)
{
  return g_strdup_printf ("%s" STABLE_MARK "%u-0:%s", controller, usb, chain);
}

/* The last occurrence, since a controller's own path may hold the same text. */
static const char *
last_mark (const char *text, const char *mark)
{
  return g_strrstr (text, mark);
}

gboolean
hp_port_id_parse (const char *id, char **ret_controller, guint *ret_usb, char **ret_chain)
{
  const char *mark = id != NULL ? last_mark (id, STABLE_MARK) : NULL;
  const char *digit = mark != NULL ? mark + strlen (STABLE_MARK) : NULL;

  if (mark == NULL || mark == id || (*digit != '2' && *digit != '3') || !g_str_has_prefix (digit + 1, "-0:")
      || !hp_chain_is_valid (digit + 4))
    return FALSE;
  if (ret_controller != NULL)
    *ret_controller = g_strndup (id, (gsize)(mark - id));
  if (ret_usb != NULL)
    *ret_usb = (guint)(*digit - '0');
  if (ret_chain != NULL)
    *ret_chain = g_strdup (digit + 4);
  return TRUE;
}

char *
hp_port_id_parent (const char *id)
{
  g_autofree char *controller = NULL;
  g_autofree char *chain = NULL;
  g_autofree char *parent = NULL;
  guint usb;

  if (!hp_port_id_parse (id, &controller, &usb, &chain))
    return NULL;
  parent = hp_chain_parent (chain);
  return parent != NULL ? hp_port_id_format (controller, usb, parent) : NULL;
}

char *
hp_controller_id_path (const HpAncestor *ancestors, gsize n_ancestors)
{
  g_autofree char *path = NULL;
  gsize i = 0;

  while (i < n_ancestors)
    {
      const char *subsystem = ancestors[i].subsystem;
      g_autofree char *joined = NULL;

      if (g_strcmp0 (subsystem, "pci") != 0 && g_strcmp0 (subsystem, "platform") != 0)
        {
          i++;
          continue;
        }
      joined = g_strdup_printf ("%s-%s%s%s", subsystem, ancestors[i].name, path != NULL ? "-" : "",
                                path != NULL ? path : "");
      g_free (path);
      path = g_steal_pointer (&joined);
      while (i < n_ancestors && g_strcmp0 (ancestors[i].subsystem, subsystem) == 0)
        i++;
    }
  if (path != NULL)
    return g_steal_pointer (&path);
  return g_strdup (n_ancestors > 0 ? ancestors[0].name : "");
}

static HpPortRef *
ref_new (HpPortRefKind kind, const char *text)
{
  HpPortRef *ref = g_new0 (HpPortRef, 1);

  ref->kind = kind;
  ref->text = g_strdup (text);
  return ref;
}

void
hp_port_ref_free (HpPortRef *ref)
{
  if (ref == NULL)
    return;
  g_free (ref->text);
  g_free (ref->controller);
  g_free (ref->chain);
  g_free (ref);
}

/* "usb3-port1" or "3-1.2-port4" -> bus and the chain of what would sit there. */
static gboolean
parse_directory (const char *name, guint *ret_bus, char **ret_chain)
{
  const char *mark = last_mark (name, PORT_MARK);
  const char *at = mark != NULL ? mark + strlen (PORT_MARK) : NULL;
  g_autofree char *hub = mark != NULL ? g_strndup (name, (gsize)(mark - name)) : NULL;
  g_autofree char *above = NULL;
  g_autofree char *chain = NULL;
  const char *digits;
  guint number, bus;

  if (mark == NULL || !read_number (&at, 255, &number) || *at != '\0')
    return FALSE;
  if (g_str_has_prefix (hub, "usb"))
    {
      digits = hub + 3;
      if (!read_number (&digits, 9999, &bus) || *digits != '\0')
        return FALSE;
      chain = g_strdup_printf ("%u", number);
    }
  else if (hp_kernel_name_parse (hub, &bus, &above))
    chain = g_strdup_printf ("%s.%u", above, number);
  if (chain == NULL || !hp_chain_is_valid (chain))
    return FALSE;
  *ret_bus = bus;
  *ret_chain = g_steal_pointer (&chain);
  return TRUE;
}

static HpPortRef *
bad_ref (const char *text, const char *expected, GError **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "\"%s\" is no name of a port: %s", text, expected);
  return NULL;
}

/* Finds "/usb<N>/" as a whole component; what stands before is the controller. */
static const char *
find_root_hub (const char *path, guint *ret_bus)
{
  for (const char *at = strstr (path, "/usb"); at != NULL; at = strstr (at + 1, "/usb"))
    {
      const char *digits = at + strlen ("/usb");
      guint bus;

      if (!read_number (&digits, 9999, &bus) || *digits != '/')
        continue;
      *ret_bus = bus;
      return at;
    }
  return NULL;
}

static HpPortRef *
parse_path (const char *text, GError **error)
{
  const char *path = g_str_has_prefix (text, "/sys/") ? text + strlen ("/sys") : text;
  g_autofree char *trimmed = g_strdup (path);
  g_autoptr (HpPortRef) ref = ref_new (HP_PORT_REF_DEVPATH, text);
  const char *last, *root;
  guint bus;

  while (g_str_has_suffix (trimmed, "/"))
    trimmed[strlen (trimmed) - 1] = '\0';
  last = strrchr (trimmed, '/');
  last = last != NULL ? last + 1 : trimmed;
  if (g_str_has_prefix (trimmed, "/bus/usb/devices/"))
    {
      ref->kind = HP_PORT_REF_KERNEL;
      if (strchr (trimmed + strlen ("/bus/usb/devices/"), '/') == NULL
          && hp_kernel_name_parse (last, &ref->bus, &ref->chain))
        return g_steal_pointer (&ref);
      return bad_ref (text, "a path there ends in a device like 3-1.4", error);
    }
  if (!g_str_has_prefix (trimmed, "/devices/"))
    return bad_ref (text, "a path must begin with /devices/ or /sys/, as in /devices/pci0000:00/0000:00:14.0/usb3/3-1",
                    error);
  root = find_root_hub (trimmed, &bus);
  if (root == NULL)
    return bad_ref (text, "the path has no bus in it, as in …/usb3/3-1", error);
  if (!parse_directory (last, &ref->bus, &ref->chain) && !hp_kernel_name_parse (last, &ref->bus, &ref->chain))
    return bad_ref (text, "the path must end in a device like 3-1.4 or a port like usb3-port1", error);
  if (ref->bus != bus)
    return bad_ref (text, "the bus in its middle and the one at its end differ", error);
  ref->controller = g_strndup (trimmed, (gsize)(root - trimmed));
  return g_steal_pointer (&ref);
}

static gboolean
check_text (const char *text, GError **error)
{
  if (*text == '\0')
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                           "the name of the port is empty: expected one like 3-1 or pci-0000:00:14.0-usbv2-0:1");
      return FALSE;
    }
  if (strlen (text) > HP_PORT_REF_MAX)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "the name of the port is longer than %d bytes",
                   HP_PORT_REF_MAX);
      return FALSE;
    }
  if (!g_utf8_validate (text, -1, NULL))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "the name of the port is not valid UTF-8");
      return FALSE;
    }
  for (const char *at = text; *at != '\0'; at = g_utf8_next_char (at))
    if (g_unichar_iscntrl (g_utf8_get_char (at)))
      {
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                             "the name of the port has control characters in it");
        return FALSE;
      }
  return TRUE;
}

/* Whether it starts like a kernel name ("3-"), so that a mistake in it is not taken for a label. */
static gboolean
starts_like_kernel_name (const char *text)
{
  const char *at = text;

  while (g_ascii_isdigit (*at))
    at++;
  return at != text && *at == '-';
}

HpPortRef *
hp_port_ref_parse (const char *text, GError **error)
{
  g_autoptr (HpPortRef) ref = NULL;
  const char *mark;

  if (!check_text (text, error))
    return NULL;
  if (*text == '/')
    return parse_path (text, error);
  ref = ref_new (HP_PORT_REF_LABEL, text);
  if (hp_port_id_parse (text, &ref->controller, &ref->usb, &ref->chain))
    ref->kind = HP_PORT_REF_STABLE;
  else if ((mark = last_mark (text, ID_PATH_MARK)) != NULL && mark != text
           && hp_chain_is_valid (mark + strlen (ID_PATH_MARK)))
    {
      ref->kind = HP_PORT_REF_ID_PATH;
      ref->controller = g_strndup (text, (gsize)(mark - text));
      ref->chain = g_strdup (mark + strlen (ID_PATH_MARK));
    }
  else if (hp_kernel_name_parse (text, &ref->bus, &ref->chain))
    ref->kind = HP_PORT_REF_KERNEL;
  else if (parse_directory (text, &ref->bus, &ref->chain))
    ref->kind = HP_PORT_REF_DIRECTORY;
  else if (last_mark (text, STABLE_MARK) != NULL || mark != NULL)
    return bad_ref (text, "it must end in -0: and the port's numbers, as in pci-0000:00:14.0-usbv2-0:1.4", error);
  else if (starts_like_kernel_name (text))
    return bad_ref (text, "after the bus come port numbers from 1 to 255, as in 3-1.4", error);
  return g_steal_pointer (&ref);
}
