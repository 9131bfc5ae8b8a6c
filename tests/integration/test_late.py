# SPDX-License-Identifier: LGPL-2.1-or-later
"""What ends late, fails again and again, or is overruled meanwhile."""
import errno
import os

import case
import peer
import tap
import usb


class Late(case.Case):
    def begin(self, ports=("3-1",), hooks=None, **settings):
        machine = self.add_peer()
        machine.hooks.update(hooks or {})
        api = self.start(self.config(self.machine(ports=ports, **settings)))
        api.wait_vm("vm", "online")
        return api, machine

    @staticmethod
    def refuse(message):
        def hook(_arguments):
            raise peer.Failure(message)
        return hook

    def test_machine_back_while_the_node_is_opened(self):
        api, machine = self.begin(reserve="always")
        self.wait_claims("3-1", "4-1")
        with self.tree.lock:  # configuring the device takes its time
            self.tree.plug("3-1")
            api.wait_device("3-1", "attaching")
            machine.stop()
            api.wait_vm("vm", "offline")
            machine.start()
            api.wait_vm("vm", "online")
            api.wait_device("3-1", "attaching")
        device = api.wait_device("3-1", "attached")
        self.daemon.settle()
        self.assertEqual(list(machine.devices), [device["QemuId"]])
        self.assertEqual(len(machine.commands("device_add")), 1)

    def test_found_again(self):
        api, machine = self.begin()
        self.tree.plug("3-1")
        before = api.wait_device("3-1", "attached")["QemuId"]
        machine.drop()  # the machine itself goes on
        api.wait_heard("DeviceDetached")
        # It is there again without having been attached anew, and who listens is told.
        _path, name, _port, vm, details = api.wait_heard("DeviceAttached", 2)
        self.assertEqual((name, vm, details["latency-usec"]), ("3-1", "vm", 0))
        self.assertEqual(api.wait_device("3-1", "attached")["QemuId"], before)
        self.assertEqual(len(machine.commands("device_add")), 1)

    def test_hub_replugged_while_its_port_is_released(self):
        api, _machine = self.begin()
        self.tree.plug_hub("3-2", ports=2)
        api.wait_port("3-2.1", State="host")
        api.call("AssignPort", "ssa{sv}", ("3-2.1", "vm", {}))
        api.wait_port("3-2.1", Claimed=True)
        with self.tree.lock:  # the kernel takes its time
            api.call("UnassignPort", "sa{sv}", ("3-2.1", {}))
            api.wait_port("3-2.1", Claimed=False)
            self.tree.unplug("3-2")
            api.wait(lambda: api.device("3-2") is None, "the hub gone")
            self.tree.plug_hub("3-2", ports=2)
            api.wait_port("3-2.1", State="host")
            api.call("AssignPort", "ssa{sv}", ("3-2.1", "vm", {}))
            api.wait_port("3-2.1", State="active")
        api.wait_port("3-2.1", Claimed=True)
        self.daemon.settle()
        self.assertEqual(api.port("3-2.1")["Reason"], "held")
        self.assertNotIn("is not reserved", self.daemon.read_log())

    def test_handing_back_fails(self):
        api, _machine = self.begin()
        api.wait_port("3-1", Claimed=True)
        # A hub is never the machine's: its port is released, and the hub's driver is to have it.
        self.tree.refuse_configurations = errno.EPROTO
        hub = self.tree.plug_hub("3-1", ports=2)
        self.daemon.wait_log("giving device 3-1 back to the host")
        self.daemon.settle()
        self.tree.refuse_configurations = 0
        usb.write(os.path.join(hub.path, "product"), "Hub again\n")
        self.tree.uevent(hub, "change")
        api.wait_port("3-1.1", Claimed=True)

    def test_attach_by_hand_and_the_machine_ends(self):
        api, machine = self.begin(hooks={"device_add": lambda _arguments: None})
        self.tree.plug("3-2")
        api.wait_device("3-2", "host")
        finish = api.begin("AttachDevice", "ssa{sv}", ("3-2", "vm", {}))
        machine.wait_command("device_add")
        machine.stop()
        self.assertIn("virtual machine vm has ended", self.fails("VirtualMachineNotRunning", finish))

    def test_attach_by_hand_overruled(self):
        api, machine = self.begin(hooks={"device_add": lambda _arguments: None})
        self.tree.plug("3-2")
        api.wait_device("3-2", "host")
        first = api.begin("AttachDevice", "ssa{sv}", ("3-2", "vm", {}))
        machine.wait_command("device_add")
        second = api.begin("DetachDevice", "sa{sv}", ("3-2", {}))
        self.assertIn("somebody asked for something else", self.fails("Failed", first))
        self.assertFalse(second.is_done())  # it is not out yet
        machine.stop()
        second()
        self.assertEqual(api.device("3-2")["State"], "held-back")

    def test_attach_by_hand_after_failures(self):
        api, machine = self.begin(hooks={"device_add": self.refuse("no")})
        self.tree.plug("3-1")
        api.wait(lambda: (api.device("3-1") or {}).get("Attempts") == 2, "tried twice")
        api.wait_device("3-1", "failed")
        machine.hooks.clear()
        # Neither told what went wrong before, nor left to wait for the next turn.
        api.call("AttachDevice", "ssa{sv}", ("3-1", "vm", {}))
        self.assertEqual(api.device("3-1")["State"], "attached")

    def test_detach_fails_again_and_again(self):
        api, machine = self.begin()
        self.tree.plug("3-1")
        api.wait_device("3-1", "attached")
        machine.hooks["device_del"] = self.refuse("device_del not allowed while migrating")
        finish = api.begin("DetachDevice", "sa{sv}", ("3-1", {}))
        # Asked for ever less often, as attaching is.
        api.wait(lambda: api.device("3-1")["Attempts"] == 2, "failed twice", timeout=5)
        machine.hooks.clear()
        finish()
        self.assertEqual(len(machine.commands("device_del")), 3)


if __name__ == "__main__":
    tap.main()
