/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/connect.h"
#include "client/record.h"

/*
 * What the daemon knows, fetched in one go, and how to find one's way in it.
 */
typedef enum
{
  HP_WORLD_PORTS = 1 << 0,
  HP_WORLD_DEVICES = 1 << 1,
  HP_WORLD_VMS = 1 << 2,
  HP_WORLD_ALL = HP_WORLD_PORTS | HP_WORLD_DEVICES | HP_WORLD_VMS,
} HpWorldParts;

typedef struct
{
  GPtrArray *ports, *devices, *vms; /* HpRecord, in the daemon's order; empty where not asked for */
  /* By kernel name, stable name and name; the HpRecords are borrowed from above. */
  GHashTable *ports_by_id, *devices_by_name, *vms_by_name;
} HpWorld;

HpWorld *hp_world_load (HpClient *client, HpWorldParts parts, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void hp_world_free (HpWorld *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpWorld, hp_world_free)

/* All (nullable), borrowed. */
const HpRecord *hp_world_device (const HpWorld *world, const char *name);
const HpRecord *hp_world_vm (const HpWorld *world, const char *name);
const HpRecord *hp_world_port (const HpWorld *world, const char *id);
/* The device, or of a hub's two halves the faster, that is directly in @port. */
const HpRecord *hp_world_device_in (const HpWorld *world, const HpRecord *port);
/* By object path, in one of the arrays. */
const HpRecord *hp_records_find_path (GPtrArray *records, const char *path);

/* Whether there is a machine of that name; NULL is fine. Else HP_ERROR_NO_SUCH_VIRTUAL_MACHINE. */
gboolean hp_world_check_vm (const HpWorld *world, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/*
 * What a person may write for a port, without asking the daemon: stable or kernel name, port directory, a path that
 * ends in one of these, udev's ID_PATH. For a device: kernel name, "VVVV:PPPP" of just one, object path.
 */
const HpRecord *hp_world_match_port (const HpWorld *world, const char *text);
/* NULL without an error where there is none; HP_ERROR_AMBIGUOUS_DEVICE where the ids are those of several. */
const HpRecord *hp_world_match_device (const HpWorld *world, const char *text, GError **error);
