/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client/record.h"

#include <json-glib/json-glib.h>

/*
 * JSON for programs. Pure. Keys are the names of the properties in snake_case, in the order of the contract, and all of
 * them are always there: null stands for what is not known.
 */

/* "VirtualMachines" -> "virtual_machines", "Usb2" -> "usb2". (transfer full) */
char *hp_json_key (const char *property);

/*
 * hp_json_text:
 * @pretty: indented; else on one line
 * Returns: (transfer full): with a line end. Characters that would act on a terminal are written as \u escapes.
 */
char *hp_json_text (JsonNode *root, gboolean pretty);

/* A member that is a string, or null where @value is NULL or empty. */
void hp_json_add_string (JsonBuilder *builder, const char *key, const char *value);

/* A whole object: "object" is its path; then the properties that @info lists. */
void hp_json_add_record (JsonBuilder *builder, const HpRecord *record, const GDBusInterfaceInfo *info);
void hp_json_add_records (JsonBuilder *builder, GPtrArray *records, const GDBusInterfaceInfo *info);

/* The same alone. (transfer full) */
JsonNode *hp_json_from_record (const HpRecord *record, const GDBusInterfaceInfo *info);
JsonNode *hp_json_from_records (GPtrArray *records, const GDBusInterfaceInfo *info);
