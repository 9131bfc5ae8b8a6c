/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"
#include "state.h"

#include <gio/gio.h>
#include <string.h>

#define PORT "pci-0000:00:14.0-usbv2-0:1"
#define HEAD "{\"version\":1,\"choices\":["
#define CHOICE(port, vms) "{\"port\":\"" port "\",\"vms\":" vms ",\"reserve\":\"always\",\"since\":5,\"by_uid\":null}"

static const struct
{
  const char *name, *text, *message; /* NULL: fine */
} parsed[] = {
  { "empty-list", "{\"version\":1,\"choices\":[]}", NULL },
  { "one", HEAD CHOICE (PORT, "[\"w\"]") "]}", NULL },
  { "host", HEAD CHOICE (PORT, "[]") "]}", NULL },
  { "two", HEAD CHOICE (PORT, "[\"w\",\"v\"]") "," CHOICE ("pci-0000:00:14.0-usbv3-0:1.2", "[\"w\"]") "]}", NULL },
  { "unknown-members",
    "{\"version\":1,\"x\":{\"y\":[1]},\"choices\":[{\"port\":\"" PORT "\",\"vms\":[],\"reserve\":\"never\","
    "\"since\":0,\"by_uid\":0,\"z\":[[]]}]}",
    NULL },
  { "escapes", HEAD CHOICE (PORT, "[\"B\\u00fcro\"]") "]}", NULL },
  { "brackets-in-text", HEAD CHOICE (PORT, "[\"[[[[[[[[[[[[[[[[[[[[[[[[\\\"\\\\\"]") "]}", NULL },
  { "nothing", "", "expected an object" },
  { "blank", " \n", "expected an object" },
  { "list", "[]", "expected an object" },
  { "not-json", "version=1", "expected JSON*" },
  { "word", "nonsense", "expected JSON*" },
  { "cut", "{\"version\":1,", "expected JSON: *" },
  { "trailing-comma", "{\"version\":1,\"choices\":[],}", "expected JSON: *" },
  { "trailing-garbage", "{\"version\":1,\"choices\":[]} x", "expected JSON: *" },
  { "comment", "/* \" */ {\"version\":1,\"choices\":[]}", "expected JSON, found 0x2f at byte 0" },
  { "no-version", "{\"choices\":[]}", "expected version 1, found another or none" },
  { "version-2", "{\"version\":2,\"choices\":[]}", "expected version 1, *" },
  { "version-text", "{\"version\":\"1\",\"choices\":[]}", "expected version 1, *" },
  { "version-true", "{\"version\":true,\"choices\":[]}", "expected version 1, *" },
  { "version-fraction", "{\"version\":1.0,\"choices\":[]}", "expected version 1, *" },
  { "no-choices", "{\"version\":1}", "expected the member choices, a list" },
  { "choices-object", "{\"version\":1,\"choices\":{}}", "expected the member choices, a list" },
  { "choice-text", HEAD "\"x\"]}", "choice 1: expected the member port*" },
  { "choice-null", HEAD "null]}", "choice 1: expected the member port*" },
  { "port-missing", HEAD "{\"vms\":[]}]}", "choice 1: expected the member port*" },
  { "port-number", HEAD "{\"port\":1}]}", "choice 1: expected the member port*" },
  { "port-kernel-name", HEAD CHOICE ("3-1", "[]") "]}",
    "choice 1: expected the member port, the stable name of a port" },
  { "port-empty", HEAD CHOICE ("", "[]") "]}", "choice 1: expected the member port*" },
  { "port-chain", HEAD CHOICE ("pci-0000:00:14.0-usbv2-0:0", "[]") "]}", "choice 1: expected the member port*" },
  { "port-control", HEAD CHOICE ("pci\\n-usbv2-0:1", "[]") "]}", "choice 1: expected the member port*" },
  { "second-bad", HEAD CHOICE (PORT, "[]") "," CHOICE ("x", "[]") "]}", "choice 2: expected the member port*" },
  { "port-twice", HEAD CHOICE (PORT, "[]") "," CHOICE (PORT, "[]") "]}", "choice 2: expected each port once*" },
  { "vms-text", HEAD CHOICE (PORT, "\"w\"") "]}", "choice 1: expected the member vms, a list" },
  { "vms-null", HEAD CHOICE (PORT, "null") "]}", "choice 1: expected the member vms, a list" },
  { "vm-number", HEAD CHOICE (PORT, "[1]") "]}", "choice 1: expected the name of a VM*" },
  { "vm-null", HEAD CHOICE (PORT, "[null]") "]}", "choice 1: expected the name of a VM*" },
  { "vm-list", HEAD CHOICE (PORT, "[[]]") "]}", "choice 1: expected the name of a VM*" },
  { "vm-empty", HEAD CHOICE (PORT, "[\"\"]") "]}", "choice 1: expected the name of a VM*" },
  { "vm-host", HEAD CHOICE (PORT, "[\"host\"]") "]}", "choice 1: expected the name of a VM*" },
  { "vm-control", HEAD CHOICE (PORT, "[\"a\\nb\"]") "]}", "choice 1: expected the name of a VM*" },
  { "vm-twice", HEAD CHOICE (PORT, "[\"w\",\"w\"]") "]}",
    "choice 1: expected each VM once, found \"w\" a second time" },
  { "vm-nul", HEAD CHOICE (PORT, "[\"w\\u0000x\"]") "]}", "expected text, found a NUL character at byte *" },
  { "reserve", HEAD "{\"port\":\"" PORT "\",\"vms\":[],\"reserve\":\"x\",\"since\":0,\"by_uid\":0}]}",
    "choice 1: expected the member reserve*" },
  { "reserve-missing", HEAD "{\"port\":\"" PORT "\",\"vms\":[],\"since\":0,\"by_uid\":0}]}",
    "choice 1: expected the member reserve*" },
  { "since-negative", HEAD "{\"port\":\"" PORT "\",\"vms\":[],\"reserve\":\"never\",\"since\":-1,\"by_uid\":0}]}",
    "choice 1: expected the member since*" },
  { "since-huge",
    HEAD "{\"port\":\"" PORT "\",\"vms\":[],\"reserve\":\"never\",\"since\":18446744073709551615,\"by_uid\":0}]}",
    "choice 1: expected the member since*" },
  { "uid-huge", HEAD "{\"port\":\"" PORT "\",\"vms\":[],\"reserve\":\"never\",\"since\":0,\"by_uid\":4294967295}]}",
    "choice 1: expected the member by_uid*" },
  { "uid-missing", HEAD "{\"port\":\"" PORT "\",\"vms\":[],\"reserve\":\"never\",\"since\":0}]}",
    "choice 1: expected the member by_uid*" },
  { "bad-utf8", "{\"version\":1,\"\xff\":0}", "expected text in UTF-8" },
  { "lone-surrogate", HEAD CHOICE (PORT, "[\"\\ud800\"]") "]}", "*" },
  { "too-many-closed", "]]]]", "expected at most 16 levels*" },
};

static void
test_parse (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  gsize length = strlen (parsed[i].text);
  g_autofree char *exact = g_memdup2 (parsed[i].text, length);
  g_autofree char *once = NULL, *twice = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (HpState) state = hp_state_from_json (exact != NULL ? exact : "", length, &error);
  g_autoptr (HpState) again = NULL;

  if (parsed[i].message != NULL)
    {
      g_assert_null (state);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
      if (!g_pattern_match_simple (parsed[i].message, error->message))
        g_error ("expected \"%s\", got \"%s\"", parsed[i].message, error->message);
      return;
    }
  g_assert_no_error (error);
  once = hp_state_to_json (state);
  again = hp_state_from_json (once, strlen (once), &error);
  g_assert_no_error (error);
  twice = hp_state_to_json (again);
  g_assert_cmpstr (once, ==, twice);
}

/* Raw NUL, nesting that kills json-glib, sizes and counts. */
static void
test_hostile (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *nested = g_strnfill (200000, '[');
  g_autofree char *objects = g_strnfill (HP_STATE_SIZE_MAX + 1, ' ');
  g_autoptr (GString) many = g_string_new (HEAD);
  const char nul[] = "{\"version\":1,\0\"choices\":[]}";
  g_autoptr (HpState) state = NULL;

  g_assert_null (hp_state_from_json (nul, sizeof nul - 1, &error));
  g_assert_cmpstr (error->message, ==, "expected text in UTF-8");
  g_clear_error (&error);
  g_assert_null (hp_state_from_json (nested, 200000, &error));
  g_assert_cmpstr (error->message, ==, "expected at most 16 levels, found more at byte 16");
  g_clear_error (&error);
  g_assert_null (hp_state_from_json (objects, HP_STATE_SIZE_MAX + 1, &error));
  g_assert_cmpstr (error->message, ==, "expected at most 4194304 bytes, found 4194305");
  g_clear_error (&error);

  for (guint i = 0; i < HP_STATE_CHOICES_MAX; i++)
    g_string_append_printf (many, "%s" CHOICE ("pci-0000:00:14.0-usbv2-0:%u.%u", "[\"w\"]"), i > 0 ? "," : "",
                            i / 255 + 1, i % 255 + 1);
  g_string_append (many, "]}");
  state = hp_state_from_json (many->str, many->len, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_hash_table_size (state->choices), ==, HP_STATE_CHOICES_MAX);
  g_string_truncate (many, many->len - 2);
  g_string_append (many, "," CHOICE (PORT, "[]") "]}");
  g_assert_null (hp_state_from_json (many->str, many->len, &error));
  g_assert_cmpstr (error->message, ==, "expected at most 10000 choices, found 10001");
}

static void
test_value (void)
{
  const char *vms[] = { "w", "v", NULL };
  g_autoptr (HpState) state = hp_state_new ();
  g_autoptr (HpState) copy = NULL;
  g_autofree char *text = NULL, *copied = NULL;

  hp_state_put (state, hp_choice_new (PORT, NULL, HP_RESERVE_NEVER, 0, G_MAXUINT32));
  hp_state_put (state, hp_choice_new ("pci-0000:00:14.0-usbv2-0:2", vms, HP_RESERVE_WHILE_RUNNING, G_MAXINT64, 0));
  hp_state_put (state,
                hp_choice_new (PORT, vms + 1, HP_RESERVE_ALWAYS, 7, G_MAXUINT32 - 1)); /* in place of the first */
  text = hp_state_to_json (state);
  g_assert_cmpstr (
      text, ==,
      "{\n  \"version\" : 1,\n  \"choices\" : [\n"
      "    {\n      \"port\" : \"pci-0000:00:14.0-usbv2-0:1\",\n      \"vms\" : [\n        \"v\"\n      ],\n"
      "      \"reserve\" : \"always\",\n      \"since\" : 7,\n      \"by_uid\" : 4294967294\n    },\n"
      "    {\n      \"port\" : \"pci-0000:00:14.0-usbv2-0:2\",\n      \"vms\" : [\n        \"w\",\n        \"v\"\n"
      "      ],\n      \"reserve\" : \"while-running\",\n      \"since\" : 9223372036854775807,\n"
      "      \"by_uid\" : 0\n    }\n  ]\n}\n");
  copy = hp_state_copy (state);
  g_hash_table_remove_all (state->choices);
  copied = hp_state_to_json (copy);
  g_assert_cmpstr (copied, ==, text);
}

/* So many VMs in one choice, and no more. */
static void
test_many_vms (void)
{
  for (guint more = 0; more < 2; more++)
    {
      g_autoptr (GString) text = g_string_new (HEAD "{\"port\":\"" PORT "\",\"reserve\":\"always\",\"since\":5,"
                                                    "\"by_uid\":null,\"vms\":[");
      g_autoptr (GError) error = NULL;
      g_autoptr (HpState) state = NULL;

      for (guint i = 0; i < HP_STATE_VMS_MAX + more; i++)
        g_string_append_printf (text, "%s\"%u\"", i > 0 ? "," : "", i);
      g_string_append (text, "]}]}");
      state = hp_state_from_json (text->str, text->len, &error);
      g_assert_cmpint (state != NULL, ==, more == 0);
      g_assert_cmpstr (error != NULL ? error->message : NULL, ==,
                       more ? "choice 1: expected at most 1000 VMs, found 1001" : NULL);
    }
}

static char *
random_name (void)
{
  GString *name = g_string_new ("vm");

  for (int i = g_test_rand_int_range (0, 10); i > 0; i--)
    g_string_append_unichar (name, (gunichar)g_test_rand_int_range (0x30, 0x17f));
  return g_string_free (name, FALSE);
}

/* Whatever can be chosen is read back as it was. */
static void
test_round_trip_at_random (void)
{
  for (guint i = 0; i < 200; i++)
    {
      g_autoptr (HpState) state = hp_state_new ();
      g_autoptr (HpState) again = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *text = NULL;
      g_autofree char *text_again = NULL;

      for (int n = g_test_rand_int_range (0, 8); n > 0; n--)
        {
          g_autofree char *port =
              g_strdup_printf ("x-usbv%d-0:%d", g_test_rand_int_range (2, 4), g_test_rand_int_range (1, 256));
          g_autofree char *first = random_name ();
          g_autofree char *second = random_name ();
          const char *const vms[] = { first, g_str_equal (first, second) ? NULL : second, NULL };

          if (!hp_vm_name_is_valid (first) || !hp_vm_name_is_valid (second))
            continue;
          hp_state_put (state, hp_choice_new (port, g_test_rand_bit () ? vms : NULL,
                                              (HpReserve)g_test_rand_int_range (0, HP_RESERVE_NEVER + 1),
                                              g_test_rand_int_range (0, G_MAXINT32), (guint32)g_test_rand_int ()));
        }
      text = hp_state_to_json (state);
      again = hp_state_from_json (text, strlen (text), &error);
      g_assert_no_error (error);
      text_again = hp_state_to_json (again);
      g_assert_cmpstr (text_again, ==, text);
      g_assert_cmpuint (g_hash_table_size (again->choices), ==, g_hash_table_size (state->choices));
    }
  hp_choice_free (NULL);
  hp_state_free (NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/state/value", test_value);
  g_test_add_func ("/state/hostile", test_hostile);
  g_test_add_func ("/state/many-vms", test_many_vms);
  g_test_add_func ("/state/round-trip-at-random", test_round_trip_at_random);
  for (gsize i = 0; i < G_N_ELEMENTS (parsed); i++)
    {
      g_autofree char *path = g_strdup_printf ("/state/parse/%s", parsed[i].name);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_parse);
    }
  return g_test_run ();
}
