/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/errors.h"
#include "dbus/names.h"

static const GDBusErrorEntry entries[] = {
  { HP_ERROR_FAILED, HP_BUS_NAME ".Error.Failed" },
  { HP_ERROR_NO_SUCH_PORT, HP_BUS_NAME ".Error.NoSuchPort" },
  { HP_ERROR_AMBIGUOUS_PORT, HP_BUS_NAME ".Error.AmbiguousPort" },
  { HP_ERROR_NO_SUCH_DEVICE, HP_BUS_NAME ".Error.NoSuchDevice" },
  { HP_ERROR_AMBIGUOUS_DEVICE, HP_BUS_NAME ".Error.AmbiguousDevice" },
  { HP_ERROR_NO_SUCH_VIRTUAL_MACHINE, HP_BUS_NAME ".Error.NoSuchVirtualMachine" },
  { HP_ERROR_HUB_NOT_SUPPORTED, HP_BUS_NAME ".Error.HubNotSupported" },
  { HP_ERROR_VIRTUAL_MACHINE_NOT_RUNNING, HP_BUS_NAME ".Error.VirtualMachineNotRunning" },
  { HP_ERROR_NOT_ATTACHED, HP_BUS_NAME ".Error.NotAttached" },
  { HP_ERROR_QEMU_FAILED, HP_BUS_NAME ".Error.QemuFailed" },
  { HP_ERROR_CONFIG_INVALID, HP_BUS_NAME ".Error.ConfigInvalid" },
  { HP_ERROR_STATE_NOT_SAVED, HP_BUS_NAME ".Error.StateNotSaved" },
  { HP_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired" },
};

GQuark
hp_error_quark (void)
{
  static gsize quark = 0;

  g_dbus_error_register_error_domain ("hotplugger-error-quark", &quark, entries, G_N_ELEMENTS (entries));
  return (GQuark)quark;
}
