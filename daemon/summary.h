/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * The line that `systemctl status` shows, counted as things change: one change costs the same whatever there is. Pure.
 */

typedef struct _HpSummary HpSummary;

HpSummary *hp_summary_new (void);
void hp_summary_free (HpSummary *summary);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpSummary, hp_summary_free)

/* Whether a machine is assigned to just this port. */
void hp_summary_port (HpSummary *summary, const char *id, gboolean assigned);
/* @vm: the machine that has the device; NULL: none, or the device is gone */
void hp_summary_device (HpSummary *summary, const char *name, const char *vm);

/* "3 ports assigned, 2 devices in 1 virtual machine" (transfer full) */
char *hp_summary_line (HpSummary *summary);
