# SPDX-License-Identifier: LGPL-2.1-or-later
"""
What the completion for bash offers, asked as bash would ask it; and that it is silent and quick without a service.

usage: completion.py HOTPLUGCTL
"""
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tree import ROOT, Report, need

COMPLETION = "client/hotplugctl.bash"

# A service of our own making: what hotplugctl's tables look like.
TABLES = r"""#!/bin/sh
case "$*" in
  *--host*|*-H*) echo 'asked another host' >&2; exit 1;;
  ports\ *) printf '%s\n' '3-1  pci-0000:00:14.0-usbv2-0:1  480 Mb/s  Stick (0781:5581)  windows  active' \
            '3-2  pci-0000:00:14.0-usbv2-0:2  USB 3  -  -  host';;
  devices\ *) echo '3-1  Stick (0781:5581)  storage  480 Mb/s  3-1  windows  attached';;
  vms\ *) printf '%s\n' 'windows   online   7.2.0  1  1  /run/vm/windows.qmp' \
                 'Büro PC   offline  -      0  0  /run/vm/b.qmp';;
  *) echo "asked for $*" >&2; exit 1;;
esac
"""

# What is typed, and what is offered for it.
CASES = [
    ("", "status ports devices vms assign unassign attach detach monitor reload explain version help"),
    ("as", "assign"),
    ("help re", "reload"),
    ("assign ", "3-1 3-2"),
    ("assign 3", "3-1 3-2"),
    # readline keeps what stands before a colon.
    ("assign pci-0000:00:14.0-usbv2-0:", "1 2"),
    ("assign pci-0000:00:1", "14.0-usbv2-0:1 14.0-usbv2-0:2"),
    ("assign pci", "pci-0000:00:14.0-usbv2-0:1 pci-0000:00:14.0-usbv2-0:2"),
    ("assign 3-1 ", r"host windows Büro\ PC"),
    ("assign 3-1 Büro\\ ", r"Büro\ PC"),
    ("assign 3-1 windows ", ""),
    ("unassign ", "3-1 3-2"),
    ("unassign --re", "--reset"),
    ("attach ", "3-1"),
    ("attach 3-1 w", "windows"),
    ("detach --no-ask-password 3", "3-1"),
    ("explain ", r"3-1 3-2 3-1 windows Büro\ PC"),
    ("reload ", ""),
    ("nonsense ", ""),
    ("ports --a", "--assigned"),
    ("ports --vm=w", "windows"),
    ("ports --vm w", "windows"),
    ("--json=", "short pretty off"),
    ("--json p", "pretty"),
    ("--color=al", "always"),
    ("assign --reserve=", "while-running always never"),
    ("--timeout 5 detach ", "3-1"),
    ("-- as", "assign"),
    ("reload --js", "--json="),
    # Another host's names would take a password.
    ("-H other assign ", ""),
    ("--host=other assign 3-1 ", ""),
]

ASK = r"""
compopt () { :; }
. "$1"
COMP_LINE="hotplugctl $2" COMP_POINT=$((${#2} + 11))
_hotplugctl hotplugctl "" ""
printf '%s\n' "${COMPREPLY[@]}"
"""

report = Report()


def offered(typed, path, **extra):
    """What is offered, and what is said besides."""
    env = {**os.environ, "LC_ALL": "C.UTF-8", "PATH": f"{path}:{os.environ['PATH']}", **extra}
    done = subprocess.run([need("bash"), "-c", ASK, "ask", str(ROOT / COMPLETION), typed], capture_output=True,
                          text=True, env=env)
    return " ".join(done.stdout.split("\n")).strip(), done.stderr


def check(folder):
    stub = Path(folder) / "stub" / "hotplugctl"
    stub.parent.mkdir()
    stub.write_text(TABLES, encoding="utf-8")
    stub.chmod(0o755)
    for typed, expected in CASES:
        report.checked += 1
        words, said = offered(typed, stub.parent)
        if words != expected:
            report.bad(COMPLETION, 1, f"for \"hotplugctl {typed}\" expected \"{expected}\", got \"{words}\"")
        if said:
            report.bad(COMPLETION, 1, f"for \"hotplugctl {typed}\" it says {said!r}")


def check_without_service(folder):
    """The program itself, where there is no bus."""
    real = Path(folder) / "real"
    real.mkdir()
    (real / "hotplugctl").symlink_to(Path(sys.argv[1]).resolve())
    began = time.monotonic()
    for typed in ("assign ", "attach 3-1 ", "explain "):
        report.checked += 1
        words, said = offered(typed, real, DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={folder}/none")
        if words not in ("", "host") or said:
            report.bad(COMPLETION, 1, f"without a service \"hotplugctl {typed}\" offers \"{words}\", says {said!r}")
    if time.monotonic() - began > 10:
        report.bad(COMPLETION, 1, "without a service it hangs")


with tempfile.TemporaryDirectory() as temporary:
    check(temporary)
    check_without_service(temporary)
report.end("completions")
