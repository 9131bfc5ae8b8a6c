/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-qemu.h"

#include <string.h>

/* What QEMU is asked and what it has: answers that change nothing. */

static void
add_member (GString *list, const char *name, const char *type)
{
  g_string_append_printf (list, "%s{\"name\": \"%s\", \"type\": \"%s\"}", list->len > 1 ? ", " : "", name, type);
}

static const FakeController *
find_controller (FakeQemu *qemu, const char *path)
{
  for (guint i = 0; i < qemu->controllers->len; i++)
    {
      const FakeController *controller = g_ptr_array_index (qemu->controllers, i);
      g_autofree char *own = g_strdup_printf ("/machine/%s/%s", controller->folder, controller->name);

      if (g_str_equal (own, path))
        return controller;
    }
  return NULL;
}

const FakeController *
fake_qemu_find_bus (FakeQemu *qemu, const char *bus)
{
  for (guint i = 0; i < qemu->controllers->len; i++)
    if (g_strcmp0 (((const FakeController *)g_ptr_array_index (qemu->controllers, i))->bus, bus) == 0)
      return g_ptr_array_index (qemu->controllers, i);
  return NULL;
}

FakeDevice *
fake_qemu_find (FakeQemu *qemu, const char *id)
{
  for (guint i = 0; i < qemu->devices->len; i++)
    if (g_strcmp0 (((FakeDevice *)g_ptr_array_index (qemu->devices, i))->id, id) == 0)
      return g_ptr_array_index (qemu->devices, i);
  return NULL;
}

static void
list_folder (FakeQemu *qemu, const char *folder)
{
  g_autoptr (GString) list = g_string_new ("[");

  add_member (list, "type", "string");
  for (guint i = 0; i < qemu->controllers->len; i++)
    {
      const FakeController *controller = g_ptr_array_index (qemu->controllers, i);
      g_autofree char *type = g_strdup_printf ("child<%s>", controller->type);

      if (g_str_equal (controller->folder, folder))
        add_member (list, controller->name, type);
    }
  for (guint i = 0; i < qemu->devices->len; i++)
    {
      const FakeDevice *device = g_ptr_array_index (qemu->devices, i);
      g_autofree char *name = device->id != NULL ? g_strdup (device->id) : g_strdup_printf ("device[%u]", 100 + i);
      g_autofree char *type = g_strdup_printf ("child<%s>", device->type);

      if (g_str_equal (folder, device->id != NULL ? "peripheral" : "peripheral-anon"))
        add_member (list, name, type);
    }
  fake_qemu_give (qemu, "%s]", list->str);
}

static void
qom_list (FakeQemu *qemu, JsonObject *arguments)
{
  const char *path = json_object_get_string_member (arguments, "path");
  const FakeController *controller = find_controller (qemu, path);
  g_autoptr (GString) list = g_string_new ("[");

  if (g_str_equal (path, "/machine/peripheral") || g_str_equal (path, "/machine/peripheral-anon")
      || g_str_equal (path, "/machine/unattached"))
    list_folder (qemu, path + strlen ("/machine/"));
  else if (controller == NULL)
    fake_qemu_refuse (qemu, "DeviceNotFound", "Device '%s' not found", path);
  else
    {
      add_member (list, "parent_bus", "link<bus>");
      if (controller->p2 >= 0)
        add_member (list, "p2", "uint32");
      if (controller->p3 >= 0)
        add_member (list, "p3", "uint32");
      add_member (list, "bus master container[0]", "child<memory-region>");
      if (controller->bus != NULL)
        add_member (list, controller->bus, "child<usb-bus>");
      fake_qemu_give (qemu, "%s]", list->str);
    }
}

static void
qom_get (FakeQemu *qemu, JsonObject *arguments)
{
  const char *path = json_object_get_string_member (arguments, "path");
  const char *property = json_object_get_string_member (arguments, "property");
  const FakeController *controller = find_controller (qemu, path);
  const FakeDevice *device =
      g_str_has_prefix (path, "/machine/peripheral/") ? fake_qemu_find (qemu, strrchr (path, '/') + 1) : NULL;
  const FakeController *bus = device != NULL ? fake_qemu_find_bus (qemu, device->bus) : NULL;

  if (controller == NULL && device == NULL)
    fake_qemu_refuse (qemu, "DeviceNotFound", "Device '%s' not found", path);
  else if (controller != NULL && g_str_equal (property, "p2") && controller->p2 >= 0)
    fake_qemu_give (qemu, "%d", controller->p2);
  else if (controller != NULL && g_str_equal (property, "p3") && controller->p3 >= 0)
    fake_qemu_give (qemu, "%d", controller->p3);
  else if (device != NULL && g_str_equal (property, "attached"))
    fake_qemu_give (qemu, device->attached ? "true" : "false");
  else if (bus != NULL && g_str_equal (property, "parent_bus"))
    fake_qemu_give (qemu, "\"/machine/%s/%s/%s\"", bus->folder, bus->name, bus->bus);
  else
    fake_qemu_refuse (qemu, "GenericError", "Property '%s.%s' not found",
                      device != NULL ? device->type : controller->type, property);
}

/* "info usb" */
static void
human_monitor_command (FakeQemu *qemu, JsonObject *arguments)
{
  g_autoptr (GString) text = g_string_new (NULL);

  g_assert_cmpstr (json_object_get_string_member (arguments, "command-line"), ==, "info usb");
  if (qemu->controllers->len == 0)
    g_string_append (text, "USB support not enabled\\r\\n");
  for (guint i = 0; i < qemu->devices->len; i++)
    {
      const FakeDevice *device = g_ptr_array_index (qemu->devices, i);
      guint number = 0;

      while (number < qemu->controllers->len
             && g_strcmp0 (((const FakeController *)g_ptr_array_index (qemu->controllers, number))->bus, device->bus)
                    != 0)
        number++;
      g_string_append_printf (text, "  Device %u.%u, Port %s, Speed 480 Mb/s, Product A, Port of %s%s%s\\r\\n", number,
                              i, device->port, device->type, device->id != NULL ? ", ID: " : "",
                              device->id != NULL ? device->id : "");
    }
  fake_qemu_give (qemu, "\"%s\"", text->str);
}

static void
query_status (FakeQemu *qemu, JsonObject *unused)
{
  qemu->n_status++;
  fake_qemu_give (qemu, "{\"status\": \"%s\", \"running\": %s}", qemu->status,
                  g_str_equal (qemu->status, "running") ? "true" : "false");
}

gboolean
fake_qemu_is_at_least (FakeQemu *qemu, guint major, guint minor)
{
  return qemu->major > major || (qemu->major == major && qemu->minor >= minor);
}

static void
device_list_properties (FakeQemu *qemu, JsonObject *arguments)
{
  g_assert_cmpstr (json_object_get_string_member (arguments, "typename"), ==, "usb-host");
  if (qemu->lacks_usb_host)
    fake_qemu_refuse (qemu, "DeviceNotFound", "Device 'usb-host' not found");
  else
    fake_qemu_give (qemu, "[{\"name\": \"hostbus\", \"type\": \"uint32\"}, {\"name\": \"port\", \"type\": \"str\"}%s]",
                    fake_qemu_is_at_least (qemu, 5, 1) ? ", {\"name\": \"hostdevice\", \"type\": \"str\"}" : "");
}

static void
query_version (FakeQemu *qemu, JsonObject *unused)
{
  fake_qemu_give (qemu, "{\"qemu\": {\"micro\": 0, \"minor\": %u, \"major\": %u}, \"package\": \"\"}", qemu->minor,
                  qemu->major);
}

static const struct
{
  const char *name;
  void (*func) (FakeQemu *qemu, JsonObject *arguments);
} questions[] = {
  { "qom-list", qom_list },
  { "qom-get", qom_get },
  { "query-status", query_status },
  { "query-version", query_version },
  { "human-monitor-command", human_monitor_command },
  { "device-list-properties", device_list_properties },
};

void
fake_qemu_ask (FakeQemu *qemu, const char *command, JsonObject *arguments)
{
  qemu->n_questions++;
  for (gsize i = 0; i < G_N_ELEMENTS (questions); i++)
    if (g_str_equal (questions[i].name, command))
      {
        questions[i].func (qemu, arguments);
        return;
      }
  fake_qemu_refuse (qemu, "CommandNotFound", "The command %s has not been found", command);
}
