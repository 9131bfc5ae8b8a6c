# SPDX-License-Identifier: LGPL-2.1-or-later
"""hotplugctl when things go wrong: exit codes, what it says, and what the world says through it."""
import json
import os
import signal
import subprocess
import unittest

import bus
import case
import ctl
import peer
import tap

OK, FAILED, USAGE, TIMEOUT, DENIED, NOT_RUNNING, NOT_FOUND = 0, 1, 2, 3, 4, 8, 10
NO_BUS = "unix:path=/nonexistent/bus"


class Usage(unittest.TestCase):
    """A command line that is wrong needs no bus to be told so."""

    def setUp(self):
        self.ctl = ctl.Ctl(NO_BUS)

    def test_wrong(self):
        for words, part in (
                (["asign"], "unknown verb \"asign\"; did you mean assign?"),
                (["zzz"], "unknown verb \"zzz\"; hotplugctl help lists them"),
                (["help", "zzz"], "unknown verb"),
                (["assign", "3-1"], "assign: too few arguments; usage: hotplugctl assign PORT VM"),
                (["ports", "x"], "ports: too many arguments; usage: hotplugctl ports\n"),
                (["--jsn"], "unknown option --jsn; did you mean --json?"),
                (["--nothing-like-it"], "unknown option --nothing-like-it\n"),
                (["-x"], "-x"),
                (["--json"], "--json needs a value: short, pretty or off"),
                (["--json=xml"], "--json: expected short, pretty or off, got \"xml\""),
                (["--no-legend=1"], "--no-legend takes no value"),
                (["--color=red"], "--color: expected auto, always or never"),
                (["--timeout=0"], "--timeout: expected 1 to 86400 seconds, got \"0\""),
                (["--timeout=1x"], "--timeout: expected"),
                (["assign", "--reserve=some", "a", "b"], "--reserve: expected while-running, always or never"),
                (["ports", "--reserve=never"], "--reserve does not go with ports"),
                (["assign", "--reset", "3-1", "vm"], "--reset does not go with assign"),
                (["-H", "-oProxyCommand=x"], "--host: expected [USER@]HOST"),
                (["--host=a b"], "--host: expected [USER@]HOST"),
                (["-H"], "needs a value")):
            with self.subTest(words):
                outcome = self.ctl(*words, status=USAGE)
                self.assertEqual(outcome.out, "")
                self.assertTrue(outcome.err.startswith("hotplugctl: "), outcome.err)
                self.assertIn(part, outcome.err)

    def test_not_utf8(self):
        result = subprocess.run([ctl.HOTPLUGCTL, "assign", b"\xff\x1b[31m", "vm"], env=self.ctl.environment,
                                capture_output=True, check=False, timeout=10)
        self.assertEqual((result.returncode, result.stdout), (USAGE, b""))
        self.assertIn("is not valid UTF-8", result.stderr.decode())
        self.assertNotIn(b"\x1b", result.stderr)

    def test_help_needs_no_bus(self):
        for words in (["help"], ["--help"], ["-h"], ["help", "assign"], ["assign", "--help"], ["--version"],
                      ["version"]):
            self.assertNotEqual(self.ctl(*words).out, "")
        self.assertIn("--reserve=MODE", self.ctl("assign", "-h").out)
        self.assertIn("hotplugd not running", self.ctl("version").out)
        self.assertIsNone(self.ctl("version", "-j").json["hotplugd"])

    def test_no_bus(self):
        for words in ([], ["ports"], ["assign", "3-1", "vm"], ["monitor"]):
            outcome = self.ctl(*words, status=NOT_RUNNING)
            self.assertIn("hotplugctl: reaching the system bus: ", outcome.err)
        error = json.loads(self.ctl("ports", "-j", status=NOT_RUNNING).err)["error"]
        self.assertEqual((error["code"], error["hint"]), ("NoBus", None))


class NotRunning(case.BusCase):
    def test_no_daemon(self):
        run = ctl.Ctl(self.bus.address)
        for words in ([], ["ports"], ["explain", "3-1"], ["assign", "3-1", "vm"], ["reload"]):
            outcome = run(*words, status=NOT_RUNNING)
            self.assertEqual(outcome.err, "hotplugctl: hotplugd is not running\nhint: start it with: systemctl start "
                             "hotplugd\n")
        self.assertEqual(json.loads(run("vms", "--json=pretty", status=NOT_RUNNING).err)["error"],
                         {"code": "NotRunning", "message": "hotplugd is not running",
                          "hint": "start it with: systemctl start hotplugd"})
        self.assertIn("hotplugd not running", run("version").out)


class Errors(case.Case):
    def begin(self):
        self.machine_peer = self.add_peer()
        self.tree.plug("3-1")
        self.tree.plug_hub("3-2")
        self.tree.plug("3-3")
        self.tree.plug("3-4")
        self.start(self.config(self.machine(ports=["3-1"]), self.machine("off")))
        self.api.wait_device("3-1", "attached")
        self.ctl = ctl.Ctl(self.bus.address)

    def assert_error(self, words, status, code, message, hint=""):
        outcome = self.ctl(*words, status=status)
        self.assertEqual(outcome.out, "")
        self.assertIn(message, outcome.err)
        self.assertIn("hint: " + hint if hint else "", outcome.err)
        self.assertEqual(hint != "", "\nhint: " in outcome.err, outcome.err)
        as_json = self.ctl(*words, "--json=short", status=status)
        self.assertEqual((as_json.out, as_json.err.count("\n")), ("", 1))
        error = json.loads(as_json.err)["error"]
        self.assertEqual((error["code"], set(error)), (code, {"code", "message", "hint"}))

    def test_codes(self):
        self.begin()

        def refuse(_arguments):
            raise peer.Failure("no")
        for words, status, code, message, hint in (
                (["assign", "3-9", "vm"], NOT_FOUND, "NoSuchPort", "hotplugctl ports", ""),
                (["unassign", "x"], NOT_FOUND, "NoSuchPort", "no port is called \"x\"", ""),
                (["assign", "3-1", "x"], NOT_FOUND, "NoSuchVirtualMachine", "hotplugctl vms lists them", ""),
                (["ports", "--vm=x"], NOT_FOUND, "NoSuchVirtualMachine", "no virtual machine is called \"x\"",
                 "hotplugctl vms"),
                (["devices", "--vm=x"], NOT_FOUND, "NoSuchVirtualMachine", "no virtual machine is called \"x\"",
                 "hotplugctl vms"),
                (["attach", "dead:beef", "vm"], NOT_FOUND, "NoSuchDevice", "hotplugctl devices lists them", ""),
                (["explain", "x"], NOT_FOUND, "NotFound", "\"x\" is no port, device or virtual machine here",
                 "hotplugctl ports, devices and vms"),
                (["explain", "0781:5581"], FAILED, "AmbiguousDevice", "fits 3-1 and 3-2: name one", ""),
                (["explain", "dead:beef"], NOT_FOUND, "NotFound", "is no port, device or virtual machine",
                 "hotplugctl"),
                (["attach", "0781:5581", "vm"], FAILED, "AmbiguousDevice", "fits 3-1 and 3-2: name one", ""),
                (["attach", "3-2", "vm"], FAILED, "HubNotSupported", "or assign its port", ""),
                (["attach", "3-3", "off"], FAILED, "VirtualMachineNotRunning", "off does not run",
                 "hotplugctl explain"),
                (["detach", "3-3"], FAILED, "NotAttached", "is in no virtual machine", "hotplugctl devices"),
                (["assign", "", "vm"], USAGE, "InvalidArgs", "argument 'port' is empty", "")):
            with self.subTest(words):
                self.assert_error(words, status, code, message, hint)
        self.machine_peer.hooks["device_add"] = refuse
        self.assert_error(["attach", "3-3", "vm"], FAILED, "QemuFailed", "attaching device 3-3 to virtual machine vm: ")
        self.daemon.configure("x: 1\n")
        self.assert_error(["reload"], FAILED, "ConfigInvalid", self.daemon.config + ":1:1: ",
                          "the configuration that was in force still is")
        os.rmdir(self.daemon.state)
        self.assert_error(["assign", "3-4", "vm"], FAILED, "StateNotSaved", "nothing has changed: ",
                          "is there room on the disk")
        os.mkdir(self.daemon.state)

    def test_denied(self):
        self.begin()
        for answer, code, message, hint in (
                ("no", "AccessDenied", "is not allowed for this user", ""),
                ("challenge", "InteractiveAuthorizationRequired", "needs a password", "run it on a terminal")):
            self.polkit.answer = answer
            for words in (["assign", "3-3", "vm"], ["unassign", "3-1"], ["attach", "3-3", "vm"], ["detach", "3-1"],
                          ["reload"]):
                self.assert_error(words, DENIED, code, message, hint)

    def test_timeout(self):
        self.begin()
        self.machine_peer.leave_unanswered("device_add")
        outcome = self.ctl("attach", "3-3", "vm", "--timeout=1", status=TIMEOUT)
        self.assertEqual(outcome.err, "hotplugctl: hotplugd did not answer in time\n"
                         "hint: what was asked for may still be done; --timeout=SECONDS waits longer\n")

    def test_interrupted(self):
        self.begin()
        self.machine_peer.leave_unanswered("device_add")
        for count, number in enumerate((signal.SIGINT, signal.SIGTERM), 1):
            process = self.ctl.start("attach", "3-3", "vm")
            self.polkit.wait_asked(count)
            process.send_signal(number)
            out, err = process.communicate(timeout=5)
            self.assertEqual((process.returncode, out, err), (130, "", ""))

    def test_daemon_dies_meanwhile(self):
        self.begin()
        self.machine_peer.leave_unanswered("device_add")
        process = self.ctl.start("attach", "3-3", "vm")
        bus.wait_until(lambda: self.api.device("3-3")["State"] == "attaching", "on its way")
        self.daemon.kill()
        out, err = process.communicate(timeout=5)
        self.assertEqual((process.returncode, out), (NOT_RUNNING, ""))
        self.assertIn("hotplugd went away before it answered", err)

    def test_output_cannot_be_written(self):
        self.begin()
        with open("/dev/full", "w", encoding="ascii") as full:
            result = subprocess.run([ctl.HOTPLUGCTL, "ports"], env=self.ctl.environment, stdout=full, text=True,
                                    stderr=subprocess.PIPE, check=False, timeout=10)
        self.assertEqual(result.returncode, FAILED)
        self.assertIn("writing the output: No space left on device", result.stderr)
        # Nobody reads any more: not worth a word.
        read, write = os.pipe()
        os.close(read)
        result = subprocess.run([ctl.HOTPLUGCTL, "ports"], env=self.ctl.environment, stdout=write, text=True,
                                stderr=subprocess.PIPE, check=False, timeout=10)
        os.close(write)
        self.assertEqual(result.stderr, "")
        self.assertNotEqual(result.returncode, OK)


class Hostile(case.Case):
    """Device strings, names of machines and QEMU's words are others'."""

    def test_tables_and_json(self):
        self.tree.plug("3-1", manufacturer=b"\x1b]0;owned\x07\x1b[2J", product=b"\xff\xc0 stick\n\ttab",
                       serial=b"\x9b31m\xc2\x9b")
        self.tree.plug("3-2", manufacturer="\u202egnp\u2066", product="w" * 3000)
        self.tree.plug("3-3", product="{\"json\": [\\\"']}  columns  here")
        name = "\U0001f4bb 'quoted' \"name\" $(id) %s"
        machine = self.add_peer()

        def refuse(_arguments):
            raise peer.Failure("\x1b[31mred\r\nforged: line\u202e\u0000")
        machine.hooks["device_add"] = refuse
        self.daemon.configure("virtual_machines:\n  %s:\n    socket: %s\n    ports: [3-1, 3-2, 3-3]\n"
                              % (json.dumps(name, ensure_ascii=False), self.socket()))
        self.start(None)
        for device in ("3-1", "3-2", "3-3"):
            self.api.wait_device(device, "failed")
        run = ctl.Ctl(self.bus.address)
        for words in ([], ["ports"], ["devices"], ["vms"], ["explain", "3-1"], ["explain", "3-2"], ["explain", name],
                      ["assign", "3-4", name], ["unassign", "3-3"], ["devices", "-j"], ["-j"],
                      ["explain", "3-1", "-j"]):
            with self.subTest(words):
                outcome = run(*words)
                for text in (outcome.out, outcome.err):
                    self.assertNotRegex(text, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u00ad\u202a-\u202e\u2066-\u2069]")
                self.assertNotIn("\nforged", outcome.out)
                if "-j" in words:
                    json.loads(outcome.out)
        self.assertEqual(len(run("devices", "--no-legend").out.splitlines()), 3)
        self.assertIn("forged: line", run("explain", "3-1").out)
        self.assertEqual(run("vms", "-j").json[0]["name"], name)
        outcome = run("attach", "3-1", name, status=FAILED)
        self.assertNotIn("\x1b", outcome.err)
        self.assertEqual(len(outcome.err.splitlines()), 1)

    def test_charsets(self):
        self.tree.plug("3-1", manufacturer="Müller", product="Größe ☃")
        self.start("")
        run = ctl.Ctl(self.bus.address)
        self.assertIn("Müller Größe ☃", run("devices").out)
        plain = run("devices", LC_ALL="C").out
        self.assertTrue(plain.isascii(), plain)
        self.assertIn("ller Gr", plain)


if __name__ == "__main__":
    tap.main()
