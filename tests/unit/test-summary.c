/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/summary.h"

/* Each step changes one thing, and the line follows. */
static void
test_line (void)
{
  static const struct
  {
    const char *port;
    gboolean assigned;
    const char *device, *vm;
    const char *line;
  } steps[] = {
    { NULL, FALSE, NULL, NULL, "no ports assigned, no devices in a virtual machine" },
    { "a", TRUE, NULL, NULL, "1 port assigned, no devices in a virtual machine" },
    { "a", TRUE, NULL, NULL, "1 port assigned, no devices in a virtual machine" },
    { "b", TRUE, "3-1", "windows", "2 ports assigned, 1 device in 1 virtual machine" },
    { "c", FALSE, "3-1", "windows", "2 ports assigned, 1 device in 1 virtual machine" },
    { "c", TRUE, "3-2", "windows", "3 ports assigned, 2 devices in 1 virtual machine" },
    { NULL, FALSE, "3-3", "linux", "3 ports assigned, 3 devices in 2 virtual machines" },
    { NULL, FALSE, "3-3", "windows", "3 ports assigned, 3 devices in 1 virtual machine" },
    { NULL, FALSE, "3-9", NULL, "3 ports assigned, 3 devices in 1 virtual machine" },
    { NULL, FALSE, "3-1", NULL, "3 ports assigned, 2 devices in 1 virtual machine" },
    { NULL, FALSE, "3-2", NULL, "3 ports assigned, 1 device in 1 virtual machine" },
    { "a", FALSE, "3-3", NULL, "2 ports assigned, no devices in a virtual machine" },
  };
  g_autoptr (HpSummary) summary = hp_summary_new ();

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      g_autofree char *line = NULL;

      if (steps[i].port)
        hp_summary_port (summary, steps[i].port, steps[i].assigned);
      if (steps[i].device)
        hp_summary_device (summary, steps[i].device, steps[i].vm);
      line = hp_summary_line (summary);
      g_assert_cmpstr (line, ==, steps[i].line);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/summary/line", test_line);
  return g_test_run ();
}
