# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ports, devices and machines as callers see them: names, properties, objects that come and go."""
import os

import bus
import case
import tap
import usb
from gi.repository import GLib

OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"


class Ports(case.Case):
    def test_all_are_listed(self):
        api = self.start()
        ports = api.ports()
        self.assertEqual(list(ports), ["3-1", "3-2", "3-3", "3-4"])
        self.assertEqual(ports["3-1"], {
            "Id": case.port_id("1"), "Present": True, "Usb2": "3-1", "Usb3": "4-1", "Parent": "",
            "ConnectType": "hotplug", "Position": "", "OverCurrent": 0, "Devices": [], "VirtualMachines": [],
            "AssignedAt": "", "Origin": "", "Reserve": "", "Holder": "", "Claimed": False, "State": "host",
            "Reason": "not-assigned",
            "Message": "not assigned to a virtual machine: hotplugctl assign gives it to one"})

    def test_firmware(self):
        self.tree.set_port("3-1", connect_type="hardwired\n", over_current_count="2\n",
                           physical_location__panel="back\n", physical_location__vertical_position="upper\n",
                           physical_location__horizontal_position="left\n", physical_location__dock="no\n")
        self.tree.set_port("4-1", over_current_count="3\n")
        self.tree.set_port("3-2", physical_location__panel="unknown\n", physical_location__dock="yes\n")
        api = self.start()
        first, second = api.port("3-1"), api.port("3-2")
        self.assertEqual((first["ConnectType"], first["Position"], first["OverCurrent"]),
                         ("hardwired", "back panel, upper left", 5))
        self.assertEqual(second["Position"], "dock")

    def test_every_name(self):
        self.tree.plug_hub("3-2")
        api = self.start(self.config(self.machine()))
        path = "/devices/pci0000:00/0000:00:14.0/usb3/3-1"
        names = {
            "1": ["3-1", "4-1", case.port_id("1"), case.port_id("1", 3), path, "/sys" + path, "usb3-port1",
                  "usb4-port1", "pci-0000:00:14.0-usb-0:1", "/sys/bus/usb/devices/3-1"],
            "2.3": ["3-2.3", "3-2-port3", case.port_id("2.3"), path.replace("3-1", "3-2/3-2.3")],
            "4.1": [case.port_id("4.1"), "3-4.1"],  # behind a hub that is not there yet
        }
        for chain, words in names.items():
            for word in words:
                with self.subTest(word):
                    self.assertEqual(api.call("AssignPort", "ssa{sv}", (word, "vm", {})), (case.port_id(chain),))
        self.assertEqual(api.vm("vm")["Ports"], [case.port_id("1"), case.port_id("2.3"), case.port_id("4.1")])

    def test_names_of_nothing(self):
        api = self.start(self.config(self.machine()))
        for word, part in (("3-9", "has ports 1 to 4"), ("9-1", "there is no USB bus 9"),
                           ("printer", "expected a name"),
                           ("pci-0000:00:15.0-usbv2-0:1", "no such USB controller"), ("3-1.", ""), ("3-0", ""),
                           ("/devices/pci0000:00/0000:00:15.0/usb3/3-1", "no USB controller"), ("3-1/../3-2", "")):
            with self.subTest(word):
                self.assertIn(part, self.fails("NoSuchPort", api.call, "AssignPort", "ssa{sv}", (word, "vm", {})))
        self.assertFalse(os.path.exists(self.daemon.state_file))

    def test_halves_that_are_not_tied(self):
        self.tree.add_controller("0000:00:1a.0", (1, 2), (2, 3), peers=False)
        api = self.start(self.config(self.machine()))
        other = "pci-0000:00:1a.0"
        ports = list(api.ports())
        self.assertEqual(ports, ["3-1", "3-2", "3-3", "3-4", "1-1", case.port_id("1", 3, other), "1-2",
                                 case.port_id("2", 3, other), case.port_id("3", 3, other)])
        message = self.fails("AmbiguousPort", api.call, "AssignPort", "ssa{sv}", (other + "-usb-0:1", "vm", {}))
        self.assertIn(case.port_id("1", 2, other) + " (1-1)", message)
        self.assertEqual(api.call("AssignPort", "ssa{sv}", (other + "-usb-0:3", "vm", {}))[0],
                         case.port_id("3", 3, other))
        self.tree.plug("2-3", speed="5000")
        self.assertEqual(api.wait_device("2-3", "waiting")["Port"], case.port_id("3", 3, other))

    def test_usb2_only_controller(self):
        self.tree.add_controller("0000:00:1a.0", (1,), (2,))
        api = self.start()
        self.assertEqual((api.port("1-2")["Usb3"], api.port("1-2")["Id"]),
                         ("", case.port_id("2", 2, "pci-0000:00:1a.0")))

    def test_hub_ports_come_and_go(self):
        api = self.start()
        self.tree.plug_hub("3-2", ports=2)
        self.assertEqual(api.wait_port("3-2.1", State="host")["Parent"], case.port_id("2"))
        path = bus.ROOT + "/port/" + case.port_id("2.1").translate(
            {ord(letter): "_%02x" % ord(letter) for letter in "-:."})
        self.assertIn(path, [arguments[0] for arguments in api.heard("InterfacesAdded")])
        self.tree.unplug("3-2")
        api.wait(lambda: (path, ["org.hotplugger1.Port"]) in api.heard("InterfacesRemoved"), "the object gone")
        self.assertIsNone(api.port("3-2.1"))
        self.assertEqual(api.port("3-2")["Devices"], [])

    def test_assigned_and_missing(self):
        api = self.start(self.config(self.machine(ports=["3-2.1", "1-1", "printer"])))
        ports = api.ports()
        missing = ports[case.port_id("2.1")]
        self.assertEqual((missing["State"], missing["Reason"], missing["Present"], missing["VirtualMachines"],
                          missing["Parent"]), ("missing", "port-missing", False, ["vm"], case.port_id("2")))
        self.assertIn("there is no USB bus 1 now", ports["1-1"]["Message"])
        self.assertEqual((ports["1-1"]["State"], ports["1-1"]["Origin"]),
                         ("missing", self.daemon.config + ":6"))
        self.assertEqual(ports["printer"]["State"], "missing")
        self.tree.plug_hub("3-2", ports=2)
        api.wait_port("3-2.1", State="waiting", Present=True)
        # The controller comes later, as with a dock.
        self.tree.add_controller("0000:00:1a.0", (1,), (2,))
        self.tree.uevent(self.tree.devices["usb1"], "add")
        port = api.wait_port("1-1", State="waiting", Present=True)
        self.assertEqual(port["Id"], case.port_id("1", 2, "pci-0000:00:1a.0"))
        self.assertEqual(sorted(api.vm("vm")["Ports"]), [case.port_id("2.1"), port["Id"]])
        self.tree.unplug("usb1")
        api.wait(lambda: case.port_id("2", 2, "pci-0000:00:1a.0") not in api.ports(), "the controller's ports gone")
        self.assertEqual(api.ports()[case.port_id("1", 2, "pci-0000:00:1a.0")]["State"], "missing")

    def test_over_current_is_told(self):
        api = self.start()
        self.tree.set_port("3-1", over_current_count="1\n")
        self.tree.uevent(self.tree.devices["usb3"], "change")
        api.wait_port("3-1", OverCurrent=1)
        self.assertIn(("org.hotplugger1.Port", {"OverCurrent": 1}, []), api.heard("PropertiesChanged"))


class Devices(case.Case):
    def test_properties(self):
        plugged = self.tree.plug("3-1", serial="4C530001", interfaces=[usb.CDC_CONTROL, usb.CDC_DATA])
        api = self.start()
        self.assertEqual(api.devices(), {"3-1": {
            "Name": "3-1", "Port": case.port_id("1"), "Bus": 3, "Number": plugged.number, "VendorId": 0x0781,
            "ProductId": 0x5581, "Vendor": "SanDisk", "Product": "Ultra", "Serial": "4C530001",
            "Description": "SanDisk Ultra (0781:5581)", "Speed": 480, "Class": "serial", "Hub": False,
            "VirtualMachine": "", "State": "host", "Reason": "not-assigned",
            "Message": "not assigned to a virtual machine: hotplugctl assign gives it to one", "GuestBus": "",
            "GuestPort": 0, "QemuId": "", "Attempts": 0, "LatencyUsec": 0}})

    def test_classes_and_speeds(self):
        cases = {"3-1": ([usb.KEYBOARD, usb.MOUSE], "1.5", "mixed", 1), "3-2": ([], "garbage", "unknown", 0),
                 "3-3": ([(255, 0, 0, None)], "12", "vendor", 12),
                 "4-4": ([(14, 1, 0, "uvcvideo")] * 2, "10000", "video", 10000)}
        for name, (interfaces, speed, _class, _mbps) in cases.items():
            self.tree.plug(name, [interface if interface[3] else interface[:3] + ("x",) for interface in interfaces],
                           speed=speed)
        api = self.start()
        for name, (_interfaces, _speed, class_name, mbps) in cases.items():
            device = api.device(name)
            self.assertEqual((device["Class"], device["Speed"]), (class_name, mbps), name)

    def test_reenumeration_is_another_device(self):
        api = self.start()
        self.tree.plug("3-1")
        first = api.wait_device("3-1", "host")
        self.tree.unplug("3-1", event=False)
        self.tree.plug("3-1", product="Upgraded")
        second = api.wait(lambda: (api.device("3-1") or first)["Product"] == "Upgraded" and api.device("3-1"), "new")
        self.assertNotEqual(first["Number"], second["Number"])
        path = bus.ROOT + "/device/3_2d1"
        self.assertEqual(api.heard("InterfacesRemoved"), [(path, ["org.hotplugger1.Device"])])
        self.assertEqual(len([1 for arguments in api.heard("InterfacesAdded") if arguments[0] == path]), 2)

    def test_what_to_call_it(self):
        machine = self.add_peer()
        api = self.start(self.config(self.machine()))
        api.wait_vm("vm", "online")
        self.tree.plug("3-1", idVendor="1234", idProduct="0001")
        self.tree.plug("3-2", idVendor="1234", idProduct="0001")
        self.tree.plug("3-3", idVendor="abcd", idProduct="0002")
        self.tree.plug("4-3", idVendor="abcd", idProduct="0003")  # a USB 3 hub's like: both halves
        api.wait(lambda: len(api.devices()) == 4, "all there")

        def attach(word):
            return api.call("AttachDevice", "ssa{sv}", (word, "vm", {}))[0]
        for word, part in (("1234:0001", "\"1234:0001\" fits 3-1 and 3-2: name one of these instead"),
                           (case.port_id("3"), "holds 3-3 and 4-3")):
            self.assertIn(part, self.fails("AmbiguousDevice", attach, word))
        for word, part in (("dead:beef", "no device with the ids"), ("3-4", "nothing is plugged into port"),
                           ("usb3", ""), ("nothing", "no device and no port"), (bus.ROOT + "/device/3_2d4", "3-4"),
                           (bus.ROOT + "/device/_", ""), (bus.ROOT + "/device/", "")):
            with self.subTest(word):
                self.assertIn(part, self.fails("NoSuchDevice", attach, word))
        self.assertEqual(machine.commands("device_add"), [])
        for word, name in (("ABCD:0003", "4_2d3"), ("3-1", "3_2d1"), (bus.ROOT + "/device/3_2d2", "3_2d2")):
            self.assertEqual(attach(word), bus.ROOT + "/device/" + name)


class Objects(case.Case):
    def test_object_manager(self):
        self.tree.plug("3-1")
        self.add_peer()
        api = self.start(self.config(self.machine("vm with spaces & \N{SNOWMAN}", ports=["3-1"])
                                     .replace("vm with spaces & \N{SNOWMAN}.sock", "vm.sock")))
        api.wait_device("3-1", "attached")
        api.wait_port("3-1", State="active", Claimed=True)
        listed = {}
        for method, interface in (("ListPorts", "Port"), ("ListDevices", "Device"),
                                  ("ListVirtualMachines", "VirtualMachine")):
            for path, properties in api.call(method, "a{sv}", ({},))[0]:
                listed[path] = {"org.hotplugger1." + interface: properties}
                self.assertEqual(api.get_all(path, interface), properties)
        self.assertEqual(len(listed), 6)
        self.assertEqual(api.call("GetManagedObjects", interface=OBJECT_MANAGER)[0], listed)
        vm_path = next(path for path in listed if "/vm/" in path)
        self.assertEqual(vm_path, bus.ROOT + "/vm/vm_20with_20spaces_20_26_20_e2_98_83")

    def test_properties_are_never_behind_the_signals(self):
        self.add_peer()
        api = self.start(self.config(self.machine(ports=["3-1"])))
        api.wait_vm("vm", "online")
        self.tree.plug("3-1")
        api.wait_heard("DeviceAttached")
        path, state, at_the_signal = bus.ROOT + "/device/3_2d1", None, None
        for _interface, member, sender, arguments in api.signals:
            if member == "InterfacesAdded" and arguments[0] == path:
                state = arguments[1]["org.hotplugger1.Device"]["State"]
            elif member == "PropertiesChanged" and sender == path:
                state = arguments[1].get("State", state)
            elif member == "DeviceAttached":
                at_the_signal = state
        self.assertEqual(at_the_signal, "attached")

    def test_nothing_can_be_written(self):
        api = self.start(self.config(self.machine()))
        for path, interface, name in ((bus.ROOT, "Manager", "ConfigError"), (bus.ROOT + "/vm/vm", "VirtualMachine",
                                                                           "Socket")):
            with self.assertRaises(GLib.Error):
                api.call("Set", "ssv", ("org.hotplugger1." + interface, name, GLib.Variant("s", "x")),
                         "org.freedesktop.DBus.Properties", path)

    def test_ports_of_a_machine(self):
        api = self.start(self.config(self.machine("a"), self.machine("b")))
        for machine, ports in (("a", {"a": [case.port_id("1")], "b": []}), ("b", {"a": [], "b": [case.port_id("1")]}),
                               ("host", {"a": [], "b": []})):
            api.call("AssignPort", "ssa{sv}", ("3-1", machine, {}))
            self.assertEqual({name: vm["Ports"] for name, vm in api.vms().items()}, ports)

    def test_machines_come_and_go(self):
        api = self.start(self.config(self.machine("a"), self.machine("b")))
        self.assertEqual(list(api.vms()), ["a", "b"])
        vm = api.vm("a")
        self.assertEqual((vm["State"], vm["Reason"], vm["Pid"], vm["Uid"], vm["GuestBuses"], vm["Origin"]),
                         ("offline", "no-socket", 0, 4294967295, [], self.daemon.config + ":2"))
        self.assertIn("QMP monitor on its socket", vm["Message"])
        self.daemon.configure(self.config(self.machine("b"), self.machine("c")))
        self.daemon.reload()
        self.assertEqual(list(api.vms()), ["b", "c"])
        api.wait(lambda: (bus.ROOT + "/vm/a", ["org.hotplugger1.VirtualMachine"]) in api.heard("InterfacesRemoved"),
                 "the object of a gone")

    def test_peer_credentials(self):
        self.add_peer()
        api = self.start(self.config(self.machine()))
        vm = api.wait_vm("vm", "online")
        self.assertEqual((vm["Pid"], vm["Uid"], vm["QemuVersion"], vm["RunState"]),
                         (os.getpid(), os.getuid(), "7.2.22", "running"))


if __name__ == "__main__":
    tap.main()
