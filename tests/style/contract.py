# SPDX-License-Identifier: LGPL-2.1-or-later
"""
The contract holds together: the XML is well-formed, nothing can be written, and every method that changes something is
protected by a polkit action that is documented, defined, let through by the bus, and no plain "yes".
"""
import re
import subprocess
from xml.etree import ElementTree

from tree import ROOT, Report, files, line_of, need, read

MANAGER = "dbus/org.hotplugger1.Manager.xml"
POLICY = "polkit/org.hotplugger1.policy"
BUS = "dbus/org.hotplugger1.conf"
NAMES = "dbus/names.h"

report = Report()


def where(name, part):
    text = read(name)
    return line_of(text, max(text.find(part), 0))


def check_form(name):
    done = subprocess.run([need("xmllint"), "--noout", "--nonet", name], cwd=ROOT, capture_output=True, text=True)
    for match in re.finditer(r"^[^:\n]+:(\d+): (.*)$", done.stderr, re.M):
        report.bad(name, match[1], match[2])
    if done.returncode and not done.stderr:
        report.bad(name, 1, "xmllint refuses it")
    return done.returncode == 0


def documented_actions(text):
    """Method -> the action that its comment names, or None."""
    found = {}
    for match in re.finditer(r"<!--(.*?)-->\s*<method name=\"(\w+)\"", text, re.S):
        # The last comment before the method, not all from the first one on.
        comment = match[1].rsplit("<!--", 1)[-1]
        action = re.search(r"polkit action: (org\.hotplugger1\.\w+)", comment)
        found[match[2]] = action[1] if action else None
    return found


def check_methods():
    text = read(MANAGER)
    actions = documented_actions(text)
    defined = {action.get("id"): action for action in ElementTree.fromstring(read(POLICY)).iter("action")}
    bus, names = read(BUS), read(NAMES)
    for method in ElementTree.fromstring(text).iter("method"):
        name = method.get("name")
        line = where(MANAGER, f'<method name="{name}"')
        options = [arg for arg in method.iter("arg") if arg.get("direction") == "in"][-1:]
        if not options or options[0].get("type") != "a{sv}":
            report.bad(MANAGER, line, f"{name} does not end with a dictionary of options")
        if f'send_member="{name}"' not in bus:
            report.bad(BUS, 1, f"{name} is not let through by the bus")
        if name.startswith(("List", "Get")):
            continue
        action = actions.get(name)
        if not action:
            report.bad(MANAGER, line, f'{name} changes something, and names no "polkit action: ..."')
        elif action not in defined:
            report.bad(POLICY, 1, f"{action} of {name} is not defined")
        elif f'HP_BUS_NAME ".{action.rsplit(".", 1)[1]}"' not in names:
            report.bad(NAMES, 1, f"{action} has no name here")
    for action, element in defined.items():
        line = where(POLICY, f'id="{action}"')
        if action not in actions.values():
            report.bad(POLICY, line, f"{action} belongs to no method")
        for allow in element.find("defaults"):
            if allow.text not in ("auth_admin", "auth_admin_keep", "no"):
                report.bad(POLICY, line, f"{action}: {allow.tag} is {allow.text}, not an administrator's password")


def check_properties(name):
    for element in ElementTree.fromstring(read(name)).iter("property"):
        if element.get("access") != "read":
            report.bad(name, where(name, f'name="{element.get("name")}"'), f"{element.get('name')} can be written")


for name in files(".xml", ".policy", ".conf"):
    if not name.startswith(("dbus/", "polkit/")):
        continue
    report.checked += 1
    if check_form(name) and name.startswith("dbus/") and name.endswith(".xml"):
        check_properties(name)
if not report.problems:
    check_methods()
report.end("files")
