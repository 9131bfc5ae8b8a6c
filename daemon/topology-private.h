/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "topology.h"

struct _HpTopology
{
  GHashTable *devices;      /* kernel name -> HpDevice, owned */
  GHashTable *kernel_ports; /* kernel name -> HpKernelPort, borrowed from its hub */
  GHashTable *named_by;     /* kernel name -> HpKernelPort that has it for its peer, borrowed from its hub */
  GHashTable *port_at;      /* kernel name -> HpPort, borrowed from @ports */
  GHashTable *ports;        /* stable name of the connector -> HpPort, owned */
  GHashTable *halves;       /* stable name of a half -> HpPort, borrowed */
  GHashTable *root_hubs;    /* bus number -> HpDevice, borrowed */
};
