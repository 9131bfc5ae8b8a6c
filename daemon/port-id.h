/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Names of USB ports, and how people write them. Pure: text in, values out.
 *
 * A kernel port is one half of a connector. The kernel names it after the device that would sit in it: "3-1.4" is
 * port 4 of the hub in port 1 of bus 3. Bus numbers move between boots, so what is stored is the stable name:
 * "<ID_PATH of the controller>-usbv<2|3>-0:<chain>", as in "pci-0000:00:14.0-usbv2-0:1.4". It has the form of
 * systemd's ID_PATH_WITH_USB_REVISION (257 and later), and is computed here since older udev lacks it.
 */

/* The kernel's devpath is char[16]; a hub has at most 255 ports and USB allows seven tiers. */
#define HP_CHAIN_DEPTH_MAX 7

/* The longest port reference taken from outside, in bytes. */
#define HP_PORT_REF_MAX 1024

typedef enum
{
  HP_PORT_REF_LABEL,     /* anything else: a label given by the user */
  HP_PORT_REF_STABLE,    /* pci-0000:00:14.0-usbv2-0:1.4 */
  HP_PORT_REF_ID_PATH,   /* pci-0000:00:14.0-usb-0:1.4, udev's ID_PATH: may fit both halves' numbering */
  HP_PORT_REF_KERNEL,    /* 3-1.4, /sys/bus/usb/devices/3-1.4 */
  HP_PORT_REF_DEVPATH,   /* /devices/pci0000:00/0000:00:14.0/usb3/3-1 or …/usb3-port1, with or without /sys */
  HP_PORT_REF_DIRECTORY, /* usb3-port1, 3-1-port4 */
} HpPortRefKind;

/* What a piece of text that should name a port says. Free with hp_port_ref_free(). */
typedef struct
{
  HpPortRefKind kind;
  char *text;       /* as it was written */
  char *controller; /* STABLE, ID_PATH: the controller's ID_PATH. DEVPATH: its path below /sys. Else NULL */
  guint usb;        /* STABLE: 2 or 3. Else 0 */
  guint bus;        /* KERNEL, DEVPATH, DIRECTORY: the bus number. Else 0 */
  char *chain;      /* "1.4"; NULL for LABEL */
} HpPortRef;

/* One ancestor of a controller in sysfs, the controller itself included: what its subsystem is called, and its name. */
typedef struct
{
  const char *subsystem; /* "pci", "platform", ..., or NULL */
  const char *name;      /* "0000:00:14.0" */
} HpAncestor;

/*
 * hp_port_ref_parse:
 * Tells what kind of name @text is and takes it apart; looks nothing up. Empty text, text over HP_PORT_REF_MAX bytes,
 * invalid UTF-8, control characters, and forms that start like a path or a kernel name and then go wrong
 * ("3-1.", "3-0", "/devices/…/usb3/4-1") are errors that say what was expected.
 * Returns: (transfer full): the reference, or NULL with @error set (G_IO_ERROR_INVALID_ARGUMENT).
 */
HpPortRef *hp_port_ref_parse (const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void hp_port_ref_free (HpPortRef *ref);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (HpPortRef, hp_port_ref_free)

/* Whether @chain is "N(.N)*" with N from 1 to 255 without leading zeros, at most HP_CHAIN_DEPTH_MAX long. */
gboolean hp_chain_is_valid (const char *chain);

/* The chain of the hub that @chain is a port of: "1.4" -> "1"; NULL for a port of the root hub. (transfer full) */
char *hp_chain_parent (const char *chain);

/* Whether @chain is @ancestor or below it, by components: "1.4" is below "1"; "10" is not. */
gboolean hp_chain_is_within (const char *chain, const char *ancestor);

/* Compares two chains by their numbers ("2" before "10"), for sorting. */
int hp_chain_compare (const char *a, const char *b);

/*
 * hp_kernel_name_parse:
 * Takes "3-1.4" apart. Root hubs ("usb3") and interfaces ("3-1:1.0") are no ports.
 * Returns: whether @name is one; then @ret_bus and @ret_chain (transfer full) are set; both may be NULL.
 */
gboolean hp_kernel_name_parse (const char *name, guint *ret_bus, char **ret_chain);
char *hp_kernel_name_format (guint bus, const char *chain);

/* "pci-0000:00:14.0", 2, "1.4" -> "pci-0000:00:14.0-usbv2-0:1.4". (transfer full) */
char *hp_port_id_format (const char *controller, guint usb, const char *chain);

/* The reverse. The out-parameters may be NULL; strings are (transfer full). */
gboolean hp_port_id_parse (const char *id, char **ret_controller, guint *ret_usb, char **ret_chain);

/* The stable name of the port that holds the hub that @id is a port of; NULL for a root hub's port. (transfer full) */
char *hp_port_id_parent (const char *id);

/*
 * hp_controller_id_path:
 * The ID_PATH of a host controller, as udev's path_id builtin makes it: of each run of nested PCI devices, and of each
 * run of nested platform devices, the innermost counts; runs are joined outermost first.
 * @ancestors: the controller first, then its parents up to the root.
 * Returns: (transfer full): "pci-0000:00:14.0", "platform-xhci-hcd.4.auto", "pci-0000:00:0d.0-platform-xhci-hcd.1.auto";
 * where nothing is known of it, the name of the controller itself.
 */
char *hp_controller_id_path (const HpAncestor *ancestors, gsize n_ancestors);
