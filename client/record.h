/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/*
 * One object of the daemon: a port, a device or a virtual machine, as its path and its properties. Pure. What the
 * daemon did not send, or sent with another type, reads as nothing: a newer or older daemon does no harm.
 */
typedef struct
{
  char *path;
  GVariant *properties; /* a{sv} */
} HpRecord;

HpRecord *hp_record_new (const char *path, GVariant *properties);
void hp_record_free (HpRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpRecord, hp_record_free)

/* "" where there is none; borrowed. */
const char *hp_record_string (const HpRecord *record, const char *property);
guint hp_record_uint (const HpRecord *record, const char *property);
guint64 hp_record_uint64 (const HpRecord *record, const char *property);
gboolean hp_record_bool (const HpRecord *record, const char *property);
/* NULL-terminated, never NULL; the strings are borrowed. (transfer container) */
const char **hp_record_strv (const HpRecord *record, const char *property);

/* From the "a(oa{sv})" of the List methods. (element-type HpRecord) (transfer full) */
GPtrArray *hp_records_new (GVariant *list);

/* In words: what people read of a record. All (transfer full). */

/* "480 Mb/s", "5 Gb/s"; "" for 0. */
char *hp_speed_to_string (guint speed);
/* A port's short name: its kernel name, or where it is not there its stable one. */
const char *hp_port_short_name (const HpRecord *port);
/* "3-1.4 (pci-0000:00:14.0-usbv2-0:1.4)", or just the one name there is. */
char *hp_port_full_name (const HpRecord *port);
/* Whose the port is: "windows", "windows, linux", "host" where that was said, "" where nothing was. */
char *hp_port_owner (const HpRecord *port);
/* "SanDisk Ultra (0781:5581)", with ids for want of a better name. */
char *hp_device_description (const HpRecord *device);
