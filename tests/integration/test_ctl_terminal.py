# SPDX-License-Identifier: LGPL-2.1-or-later
"""hotplugctl on a terminal, and over ssh: colours, widths, passwords, another host's daemon."""
import json
import os
import re

import bus
import case
import ctl
import tap

NOBODY = 65534
HELPER = "/usr/lib/polkit-1/polkit-agent-helper-1"
COLOURS = re.compile("\x1b\\[[0-9;]*m")


class TerminalCase(case.Case):
    def setUp(self):
        super().setUp()
        self.add_peer()
        self.tree.plug("3-1", product="Ultra Fit with a long name")
        self.start(self.config(self.machine(ports=["3-1"]), self.machine("off", ["3-2"])))
        self.api.wait_device("3-1", "attached")
        self.ctl = ctl.Ctl(self.bus.address)

    def terminal(self, *words, **arguments):
        terminal = ctl.Terminal(self.ctl, *words, **arguments)
        self.addCleanup(terminal.close)
        return terminal


class Looks(TerminalCase):
    def test_colours(self):
        status, text = self.terminal("ports").end()
        self.assertEqual(status, 0)
        for part in ("\x1b[1mPORT\x1b[0m", "\x1b[32mactive\x1b[0m", "\x1b[33mwaiting\x1b[0m", "\x1b[2mhost\x1b[0m"):
            self.assertIn(part, text)
        self.assertIn("\x1b[32mok\x1b[0m", self.terminal().end()[1])
        self.assertIn("  \x1b[32m✓\x1b[0m the port is there", self.terminal("explain", "3-1").end()[1])
        self.assertIn("\x1b[31m✗\x1b[0m", self.terminal("explain", "off").end()[1])
        status, text = self.terminal("explain", "x").end()
        self.assertEqual(status, 10)
        self.assertIn("hotplugctl: \x1b[31m\"x\" is no port", text)

    def test_no_colours(self):
        for plain in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}):
            self.assertNotIn("\x1b", self.terminal("ports", **plain).end()[1])
        self.assertIn("\x1b", self.terminal("ports", NO_COLOR="").end()[1])
        self.assertNotIn("\x1b", self.terminal("ports", "--color=never").end()[1])
        self.assertIn("\x1b", self.terminal("ports", "--color=always", NO_COLOR="1").end()[1])
        self.assertNotIn("\x1b", self.ctl("ports").out)
        self.assertIn("\x1b", self.ctl("ports", "--color=always").out)

    def test_widths(self):
        for columns in (200, 100, 80, 66):
            lines = COLOURS.sub("", self.terminal("ports", columns=columns).end()[1]).splitlines()
            self.assertEqual(len(lines), 5)
            self.assertTrue(all(len(line) <= columns for line in lines), lines)
            self.assertEqual("…" in "".join(lines), columns < 200)
        # As narrow as can be without losing what counts; COLUMNS stands above what the terminal says.
        narrow = COLOURS.sub("", self.terminal("ports", columns=20).end()[1]).splitlines()
        self.assertTrue(all(line.split("  ")[0].startswith(("PORT", "3-")) for line in narrow), narrow)
        text = self.terminal("ports", columns=20, COLUMNS="200").end()[1]
        self.assertIn("Ultra Fit with a long name", text)
        self.assertIn("Ultra Fit with a long name", self.ctl("ports", COLUMNS="20").out)

    def test_json(self):
        text = self.terminal("ports", "-j").end()[1]
        self.assertGreater(len(text.splitlines()), 20)
        self.assertEqual(len(json.loads(text)), 4)
        self.assertEqual(len(self.terminal("ports", "--json=short").end()[1].splitlines()), 1)


class Passwords(TerminalCase):
    """As a user who may not, at a terminal."""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("root alone can be another user")
        super().setUp()
        self.polkit.agents.clear()
        self.polkit.answer = "hang"

    def begin(self):
        terminal = self.terminal("assign", "3-3", "vm", user=NOBODY)
        caller, action, _details, flags = self.polkit.wait_asked(1)
        self.assertEqual((action, flags), ("org.hotplugger1.assign", 1))
        self.assertEqual(len(self.polkit.agents), 1)
        return terminal, caller

    def test_asked_and_dismissed(self):
        if not os.path.exists(HELPER):
            self.skipTest("there is no " + HELPER)
        terminal, _caller = self.begin()
        self.polkit.ask_agent("Authentication is required to give USB port 3-3 to vm")
        terminal.read("assword: ")
        self.assertIn("AUTHENTICATING FOR org.hotplugger1.assign", terminal.text)
        self.assertIn("Authentication is required to give USB port 3-3 to vm", terminal.text)
        # Interrupted at the prompt: the terminal is left as it was found.
        bus.wait_until(lambda: terminal.modes != terminal.found, "no echo")
        terminal.type("\x03")
        status, _text = terminal.end()
        self.assertEqual(status, 130)
        self.assertEqual(terminal.modes, terminal.found)
        self.polkit.wait_cancelled()
        self.assertEqual(self.api.port("3-3")["VirtualMachines"], [])

    def test_allowed_in_the_end(self):
        terminal, _caller = self.begin()
        self.polkit.release("yes")
        status, text = terminal.end()
        self.assertEqual(status, 0, text)
        self.assertIn("is assigned to vm", text)

    def test_denied_in_the_end(self):
        for answer, part in (("dismissed", "was dismissed"), ("challenge", "nothing was there to ask for it")):
            self.polkit.answer = "hang"
            self.polkit.agents.clear()
            self.polkit.asked.clear()
            terminal, _caller = self.begin()
            self.polkit.release(answer)
            status, text = terminal.end()
            self.assertEqual(status, 4, text)
            self.assertIn(part, text)

    def test_not_to_be_asked(self):
        self.polkit.answer = "challenge"
        status, text = self.terminal("assign", "3-3", "vm", "--no-ask-password", user=NOBODY).end()
        self.assertEqual(status, 4)
        self.assertIn("hint: run it on a terminal and without --no-ask-password", text)
        self.assertEqual((self.polkit.agents, self.polkit.asked[-1][3]), ([], 0))
        # Root needs no agent.
        self.terminal("assign", "3-3", "vm").end()
        self.assertEqual((self.polkit.agents, self.polkit.asked[-1][3]), ([], 0))


class Remote(TerminalCase):
    """-H HOST, with an ssh that is not one."""

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.folder, "bin")
        os.mkdir(self.path)
        self.ssh("shift 4; exec systemd-stdio-bridge --bus-path=" + self.bus.address)

    def ssh(self, rest):
        path = os.path.join(self.path, "ssh")
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nprintf '%%s|' \"$@\" >%s/words\n%s\n" % (self.folder, rest))
        os.chmod(path, 0o755)

    def run_on(self, host, *words, status=0):
        return self.ctl("-H", host, *words, status=status, PATH=self.path + ":" + os.environ["PATH"],
                        DBUS_SYSTEM_BUS_ADDRESS="unix:path=/nonexistent")

    def test_reads_and_changes(self):
        self.assertIn("SanDisk Ultra Fit", self.run_on("me@there", "devices").out)
        with open(os.path.join(self.folder, "words"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "-xT|--|me@there|systemd-stdio-bridge|")
        self.assertIn("is assigned to vm", self.run_on("there", "assign", "3-3", "vm").out)
        self.polkit.answer = "challenge"
        self.assertIn("needs a password", self.run_on("there", "assign", "3-4", "vm", status=4).err)
        self.assertEqual(self.polkit.asked[-1][3], 0)

    def test_no_such_host(self):
        self.ssh("echo 'ssh: Could not resolve hostname there' >&2; exit 255")
        outcome = self.run_on("there", "ports", status=8)
        self.assertIn("Could not resolve hostname there", outcome.err)
        self.assertIn("hotplugctl: reaching the bus of there over ssh: ", outcome.err)

    def test_no_ssh(self):
        outcome = self.ctl("--host=there", "ports", status=8, PATH="/nonexistent")
        self.assertIn("reaching the bus of there over ssh: ", outcome.err)

    def test_garbage(self):
        self.ssh("echo Welcome to there")
        self.run_on("there", "ports", status=8)


if __name__ == "__main__":
    tap.main()
