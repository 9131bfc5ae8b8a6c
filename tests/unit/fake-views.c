/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-views.h"

/* Every string of a view by its place: to fill, copy and free them all. */
#define FIELD(type, name) G_STRUCT_OFFSET (type, name)
static const gsize port_strings[] = { FIELD (HpPortView, id),           FIELD (HpPortView, usb2),
                                      FIELD (HpPortView, usb3),         FIELD (HpPortView, parent),
                                      FIELD (HpPortView, connect_type), FIELD (HpPortView, position),
                                      FIELD (HpPortView, assigned_at),  FIELD (HpPortView, origin),
                                      FIELD (HpPortView, reserve),      FIELD (HpPortView, holder),
                                      FIELD (HpPortView, state),        FIELD (HpPortView, reason),
                                      FIELD (HpPortView, message) };
static const gsize device_strings[] = { FIELD (HpDeviceView, name),       FIELD (HpDeviceView, port),
                                        FIELD (HpDeviceView, vendor),     FIELD (HpDeviceView, product),
                                        FIELD (HpDeviceView, serial),     FIELD (HpDeviceView, description),
                                        FIELD (HpDeviceView, class_name), FIELD (HpDeviceView, vm),
                                        FIELD (HpDeviceView, state),      FIELD (HpDeviceView, reason),
                                        FIELD (HpDeviceView, message),    FIELD (HpDeviceView, guest_bus),
                                        FIELD (HpDeviceView, qemu_id) };
static const gsize vm_strings[] = { FIELD (HpVmView, name),      FIELD (HpVmView, socket), FIELD (HpVmView, origin),
                                    FIELD (HpVmView, state),     FIELD (HpVmView, reason), FIELD (HpVmView, message),
                                    FIELD (HpVmView, run_state), FIELD (HpVmView, version) };

static void
each_string (gpointer view, const gsize *fields, gsize count, char *(*change) (char *))
{
  for (gsize i = 0; i < count; i++)
    {
      char **field = G_STRUCT_MEMBER_P (view, fields[i]);

      *field = change (*field);
    }
}

static char *
empty (char *text)
{
  return g_strdup ("");
}

static char *
copy (char *text)
{
  return g_strdup (text);
}

static char *
drop (char *text)
{
  g_free (text);
  return NULL;
}

void
hp_port_view_free (HpPortView *view)
{
  each_string (view, port_strings, G_N_ELEMENTS (port_strings), drop);
  g_strfreev (view->devices);
  g_strfreev (view->vms);
  g_free (view);
}

void
hp_device_view_free (HpDeviceView *view)
{
  each_string (view, device_strings, G_N_ELEMENTS (device_strings), drop);
  g_free (view);
}

void
hp_vm_view_free (HpVmView *view)
{
  each_string (view, vm_strings, G_N_ELEMENTS (vm_strings), drop);
  g_ptr_array_unref (view->buses);
  g_strfreev (view->ports);
  g_strfreev (view->devices);
  g_free (view);
}

static void
guest_bus_free (gpointer data)
{
  HpGuestBus *bus = data;

  g_hash_table_unref (bus->used);
  g_free (bus);
}

HpPortView *
fake_port_view_new (void)
{
  HpPortView *view = g_new0 (HpPortView, 1);

  each_string (view, port_strings, G_N_ELEMENTS (port_strings), empty);
  view->devices = g_new0 (char *, 1);
  view->vms = g_new0 (char *, 1);
  return view;
}

HpDeviceView *
fake_device_view_new (void)
{
  HpDeviceView *view = g_new0 (HpDeviceView, 1);

  each_string (view, device_strings, G_N_ELEMENTS (device_strings), empty);
  return view;
}

HpVmView *
fake_vm_view_new (void)
{
  HpVmView *view = g_new0 (HpVmView, 1);

  each_string (view, vm_strings, G_N_ELEMENTS (vm_strings), empty);
  view->buses = g_ptr_array_new_with_free_func (guest_bus_free);
  view->ports = g_new0 (char *, 1);
  view->devices = g_new0 (char *, 1);
  return view;
}

HpPortView *
fake_port_view_copy (const HpPortView *stored)
{
  HpPortView *view;

  if (!stored)
    return NULL;
  view = g_memdup2 (stored, sizeof *stored);
  each_string (view, port_strings, G_N_ELEMENTS (port_strings), copy);
  view->devices = g_strdupv (stored->devices);
  view->vms = g_strdupv (stored->vms);
  return view;
}

HpDeviceView *
fake_device_view_copy (const HpDeviceView *stored)
{
  HpDeviceView *view;

  if (!stored)
    return NULL;
  view = g_memdup2 (stored, sizeof *stored);
  each_string (view, device_strings, G_N_ELEMENTS (device_strings), copy);
  return view;
}

HpVmView *
fake_vm_view_copy (const HpVmView *stored)
{
  HpVmView *view;

  if (!stored)
    return NULL;
  view = g_memdup2 (stored, sizeof *stored);
  each_string (view, vm_strings, G_N_ELEMENTS (vm_strings), copy);
  view->buses = g_ptr_array_ref (stored->buses);
  view->ports = g_strdupv (stored->ports);
  view->devices = g_strdupv (stored->devices);
  return view;
}

void
fake_set (char **field, const char *text)
{
  g_free (*field);
  *field = g_strdup (text);
}
