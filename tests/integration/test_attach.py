# SPDX-License-Identifier: LGPL-2.1-or-later
"""From the plug to the machine and back, with a scripted QEMU."""
import os
import threading
import time

import bus
import case
import peer
import tap
import usb


class Attach(case.Case):
    def begin(self, ports=("3-1",), **settings):
        self.machine_peer = self.add_peer()
        api = self.start(self.config(self.machine(ports=ports, **settings)))
        api.wait_vm("vm", "online")
        return api, self.machine_peer

    def test_plug_unplug_replug(self):
        api, machine = self.begin()
        api.wait_port("3-1", State="active", Holder="vm", Claimed=True)
        self.wait_claims("3-1", "4-1")
        opened = len(self.daemon.descriptors())
        plugged = self.tree.plug("3-1", serial="4C53")
        device = api.wait_device("3-1", "attached")
        self.assertEqual((device["VirtualMachine"], device["GuestBus"], device["GuestPort"], device["Attempts"]),
                         ("vm", "xhci.0", 8, 1))

        path, name, port, vm, details = api.wait_heard("DeviceAttached")
        self.assertEqual((path, name, port, vm), (bus.ROOT + "/device/3_2d1", "3-1", case.port_id("1"), "vm"))
        self.assertEqual(sorted(details), ["description", "guest-bus", "guest-port", "latency-usec"])
        self.assertEqual(details["latency-usec"], device["LatencyUsec"])
        self.assertTrue(0 < details["latency-usec"] < 5000000, details)

        # The node itself was passed, configured, and nothing of it stayed behind.
        added = machine.wait_command("device_add")
        self.assertEqual(added["id"], device["QemuId"])
        self.assertEqual(machine.passed, [self.tree.root + plugged.node])
        machine.wait_command("remove-fd", 2)  # the first cleans up after earlier runs
        self.assertEqual(machine.fdsets, {})
        self.assertIn((plugged.node, "configure", 3), self.tree.ioctls)
        self.wait_drivers("3-1", None)
        bus.wait_until(lambda: len(self.daemon.descriptors()) == opened, "as many descriptors as before")

        self.tree.unplug("3-1")
        self.assertEqual(api.wait_heard("DeviceDetached"), (path, "3-1", case.port_id("1"), "vm",
                                                            {"description": "SanDisk Ultra (0781:5581)"}))
        self.assertEqual(machine.wait_command("device_del"), {"id": device["QemuId"]})
        api.wait(lambda: api.device("3-1") is None, "the device's object gone")
        self.assertEqual(api.port("3-1")["State"], "active")

        self.tree.plug("3-1", product="Other")
        again = api.wait_device("3-1", "attached")
        self.assertEqual((again["Product"], again["GuestPort"]), ("Other", 8))
        self.assertNotEqual(again["QemuId"], device["QemuId"])

    def test_there_before_the_daemon(self):
        self.tree.plug("3-1")
        api, _machine = self.begin()
        api.wait_device("3-1", "attached")
        self.assertEqual(api.device("3-1")["Reason"], "attached")

    def test_there_before_the_machine(self):
        self.tree.plug("3-1")
        api = self.start(self.config(self.machine(ports=["3-1"])))
        api.wait_device("3-1", "waiting", "no-socket")
        self.wait_claims()
        self.wait_drivers("3-1", "usb-storage")
        self.add_peer()
        api.wait_device("3-1", "attached")

    def test_super_speed_half(self):
        api, machine = self.begin()
        self.tree.plug("4-1")
        device = api.wait_device("4-1", "attached")
        self.assertEqual((device["Port"], device["Speed"]), (case.port_id("1"), 5000))
        self.assertEqual(api.port("3-1")["Devices"], ["4-1"])
        self.assertEqual(len(machine.commands("device_add")), 1)

    def test_unassign_hands_back(self):
        api, machine = self.begin()
        self.tree.plug("3-1")
        api.wait_device("3-1", "attached")
        self.assertEqual(api.call("UnassignPort", "sa{sv}", ("3-1", {})), (case.port_id("1"),))
        api.wait_device("3-1", "host", "kept-for-host")
        machine.wait_command("device_del")
        self.wait_claims()
        self.wait_drivers("3-1", "usb-storage")
        api.wait_port("3-1", State="host", Reason="kept-for-host", Claimed=False, Origin="run time")
        self.assertEqual(api.call("UnassignPort", "sa{sv}", ("3-1", {"reset": bus.GLib.Variant("b", True)})),
                         (case.port_id("1"),))
        api.wait_device("3-1", "attached")
        self.assertTrue(api.port("3-1")["Origin"].endswith("config.yaml:5"))

    def test_machine_gone_hands_back(self):
        api, machine = self.begin()
        self.tree.plug("3-1")
        api.wait_device("3-1", "attached")
        self.tree.leave("3-1")  # killed: the kernel does not look for drivers by itself
        machine.stop()
        api.wait_vm("vm", "offline")
        api.wait_heard("DeviceDetached")
        api.wait_device("3-1", "waiting", "no-socket")
        self.wait_drivers("3-1", "usb-storage")
        self.wait_claims()
        machine.start()
        api.wait_device("3-1", "attached")

    def test_machine_gone_port_reserved(self):
        api, machine = self.begin(reserve="always")
        self.tree.plug("3-1")
        api.wait_device("3-1", "attached")
        machine.stop()
        api.wait_device("3-1", "waiting")
        api.wait_port("3-1", State="reserved", Reason="reserved", Claimed=True, Holder="")
        self.wait_claims("3-1", "4-1")

    def test_never_reserved(self):
        api, _machine = self.begin(reserve="never")
        self.tree.plug("3-1")
        api.wait_device("3-1", "attached")
        self.assertEqual(self.tree.ioctls, [])
        self.assertEqual(api.port("3-1")["Reserve"], "never")

    def test_by_hand(self):
        api, machine = self.begin()
        self.tree.plug("3-2", idVendor="046d", idProduct="c31c", interfaces=[usb.KEYBOARD], speed="1.5")
        self.assertEqual(api.wait_device("3-2", "host", "not-assigned")["Class"], "keyboard")
        path = api.call("AttachDevice", "ssa{sv}", ("046d:c31c", "vm", {}))[0]
        self.assertEqual(path, bus.ROOT + "/device/3_2d2")
        # The answer came with the change.
        self.assertEqual((api.device("3-2")["State"], api.device("3-2")["Reason"]), ("attached", "attached-by-user"))
        self.assertEqual(api.call("DetachDevice", "sa{sv}", (path, {})), (path,))
        self.assertEqual(api.device("3-2")["State"], "held-back")
        machine.wait_command("device_del")
        self.assertIn("is in no virtual machine", self.fails("NotAttached", api.call, "DetachDevice", "sa{sv}",
                                                             (path, {})))

        # Taken from its port's machine until it is pulled out.
        self.tree.plug("3-1")
        api.wait_device("3-1", "attached")
        api.call("DetachDevice", "sa{sv}", (case.port_id("1"), {}))
        api.wait_device("3-1", "held-back", "detached-by-user")
        self.wait_drivers("3-1", "usb-storage")
        self.tree.replug("3-1")
        api.wait_device("3-1", "attached", "attached")

    def test_pulled_out_meanwhile(self):
        api, machine = self.begin()
        for command, method, arguments in (("device_add", "AttachDevice", ("3-2", "vm", {})),
                                           ("device_del", "DetachDevice", ("3-2", {}))):
            self.tree.plug("3-2")
            api.wait_device("3-2", "host")
            if method == "DetachDevice":
                api.call("AttachDevice", "ssa{sv}", ("3-2", "vm", {}))
            gone = threading.Event()

            def pull_out(arguments, name=command, tell=gone.set):
                machine.hooks.clear()
                self.tree.unplug("3-2")
                api.wait(lambda: api.device("3-2") is None, "seen to be gone")
                value = machine.execute(name, arguments)
                tell()
                return value
            machine.hooks[command] = pull_out
            finish = api.begin(method, "ssa{sv}" if len(arguments) == 3 else "sa{sv}", arguments)
            if method == "AttachDevice":
                self.assertIn("device 3-2 was pulled out", self.fails("NoSuchDevice", finish))
            else:
                finish()
            self.assertTrue(gone.wait(10))
            bus.wait_until(lambda: not machine.devices, "nothing left in the machine")

    def test_delay(self):
        api, machine = self.begin(delay=0.6)
        self.tree.plug("3-1")
        api.wait_device("3-1", "waiting", "delay")
        self.assertEqual(machine.commands("device_add"), [])
        device = api.wait_device("3-1", "attached")
        self.assertGreater(device["LatencyUsec"], 590000)

    def test_port_of_two_machines(self):
        second = self.add_peer("second")
        api = self.start(self.config(self.machine("first", ["3-1"]), self.machine("second", ["3-1"])))
        self.tree.plug("3-1")
        self.assertEqual(api.wait_device("3-1", "attached")["VirtualMachine"], "second")
        self.assertEqual(api.port("3-1")["VirtualMachines"], ["first", "second"])
        first = self.add_peer("first")
        api.wait_vm("first", "online")
        self.assertEqual(api.port("3-1")["Holder"], "second")  # keeps it until it ends
        second.stop()
        api.wait_port("3-1", Holder="first")
        self.assertEqual(api.wait_device("3-1", "attached")["VirtualMachine"], "first")
        self.assertEqual(len(first.commands("device_add")), 1)

    def test_hub_in_the_port(self):
        api, machine = self.begin()
        self.tree.plug_hub("3-1")
        api.wait_device("3-1", "host", "hub")
        api.wait_port("3-1", State="active", Reason="hub-in-port", Claimed=False)
        bus.wait_until(lambda: {"3-1.1", "3-1.4"} <= self.tree.claims, "the hub's ports claimed")
        self.assertNotIn("3-1", self.tree.claims)
        self.tree.plug("3-1.2", interfaces=[usb.MOUSE], speed="12")
        device = api.wait_device("3-1.2", "attached")
        self.assertEqual((device["Port"], device["Class"]), (case.port_id("1.2"), "mouse"))
        port = api.port("3-1.2")
        self.assertEqual((port["AssignedAt"], port["Parent"]), (case.port_id("1"), case.port_id("1")))

        # One of its ports stays with the host all the same.
        api.call("AssignPort", "ssa{sv}", ("3-1.3", "host", {}))
        self.tree.plug("3-1.3")
        api.wait_device("3-1.3", "host", "kept-for-host")
        self.assertIn("is a hub", self.fails("HubNotSupported", api.call, "AttachDevice", "ssa{sv}",
                                             ("3-1", "vm", {})))
        self.tree.unplug("3-1")
        api.wait(lambda: set(api.devices()) == set(), "all that was behind it gone")
        machine.wait_command("device_del")
        self.assertIsNone(api.port("3-1.2"))
        api.wait_port("3-1", Reason="held", Claimed=True)

    def test_claim_refused(self):
        self.tree.refuse_claims = 16
        api, _machine = self.begin()
        port = api.wait_port("3-1", State="active", Reason="claim-refused", Claimed=False)
        self.assertIn("claimed by another program", port["Message"])
        self.tree.plug("3-1")
        api.wait_device("3-1", "attached")

    def test_node_gone(self):
        api, machine = self.begin()
        plugged = self.tree.plug("3-1", event=False)
        os.unlink(self.tree.root + plugged.node)
        self.tree.uevent(plugged, "add")
        device = api.wait_device("3-1", "failed", "open-failed")
        self.assertIn("opening /dev/bus/usb/003/", device["Message"])
        self.assertEqual(machine.commands("add-fd"), [])

    def test_replugged_while_it_is_attached(self):
        api, machine = self.begin()
        first = self.tree.plug("3-1", event=False)

        def replug(arguments):
            machine.hooks.clear()
            time.sleep(0.2)  # a slow QEMU
            self.tree.unplug("3-1")
            self.tree.plug("3-1", product="Other")
            api.wait(lambda: (api.device("3-1") or {}).get("Product") == "Other", "the other one seen")
            return machine.execute("device_add", arguments)
        machine.hooks["device_add"] = replug
        self.tree.uevent(first, "add")
        self.assertGreater(api.wait_heard("DeviceAttached")[4]["latency-usec"], 200000)
        api.wait_heard("DeviceAttached", 2)
        device = api.wait_device("3-1", "attached")
        self.assertEqual(device["Product"], "Other")
        bus.wait_until(lambda: list(machine.devices) == [device["QemuId"]], "only that in the machine")

    def test_plug_storm(self):
        api, machine = self.begin(ports=["3-1", "3-2", "3-3"])
        for turn in range(8):
            self.tree.plug("3-1", product="Stick %d" % turn)
            self.tree.plug("3-%d" % (2 + turn % 2))
            self.tree.unplug("3-%d" % (2 + turn % 2))
            self.tree.unplug("3-1")
        self.tree.plug("3-1", product="Last")
        api.wait(lambda: set(api.devices()) == {"3-1"}, "only the last one there")
        device = api.wait_device("3-1", "attached")
        self.assertEqual(device["Product"], "Last")
        bus.wait_until(lambda: list(machine.devices) == [device["QemuId"]], "only that in the machine")


class Qemus(case.Case):
    """What QEMU may answer."""

    def begin(self, **hooks):
        machine = self.add_peer()
        for command, hook in hooks.items():
            machine.hooks[command.replace("__", "-")] = hook
        api = self.start(self.config(self.machine(ports=["3-1"])))
        api.wait_vm("vm", "online")
        return api, machine

    @staticmethod
    def refuse(message):
        def hook(_arguments):
            raise peer.Failure(message)
        return hook

    def test_refuses_once(self):
        api, machine = self.begin(device_add=self.refuse("USB is \x1b[31mtired"))
        self.tree.plug("3-1")
        device = api.wait_device("3-1", "failed", "qemu-refused")
        self.assertIn("QEMU refused it; it is tried again (device_add on xhci.0 port 8: USB is", device["Message"])
        self.assertNotIn("\x1b", device["Message"])
        self.assertEqual(machine.fdsets, {})
        details = api.wait_heard("AttachFailed")[4]
        self.assertTrue(500000 < details["retry-usec"] <= 1000000, details)
        machine.hooks.clear()
        device = api.wait_device("3-1", "attached")
        self.assertEqual(device["Attempts"], 2)
        self.assertEqual(len({add["id"] for add in machine.commands("device_add")}), 2)

    def test_takes_the_command_but_not_the_device(self):
        api, machine = self.begin(qom_get=lambda arguments: machine.execute("qom-get", arguments))
        machine.hooks["qom-get"] = (lambda arguments: False if arguments["property"] == "attached"
                                    else machine.execute("qom-get", arguments))
        self.tree.plug("3-1")
        api.wait_device("3-1", "failed", "not-taken")
        machine.wait_command("device_del")
        self.assertEqual(machine.devices, {})

    def test_by_path_where_descriptors_are_refused(self):
        api, machine = self.begin()
        machine.hooks["add-fd"] = self.refuse("No file descriptor supplied via SCM_RIGHTS")
        plugged = self.tree.plug("3-1")
        api.wait_device("3-1", "attached")
        self.assertEqual(machine.commands("device_add")[0]["hostdevice"], plugged.node)

    def test_by_address_before_qemu_5_1(self):
        machine = self.add_peer()
        machine.hooks["device-list-properties"] = lambda _arguments: [{"name": "hostbus", "type": "uint32"}]
        api = self.start(self.config(self.machine(ports=["3-1"])))
        plugged = self.tree.plug("3-1")
        api.wait_device("3-1", "attached")
        added = machine.commands("device_add")[0]
        self.assertEqual((added["hostbus"], added["hostaddr"]), (3, plugged.number))
        self.assertNotIn("hostdevice", added)

    def test_detach_fails(self):
        api, machine = self.begin()
        self.tree.plug("3-1")
        api.wait_device("3-1", "attached")
        machine.hooks["device_del"] = self.refuse("device_del not allowed while migrating")
        finish = api.begin("DetachDevice", "sa{sv}", ("3-1", {}))
        machine.wait_command("device_del")
        machine.hooks.clear()
        finish()
        self.assertEqual(len(machine.commands("device_del")), 2)
        self.assertEqual(api.device("3-1")["State"], "held-back")

    def test_attach_by_hand_fails_for_good(self):
        api, machine = self.begin(device_add=self.refuse("no"))
        self.tree.plug("3-2")
        api.wait_device("3-2", "host")
        message = self.fails("QemuFailed", api.call, "AttachDevice", "ssa{sv}", ("3-2", "vm", {}))
        self.assertIn("attaching device 3-2 to virtual machine vm: ", message)
        api.wait_device("3-2", "host", "not-assigned")
        self.assertEqual(len(machine.commands("device_add")), 1)

    def test_migration(self):
        machine = self.add_peer()
        machine.status = "inmigrate"
        self.tree.plug("3-1")
        api = self.start(self.config(self.machine(ports=["3-1"])))
        vm = api.wait_vm("vm", "online", "vm-migrating")
        self.assertEqual(vm["RunState"], "inmigrate")
        self.assertEqual(api.device("3-1")["Reason"], "vm-migrating")
        self.assertIn("is being migrated", self.fails("VirtualMachineNotRunning", api.call, "AttachDevice", "ssa{sv}",
                                                      ("3-1", "vm", {})))
        machine.status = "running"
        machine.event("RESUME")
        api.wait_device("3-1", "attached")
        machine.status = "paused"
        machine.event("STOP")
        api.wait(lambda: api.vm("vm")["RunState"] == "paused", "the run state followed")
        self.assertEqual(api.vm("vm")["State"], "online")

    def test_pretty_and_flooded(self):
        machine = self.add_peer(pretty=True)
        api = self.start(self.config(self.machine(ports=["3-1"])))
        api.wait_vm("vm", "online")
        for _turn in range(2000):
            machine.event("RESET", guest=True, reason="guest-reset")
        self.tree.plug("3-1")
        api.wait_device("3-1", "attached")

    def test_ends_in_the_middle(self):
        api, machine = self.begin()

        def leave(_arguments):
            raise peer.Leave
        for command in ("add-fd", "device_add", "remove-fd"):
            with self.subTest(command):
                machine.hooks[command] = leave
                self.tree.plug("3-1")
                connections = machine.connections
                machine.wait(lambda seen=connections: machine.connections > seen, "a new connection")
                machine.hooks.clear()
                device = api.wait_device("3-1", "attached")
                # What an answer was not seen of is taken for what it turns out to be.
                bus.wait_until(lambda: list(machine.devices) == [api.device("3-1")["QemuId"]], device)
                self.assertEqual(machine.fdsets, {})
                self.tree.unplug("3-1")
                bus.wait_until(lambda: not machine.devices, "out of the machine")


if __name__ == "__main__":
    tap.main()
