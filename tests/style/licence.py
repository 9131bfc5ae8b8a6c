# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every file says in its first three lines under which licence it stands."""
from tree import Report, files, read

LINE = "SPDX-License-Identifier: LGPL-2.1-or-later"
# Where there is no room for it: the licence itself, and what is fed to the fuzz targets as it is.
EXCEPT = ("LICENSE", "tests/fuzz/corpus/")

report = Report()
for name in files():
    if name.startswith(EXCEPT):
        continue
    report.checked += 1
    if not any(LINE in line for line in read(name).splitlines()[:3]):
        report.bad(name, 1, f"expected in the first three lines: {LINE}")
report.end("files")
