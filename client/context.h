/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/connect.h"
#include "client/options.h"
#include "client/terminal.h"

/* What every verb gets: made by main, alive as long as the verb runs. */
typedef struct
{
  HpOptions options;
  HpTerminal terminal;
  GCancellable *cancellable; /* cancelled by SIGINT and SIGTERM */
  HpClient *client;          /* NULL for verbs that need no bus */
} HpContext;
