/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "suggest.h"

static void
test_suggest (void)
{
  static const char *const known[] = { "socket",
                                       "delay",
                                       "hubs",
                                       "reserve",
                                       "ports",
                                       "virtual_machines",
                                       "a-word-that-is-longer-than-anybody-would-type-by-mistake",
                                       NULL };
  static const char *const none[] = { NULL };
  static const struct
  {
    const char *text, *expected;
  } cases[] = {
    { "socket", "socket" },
    { "sokcet", "socket" },
    { "Socket", "socket" },
    { "SOCKETS", "socket" },
    { "port", "ports" },
    { "prots", "ports" },
    { "hub", "hubs" },
    { "vitualmachines", "virtual_machines" },
    { "virtual-machine", "virtual_machines" },
    { "machines", NULL },
    { "password", NULL },
    { "x", NULL },
    { "", NULL },
    { "\xc3\xa4", NULL },
    { "a-word-that-is-longer-than-anybody-would-type-by-mistake", NULL },
    { "sockettttttttttttttttttttttttttttttttttttttttttttttt", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s", cases[i].text);
      g_assert_cmpstr (hp_suggest (cases[i].text, known), ==, cases[i].expected);
    }
  g_assert_null (hp_suggest ("x", none));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/suggest", test_suggest);
  return g_test_run ();
}
