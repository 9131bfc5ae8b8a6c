/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Object paths of ports, devices and virtual machines, for both sides of the bus: the key ("3-1.4", a machine's name in
 * any language) escaped as one element below HP_OBJECT_PORT, HP_OBJECT_DEVICE or HP_OBJECT_VM.
 */

/* @key: UTF-8, not empty. (transfer full) */
char *hp_path_make (const char *parent, const char *key);

/* The key that hp_path_make() was given. (transfer full) (nullable): NULL where @path is none of @parent's */
char *hp_path_key (const char *parent, const char *path);
