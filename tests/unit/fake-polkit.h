/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* polkit's authority on the bus, as far as CheckAuthorization goes, in the test's process and on its own connection. */

typedef enum
{
  FAKE_POLKIT_YES,
  FAKE_POLKIT_NO,
  FAKE_POLKIT_CHALLENGE, /* a password would do, and nobody is there to ask for it */
  FAKE_POLKIT_DISMISSED,
  FAKE_POLKIT_ERROR, /* as for an action that is not registered */
  FAKE_POLKIT_HANG,  /* as while a password is typed in */
} FakePolkitMode;

typedef struct
{
  GDBusConnection *connection;
  guint object;
  FakePolkitMode mode;
  /* What was asked last. */
  char *caller;
  char *action;
  GVariant *details; /* a{ss} */
  guint32 flags;
  guint asked;
  guint cancelled;
  GPtrArray *hanging; /* GDBusMethodInvocation */
} FakePolkit;

/* @connection: (transfer full) */
FakePolkit *fake_polkit_new (GDBusConnection *connection);
void fake_polkit_free (FakePolkit *polkit);
const char *fake_polkit_detail (FakePolkit *polkit, const char *key);
/* Answers what hangs. */
void fake_polkit_answer (FakePolkit *polkit, gboolean yes);
