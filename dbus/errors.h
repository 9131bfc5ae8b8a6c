/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/*
 * The errors of org.hotplugger1.Error.*. Registered with GDBus on both sides by the quark function, so that a GError
 * crosses the bus and keeps its code.
 */
#define HP_ERROR (hp_error_quark ())
GQuark hp_error_quark (void);

typedef enum
{
  HP_ERROR_FAILED,
  HP_ERROR_NO_SUCH_PORT,
  HP_ERROR_AMBIGUOUS_PORT,
  HP_ERROR_NO_SUCH_DEVICE,
  HP_ERROR_AMBIGUOUS_DEVICE,
  HP_ERROR_NO_SUCH_VIRTUAL_MACHINE,
  HP_ERROR_HUB_NOT_SUPPORTED,
  HP_ERROR_VIRTUAL_MACHINE_NOT_RUNNING,
  HP_ERROR_NOT_ATTACHED,
  HP_ERROR_QEMU_FAILED,
  HP_ERROR_CONFIG_INVALID,
  HP_ERROR_STATE_NOT_SAVED,
  HP_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, /* the standard name, which GDBus has no code for */
} HpError;
