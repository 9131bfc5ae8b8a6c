/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <gudev/gudev.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * The least that anybody could do: hear of a device from udev, open QEMU's socket, and write what hotplugd writes. No
 * policy, no state.
 *
 * usage: bare-listener SOCKET KERNEL-NAME [patient]; prints "ready" when it listens.
 *   Alone it waits for nothing, and passes no descriptor: QEMU would get no device by it. "patient" does what it takes:
 *   opens the device, passes it along, and waits for every answer.
 */
typedef struct
{
  struct sockaddr_un address;
  const char *name;
  gboolean patient;
} Listener;

static const char *const commands[] = {
  "{\"execute\":\"qmp_capabilities\",\"id\":1}\r\n",
  "{\"execute\":\"add-fd\",\"arguments\":{\"fdset-id\":18512,\"opaque\":\"3-1\"},\"id\":2}\r\n",
  ("{\"execute\":\"device_add\",\"arguments\":{\"id\":\"hp-3-1-00000000-0\",\"driver\":\"usb-host\",\"bus\":\"xhci.0\","
   "\"port\":\"1\",\"hostdevice\":\"/dev/fdset/18512\"},\"id\":3}\r\n"),
};

/* One line of an answer. */
static void
receive (int fd)
{
  char buffer[4096];
  gssize n;

  do
    n = recv (fd, buffer, sizeof buffer, 0);
  while (n > 0 && buffer[n - 1] != '\n');
}

static void
send_with (int fd, const char *text, int passed)
{
  union
  {
    struct cmsghdr header;
    char bytes[CMSG_SPACE (sizeof (int))];
  } control = { 0 };
  struct iovec io = { .iov_base = (char *)text, .iov_len = strlen (text) };
  struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control.bytes };

  message.msg_controllen = sizeof control.bytes;
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN (sizeof passed);
  memcpy (CMSG_DATA (&control.header), &passed, sizeof passed);
  sendmsg (fd, &message, MSG_NOSIGNAL);
}

static void
talk (int fd, const char *node)
{
  int device = open (node, O_RDWR | O_CLOEXEC);

  receive (fd);
  send (fd, commands[0], strlen (commands[0]), MSG_NOSIGNAL);
  receive (fd);
  send_with (fd, commands[1], device);
  receive (fd);
  send (fd, commands[2], strlen (commands[2]), MSG_NOSIGNAL);
  receive (fd);
  close (device);
}

static void
on_uevent (GUdevClient *client, const char *action, GUdevDevice *device, gpointer user_data)
{
  const Listener *listener = user_data;
  g_autofree char *all = g_strconcat (commands[0], commands[1], commands[2], NULL);
  int fd;

  if (!g_str_equal (action, "add") || !g_str_equal (g_udev_device_get_name (device), listener->name))
    return;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect (fd, (const struct sockaddr *)&listener->address, sizeof listener->address) != 0)
    g_error ("cannot connect");
  if (listener->patient)
    talk (fd, g_udev_device_get_property (device, "DEVNAME"));
  else
    send (fd, all, strlen (all), MSG_NOSIGNAL);
  close (fd);
}

int
main (int argc, char **argv)
{
  static const char *const subsystems[] = { "usb", NULL };
  Listener listener = { .address = { .sun_family = AF_UNIX } };
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GUdevClient) client = NULL;

  g_assert_cmpint (argc, >=, 3);
  g_strlcpy (listener.address.sun_path, argv[1], sizeof listener.address.sun_path);
  listener.name = argv[2];
  listener.patient = argc > 3 && g_str_equal (argv[3], "patient");
  /* umockdev calls the sockets of all processes by the number of the descriptor: it must be another in each mode. */
  for (guint i = 0; listener.patient && i < 16; i++)
    g_assert_cmpint (dup (STDIN_FILENO), >=, 0);
  client = g_udev_client_new (subsystems);
  g_signal_connect (client, "uevent", G_CALLBACK (on_uevent), &listener);
  g_print ("ready\n");
  g_main_loop_run (loop);
  return 0;
}
