/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/context.h"

/*
 * The verbs, one file each or a family. @arguments: what follows the verb, as many as the table in main.c allows,
 * NULL-terminated. They write what was asked for and return FALSE with an error that errors.h knows how to tell.
 */
gboolean hp_verb_status (HpContext *context, char **arguments, GError **error);
gboolean hp_verb_ports (HpContext *context, char **arguments, GError **error);
gboolean hp_verb_devices (HpContext *context, char **arguments, GError **error);
gboolean hp_verb_vms (HpContext *context, char **arguments, GError **error);
gboolean hp_verb_assign (HpContext *context, char **arguments, GError **error);
gboolean hp_verb_unassign (HpContext *context, char **arguments, GError **error);
gboolean hp_verb_attach (HpContext *context, char **arguments, GError **error);
gboolean hp_verb_detach (HpContext *context, char **arguments, GError **error);
gboolean hp_verb_monitor (HpContext *context, char **arguments, GError **error);
gboolean hp_verb_reload (HpContext *context, char **arguments, GError **error);
gboolean hp_verb_explain (HpContext *context, char **arguments, GError **error);
gboolean hp_verb_version (HpContext *context, char **arguments, GError **error);
gboolean hp_verb_help (HpContext *context, char **arguments, GError **error);
