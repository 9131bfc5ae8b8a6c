/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp-peer.h"

/*
 * As much of a QEMU as the daemon talks to: it answers as QEMU 5.0 to 11 were seen to, in their words, where they
 * differ by version. It holds devices, ports and the descriptor that was passed; what it is made to do wrong is the
 * test's choice.
 */

typedef struct
{
  const char *folder; /* of the machine's tree of objects: "peripheral", "peripheral-anon", "unattached" */
  const char *name;   /* "xhci", "device[0]" */
  const char *type;   /* "qemu-xhci" */
  const char *bus;    /* "xhci.0" */
  int p2, p3;         /* -1: it has no such property */
} FakeController;

typedef struct
{
  char *id; /* NULL: made without */
  char *type;
  char *bus;
  char *port; /* "4", or "4.1" behind a hub */
  gboolean attached;
  guint64 inode; /* of what was passed, 0 none */
} FakeDevice;

typedef struct
{
  QmpPeer *peer;
  guint major, minor;
  GPtrArray *controllers; /* FakeController, borrowed */
  GPtrArray *devices;     /* FakeDevice */
  const char *status;     /* run state */
  int fdset;              /* what is in the daemon's set, -1 nothing */

  /* What it does. */
  gboolean lacks_usb_host;
  gboolean refuses_fds; /* as over TCP */
  gboolean takes;       /* new devices turn out to be attached */
  gboolean tells_first; /* DEVICE_DELETED comes before the answer */

  /* What it does wrong: answers @fails, in place of doing it, the next @fail_times times. */
  const char *fails;  /* a command; NULL none */
  const char *desc;   /* what the error says; NULL: it leaves */
  const char *answer; /* instead of an error: what it returns, as JSON */
  guint fail_times;

  /* Does not answer @holds, until fake_qemu_go_on(). */
  const char *holds;
  JsonObject *held;
  gboolean holding;

  guint n_questions; /* that change nothing */
  guint n_status;    /* query-status among them */
  GString *log; /* what it was told to change: "add-fd ", "device_add {…} ", "remove-fd ", "device_del ", ids as ID */

  char *greeting;
} FakeQemu;

/* 7.2, running, with an xHCI of 4 ports, waiting for somebody to connect. */
FakeQemu *fake_qemu_new (void);
void fake_qemu_free (FakeQemu *qemu);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeQemu, fake_qemu_free)

void fake_qemu_set_version (FakeQemu *qemu, guint major, guint minor);
/* All that it has, and NULL. */
void fake_qemu_set_controllers (FakeQemu *qemu, ...) G_GNUC_NULL_TERMINATED;
FakeDevice *fake_qemu_add_device (FakeQemu *qemu, const char *id, const char *type, const char *bus, const char *port);
/* The one called so; NULL where there is none. */
FakeDevice *fake_qemu_find (FakeQemu *qemu, const char *id);
/* Somebody else deletes it. */
void fake_qemu_delete (FakeQemu *qemu, const char *id);
/* The run state changes, and @event says that something did. */
void fake_qemu_set_status (FakeQemu *qemu, const char *status, const char *event);
void fake_qemu_tell (FakeQemu *qemu, const char *event);
/* Does, and answers, what it has held back. */
void fake_qemu_go_on (FakeQemu *qemu);
/* It ends; it can be started anew, with nothing in it. */
void fake_qemu_quit (FakeQemu *qemu);
void fake_qemu_start (FakeQemu *qemu);

/* --- its parts --- */

void fake_qemu_give (FakeQemu *qemu, const char *format, ...) G_GNUC_PRINTF (2, 3);
void fake_qemu_refuse (FakeQemu *qemu, const char *class, const char *format, ...) G_GNUC_PRINTF (3, 4);
const FakeController *fake_qemu_find_bus (FakeQemu *qemu, const char *bus);
gboolean fake_qemu_is_at_least (FakeQemu *qemu, guint major, guint minor);
void fake_qemu_ask (FakeQemu *qemu, const char *command, JsonObject *arguments);
