# SPDX-License-Identifier: LGPL-2.1-or-later
"""hotplugctl: every verb, as a table or a sentence and as JSON."""
import os

import bus
import case
import ctl
import peer
import tap
import usb


class CtlCase(case.Case):
    """windows runs and has a stick, and a hub with a keyboard; linux does not run, and port 3-3 waits for it."""

    def setUp(self):
        super().setUp()
        self.windows = self.add_peer("windows")
        self.tree.plug("3-1", serial="4C53")
        self.tree.plug_hub("3-2", idProduct="0101")
        self.tree.plug("3-2.1", [usb.KEYBOARD], manufacturer="Logitech", product="K120", idVendor="046d",
                       idProduct="c31c", speed="1.5")
        self.tree.plug("3-4", product="Cruzer", idProduct="5530")
        self.start(self.config(self.machine("windows", ["3-1", "3-2"]), self.machine("linux", ["3-3"])))
        self.api.wait_device("3-1", "attached")
        self.api.wait_device("3-2.1", "attached")
        self.ctl = ctl.Ctl(self.bus.address)


class Tables(CtlCase):
    def test_status(self):
        for words in ((), ("status",)):
            out = self.ctl(*words).out
            self.assertRegex(out, r"^hotplugd \d+\.\d+\.\d+ is running\nConfiguration: %s: ok\n\nVirtual machines:\n"
                             % self.daemon.config)
            self.assertIn("windows  online   7.2.22  SanDisk Ultra (0781:5581), Logitech K120 (046d:c31c)\n", out)
            self.assertIn("\n3-2.1  Logitech K120 (046d:c31c)  windows  attached\n", out)
            self.assertIn("\n3-3    -                          linux    waiting\n", out)
            self.assertIn("start it, with a QMP monitor on its socket", out)
        self.assertNotIn("NAME", self.ctl("status", "--no-legend").out)

    def test_ports(self):
        rows = self.ctl("ports").rows
        self.assertEqual(rows[0], ["PORT", "ID", "SPEED", "DEVICE", "VM", "STATE"])
        self.assertEqual([row[0] for row in rows[1:]], ["3-1", "3-2", "3-2.1", "3-2.2", "3-2.3", "3-2.4", "3-3", "3-4"])
        self.assertEqual(rows[3], ["3-2.1", case.port_id("2.1"), "1.5 Mb/s", "Logitech K120 (046d:c31c)", "windows",
                                   "active"])
        self.assertEqual(rows[7], ["3-3", case.port_id("3"), "USB 3", "-", "linux", "waiting"])
        for words, names in ((("--assigned",), ["3-1", "3-2", "3-2.1", "3-2.2", "3-2.3", "3-2.4", "3-3"]),
                             (("--empty",), ["3-2.2", "3-2.3", "3-2.4", "3-3"]), (("--vm=linux",), ["3-3"]),
                             (("--vm", "linux", "--empty", "--assigned"), ["3-3"])):
            self.assertEqual([row[0] for row in self.ctl("ports", "--no-legend", *words).rows], names)
        none = self.ctl("ports", "--vm=windows", "--empty", "--assigned", "-q")
        self.assertEqual([row[0] for row in none.rows], ["PORT", "3-2.2", "3-2.3", "3-2.4"])

    def test_devices(self):
        rows = self.ctl("devices").rows
        self.assertEqual(rows[0], ["NAME", "DEVICE", "CLASS", "SPEED", "PORT", "VM", "STATE"])
        self.assertEqual(rows[1], ["3-1", "SanDisk Ultra (0781:5581)", "storage", "480 Mb/s", "3-1", "windows",
                                   "attached"])
        self.assertEqual([row[0] for row in self.ctl("devices", "--vm=windows", "--no-legend").rows], ["3-1", "3-2.1"])
        nothing = self.ctl("devices", "--vm=linux")
        self.assertEqual((nothing.out, nothing.err), ("", "nothing that is plugged in is that virtual machine's\n"))
        self.assertEqual(self.ctl("devices", "--vm=linux", "--quiet").err, "")
        # Why one is not where it should be has a column of its own, where there is such a one.
        self.tree.plug("3-3")
        self.api.wait_device("3-3", "waiting")
        self.assertRegex(self.ctl("devices").out, r"(?m)^NAME .* STATE +REASON$")

    def test_vms(self):
        outcome = self.ctl("vms")
        self.assertEqual(outcome.rows[:3], [
            ["NAME", "STATE", "QEMU", "PORTS", "DEVICES", "SOCKET"],
            ["windows", "online", "7.2.22", "2", "2", self.socket("windows")],
            ["linux", "offline", "-", "1", "0", self.socket("linux")]])
        self.assertIn("there is no such socket", outcome.out)
        self.assertEqual(len(self.ctl("vms", "--no-legend").rows), 2)

    def test_explain(self):
        port = self.ctl("explain", "usb3-port1").out
        self.assertEqual(port.splitlines()[0], "port 3-1 (%s)" % case.port_id("1"))
        for line in ("  ✓ the port is there: USB 2 half 3-1, SuperSpeed half 4-1",
                     "  ✓ windows is online (QEMU 7.2.22)",
                     "  ✓ windows has the port; the kernel keeps host drivers off it"):
            self.assertIn(line + "\n", port)
        self.assertRegex(port, r'  ✓ 3-1 "SanDisk Ultra \(0781:5581\)" is attached to windows at xhci.0 port \d, after')
        for words, part in ((["3-3"], "  ✗ linux is offline: "), (["3-4"], "  ✗ not assigned to a virtual machine"),
                            (["3-2.3"], "  · nothing is plugged in; what is plugged in will go to windows"),
                            (["3-2"], "  · 3-2 \"SanDisk Hub (0781:0101)\" is a hub"),
                            (["046d:c31c"], "  ✓ it is plugged into port 3-2.1"),
                            (["0781:0101"], "  ✗ hubs stay with the host"),
                            ([bus.ROOT + "/device/3_2d4"], "  ✗ not assigned"),
                            (["windows"], "  ✓ 2 ports are assigned to it: 3-1, 3-2\n"),
                            (["linux"], "  ✗ linux is offline: ")):
            self.assertIn(part, self.ctl("explain", *words).out, words)
        self.assertIn("  + the port is there", self.ctl("explain", "3-1", LC_ALL="C").out)

    def test_explain_by_hand(self):
        # By its port as well as by its ids: a person's word for the device stands above what the port says.
        self.ctl("attach", "3-4", "windows")
        for word in ("3-4", "0781:5530"):
            out = self.ctl("explain", word).out
            self.assertIn("  ✓ 3-4 \"SanDisk Cruzer (0781:5530)\" was given to windows by hand", out)
            self.assertRegex(out, r"  ✓ .*is attached to windows at xhci.0 port \d")
            self.assertIn("  · the port itself is the host's", out)
            self.assertNotIn("✗", out)
        self.ctl("detach", "3-4")
        self.ctl("detach", "3-1")
        for word, text in (("3-4", "the port itself is the host's"), ("0781:5530", "the port itself is the host's"),
                           ("3-1", "the port stays assigned to windows")):
            out = self.ctl("explain", word).out
            self.assertRegex(out, "  ✗ .* is held-back: kept on the host until it is pulled out")
            self.assertIn("  · %s" % text, out)
            self.assertNotIn("has the port", out)
        # While it is on its way as well.
        self.windows.leave_unanswered("device_add")
        process = self.ctl.start("attach", "3-4", "windows")
        self.api.wait_device("3-4", "attaching")
        out = self.ctl("explain", "3-4").out
        self.assertIn("was given to windows by hand", out)
        self.assertIn("is attaching at this moment", out)
        bus.end(process)
        process.stdout.close()
        process.stderr.close()

    def test_explain_machine(self):
        self.ctl("assign", "3-4", "windows")
        self.api.wait_device("3-4", "attached")
        out = self.ctl("explain", "windows").out
        self.assertIn("  ✓ 3 ports are assigned to it: 3-1, 3-2, 3-4\n", out)
        self.assertRegex(out, '(?s)online.*✓ 3-1 "SanDisk Ultra .*✓ 3-2.1 "Logitech K120 .*✓ 3-4 "SanDisk Cruzer ')
        # It names all of that as well while it is not there.
        self.windows.stop()
        self.api.wait_vm("windows", "offline")
        out = self.ctl("explain", "windows").out
        self.assertRegex(out, r'(?s)to it: 3-1, 3-2, 3-4\n  · 3-1 ".* is plugged in for windows\n  · 3-2.1 ".*'
                              r'  · 3-4 ".*  ✗ windows is offline: ')

    def test_explain_why_host_drivers_may_see_it(self):
        self.assertIn("  · windows has the port; as a hub is in it, the ports of the hub are kept from host drivers",
                      self.ctl("explain", "3-2").out)
        self.ctl("assign", "--reserve=never", "3-4", "windows")
        self.api.wait_device("3-4", "attached")
        self.assertIn("  · windows has the port; host drivers may get at what is plugged in first, as asked for with "
                      "reserve: never\n", self.ctl("explain", "3-4").out)

    def test_explain_machine_that_is_gone(self):
        self.daemon.configure(self.config(self.machine("linux")))
        self.ctl("assign", "3-4", "windows")
        self.daemon.reload()
        for word in ("3-4", "windows"):
            out = self.ctl("explain", word).out
            self.assertIn("  ✗ windows is not in the configuration: add it with its QMP socket to config.yaml", out)

    def test_explain_trouble(self):
        def refuse(_arguments):
            raise peer.Failure("no such luck")
        self.windows.hooks["device_add"] = refuse
        self.tree.replug("3-1")
        self.api.wait_device("3-1", "failed")
        self.assertRegex(self.ctl("explain", "3-1").out, r"  ✗ .* is failed.*: QEMU refused it; .*no such luck")
        self.assertIn("\n3-1: QEMU refused it; it is tried again", self.ctl().out)
        self.assertRegex(self.ctl("devices").out, r"failed +QEMU refused it")
        self.tree.refuse_claims = 16
        self.api.call("AssignPort", "ssa{sv}", ("3-4", "windows", {}))
        self.api.wait_port("3-4", Reason="claim-refused")
        self.assertIn("  · windows has the port; host drivers may get at what is plugged in first: ",
                      self.ctl("explain", "3-4").out)

    def test_nothing_there(self):
        for name in ("usb3", "usb4"):
            self.tree.unplug(name)
        self.api.wait(lambda: not self.api.devices(), "no USB")
        self.daemon.configure("")
        self.daemon.reload()
        self.assertIn("No virtual machine is configured. Name one and its QMP socket in %s" % self.daemon.config,
                      self.ctl().out)
        for verb, note in (("ports", "this machine has no USB ports\n"), ("devices", "nothing is plugged in\n"),
                           ("vms", "no virtual machine is configured; hotplugger-config(5) tells how\n")):
            outcome = self.ctl(verb)
            self.assertEqual((outcome.out, outcome.err), ("", note))
            self.assertEqual(self.ctl(verb, "--json=short").json, [])

    def test_hints_of_status(self):
        self.daemon.configure(self.config(self.machine("it's")))
        self.daemon.reload()
        self.assertIn("hotplugctl assign PORT 'it'\\''s'", self.ctl().out)
        self.assertNotIn("hotplugctl assign", self.ctl("-q").out)
        self.daemon.configure("nonsense: 1\n")
        self.daemon.reload()
        out = self.ctl().out
        self.assertIn("Configuration: {0}: not taken\n  {0}:1:1: expected".format(self.daemon.config), out)
        self.assertIn("Mend the configuration, then: hotplugctl reload", out)


class Changes(CtlCase):
    def test_assign(self):
        self.ctl("assign", "3-4", "windows")
        self.api.wait_device("3-4", "attached")
        said = self.ctl("assign", "3-4", "windows").out
        self.assertEqual(said, "3-4 (%s) is assigned to windows; \"SanDisk Cruzer (0781:5530)\" is there now\n"
                         % case.port_id("4"))
        for words, part in ((("3-2.4", "windows"), "is assigned to windows; what is plugged in from now on goes there"),
                            (("3-2", "windows"), "what is behind \"SanDisk Hub (0781:0101)\" goes there"),
                            (("3-4", "linux"), "is assigned to linux; linux is offline: "),
                            (("3-3.1", "windows"), "the port is not there now"),
                            (("3-1", "host"), "is kept for the host")):
            self.assertIn(part, self.ctl("assign", *words).out)
        self.assertEqual(self.ctl("assign", "3-4", "windows", "--quiet").out, "")
        port = self.ctl("assign", "--reserve=never", "--json=short", "3-4", "windows").json
        self.assertEqual((port["id"], port["reserve"], port["virtual_machines"]), (case.port_id("4"), "never",
                                                                                   ["windows"]))

    def test_assign_waits_for_nothing(self):
        self.windows.leave_unanswered("device_add")
        self.assertRegex(self.ctl("assign", "3-4", "windows").out, "is assigned to windows; .* goes there now\n")

    def test_assign_that_fails_later(self):
        self.ctl("detach", "3-1")
        self.assertIn("is not there: kept on the host until it is pulled out", self.ctl("assign", "3-1", "windows").out)

    def test_unassign(self):
        self.assertEqual(self.ctl("unassign", "3-1").out,
                         "3-1 (%s) is the host's; \"SanDisk Ultra (0781:5581)\" comes back to the host\n"
                         % case.port_id("1"))
        self.assertIn("3-1 (%s) is assigned to windows (%s:5)" % (case.port_id("1"), self.daemon.config),
                      self.ctl("unassign", "--reset", "3-1").out)
        self.assertEqual(self.ctl("unassign", "3-3").out, "3-3 (%s) is the host's\n" % case.port_id("3"))
        port = self.ctl("unassign", "3-3", "-j").json
        self.assertEqual((port["state"], port["virtual_machines"]), ("host", []))

    def test_attach_and_detach(self):
        self.assertRegex(self.ctl("attach", "0781:5530", "windows").out,
                         r'^3-4 "SanDisk Cruzer \(0781:5530\)" is attached to windows \(xhci.0 port \d\) until it is')
        self.assertEqual(self.ctl("detach", "3-4").out, "3-4 \"SanDisk Cruzer (0781:5530)\" is the host's\n")
        self.assertEqual(self.ctl("detach", "3-1").out, "3-1 \"SanDisk Ultra (0781:5581)\" is the host's until it is "
                         "pulled out; the port stays assigned to windows\n")
        device = self.ctl("attach", "3-1", "windows", "--json=short").json
        self.assertEqual((device["name"], device["state"], device["reason"]), ("3-1", "attached", "attached-by-user"))
        self.assertEqual(self.ctl("detach", "3-1", "--json=short").json["state"], "held-back")

    def test_reload_and_version(self):
        self.assertEqual(self.ctl("reload").out, self.daemon.config + " is in force\n")
        self.assertEqual(self.ctl("reload", "-j").json, {"config_file": self.daemon.config})
        version = self.ctl("version", "-j").json
        self.assertEqual(version["hotplugctl"], version["hotplugd"])
        self.assertEqual(self.ctl("version").out, "hotplugctl %(hotplugctl)s\nhotplugd %(hotplugd)s\n" % version)
        self.assertEqual(self.ctl("--version").out, "hotplugctl %s\n" % version["hotplugctl"])


class Json(CtlCase):
    def test_every_list(self):
        for verb, method, interface in (("ports", "ListPorts", "Port"), ("devices", "ListDevices", "Device"),
                                        ("vms", "ListVirtualMachines", "VirtualMachine")):
            listed = self.api.call(method, "a{sv}", ({},))[0]
            for option in ("--json=short", "--json=pretty", "-j"):
                self.assertEqual([record["object"] for record in self.ctl(verb, option).json],
                                 [path for path, _properties in listed])
            self.assertEqual(self.ctl(verb, "--json=short").out.count("\n"), 1)
            records = self.ctl(verb, "-j").json
            keys = {"object"} | {"".join("_" + letter.lower() if letter.isupper() else letter
                                         for letter in name).lstrip("_") for name in listed[0][1]}
            for record in records:
                self.assertEqual(set(record), keys, interface)
        self.assertEqual(self.ctl("ports", "--json=off", "--json=short", "--json=off").rows[0][0], "PORT")
        self.assertEqual([port["usb2"] for port in self.ctl("ports", "-j", "--empty").json],
                         ["3-2.2", "3-2.3", "3-2.4", "3-3"])

    def test_values(self):
        windows, linux = self.ctl("vms", "-j").json
        self.assertEqual(windows["guest_buses"], [{"name": "xhci.0", "type": "qemu-xhci", "ports": 8, "taken": 2}])
        self.assertEqual((windows["pid"], windows["uid"]), (os.getpid(), os.getuid()))
        self.assertEqual((linux["pid"], linux["uid"], linux["qemu_version"], linux["devices"]), (None, None, None, []))
        device = self.ctl("devices", "-j").json[0]
        self.assertEqual((device["speed"], device["serial"], device["guest_bus"]), (480, "4C53", "xhci.0"))
        self.assertGreater(device["latency_usec"], 0)

    def test_status(self):
        status = self.ctl("-j").json
        self.assertEqual(set(status), {"version", "config_file", "config_error", "state_error", "virtual_machines",
                                       "assigned_ports", "devices"})
        self.assertEqual([port["usb2"] for port in status["assigned_ports"]], ["3-1", "3-2", "3-2.1", "3-3"])
        self.assertEqual((status["config_error"], status["config_file"]), (None, self.daemon.config))

    def test_explain(self):
        for word, kind in (("3-1", "port"), ("0781:5530", "device"), ("linux", "virtual_machine")):
            explained = self.ctl("explain", word, "-j").json
            self.assertEqual((explained["kind"], set(explained)), (kind, {"kind", kind, "steps"}))
            self.assertEqual([set(step) for step in explained["steps"]],
                             [{"holds", "text"}] * len(explained["steps"]))
        self.assertEqual([step["holds"] for step in self.ctl("explain", "3-2", "-j").json["steps"]],
                         [True, True, True, None, None])


if __name__ == "__main__":
    tap.main()
