# SPDX-License-Identifier: LGPL-2.1-or-later
"""
What the man pages and the completion say is what the programs do: verbs and options (both ways, with their arguments),
reason codes, exit codes, JSON keys, events, keys of the configuration, and polkit actions.

usage: manual.py HOTPLUGCTL HOTPLUGD
"""
import re
import subprocess
import sys
from xml.etree import ElementTree

from roff import entries, in_section
from tree import ROOT, Report, need, read

CTL_PAGE, DAEMON_PAGE, CONFIG_PAGE = "client/hotplugctl.1", "daemon/hotplugd.8", "daemon/hotplugger-config.5"
COMPLETION = "client/hotplugctl.bash"
HOTPLUGCTL, HOTPLUGD = sys.argv[1:3]

report = Report()


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def compare(page, section, documented, real, what):
    """Both ways. @documented: text -> line"""
    report.checked += len(real)
    for text in sorted(set(real) - set(documented)):
        report.bad(page, min(documented.values(), default=1), f"{section}: the {what} {text} is missing")
    for text in sorted(set(documented) - set(real)):
        report.bad(page, documented[text], f"{section}: there is no {what} {text}")


def compare_entries(page, section, real, what, parent=""):
    documented = {entry.tag: entry.line for entry in in_section(page, section) if entry.parent == parent}
    compare(page, section, documented, real, what)


def options_of(text):
    """The options of a help text, as they stand there: "-q, --quiet", "--json=MODE"."""
    body = text.partition("\nOptions:\n")[2].partition("\n\n")[0]
    return re.findall(r"^\s*(-[^\s,]+(?:, --\S+)?)", body, re.M)


def check_hotplugctl():
    """Returns: verb -> its options, and those of all under ""."""
    text = run(HOTPLUGCTL, "--help")
    usages = [re.split(r"\s{2,}", line.strip())[0]
              for line in text.partition("\nVerbs:\n")[2].partition("\n\n")[0].splitlines()]
    options = {"": options_of(text)}
    compare_entries(CTL_PAGE, "VERBS", usages, "verb")
    compare_entries(CTL_PAGE, "OPTIONS", options[""], "option")
    for usage in usages:
        verb = usage.split()[0]
        options[verb] = options_of(run(HOTPLUGCTL, verb, "--help"))
        compare_entries(CTL_PAGE, "VERBS", options[verb], "option", usage)
    return options


def check_completion(options):
    def ask(*words):
        script = f'. "$0" && {" ".join(words)}'
        return subprocess.run([need("bash"), "-c", script, str(ROOT / COMPLETION)], capture_output=True, text=True)

    def lines(*words):
        return {word: 1 for word in ask(*words).stdout.split()}

    compare(COMPLETION, "verbs", lines("_hotplugctl_names", "verbs"), [verb for verb in options if verb], "verb")
    for verb, own in options.items():
        words = [word for option in options[""] + (own if verb else []) for word in option.split(", ")]
        # Long ones that take a value are offered with the sign that it follows.
        real = [re.sub(r"=.*", "=", word) for word in words]
        compare(COMPLETION, verb or "options", lines("_hotplugctl_options", f"'{verb}'"), real, "option")
        takers = {name for option in options[""] + own if "=" in option for name in re.findall(r"--?[\w-]+", option)}
        for word in {word.rstrip("=") for word in real}:
            if (ask("_hotplugctl_value", word, "1").returncode == 0) != (word in takers):
                report.bad(COMPLETION, 1, f"{word}: whether a value follows is not as hotplugctl has it")


def check_hotplugd():
    real = set(re.findall(r"--[\w-]+", run(HOTPLUGD, "--help").partition("Options:")[2]))
    documented = {name: entry.line for entry in in_section(DAEMON_PAGE, "OPTIONS")
                  for name in re.findall(r"--[\w-]+", entry.tag)}
    compare(DAEMON_PAGE, "OPTIONS", documented, real, "option")
    policy = ElementTree.fromstring(read("polkit/org.hotplugger1.policy"))
    documented = dict.fromkeys(re.findall(r"org\.hotplugger1\.[a-z]+", read(DAEMON_PAGE)), 1)
    compare(DAEMON_PAGE, "RIGHTS", documented, {action.get("id") for action in policy.iter("action")}, "action")


def check_lists():
    reasons = [code for code in re.findall(r'\] = \{ "([a-z-]*)"', read("daemon/reason.c")) if code]
    compare_entries(CTL_PAGE, "REASONS", reasons, "reason")
    compare_entries(CTL_PAGE, "EXIT STATUS", re.findall(r"HP_EXIT_\w+ = (\d+)", read("client/errors.h")), "exit code")
    monitor = [entry for entry in in_section(CTL_PAGE, "VERBS") if entry.tag == "monitor"]
    for event in re.findall(r'\[HP_EVENT_\w+\] = \{ "(\w+)"', read("client/event.c")):
        report.checked += 1
        if not any(event in entry.bold for entry in monitor):
            report.bad(CTL_PAGE, 1, f"VERBS: monitor does not tell of the event {event}")


def check_json():
    places = {"Port": ("JSON", "a port"), "Device": ("JSON", "a device"),
              "VirtualMachine": ("JSON", "a virtual machine"), "Manager": ("VERBS", "status")}
    pages = {(entry.section, entry.tag): entry for entry in entries(CTL_PAGE) if not entry.parent}
    for interface, place in places.items():
        entry = pages.get(place)
        tree = ElementTree.fromstring(read(f"dbus/org.hotplugger1.{interface}.xml"))
        for element in tree.iter("property"):
            key = re.sub(r"(?<!^)([A-Z])", r"_\1", element.get("name")).lower()
            report.checked += 1
            if not entry or key not in entry.bold:
                report.bad(CTL_PAGE, entry.line if entry else 1, f"{place[0]}: {place[1]} lacks the key {key}")


def check_config():
    keys = re.search(r'keys\[\] = \{ ("socket".*?), NULL', read("daemon/config.c"))[1]
    documented = {entry.tag.partition(":")[0]: entry.line for entry in in_section(CONFIG_PAGE, "KEYS")
                  if not entry.parent}
    compare(CONFIG_PAGE, "KEYS", documented, re.findall(r'"(\w+)"', keys), "key")
    modes = re.findall(r'"([a-z-]+)"', re.search(r"reserve_names\[\].*?}", read("daemon/policy.c"), re.S)[0])
    compare_entries(CONFIG_PAGE, "KEYS", modes, "mode", "reserve: MODE")


check_completion(check_hotplugctl())
check_hotplugd()
check_lists()
check_json()
check_config()
report.end("verbs, options, codes and keys")
