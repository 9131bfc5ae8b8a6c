# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the checks share: the files of the project, and how to say what is wrong with them."""
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = 77  # meson's code for a test that cannot be run here


def files(*suffixes):
    """The project's files by relative path, sorted; with suffixes only those that end in one of them."""
    try:
        # New ones too, so that a check says so before they are committed.
        listed = subprocess.run(
            ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True, text=True, check=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = walk()
    return sorted(name for name in set(listed)
                  if name and (not suffixes or name.endswith(suffixes)) and (ROOT / name).is_file())


def walk():
    """A release has no git: everything but what was built."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders
                      if not name.startswith((".", "__")) and not (Path(folder) / name / "build.ninja").exists()]
        found += [str((Path(folder) / name).relative_to(ROOT)) for name in names]
    return found


def read(name):
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def line_of(text, position):
    return text.count("\n", 0, position) + 1


# What of C is not code: texts, characters and comments.
TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', re.S)


def bare(text):
    """C with texts and comments blanked out; every line stays where it is."""
    return TOKEN.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def need(program):
    """Ends the check where its tool is not installed."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if os.access(os.path.join(folder, program), os.X_OK):
            return program
    print(f"{program} is not installed")
    sys.exit(SKIPPED)


class Report:
    def __init__(self):
        self.problems = 0
        self.checked = 0

    def bad(self, name, line, message):
        print(f"{name}:{line}: {message}")
        self.problems += 1

    def end(self, what):
        """A check that found nothing to check has failed as well."""
        if not self.checked:
            print(f"no {what} found")
            self.problems += 1
        print(f"{self.checked} {what}, {self.problems} problems")
        sys.exit(1 if self.problems else 0)
