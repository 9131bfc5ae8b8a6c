/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "policy.h"

/*
 * The administrator's configuration: text in, an immutable value out. Pure.
 *
 *   virtual_machines:
 *     windows:
 *       socket: /run/vm/windows.qmp     # absolute path of QEMU's QMP monitor; the only key that must be there
 *       delay: 2                        # seconds to wait after a plug, 0 to 3600, fractions allowed
 *       hubs: [xhci0.0]                 # guest USB buses to use, in order
 *       reserve: while-running          # while-running, always, never
 *       ports:                          # any form of port-id.h
 *         - /devices/pci0000:00/0000:00:14.0/usb3/3-1
 *
 * Errors read "FILE:LINE:COLUMN: what was expected, and what stands there".
 */

#define HP_CONFIG_ERROR (hp_config_error_quark ())
GQuark hp_config_error_quark (void);
typedef enum
{
  HP_CONFIG_ERROR_INVALID,
  HP_CONFIG_ERROR_UNREADABLE,
} HpConfigError;

/* Bounds on what a configuration may hold. */
#define HP_CONFIG_VMS_MAX 1000
#define HP_CONFIG_PORTS_MAX 10000 /* in all */
#define HP_CONFIG_HUBS_MAX 64     /* of one VM */
#define HP_CONFIG_HUB_NAME_MAX 128
#define HP_VM_NAME_MAX 128 /* bytes */

typedef struct
{
  HpPortRef *ref; /* as written; resolved against the topology by the engine */
  char *origin;   /* "FILE:LINE" */
} HpConfigPort;

typedef struct
{
  char *name;
  char *socket; /* absolute */
  guint delay_ms;
  char **hubs; /* never NULL, may be empty */
  HpReserve reserve;
  GPtrArray *ports; /* HpConfigPort */
  char *origin;     /* "FILE:LINE" of the VM's key */
} HpConfigVm;

typedef struct
{
  GPtrArray *vms; /* HpConfigVm, in the order of the files */
} HpConfig;

/*
 * hp_vm_name_is_valid:
 * 1 to HP_VM_NAME_MAX bytes of UTF-8 without control characters, marks that hide or turn text, '/' or leading or
 * trailing space; not "host".
 */
gboolean hp_vm_name_is_valid (const char *name);

HpConfig *hp_config_new (void);
void hp_config_free (HpConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpConfig, hp_config_free)

/*
 * hp_config_add_text:
 * @file: what to call it in errors and origins; valid UTF-8
 * Parses one file's text and adds what it says to @config, all or nothing. A VM named in two files, a socket two VMs
 * share and a port twice under one VM are errors that name both places.
 */
gboolean hp_config_add_text (HpConfig *config, const char *data, gsize length, const char *file,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

const HpConfigVm *hp_config_vm (const HpConfig *config, const char *name);
