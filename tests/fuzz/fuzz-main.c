/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <string.h>

/*
 * Stands in for libFuzzer: runs the target over every file of the folders named, as they are, cut short, and mutated
 * in a way that is the same each time.
 */

#define ROUNDS 400
#define LENGTH_MAX 65536

/* In a block of exactly its size, so that reading past the end shows under the sanitizers. */
static void
run_once (const GByteArray *input)
{
  g_autofree guint8 *exact = g_memdup2 (input->data, input->len);

  LLVMFuzzerTestOneInput (exact != NULL ? exact : (const guint8 *)"", input->len);
}

static void
mutate (GRand *random, GByteArray *input)
{
  static const char bytes[] = "\0\t\n\r \"'#&*!?:,-.{}[]<>%@`|\\/~0919az\x1b\x7f\x80\xc3\xed\xff";
  guint at = g_rand_int_range (random, 0, input->len + 1);
  guint wanted = g_rand_int_range (random, 1, 17);
  guint count = MIN (wanted, input->len - at);
  guint8 byte = bytes[g_rand_int_range (random, 0, sizeof bytes - 1)];

  switch (g_rand_int_range (random, 0, 5))
    {
    case 0:
      if (at < input->len)
        input->data[at] = byte;
      break;
    case 1:
      if (at < input->len)
        input->data[at] ^= 1 << g_rand_int_range (random, 0, 8);
      break;
    case 2:
      g_byte_array_remove_range (input, at, count);
      break;
    case 3:
      /* A part of it once more: keys, brackets and quotes that come twice. */
      g_byte_array_set_size (input, input->len + count);
      if (count > 0)
        memmove (input->data + input->len - count, input->data + at, count);
      break;
    default:
      g_byte_array_set_size (input, input->len + 1);
      memmove (input->data + at + 1, input->data + at, input->len - at - 1);
      input->data[at] = byte;
      break;
    }
}

static void
run_file (const char *path)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (1);
  g_autoptr (GError) error = NULL;
  g_autofree char *data = NULL;
  gsize length = 0;

  if (!g_file_get_contents (path, &data, &length, &error))
    g_error ("%s", error->message);
  length = MIN (length, LENGTH_MAX);
  for (guint i = 0; i <= ROUNDS; i++)
    {
      g_autoptr (GByteArray) input = g_byte_array_new ();
      gsize cut = g_rand_int_range (random, 0, length + 1);
      guint mutations = i == 0 ? 0 : g_rand_int_range (random, 1, 6);

      g_byte_array_append (input, (const guint8 *)data, i % 4 == 3 ? cut : length);
      for (guint j = 0; j < mutations; j++)
        mutate (random, input);
      run_once (input);
    }
}

int
main (int argc, char **argv)
{
  guint n_files = 0;

  for (int i = 1; i < argc; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GDir) dir = g_dir_open (argv[i], 0, &error);
      const char *name = NULL;

      if (dir == NULL)
        g_error ("%s", error->message);
      while ((name = g_dir_read_name (dir)) != NULL)
        {
          g_autofree char *path = g_build_filename (argv[i], name, NULL);

          run_file (path);
          n_files++;
        }
    }
  g_print ("%u files, %u inputs\n", n_files, n_files * (ROUNDS + 1));
  return n_files > 0 ? 0 : 1;
}
