/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * hp_suggest:
 * The word of @known (NULL-terminated) that @text was probably meant to be, by the number of letters that differ; NULL
 * where none is near. Pure.
 */
const char *hp_suggest (const char *text, const char *const *known);
