/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "port-id.h"

#include <gio/gio.h>
#include <string.h>

#define CONTROLLER "pci-0000:00:14.0"
#define BUS_PATH "/devices/pci0000:00/0000:00:14.0"
#define DEEPEST "1.2.3.4.5.6.7"
#define TOO_DEEP DEEPEST ".8"

static void
test_chain_is_valid (void)
{
  static const char *const valid[] = { "1", "255", "1.4", "10.1.255", DEEPEST, "255.255.255.255.255.255.255" };
  /* The last but two is a digit, but an Arabic one. */
  static const char *const invalid[] = { NULL,       "",       "0",          "00",
                                         "01",       "010",    "1.0",        "1.01",
                                         "256",      "1.256",  "4294967297", "18446744073709551617",
                                         ".",        ".1",     "1.",         "1..4",
                                         " 1",       "1 ",     "+1",         "-1",
                                         "1-4",      "1,4",    "0x1",        "1a",
                                         "\xd9\xa1", TOO_DEEP, DEEPEST "." };

  for (gsize i = 0; i < G_N_ELEMENTS (valid); i++)
    {
      g_test_message ("%s", valid[i]);
      g_assert_true (hp_chain_is_valid (valid[i]));
    }
  for (gsize i = 0; i < G_N_ELEMENTS (invalid); i++)
    {
      g_test_message ("%s", invalid[i]);
      g_assert_false (hp_chain_is_valid (invalid[i]));
    }
}

static void
test_chain_parent (void)
{
  static const char *const cases[][2] = { { "1", NULL },    { "15", NULL },  { "1.4", "1" },
                                          { "10.4", "10" }, { "1.10", "1" }, { DEEPEST, "1.2.3.4.5.6" } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *parent = hp_chain_parent (cases[i][0]);

      g_assert_cmpstr (parent, ==, cases[i][1]);
    }
}

typedef struct
{
  const char *chain, *ancestor;
  gboolean within;
} WithinCase;

static void
test_chain_is_within (void)
{
  static const WithinCase cases[] = { { "1", "1", TRUE },       { "1.4", "1", TRUE },     { "1.4.2", "1", TRUE },
                                      { "1.4", "1.4", TRUE },   { "2.3.1", "2.3", TRUE }, { "10", "1", FALSE },
                                      { "10.1", "1", FALSE },   { "1", "10", FALSE },     { "1", "1.4", FALSE },
                                      { "2.30", "2.3", FALSE }, { "2.3", "2.30", FALSE }, { "1.40.1", "1.4", FALSE },
                                      { "4.1", "1", FALSE },    { "11.1", "1.1", FALSE }, { "2", "1", FALSE } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s in %s", cases[i].chain, cases[i].ancestor);
      g_assert_cmpint (hp_chain_is_within (cases[i].chain, cases[i].ancestor), ==, cases[i].within);
    }
}

static int
sign (int number)
{
  return (number > 0) - (number < 0);
}

static void
test_chain_compare (void)
{
  /* In order; texts that are no chains have some order too. */
  static const char *const ordered[] = { "1", "1.1", "1.2", "1.2.9", "1.10", "1.255", "2", "2.3", "2.30", "10", "255" };

  for (gsize i = 0; i < G_N_ELEMENTS (ordered); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (ordered); j++)
      {
        g_test_message ("%s and %s", ordered[i], ordered[j]);
        g_assert_cmpint (sign (hp_chain_compare (ordered[i], ordered[j])), ==, (i > j) - (i < j));
      }
  g_assert_cmpint (hp_chain_compare ("", ""), ==, 0);
  g_assert_cmpint (hp_chain_compare ("", "1"), <, 0);
  g_assert_cmpint (hp_chain_compare ("a", "b"), <, 0);
  g_assert_cmpint (hp_chain_compare ("b", "a"), >, 0);
  g_assert_cmpint (hp_chain_compare ("1a", "1b"), <, 0);
}

static char *
random_chain (void)
{
  GString *chain = g_string_new (NULL);
  int depth = g_test_rand_int_range (1, HP_CHAIN_DEPTH_MAX + 1);

  for (int i = 0; i < depth; i++)
    g_string_append_printf (chain, "%s%d", i > 0 ? "." : "", g_test_rand_int_range (1, g_test_rand_bit () ? 12 : 256));
  return g_string_free (chain, FALSE);
}

/* The same order by another way: numbers of one width, compared as text. */
static char *
padded (const char *chain)
{
  g_auto (GStrv) parts = g_strsplit (chain, ".", -1);
  GString *text = g_string_new (NULL);

  for (gsize i = 0; parts[i] != NULL; i++)
    g_string_append_printf (text, "%03d.", (int)g_ascii_strtoll (parts[i], NULL, 10));
  return g_string_free (text, FALSE);
}

static void
test_chains_at_random (void)
{
  for (guint i = 0; i < 2000; i++)
    {
      g_autofree char *first = random_chain ();
      g_autofree char *second = random_chain ();
      g_autofree char *first_padded = padded (first);
      g_autofree char *second_padded = padded (second);
      g_autofree char *parent = hp_chain_parent (first);

      g_assert_true (hp_chain_is_valid (first));
      if (sign (hp_chain_compare (first, second)) != sign (strcmp (first_padded, second_padded))
          || hp_chain_is_within (first, second) != g_str_has_prefix (first_padded, second_padded))
        g_error ("%s and %s", first, second);
      if (parent == NULL)
        continue;
      g_assert_true (hp_chain_is_valid (parent));
      g_assert_true (hp_chain_is_within (first, parent));
      g_assert_false (hp_chain_is_within (parent, first));
      g_assert_cmpint (hp_chain_compare (parent, first), <, 0);
    }
}

typedef struct
{
  const char *name;
  guint bus;
  const char *chain;
} KernelCase;

static void
test_kernel_name (void)
{
  static const KernelCase cases[] = { { "3-1", 3, "1" },
                                      { "3-10", 3, "10" },
                                      { "10-1", 10, "1" },
                                      { "3-1.4", 3, "1.4" },
                                      { "9999-" DEEPEST, 9999, DEEPEST } };
  static const char *const others[] = { NULL,   "",      "usb3",    "3",       "3-",         "3-0",     "0-1",
                                        "03-1", "003-1", "3-1:1.0", "3-0:1.0", "3-1-port4",  "10000-1", "4294967299-1",
                                        "-3-1", " 3-1",  "3-1 ",    "3-1\n",   "3-" TOO_DEEP };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      guint bus;
      g_autofree char *chain = NULL;
      g_autofree char *again = NULL;

      g_test_message ("%s", cases[i].name);
      g_assert_true (hp_kernel_name_parse (cases[i].name, NULL, NULL));
      g_assert_true (hp_kernel_name_parse (cases[i].name, &bus, &chain));
      g_assert_cmpuint (bus, ==, cases[i].bus);
      g_assert_cmpstr (chain, ==, cases[i].chain);
      again = hp_kernel_name_format (bus, chain);
      g_assert_cmpstr (again, ==, cases[i].name);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_test_message ("%s", others[i]);
      g_assert_false (hp_kernel_name_parse (others[i], NULL, NULL));
    }
}

typedef struct
{
  const char *id, *controller;
  guint usb;
  const char *chain, *parent;
} IdCase;

static void
test_port_id (void)
{
  static const IdCase cases[] = { { CONTROLLER "-usbv2-0:1", CONTROLLER, 2, "1", NULL },
                                  { CONTROLLER "-usbv3-0:10", CONTROLLER, 3, "10", NULL },
                                  { CONTROLLER "-usbv2-0:1.4", CONTROLLER, 2, "1.4", CONTROLLER "-usbv2-0:1" },
                                  { CONTROLLER "-usbv3-0:10.4.1", CONTROLLER, 3, "10.4.1", CONTROLLER "-usbv3-0:10.4" },
                                  { "platform-xhci-hcd.4.auto-usbv2-0:1", "platform-xhci-hcd.4.auto", 2, "1", NULL },
                                  { "x-usbv2-0:1-usbv3-0:2.1", "x-usbv2-0:1", 3, "2.1", "x-usbv2-0:1-usbv3-0:2" },
                                  { "-usbv3-usbv2-0:1", "-usbv3", 2, "1", NULL },
                                  { CONTROLLER "-usbv2-0:" DEEPEST, CONTROLLER, 2, DEEPEST,
                                    CONTROLLER "-usbv2-0:1.2.3.4.5.6" } };
  static const char others[] = "x x-usb-0:1 x-usbv x-usbv2 x-usbv2- x-usbv2-0 x-usbv2-0: x-usbv2-0:0 x-usbv2-0:1. "
                               "x-usbv2-0:1:1.0 x-usbv2-1:1 x-usbv1-0:1 x-usbv4-0:1 x-usbv23-0:1 -usbv2-0:1  "
                               "x-usbv2-0:" TOO_DEEP;
  g_auto (GStrv) other_names = g_strsplit (others, " ", -1);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const IdCase *c = &cases[i];
      guint usb;
      g_autofree char *controller = NULL;
      g_autofree char *chain = NULL;
      g_autofree char *parent = hp_port_id_parent (c->id);
      g_autofree char *again = NULL;

      g_test_message ("%s", c->id);
      g_assert_true (hp_port_id_parse (c->id, NULL, NULL, NULL));
      g_assert_true (hp_port_id_parse (c->id, &controller, &usb, &chain));
      g_assert_cmpstr (controller, ==, c->controller);
      g_assert_cmpuint (usb, ==, c->usb);
      g_assert_cmpstr (chain, ==, c->chain);
      g_assert_cmpstr (parent, ==, c->parent);
      again = hp_port_id_format (controller, usb, chain);
      g_assert_cmpstr (again, ==, c->id);
    }
  for (gsize i = 0; other_names[i] != NULL; i++)
    {
      g_test_message ("%s", other_names[i]);
      g_assert_false (hp_port_id_parse (other_names[i], NULL, NULL, NULL));
      g_assert_null (hp_port_id_parent (other_names[i]));
    }
  g_assert_false (hp_port_id_parse (NULL, NULL, NULL, NULL));
  g_assert_false (hp_port_id_parse ("x-usbv2-0:1 ", NULL, NULL, NULL));
}

typedef struct
{
  const char *expected;
  HpAncestor ancestors[6];
} AncestorCase;

static void
test_controller_id_path (void)
{
  static const AncestorCase cases[] = {
    { "pci-0000:00:14.0", { { "pci", "0000:00:14.0" }, { NULL, "pci0000:00" } } },
    { "pci-0000:03:00.0", { { "pci", "0000:03:00.0" }, { "pci", "0000:00:1c.0" }, { NULL, "pci0000:00" } } },
    { "platform-xhci-hcd.4.auto",
      { { "platform", "xhci-hcd.4.auto" }, { "platform", "38100000.usb" }, { "platform", "soc" } } },
    { "pci-0000:00:0d.0-platform-xhci-hcd.1.auto",
      { { "platform", "xhci-hcd.1.auto" }, { "pci", "0000:00:0d.0" }, { NULL, "pci0000:00" } } },
    { "platform-40000000.pcie-pci-0000:01:00.0-platform-xhci-hcd.1.auto",
      { { "platform", "xhci-hcd.1.auto" },
        { "pci", "0000:01:00.0" },
        { "pci", "0000:00:00.0" },
        { NULL, "pci0000:00" },
        { "platform", "40000000.pcie" },
        { "platform", "soc" } } },
    { "pci-0000:00:02.0", { { "bcma", "bcma0:1" }, { "pci", "0000:00:02.0" } } },
    { "pci-c-pci-a", { { "pci", "a" }, { NULL, "b" }, { "pci", "c" } } },
    { "dummy_hcd", { { NULL, "dummy_hcd" } } },
    { "outermost", { { "bus", "outermost" }, { "other", "above" } } },
    { "", { { NULL, NULL } } }
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gsize n_ancestors = 0;
      g_autofree char *path = NULL;

      while (n_ancestors < G_N_ELEMENTS (cases[i].ancestors) && cases[i].ancestors[n_ancestors].name != NULL)
        n_ancestors++;
      path = hp_controller_id_path (cases[i].ancestors, n_ancestors);
      g_assert_cmpstr (path, ==, cases[i].expected);
    }
}

typedef struct
{
  const char *text;
  HpPortRefKind kind;
  const char *controller;
  guint usb, bus;
  const char *chain;
} RefCase;

static void
test_ref (void)
{
  static const RefCase cases[] = {
    { "3-1", HP_PORT_REF_KERNEL, NULL, 0, 3, "1" },
    { "3-10", HP_PORT_REF_KERNEL, NULL, 0, 3, "10" },
    { "12-1.4", HP_PORT_REF_KERNEL, NULL, 0, 12, "1.4" },
    { "3-" DEEPEST, HP_PORT_REF_KERNEL, NULL, 0, 3, DEEPEST },
    { "/sys/bus/usb/devices/3-1.4", HP_PORT_REF_KERNEL, NULL, 0, 3, "1.4" },
    { "/bus/usb/devices/3-1.4/", HP_PORT_REF_KERNEL, NULL, 0, 3, "1.4" },
    { CONTROLLER "-usbv2-0:1.4", HP_PORT_REF_STABLE, CONTROLLER, 2, 0, "1.4" },
    { CONTROLLER "-usbv3-0:15", HP_PORT_REF_STABLE, CONTROLLER, 3, 0, "15" },
    { "x-usb-0:1-usbv2-0:2", HP_PORT_REF_STABLE, "x-usb-0:1", 2, 0, "2" },
    { CONTROLLER "-usb-0:1.4", HP_PORT_REF_ID_PATH, CONTROLLER, 0, 0, "1.4" },
    { "x-usb-0:1-usb-0:2", HP_PORT_REF_ID_PATH, "x-usb-0:1", 0, 0, "2" },
    { BUS_PATH "/usb3/3-1", HP_PORT_REF_DEVPATH, BUS_PATH, 0, 3, "1" },
    { "/sys" BUS_PATH "/usb3/3-1", HP_PORT_REF_DEVPATH, BUS_PATH, 0, 3, "1" },
    { BUS_PATH "/usb3/3-1/3-1.4", HP_PORT_REF_DEVPATH, BUS_PATH, 0, 3, "1.4" },
    { BUS_PATH "/usb10/10-2///", HP_PORT_REF_DEVPATH, BUS_PATH, 0, 10, "2" },
    { BUS_PATH "/usb3/3-0:1.0/usb3-port1", HP_PORT_REF_DEVPATH, BUS_PATH, 0, 3, "1" },
    { "/sys" BUS_PATH "/usb3/3-1/3-1:1.0/3-1-port15", HP_PORT_REF_DEVPATH, BUS_PATH, 0, 3, "1.15" },
    { "/devices/platform/usbip/usb5/5-1", HP_PORT_REF_DEVPATH, "/devices/platform/usbip", 0, 5, "1" },
    { "/devices/platform/usb/usb5/5-1", HP_PORT_REF_DEVPATH, "/devices/platform/usb", 0, 5, "1" },
    { "usb3-port1", HP_PORT_REF_DIRECTORY, NULL, 0, 3, "1" },
    { "usb10-port255", HP_PORT_REF_DIRECTORY, NULL, 0, 10, "255" },
    { "3-1-port4", HP_PORT_REF_DIRECTORY, NULL, 0, 3, "1.4" },
    { "3-1.2-port10", HP_PORT_REF_DIRECTORY, NULL, 0, 3, "1.2.10" },
    { "front left", HP_PORT_REF_LABEL },
    { "front-port1", HP_PORT_REF_LABEL },
    { "h\xc3\xbc", HP_PORT_REF_LABEL },
    { "usb3", HP_PORT_REF_LABEL },
    { "usb3-1", HP_PORT_REF_LABEL },
    { "usb3-port", HP_PORT_REF_LABEL },
    { "usb03-port1", HP_PORT_REF_LABEL },
    { "008", HP_PORT_REF_LABEL },
    { "a/3-1", HP_PORT_REF_LABEL },
    { "-1", HP_PORT_REF_LABEL }
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (HpPortRef) ref = hp_port_ref_parse (cases[i].text, &error);

      g_test_message ("%s", cases[i].text);
      g_assert_no_error (error);
      g_assert_cmpint (ref->kind, ==, cases[i].kind);
      g_assert_cmpstr (ref->text, ==, cases[i].text);
      g_assert_cmpstr (ref->controller, ==, cases[i].controller);
      g_assert_cmpuint (ref->usb, ==, cases[i].usb);
      g_assert_cmpuint (ref->bus, ==, cases[i].bus);
      g_assert_cmpstr (ref->chain, ==, cases[i].chain);
    }
  hp_port_ref_free (NULL);
}

/* What was expected must be said, in text that can be shown. */
static void
expect_bad (const char *text, const char *said)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HpPortRef) ref = hp_port_ref_parse (text, &error);
  g_autofree char *shown = g_strescape (text, NULL);

  g_test_message ("%s", shown);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
  g_assert_null (ref);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_nonnull (strstr (error->message, said));
}

static void
test_bad_ref (void)
{
  static const char kernel[] =
      "3- 3-0 3-1. 3-.1 3-01 03-1 003-008 010-1 0-1 3-256 3-1.256 3--1 3-+1 3-1:1.0 3-0:1.0 10000-1 3-1.0 3-1/../3-2 "
      "3-0-port1 3-1-port0 3-1-port01 3-1-port256 3-1-port 3-1-port1.2 3-" DEEPEST "-port1 3-" TOO_DEEP
      " 99999999999999999999-1 3-99999999999999999999";
  /* After the controller; the last one is the ID_PATH of an interface. */
  static const char stable[] = "-usbv2-0: -usbv2-0:0 -usbv4-0:1 -usbv2-1:1 -usbv2-0:1:1.0 -usbv2-0:" TOO_DEEP
                               " -usb-0: -usb-0:01 -usb-0:1.4:1.0";
  static const char *const paths[][2] = { { "/", "/devices/" },
                                          { "/sys", "/devices/" },
                                          { "/sys/", "/devices/" },
                                          { "/sysx" BUS_PATH "/usb3/3-1", "/devices/" },
                                          { "/dev/bus/usb/003/008", "/devices/" },
                                          { "/bus/usb/devices/", "/devices/" },
                                          { "//devices/x/usb3/3-1", "/devices/" },
                                          { "/devices/", "/devices/" },
                                          { BUS_PATH, "no bus" },
                                          { BUS_PATH "/usb3", "no bus" },
                                          { BUS_PATH "/usb3/", "no bus" },
                                          { BUS_PATH "/usb03/3-1", "no bus" },
                                          { BUS_PATH "/usb3a/3-1", "no bus" },
                                          { BUS_PATH "/xusb3/3-1", "no bus" },
                                          { BUS_PATH "/usb99999/3-1", "no bus" },
                                          { BUS_PATH "/usb3/4-1", "differ" },
                                          { BUS_PATH "/usb3/30-1", "differ" },
                                          { BUS_PATH "/usb3/4-0:1.0/usb4-port1", "differ" },
                                          { BUS_PATH "/usb3/3-1/3-1:1.0", "must end" },
                                          { BUS_PATH "/usb3/3-0", "must end" },
                                          { BUS_PATH "/usb3/3-1.", "must end" },
                                          { BUS_PATH "/usb3/3-0:1.0/usb3-port0", "must end" },
                                          { BUS_PATH "/usb3/3-1/driver", "must end" },
                                          { "/sys/bus/usb/devices/usb3", "3-1.4" },
                                          { "/sys/bus/usb/devices/3-1:1.0", "3-1.4" },
                                          { "/sys/bus/usb/devices/3-1/3-1.4", "3-1.4" },
                                          { "/sys/bus/usb/devices/../3-1", "3-1.4" } };
  g_auto (GStrv) kernel_names = g_strsplit (kernel, " ", -1);
  g_auto (GStrv) stable_names = g_strsplit (stable, " ", -1);

  for (gsize i = 0; kernel_names[i] != NULL; i++)
    expect_bad (kernel_names[i], "from 1 to 255");
  expect_bad ("3-1 ", "from 1 to 255");
  for (gsize i = 0; stable_names[i] != NULL; i++)
    {
      g_autofree char *text = g_strconcat (CONTROLLER, stable_names[i], NULL);

      expect_bad (text, "-usbv2-0:1.4");
    }
  expect_bad ("-usbv2-0:1", "-usbv2-0:1.4");
  expect_bad ("-usb-0:1", "-usbv2-0:1.4");
  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    expect_bad (paths[i][0], paths[i][1]);
}

static void
test_bad_text (void)
{
  static const char *const control[] = { "a\tb", "3-1\n", "\x1b[31mred", "\x7f", "a\xc2\x85", "a\r" };
  static const char *const not_utf8[] = { "\xff", "3-1\xc3", "\xc3(", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80" };
  g_autofree char *longest = g_strnfill (HP_PORT_REF_MAX, 'a');
  g_autofree char *too_long = g_strnfill (HP_PORT_REF_MAX + 1, 'a');
  g_autofree char *slashes = g_strnfill (HP_PORT_REF_MAX, '/');
  g_autoptr (HpPortRef) ref = hp_port_ref_parse (longest, NULL);

  g_assert_nonnull (ref);
  g_assert_cmpint (ref->kind, ==, HP_PORT_REF_LABEL);
  expect_bad (too_long, "1024 bytes");
  expect_bad (slashes, "/devices/");
  expect_bad ("", "empty");
  for (gsize i = 0; i < G_N_ELEMENTS (control); i++)
    expect_bad (control[i], "control characters");
  for (gsize i = 0; i < G_N_ELEMENTS (not_utf8); i++)
    expect_bad (not_utf8[i], "UTF-8");
}

/* Texts out of the pieces that names are made of: taken apart rightly, or refused with a reason. */
static void
test_refs_at_random (void)
{
  static const char *const pieces[] = { "/sys",  "/devices/", "/",         "usb",     "3",         "-", "1", ".",
                                        "-port", "0",         "-usbv2-0:", "-usb-0:", "-usbv3-0:", ":", "x" };

  for (guint i = 0; i < 20000; i++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (HpPortRef) ref = NULL;
      g_autofree char *again = NULL;

      for (int j = g_test_rand_int_range (1, 9); j > 0; j--)
        g_string_append (text, pieces[g_test_rand_int_range (0, G_N_ELEMENTS (pieces))]);
      ref = hp_port_ref_parse (text->str, &error);
      g_assert_cmpint (ref == NULL, ==, error != NULL);
      if (ref == NULL)
        continue;
      if (hp_chain_is_valid (ref->chain) != (ref->kind != HP_PORT_REF_LABEL))
        g_error ("%s has the chain %s", text->str, ref->chain);
      if (ref->kind == HP_PORT_REF_STABLE)
        again = hp_port_id_format (ref->controller, ref->usb, ref->chain);
      else if (ref->kind == HP_PORT_REF_KERNEL)
        again = hp_kernel_name_format (ref->bus, ref->chain);
      g_assert_cmpstr (again, ==, again != NULL ? text->str : NULL);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/port-id/chain/is-valid", test_chain_is_valid);
  g_test_add_func ("/port-id/chain/parent", test_chain_parent);
  g_test_add_func ("/port-id/chain/is-within", test_chain_is_within);
  g_test_add_func ("/port-id/chain/compare", test_chain_compare);
  g_test_add_func ("/port-id/chain/at-random", test_chains_at_random);
  g_test_add_func ("/port-id/kernel-name", test_kernel_name);
  g_test_add_func ("/port-id/stable-name", test_port_id);
  g_test_add_func ("/port-id/controller", test_controller_id_path);
  g_test_add_func ("/port-id/ref", test_ref);
  g_test_add_func ("/port-id/ref/bad", test_bad_ref);
  g_test_add_func ("/port-id/ref/bad-text", test_bad_text);
  g_test_add_func ("/port-id/ref/at-random", test_refs_at_random);
  return g_test_run ();
}
