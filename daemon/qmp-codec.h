/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

/*
 * QMP on the wire, without a wire: bytes to messages, commands to bytes. Pure.
 *
 * QEMU writes one JSON object after another, on one line or pretty-printed over several. json-glib recurses without a
 * limit and takes only whole texts, so the framer finds the end of each object first, counting braces outside strings,
 * with limits on size and depth. It never copies more than once.
 */

#define HP_QMP_MESSAGE_MAX (4 * 1024 * 1024) /* bytes; the largest answer we ask for is some 100 KiB */
#define HP_QMP_DEPTH_MAX 64

#define HP_QMP_ERROR (hp_qmp_error_quark ())
GQuark hp_qmp_error_quark (void);
typedef enum
{
  HP_QMP_ERROR_PROTOCOL, /* not QMP: garbage, too big, too deep, no object */
  HP_QMP_ERROR_GENERIC,  /* the command failed, class GenericError or one not known */
  HP_QMP_ERROR_COMMAND_NOT_FOUND,
  HP_QMP_ERROR_DEVICE_NOT_FOUND,
  HP_QMP_ERROR_BUSY,    /* no greeting in time: another client holds the monitor */
  HP_QMP_ERROR_STALLED, /* the VM has not answered the command in time; it may yet */
  HP_QMP_ERROR_CLOSED,  /* the session has ended */
} HpQmpError;

typedef struct _HpQmpFramer HpQmpFramer;
HpQmpFramer *hp_qmp_framer_new (void);
void hp_qmp_framer_free (HpQmpFramer *framer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpQmpFramer, hp_qmp_framer_free)
/* Adds bytes. FALSE, for good, once the stream broke a limit or has something other than white space between objects. */
gboolean hp_qmp_framer_push (HpQmpFramer *framer, const char *data, gsize length,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The next whole object's text, or NULL where more bytes are needed. */
GBytes *hp_qmp_framer_pop (HpQmpFramer *framer);

typedef enum
{
  HP_QMP_GREETING,
  HP_QMP_RETURN,
  HP_QMP_FAILURE,
  HP_QMP_EVENT,
} HpQmpKind;

typedef struct
{
  HpQmpKind kind;
  char *id;        /* RETURN, FAILURE: the command's id where it is a string; else NULL */
  JsonNode *data;  /* RETURN: the value. EVENT: its data or NULL. GREETING: the "QMP" object */
  char *event;     /* EVENT: its name */
  GError *failure; /* FAILURE: HP_QMP_ERROR by class, with QEMU's text made safe */
} HpQmpMessage;

HpQmpMessage *hp_qmp_message_parse (GBytes *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void hp_qmp_message_free (HpQmpMessage *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpQmpMessage, hp_qmp_message_free)

/* "7.2.22" from a greeting's or query-version's value; NULL where it is not there. (transfer full) */
char *hp_qmp_version (JsonNode *data, guint *ret_major, guint *ret_minor);

/* One command as a line. @arguments: (nullable) (transfer none). @id: a string of ours. */
GBytes *hp_qmp_command (const char *command, JsonObject *arguments, const char *id);

/* Readers that never trust a shape: NULL, 0 or FALSE where the member is absent or of another type. */
const char *hp_json_string (JsonNode *object, const char *member);
gboolean hp_json_int (JsonNode *object, const char *member, gint64 *ret_value);
JsonNode *hp_json_member (JsonNode *object, const char *member);
