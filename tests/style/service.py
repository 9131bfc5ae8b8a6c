# SPDX-License-Identifier: LGPL-2.1-or-later
"""
systemd understands the unit, and finds it exposed no more than the bar says: 1.4. udev's rules look like rules.

usage: service.py BUILD_FOLDER HOTPLUGD
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tree import ROOT, SKIPPED, Report, need

NAME = "hotplugd.service"
THRESHOLD = 14  # tenths

report = Report()
program = need("systemd-analyze")


def find_unit():
    """The unit as it is installed, and the file that people write."""
    written = next((f"systemd/{name}" for name in (NAME + ".in", NAME) if (ROOT / "systemd" / name).exists()), None)
    if not written:
        print("there is no unit yet")
        sys.exit(SKIPPED)
    built = Path(sys.argv[1]) / "systemd" / NAME
    return (built if built.exists() else ROOT / written).read_text(encoding="utf-8"), written


def analyze(*arguments):
    done = subprocess.run([program, "--no-pager", *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


text, written = find_unit()
report.checked = 1
for match in re.finditer(r"@\w+@", text):
    report.bad(written, 1, f"{match[0]} was not filled in")
with tempfile.TemporaryDirectory() as folder:
    # What it starts is not installed yet.
    unit = Path(folder) / NAME
    unit.write_text(re.sub(r"^(Exec\w+=[-+!@:]*)\S*/hotplugd\b", rf"\1{Path(sys.argv[2]).resolve()}", text, flags=re.M),
                    encoding="utf-8")
    code, said = analyze("verify", "--man=no", "--recursive-errors=no", str(unit))
    lines = [line for line in said.splitlines() if NAME in line]
    for line in lines:
        match = re.search(rf"{NAME}:(\d+): (.*)", line)
        report.bad(written, match[1] if match else 1, match[2] if match else line)
    if code and not lines:
        report.bad(written, 1, said.strip())
    code, said = analyze("security", "--offline=true", f"--threshold={THRESHOLD}", str(unit))
    print(said.strip().splitlines()[-1] if said.strip() else "")
    if code:
        for line in said.splitlines():
            if line.startswith("✗"):
                print(line)
        report.bad(written, 1, f"exposed more than {THRESHOLD / 10}")
token = r'[A-Z_]+(\{[^{}]+\})?(==|!=|=|\+=|-=|:=)"[^"]*"'
for rules in sorted((ROOT / "systemd").glob("*.rules")):
    for number, line in enumerate(rules.read_text(encoding="utf-8").splitlines(), 1):
        if line and not line.startswith("#") and not re.fullmatch(rf"{token}(, {token})*", line):
            report.bad(f"systemd/{rules.name}", number, "udev would not take this line for a rule")
report.end("unit")
