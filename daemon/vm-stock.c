/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm-private.h"

/* What is in the machine, as a plain value: buses, their ports in use, devices of ours and of others. */

static void
device_free (gpointer data)
{
  HpVmDevice *device = data;

  g_free (device->id);
  g_free (device->kernel_name);
  g_free (device->bus);
  g_free (device);
}

HpVmStock *
hp_vm_stock_new (void)
{
  HpVmStock *stock = g_new0 (HpVmStock, 1);

  stock->buses = g_ptr_array_new_with_free_func ((GDestroyNotify)hp_guest_bus_free);
  stock->devices = g_ptr_array_new_with_free_func (device_free);
  stock->foreign = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)hp_guest_place_free);
  return stock;
}

void
hp_vm_stock_free (HpVmStock *stock)
{
  if (stock == NULL)
    return;
  g_free (stock->run_state);
  g_ptr_array_unref (stock->buses);
  g_ptr_array_unref (stock->devices);
  g_hash_table_unref (stock->foreign);
  g_free (stock);
}

static HpGuestBus *
find_bus (HpVmStock *stock, const char *name)
{
  for (guint i = 0; name != NULL && i < stock->buses->len; i++)
    {
      HpGuestBus *bus = g_ptr_array_index (stock->buses, i);

      if (g_str_equal (bus->name, name))
        return bus;
    }
  return NULL;
}

static HpVmDevice *
find_own (HpVmStock *stock, const char *id)
{
  for (guint i = 0; id != NULL && i < stock->devices->len; i++)
    {
      HpVmDevice *device = g_ptr_array_index (stock->devices, i);

      if (g_str_equal (device->id, id))
        return device;
    }
  return NULL;
}

void
hp_vm_stock_add_bus (HpVmStock *stock, const char *name, const char *type, gint64 p2, gint64 p3)
{
  if (find_bus (stock, name) == NULL)
    g_ptr_array_add (stock->buses, hp_guest_bus_new (name, type, (guint)CLAMP (p2, 0, 255), (guint)CLAMP (p3, 0, 255)));
}

/* Ports whose bus cannot be told are left out: QEMU refuses them when they are asked for, "in use?". */
void
hp_vm_stock_add_listed (HpVmStock *stock, const HpGuestDevice *found, const char *bus_name)
{
  guint port = (guint)g_ascii_strtoull (found->port, NULL, 10); /* "4.1": what is in 4 is a hub */
  HpVmDevice *own = find_own (stock, found->id);
  HpGuestBus *bus = find_bus (stock, bus_name);

  if (bus == NULL && own != NULL)
    bus = find_bus (stock, own->bus);
  if (bus == NULL && stock->buses->len == 1)
    bus = g_ptr_array_index (stock->buses, 0);
  if (own != NULL)
    own->port = port;
  if (bus == NULL || port == 0)
    return;
  g_hash_table_add (bus->used, GUINT_TO_POINTER (port));
  if (own == NULL && found->id != NULL && strchr (found->port, '.') == NULL
      && g_hash_table_size (stock->foreign) < HP_VM_FOREIGN_MAX)
    g_hash_table_replace (stock->foreign, g_strdup (found->id), hp_vm_place_new (bus->name, port));
}
