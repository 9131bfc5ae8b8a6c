/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dbus/errors.h"
#include "dbus/names.h"
#include "engine-private.h"

/* What the facade sees: plain copies. */

static char *
text (const char *value)
{
  return g_strdup (value != NULL ? value : "");
}

static char **
strv_of (GPtrArray *names)
{
  g_ptr_array_add (names, NULL);
  return (char **)g_ptr_array_free (names, FALSE);
}

void
hp_port_view_free (HpPortView *view)
{
  char *const strings[] = { view->id,       view->usb2,        view->usb3,   view->parent,  view->connect_type,
                            view->position, view->assigned_at, view->origin, view->reserve, view->holder,
                            view->state,    view->reason,      view->message };

  for (guint i = 0; i < G_N_ELEMENTS (strings); i++)
    g_free (strings[i]);
  g_strfreev (view->devices);
  g_strfreev (view->vms);
  g_free (view);
}

void
hp_device_view_free (HpDeviceView *view)
{
  char *const strings[] = { view->name,        view->port,       view->vendor, view->product, view->serial,
                            view->description, view->class_name, view->vm,     view->state,   view->reason,
                            view->message,     view->guest_bus,  view->qemu_id };

  for (guint i = 0; i < G_N_ELEMENTS (strings); i++)
    g_free (strings[i]);
  g_free (view);
}

void
hp_vm_view_free (HpVmView *view)
{
  char *const strings[] = { view->name,   view->socket,  view->origin,    view->state,
                            view->reason, view->message, view->run_state, view->version };

  for (guint i = 0; i < G_N_ELEMENTS (strings); i++)
    g_free (strings[i]);
  g_ptr_array_unref (view->buses);
  g_strfreev (view->ports);
  g_strfreev (view->devices);
  g_free (view);
}

static void
view_assignment (HpPortView *view, HpEngine *engine, const HpAssignment *assignment, const HpStatus *status)
{
  view->assigned_at = text (assignment != NULL ? assignment->port : NULL);
  view->origin = text (assignment != NULL ? assignment->origin : NULL);
  view->reserve = text (assignment != NULL ? hp_reserve_to_string (assignment->reserve) : NULL);
  view->vms = assignment != NULL ? g_strdupv (assignment->vms) : g_new0 (char *, 1);
  view->holder = text (hp_world_holder (engine->world, assignment));
  view->state = text (status->state);
  view->reason = text (hp_reason_code (status->reason));
  view->message = hp_reason_sentence (status->reason, status->vm, status->detail);
}

static const char *
half_text (const HpPort *port, gsize offset)
{
  const char *two = port->usb2 != NULL ? G_STRUCT_MEMBER (const char *, port->usb2, offset) : NULL;

  return two != NULL || port->usb3 == NULL ? two : G_STRUCT_MEMBER (const char *, port->usb3, offset);
}

static HpPortView *
present_port_view (HpEngine *engine, const HpPort *port)
{
  HpPortView *view = g_new0 (HpPortView, 1);
  const HpPort *parent = hp_topology_port_parent (engine->topology, port);
  HpStatus status = hp_status_port (engine->world, port);
  GPtrArray *devices = g_ptr_array_new ();
  const HpDevice *found[2];
  guint n_found = hp_topology_port_devices (engine->topology, port, found);

  view->id = text (port->id);
  view->present = TRUE;
  view->usb2 = text (port->usb2 != NULL ? port->usb2->name : NULL);
  view->usb3 = text (port->usb3 != NULL ? port->usb3->name : NULL);
  view->parent = text (parent != NULL ? parent->id : NULL);
  view->connect_type = text (half_text (port, G_STRUCT_OFFSET (HpKernelPort, connect_type)));
  view->position = text (half_text (port, G_STRUCT_OFFSET (HpKernelPort, position)));
  view->over_current =
      (port->usb2 != NULL ? port->usb2->over_current : 0) + (port->usb3 != NULL ? port->usb3->over_current : 0);
  for (guint i = 0; i < n_found; i++)
    g_ptr_array_add (devices, g_strdup (found[i]->name));
  view->devices = strv_of (devices);
  view->claimed = hp_status_is_claimed (engine->world, port);
  view_assignment (view, engine, hp_policy_find (engine->world->policy, engine->topology, port), &status);
  return view;
}

/* Ports of the configuration that no name on this machine fits are shown under the name they were given. */
static const HpUnresolved *
find_unresolved (HpEngine *engine, const char *id)
{
  for (guint i = 0; i < engine->unresolved->len; i++)
    {
      const HpUnresolved *unresolved = g_ptr_array_index (engine->unresolved, i);

      if (g_str_equal (unresolved->text, id))
        return unresolved;
    }
  return NULL;
}

/* What such a port would be. Its machines are all those that name it. */
static HpAssignment *
make_assignment (HpEngine *engine, const HpUnresolved *unresolved)
{
  g_autoptr (GPtrArray) vms = g_ptr_array_new ();

  for (guint i = 0; i < engine->unresolved->len; i++)
    {
      const HpUnresolved *other = g_ptr_array_index (engine->unresolved, i);

      if (g_str_equal (other->text, unresolved->text))
        g_ptr_array_add (vms, other->vm);
    }
  g_ptr_array_add (vms, NULL);
  return hp_assignment_new (unresolved->text, (const char *const *)vms->pdata, HP_RESERVE_WHILE_RUNNING, FALSE,
                            unresolved->origin);
}

static HpPortView *
missing_port_view (HpEngine *engine, const char *id)
{
  const HpAssignment *assignment = hp_policy_exact (engine->world->policy, id);
  const HpUnresolved *unresolved = find_unresolved (engine, id);
  g_autoptr (HpAssignment) made = NULL;
  HpPortView *view;
  HpStatus status;

  if (assignment == NULL && unresolved != NULL)
    assignment = made = make_assignment (engine, unresolved);
  if (assignment == NULL || assignment->vms[0] == NULL)
    return NULL;
  status = hp_status_missing_port (assignment);
  if (made != NULL)
    status.detail = unresolved->problem;
  view = g_new0 (HpPortView, 1);
  view->id = text (id);
  view->usb2 = text (NULL);
  view->usb3 = text (NULL);
  view->parent = hp_port_id_parent (id);
  if (view->parent == NULL)
    view->parent = text (NULL);
  view->connect_type = text (NULL);
  view->position = text (NULL);
  view->devices = g_new0 (char *, 1);
  view_assignment (view, engine, assignment, &status);
  return view;
}

HpPortView *
hp_engine_port_view (HpEngine *engine, const char *id)
{
  const HpPort *port = hp_topology_port (engine->topology, id);

  /* A connector is shown once, under its own name, whichever half was asked for. */
  if (port != NULL)
    return g_str_equal (port->id, id) ? present_port_view (engine, port) : NULL;
  return missing_port_view (engine, id);
}

HpDeviceView *
hp_engine_device_view (HpEngine *engine, const char *name)
{
  const HpDevice *device = hp_topology_device (engine->topology, name);
  const HpPort *port = hp_topology_port_at (engine->topology, name);
  HpDeviceView *view;
  HpStatus status;

  if (device == NULL || port == NULL)
    return NULL;
  engine->world->now = g_get_monotonic_time ();
  status = hp_status_device (engine->world, device);
  view = g_new0 (HpDeviceView, 1);
  view->name = text (name);
  view->port = text (port->id);
  view->bus = device->bus;
  view->number = device->devnum;
  view->vendor_id = device->vendor_id;
  view->product_id = device->product_id;
  view->vendor = text (device->vendor);
  view->product = text (device->product);
  view->serial = text (device->serial);
  view->description = hp_device_describe (device);
  view->speed = hp_speed_mbps (device->speed);
  view->class_name = text (hp_status_class (device));
  view->hub = device->hub;
  view->vm = text (status.vm);
  view->state = text (status.state);
  view->reason = text (hp_reason_code (status.reason));
  view->message = hp_reason_sentence (status.reason, status.vm, status.detail);
  view->guest_bus = text (status.attachment != NULL ? status.attachment->bus : NULL);
  view->guest_port = status.attachment != NULL ? status.attachment->port : 0;
  view->qemu_id = text (status.attachment != NULL ? status.attachment->id : NULL);
  view->attempts = status.attachment != NULL ? status.attachment->attempts : 0;
  view->latency_usec = status.attachment != NULL ? status.attachment->latency : 0;
  return view;
}

static char **
ports_of_vm (HpEngine *engine, const char *name)
{
  g_autoptr (GPtrArray) assignments = hp_policy_list_for_vm (engine->world->policy, name);
  GPtrArray *ids = g_ptr_array_new ();

  for (guint i = 0; i < assignments->len; i++)
    {
      const HpAssignment *assignment = g_ptr_array_index (assignments, i);
      const HpPort *port = hp_topology_port (engine->topology, assignment->port);

      g_ptr_array_add (ids, g_strdup (port != NULL ? port->id : assignment->port));
    }
  return strv_of (ids);
}

static char **
devices_in_vm (HpEngine *engine, const char *name)
{
  g_autoptr (GPtrArray) all = hp_engine_devices_of (engine, name);
  GPtrArray *names = g_ptr_array_new ();

  for (guint i = 0; i < all->len; i++)
    {
      const HpAttachment *attachment = hp_world_attachment_in (engine->world, g_ptr_array_index (all, i), name);

      if (attachment->state == HP_ATTACHMENT_ATTACHED || attachment->state == HP_ATTACHMENT_DETACHING)
        g_ptr_array_add (names, g_strdup (attachment->device));
    }
  return strv_of (names);
}

static GPtrArray *
copy_buses (HpVm *vm)
{
  GPtrArray *copies = g_ptr_array_new_with_free_func ((GDestroyNotify)hp_guest_bus_free);
  GPtrArray *buses = vm != NULL ? hp_vm_buses (vm) : NULL;

  for (guint i = 0; buses != NULL && i < buses->len; i++)
    g_ptr_array_add (copies, hp_guest_bus_copy (g_ptr_array_index (buses, i)));
  return copies;
}

/* A machine that has ports, but that nobody has told the socket of. NULL where it has no ports either. */
static HpVmView *
unknown_vm_view (HpEngine *engine, const char *name)
{
  g_autoptr (GPtrArray) assignments = hp_policy_list_for_vm (engine->world->policy, name);
  HpVmView *view;

  if (assignments->len == 0)
    return NULL;
  view = g_new0 (HpVmView, 1);
  view->name = text (name);
  view->socket = text (NULL);
  view->origin = text (NULL);
  view->state = text ("unknown");
  view->reason = text (hp_reason_code (HP_REASON_VM_UNKNOWN));
  view->message = hp_reason_sentence (HP_REASON_VM_UNKNOWN, name, NULL);
  view->run_state = text (NULL);
  view->version = text (NULL);
  view->uid = G_MAXUINT32;
  view->buses = copy_buses (NULL);
  view->ports = ports_of_vm (engine, name);
  view->devices = devices_in_vm (engine, name);
  return view;
}

HpVmView *
hp_engine_vm_view (HpEngine *engine, const char *name)
{
  const HpConfigVm *configured = hp_config_vm (engine->config, name);
  /* One with another socket now is the old one until that has let go. */
  HpVm *vm = configured != NULL ? hp_engine_vm (engine, name) : NULL;
  HpVmView *view;

  if (vm == NULL)
    return unknown_vm_view (engine, name);
  view = g_new0 (HpVmView, 1);
  view->name = text (name);
  view->socket = text (hp_vm_socket (vm));
  view->origin = text (configured != NULL ? configured->origin : NULL);
  view->state = text (hp_vm_state_to_string (hp_vm_state (vm)));
  view->reason = text (hp_reason_code (hp_vm_reason (vm)));
  view->message = hp_reason_sentence (hp_vm_reason (vm), name, hp_vm_detail (vm));
  view->run_state = text (hp_vm_run_state (vm));
  view->version = text (hp_vm_version (vm));
  view->uid = G_MAXUINT32;
  hp_vm_peer (vm, &view->pid, &view->uid);
  view->buses = copy_buses (vm);
  view->ports = ports_of_vm (engine, name);
  view->devices = devices_in_vm (engine, name);
  return view;
}

char **
hp_engine_port_ids (HpEngine *engine)
{
  g_autoptr (GPtrArray) ports = hp_topology_list_ports (engine->topology);
  g_autoptr (GPtrArray) assignments = hp_policy_list (engine->world->policy);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *ids = g_ptr_array_new ();

  for (guint i = 0; i < ports->len; i++)
    g_ptr_array_add (ids, g_strdup (((const HpPort *)g_ptr_array_index (ports, i))->id));
  for (guint i = 0; i < assignments->len; i++)
    {
      const HpAssignment *assignment = g_ptr_array_index (assignments, i);

      if (assignment->vms[0] != NULL && hp_topology_port (engine->topology, assignment->port) == NULL)
        g_ptr_array_add (ids, g_strdup (assignment->port));
    }
  for (guint i = 0; i < engine->unresolved->len; i++)
    {
      const char *name = ((const HpUnresolved *)g_ptr_array_index (engine->unresolved, i))->text;

      /* Once, however many machines name it. */
      if (g_hash_table_add (seen, (gpointer)name))
        g_ptr_array_add (ids, g_strdup (name));
    }
  return strv_of (ids);
}

char **
hp_engine_device_names (HpEngine *engine)
{
  g_autoptr (GPtrArray) devices = hp_topology_list_devices (engine->topology);
  GPtrArray *names = g_ptr_array_new ();

  for (guint i = 0; i < devices->len; i++)
    {
      const HpDevice *device = g_ptr_array_index (devices, i);

      if (hp_topology_port_at (engine->topology, device->name) != NULL)
        g_ptr_array_add (names, g_strdup (device->name));
    }
  return strv_of (names);
}

char **
hp_engine_unknown_vms (HpEngine *engine, const HpPolicy *policy)
{
  g_autoptr (GPtrArray) assignments = hp_policy_list (policy);
  g_autoptr (GHashTable) met = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *names = g_ptr_array_new ();

  for (guint i = 0; i < assignments->len; i++)
    {
      const HpAssignment *assignment = g_ptr_array_index (assignments, i);

      for (guint v = 0; assignment->vms[v] != NULL; v++)
        if (hp_config_vm (engine->config, assignment->vms[v]) == NULL && g_hash_table_add (met, assignment->vms[v]))
          g_ptr_array_add (names, g_strdup (assignment->vms[v]));
    }
  return strv_of (names);
}

char **
hp_engine_vm_names (HpEngine *engine)
{
  g_auto (GStrv) unknown = hp_engine_unknown_vms (engine, engine->world->policy);
  GPtrArray *names = g_ptr_array_new ();

  for (guint i = 0; i < engine->config->vms->len; i++)
    g_ptr_array_add (names, g_strdup (((const HpConfigVm *)g_ptr_array_index (engine->config->vms, i))->name));
  for (guint i = 0; unknown[i] != NULL; i++)
    g_ptr_array_add (names, g_strdup (unknown[i]));
  return strv_of (names);
}

const char *
hp_engine_config_path (HpEngine *engine)
{
  return engine->config_path;
}

const char *
hp_engine_config_error (HpEngine *engine)
{
  return engine->config_error != NULL ? engine->config_error : "";
}

const char *
hp_engine_state_error (HpEngine *engine)
{
  return engine->state_error != NULL ? engine->state_error : "";
}
