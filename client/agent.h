/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/*
 * Asks for passwords on the terminal: a polkit agent for this very process. The one place that knows libpolkit-agent.
 */
typedef struct HpAgent HpAgent;

/*
 * hp_agent_new:
 * Registers the agent with polkit. A graphical agent of the session goes first, where there is one.
 * Returns: (nullable): NULL where there is no terminal to ask on, or no polkit
 */
HpAgent *hp_agent_new (GCancellable *cancellable);

/*
 * Leaves the terminal as it was found: an interrupted prompt would leave it without echo. The agent's thread may be
 * waiting for a key, so that it is left to the end of the process.
 */
void hp_agent_free (HpAgent *agent);
