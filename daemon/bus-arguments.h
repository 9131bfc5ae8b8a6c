/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* What callers pass, checked before anything else looks at it. All errors: G_DBUS_ERROR_INVALID_ARGS. */

#define HP_BUS_ARGUMENT_MAX 1024 /* bytes */

/* @text is not empty and not over the bound. @name: the argument's, for the message */
gboolean hp_bus_check_text (const char *name, const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A key that a method's options may have, with its type. Lists end with a NULL key. */
typedef struct
{
  const char *key;
  const GVariantType *type;
} HpBusOption;

/* No key in @options (a{sv}) is unknown, of another type or there twice. @known: (nullable): none is known */
gboolean hp_bus_check_options (GVariant *options, const HpBusOption *known, GError **error) G_GNUC_WARN_UNUSED_RESULT;
