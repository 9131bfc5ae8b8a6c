# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Includes point downwards only: entry -> facade -> actors -> adapters -> pure, by the libraries of daemon/meson.build;
what decides touches nothing of the world; and each foreign library has one file that knows it.
"""
import re

from tree import Report, files, line_of, read

# From the bottom up. What the libraries are called in daemon/meson.build.
LAYERS = ["pure", "adapter", "actor", "facade", "entry"]
# Headers without a .c of their name: where they belong.
HEADERS = {"daemon/fd.h": "adapter", "daemon/qmp-private.h": "adapter", "daemon/vm-private.h": "actor",
           "daemon/engine-private.h": "actor", "daemon/topology-private.h": "pure"}

# The lower half of the client: values in, values out. Neither the bus nor the verbs are known there.
CLIENT_PURE = ["errors", "event", "json", "options", "record", "terminal"]
CLIENT_VERBS = ["assign", "attach", "devices", "explain", "monitor", "ports", "reload", "status", "vms"]

# Who may know what comes from elsewhere.
FOREIGN = {
    r"<gudev/": ["daemon/usb-scan.c"],
    r"<polkit/": ["daemon/authority.c"],
    r"<polkitagent/": ["client/agent.c"],
    r"<yaml\.h$": ["daemon/yaml.c"],
    r"<json-glib/": ["daemon/qmp-codec.h", "daemon/state.c", "client/json.h"],
    r"<linux/usbdevice_fs\.h$": ["daemon/usbfs.c"],
    # The contract's code: the facade on one side, the verbs' tables on the other.
    r"\"dbus/generated\.h$": ["daemon/bus*", "client/assign.c", "client/attach.c", "client/devices.c",
                            "client/explain.c", "client/ports.c", "client/status.c", "client/vms.c"],
}
# What does something to the world has no place in what decides.
WORLDLY = r"(gio/gunix|glib-unix|glib/gstdio|unistd|fcntl|poll|dirent|sys/(socket|un|ioctl|stat|mman|inotify))"
# But for constants.
WORLDLY_EXCEPT = {"daemon/config.c": "sys/un.h"}  # how long a socket's path can be

report = Report()
INCLUDE = re.compile(r'^#include\s+([<"])([^>"]+)[>"]', re.M)


def daemon_layers():
    """Path without its ending -> number of its layer, from the lists in daemon/meson.build."""
    text = read("daemon/meson.build")
    layers = {}
    for number, layer in enumerate(LAYERS[:-1]):
        body = re.search(layer + r"_lib = static_library\((.*?)\)\n", text, re.S)
        for name in re.findall(r"'([\w-]+)\.c'", body[1]):
            layers["daemon/" + name] = number
    for name in re.findall(r"'([\w-]+)\.c'", re.search(r"entry_sources = files\((.*?)\)", text)[1]):
        layers["daemon/" + name] = LAYERS.index("entry")
    for name, layer in HEADERS.items():
        layers[name.removesuffix(".h")] = LAYERS.index(layer)
    return layers


def includes(name):
    """Line, path in the project (or None where it is a foreign one), and how it is written: <gio/gio.h, "config.h."""
    text = read(name)
    folder = name.split("/")[0]
    for match in INCLUDE.finditer(text):
        path = match[2] if "/" in match[2] else f"{folder}/{match[2]}"
        ours = match[1] == '"'
        yield line_of(text, match.start()), path if ours else None, match[1] + match[2]


def check_foreign(name, line, written):
    for pattern, owners in FOREIGN.items():
        if re.match(pattern, written) and not any(
                name.startswith(owner[:-1]) if owner.endswith("*") else name == owner for owner in owners):
            report.bad(name, line, f"{written[1:]} is known to {', '.join(owners)} only")


def is_worldly(name, written):
    return re.match(WORLDLY, written[1:]) and WORLDLY_EXCEPT.get(name) != written[1:]


def check_daemon(name, layers):
    layer = layers.get(name.rsplit(".", 1)[0])
    if layer is None:
        report.bad(name, 1, "in none of the libraries of daemon/meson.build, so in no layer")
        return
    for line, path, written in includes(name):
        check_foreign(name, line, written)
        if path and path.startswith("client/"):
            report.bad(name, line, "the daemon knows nothing of the client")
        if path and path.startswith("daemon/"):
            above = layers.get(path.removesuffix(".h"), -1)
            if above > layer:
                report.bad(name, line, f"{written[1:]} is {LAYERS[above]}, above {LAYERS[layer]}")
        if layer == 0 and (is_worldly(name, written) or (path or "").startswith("dbus/")):
            report.bad(name, line, f"{written[1:]}: what decides touches nothing of the world")


def check_client(name):
    stem = name.rsplit(".", 1)[0].removeprefix("client/")
    for line, path, written in includes(name):
        check_foreign(name, line, written)
        if not path:
            continue
        if path.startswith("daemon/"):
            report.bad(name, line, "the client knows nothing of the daemon but the contract in dbus/")
        other = path.removesuffix(".h").removeprefix("client/")
        if stem in CLIENT_PURE and path.startswith("client/") and other not in CLIENT_PURE:
            report.bad(name, line, f"{written[1:]} is above {stem}")
        if path == "client/verbs.h" and stem not in CLIENT_VERBS + ["main", "verbs"]:
            report.bad(name, line, "only verbs and their table know the verbs")


layers = daemon_layers()
for name in files(".c", ".h"):
    report.checked += 1
    if name.startswith("daemon/"):
        check_daemon(name, layers)
    elif name.startswith("client/"):
        check_client(name)
    elif name.startswith("dbus/"):
        for line, path, written in includes(name):
            check_foreign(name, line, written)
            if path and not path.startswith("dbus/"):
                report.bad(name, line, f"{written[1:]}: the contract includes nobody")
report.end("C files")
