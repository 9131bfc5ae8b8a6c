# SPDX-License-Identifier: LGPL-2.1-or-later
"""shellcheck has nothing to say about the shell scripts: those with such a name, and those with such a first line."""
import re
import subprocess

from tree import ROOT, Report, files, need, read

report = Report()
program = need("shellcheck")

names = [name for name in files()
         if name.endswith((".sh", ".bash")) or re.match(r"#!.*\b(ba|da)?sh\b", read(name)[:80].split("\n")[0])]
report.checked = len(names)
done = subprocess.run([program, "--format=gcc", *names], cwd=ROOT, capture_output=True, text=True)
for match in re.finditer(r"^([^:\n]+):(\d+):\d+: (.*)$", done.stdout, re.M):
    report.bad(match[1], match[2], match[3])
if done.returncode and not report.problems:
    report.bad(names[0] if names else "run", 1, done.stderr)
report.end("shell scripts")
