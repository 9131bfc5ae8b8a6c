/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reason.h"

#include <string.h>

/* The list is closed: each code is there, unlike any other, and has a sentence. */
static void
test_all (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  g_assert_cmpstr (hp_reason_code (HP_REASON_NONE), ==, "");
  for (guint i = HP_REASON_NONE + 1; i < HP_REASON_LAST; i++)
    {
      const char *code = hp_reason_code (i);
      g_autofree char *sentence = hp_reason_sentence (i, "win", "cause");

      g_assert_nonnull (code);
      g_assert_true (g_hash_table_add (seen, (gpointer)code));
      for (const char *at = code; *at != '\0'; at++)
        g_assert_true (g_ascii_islower (*at) || *at == '-');
      g_assert_cmpuint (strlen (sentence), >=, 8);
      g_assert_null (strchr (sentence, '%'));
    }
}

typedef struct
{
  HpReason reason;
  const char *vm, *detail, *expected;
} Case;

static void
test_sentences (void)
{
  static const Case cases[] = {
    { HP_REASON_NONE, "win", "cause", "" },
    { HP_REASON_ONLINE, "win", "cause", "win runs" },
    { HP_REASON_ONLINE, "", NULL, "the virtual machine runs" },
    { HP_REASON_ONLINE, NULL, NULL, "the virtual machine runs" },
    { HP_REASON_VM_FAILED, "win", NULL, "win cannot be used" },
    { HP_REASON_VM_FAILED, "win", "", "win cannot be used" },
    { HP_REASON_VM_FAILED, "%d", "%v", "%d cannot be used (%v)" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *sentence = hp_reason_sentence (cases[i].reason, cases[i].vm, cases[i].detail);

      g_assert_cmpstr (sentence, ==, cases[i].expected);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reason/all", test_all);
  g_test_add_func ("/reason/sentences", test_sentences);
  return g_test_run ();
}
