# SPDX-License-Identifier: LGPL-2.1-or-later
"""
cppcheck has nothing to say about what is installed. What it is wrong about is suppressed where it stands:
/* cppcheck-suppress NAME ; and why */
"""
import os
import re
import subprocess
import tempfile

from tree import ROOT, Report, files, line_of, need, read

# What it does not know of GLib.
DEFINES = ["-DG_DEFINE_QUARK(a,b)=", "-DG_GNUC_PRINTF(a,b)=", "-DG_GNUC_WARN_UNUSED_RESULT=",
           "-DG_DEFINE_AUTOPTR_CLEANUP_FUNC(a,b)=", "-DG_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(a,b)=",
           "-DG_DEFINE_AUTO_CLEANUP_FREE_FUNC(a,b,c)=", "-DHP_VERSION=\"0\"", "-DG_LOG_DOMAIN=\"hotplugger\""]

report = Report()
program = need("cppcheck")
names = [name for name in files(".c") if name.startswith(("daemon/", "client/", "dbus/"))]
report.checked = len(names)

with tempfile.TemporaryDirectory() as build:
    done = subprocess.run(
        [program, "--quiet", "--std=c11", "--enable=warning,performance,portability", "--library=gtk", "--inline-suppr",
         "--suppress=unmatchedSuppression", "--template={file}:{line}: {id}: {message}",
         f"--cppcheck-build-dir={build}", "--error-exitcode=1", f"-j{min(2, os.cpu_count() or 1)}", "-I.", "-Idaemon", *DEFINES, *names],
        cwd=ROOT, capture_output=True, text=True)
for match in re.finditer(r"^([^:\n]+):(\d+): (.*)$", done.stderr, re.M):
    report.bad(match[1], match[2], match[3])
if done.returncode and not report.problems:
    report.bad(".", 1, done.stderr or done.stdout)

for name in names:
    text = read(name)
    for match in re.finditer(r"cppcheck-suppress(.*)", text):
        if not re.search(r";\s*\w+", match[1]):
            report.bad(name, line_of(text, match.start()), "a suppression without a reason")
report.end("C files")
