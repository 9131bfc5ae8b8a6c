/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "authority.h"
#include "bus-objects.h"

/*
 * The calls that change something. Each checks its arguments, looks up what they name, asks the authority, looks up
 * again, and hands over to the engine. What became another thing while a person was asked for a password is refused.
 */

/* What calls work on. Borrowed; outlives them up to hp_bus_calls_close(). */
typedef struct
{
  HpEngine *engine;
  HpAuthority *authority;
  HpBusObjects *ports, *devices, *vms;
} HpBusParts;

typedef enum
{
  HP_BUS_ASSIGN,
  HP_BUS_UNASSIGN,
  HP_BUS_ATTACH,
  HP_BUS_DETACH,
  HP_BUS_RELOAD,
} HpBusMethod;

typedef struct _HpBusCalls HpBusCalls;

HpBusCalls *hp_bus_calls_new (const HpBusParts *parts);

/*
 * hp_bus_calls_begin:
 * @invocation: (transfer full): is answered sooner or later
 * @target, @vm: (nullable): the arguments, where the method has them
 * @options: a{sv}
 */
void hp_bus_calls_begin (HpBusCalls *calls, HpBusMethod method, GDBusMethodInvocation *invocation, const char *target,
                         const char *vm, GVariant *options);

/* No more begin. Calls that are still open are answered: those that wait for polkit with an error. */
void hp_bus_calls_close (HpBusCalls *calls);
