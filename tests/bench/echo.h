/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service.h"

/*
 * The least that a list of ports costs over D-Bus: a service in hotplugd's place that has the answer ready. In a thread of
 * its own, on a connection of its own. hotplugd must have stopped.
 */
typedef struct _Echo Echo;

/* @reply: of ListPorts */
Echo *echo_new (const Service *service, GVariant *reply);
void echo_free (Echo *echo);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Echo, echo_free)
