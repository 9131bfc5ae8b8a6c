/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reason.h"

typedef struct
{
  const char *code;
  const char *sentence; /* %v: the machine; %d: " (DETAIL)", or nothing */
} Entry;

static const Entry entries[HP_REASON_LAST] = {
  [HP_REASON_NONE] = { "", "" },
  [HP_REASON_NOT_ASSIGNED] = { "not-assigned", "not assigned to a virtual machine: hotplugctl assign gives it to one" },
  [HP_REASON_KEPT_FOR_HOST] = { "kept-for-host", "kept for the host: hotplugctl assign gives it to a virtual machine, "
                                                 "hotplugctl unassign --reset follows the configuration again" },
  [HP_REASON_PORT_MISSING] = { "port-missing",
                               "no such port now: plug in the hub that it is on, or correct the name%d" },
  [HP_REASON_HUB_IN_PORT] = { "hub-in-port", "a hub is in the port: what is plugged into the hub goes to %v" },
  [HP_REASON_CLAIM_REFUSED] = { "claim-refused", "the kernel did not reserve the port, so that host drivers may see a "
                                                 "device for a moment before %v has it%d" },
  [HP_REASON_HELD] = { "held", "what is plugged in goes to %v" },
  [HP_REASON_RESERVED] = { "reserved", "kept from the host for %v, which does not run%d" },
  [HP_REASON_VM_UNKNOWN] = { "vm-unknown", "%v is not in the configuration: add it with its QMP socket to config.yaml "
                                           "and run hotplugctl reload" },
  [HP_REASON_VM_OFFLINE] = { "vm-offline", "%v does not run: start it, and the device goes to it%d" },
  [HP_REASON_VM_CONNECTING] = { "vm-connecting", "%v is being connected to" },
  [HP_REASON_VM_BUSY] = { "vm-busy", "another program holds the QMP monitor of %v, which serves one at a time: give "
                                     "Hotplugger a monitor of its own (a second -qmp option)%d" },
  [HP_REASON_VM_STALLED] = { "vm-stalled", "%v has not answered in time: it may be stopped or overloaded%d" },
  [HP_REASON_VM_FAILED] = { "vm-failed", "%v cannot be used%d" },
  [HP_REASON_VM_MIGRATING] = { "vm-migrating", "%v is being migrated, saved or restored: devices follow when that is "
                                               "over%d" },
  [HP_REASON_HUB] = { "hub", "hubs stay with the host: what is plugged into one goes where the port goes" },
  [HP_REASON_DELAY] = { "delay", "waiting for the delay that is configured for %v" },
  [HP_REASON_IN_PROGRESS] = { "in-progress", "QEMU is at work%d" },
  [HP_REASON_ATTACHED] = { "attached", "%v has it" },
  [HP_REASON_DETACHED_BY_USER] = { "detached-by-user", "kept on the host until it is pulled out, as asked: hotplugctl "
                                                       "attach gives it to a virtual machine" },
  [HP_REASON_ATTACHED_BY_USER] = { "attached-by-user", "given to %v until it is pulled out, as asked%d" },
  [HP_REASON_NO_GUEST_PORT] = { "no-guest-port", "%v has no free USB port for it%d" },
  [HP_REASON_OPEN_FAILED] = { "open-failed", "the device could not be opened; it is tried again%d" },
  [HP_REASON_QEMU_REFUSED] = { "qemu-refused", "QEMU refused it; it is tried again%d" },
  [HP_REASON_NOT_TAKEN] = { "not-taken", "QEMU took the command, but not the device; it is tried again%d" },
  [HP_REASON_NO_SOCKET] = { "no-socket", "%v does not run: start it, with a QMP monitor on its socket as "
                                         "hotplugger-config(5) tells%d" },
  [HP_REASON_NOBODY_LISTENS] = { "nobody-listens", "%v does not run: start it%d" },
  [HP_REASON_NO_ACCESS] = { "no-access", "the socket of %v cannot be reached%d" },
  [HP_REASON_NOT_QMP] = { "not-qmp", "what listens on the socket of %v does not speak QMP: it takes QEMU's -qmp, not "
                                     "-monitor or a serial port%d" },
  [HP_REASON_NO_USB_HOST] = { "no-usb-host", "the QEMU of %v has no usb-host device: install the package "
                                             "with its USB modules%d" },
  [HP_REASON_ONLINE] = { "online", "%v runs" },
};

const char *
hp_reason_code (HpReason reason)
{
  g_return_val_if_fail ((guint)reason < HP_REASON_LAST, "");
  return entries[reason].code;
}

char *
hp_reason_sentence (HpReason reason, const char *vm, const char *detail)
{
  GString *text = g_string_new (NULL);

  g_return_val_if_fail ((guint)reason < HP_REASON_LAST, g_string_free (text, FALSE));
  for (const char *at = entries[reason].sentence; *at != '\0'; at++)
    {
      if (at[0] == '%' && at[1] == 'v')
        g_string_append (text, vm != NULL && *vm != '\0' ? vm : "the virtual machine");
      else if (at[0] == '%' && at[1] == 'd')
        {
          if (detail != NULL && *detail != '\0')
            g_string_append_printf (text, " (%s)", detail);
        }
      else
        {
          g_string_append_c (text, *at);
          continue;
        }
      at++;
    }
  return g_string_free (text, FALSE);
}
