# SPDX-License-Identifier: LGPL-2.1-or-later
"""What takes its time: machines that hang, and how long they are waited for. All of it at once, to wait but once."""
import signal
import time

import case
import qemu
import tap


class Hung(case.Case):
    def test_each_for_itself(self):
        healthy = self.add_peer("healthy")
        hung = self.add_peer("hung")
        self.add_peer("silent", greeting=None)
        hung.leave_unanswered("device_add")
        machines = [self.machine("healthy", ["3-1"]), self.machine("hung", ["3-2"]), self.machine("silent", ["3-4"])]
        if qemu.QEMU:
            stopped = qemu.Qemu(self.socket("stopped"))
            self.addCleanup(stopped.close)
            machines.append(self.machine("stopped", ["3-3"]))
            held = qemu.Qemu(self.socket("held"))
            self.addCleanup(held.close)
            held.connect()
            other = qemu.Monitor(held.path)
            self.addCleanup(other.close)
            machines.append(self.machine("held"))
        api = self.start(self.config(*machines))
        api.wait_vm("hung", "online")
        if qemu.QEMU:
            api.wait_vm("stopped", "online")
            stopped.signal(signal.SIGSTOP)

        started = time.monotonic()
        for name in ("3-1", "3-2", "3-3", "3-4"):
            self.tree.plug(name)
        api.wait_device("3-1", "attached", timeout=3)
        hung.wait_command("device_add")
        self.assertEqual(api.device("3-2")["State"], "attaching")
        silent = api.wait_vm("silent", "busy", "vm-busy", timeout=8)
        self.assertIn("no greeting within 5 s", silent["Message"])
        self.assertEqual(api.device("3-4")["Reason"], "vm-busy")
        if qemu.QEMU:
            self.assertIn("a second -qmp option", api.wait_vm("held", "busy", "vm-busy")["Message"])
            other.close()
            api.wait_vm("held", "online")

        # The others go on all the while.
        for _turn in range(5):
            self.tree.replug("3-1")
            before = time.monotonic()
            api.wait_device("3-1", "attached", timeout=3)
            self.assertLess(time.monotonic() - before, 2)

        vm = api.wait_vm("hung", "stalled", "vm-stalled", timeout=25)
        self.assertTrue(18 < time.monotonic() - started < 25)
        self.assertIn("has not answered in time", vm["Message"])
        device = api.wait_device("3-2", "failed", "vm-stalled")
        self.assertIn("has not answered in time", device["Message"])
        self.assertEqual(api.port("3-2")["Holder"], "hung")  # it has not ended
        message = self.fails("VirtualMachineNotRunning", api.call, "AttachDevice", "ssa{sv}", ("3-2", "hung", {}))
        self.assertIn("hung has not answered in time", message)
        if qemu.QEMU:
            api.wait_vm("stopped", "stalled", "vm-stalled")
            stopped.signal(signal.SIGCONT)
            api.wait_vm("stopped", "online")
            api.wait_device("3-3", "failed", "qemu-refused")

        # The answer comes after all: what was done meanwhile is seen for what it is.
        hung.hooks.clear()
        name = next(iter(hung.devices))
        hung.send({"return": {}, "id": hung.ids[-1]})
        api.wait_vm("hung", "online")
        self.assertEqual(api.wait_device("3-2", "attached")["QemuId"], name)
        self.assertEqual(len(hung.commands("device_add")), 1)
        self.assertEqual([told[1] for told in api.heard("DeviceAttached") if told[3] == "hung"], ["3-2"])
        self.assertEqual(hung.fdsets, {})

        # A stop waits for nobody for ever.
        hung.pause()
        started = time.monotonic()
        self.assertEqual(self.daemon.stop(), 0)
        self.assertTrue(4 < time.monotonic() - started < 7)
        self.daemon.wait_log("stopping without waiting any longer for answers")
        self.assertEqual(healthy.devices, {})
        hung.resume()


if __name__ == "__main__":
    tap.main()
