/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/options.h"

#include <gio/gio.h>

/*
 * The way to the daemon: the system bus here, or that of another host over ssh. hotplugctl never starts the daemon: who
 * stopped it got the ports back, and a look at the state must not take them again.
 */
typedef struct HpClient HpClient;

typedef enum
{
  HP_CALL_READ,
  HP_CALL_CHANGE, /* polkit may ask for a password */
} HpCallKind;

/*
 * hp_client_open:
 * @options: host, timeout, no_ask_password; borrowed, outlives the client
 * @cancellable: ends every call; borrowed, outlives the client
 * Errors: HP_CLIENT_ERROR_NO_BUS, or G_IO_ERROR_CANCELLED.
 */
HpClient *hp_client_open (const HpOptions *options, GCancellable *cancellable,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
void hp_client_free (HpClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpClient, hp_client_free)

/* Borrowed. */
GDBusConnection *hp_client_connection (HpClient *client);

/*
 * hp_client_call:
 * Calls a method of the manager and waits for the answer, running the default main context meanwhile.
 * @arguments: floating references are taken
 */
GVariant *hp_client_call (HpClient *client, HpCallKind kind, const char *method, GVariant *arguments,
                          const char *reply_type, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* All properties of the manager: a{sv}. */
GVariant *hp_client_manager (HpClient *client, GError **error) G_GNUC_WARN_UNUSED_RESULT;
