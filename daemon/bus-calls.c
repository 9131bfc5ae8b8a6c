/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus-calls.h"

#include "bus-arguments.h"

#include "dbus/errors.h"
#include "dbus/names.h"
#include "dbus/paths.h"

struct _HpBusCalls
{
  HpBusParts parts;
  gboolean closed; /* calls that are still open keep the struct, but nothing in parts */
};

/* What a call is about, as it was looked up: what polkit is asked, and what must still be so after the answer. */
typedef struct
{
  char *key;      /* port id or device name */
  guint number;   /* of a device, with its bus: another plug is another device */
  char **details; /* for polkit: key, value, ..., NULL */
} HpSubject;

static void
subject_free (HpSubject *subject)
{
  g_strfreev (subject->details);
  g_free (subject->key);
  g_free (subject);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpSubject, subject_free)

static gboolean
subject_equal (const HpSubject *a, const HpSubject *b)
{
  return g_strcmp0 (a->key, b->key) == 0 && a->number == b->number
         && g_strv_equal ((const char *const *)a->details, (const char *const *)b->details);
}

typedef struct _HpCall HpCall;

/* One method that changes something. */
typedef struct
{
  const char *action;         /* polkit's */
  const char *target;         /* name of the first argument; NULL: none */
  const HpBusOption *options; /* that it takes */
  HpSubject *(*look_up) (HpCall *call, GError **error);
  void (*act) (HpCall *call); /* hands the call on to on_done() */
  GVariant *(*reply) (HpCall *call);
} HpMethod;

struct _HpCall
{
  HpBusCalls *calls;
  const HpMethod *method;
  GDBusMethodInvocation *invocation; /* answered, and given away, exactly once */
  char *target;
  char *vm;
  HpReserve reserve;
  gboolean reset;
  HpSubject *subject;
  guint32 uid;
};

static void
call_free (HpCall *call)
{
  g_clear_pointer (&call->subject, subject_free);
  g_free (call->target);
  g_free (call->vm);
  g_rc_box_release (call->calls);
  g_free (call);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpCall, call_free)

static void
call_fail (HpCall *call, const GError *error)
{
  g_autofree char *message = g_utf8_make_valid (error->message, -1);
  gboolean ours = error->domain == HP_ERROR || error->domain == G_DBUS_ERROR;

  g_dbus_method_invocation_return_error_literal (call->invocation, ours ? error->domain : HP_ERROR,
                                                 ours ? error->code : HP_ERROR_FAILED, message);
}

static void
call_succeed (HpCall *call)
{
  /* The caller sees the change before the answer. */
  if (!call->calls->closed)
    {
      hp_bus_objects_sync (call->calls->parts.devices);
      hp_bus_objects_sync (call->calls->parts.ports);
      hp_bus_objects_sync (call->calls->parts.vms);
    }
  g_dbus_method_invocation_return_value (call->invocation, call->method->reply ? call->method->reply (call) : NULL);
}

static void
on_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HpCall) call = user_data;
  g_autoptr (GError) error = NULL;

  if (hp_engine_request_finish (HP_ENGINE (source), result, &error))
    call_succeed (call);
  else
    call_fail (call, error);
}

static char **
make_details (const char *device, const char *port, const char *vm)
{
  g_autoptr (GPtrArray) details = g_ptr_array_new_with_free_func (g_free);
  const char *const pairs[][2] = { { "device", device }, { "port", port }, { "vm", vm } };

  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    {
      if (!pairs[i][1])
        continue;
      g_ptr_array_add (details, g_strdup (pairs[i][0]));
      g_ptr_array_add (details, g_strdup (pairs[i][1]));
    }
  g_ptr_array_add (details, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&details), FALSE);
}

static HpSubject *
look_up_assign (HpCall *call, GError **error)
{
  HpEngine *engine = call->calls->parts.engine;
  g_autoptr (HpSubject) subject = g_new0 (HpSubject, 1);

  subject->key = hp_engine_find_port (engine, call->target, error);
  if (!subject->key)
    return NULL;
  if (!g_str_equal (call->vm, HP_HOST) && !hp_engine_has_vm (engine, call->vm, error))
    return NULL;
  subject->details = make_details (NULL, subject->key, call->vm);
  return g_steal_pointer (&subject);
}

static HpSubject *
look_up_unassign (HpCall *call, GError **error)
{
  HpEngine *engine = call->calls->parts.engine;
  g_autoptr (HpSubject) subject = g_new0 (HpSubject, 1);
  g_autoptr (HpPortView) view = NULL;
  g_autofree char *vms = NULL;

  subject->key = hp_engine_find_port (engine, call->target, error);
  if (!subject->key)
    return NULL;
  view = hp_engine_port_view (engine, subject->key);
  vms = view && view->vms[0] ? g_strjoinv (", ", view->vms) : g_strdup (HP_HOST);
  subject->details = make_details (NULL, subject->key, vms);
  return g_steal_pointer (&subject);
}

static HpDeviceView *
find_device (HpCall *call, GError **error)
{
  HpEngine *engine = call->calls->parts.engine;
  g_autofree char *name = hp_path_key (HP_OBJECT_DEVICE, call->target);
  HpDeviceView *view;

  if (!name)
    name = hp_engine_find_device (engine, call->target, error);
  if (!name)
    return NULL;
  view = hp_engine_device_view (engine, name);
  if (!view)
    g_set_error (error, HP_ERROR, HP_ERROR_NO_SUCH_DEVICE, "no device is plugged in as %s", name);
  return view;
}

static HpSubject *
device_subject (const HpDeviceView *view, const char *vm)
{
  HpSubject *subject = g_new0 (HpSubject, 1);

  subject->key = g_strdup (view->name);
  subject->number = view->bus << 16 | view->number;
  subject->details = make_details (view->name, view->port, *vm ? vm : HP_HOST);
  return subject;
}

static HpSubject *
look_up_attach (HpCall *call, GError **error)
{
  g_autoptr (HpDeviceView) view = find_device (call, error);

  if (!view || !hp_engine_has_vm (call->calls->parts.engine, call->vm, error))
    return NULL;
  return device_subject (view, call->vm);
}

static HpSubject *
look_up_detach (HpCall *call, GError **error)
{
  g_autoptr (HpDeviceView) view = find_device (call, error);

  return view ? device_subject (view, view->vm) : NULL;
}

static HpSubject *
look_up_nothing (HpCall *call, GError **error)
{
  g_autoptr (HpSubject) subject = g_new0 (HpSubject, 1);

  subject->details = make_details (NULL, NULL, NULL);
  return g_steal_pointer (&subject);
}

static void
act_assign (HpCall *call)
{
  hp_engine_assign_async (call->calls->parts.engine, call->subject->key, call->vm, call->reserve, call->uid, on_done,
                          call);
}

static void
act_unassign (HpCall *call)
{
  hp_engine_unassign_async (call->calls->parts.engine, call->subject->key, call->reset, call->uid, on_done, call);
}

static void
act_attach (HpCall *call)
{
  hp_engine_attach_async (call->calls->parts.engine, call->subject->key, call->vm, on_done, call);
}

static void
act_detach (HpCall *call)
{
  hp_engine_detach_async (call->calls->parts.engine, call->subject->key, on_done, call);
}

static void
act_reload (HpCall *call)
{
  hp_engine_reload_async (call->calls->parts.engine, on_done, call);
}

static GVariant *
reply_id (HpCall *call)
{
  return g_variant_new ("(s)", call->subject->key);
}

static GVariant *
reply_path (HpCall *call)
{
  g_autofree char *path = hp_path_make (HP_OBJECT_DEVICE, call->subject->key);

  return g_variant_new ("(o)", path);
}

static const HpBusOption assign_options[] = { { "reserve", G_VARIANT_TYPE_STRING }, { NULL } };
static const HpBusOption unassign_options[] = { { "reset", G_VARIANT_TYPE_BOOLEAN }, { NULL } };

static const HpMethod methods[] = {
  [HP_BUS_ASSIGN] = { HP_ACTION_ASSIGN, "port", assign_options, look_up_assign, act_assign, reply_id },
  [HP_BUS_UNASSIGN] = { HP_ACTION_UNASSIGN, "port", unassign_options, look_up_unassign, act_unassign, reply_id },
  [HP_BUS_ATTACH] = { HP_ACTION_ATTACH, "device", NULL, look_up_attach, act_attach, reply_path },
  [HP_BUS_DETACH] = { HP_ACTION_DETACH, "device", NULL, look_up_detach, act_detach, reply_path },
  [HP_BUS_RELOAD] = { HP_ACTION_RELOAD, NULL, NULL, look_up_nothing, act_reload, NULL },
};

static void
on_authorized (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (HpCall) call = user_data;
  const HpMethod *method = call->method;
  g_autoptr (HpSubject) now = NULL;
  g_autoptr (GError) error = NULL;

  call->uid = hp_authority_check_uid (result);
  if (!hp_authority_check_finish (HP_AUTHORITY (source), result, &error))
    {
      call_fail (call, error);
      return;
    }
  if (call->calls->closed)
    {
      error = g_error_new_literal (HP_ERROR, HP_ERROR_FAILED, "hotplugd is stopping");
      call_fail (call, error);
      return;
    }
  /* Time has passed: a person may have typed in a password. The answer is for what they were asked about. */
  now = call->method->look_up (call, &error);
  if (!now)
    {
      call_fail (call, error);
      return;
    }
  if (!subject_equal (now, call->subject))
    {
      error = g_error_new (HP_ERROR, HP_ERROR_FAILED,
                           "%s is not what it was when permission was asked for: look again, then repeat the call",
                           call->subject->key);
      call_fail (call, error);
      return;
    }
  method->act (g_steal_pointer (&call));
}

static gboolean
check_arguments (HpCall *call, GVariant *options, GError **error)
{
  const char *reserve;

  if (call->method->target && !hp_bus_check_text (call->method->target, call->target, error))
    return FALSE;
  if (call->vm && !hp_bus_check_text ("vm", call->vm, error))
    return FALSE;
  if (!hp_bus_check_options (options, call->method->options, error))
    return FALSE;
  g_variant_lookup (options, "reset", "b", &call->reset);
  if (g_variant_lookup (options, "reserve", "&s", &reserve) && !hp_reserve_from_string (reserve, &call->reserve))
    {
      g_set_error_literal (error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS,
                           "option 'reserve' is none of 'while-running', 'always' and 'never'");
      return FALSE;
    }
  return TRUE;
}

void
hp_bus_calls_begin (HpBusCalls *calls, HpBusMethod method, GDBusMethodInvocation *invocation, const char *target,
                    const char *vm, GVariant *options)
{
  GDBusMessageFlags flags = g_dbus_message_get_flags (g_dbus_method_invocation_get_message (invocation));
  g_autoptr (HpCall) call = g_new0 (HpCall, 1);
  g_autoptr (GError) error = NULL;

  call->calls = g_rc_box_acquire (calls);
  call->method = &methods[method];
  call->invocation = invocation;
  call->target = g_strdup (target);
  call->vm = g_strdup (vm);
  if (check_arguments (call, options, &error))
    call->subject = call->method->look_up (call, &error);
  if (!call->subject)
    {
      call_fail (call, error);
      return;
    }
  hp_authority_check_async (calls->parts.authority, g_dbus_method_invocation_get_sender (invocation),
                            call->method->action, (const char *const *)call->subject->details,
                            (flags & G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION) != 0, on_authorized, call);
  g_steal_pointer (&call);
}

HpBusCalls *
hp_bus_calls_new (const HpBusParts *parts)
{
  HpBusCalls *calls = g_rc_box_new0 (HpBusCalls);

  calls->parts = *parts;
  return calls;
}

void
hp_bus_calls_close (HpBusCalls *calls)
{
  calls->closed = TRUE;
  g_rc_box_release (calls);
}
