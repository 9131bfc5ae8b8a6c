# SPDX-License-Identifier: LGPL-2.1-or-later
"""All C is as clang-format 14 would write it. Another version would write it differently."""
import re
import subprocess
import sys

from tree import ROOT, SKIPPED, Report, files, need

report = Report()
program = need("clang-format")
version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
if not re.search(r"version 14\.", version):
    print("needs clang-format 14, found", version)
    sys.exit(SKIPPED)

names = files(".c", ".h")
report.checked = len(names)
done = subprocess.run([program, "--dry-run", "--Werror", *names], cwd=ROOT, capture_output=True, text=True)
for match in re.finditer(r"^([^\s:]+):(\d+):\d+: error: (.*)$", done.stderr, re.M):
    report.bad(match[1], match[2], f"{match[3]}: clang-format -i {match[1]}")
if done.returncode and not report.problems:
    report.bad(".clang-format", 1, done.stderr)
report.end("C files")
