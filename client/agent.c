/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define POLKIT_AGENT_I_KNOW_API_IS_SUBJECT_TO_CHANGE
#include "client/agent.h"

#include <fcntl.h>
#include <polkitagent/polkitagent.h>
#include <termios.h>
#include <unistd.h>

struct HpAgent
{
  int tty;
  struct termios found;
  PolkitAgentListener *listener;
};

void
hp_agent_free (HpAgent *agent)
{
  tcsetattr (agent->tty, TCSADRAIN, &agent->found);
  close (agent->tty);
  g_clear_object (&agent->listener);
  g_free (agent);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpAgent, hp_agent_free)

HpAgent *
hp_agent_new (GCancellable *cancellable)
{
  struct termios found;
  int tty = open ("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  g_autoptr (HpAgent) agent = NULL;
  g_autoptr (PolkitSubject) self = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) options = NULL;
  GVariantDict dict;

  if (tty < 0)
    return NULL;
  if (tcgetattr (tty, &found) < 0)
    {
      close (tty);
      return NULL;
    }
  agent = g_new0 (HpAgent, 1);
  agent->tty = tty;
  agent->found = found;
  agent->listener = polkit_agent_text_listener_new (cancellable, &error);
  if (!agent->listener)
    {
      g_debug ("no agent for passwords: %s", error->message);
      return NULL;
    }

  self = polkit_unix_process_new_for_owner (getpid (), 0, (int)getuid ());
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "fallback", "b", TRUE);
  options = g_variant_ref_sink (g_variant_dict_end (&dict));
  /* The handle ends the registration; the bus does so too when this process ends. */
  if (!polkit_agent_listener_register_with_options (agent->listener, POLKIT_AGENT_REGISTER_FLAGS_RUN_IN_THREAD, self,
                                                    NULL, options, cancellable, &error))
    {
      g_debug ("no agent for passwords: %s", error->message);
      return NULL;
    }
  return g_steal_pointer (&agent);
}
