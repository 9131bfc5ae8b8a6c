/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log.h"

#include "text.h"

#define MESSAGE_MAX 4096 /* bytes */
#define VALUE_MAX 1024
#define FIELDS_MAX 7

/* syslog's priority, as g_log_structured() would say it. */
static const char *
priority_of (GLogLevelFlags level)
{
  if (level & G_LOG_LEVEL_ERROR)
    return "3";
  if (level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING))
    return "4";
  if (level & G_LOG_LEVEL_MESSAGE)
    return "5";
  if (level & G_LOG_LEVEL_INFO)
    return "6";
  return "7";
}

static gsize
add_field (GLogField *fields, gsize n_fields, const char *key, const char *value)
{
  if (value == NULL)
    return n_fields;
  fields[n_fields] = (GLogField){ .key = key, .value = value, .length = -1 };
  return n_fields + 1;
}

void
hp_log (GLogLevelFlags level, const HpLog *fields, const char *format, ...)
{
  static const HpLog none = { 0 };
  GLogField array[FIELDS_MAX];
  gsize n = 0;
  g_autofree char *message = NULL, *safe = NULL, *port = NULL, *device = NULL, *vm = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  if (fields == NULL)
    fields = &none;
  /* Causes and names come from outside: a line break in one would look like a line of ours. */
  safe = hp_text_safe (message, MESSAGE_MAX);
  port = hp_text_safe (fields->port, VALUE_MAX);
  device = hp_text_safe (fields->device, VALUE_MAX);
  vm = hp_text_safe (fields->vm, VALUE_MAX);
  n = add_field (array, n, "MESSAGE", safe != NULL ? safe : "");
  n = add_field (array, n, "PRIORITY", priority_of (level));
  n = add_field (array, n, "GLIB_DOMAIN", G_LOG_DOMAIN);
  n = add_field (array, n, "MESSAGE_ID", fields->message_id);
  n = add_field (array, n, "HP_PORT", port);
  n = add_field (array, n, "HP_DEVICE", device);
  n = add_field (array, n, "HP_VM", vm);
  g_log_structured_array (level, array, n);
}
