/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "service-manager.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *const variables[] = { "NOTIFY_SOCKET", "FDSTORE",    "WATCHDOG_USEC",  "WATCHDOG_PID",
                                         "LISTEN_PID",    "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID" };

/* The service manager's end: bound to a path, or to an abstract name where @abstract. Sets $NOTIFY_SOCKET. */
static int
listen_notify (gboolean abstract, char **ret_path)
{
  static guint count;
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  g_autofree char *path =
      g_strdup_printf ("%c%s/hotplugger-notify-%d-%u", abstract ? '@' : '/', g_get_tmp_dir () + 1, getpid (), count++);

  strcpy (address.sun_path, path);
  if (abstract)
    address.sun_path[0] = '\0';
  g_assert_cmpint (bind (fd, (struct sockaddr *)&address,
                         offsetof (struct sockaddr_un, sun_path) + strlen (path) + (abstract ? 0 : 1)),
                   ==, 0);
  g_setenv ("NOTIFY_SOCKET", path, TRUE);
  *ret_path = g_steal_pointer (&path);
  return fd;
}

/* The next message, or NULL when there is none; @ret_fd: what came with it, or -1. */
static char *
receive (int socket, int *ret_fd)
{
  char text[1024];
  char control[CMSG_SPACE (4 * sizeof (int))];
  struct iovec io = { .iov_base = text, .iov_len = sizeof text };
  struct msghdr header = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
  gssize n = recvmsg (socket, &header, MSG_CMSG_CLOEXEC);
  struct cmsghdr *rights = n >= 0 ? CMSG_FIRSTHDR (&header) : NULL;
  int fd = -1;

  if (rights != NULL)
    {
      g_assert_cmpint (rights->cmsg_type, ==, SCM_RIGHTS);
      g_assert_cmpuint (rights->cmsg_len, ==, CMSG_LEN (sizeof fd));
      memcpy (&fd, CMSG_DATA (rights), sizeof fd);
    }
  if (ret_fd != NULL)
    *ret_fd = fd;
  else
    g_assert_cmpint (fd, ==, -1);
  if (n < 0)
    g_assert_cmpint (errno, ==, EAGAIN);
  return n >= 0 ? g_strndup (text, n) : NULL;
}

static void
assert_told (int socket, const char *expected)
{
  g_autofree char *text = receive (socket, NULL);

  g_assert_cmpstr (text, ==, expected);
}

static void
assert_environment_clear (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (variables); i++)
    g_assert_null (g_getenv (variables[i]));
}

static gboolean
same_file (int a, int b)
{
  struct stat info_a, info_b;

  g_assert_cmpint (fstat (a, &info_a), ==, 0);
  g_assert_cmpint (fstat (b, &info_b), ==, 0);
  return info_a.st_dev == info_b.st_dev && info_a.st_ino == info_b.st_ino;
}

/* Every message as systemd reads it, over a path and over an abstract name. */
static void
test_messages (gconstpointer data)
{
  gboolean abstract = GPOINTER_TO_INT (data);
  g_autofree char *path = NULL, *text = NULL;
  int socket = listen_notify (abstract, &path), pipe_fds[2], fd = -1;
  HpServiceManager *manager = hp_service_manager_new ();

  assert_environment_clear ();
  assert_told (socket, NULL);
  hp_service_manager_ready (manager);
  assert_told (socket, "READY=1");
  hp_service_manager_stopping (manager);
  assert_told (socket, "STOPPING=1");
  hp_service_manager_reloading (manager);
  text = receive (socket, NULL);
  g_assert_true (g_regex_match_simple ("^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*$", text, 0, 0));

  hp_service_manager_status (manager, "2 ports");
  assert_told (socket, "STATUS=2 ports");
  hp_service_manager_status (manager, "2 ports");
  assert_told (socket, NULL);
  hp_service_manager_status (manager, "x\nFDSTOREREMOVE=1\nFDNAME=a");
  assert_told (socket, "STATUS=x FDSTOREREMOVE=1 FDNAME=a");
  hp_service_manager_status (manager, "");
  assert_told (socket, "STATUS=");
  hp_service_manager_status (manager, NULL);
  assert_told (socket, NULL);

  g_assert_cmpint (pipe2 (pipe_fds, O_CLOEXEC), ==, 0);
  g_assert_true (hp_service_manager_store (manager, "hub3-1.4_x", pipe_fds[0]));
  g_free (text);
  text = receive (socket, &fd);
  g_assert_cmpstr (text, ==, "FDSTORE=1\nFDNAME=hub3-1.4_x");
  g_assert_true (same_file (fd, pipe_fds[0])); /* which is still the caller's, and open */
  close (fd);
  hp_service_manager_remove (manager, "hub3-1.4_x");
  assert_told (socket, "FDSTOREREMOVE=1\nFDNAME=hub3-1.4_x");
  close (pipe_fds[0]);
  close (pipe_fds[1]);
  g_assert_false (hp_service_manager_store (manager, "closed", pipe_fds[0]));
  assert_told (socket, NULL);

  hp_service_manager_free (manager);
  close (socket);
  if (!abstract)
    g_assert_cmpint (g_unlink (path), ==, 0);
}

/* No service manager, or an address that is none: everything is a quiet no. */
static void
test_absent (void)
{
  g_autofree char *longest = g_strnfill (200, 'x');
  const char *const addresses[] = { NULL,           "",     "/nowhere/notify", "@hotplugger-nobody-listens", "relative",
                                    "vsock:2:1234", longest };

  longest[0] = '/';
  for (gsize i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      HpServiceManager *manager = NULL;
      char *name = NULL;

      if (addresses[i] != NULL)
        g_setenv ("NOTIFY_SOCKET", addresses[i], TRUE);
      g_setenv ("WATCHDOG_USEC", "1000", TRUE);
      manager = hp_service_manager_new ();
      assert_environment_clear ();
      hp_service_manager_ready (manager);
      hp_service_manager_status (manager, "x");
      g_assert_false (hp_service_manager_store (manager, "x", 0));
      hp_service_manager_remove (manager, "x");
      g_assert_cmpint (hp_service_manager_take (manager, &name), ==, -1);
      g_assert_null (name);
      g_assert_false (g_main_context_pending (NULL));
      hp_service_manager_free (manager);
    }
  hp_service_manager_free (NULL);
}

/* More than the socket holds: nothing blocks, nothing is lost, and the order stays. */
static void
test_full (void)
{
  g_autofree char *path = NULL;
  int socket = listen_notify (TRUE, &path);
  HpServiceManager *manager = hp_service_manager_new ();
  const guint n = 1500; /* over net.unix.max_dgram_qlen, 10 to 512 */
  int null_fd = g_open ("/dev/null", O_RDONLY | O_CLOEXEC);
  gint64 start = g_get_monotonic_time ();
  guint received = 0;

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("n%u", i);

      if (i % 10 == 0)
        g_assert_true (hp_service_manager_store (manager, name, null_fd));
      else
        hp_service_manager_remove (manager, name);
    }
  g_assert_cmpint (g_get_monotonic_time () - start, <, 5 * G_USEC_PER_SEC);
  while (received < n)
    {
      int fd = -1;
      g_autofree char *text = receive (socket, &fd);
      g_autofree char *end = g_strdup_printf ("\nFDNAME=n%u", received);

      if (text == NULL)
        {
          g_main_context_iteration (NULL, TRUE);
          continue;
        }
      g_assert_true (g_str_has_suffix (text, end));
      g_assert_cmpint (fd >= 0, ==, received % 10 == 0);
      if (fd >= 0)
        close (fd);
      received++;
    }
  while (g_main_context_iteration (NULL, FALSE))
    ;
  assert_told (socket, NULL);
  /* With the queue empty again it is as in the beginning. */
  hp_service_manager_ready (manager);
  assert_told (socket, "READY=1");
  hp_service_manager_free (manager);
  close (null_fd);
  close (socket);
}

/* The manager goes with messages that wait. */
static void
test_full_free (void)
{
  g_autofree char *path = NULL;
  int socket = listen_notify (TRUE, &path);
  HpServiceManager *manager = hp_service_manager_new ();

  for (guint i = 0; i < 5000; i++)
    hp_service_manager_ready (manager);
  g_assert_false (hp_service_manager_store (manager, "x", 0)); /* 4096 is enough */
  hp_service_manager_free (manager);
  g_assert_false (g_main_context_pending (NULL));
  close (socket);
}

static gboolean
on_time_out (gpointer data)
{
  *(gboolean *)data = TRUE;
  return G_SOURCE_REMOVE;
}

static void
test_watchdog (void)
{
  g_autofree char *ours = g_strdup_printf ("%d", getpid ());
  const struct
  {
    const char *usec, *pid;
    gboolean pings;
  } cases[] = {
    { "40000", NULL, TRUE }, { "40000", ours, TRUE }, { "40000", "1", FALSE }, { "40000", "", FALSE },
    { "40000", "x", FALSE }, { NULL, ours, FALSE },   { "0", ours, FALSE },    { "-1", ours, FALSE },
    { "soon", ours, FALSE }, { "1e9", ours, FALSE },  { "", ours, FALSE },     { "1", ours, TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = NULL;
      int socket = listen_notify (TRUE, &path);
      HpServiceManager *manager = NULL;
      gboolean time_out = FALSE;
      guint pings = 0;
      gint64 start = g_get_monotonic_time ();

      if (cases[i].usec != NULL)
        g_setenv ("WATCHDOG_USEC", cases[i].usec, TRUE);
      if (cases[i].pid != NULL)
        g_setenv ("WATCHDOG_PID", cases[i].pid, TRUE);
      manager = hp_service_manager_new ();
      assert_environment_clear ();
      g_timeout_add (cases[i].pings ? 10000 : 60, on_time_out, &time_out);
      while (!time_out && pings < 3)
        {
          g_autofree char *text = NULL;

          g_main_context_iteration (NULL, TRUE);
          text = receive (socket, NULL);
          if (text == NULL)
            continue;
          g_assert_cmpstr (text, ==, "WATCHDOG=1");
          pings++;
        }
      g_assert_cmpuint (pings, ==, cases[i].pings ? 3 : 0);
      /* Every half of the time; a slow machine may only make it later. */
      if (g_strcmp0 (cases[i].usec, "40000") == 0 && pings > 0)
        g_assert_cmpint (g_get_monotonic_time () - start, >=, 55000);
      if (!time_out)
        g_assert_true (g_source_remove_by_user_data (&time_out));
      hp_service_manager_free (manager);
      g_assert_false (g_main_context_pending (NULL));
      close (socket);
    }
}

/* Runs this test again with descriptors 3 and 4, and $LISTEN_PID as @pid ("ours": of the process itself). */
static void
run_stored (const char *pid, const char *fds, const char *names, const char *expected)
{
  g_autofree char *exe = g_file_read_link ("/proc/self/exe", NULL);
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
  g_autoptr (GSubprocess) child = NULL;
  g_autoptr (GError) error = NULL;

  g_subprocess_launcher_take_fd (launcher, g_open ("/dev/null", O_RDONLY | O_CLOEXEC), 3);
  g_subprocess_launcher_take_fd (launcher, g_open ("/dev/zero", O_RDONLY | O_CLOEXEC), 4);
  g_subprocess_launcher_setenv (launcher, "HP_TEST_PID", pid, TRUE);
  g_subprocess_launcher_setenv (launcher, "HP_TEST_EXPECTED", expected, TRUE);
  if (fds != NULL)
    g_subprocess_launcher_setenv (launcher, "LISTEN_FDS", fds, TRUE);
  if (names != NULL)
    g_subprocess_launcher_setenv (launcher, "LISTEN_FDNAMES", names, TRUE);
  child = g_subprocess_launcher_spawn (launcher, &error, exe, "--stored", NULL);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_wait_check (child, NULL, &error));
  g_assert_no_error (error);
}

/* In the process of its own: what is taken, as "name=fd " in order. */
static int
stored_child (void)
{
  g_autofree char *ours = g_strdup_printf ("%d", getpid ());
  g_autofree char *expected = g_strdup (g_getenv ("HP_TEST_EXPECTED"));
  const char *pid = g_getenv ("HP_TEST_PID");
  g_autoptr (GString) taken = g_string_new ("");
  HpServiceManager *manager = NULL;
  int fd = -1;

  if (*pid != '\0')
    g_setenv ("LISTEN_PID", strcmp (pid, "ours") == 0 ? ours : pid, TRUE);
  manager = hp_service_manager_new ();
  assert_environment_clear ();
  while (taken->len < 1000)
    {
      g_autofree char *name = NULL;

      fd = hp_service_manager_take (manager, &name);
      if (fd < 0)
        break;
      g_string_append_printf (taken, "%s=%d ", name, fd);
      g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
      if (strcmp (name, "leave") == 0)
        break;
    }
  g_assert_cmpstr (taken->str, ==, expected);
  hp_service_manager_free (manager);
  /* Taken is ours and open; the rest is closed with the manager, unless it was never for us. */
  if (strstr (expected, "leave") != NULL)
    {
      g_assert_cmpint (fcntl (3, F_GETFD), >=, 0);
      g_assert_cmpint (fcntl (4, F_GETFD), ==, -1);
    }
  return 0;
}

static void
test_stored (void)
{
  run_stored ("ours", "2", "hub3-1:qmp.win10", "hub3-1=3 qmp.win10=4 ");
  run_stored ("ours", "1", "a:b:c", "a=3 ");
  run_stored ("ours", "2", "a", "a=3 unknown=4 ");
  run_stored ("ours", "2", "::", "unknown=3 unknown=4 ");
  run_stored ("ours", "2", NULL, "unknown=3 unknown=4 ");
  run_stored ("ours", "2", "leave:b", "leave=3 ");
  run_stored ("ours", "1", "a\n\xff", "a \xef\xbf\xbd=3 ");
  run_stored ("1", "2", "a:b", "");
  run_stored ("", "2", "a:b", "");
  run_stored ("ours", NULL, "a:b", "");
  run_stored ("ours", "0", "", "");
  run_stored ("ours", "-1", "", "");
  run_stored ("ours", "2x", "", "");
  run_stored ("ours", "99999999999999999999", "", "");
  run_stored ("ours", "4097", "", "");
  run_stored ("ours", "20", "a:b:c", "a=3 b=4 "); /* more than there are */
}

/* A name that would break out of its line is the caller's mistake. */
static void
test_bad_name (void)
{
  g_autoptr (HpServiceManager) manager = NULL;

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, 0);
      g_test_trap_assert_failed ();
      g_test_trap_assert_stderr ("*name_is_valid*");
      return;
    }
  manager = hp_service_manager_new ();
  hp_service_manager_store (manager, "a\nREADY=1", 0);
}

int
main (int argc, char **argv)
{
  if (argc == 2 && strcmp (argv[1], "--stored") == 0)
    return stored_child ();
  for (gsize i = 0; i < G_N_ELEMENTS (variables); i++)
    g_unsetenv (variables[i]);
  g_test_init (&argc, &argv, NULL);
  /* It warns of what it is not told well; g_test_init() would have it die of that. */
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  g_test_add_data_func ("/service-manager/messages/path", GINT_TO_POINTER (FALSE), test_messages);
  g_test_add_data_func ("/service-manager/messages/abstract", GINT_TO_POINTER (TRUE), test_messages);
  g_test_add_func ("/service-manager/absent", test_absent);
  g_test_add_func ("/service-manager/full", test_full);
  g_test_add_func ("/service-manager/full-free", test_full_free);
  g_test_add_func ("/service-manager/watchdog", test_watchdog);
  g_test_add_func ("/service-manager/stored", test_stored);
  g_test_add_func ("/service-manager/bad-name", test_bad_name);
  return g_test_run ();
}
