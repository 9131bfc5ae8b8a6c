# SPDX-License-Identifier: LGPL-2.1-or-later
"""Neither mandoc nor man has anything to say about a man page."""
import os
import re
import subprocess

from tree import ROOT, Report, files, need

report = Report()
mandoc, man = need("mandoc"), need("man")

for name in [name for name in files() if re.search(r"\.[1-8]$", name)]:
    report.checked += 1
    done = subprocess.run([mandoc, "-Tlint", name], cwd=ROOT, capture_output=True, text=True)
    for match in re.finditer(r"^mandoc: [^:]+:(\d+):\d+: (.*)$", done.stdout + done.stderr, re.M):
        report.bad(name, match[1], match[2])
    done = subprocess.run([man, "--local-file", "--warnings=all,mac", name], cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "MAN_DISABLE_SECCOMP": "1"})
    for line in done.stderr.splitlines():
        match = re.search(r":(\d+): (.*)$", line)
        report.bad(name, match[1] if match else 1, match[2] if match else line)
    if done.returncode:
        report.bad(name, 1, "man refuses it")
report.end("man pages")
