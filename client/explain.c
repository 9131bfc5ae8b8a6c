/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/errors.h"
#include "client/output.h"
#include "client/verbs.h"
#include "client/world.h"
#include "dbus/generated.h"
#include "dbus/names.h"

#include <string.h>

/*
 * explain: the chain of facts from the port to the machine, up to the first that does not hold. The daemon's own
 * sentence at that point says what to do.
 */

typedef enum
{
  STEP_HOLDS,
  STEP_BROKEN, /* ends the chain */
  STEP_FACT,   /* neither good nor bad */
} StepKind;

typedef struct
{
  StepKind kind;
  char *text;
} Step;

static void
step_free (Step *step)
{
  g_free (step->text);
  g_free (step);
}

/* What is explained, and the steps so far. */
typedef struct
{
  const HpWorld *world;
  GPtrArray *steps; /* Step */
} Chain;

/* Returns whether the chain goes on. */
static gboolean G_GNUC_PRINTF (3, 4) add (Chain *chain, StepKind kind, const char *format, ...)
{
  Step *step = g_new0 (Step, 1);
  va_list arguments;

  va_start (arguments, format);
  step->kind = kind;
  step->text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_ptr_array_add (chain->steps, step);
  return kind != STEP_BROKEN;
}

/* The daemon's sentence, or where it has none @fallback. */
static const char *
message_of (const HpRecord *record, const char *fallback)
{
  const char *message = hp_record_string (record, "Message");

  return *message ? message : fallback;
}

static gboolean
add_presence (Chain *chain, const HpRecord *port)
{
  const char *usb2 = hp_record_string (port, "Usb2");
  const char *usb3 = hp_record_string (port, "Usb3");

  if (!hp_record_bool (port, "Present"))
    return add (chain, STEP_BROKEN, "%s", message_of (port, "the port is not there now"));
  return add (chain, STEP_HOLDS, "the port is there: %s%s%s%s%s", *usb2 ? "USB 2 half " : "", usb2,
              *usb2 && *usb3 ? ", " : "", *usb3 ? "SuperSpeed half " : "", usb3);
}

static gboolean
add_assignment (Chain *chain, const HpRecord *port)
{
  const char *at = hp_record_string (port, "AssignedAt");
  const char *origin = hp_record_string (port, "Origin");
  g_autofree const char **vms = hp_record_strv (port, "VirtualMachines");
  g_autofree char *owner = hp_port_owner (port);
  gboolean here = g_str_equal (at, hp_record_string (port, "Id"));

  if (!vms[0])
    return add (chain, STEP_BROKEN, "%s",
                message_of (port, *at ? "the port is kept for the host" : "the port is assigned to nobody"));
  return add (chain, STEP_HOLDS, "it is assigned to %s%s%s (%s)", owner, here ? "" : ", by the port above it, ",
              here ? "" : at, origin);
}

static gboolean
add_vm (Chain *chain, const char *name)
{
  const HpRecord *vm = hp_world_vm (chain->world, name);
  const char *state = vm ? hp_record_string (vm, "State") : "unknown";

  /* The daemon's sentence names the machine, and what to do. */
  if (g_str_equal (state, "unknown") && vm && *hp_record_string (vm, "Message"))
    return add (chain, STEP_BROKEN, "%s", hp_record_string (vm, "Message"));
  if (!vm)
    return add (chain, STEP_BROKEN,
                "%s is not in the configuration: add it with its QMP socket to config.yaml and run hotplugctl reload",
                name);
  if (!g_str_equal (state, "online"))
    return add (chain, STEP_BROKEN, "%s is %s: %s", name, state, message_of (vm, "its monitor is not reached"));
  return add (chain, STEP_HOLDS, "%s is online (QEMU %s)", name, hp_record_string (vm, "QemuVersion"));
}

static gboolean
has_hub (const Chain *chain, const HpRecord *port)
{
  const HpRecord *device = hp_world_device_in (chain->world, port);

  return device && hp_record_bool (device, "Hub");
}

/* Why the kernel lets host drivers at @port, as the end of a sentence. A device that is held back is no matter here: it
   is told of before. */
static char *
unclaimed (const Chain *chain, const HpRecord *port)
{
  if (g_str_equal (hp_record_string (port, "Reserve"), "never"))
    return g_strdup ("; host drivers may get at what is plugged in first, as asked for with reserve: never");
  if (has_hub (chain, port))
    return g_strdup ("; as a hub is in it, the ports of the hub are kept from host drivers instead");
  if (g_str_equal (hp_record_string (port, "Reason"), "claim-refused"))
    return g_strdup_printf ("; host drivers may get at what is plugged in first: %s", message_of (port, ""));
  return g_strdup ("; host drivers are not kept off it yet");
}

static gboolean
add_hold (Chain *chain, const HpRecord *port, const char *vm)
{
  g_autofree char *why = NULL;

  if (!g_str_equal (hp_record_string (port, "Holder"), vm))
    return add (chain, STEP_BROKEN, "%s", message_of (port, "the port is not with the virtual machine yet"));
  if (hp_record_bool (port, "Claimed"))
    return add (chain, STEP_HOLDS, "%s has the port; the kernel keeps host drivers off it", vm);
  why = unclaimed (chain, port);
  return add (chain, STEP_FACT, "%s has the port%s", vm, why);
}

/* Whether @device goes where it goes by a person's word for it alone, which stands above its port. */
static gboolean
is_by_hand (const HpRecord *port, const HpRecord *device)
{
  g_autofree const char **vms = port ? hp_record_strv (port, "VirtualMachines") : g_new0 (const char *, 1);
  const char *reason = hp_record_string (device, "Reason");
  const char *vm = hp_record_string (device, "VirtualMachine");

  if (g_str_equal (reason, "detached-by-user") || g_str_equal (reason, "attached-by-user"))
    return TRUE;
  /* While it is on its way, or cannot get there, the reason tells of that instead. One that leaves may as well do so
     because the port was given to somebody else. */
  return *vm && !g_str_equal (hp_record_string (device, "State"), "detaching") && !g_strv_contains (vms, vm);
}

/* By its kernel name and what it is. */
static char *
device_title (const HpRecord *device)
{
  g_autofree char *description = hp_device_description (device);

  return g_strdup_printf ("%s \"%s\"", hp_record_string (device, "Name"), description);
}

static gboolean
add_device (Chain *chain, const HpRecord *device)
{
  g_autofree char *title = device_title (device);
  const char *state = hp_record_string (device, "State");
  guint attempts = hp_record_uint (device, "Attempts");
  guint64 latency = hp_record_uint64 (device, "LatencyUsec");
  g_autofree char *tries = attempts > 1 ? g_strdup_printf (" (%u attempts)", attempts) : g_strdup ("");
  g_autofree char *after = latency > 0 ? g_strdup_printf (", after %.1f ms", (double)latency / 1000) : NULL;

  if (hp_record_bool (device, "Hub"))
    return add (chain, STEP_FACT, "%s is a hub: it stays with the host, what is behind it goes along", title);
  if (g_str_equal (state, "attaching") || g_str_equal (state, "detaching"))
    return add (chain, STEP_FACT, "%s is %s at this moment", title, state);
  if (!g_str_equal (state, "attached"))
    return add (chain, STEP_BROKEN, "%s is %s%s: %s", title, state, tries, message_of (device, "no reason is given"));
  return add (chain, STEP_HOLDS, "%s is attached to %s at %s port %u%s", title,
              hp_record_string (device, "VirtualMachine"), hp_record_string (device, "GuestBus"),
              hp_record_uint (device, "GuestPort"), after ? after : "");
}

static void
add_by_hand (Chain *chain, const HpRecord *device)
{
  g_autofree char *title = device_title (device);
  const char *vm = hp_record_string (device, "VirtualMachine");

  if (*vm)
    {
      add (chain, STEP_HOLDS, "%s was given to %s by hand, until it is pulled out", title, vm);
      if (!add_vm (chain, vm))
        return;
    }
  add_device (chain, device);
}

/* Returns whether the port has no say in anything that is asked about. */
static gboolean
add_all_by_hand (Chain *chain, const HpRecord *port, const HpRecord *only)
{
  g_autofree const char **devices = hp_record_strv (port, "Devices");
  gboolean rest = FALSE, any = FALSE;

  for (gsize i = 0; devices[i]; i++)
    {
      const HpRecord *device = hp_world_device (chain->world, devices[i]);

      if (!device || (only && device != only))
        continue;
      if (is_by_hand (port, device))
        add_by_hand (chain, device);
      else
        rest = TRUE;
      any = TRUE;
    }
  return any && !rest;
}

/* What becomes of the next one, where the port has no say in what is in it now. */
static void
add_next (Chain *chain, const HpRecord *port)
{
  g_autofree const char **vms = hp_record_strv (port, "VirtualMachines");
  g_autofree char *owner = hp_port_owner (port);

  if (vms[0])
    add (chain, STEP_FACT, "the port stays assigned to %s, for what is plugged in next", owner);
  else
    add (chain, STEP_FACT, "the port itself is the host's: what is plugged in next stays with the host");
}

/* @only: (nullable): the one device that is asked about, else all that is in the port. */
static void
explain_port (Chain *chain, const HpRecord *port, const HpRecord *only)
{
  g_autofree const char **vms = hp_record_strv (port, "VirtualMachines");
  g_autofree const char **devices = hp_record_strv (port, "Devices");
  const char *holder = hp_record_string (port, "Holder");
  const char *vm = *holder ? holder : vms[0];

  if (!add_presence (chain, port))
    return;
  if (add_all_by_hand (chain, port, only))
    {
      add_next (chain, port);
      return;
    }
  if (!add_assignment (chain, port) || !add_vm (chain, vm) || !add_hold (chain, port, vm))
    return;
  for (gsize i = 0; devices[i]; i++)
    {
      const HpRecord *device = hp_world_device (chain->world, devices[i]);

      if (!device || (only && device != only) || is_by_hand (port, device))
        continue;
      if (!add_device (chain, device))
        return;
    }
  if (!devices[0])
    add (chain, STEP_FACT, "nothing is plugged in; what is plugged in will go to %s", vm);
}

static void
explain_device (Chain *chain, const HpRecord *device)
{
  const HpRecord *port = hp_world_port (chain->world, hp_record_string (device, "Port"));
  g_autofree char *port_name = port ? hp_port_full_name (port) : g_strdup (hp_record_string (device, "Port"));

  add (chain, STEP_HOLDS, "it is plugged into port %s", port_name);
  if (hp_record_bool (device, "Hub"))
    add (chain, STEP_BROKEN, "%s", message_of (device, "hubs stay with the host"));
  else if (port)
    explain_port (chain, port, device);
  else if (is_by_hand (port, device))
    add_by_hand (chain, device);
  else
    add_device (chain, device);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  g_autofree char *first = g_utf8_collate_key_for_filename (*(const char *const *)a, -1);
  g_autofree char *second = g_utf8_collate_key_for_filename (*(const char *const *)b, -1);

  return strcmp (first, second);
}

/* Names of the ports that @vm is assigned, as people know them. */
static void
add_ports (Chain *chain, const HpRecord *vm)
{
  g_autofree const char **ids = hp_record_strv (vm, "Ports");
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autofree char *list = NULL;

  for (gsize i = 0; ids[i]; i++)
    {
      const HpRecord *port = hp_world_port (chain->world, ids[i]);

      g_ptr_array_add (names, (gpointer)(port ? hp_port_short_name (port) : ids[i]));
    }
  if (names->len == 0)
    return;
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  list = g_strjoinv (", ", (char **)names->pdata);
  add (chain, STEP_HOLDS, "%u port%s assigned to it: %s", names->len - 1, names->len == 2 ? " is" : "s are", list);
}

/* Names of the devices that @vm has or should have. (transfer container) */
static GPtrArray *
devices_of (const Chain *chain, const char *vm)
{
  GPtrArray *names = g_ptr_array_new ();

  for (guint i = 0; i < chain->world->devices->len; i++)
    {
      const HpRecord *device = g_ptr_array_index (chain->world->devices, i);

      if (g_str_equal (hp_record_string (device, "VirtualMachine"), vm))
        g_ptr_array_add (names, (gpointer)hp_record_string (device, "Name"));
    }
  g_ptr_array_sort (names, compare_names);
  return names;
}

/* The devices of a machine that cannot have them now: by name, since it is the machine that they all wait for. */
static void
add_waiting (Chain *chain, GPtrArray *names, const char *vm)
{
  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *title = device_title (hp_world_device (chain->world, g_ptr_array_index (names, i)));

      add (chain, STEP_FACT, "%s is plugged in for %s", title, vm);
    }
}

static void
explain_vm (Chain *chain, const HpRecord *vm)
{
  const char *name = hp_record_string (vm, "Name");
  const char *origin = hp_record_string (vm, "Origin");
  g_autofree const char **ports = hp_record_strv (vm, "Ports");
  g_autoptr (GPtrArray) devices = devices_of (chain, name);

  if (*origin)
    add (chain, STEP_HOLDS, "it is configured in %s, with the socket %s", origin, hp_record_string (vm, "Socket"));
  add_ports (chain, vm);
  if (!g_str_equal (hp_record_string (vm, "State"), "online"))
    add_waiting (chain, devices, name);
  if (!add_vm (chain, name))
    return;
  if (!ports[0] && devices->len == 0)
    {
      add (chain, STEP_BROKEN, "no port is assigned to it: hotplugctl assign PORT %s", name);
      return;
    }
  /* Each for itself: that one is not there says nothing of the next. */
  for (guint i = 0; i < devices->len; i++)
    add_device (chain, hp_world_device (chain->world, g_ptr_array_index (devices, i)));
  if (devices->len == 0)
    add (chain, STEP_FACT, "it has no device now");
}

static gboolean
print_json (HpContext *context, const char *kind, const HpRecord *record, const GDBusInterfaceInfo *info,
            const Chain *chain, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  hp_json_add_string (builder, "kind", kind);
  json_builder_set_member_name (builder, kind);
  hp_json_add_record (builder, record, info);
  json_builder_set_member_name (builder, "steps");
  json_builder_begin_array (builder);
  for (guint i = 0; i < chain->steps->len; i++)
    {
      const Step *step = g_ptr_array_index (chain->steps, i);

      json_builder_begin_object (builder);
      json_builder_set_member_name (builder, "holds");
      if (step->kind == STEP_FACT)
        json_builder_add_null_value (builder);
      else
        json_builder_add_boolean_value (builder, step->kind == STEP_HOLDS);
      hp_json_add_string (builder, "text", step->text);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  return hp_output_json (context, json_builder_get_root (builder), error);
}

static gboolean
print_text (HpContext *context, const char *title, const Chain *chain, GError **error)
{
  static const struct
  {
    const char *mark, *ascii;
    HpPaint paint;
  } marks[] = {
    [STEP_HOLDS] = { "✓", "+", HP_PAINT_GOOD },
    [STEP_BROKEN] = { "✗", "x", HP_PAINT_BAD },
    [STEP_FACT] = { "·", "-", HP_PAINT_DIM },
  };
  const HpStream *out = &context->terminal.out;
  g_autofree char *safe_title = hp_display_safe (title);
  g_autofree char *bold = hp_paint (out->color, HP_PAINT_BOLD, safe_title);
  g_autoptr (GString) text = g_string_new (bold);

  g_string_append_c (text, '\n');
  for (guint i = 0; i < chain->steps->len; i++)
    {
      const Step *step = g_ptr_array_index (chain->steps, i);
      g_autofree char *safe = hp_display_safe (step->text);
      g_autofree char *mark =
          hp_paint (out->color, marks[step->kind].paint, out->utf8 ? marks[step->kind].mark : marks[step->kind].ascii);

      g_string_append_printf (text, "  %s %s\n", mark, safe);
    }
  return hp_output_text (context, text->str, error);
}

gboolean
hp_verb_explain (HpContext *context, char **arguments, GError **error)
{
  g_autoptr (HpWorld) world = hp_world_load (context->client, HP_WORLD_ALL, error);
  g_autoptr (GPtrArray) steps = g_ptr_array_new_with_free_func ((GDestroyNotify)step_free);
  Chain chain = { .world = world, .steps = steps };
  g_autoptr (GError) ambiguous = NULL;
  g_autofree char *title = NULL;
  const GDBusInterfaceInfo *info;
  const HpRecord *record;
  const char *kind;

  if (!world)
    return FALSE;
  if ((record = hp_world_match_port (world, arguments[0])))
    {
      g_autofree char *name = hp_port_full_name (record);

      kind = "port";
      info = hp_dbus_port_interface_info ();
      title = g_strdup_printf ("port %s", name);
      explain_port (&chain, record, NULL);
    }
  else if ((record = hp_world_match_device (world, arguments[0], &ambiguous)))
    {
      g_autofree char *description = hp_device_description (record);

      kind = "device";
      info = hp_dbus_device_interface_info ();
      title = g_strdup_printf ("device %s \"%s\"", hp_record_string (record, "Name"), description);
      explain_device (&chain, record);
    }
  else if ((record = hp_world_vm (world, arguments[0])))
    {
      kind = "virtual_machine";
      info = hp_dbus_virtual_machine_interface_info ();
      title = g_strdup_printf ("virtual machine %s", arguments[0]);
      explain_vm (&chain, record);
    }
  else if (ambiguous)
    {
      g_propagate_error (error, g_steal_pointer (&ambiguous));
      return FALSE;
    }
  else
    {
      g_set_error (error, HP_CLIENT_ERROR, HP_CLIENT_ERROR_NOT_FOUND,
                   "\"%s\" is no port, device or virtual machine here", arguments[0]);
      return FALSE;
    }
  if (hp_output_is_json (context))
    return print_json (context, kind, record, info, &chain, error);
  return print_text (context, title, &chain, error);
}
