/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest-usb.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 128
#define LINES_MAX 1024
/* QEMU clamps p2 and p3 silently. */
#define XHCI_PORTS_MAX 15
#define XHCI_PORTS_DEFAULT 4

typedef struct
{
  const char *fragment; /* of the QOM type */
  HpGuestBusKind kind;
  guint ports; /* 0: by p2 and p3 */
} Controller;

static const Controller controllers[] = {
  { "xhci", HP_GUEST_XHCI, 0 },
  { "ehci", HP_GUEST_EHCI, 6 },
  { "ohci", HP_GUEST_UHCI, 3 },
  { "uhci", HP_GUEST_UHCI, 2 },
};

static const Controller *
find_controller (const char *type)
{
  for (guint i = 0; i < G_N_ELEMENTS (controllers); i++)
    if (strstr (type, controllers[i].fragment) != NULL)
      return &controllers[i];
  return NULL;
}

gboolean
hp_guest_type_may_be_controller (const char *qom_type)
{
  return find_controller (qom_type) != NULL || strstr (qom_type, "usb") != NULL;
}

HpGuestBus *
hp_guest_bus_new (const char *name, const char *type, guint p2, guint p3)
{
  HpGuestBus *bus = g_new0 (HpGuestBus, 1);
  const Controller *controller = find_controller (type);

  bus->name = g_strdup (name);
  bus->type = g_strdup (type);
  bus->kind = controller != NULL ? controller->kind : HP_GUEST_UHCI;
  bus->ports = controller != NULL ? controller->ports : 1;
  bus->used = g_hash_table_new (NULL, NULL);
  if (bus->kind == HP_GUEST_XHCI)
    {
      gboolean told = p2 > 0 || p3 > 0;

      bus->ports2 = told ? MIN (p2, XHCI_PORTS_MAX) : XHCI_PORTS_DEFAULT;
      bus->ports3 = told ? MIN (p3, XHCI_PORTS_MAX) : XHCI_PORTS_DEFAULT;
      bus->ports = MAX (bus->ports2, bus->ports3);
    }
  return bus;
}

HpGuestBus *
hp_guest_bus_copy (const HpGuestBus *bus)
{
  HpGuestBus *copy = g_new0 (HpGuestBus, 1);
  GHashTableIter iter;
  gpointer port;

  *copy = *bus;
  copy->name = g_strdup (bus->name);
  copy->type = g_strdup (bus->type);
  copy->used = g_hash_table_new (NULL, NULL);
  g_hash_table_iter_init (&iter, bus->used);
  while (g_hash_table_iter_next (&iter, &port, NULL))
    g_hash_table_add (copy->used, port);
  return copy;
}

void
hp_guest_bus_free (HpGuestBus *bus)
{
  if (bus == NULL)
    return;
  g_free (bus->name);
  g_free (bus->type);
  g_hash_table_unref (bus->used);
  g_free (bus);
}

void
hp_guest_device_free (HpGuestDevice *device)
{
  g_free (device->port);
  g_free (device->product);
  g_free (device->id);
  g_free (device);
}

/* The text between @before and @after in @line, or to its end where @after is NULL. */
static char *
between (const char *line, const char *before, const char *after)
{
  const char *start = strstr (line, before);
  const char *end;

  if (start == NULL)
    return NULL;
  start += strlen (before);
  end = after != NULL ? strstr (start, after) : start + strlen (start);
  return end != NULL ? g_strndup (start, (gsize)(end - start)) : NULL;
}

/* "  Device 0.1, Port 4.1, Speed 12 Mb/s, Product NAME, ID: ss" */
static HpGuestDevice *
parse_line (const char *line)
{
  g_autofree char *bus = between (line, "Device ", ".");
  g_autofree char *port = between (line, ", Port ", ", Speed ");
  g_autofree char *speed = between (line, ", Speed ", " Mb/s");
  g_autofree char *product = between (line, ", Product ", NULL);
  HpGuestDevice *device;
  /* The product's name is the device's own and may hold anything: the id is what comes last. */
  char *mark = product != NULL ? g_strrstr (product, ", ID: ") : NULL;

  if (!g_str_has_prefix (line, "  Device ") || bus == NULL || port == NULL || speed == NULL || product == NULL
      || !hp_chain_is_valid (port))
    return NULL;
  device = g_new0 (HpGuestDevice, 1);
  device->bus_number = (guint)g_ascii_strtoull (bus, NULL, 10);
  device->port = g_steal_pointer (&port);
  device->speed_mbps = (guint)g_ascii_strtoull (speed, NULL, 10);
  if (mark != NULL)
    {
      device->id = hp_text_safe (mark + strlen (", ID: "), NAME_MAX_BYTES);
      *mark = '\0';
    }
  device->product = hp_text_safe (product, NAME_MAX_BYTES);
  return device;
}

GPtrArray *
hp_guest_usb_parse (const char *text)
{
  GPtrArray *devices = g_ptr_array_new_with_free_func ((GDestroyNotify)hp_guest_device_free);
  /* What is over the limit is left together in one piece, which is no line. */
  g_auto (GStrv) lines = g_strsplit_set (text, "\r\n", LINES_MAX + 1);

  for (guint i = 0; i < LINES_MAX && lines[i] != NULL; i++)
    {
      HpGuestDevice *device = parse_line (lines[i]);

      if (device != NULL)
        g_ptr_array_add (devices, device);
    }
  return devices;
}

void
hp_guest_place_free (HpGuestPlace *place)
{
  if (place == NULL)
    return;
  g_free (place->bus);
  g_free (place);
}

/* How well a port suits: 2 at full speed, 1 at a lower one where QEMU may allow it, 0 not at all. */
static guint
fitness (const HpGuestBus *bus, guint port, HpSpeed speed)
{
  gboolean fast = speed >= HP_SPEED_HIGH;

  switch (bus->kind)
    {
    case HP_GUEST_XHCI:
      if (speed >= HP_SPEED_SUPER)
        return port <= bus->ports3 ? 2 : 1;
      return port <= bus->ports2 ? 2 : 0;
    case HP_GUEST_EHCI:
      if (!fast && speed != HP_SPEED_UNKNOWN)
        return 0;
      return speed >= HP_SPEED_SUPER ? 1 : 2;
    case HP_GUEST_UHCI:
    default:
      return fast ? 1 : 2;
    }
}

/* Buses that suit as well are taken fastest first. */
static guint
rank (const HpGuestBus *bus, guint port, HpSpeed speed)
{
  guint fit = fitness (bus, port, speed);

  return fit == 0 ? 0 : fit * 10 + (guint)bus->kind;
}

typedef struct
{
  guint rank;
  guint order; /* of the bus */
  guint port;
  const char *bus;
} Candidate;

static int
compare_candidates (gconstpointer a, gconstpointer b)
{
  const Candidate *first = a;
  const Candidate *second = b;

  if (first->rank != second->rank)
    return first->rank > second->rank ? -1 : 1;
  if (first->order != second->order)
    return first->order < second->order ? -1 : 1;
  return first->port > second->port ? -1 : 1;
}

static void
add_candidates (GArray *candidates, const HpGuestBus *bus, guint order, gboolean ordered, HpSpeed speed,
                const HpGuestPlace *preferred)
{
  for (guint port = 1; port <= bus->ports; port++)
    {
      Candidate candidate = { .rank = rank (bus, port, speed), .order = order, .port = port, .bus = bus->name };

      if (candidate.rank == 0 || g_hash_table_contains (bus->used, GUINT_TO_POINTER (port)))
        continue;
      /* The administrator's order of buses comes before ours, but not before full speed. */
      if (ordered)
        candidate.rank = fitness (bus, port, speed) * 10;
      if (preferred != NULL && preferred->port == port && g_str_equal (preferred->bus, bus->name)
          && fitness (bus, port, speed) == 2)
        candidate.rank = G_MAXUINT;
      g_array_append_val (candidates, candidate);
    }
}

static const HpGuestBus *
find_bus (GPtrArray *buses, const char *name)
{
  for (guint i = 0; i < buses->len; i++)
    if (g_str_equal (((const HpGuestBus *)g_ptr_array_index (buses, i))->name, name))
      return g_ptr_array_index (buses, i);
  return NULL;
}

#define ADVICE "start QEMU with -device qemu-xhci,id=xhci,p2=15,p3=15"

static char *
describe_problem (GPtrArray *buses, const char *const *only, HpSpeed speed)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; only != NULL && only[i] != NULL; i++)
    if (find_bus (buses, only[i]) == NULL)
      g_string_append_printf (text, "%sit has no USB bus called \"%s\"", text->len > 0 ? "; " : "", only[i]);
  if (buses->len == 0)
    {
      g_string_append_printf (text, "%sit has no USB controller: " ADVICE, text->len > 0 ? "; " : "");
      return g_string_free (text, FALSE);
    }
  for (guint i = 0; i < buses->len; i++)
    {
      const HpGuestBus *bus = g_ptr_array_index (buses, i);

      if (only != NULL && only[0] != NULL && !g_strv_contains (only, bus->name))
        continue;
      g_string_append_printf (text, "%s%s (%s) has %u of %u ports taken%s", text->len > 0 ? ", " : "", bus->name,
                              bus->type, g_hash_table_size (bus->used), bus->ports,
                              fitness (bus, 1, speed) == 0 ? " and does not take this speed" : "");
    }
  g_string_append (text, ": " ADVICE);
  return g_string_free (text, FALSE);
}

GPtrArray *
hp_guest_places (GPtrArray *buses, const char *const *only, HpSpeed speed, const HpGuestPlace *preferred,
                 char **ret_problem)
{
  GPtrArray *places = g_ptr_array_new_with_free_func ((GDestroyNotify)hp_guest_place_free);
  g_autoptr (GArray) candidates = g_array_new (FALSE, TRUE, sizeof (Candidate));
  gboolean ordered = only != NULL && only[0] != NULL;

  for (guint i = 0; ordered && only[i] != NULL; i++)
    if (find_bus (buses, only[i]) != NULL)
      add_candidates (candidates, find_bus (buses, only[i]), i, TRUE, speed, preferred);
  for (guint i = 0; !ordered && i < buses->len; i++)
    add_candidates (candidates, g_ptr_array_index (buses, i), i, FALSE, speed, preferred);
  g_array_sort (candidates, compare_candidates);
  for (guint i = 0; i < candidates->len; i++)
    {
      const Candidate *candidate = &g_array_index (candidates, Candidate, i);
      HpGuestPlace *place = g_new0 (HpGuestPlace, 1);

      place->bus = g_strdup (candidate->bus);
      place->port = candidate->port;
      g_ptr_array_add (places, place);
    }
  if (places->len == 0 && ret_problem != NULL)
    *ret_problem = describe_problem (buses, only, speed);
  return places;
}

char *
hp_qdev_id_format (const char *kernel_name, guint64 instance, guint64 attempt)
{
  return g_strdup_printf (HP_QDEV_PREFIX "%s-%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x", kernel_name, instance,
                          attempt);
}

/* Cuts the last "-<hex>" off @text. */
static gboolean
cut_hex (char *text, guint64 *ret_number)
{
  char *dash = strrchr (text, '-');

  if (dash == NULL || !g_ascii_string_to_unsigned (dash + 1, 16, 0, G_MAXUINT64, ret_number, NULL))
    return FALSE;
  *dash = '\0';
  return TRUE;
}

gboolean
hp_qdev_id_parse (const char *id, char **ret_kernel_name, guint64 *ret_instance)
{
  g_autofree char *rest = NULL;
  guint64 attempt, instance;

  if (id == NULL || !g_str_has_prefix (id, HP_QDEV_PREFIX))
    return FALSE;
  rest = g_strdup (id + strlen (HP_QDEV_PREFIX));
  if (!cut_hex (rest, &attempt) || !cut_hex (rest, &instance) || !hp_kernel_name_parse (rest, NULL, NULL))
    return FALSE;
  if (ret_kernel_name != NULL)
    *ret_kernel_name = g_steal_pointer (&rest);
  if (ret_instance != NULL)
    *ret_instance = instance;
  return TRUE;
}
