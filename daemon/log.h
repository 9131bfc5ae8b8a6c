/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Structured log lines: to the journal with fields where stderr is connected to it, to stderr otherwise (GLib decides).
 * Messages are printf-checked. HpLog fields may be NULL.
 */

typedef struct
{
  const char *message_id; /* 128-bit id of an operator event, see systemd/hotplugger.catalog */
  const char *port;       /* HP_PORT= */
  const char *device;     /* HP_DEVICE= */
  const char *vm;         /* HP_VM= */
} HpLog;

void hp_log (GLogLevelFlags level, const HpLog *fields, const char *format, ...) G_GNUC_PRINTF (3, 4);

#define hp_info(fields, ...) hp_log (G_LOG_LEVEL_INFO, fields, __VA_ARGS__)
#define hp_notice(fields, ...) hp_log (G_LOG_LEVEL_MESSAGE, fields, __VA_ARGS__)
#define hp_warn(fields, ...) hp_log (G_LOG_LEVEL_WARNING, fields, __VA_ARGS__)
#define hp_debug(fields, ...) hp_log (G_LOG_LEVEL_DEBUG, fields, __VA_ARGS__)

/* Message ids of operator events. */
#define HP_MESSAGE_ATTACHED "8f3a0f0c2d5e4d6d9c7c6b1f3d0b7a11"
#define HP_MESSAGE_DETACHED "8f3a0f0c2d5e4d6d9c7c6b1f3d0b7a12"
#define HP_MESSAGE_ATTACH_FAILED "8f3a0f0c2d5e4d6d9c7c6b1f3d0b7a13"
#define HP_MESSAGE_CONFIG_BAD "8f3a0f0c2d5e4d6d9c7c6b1f3d0b7a14"
#define HP_MESSAGE_STATE_BAD "8f3a0f0c2d5e4d6d9c7c6b1f3d0b7a15"
#define HP_MESSAGE_CLAIM_REFUSED "8f3a0f0c2d5e4d6d9c7c6b1f3d0b7a16"
#define HP_MESSAGE_VM_STATE "8f3a0f0c2d5e4d6d9c7c6b1f3d0b7a17"
