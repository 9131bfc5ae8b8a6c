/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/*
 * Asks polkit. The only user of libpolkit. Asynchronous; anything but a clear yes is an error.
 */

#define HP_TYPE_AUTHORITY (hp_authority_get_type ())
G_DECLARE_FINAL_TYPE (HpAuthority, hp_authority, HP, AUTHORITY, GObject)

/* Never fails: where polkit is not there when asked, the answer is no. @connection: where callers' names live */
HpAuthority *hp_authority_new (GDBusConnection *connection);

/*
 * hp_authority_check_async:
 * @sender: the caller's unique bus name. The question is taken back when the caller leaves the bus.
 * @action: "org.hotplugger1.assign"
 * @details: (nullable): pairs of key and value shown in the prompt and seen by rules, NULL at the end
 * @interactive: the caller's message allowed interactive authorization
 * Errors: G_DBUS_ERROR_ACCESS_DENIED; HP_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED where a password would do but the
 * caller did not allow asking; both say what to do next. A caller has at most 16 questions open (G_DBUS_ERROR_LIMITS_EXCEEDED).
 */
void hp_authority_check_async (HpAuthority *authority, const char *sender, const char *action,
                               const char *const *details, gboolean interactive, GAsyncReadyCallback callback,
                               gpointer user_data);
gboolean hp_authority_check_finish (HpAuthority *authority, GAsyncResult *result,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The uid behind @sender, asked of the bus asynchronously before the polkit question; G_MAXUINT32 where unknown. */
guint32 hp_authority_check_uid (GAsyncResult *result);
