/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/paths.h"

#include <gio/gio.h>
#include <string.h>

char *
hp_path_make (const char *parent, const char *key)
{
  g_autofree char *element = g_dbus_escape_object_path (key);

  return g_strconcat (parent, "/", element, NULL);
}

char *
hp_path_key (const char *parent, const char *path)
{
  gsize length = strlen (parent);
  g_autofree char *key = NULL;
  g_autofree char *again = NULL;

  if (!g_str_has_prefix (path, parent) || path[length] != '/')
    return NULL;
  key = (char *)g_dbus_unescape_object_path (path + length + 1);
  if (!key || !*key || !g_utf8_validate (key, -1, NULL))
    return NULL;
  /* An escaped NUL would have cut the key short; other spellings of the same key are not ours. */
  again = g_dbus_escape_object_path (key);
  return g_str_equal (again, path + length + 1) ? g_steal_pointer (&key) : NULL;
}
