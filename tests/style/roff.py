# SPDX-License-Identifier: LGPL-2.1-or-later
"""Man pages, as far as ours go: sections, and lists of tagged paragraphs, one in another."""
import re
from dataclasses import dataclass, field

from tree import read


@dataclass
class Entry:
    """A tagged paragraph. Its text is plain; its words in bold are kept apart."""
    tag: str
    line: int
    section: str
    parent: str = ""  # tag of the entry that this one stands in
    text: str = ""
    bold: list = field(default_factory=list)


def plain(text):
    text = re.sub(r"\\f[BIPR]", "", text)
    for escape, character in ((r"\-", "-"), (r"\(lq", '"'), (r"\(rq", '"'), (r"\(aq", "'"), (r"\&", ""), (r"\e", "\\")):
        text = text.replace(escape, character)
    return text


def entries(name):
    """All tagged paragraphs of a page."""
    found, open_entries, current, section = [], [], None, ""
    lines = read(name).splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith(".SH"):
            section, open_entries, current = line[3:].strip().strip('"'), [], None
        elif line == ".RS":
            open_entries.append(current)
        elif line == ".RE" and open_entries:
            current = open_entries.pop()
        elif line == ".TP":
            parent = open_entries[-1].tag if open_entries and open_entries[-1] else ""
            current = Entry(plain(lines[number]), number + 1, section, parent)
            found.append(current)
        elif line in (".PP",):
            current = None
        elif current and not line.startswith("."):
            current.text += plain(line) + "\n"
            current.bold += [plain(word) for word in re.findall(r"\\fB(.*?)\\fP", line)]
    return found


def in_section(name, section):
    return [entry for entry in entries(name) if entry.section == section]
