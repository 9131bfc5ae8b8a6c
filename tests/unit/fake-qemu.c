/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The daemon's set, "HP". */
#define FDSET 0x4850

static const FakeController xhci = { "peripheral", "xhci", "qemu-xhci", "xhci.0", 4, 4 };

static void
device_free (gpointer data)
{
  FakeDevice *device = data;

  g_free (device->id);
  g_free (device->type);
  g_free (device->bus);
  g_free (device->port);
  g_free (device);
}

/* --- saying --- */

void
fake_qemu_give (FakeQemu *qemu, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_autofree char *json = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_autofree char *text = g_strdup_printf ("{\"return\": %s, \"id\": @}\r\n", json);

  qmp_peer_say (qemu->peer, text);
}

void
fake_qemu_refuse (FakeQemu *qemu, const char *class, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_autofree char *desc = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_autofree char *text =
      g_strdup_printf ("{\"id\": @, \"error\": {\"class\": \"%s\", \"desc\": \"%s\"}}\r\n", class, desc);

  qmp_peer_say (qemu->peer, text);
}

void
fake_qemu_tell (FakeQemu *qemu, const char *event)
{
  g_autofree char *text =
      g_strdup_printf ("{\"timestamp\": {\"seconds\": 1795605755, \"microseconds\": 371721}, \"event\": \"%s\"}\r\n",
                       event);

  qmp_peer_say (qemu->peer, text);
}

static void
tell_deleted (FakeQemu *qemu, const char *id)
{
  g_autofree char *text = g_strdup_printf (
      "{\"event\": \"DEVICE_DELETED\", \"data\": {\"path\": \"/machine/peripheral/%s\", \"device\": \"%s\"}}\r\n", id,
      id);

  qmp_peer_say (qemu->peer, text);
}

/* --- changes --- */

static void
add_fd (FakeQemu *qemu, JsonObject *arguments)
{
  int fd = qmp_peer_steal_fd (qemu->peer);

  g_string_append (qemu->log, "add-fd ");
  g_assert_cmpint (json_object_get_int_member (arguments, "fdset-id"), ==, FDSET);
  if (fd < 0 || qemu->refuses_fds)
    {
      if (fd >= 0)
        close (fd);
      fake_qemu_refuse (qemu, "GenericError", "No file descriptor supplied via SCM_RIGHTS");
      return;
    }
  /* The newest of a set comes first. */
  if (qemu->fdset >= 0)
    close (qemu->fdset);
  qemu->fdset = fd;
  fake_qemu_give (qemu, "{\"fd\": %d, \"fdset-id\": %d}", fd, FDSET);
}

static void
remove_fd (FakeQemu *qemu, JsonObject *arguments)
{
  g_string_append (qemu->log, "remove-fd ");
  g_assert_cmpint (json_object_get_int_member (arguments, "fdset-id"), ==, FDSET);
  if (qemu->fdset < 0)
    {
      fake_qemu_refuse (qemu, "GenericError", "File descriptor named 'fdset-id:%d' not found", FDSET);
      return;
    }
  close (qemu->fdset);
  qemu->fdset = -1;
  fake_qemu_give (qemu, "{}");
}

/* "{"id":"ID",…}": as it came, but for the id. */
static void
log_device_add (FakeQemu *qemu, JsonObject *arguments)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  g_autofree char *text = NULL;

  json_node_set_object (node, arguments);
  text = json_to_string (node, FALSE);

  g_autoptr (GString) named = g_string_new (text);

  g_string_replace (named, json_object_get_string_member (arguments, "id"), "ID", 1);
  g_string_append_printf (qemu->log, "device_add %s ", named->str);
}

/* Opens what is to be attached. Returns: whether that went well; else it has been refused. */
static gboolean
open_host_device (FakeQemu *qemu, JsonObject *arguments, FakeDevice *device)
{
  const char *path = json_object_get_string_member_with_default (arguments, "hostdevice", NULL);
  gboolean late = fake_qemu_is_at_least (qemu, 8, 0);
  struct stat info;

  if (path == NULL || !g_str_has_prefix (path, "/dev/fdset/"))
    return TRUE;
  if (qemu->fdset < 0 || atoi (path + strlen ("/dev/fdset/")) != FDSET)
    fake_qemu_refuse (qemu, "GenericError",
                      late ? "Could not open '%s': No such file or directory"
                           : "failed to open %s: No such file or directory",
                      path);
  else if ((fcntl (qemu->fdset, F_GETFL) & O_ACCMODE) != O_RDWR)
    fake_qemu_refuse (qemu, "GenericError", "failed to open %s: Permission denied", path);
  else
    {
      g_assert_cmpint (fstat (qemu->fdset, &info), ==, 0);
      device->inode = info.st_ino;
      return TRUE;
    }
  return FALSE;
}

/* The types are insisted on since 9.2, the properties are those of the version. */
static gboolean
check_types (FakeQemu *qemu, JsonObject *arguments)
{
  g_autoptr (GList) names = json_object_get_members (arguments);

  for (GList *item = names; item != NULL; item = item->next)
    {
      const char *name = item->data;
      gboolean number = g_str_equal (name, "hostbus") || g_str_equal (name, "hostaddr");
      GType type = json_node_get_value_type (json_object_get_member (arguments, name));

      if (g_str_equal (name, "hostdevice") && !fake_qemu_is_at_least (qemu, 5, 1))
        {
          fake_qemu_refuse (qemu, "GenericError", "Property 'usb-host.hostdevice' not found");
          return FALSE;
        }
      if (type != (number ? G_TYPE_INT64 : G_TYPE_STRING) && fake_qemu_is_at_least (qemu, 9, 2))
        {
          fake_qemu_refuse (qemu, "GenericError", "Invalid parameter type for '%s', expected: %s", name,
                            number ? "uint64" : "string");
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
is_port_free (FakeQemu *qemu, const FakeController *controller, const char *port)
{
  int ports = controller->p2 >= 0 ? MAX (controller->p2, controller->p3) : 6;

  if (atoi (port) < 1 || atoi (port) > ports)
    return FALSE;
  for (guint i = 0; i < qemu->devices->len; i++)
    {
      const FakeDevice *device = g_ptr_array_index (qemu->devices, i);

      if (g_str_equal (device->bus, controller->bus) && atoi (device->port) == atoi (port))
        return FALSE;
    }
  return TRUE;
}

static void
device_add (FakeQemu *qemu, JsonObject *arguments)
{
  const char *id = json_object_get_string_member (arguments, "id");
  const char *bus = json_object_get_string_member_with_default (arguments, "bus", "");
  const char *port = json_object_get_string_member_with_default (arguments, "port", "");
  const FakeController *controller = fake_qemu_find_bus (qemu, bus);
  FakeDevice opened = { .attached = qemu->takes };
  FakeDevice *device;

  log_device_add (qemu, arguments);
  g_assert_cmpstr (json_object_get_string_member (arguments, "driver"), ==, "usb-host");
  if (g_str_has_suffix (qemu->status, "migrate") && !g_str_equal (qemu->status, "postmigrate"))
    fake_qemu_refuse (qemu, "GenericError", "device_add not allowed while migrating");
  else if (!check_types (qemu, arguments))
    return;
  else if (fake_qemu_find (qemu, id) != NULL)
    fake_qemu_refuse (qemu, "GenericError",
                      fake_qemu_is_at_least (qemu, 6, 2) ? "Duplicate device ID '%s'" : "Duplicate ID '%s' for device",
                      id);
  else if (controller == NULL)
    fake_qemu_refuse (qemu, "GenericError", "Bus '%s' not found", bus);
  else if (!is_port_free (qemu, controller, port))
    fake_qemu_refuse (qemu, "GenericError", "usb port %s (bus %s) not found (in use?)", port, bus);
  else if (open_host_device (qemu, arguments, &opened))
    {
      device = fake_qemu_add_device (qemu, id, "usb-host", bus, port);
      device->attached = opened.attached;
      device->inode = opened.inode;
      fake_qemu_give (qemu, "{}");
    }
}

static void
device_del (FakeQemu *qemu, JsonObject *arguments)
{
  g_autofree char *id = g_strdup (json_object_get_string_member (arguments, "id"));
  FakeDevice *device = fake_qemu_find (qemu, id);

  g_string_append (qemu->log, "device_del ");
  if (device == NULL)
    {
      fake_qemu_refuse (qemu, "DeviceNotFound", "Device '%s' not found", id);
      return;
    }
  g_ptr_array_remove (qemu->devices, device);
  if (qemu->tells_first)
    tell_deleted (qemu, id);
  fake_qemu_give (qemu, "{}");
  if (!qemu->tells_first)
    tell_deleted (qemu, id);
}

/* --- all of it --- */

static const struct
{
  const char *name;
  void (*func) (FakeQemu *qemu, JsonObject *arguments);
} commands[] = {
  { "add-fd", add_fd },
  { "remove-fd", remove_fd },
  { "device_add", device_add },
  { "device_del", device_del },
};

static void
fail (FakeQemu *qemu, const char *command)
{
  qemu->fail_times--;
  g_string_append_printf (qemu->log, "(%s) ", command);
  if (qemu->answer != NULL)
    fake_qemu_give (qemu, "%s", qemu->answer);
  else if (qemu->desc != NULL)
    fake_qemu_refuse (qemu, "GenericError", "%s", qemu->desc);
  else
    fake_qemu_quit (qemu);
}

static void
on_command (QmpPeer *peer, const char *command, JsonObject *arguments, gpointer user_data)
{
  FakeQemu *qemu = user_data;

  if (g_strcmp0 (command, qemu->holds) == 0 && !qemu->holding)
    {
      qemu->holding = TRUE;
      qemu->held = arguments != NULL ? json_object_ref (arguments) : NULL;
      return;
    }
  if (qemu->fail_times > 0 && g_strcmp0 (command, qemu->fails) == 0)
    {
      fail (qemu, command);
      return;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (g_str_equal (commands[i].name, command))
      {
        commands[i].func (qemu, arguments);
        return;
      }
  fake_qemu_ask (qemu, command, arguments);
}

void
fake_qemu_go_on (FakeQemu *qemu)
{
  g_autofree char *command = g_strdup (qemu->holds);
  g_autoptr (JsonObject) arguments = g_steal_pointer (&qemu->held);

  g_assert_true (qemu->holding);
  qemu->holds = NULL;
  qemu->holding = FALSE;
  on_command (qemu->peer, command, arguments, qemu);
}

void
fake_qemu_set_version (FakeQemu *qemu, guint major, guint minor)
{
  qemu->major = major;
  qemu->minor = minor;
  g_free (qemu->greeting);
  qemu->greeting = g_strdup_printf ("{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": %u, \"major\": %u}, "
                                    "\"package\": \"\"}, \"capabilities\": [\"oob\"]}}\r\n",
                                    minor, major);
  qemu->peer->greeting = qemu->greeting;
}

void
fake_qemu_set_controllers (FakeQemu *qemu, ...)
{
  va_list arguments;
  const FakeController *controller;

  g_ptr_array_set_size (qemu->controllers, 0);
  va_start (arguments, qemu);
  while ((controller = va_arg (arguments, const FakeController *)) != NULL)
    g_ptr_array_add (qemu->controllers, (gpointer)controller);
  va_end (arguments);
}

FakeDevice *
fake_qemu_add_device (FakeQemu *qemu, const char *id, const char *type, const char *bus, const char *port)
{
  FakeDevice *device = g_new0 (FakeDevice, 1);

  device->id = g_strdup (id);
  device->type = g_strdup (type);
  device->bus = g_strdup (bus);
  device->port = g_strdup (port);
  g_ptr_array_add (qemu->devices, device);
  return device;
}

void
fake_qemu_delete (FakeQemu *qemu, const char *id)
{
  g_autofree char *own = g_strdup (id);

  g_assert_true (g_ptr_array_remove (qemu->devices, fake_qemu_find (qemu, own)));
  tell_deleted (qemu, own);
}

void
fake_qemu_set_status (FakeQemu *qemu, const char *status, const char *event)
{
  qemu->status = status;
  fake_qemu_tell (qemu, event);
}

void
fake_qemu_quit (FakeQemu *qemu)
{
  qmp_peer_unlink (qemu->peer);
  qmp_peer_drop (qemu->peer);
  g_ptr_array_set_size (qemu->devices, 0);
  if (qemu->fdset >= 0)
    close (qemu->fdset);
  qemu->fdset = -1;
  qemu->holding = FALSE;
  g_clear_pointer (&qemu->held, json_object_unref);
}

void
fake_qemu_start (FakeQemu *qemu)
{
  qmp_peer_listen (qemu->peer);
}

FakeQemu *
fake_qemu_new (void)
{
  FakeQemu *qemu = g_new0 (FakeQemu, 1);

  qemu->peer = qmp_peer_new ();
  qemu->peer->func = on_command;
  qemu->peer->user_data = qemu;
  qemu->controllers = g_ptr_array_new ();
  qemu->devices = g_ptr_array_new_with_free_func (device_free);
  qemu->log = g_string_new (NULL);
  qemu->status = "running";
  qemu->fdset = -1;
  qemu->takes = TRUE;
  fake_qemu_set_version (qemu, 7, 2);
  fake_qemu_set_controllers (qemu, &xhci, NULL);
  return qemu;
}

void
fake_qemu_free (FakeQemu *qemu)
{
  if (qemu == NULL)
    return;
  fake_qemu_quit (qemu);
  qmp_peer_free (qemu->peer);
  g_ptr_array_unref (qemu->controllers);
  g_ptr_array_unref (qemu->devices);
  g_string_free (qemu->log, TRUE);
  g_free (qemu->greeting);
  g_free (qemu);
}
