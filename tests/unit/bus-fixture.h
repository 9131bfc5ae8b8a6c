/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/bus.h"
#include "fake-engine.h"
#include "fake-polkit.h"
#include "private-bus.h"

/* The facade on a private bus, over an engine and a polkit of our own making, and a caller. */

#define FAKE_PORT_PATH HP_OBJECT_PORT "/pci_2d0000_3a00_3a14_2e0_2dusbv2_2d0_3a1"

typedef struct
{
  PrivateBus *bus;
  GDBusConnection *service; /* ours */
  GDBusConnection *caller;
  FakePolkit *polkit;
  HpAuthority *authority;
  HpEngine *engine;
  HpBus *facade;
  gboolean owned;
  char *lost;
  char *status;
  guint status_lines;
  GString *heard; /* signals from the service, one a line */
} BusFixture;

/* An answer from the bus, or none yet. */
typedef struct
{
  GVariant *value;
  GError *error;
} Answer;
void answer_clear (Answer *answer);
/* For calls that are made by hand; @user_data: the Answer. */
void on_answer (GObject *source, GAsyncResult *result, gpointer user_data);

/* Calls a method of the manager. @arguments: as text, "('3-1', 'windows', {})" */
void start_call (BusFixture *fixture, const char *method, const char *arguments, GDBusCallFlags flags, Answer *answer);
/* The same, and waits for the answer. */
void call (BusFixture *fixture, const char *method, const char *arguments, Answer *answer);

void assert_text (const char *text, const char *part);
void assert_error (Answer *answer, GQuark domain, int code, const char *part);

/* A second facade's events, for the same struct. */
extern const HpBusEvents bus_fixture_events;

typedef struct
{
  const char *path;
  void (*test) (BusFixture *fixture, gconstpointer data);
} BusTest;

/* The whole of main(). */
int bus_fixture_run (int argc, char **argv, const BusTest *tests, gsize n_tests);
