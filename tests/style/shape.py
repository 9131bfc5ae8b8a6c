# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files and functions of a size that can be read; no goto; comments in one form."""
import re

from tree import TOKEN, Report, bare, files, line_of, read

FILE_MAX = 500
FUNCTION_MAX = 60  # lines from brace to brace: a screen

report = Report()


def check_functions(name, text):
    """Bodies of functions are what stands between braces in the first column."""
    start = None
    for number, line in enumerate(text.splitlines(), 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start:
            length = number - start + 1
            if length > FUNCTION_MAX:
                report.bad(name, start, f"a function of {length} lines, at most {FUNCTION_MAX} are read well")
            start = None


for name in files(".c", ".h", ".py", ".sh", ".bash"):
    text = read(name)
    length = text.count("\n")
    report.checked += 1
    if length > FILE_MAX:
        report.bad(name, FILE_MAX + 1, f"a file of {length} lines, at most {FILE_MAX} are read well")
    if not name.endswith((".c", ".h")):
        continue
    check_functions(name, text)
    for match in re.finditer(r"\bgoto\b", bare(text)):
        report.bad(name, line_of(text, match.start()), "goto: g_autoptr and early returns do without")
    for match in TOKEN.finditer(text):
        if match.group().startswith("//"):
            report.bad(name, line_of(text, match.start()), "a // comment: /* */ is the form here")
report.end("files")
