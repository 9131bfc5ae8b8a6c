/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/json.h"
#include "client/terminal.h"

/*
 * One thing that `monitor` tells, as a line for people or as a JSON object. Pure. All strings are borrowed and (nullable).
 */
typedef enum
{
  HP_EVENT_DAEMON, /* it runs, or it is gone */
  HP_EVENT_PLUGGED,
  HP_EVENT_UNPLUGGED,
  HP_EVENT_ATTACHED,
  HP_EVENT_DETACHED,
  HP_EVENT_FAILED,
  HP_EVENT_VM,   /* another state */
  HP_EVENT_PORT, /* another owner */
} HpEventKind;

typedef struct
{
  HpEventKind kind;
  const char *device, *port, *vm; /* kernel name, stable name, name */
  const char *description, *state, *reason, *message;
  const char *version; /* of the daemon */
  const char *guest_bus;
  guint guest_port;
  guint64 latency_usec, retry_usec;
} HpEvent;

/* "12:34:56.789  attached   3-1.4  "SanDisk Ultra (0781:5581)" …" with its end. (transfer full) */
char *hp_event_to_text (const HpEvent *event, GDateTime *when, gboolean color);

/* On one line, with its end: keys are always the same, null where there is nothing to say. (transfer full) */
char *hp_event_to_json (const HpEvent *event, GDateTime *when);
