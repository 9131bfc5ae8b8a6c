# SPDX-License-Identifier: LGPL-2.1-or-later
"""The whole QMP path with a real QEMU. What umockdev has is no USB device for it: attaching gets as far as that."""
import os
import signal
import unittest

import bus
import case
import qemu
import tap


@unittest.skipUnless(qemu.QEMU, "qemu-system-x86_64 is not installed")
class Qemu(case.Case):
    def add_qemu(self, name="vm", **arguments):
        machine = qemu.Qemu(self.socket(name), **arguments)
        self.addCleanup(machine.close)
        return machine

    def test_inventory(self):
        machine = self.add_qemu(devices=[
            *qemu.XHCI, "-device", "usb-ehci,id=e", "-device", "usb-kbd,id=kbd,bus=xhci.0,port=3",
            "-device", "usb-hub,bus=xhci.0,port=5", "-device", "usb-mouse,id=m,bus=xhci.0,port=5.1"])
        api = self.start(self.config(self.machine(ports=["3-1"])))
        vm = api.wait_vm("vm", "online", "online")
        version = machine.call("query-version")["qemu"]
        self.assertEqual(vm["QemuVersion"], "%(major)d.%(minor)d.%(micro)d" % version)
        self.assertEqual((vm["RunState"], vm["Pid"], vm["Uid"]), ("prelaunch", machine.process.pid, os.getuid()))
        self.assertEqual(sorted(vm["GuestBuses"]), [("e.0", "usb-ehci", 6, 0), ("xhci.0", "qemu-xhci", 8, 2)])
        self.assertEqual(vm["Message"], "vm runs")

    def test_built_in_controller(self):
        self.add_qemu(devices=["-usb"], machine="pc")
        vm = self.start(self.config(self.machine())).wait_vm("vm", "online")
        self.assertEqual(vm["GuestBuses"], [("usb-bus.0", "piix3-usb-uhci", 2, 0)])

    def test_pretty(self):
        self.add_qemu(pretty=True)
        self.assertEqual(len(self.start(self.config(self.machine())).wait_vm("vm", "online")["GuestBuses"]), 1)

    def test_refused_truthfully(self):
        machine = self.add_qemu()
        api = self.start(self.config(self.machine(ports=["3-1"])))
        api.wait_vm("vm", "online")
        machine.call("cont")  # QEMU 7.2 closes descriptors only while it runs
        plugged = self.tree.plug("3-1")
        device = api.wait_device("3-1", "failed", "qemu-refused")
        self.assertIn("QEMU refused it; it is tried again (device_add on xhci.0 port 8: ", device["Message"])
        self.assertIn("/dev/fdset/", device["Message"])
        self.assertEqual((device["Attempts"], device["QemuId"], device["GuestPort"]), (1, "", 0))
        details = api.wait_heard("AttachFailed")[4]
        self.assertEqual(details["reason"], "qemu-refused")
        self.assertGreater(details["retry-usec"], 0)
        api.wait(lambda: api.device("3-1")["Attempts"] >= 2, "another try")
        api.wait_device("3-1", "failed")
        # Neither a device nor a descriptor of ours has stayed in the machine. (QEMU 7.2 forgets to close its own copy.)
        self.assertEqual([child["name"] for child in machine.call("qom-list", path="/machine/peripheral")
                          if "usb-host" in child["type"]], [])
        self.assertEqual([group for group in machine.call("query-fdsets") if group["fds"]], [])
        self.assertEqual(api.vm("vm")["GuestBuses"], [("xhci.0", "qemu-xhci", 8, 0)])
        message = self.fails("QemuFailed", api.call, "AttachDevice", "ssa{sv}", (plugged.name, "vm", {}))
        self.assertIn("/dev/fdset/", message)

    def test_leftover_of_an_earlier_run(self):
        machine = self.add_qemu()
        for name in ("hotplugger-3-1-1f-2", "foreign"):
            machine.call("device_add", driver="usb-host", id=name, bus="xhci.0", hostbus=3, hostport="1")
        api = self.start(self.config(self.machine(ports=["3-1"])))
        api.wait_vm("vm", "online")

        def names():
            return {child["name"] for child in machine.call("qom-list", path="/machine/peripheral")} - {"type"}
        bus.wait_until(lambda: names() == {"xhci", "foreign"}, "ours gone, the other's still there")

    def test_run_states(self):
        machine = self.add_qemu()
        api = self.start(self.config(self.machine(ports=["3-1"])))
        api.wait_vm("vm", "online")
        for command, state in (("cont", "running"), ("stop", "paused"), ("cont", "running")):
            machine.call(command)
            api.wait(lambda wanted=state: api.vm("vm")["RunState"] == wanted, state)
        machine.call("migrate", uri="exec:cat >/dev/null")
        vm = api.wait_vm("vm", "online", "vm-migrating", timeout=20)
        self.assertIn("devices follow when that is over (", vm["Message"])
        api.wait(lambda: api.vm("vm")["RunState"] == "postmigrate", "the migration's end")
        machine.call("cont")
        api.wait_vm("vm", "online", "online")

    def test_quits_and_comes_back(self):
        machine = self.add_qemu()
        api = self.start(self.config(self.machine(ports=["3-1"])))
        api.wait_port("3-1", State="active", Claimed=True)
        machine.call("quit")
        machine.process.wait()
        api.wait_vm("vm", "offline")
        api.wait_port("3-1", State="waiting", Claimed=False)
        machine.close()
        second = self.add_qemu()
        self.assertEqual(api.wait_vm("vm", "online")["Pid"], second.process.pid)
        second.signal(signal.SIGKILL)  # its socket stays behind
        second.process.wait()
        api.wait_vm("vm", "offline", "nobody-listens")
        api.wait_port("3-1", State="waiting", Reason="nobody-listens")

    def test_folder_that_is_not_there_yet(self):
        path = os.path.join(self.folder, "later", "vm.sock")
        api = self.start("virtual_machines:\n  vm:\n    socket: %s\n" % path)
        api.wait_vm("vm", "offline", "no-socket")
        os.mkdir(os.path.dirname(path))
        machine = qemu.Qemu(path)
        self.addCleanup(machine.close)
        api.wait_vm("vm", "online")

    def test_daemon_crashes(self):
        machine = self.add_qemu()
        api = self.start(self.config(self.machine(ports=["3-1"])))
        api.wait_vm("vm", "online")
        self.daemon.manager.wait_stored("claim.3-1", "claim.4-1", "vm.766d")
        self.daemon.kill()
        self.start(None)
        self.assertEqual(api.wait_vm("vm", "online", timeout=4)["Pid"], machine.process.pid)
        self.assertEqual(self.daemon.stop(), 0)
        # Nobody holds the monitor any more.
        held = qemu.Monitor(machine.path)
        self.assertIn("QMP", held.greeting)
        held.close()


if __name__ == "__main__":
    tap.main()
