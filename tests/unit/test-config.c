/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "yaml.h"

#include <string.h>

/* A VM's members after "virtual_machines:\n  w:\n    socket: /s\n", so the first is on line 4 at column 5. */
#define VM "virtual_machines:\n  w:\n    socket: /s\n"

static HpConfig *
parse (const char *text, GError **error)
{
  g_autoptr (HpConfig) config = hp_config_new ();

  if (!hp_config_add_text (config, text, strlen (text), "f.yaml", error))
    return NULL;
  return g_steal_pointer (&config);
}

/* The configuration of the scripts that came before, as it is. */
static void
test_old (void)
{
  const char *text = "virtual_machines:\n"
                     "  win10:\n"
                     "    socket: /tmp/qmp-win10.sock\n"
                     "    delay: 2\n"
                     "    hubs:\n"
                     "      - xhci0.0\n"
                     "      - xhci1.0\n"
                     "    ports:\n"
                     "      - /devices/pci0000:00/0000:00:14.0/usb3/3-1\n"
                     "      - /devices/pci0000:00/0000:00:14.0/usb3/3-10\n"
                     "  linux:\n"
                     "    socket: /tmp/qmp-linux.sock\n"
                     "    ports: [ /devices/pci0000:00/0000:00:14.0/usb3/3-1 ]\n";
  g_autoptr (GError) error = NULL;
  g_autoptr (HpConfig) config = parse (text, &error);
  const HpConfigVm *vm = NULL;
  const HpConfigPort *port = NULL;

  g_assert_no_error (error);
  g_assert_cmpuint (config->vms->len, ==, 2);
  vm = config->vms->pdata[0];
  g_assert_true (vm == hp_config_vm (config, "win10"));
  g_assert_cmpstr (vm->name, ==, "win10");
  g_assert_cmpstr (vm->socket, ==, "/tmp/qmp-win10.sock");
  g_assert_cmpstr (vm->origin, ==, "f.yaml:2");
  g_assert_cmpuint (vm->delay_ms, ==, 2000);
  g_assert_cmpint (vm->reserve, ==, HP_RESERVE_WHILE_RUNNING);
  g_assert_cmpuint (g_strv_length (vm->hubs), ==, 2);
  g_assert_cmpstr (vm->hubs[0], ==, "xhci0.0");
  g_assert_cmpstr (vm->hubs[1], ==, "xhci1.0");
  g_assert_cmpuint (vm->ports->len, ==, 2);
  port = vm->ports->pdata[1];
  g_assert_cmpstr (port->ref->text, ==, "/devices/pci0000:00/0000:00:14.0/usb3/3-10");
  g_assert_cmpint (port->ref->kind, ==, HP_PORT_REF_DEVPATH);
  g_assert_cmpstr (port->ref->chain, ==, "10");
  g_assert_cmpstr (port->origin, ==, "f.yaml:10");

  vm = config->vms->pdata[1];
  g_assert_cmpstr (vm->name, ==, "linux");
  g_assert_cmpuint (vm->delay_ms, ==, 0);
  g_assert_nonnull (vm->hubs);
  g_assert_null (vm->hubs[0]);
  g_assert_cmpuint (vm->ports->len, ==, 1);
  g_assert_null (hp_config_vm (config, "none"));
}

/* Texts that are fine and say nothing about ports or hubs, or nothing at all. */
static void
test_sparse (void)
{
  static const struct
  {
    const char *text;
    guint n_vms;
  } cases[] = {
    { "", 0 },
    { "# only a comment\n", 0 },
    { "---\n", 0 },
    { "{}", 0 },
    { "virtual_machines:\n", 0 },
    { "virtual_machines: {}\n", 0 },
    { VM, 1 },
    { VM "    ports:\n    hubs:\n", 1 },
    { VM "    ports: []\n    hubs: []\n", 1 },
    { VM "    ports: ~\n    hubs: null\n", 1 },
    { "virtual_machines: {w: {socket: '/s'}, 7: {socket: \"/t\"}, Büro PC: {socket: /u}}", 3 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (HpConfig) config = parse (cases[i].text, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (config->vms->len, ==, cases[i].n_vms);
      for (guint j = 0; j < config->vms->len; j++)
        {
          const HpConfigVm *vm = config->vms->pdata[j];

          g_assert_cmpuint (vm->ports->len, ==, 0);
          g_assert_cmpuint (g_strv_length (vm->hubs), ==, 0);
        }
    }
}

static void
test_delay (void)
{
  static const struct
  {
    const char *text;
    int ms; /* -1: an error */
  } cases[] = {
    { "0", 0 },
    { "2", 2000 },
    { "0.5", 500 },
    { "1.25", 1250 },
    { "0.001", 1 },
    { "0.0019", 1 },
    { "1.50000000000000000000000000000", 1500 },
    { "3600", 3600000 },
    { "3600.0", 3600000 },
    { "3600.001", -1 },
    { "3601", -1 },
    { "99999999999999999999999999", -1 },
    { "-1", -1 },
    { "+1", -1 },
    { "1.", -1 },
    { ".5", -1 },
    { "1,5", -1 },
    { "010", -1 },
    { "00", -1 },
    { "1e3", -1 },
    { "0x10", -1 },
    { "1_000", -1 },
    { ".inf", -1 },
    { ".nan", -1 },
    { "2s", -1 },
    { "1.5.1", -1 },
    { "true", -1 },
    { "[2]", -1 },
    { "{}", -1 },
    { "", -1 },
    { "~", -1 },
    { "'2'", -1 },
    { "\"2\"", -1 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdup_printf (VM "    delay: %s\n", cases[i].text);
      g_autoptr (GError) error = NULL;
      g_autoptr (HpConfig) config = parse (text, &error);

      if (cases[i].ms >= 0)
        {
          g_assert_no_error (error);
          g_assert_cmpuint (hp_config_vm (config, "w")->delay_ms, ==, cases[i].ms);
          continue;
        }
      g_assert_error (error, HP_CONFIG_ERROR, HP_CONFIG_ERROR_INVALID);
      g_assert_true (g_str_has_prefix (error->message, "f.yaml:4:"));
      g_assert_nonnull (strstr (error->message, "expected a number of seconds from 0 to 3600"));
      g_assert_true ((strstr (error->message, "drop the quotes") != NULL) == (strpbrk (cases[i].text, "'\"") != NULL));
    }
}

static void
test_reserve (void)
{
  static const struct
  {
    const char *text;
    int reserve;
  } cases[] = {
    { "while-running", HP_RESERVE_WHILE_RUNNING },
    { "always", HP_RESERVE_ALWAYS },
    { "'never'", HP_RESERVE_NEVER },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdup_printf (VM "    reserve: %s\n", cases[i].text);
      g_autoptr (GError) error = NULL;
      g_autoptr (HpConfig) config = parse (text, &error);

      g_assert_no_error (error);
      g_assert_cmpint (hp_config_vm (config, "w")->reserve, ==, cases[i].reserve);
    }
}

static const struct
{
  const char *name, *text, *message; /* a glob */
} bad[] = {
  { "not-yaml", "virtual_machines: [", "f.yaml:1:20: did not find*" },
  { "root-list", "- a", "f.yaml:1:1: expected a mapping with the key virtual_machines, found a list" },
  { "root-text", "a", "f.yaml:1:1: expected a mapping with the key virtual_machines, found the text \"a\"" },
  { "unknown-root-key", "virtual_machine: {}",
    "f.yaml:1:1: expected one of the keys virtual_machines; found \"virtual_machine\", did you mean "
    "\"virtual_machines\"?" },
  { "unknown-root-key-far", "a: {}\n", "f.yaml:1:1: expected one of the keys virtual_machines; found \"a\"" },
  { "vms-list", "virtual_machines: [w]", "f.yaml:1:19: expected a mapping from *, found a list" },
  { "vm-text", "virtual_machines:\n  w: /s",
    "f.yaml:2:6: expected a mapping with the key socket, found the text \"/s\"" },
  { "vm-null", "virtual_machines:\n  w:\n", "f.yaml:2:3: expected the key socket under \"w\"*, found none" },
  { "vm-empty", "virtual_machines:\n  w: {}\n", "f.yaml:2:3: expected the key socket under \"w\"*, found none" },
  { "vm-twice", VM "  w:\n    socket: /t\n", "f.yaml:4:3: *\"w\" a second time, first on line 2" },
  { "key-twice", VM "    delay: 1\n    delay: 2\n", "f.yaml:5:5: *\"delay\" a second time, first on line 4" },
  { "unknown-key", VM "    prots: []\n",
    "f.yaml:4:5: expected one of the keys socket, delay, hubs, reserve, ports; found \"prots\", did you mean "
    "\"ports\"?" },
  { "unknown-key-case", VM "    Delay: 1\n", "f.yaml:4:5: *did you mean \"delay\"?" },
  { "unknown-key-far", VM "    password: x\n", "f.yaml:4:5: expected one of the keys *; found \"password\"" },
  { "unknown-key-escape", VM "    \"\\e[2J\": x\n", "f.yaml:4:5: expected one of the keys *; found \"*[2J\"*" },
  { "name-empty", "virtual_machines:\n  '': {socket: /s}",
    "f.yaml:2:3: expected the name of a VM *, found an empty text" },
  { "name-null", "virtual_machines:\n  ~: {socket: /s}", "f.yaml:2:3: expected the name of a VM *, found nothing" },
  { "name-host", "virtual_machines:\n  host: {socket: /s}", "f.yaml:2:3: *not \"host\"*found the text \"host\"" },
  { "name-slash", "virtual_machines:\n  a/b: {socket: /s}", "f.yaml:2:3: expected the name of a VM *\"a/b\"" },
  { "name-space", "virtual_machines:\n  'a ': {socket: /s}", "f.yaml:2:3: expected the name of a VM *" },
  { "name-newline", "virtual_machines:\n  \"a\\nb\": {socket: /s}", "f.yaml:2:3: expected the name of a VM *" },
  { "socket-relative", "virtual_machines:\n  w:\n    socket: run/s",
    "f.yaml:3:13: expected the absolute path of the socket*, found the text \"run/s\"" },
  { "socket-abstract", "virtual_machines:\n  w:\n    socket: '@s'",
    "f.yaml:3:13: *absolute path*the quoted text \"@s\"" },
  { "socket-null", "virtual_machines:\n  w:\n    socket:\n", "f.yaml:3:12: *absolute path*, found nothing" },
  { "socket-empty", "virtual_machines:\n  w:\n    socket: ''\n", "f.yaml:3:13: *absolute path*, found an empty text" },
  { "socket-folder", "virtual_machines:\n  w:\n    socket: /run/\n", "f.yaml:3:13: *absolute path*\"/run/\"" },
  { "socket-list", "virtual_machines:\n  w:\n    socket: [/s]\n", "f.yaml:3:13: *absolute path*, found a list" },
  { "socket-newline", "virtual_machines:\n  w:\n    socket: \"/s\\n\"",
    "f.yaml:3:13: expected a socket path without*" },
  { "socket-shared", VM "  v:\n    socket: /s\n", "f.yaml:5:13: *found \"/s\", which \"w\" has at f.yaml:2" },
  { "socket-shared-other-text", VM "  v:\n    socket: //x/.././s\n",
    "f.yaml:5:13: *\"//x/.././s\", which \"w\" has at f.yaml:2" },
  { "reserve", VM "    reserve: yes\n",
    "f.yaml:4:14: expected one of while-running, always, never, found the text \"yes\"" },
  { "reserve-list", VM "    reserve: [always]\n", "f.yaml:4:14: expected one of while-running*, found a list" },
  { "reserve-null", VM "    reserve:\n", "f.yaml:4:13: expected one of while-running*, found nothing" },
  { "ports-text", VM "    ports: 3-1\n", "f.yaml:4:12: expected a list of ports, found the text \"3-1\"" },
  { "ports-mapping", VM "    ports: {3-1: }\n", "f.yaml:4:12: expected a list of ports, found a mapping" },
  { "ports-quoted-null", VM "    ports: '~'\n", "f.yaml:4:12: expected a list of ports, found the quoted text \"~\"" },
  { "port-null", VM "    ports:\n      - 3-1\n      -\n", "f.yaml:6:8: expected a port, such as *, found nothing" },
  { "port-list", VM "    ports: [[3-1]]\n", "f.yaml:4:13: expected a port, such as *, found a list" },
  { "port-empty", VM "    ports: ['']\n", "f.yaml:4:13: ?*" },
  { "port-bad", VM "    ports:\n      - 3-1\n      - 3-1.\n", "f.yaml:6:9: ?*" },
  { "port-bad-devpath", VM "    ports:\n      - /devices/pci0000:00/0000:00:14.0/usb3/3-0\n", "f.yaml:5:9: ?*" },
  { "port-twice", VM "    ports: [3-1, 3-2, 3-1]\n",
    "f.yaml:4:23: expected each port once, found \"3-1\" a second time under \"w\", first on line 4 as \"3-1\"" },
  { "port-twice-sys",
    VM "    ports:\n      - /devices/pci0000:00/0000:00:14.0/usb3/3-1\n"
       "      - /sys/devices/pci0000:00/0000:00:14.0/usb3/3-1\n",
    "f.yaml:6:9: *\"/sys/devices/*\" a second time under \"w\", first on line 5 as \"/devices/pci*3-1\"" },
  { "port-twice-label", VM "    ports: [front, \"front\"]\n", "f.yaml:4:20: *\"front\" a second time*" },
  { "port-twice-stable", VM "    ports: ['pci-0000:00:14.0-usbv2-0:1', 3-1, 'pci-0000:00:14.0-usbv2-0:1']\n",
    "f.yaml:4:48: *a second time*" },
  { "hubs-text", VM "    hubs: xhci.0\n",
    "f.yaml:4:11: expected a list of guest USB buses*, found the text \"xhci.0\"" },
  { "hub-null", VM "    hubs: [~]\n", "f.yaml:4:12: expected the name of a guest USB bus*, found nothing" },
  { "hub-list", VM "    hubs: [[a]]\n", "f.yaml:4:12: expected the name of a guest USB bus*, found a list" },
  { "hub-empty", VM "    hubs: ['']\n", "f.yaml:4:12: expected the name of a guest USB bus*, found an empty text" },
  { "hub-newline", VM "    hubs: [\"a\\nb\"]\n", "f.yaml:4:12: expected the name of a guest USB bus*" },
};

static void
test_bad (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  g_autoptr (GError) error = NULL;
  g_autoptr (HpConfig) config = parse (bad[i].text, &error);

  g_assert_null (config);
  g_assert_nonnull (error);
  if (!g_pattern_match_simple (bad[i].message, error->message))
    g_error ("expected \"%s\", got \"%s\"", bad[i].message, error->message);
  for (const char *at = error->message; *at != '\0'; at++)
    g_assert_false (g_ascii_iscntrl (*at));
}

/* Ports that look alike and are not the same, and one port under two VMs. */
static void
test_ports_apart (void)
{
  const char *text = VM "    ports: [3-1, 3-10, 3-1.1, 4-1, front, Front]\n"
                        "    hubs: [a.0, b.0, a.0]\n"
                        "  v: {socket: /t, ports: [3-1]}\n";
  g_autoptr (GError) error = NULL;
  g_autoptr (HpConfig) config = parse (text, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (hp_config_vm (config, "w")->ports->len, ==, 6);
  g_assert_cmpuint (hp_config_vm (config, "v")->ports->len, ==, 1);
  g_assert_cmpuint (g_strv_length (hp_config_vm (config, "w")->hubs), ==, 2);
}

/* sun_path holds 107 bytes and a NUL. */
static void
test_socket_length (void)
{
  for (gsize length = 106; length <= 109; length++)
    {
      g_autofree char *socket = g_strnfill (length, 'x');
      g_autofree char *text = NULL;
      g_autoptr (GError) error = NULL;
      g_autoptr (HpConfig) config = NULL;

      socket[0] = '/';
      text = g_strdup_printf ("virtual_machines: {w: {socket: %s}}", socket);
      config = parse (text, &error);
      g_assert_cmpint (config != NULL, ==, length <= 107);
      if (config == NULL)
        {
          g_autofree char *expected =
              g_strdup_printf ("f.yaml:1:32: expected a socket path of at most 107 bytes, as the "
                               "kernel takes it, found %zu",
                               length);

          g_assert_cmpstr (error->message, ==, expected);
        }
    }
}

static void
test_names (void)
{
  static const struct
  {
    const char *name;
    gboolean valid;
  } cases[] = {
    { "win10", TRUE },
    { "Büro PC", TRUE },
    { "a", TRUE },
    { "1", TRUE },
    { "hosts", TRUE },
    { "Host", TRUE },
    { "日本", TRUE },
    { "a:b@c", TRUE },
    { "", FALSE },
    { "host", FALSE },
    { " a", FALSE },
    { "a ", FALSE },
    { "a/b", FALSE },
    { "a\nb", FALSE },
    { "a\x7f", FALSE },
    { "\xff", FALSE },
    { "a\xc3", FALSE },
    { "\xc2\x85", FALSE },
    { "a\xe2\x80\xae"
      "b",
      FALSE },
    { "\xe2\x80\xa8", FALSE },
    { "a\xe2\x80\x8b"
      "b",
      FALSE },
    { "\xc2\xa0"
      "a",
      FALSE },
    { "a\xe3\x80\x80", FALSE },
  };
  g_autofree char *longest = g_strnfill (HP_VM_NAME_MAX, 'a');
  g_autofree char *longer = g_strnfill (HP_VM_NAME_MAX + 1, 'a');

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpint (hp_vm_name_is_valid (cases[i].name), ==, cases[i].valid);
  g_assert_true (hp_vm_name_is_valid (longest));
  g_assert_false (hp_vm_name_is_valid (longer));
}

/* Several files make one configuration; what one has against another names both; a bad one adds nothing. */
static void
test_files (void)
{
  static const struct
  {
    const char *text, *message;
  } cases[] = {
    { "virtual_machines: {w: {socket: /other}}",
      "b.yaml:1:20: expected each VM once, found \"w\" a second time, first at a.yaml:2" },
    { "virtual_machines: {x: {socket: /x}, v: {socket: /s}}",
      "b.yaml:1:49: *found \"/s\", which \"w\" has at a.yaml:2" },
    { "virtual_machines: {x: {socket: /x}, y: {socket: y}}", "b.yaml:1:49: *absolute*" },
    { "[", "b.yaml:1:2: *" },
  };
  g_autoptr (HpConfig) config = hp_config_new ();
  const char *first = VM, *second = "virtual_machines: {x: {socket: /x}}";
  g_autoptr (GError) error = NULL;

  g_assert_true (hp_config_add_text (config, first, strlen (first), "a.yaml", &error));
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_false (hp_config_add_text (config, cases[i].text, strlen (cases[i].text), "b.yaml", &error));
      if (!g_pattern_match_simple (cases[i].message, error->message))
        g_error ("expected \"%s\", got \"%s\"", cases[i].message, error->message);
      g_clear_error (&error);
      g_assert_cmpuint (config->vms->len, ==, 1);
    }
  g_assert_true (hp_config_add_text (config, second, strlen (second), "c.yaml", &error));
  g_assert_cmpuint (config->vms->len, ==, 2);
  g_assert_cmpstr (hp_config_vm (config, "x")->origin, ==, "c.yaml:1");
}

/* As much as is allowed, and one more of each. */
static void
test_bounds (void)
{
  g_autoptr (HpConfig) config = hp_config_new ();
  g_autoptr (GString) vms = g_string_new ("virtual_machines:\n");
  g_autoptr (GString) hubs = g_string_new (VM "    hubs:\n");
  g_autoptr (GError) error = NULL;
  const char *one_more = "virtual_machines: {x: {socket: /x}}",
             *port = "virtual_machines: {x: {socket: /x, ports: [a]}}";

  for (guint i = 0; i < HP_CONFIG_VMS_MAX; i++)
    {
      g_string_append_printf (vms, "  vm%u:\n    socket: /run/vm%u.sock\n    ports:\n", i, i);
      for (guint j = 0; j < HP_CONFIG_PORTS_MAX / HP_CONFIG_VMS_MAX; j++)
        g_string_append_printf (vms, "      - /devices/pci0000:00/0000:00:14.0/usb%u/%u-%u\n", i + 1, i + 1, j + 1);
    }
  g_assert_true (hp_config_add_text (config, vms->str, vms->len, "a", &error));
  g_assert_no_error (error);
  g_assert_cmpuint (config->vms->len, ==, HP_CONFIG_VMS_MAX);
  g_assert_false (hp_config_add_text (config, one_more, strlen (one_more), "b", &error));
  g_assert_cmpstr (error->message, ==, "b:1:20: expected at most 1000 VMs, found more");
  g_clear_error (&error);
  g_ptr_array_remove_index (config->vms, 0);
  g_ptr_array_add (((HpConfigVm *)config->vms->pdata[0])->ports,
                   g_ptr_array_steal_index (((HpConfigVm *)config->vms->pdata[1])->ports, 0));
  g_assert_true (hp_config_add_text (config, port, strlen (port), "b", &error));
  g_assert_no_error (error);

  for (guint i = 0; i <= HP_CONFIG_HUBS_MAX; i++)
    g_string_append_printf (hubs, "      - xhci%u.0\n", i);
  g_assert_null (parse (hubs->str, &error));
  g_assert_cmpstr (error->message, ==, "f.yaml:69:9: expected at most 64 guest USB buses, found more");
}

static void
test_too_many_ports (void)
{
  g_autoptr (GString) text = g_string_new (VM "    ports:\n");
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i <= HP_CONFIG_PORTS_MAX; i++)
    g_string_append_printf (text, "      - port %u\n", i);
  g_assert_null (parse (text->str, &error));
  g_assert_cmpstr (error->message, ==, "f.yaml:10005:9: expected at most 10000 ports in all, found more");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/old", test_old);
  g_test_add_func ("/config/sparse", test_sparse);
  g_test_add_func ("/config/delay", test_delay);
  g_test_add_func ("/config/reserve", test_reserve);
  g_test_add_func ("/config/ports-apart", test_ports_apart);
  g_test_add_func ("/config/socket-length", test_socket_length);
  g_test_add_func ("/config/names", test_names);
  g_test_add_func ("/config/files", test_files);
  g_test_add_func ("/config/bounds", test_bounds);
  g_test_add_func ("/config/too-many-ports", test_too_many_ports);
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *path = g_strdup_printf ("/config/bad/%s", bad[i].name);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_bad);
    }
  return g_test_run ();
}
