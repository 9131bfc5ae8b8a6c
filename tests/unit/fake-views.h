/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/engine.h"

/* The plain structs of engine.h: made empty, copied and freed. Also hp_*_view_free(). */

HpPortView *fake_port_view_new (void);
HpDeviceView *fake_device_view_new (void);
HpVmView *fake_vm_view_new (void);
/* NULL for NULL. */
HpPortView *fake_port_view_copy (const HpPortView *stored);
HpDeviceView *fake_device_view_copy (const HpDeviceView *stored);
HpVmView *fake_vm_view_copy (const HpVmView *stored);

/* Replaces a string of a view. */
void fake_set (char **field, const char *text);
