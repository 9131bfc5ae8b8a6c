/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/record.h"
#include "dbus/names.h"

HpRecord *
hp_record_new (const char *path, GVariant *properties)
{
  HpRecord *record = g_new0 (HpRecord, 1);

  record->path = g_strdup (path);
  record->properties = g_variant_ref_sink (properties);
  return record;
}

void
hp_record_free (HpRecord *record)
{
  g_free (record->path);
  g_variant_unref (record->properties);
  g_free (record);
}

const char *
hp_record_string (const HpRecord *record, const char *property)
{
  const char *value = "";

  g_variant_lookup (record->properties, property, "&s", &value);
  return value;
}

guint
hp_record_uint (const HpRecord *record, const char *property)
{
  guint32 value = 0;

  g_variant_lookup (record->properties, property, "u", &value);
  return value;
}

guint64
hp_record_uint64 (const HpRecord *record, const char *property)
{
  guint64 value = 0;

  g_variant_lookup (record->properties, property, "t", &value);
  return value;
}

gboolean
hp_record_bool (const HpRecord *record, const char *property)
{
  gboolean value = FALSE;

  g_variant_lookup (record->properties, property, "b", &value);
  return value;
}

const char **
hp_record_strv (const HpRecord *record, const char *property)
{
  const char **value = NULL;

  if (!g_variant_lookup (record->properties, property, "^a&s", &value))
    value = g_new0 (const char *, 1);
  return value;
}

GPtrArray *
hp_records_new (GVariant *list)
{
  g_autoptr (GPtrArray) records = g_ptr_array_new_with_free_func ((GDestroyNotify)hp_record_free);
  GVariantIter iter;
  const char *path;
  GVariant *properties;

  g_variant_iter_init (&iter, list);
  while (g_variant_iter_loop (&iter, "(&o@a{sv})", &path, &properties))
    g_ptr_array_add (records, hp_record_new (path, properties));
  return g_steal_pointer (&records);
}

char *
hp_speed_to_string (guint speed)
{
  if (speed == 0)
    return g_strdup ("");
  if (speed == 1)
    return g_strdup ("1.5 Mb/s");
  if (speed < 1000)
    return g_strdup_printf ("%u Mb/s", speed);
  if (speed % 1000 == 0)
    return g_strdup_printf ("%u Gb/s", speed / 1000);
  return g_strdup_printf ("%u.%u Gb/s", speed / 1000, speed % 1000 / 100);
}

const char *
hp_port_short_name (const HpRecord *port)
{
  const char *usb2 = hp_record_string (port, "Usb2");
  const char *usb3 = hp_record_string (port, "Usb3");

  if (!hp_record_bool (port, "Present"))
    return hp_record_string (port, "Id");
  if (*usb2)
    return usb2;
  return *usb3 ? usb3 : hp_record_string (port, "Id");
}

char *
hp_port_full_name (const HpRecord *port)
{
  const char *name = hp_port_short_name (port);
  const char *id = hp_record_string (port, "Id");

  if (g_str_equal (name, id))
    return g_strdup (id);
  return g_strdup_printf ("%s (%s)", name, id);
}

char *
hp_port_owner (const HpRecord *port)
{
  g_autofree const char **vms = hp_record_strv (port, "VirtualMachines");

  if (vms[0])
    return g_strjoinv (", ", (char **)vms);
  return g_strdup (*hp_record_string (port, "AssignedAt") ? HP_HOST : "");
}

char *
hp_device_description (const HpRecord *device)
{
  const char *description = hp_record_string (device, "Description");

  if (*description)
    return g_strdup (description);
  return g_strdup_printf ("%04x:%04x", hp_record_uint (device, "VendorId"), hp_record_uint (device, "ProductId"));
}
