/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log.h"

#include <string.h>

/* The last line, as "KEY=value" in order. */
static GLogWriterOutput
keep_line (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  GPtrArray *line = user_data;

  g_ptr_array_set_size (line, 0);
  g_ptr_array_add (line, g_strdup_printf ("level=%d", level));
  for (gsize i = 0; i < n_fields; i++)
    {
      g_assert_cmpint (fields[i].length, ==, -1);
      g_assert_true (g_utf8_validate (fields[i].value, -1, NULL));
      g_ptr_array_add (line, g_strdup_printf ("%s=%s", fields[i].key, (const char *)fields[i].value));
    }
  return G_LOG_WRITER_HANDLED;
}

static void
assert_line (GPtrArray *line, const char *expected)
{
  g_autofree char *found = NULL;

  g_ptr_array_add (line, NULL);
  found = g_strjoinv ("|", (char **)line->pdata);
  g_assert_cmpstr (found, ==, expected);
}

static void
test_fields (gconstpointer data)
{
  GPtrArray *line = (GPtrArray *)data;
  HpLog all = {
    .message_id = HP_MESSAGE_ATTACHED, .port = "pci-0000:00:14.0-usbv2-0:1", .device = "3-1", .vm = "Büro"
  };
  HpLog some = { .vm = "w" };

  hp_notice (NULL, "plain %d", 1);
  assert_line (line, "level=32|MESSAGE=plain 1|PRIORITY=5|GLIB_DOMAIN=hotplugger");
  hp_info (&all, "%s", "x");
  assert_line (line, "level=64|MESSAGE=x|PRIORITY=6|GLIB_DOMAIN=hotplugger|MESSAGE_ID=" HP_MESSAGE_ATTACHED
                     "|HP_PORT=pci-0000:00:14.0-usbv2-0:1|HP_DEVICE=3-1|HP_VM=Büro");
  hp_warn (&some, "x");
  assert_line (line, "level=16|MESSAGE=x|PRIORITY=4|GLIB_DOMAIN=hotplugger|HP_VM=w");
  hp_debug (&some, "x");
  assert_line (line, "level=128|MESSAGE=x|PRIORITY=7|GLIB_DOMAIN=hotplugger|HP_VM=w");
  hp_log (G_LOG_LEVEL_CRITICAL, NULL, "x");
  assert_line (line, "level=8|MESSAGE=x|PRIORITY=4|GLIB_DOMAIN=hotplugger");
}

/* What a device calls itself makes no line of its own, no bytes that are not text, and no end of it. */
static void
test_hostile (gconstpointer data)
{
  GPtrArray *line = (GPtrArray *)data;
  HpLog fields = { .device = "3-1\nPRIORITY=0", .port = "\xff", .vm = "\n" };
  g_autofree char *long_text = g_strnfill (100000, 'x');

  hp_notice (&fields, "found \"%s\"", "a\r\nb\x1b[2J\xff");
  for (guint i = 0; i < line->len; i++)
    for (const char *at = line->pdata[i]; *at != '\0'; at++)
      g_assert_false (g_ascii_iscntrl (*at));
  g_assert_true (g_str_has_prefix (line->pdata[1], "MESSAGE=found \"a b"));
  g_assert_cmpuint (line->len, ==, 6); /* a VM's name that is nothing but a line break is none */
  g_assert_cmpstr (line->pdata[4], ==, "HP_PORT=\xef\xbf\xbd");
  g_assert_cmpstr (line->pdata[5], ==, "HP_DEVICE=3-1 PRIORITY=0");
  hp_notice (NULL, "%s", long_text);
  g_assert_cmpuint (strlen (line->pdata[1]), ==, strlen ("MESSAGE=") + 4096);
  hp_notice (NULL, "%s", "");
  g_assert_cmpstr (line->pdata[1], ==, "MESSAGE=");
}

int
main (int argc, char **argv)
{
  g_autoptr (GPtrArray) line = g_ptr_array_new_with_free_func (g_free);

  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (keep_line, line, NULL);
  g_test_add_data_func ("/log/fields", line, test_fields);
  g_test_add_data_func ("/log/hostile", line, test_hostile);
  return g_test_run ();
}
