# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where in the guest a device goes, and what of the guest's is left alone."""
import case
import tap


class Places(case.Case):
    """Where it goes in the guest."""

    def begin(self, ports=("3-1", "3-2", "3-3"), settings=None, **arguments):
        machine = self.add_peer(**arguments)
        api = self.start(self.config(self.machine(ports=ports, **(settings or {}))))
        api.wait_vm("vm", "online")
        return api, machine

    def test_hubs(self):
        controllers = {"a": ("qemu-xhci", "a.0", 4, 4), "b": ("qemu-xhci", "b.0", 4, 4), "c": ("usb-ehci", "c.0", 0, 0)}
        api, _machine = self.begin(controllers=controllers, settings={"hubs": "[b.0, absent.0]"})
        self.tree.plug("3-1")
        self.assertEqual(api.wait_device("3-1", "attached")["GuestBus"], "b.0")
        self.assertEqual(sorted(api.vm("vm")["GuestBuses"]),
                         [("a.0", "qemu-xhci", 4, 0), ("b.0", "qemu-xhci", 4, 1), ("c.0", "usb-ehci", 6, 0)])

    def test_places_of_others_are_left_alone(self):
        machine = self.add_peer(controllers={"xhci": ("qemu-xhci", "xhci.0", 2, 2)})
        machine.foreign["kbd"] = ("xhci.0", "2")
        api = self.start(self.config(self.machine(ports=["3-1", "3-2"])))
        self.tree.plug("3-1")
        self.assertEqual(api.wait_device("3-1", "attached")["GuestPort"], 1)
        self.tree.plug("3-2")
        device = api.wait_device("3-2", "failed", "no-guest-port")
        self.assertIn("xhci.0 (qemu-xhci) has 2 of 2 ports taken", device["Message"])
        name, _port, vm, details = api.wait_heard("AttachFailed")[1:]
        self.assertEqual((name, vm, details["reason"]), ("3-2", "vm", "no-guest-port"))
        self.assertGreater(details["retry-usec"], 0)

    def test_taken_behind_our_back(self):
        api, machine = self.begin()
        machine.foreign["late"] = ("xhci.0", "8")
        self.tree.plug("3-1")
        self.assertEqual(api.wait_device("3-1", "attached")["GuestPort"], 7)
        self.assertEqual([add["port"] for add in machine.commands("device_add")], ["8", "7"])

    def test_same_place_again(self):
        api, _machine = self.begin()
        for name, place in (("3-1", 8), ("3-2", 7)):
            self.tree.plug(name)
            self.assertEqual(api.wait_device(name, "attached")["GuestPort"], place)
        for name in ("3-1", "3-2"):
            self.tree.unplug(name)
        api.wait(lambda: api.vm("vm")["GuestBuses"][0][3] == 0, "all free")
        self.tree.plug("3-2")
        self.assertEqual(api.wait_device("3-2", "attached")["GuestPort"], 7)

    def test_no_controller(self):
        api, _machine = self.begin(controllers={})
        self.tree.plug("3-1")
        self.assertIn("-device qemu-xhci", api.wait_device("3-1", "failed", "no-guest-port")["Message"])

    def test_others_leave(self):
        machine = self.add_peer(controllers={"xhci": ("qemu-xhci", "xhci.0", 1, 1)})
        machine.foreign["kbd"] = ("xhci.0", "1")
        api = self.start(self.config(self.machine(ports=["3-1"])))
        self.tree.plug("3-1")
        api.wait_device("3-1", "failed", "no-guest-port")
        self.assertEqual(api.vm("vm")["GuestBuses"], [("xhci.0", "qemu-xhci", 1, 1)])
        del machine.foreign["kbd"]
        machine.event("DEVICE_DELETED", device="kbd", path="/machine/peripheral/kbd")
        api.wait(lambda: api.vm("vm")["GuestBuses"][0][3] == 0, "the port free")
        api.wait_device("3-1", "attached")

    def test_one_without_a_name_leaves(self):
        api, machine = self.begin(controllers={"xhci": ("qemu-xhci", "xhci.0", 1, 1)})
        machine.foreign["late"] = ("xhci.0", "1")
        machine.hooks["human-monitor-command"] = lambda _arguments: ""
        self.tree.plug("3-1")
        api.wait_device("3-1", "failed", "no-guest-port")
        machine.foreign.clear()
        machine.event("DEVICE_DELETED", path="/machine/peripheral-anon/device[0]")
        api.wait_device("3-1", "attached")

    def test_deleted_by_others(self):
        api, machine = self.begin()
        self.tree.plug("3-1")
        before = api.wait_device("3-1", "attached")["QemuId"]
        machine.lose(before)
        api.wait_heard("DeviceDetached")
        api.wait(lambda: api.device("3-1")["State"] == "attached" and api.device("3-1")["QemuId"] != before,
                 "attached anew")


if __name__ == "__main__":
    tap.main()
