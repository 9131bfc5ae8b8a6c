/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include "daemon/config.h"
#include "daemon/port-id.h"
#include "daemon/state.h"

#include <string.h>

/* The state file: what is understood is written and understood again as the same. */

static void
check_state (const HpState *state)
{
  GHashTableIter iter;
  gpointer key = NULL, value = NULL;

  g_assert_cmpuint (g_hash_table_size (state->choices), <=, HP_STATE_CHOICES_MAX);
  g_hash_table_iter_init (&iter, state->choices);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      const HpChoice *choice = value;

      g_assert_true (key == choice->port);
      g_assert_true (fuzz_text_is_safe (choice->port));
      g_assert_true (hp_port_id_parse (choice->port, NULL, NULL, NULL));
      for (gsize i = 0; choice->vms[i] != NULL; i++)
        g_assert_true (hp_vm_name_is_valid (choice->vms[i]));
      g_assert_nonnull (hp_reserve_to_string (choice->reserve));
      g_assert_cmpint (choice->since, >=, 0);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HpState) state = hp_state_from_json ((const char *)data, size, &error);
  g_autoptr (HpState) again = NULL;
  g_autofree char *once = NULL, *twice = NULL;

  if (state == NULL)
    {
      g_assert_nonnull (error);
      g_assert_true (fuzz_text_is_safe (error->message));
      return 0;
    }
  check_state (state);
  once = hp_state_to_json (state);
  again = hp_state_from_json (once, strlen (once), &error);
  g_assert_no_error (error);
  twice = hp_state_to_json (again);
  g_assert_cmpstr (once, ==, twice);
  return 0;
}
