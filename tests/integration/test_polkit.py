# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may: what polkit is asked, what each of its answers comes to, and that a failure is never a yes."""
import os
import subprocess
import unittest

import bus
import case
import ctl
import daemon
import polkit
import tap
import usb

ACCESS_DENIED = "org.freedesktop.DBus.Error.AccessDenied"
PASSWORD = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
METHODS = [
    ("AssignPort", "ssa{sv}", ("3-1", "vm", {}), "assign", {"port": case.port_id("1"), "vm": "vm"}),
    ("UnassignPort", "sa{sv}", ("3-2", {}), "unassign", {"port": case.port_id("2"), "vm": "vm, other"}),
    ("AttachDevice", "ssa{sv}", ("3-3", "vm", {}), "attach", {"port": case.port_id("3"), "vm": "vm", "device": "3-3"}),
    ("DetachDevice", "sa{sv}", ("3-4", {}), "detach", {"port": case.port_id("4"), "vm": "vm", "device": "3-4"}),
    ("Reload", "a{sv}", ({},), "reload", {}),
]


class Answers(case.Case):
    def begin(self):
        self.machine_peer = self.add_peer()
        self.tree.plug("3-3")
        self.tree.plug("3-4")
        api = self.start(self.config(self.machine(ports=["3-2", "3-4"]), self.machine("other", ["3-2"])))
        api.wait_device("3-4", "attached")
        return api

    def snapshot(self, api):
        return api.ports(), api.devices(), api.vms(), api.manager(), os.listdir(self.daemon.state)

    def test_no_is_no(self):
        api = self.begin()
        before = self.snapshot(api)
        for answer, name, part in (("no", ACCESS_DENIED, "is not allowed for this user"),
                                   ("challenge", PASSWORD, "needs a password"),
                                   ("dismissed", ACCESS_DENIED, "dismissed"),
                                   ("error", ACCESS_DENIED, "so the answer is no")):
            for method, signature, arguments, action, details in METHODS:
                with self.subTest("%s %s" % (answer, method)):
                    self.polkit.answer = answer
                    message = self.fails(name, api.call, method, signature, arguments)
                    self.assertIn(part, message)
                    self.assertIn("org.hotplugger1." + action, message)
                    caller, asked, with_details, flags = self.polkit.asked[-1]
                    self.assertEqual((caller, asked, with_details, flags),
                                     (api.connection.get_unique_name(), "org.hotplugger1." + action, details, 0))
        self.assertEqual(self.snapshot(api), before)
        # Reading asks nobody.
        self.assertEqual(len(self.polkit.asked), 4 * len(METHODS))

    def test_interactive(self):
        api = self.begin()
        self.polkit.answer = "challenge"
        for method, signature, arguments, _action, _details in METHODS:
            message = self.fails(ACCESS_DENIED, api.call, method, signature, arguments, interactive=True)
            self.assertIn("nothing was there to ask for it", message)
            self.assertEqual(self.polkit.asked[-1][3], 1)

    def test_nobody_waits_for_one_who_thinks(self):
        api = self.begin()
        self.polkit.answer = "hang"
        finish = api.begin("AssignPort", "ssa{sv}", ("3-1", "vm", {}), interactive=True)
        self.polkit.wait_asked(1)
        self.polkit.answer = "yes"
        other = bus.Api(self.bus)
        self.addCleanup(other.close)
        self.assertEqual(other.call("AssignPort", "ssa{sv}", ("3-1", "other", {})), (case.port_id("1"),))
        self.tree.replug("3-4")
        api.wait_device("3-4", "attached")
        self.assertFalse(finish.is_done())
        self.polkit.release("yes")
        self.assertEqual(finish(), (case.port_id("1"),))
        self.assertEqual(api.port("3-1")["VirtualMachines"], ["vm"])

    def test_another_device_when_the_answer_comes(self):
        api = self.begin()
        self.polkit.answer = "hang"
        finish = api.begin("AttachDevice", "ssa{sv}", ("3-3", "vm", {}))
        self.polkit.wait_asked(1)
        number = api.device("3-3")["Number"]
        self.tree.replug("3-3", product="Keyboard", interfaces=[usb.KEYBOARD])
        api.wait(lambda: (api.device("3-3") or {"Number": number})["Number"] != number, "the other one seen")
        self.polkit.release("yes")
        self.assertIn("3-3 is not what it was when permission was asked for", self.fails("Failed", finish))
        self.assertEqual(api.device("3-3")["State"], "host")

    def test_gone_when_the_answer_comes(self):
        api = self.begin()
        self.polkit.answer = "hang"
        calls = [api.begin("AttachDevice", "ssa{sv}", ("3-3", "other", {})),
                 api.begin("AssignPort", "ssa{sv}", ("3-1", "other", {}))]
        self.polkit.wait_asked(2)
        self.tree.unplug("3-3")
        self.daemon.configure(self.config(self.machine(ports=["3-4"])))
        self.daemon.reload()
        api.wait(lambda: "3-3" not in api.devices(), "the device gone")
        self.polkit.release("yes")
        self.fails("NoSuchDevice", calls[0])
        self.fails("NoSuchVirtualMachine", calls[1])

    def test_caller_leaves(self):
        api = self.begin()
        self.polkit.answer = "hang"
        other = bus.Api(self.bus)
        other.begin("AssignPort", "ssa{sv}", ("3-1", "vm", {}), interactive=True)
        self.polkit.wait_asked(1)
        other.close()
        self.polkit.wait_cancelled()
        self.polkit.release("yes")
        self.assertEqual(api.call("AssignPort", "ssa{sv}", ("3-2", "vm", {})), (case.port_id("2"),))
        self.assertEqual(api.port("3-1")["VirtualMachines"], [])

    def test_too_many_questions(self):
        api = self.begin()
        self.polkit.answer = "hang"
        calls = [api.begin("AssignPort", "ssa{sv}", ("3-1", "vm", {})) for _turn in range(17)]
        self.polkit.wait_asked(16)
        self.assertIn("16 questions open", self.fails("org.freedesktop.DBus.Error.LimitsExceeded", calls[16]))
        self.polkit.release("yes")
        for finish in calls[:16]:
            finish()

    def test_stop_with_open_questions(self):
        api = self.begin()
        self.polkit.answer = "hang"
        api.begin("AssignPort", "ssa{sv}", ("3-1", "vm", {}))
        self.polkit.wait_asked(1)
        self.assertEqual(self.daemon.stop(), 0)
        self.polkit.release("yes")
        self.assertEqual(os.listdir(self.daemon.state), [])

    def test_polkit_comes_and_goes(self):
        own = bus.PrivateBus()
        self.addCleanup(own.close)
        self.daemon.bus = self.bus = own
        api = self.start(self.config(self.machine()))
        arguments = ("AssignPort", "ssa{sv}", ("3-1", "vm", {}))
        self.assertIn("check that polkit runs", self.fails(ACCESS_DENIED, api.call, *arguments))
        for _turn in range(2):
            double = polkit.Double(own)
            self.assertEqual(api.call(*arguments), (case.port_id("1"),))
            double.close()
            self.fails(ACCESS_DENIED, api.call, *arguments)
        self.assertEqual(self.daemon.stop(), 0)


RULES = """
polkit.addRule(function (action, subject) {
  if (action.id == "org.hotplugger1.assign" && action.lookup("vm") == "allowed" && action.lookup("port") == "%s")
    return polkit.Result.YES;
  if (action.id == "org.hotplugger1.unassign")
    return polkit.Result.NO;
});
""" % case.port_id("1")


@unittest.skipIf(polkit.why_not_real(), polkit.why_not_real())
class Real(unittest.TestCase):
    """polkitd itself, with the policy as it is installed and a rule that goes by our details."""

    def setUp(self):
        self.bus = bus.PrivateBus()
        self.addCleanup(self.bus.close)
        self.polkit = polkit.Real(self.bus, RULES)
        self.addCleanup(self.polkit.close)
        self.tree = usb.UsbTree()
        self.addCleanup(self.tree.close)
        self.tree.add_controller()
        self.daemon = daemon.Hotplugd(self.bus.folder, self.bus, self.tree)
        self.addCleanup(self.daemon.close)
        self.daemon.configure("virtual_machines:\n  allowed:\n    socket: /run/a\n  other:\n    socket: /run/b\n")
        self.daemon.start()

    def hotplugctl(self, *words, uid=65534):
        """Its exit status and what it says on standard error."""
        environment = bus.plain_environment(DBUS_SYSTEM_BUS_ADDRESS=self.bus.address)
        prefix = ctl.as_user(uid) if uid else []
        result = subprocess.run([*prefix, ctl.HOTPLUGCTL, *words], env=environment, text=True, check=False,
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=20, cwd="/")
        return result.returncode, result.stderr

    def test_all_of_it(self):
        run = self.hotplugctl
        self.assertEqual(run("ports"), (0, ""))
        # Allowed by the rule, which sees the port and the machine.
        self.assertEqual(run("assign", "usb3-port1", "allowed"), (0, ""))
        # No rule says anything: a password is wanted, which nobody can be asked for here.
        for words in (("assign", "3-1", "other"), ("assign", "3-2", "allowed"), ("reload",)):
            status, message = run(*words)
            self.assertEqual(status, 4, message)
            self.assertIn("needs a password", message)
            self.assertIn("hint: run it on a terminal", message)
        # Denied by the rule.
        status, message = run("unassign", "3-1")
        self.assertEqual(status, 4, message)
        self.assertIn("is not allowed for this user", message)
        # Root may.
        self.assertEqual(run("assign", "3-2", "other", uid=0), (0, ""))
        self.assertEqual(run("reload", uid=0), (0, ""))
        # With polkit gone nobody may, and everybody may look.
        self.polkit.stop()
        for uid in (0, 65534):
            status, message = run("assign", "3-1", "allowed", uid=uid)
            self.assertEqual(status, 4, message)
            self.assertIn("check that polkit runs", message)
        self.assertEqual(run("status"), (0, ""))


if __name__ == "__main__":
    tap.main()
