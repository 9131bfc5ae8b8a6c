/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/*
 * From an error, on the bus or here, to what a person and a program get: exit code, stable name, message, hint. Pure.
 */

/* Exit codes, as documented in hotplugctl(1). */
enum
{
  HP_EXIT_OK = 0,
  HP_EXIT_FAILED = 1,
  HP_EXIT_USAGE = 2,
  HP_EXIT_TIMEOUT = 3,
  HP_EXIT_DENIED = 4,
  HP_EXIT_NOT_RUNNING = 8,
  HP_EXIT_NOT_FOUND = 10,
  HP_EXIT_INTERRUPTED = 130,
};

/* Errors that arise on this side. */
#define HP_CLIENT_ERROR (hp_client_error_quark ())
GQuark hp_client_error_quark (void);
typedef enum
{
  HP_CLIENT_ERROR_USAGE,       /* the command line */
  HP_CLIENT_ERROR_NOT_RUNNING, /* no hotplugd on the bus */
  HP_CLIENT_ERROR_NO_BUS,      /* no system bus, here or on the host of -H */
  HP_CLIENT_ERROR_NOT_FOUND,   /* explain: neither a port nor a device nor a machine */
  HP_CLIENT_ERROR_PROTOCOL,    /* an answer that makes no sense */
  HP_CLIENT_ERROR_OUTPUT,      /* stdout cannot be written */
  HP_CLIENT_ERROR_OUTPUT_GONE, /* nobody reads stdout any more: said to nobody */
} HpClientError;

typedef struct
{
  int exit_code;
  char *name;       /* "NoSuchPort": stable, for programs */
  char *message;    /* one sentence */
  const char *hint; /* (nullable): what to do next; static */
} HpFailure;

HpFailure *hp_failure_new (const GError *error);
void hp_failure_free (HpFailure *failure);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpFailure, hp_failure_free)

/* "{"error":{"code":…,"message":…,"hint":…}}" on one line, with its end. (transfer full) */
char *hp_failure_to_json (const HpFailure *failure);
