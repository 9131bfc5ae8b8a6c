/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * YAML text to a small tree of scalars, lists and mappings with the place of each. Pure; the only user of libyaml.
 *
 * It pulls parser events and never lets libyaml compose a document: aliases make cycles and bombs there. Not YAML's
 * whole language but what a configuration needs: one document, UTF-8, no anchors, aliases, tags or merge keys, no
 * duplicate keys, at most HP_YAML_SIZE_MAX bytes, HP_YAML_NODES_MAX values and HP_YAML_DEPTH_MAX levels (the parser's
 * time is quadratic in nesting).
 */

#define HP_YAML_SIZE_MAX (1024 * 1024)
#define HP_YAML_NODES_MAX 100000
#define HP_YAML_DEPTH_MAX 32

typedef enum
{
  HP_YAML_SCALAR,
  HP_YAML_LIST,
  HP_YAML_MAPPING,
} HpYamlKind;

typedef struct _HpYaml HpYaml;
struct _HpYaml
{
  HpYamlKind kind;
  guint line, column; /* from 1 */
  char *text;         /* SCALAR: its value. In a mapping's @keys: the key */
  gboolean plain;     /* SCALAR: not quoted, so it may be a number or a null */
  GPtrArray *keys;    /* MAPPING: HpYaml scalars, in the order of the file */
  GPtrArray *items;   /* LIST: items; MAPPING: values, one a key */
};

#define HP_YAML_ERROR (hp_yaml_error_quark ())
GQuark hp_yaml_error_quark (void);
typedef enum
{
  HP_YAML_ERROR_SYNTAX,
  HP_YAML_ERROR_LIMIT,
  HP_YAML_ERROR_UNSUPPORTED,
} HpYamlError;

/*
 * hp_yaml_parse:
 * @file: what to call the text in errors ("FILE:LINE:COLUMN: …"); valid UTF-8
 * @ret_root: (out) (nullable): the root; NULL for an empty text, a null scalar for an empty document. Not touched on failure.
 */
gboolean hp_yaml_parse (const char *data, gsize length, const char *file, HpYaml **ret_root,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
void hp_yaml_free (HpYaml *yaml);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpYaml, hp_yaml_free)

/* The value of @key in a mapping, or NULL. */
const HpYaml *hp_yaml_get (const HpYaml *mapping, const char *key);
/* Whether it is a plain scalar that YAML reads as nothing: empty, "~" or "null". */
gboolean hp_yaml_is_null (const HpYaml *yaml);
/* "a list", "an empty mapping", "nothing", "the quoted text "foo"": what stands there, for errors. (transfer full) */
char *hp_yaml_describe (const HpYaml *yaml);
