/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "service-manager.h"

#include "fd.h"
#include "log.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define FDS_MAX 4096
#define QUEUE_MAX 4096 /* messages that wait */
#define NAME_MAX_LENGTH 255
#define STATUS_MAX 512 /* bytes */
#define WATCHDOG "WATCHDOG=1"

/* One datagram that waits for its turn. */
typedef struct
{
  char *text;
  HpFd fd; /* or -1 */
} Message;

typedef struct
{
  HpFd fd;
  char *name;
} Stored;

struct _HpServiceManager
{
  HpFd socket;    /* connected to the service manager; -1: there is none */
  GQueue waiting; /* Message; what the socket had no room for */
  GSource *writable, *watchdog;
  GQueue stored; /* Stored; from an earlier run */
  char *status;
};

static void
message_free (Message *message)
{
  hp_fd_close (message->fd);
  g_free (message->text);
  g_free (message);
}

static void
stored_free (Stored *stored)
{
  hp_fd_close (stored->fd);
  g_free (stored->name);
  g_free (stored);
}

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* Sends one datagram, with @fd where it is one. Returns 0 or an errno. */
static int
send_now (int socket, const char *text, int fd)
{
  union
  {
    struct cmsghdr header;
    char bytes[CMSG_SPACE (sizeof (int))];
  } control = { 0 };
  struct iovec io = { .iov_base = (char *)text, .iov_len = strlen (text) };
  struct msghdr header = { .msg_iov = &io, .msg_iovlen = 1 };

  if (fd >= 0)
    {
      struct cmsghdr *rights = &control.header;

      header.msg_control = control.bytes;
      header.msg_controllen = sizeof control.bytes;
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN (sizeof fd);
      memcpy (CMSG_DATA (rights), &fd, sizeof fd);
    }
  while (sendmsg (socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    if (errno != EINTR)
      return errno;
  return 0;
}

/* Sends what waits, as far as there is room. Returns whether some of it still waits. */
static gboolean
flush (HpServiceManager *manager)
{
  Message *message = NULL;

  while ((message = g_queue_peek_head (&manager->waiting)) != NULL)
    {
      int error = send_now (manager->socket, message->text, message->fd);

      if (error == EAGAIN || error == ENOBUFS)
        return TRUE;
      if (error != 0)
        hp_warn (NULL, "telling the service manager \"%s\" failed: %s", message->text, g_strerror (error));
      message_free (g_queue_pop_head (&manager->waiting));
    }
  return FALSE;
}

static gboolean
on_writable (int fd, GIOCondition condition, gpointer data)
{
  HpServiceManager *manager = data;

  if (flush (manager))
    return G_SOURCE_CONTINUE;
  clear_source (&manager->writable);
  return G_SOURCE_REMOVE;
}

/* Takes @fd. Keeps the order: nothing overtakes what waits. */
static gboolean
tell (HpServiceManager *manager, const char *text, HpFd fd)
{
  Message *message = NULL;

  if (manager->socket < 0 || g_queue_get_length (&manager->waiting) >= QUEUE_MAX)
    {
      hp_fd_close (fd);
      return FALSE;
    }
  message = g_new0 (Message, 1);
  message->text = g_strdup (text);
  message->fd = fd;
  g_queue_push_tail (&manager->waiting, message);
  if (manager->writable != NULL || !flush (manager))
    return TRUE;
  manager->writable = g_unix_fd_source_new (manager->socket, G_IO_OUT);
  g_source_set_callback (manager->writable, G_SOURCE_FUNC (on_writable), manager, NULL);
  g_source_attach (manager->writable, g_main_context_get_thread_default ());
  return TRUE;
}

static gboolean
on_watchdog (gpointer data)
{
  HpServiceManager *manager = data;

  /* What waits says that we are alive as well as one more would. */
  if (g_queue_is_empty (&manager->waiting))
    tell (manager, WATCHDOG, -1);
  return G_SOURCE_CONTINUE;
}

/* The variable's number of 1 to @max; 0 where it is none. Clears it. */
static guint64
take_number (const char *variable, guint64 max)
{
  guint64 number = 0;

  if (!g_ascii_string_to_unsigned (g_getenv (variable) != NULL ? g_getenv (variable) : "", 10, 1, max, &number, NULL))
    number = 0;
  g_unsetenv (variable);
  return number;
}

/* Whether the variable names this process, or is not there and @absent says that will do. Clears it. */
static gboolean
take_pid (const char *variable, gboolean absent)
{
  gboolean set = g_getenv (variable) != NULL;
  guint64 pid = take_number (variable, G_MAXINT);

  return set ? pid == (guint64)getpid () : absent;
}

static void
start_watchdog (HpServiceManager *manager)
{
  guint64 usec = take_number ("WATCHDOG_USEC", G_MAXINT64);

  if (!take_pid ("WATCHDOG_PID", TRUE) || usec == 0 || manager->socket < 0)
    return;
  manager->watchdog = g_timeout_source_new (CLAMP (usec / 2000, 1, G_MAXUINT));
  g_source_set_callback (manager->watchdog, on_watchdog, manager, NULL);
  g_source_attach (manager->watchdog, g_main_context_get_thread_default ());
}

/* A socket connected to $NOTIFY_SOCKET, or -1. */
static HpFd
connect_notify (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gsize length = path != NULL ? strlen (path) : 0;
  g_auto (HpFd) fd = -1;

  if (length == 0)
    return -1;
  if ((*path != '/' && *path != '@') || length >= sizeof address.sun_path)
    {
      hp_warn (NULL, "NOTIFY_SOCKET=%s is no address of a socket of this machine: the service manager is told nothing",
               path);
      return -1;
    }
  memcpy (address.sun_path, path, length);
  if (*path == '@')
    address.sun_path[0] = '\0';
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  /* The exact length: an abstract name goes on to the end of the address, zeros included. */
  if (fd < 0
      || connect (fd, (struct sockaddr *)&address, offsetof (struct sockaddr_un, sun_path) + length + (*path == '/'))
             < 0)
    {
      hp_warn (NULL, "connecting to NOTIFY_SOCKET=%s: %s; the service manager is told nothing", path,
               g_strerror (errno));
      return -1;
    }
  return hp_fd_steal (&fd);
}

/* Takes over what $LISTEN_FDS says an earlier run left. */
static void
take_stored (HpServiceManager *manager)
{
  guint64 n = take_number ("LISTEN_FDS", FDS_MAX);
  g_auto (GStrv) names =
      g_strsplit (g_getenv ("LISTEN_FDNAMES") != NULL ? g_getenv ("LISTEN_FDNAMES") : "", ":", FDS_MAX);
  guint n_names = g_strv_length (names);

  g_unsetenv ("LISTEN_FDNAMES");
  g_unsetenv ("LISTEN_PIDFDID");
  if (!take_pid ("LISTEN_PID", FALSE))
    return;
  for (guint i = 0; i < n; i++)
    {
      Stored *stored = NULL;
      int flags = fcntl (FIRST_FD + i, F_GETFD);

      if (flags < 0 || fcntl (FIRST_FD + i, F_SETFD, flags | FD_CLOEXEC) < 0)
        {
          /* They follow one another, so that is all of them. */
          hp_warn (NULL, "LISTEN_FDS promises %u descriptors, found %u", (guint)n, i);
          return;
        }
      stored = g_new0 (Stored, 1);
      stored->fd = FIRST_FD + i;
      stored->name = hp_text_safe (i < n_names ? names[i] : NULL, NAME_MAX_LENGTH);
      if (stored->name == NULL)
        stored->name = g_strdup ("unknown");
      g_queue_push_tail (&manager->stored, stored);
    }
}

HpServiceManager *
hp_service_manager_new (void)
{
  HpServiceManager *manager = g_new0 (HpServiceManager, 1);

  g_queue_init (&manager->waiting);
  g_queue_init (&manager->stored);
  manager->socket = connect_notify (g_getenv ("NOTIFY_SOCKET"));
  g_unsetenv ("NOTIFY_SOCKET");
  g_unsetenv ("FDSTORE");
  start_watchdog (manager);
  take_stored (manager);
  return manager;
}

void
hp_service_manager_free (HpServiceManager *manager)
{
  if (manager == NULL)
    return;
  clear_source (&manager->writable);
  clear_source (&manager->watchdog);
  g_queue_clear_full (&manager->waiting, (GDestroyNotify)message_free);
  g_queue_clear_full (&manager->stored, (GDestroyNotify)stored_free);
  hp_fd_close (manager->socket);
  g_free (manager->status);
  g_free (manager);
}

void
hp_service_manager_ready (HpServiceManager *manager)
{
  tell (manager, "READY=1", -1);
}

void
hp_service_manager_reloading (HpServiceManager *manager)
{
  g_autofree char *text = g_strdup_printf ("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time ());

  tell (manager, text, -1);
}

void
hp_service_manager_stopping (HpServiceManager *manager)
{
  tell (manager, "STOPPING=1", -1);
}

void
hp_service_manager_status (HpServiceManager *manager, const char *status)
{
  /* A line break would begin a message of its own, such as FDSTOREREMOVE=1. */
  g_autofree char *safe = hp_text_safe (status, STATUS_MAX);
  g_autofree char *text = NULL;

  if (g_strcmp0 (manager->status, safe) == 0)
    return;
  text = g_strconcat ("STATUS=", safe, NULL);
  tell (manager, text, -1);
  g_free (manager->status);
  manager->status = g_steal_pointer (&safe);
}

static gboolean
name_is_valid (const char *name)
{
  gsize length = strlen (name);

  return length > 0 && length <= NAME_MAX_LENGTH
         && strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ".-_") == length;
}

gboolean
hp_service_manager_store (HpServiceManager *manager, const char *name, int fd)
{
  g_autofree char *text = NULL;
  HpFd copy = -1;

  g_return_val_if_fail (name_is_valid (name), FALSE);

  if (manager->socket < 0)
    return FALSE;
  /* A copy, since it may wait after the caller has closed its own. */
  copy = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0)
    {
      hp_warn (NULL, "keeping descriptor %d as %s: %s", fd, name, g_strerror (errno));
      return FALSE;
    }
  text = g_strdup_printf ("FDSTORE=1\nFDNAME=%s", name);
  return tell (manager, text, copy);
}

void
hp_service_manager_remove (HpServiceManager *manager, const char *name)
{
  g_autofree char *text = g_strdup_printf ("FDSTOREREMOVE=1\nFDNAME=%s", name);

  g_return_if_fail (name_is_valid (name));

  tell (manager, text, -1);
}

int
hp_service_manager_take (HpServiceManager *manager, char **ret_name)
{
  Stored *stored = g_queue_pop_head (&manager->stored);
  int fd = -1;

  if (stored == NULL)
    return -1;
  fd = hp_fd_steal (&stored->fd);
  *ret_name = g_steal_pointer (&stored->name);
  stored_free (stored);
  return fd;
}
