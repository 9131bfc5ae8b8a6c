# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ends and new beginnings: what is handed back, what is kept, and what lies on the disk between."""
import json
import os
import signal
import stat
import time

import bus
import case
import peer
import tap
from gi.repository import GLib


class Stop(case.Case):
    def test_stop_hands_everything_back(self):
        machine = self.add_peer()
        api = self.start(self.config(self.machine(ports=["3-1"])))
        self.tree.plug("3-1")
        self.tree.plug("3-2")
        api.wait_device("3-1", "attached")
        api.call("AttachDevice", "ssa{sv}", ("3-2", "vm", {}))
        self.assertEqual(self.daemon.stop(), 0)
        self.daemon.manager.wait("STOPPING=1")
        self.assertEqual(len(machine.commands("device_del")), 2)
        self.assertEqual(machine.devices, {})
        self.wait_claims()
        self.wait_drivers("3-1", "usb-storage")
        self.daemon.manager.wait_stored()

    def test_stop_with_a_machine_that_hangs(self):
        machine = self.add_peer()
        hung = self.add_peer("hung")
        api = self.start(self.config(self.machine(ports=["3-1"]), self.machine("hung", ["3-2"])))
        self.tree.plug("3-1")
        self.tree.plug("3-2")
        api.wait_device("3-1", "attached")
        api.wait_device("3-2", "attached")
        hung.pause()
        started = time.monotonic()
        self.daemon.process.send_signal(signal.SIGTERM)
        machine.wait_command("device_del")
        # Told twice it does not wait for the other.
        self.wait_claims("3-2")
        self.assertEqual(self.daemon.stop(), 1)
        self.assertLess(time.monotonic() - started, 4)
        hung.resume()

    def test_stop_and_a_hub_is_pulled_out_while_it_is_claimed(self):
        self.add_peer()
        api = self.start(self.config(self.machine()))
        api.wait_vm("vm", "online")
        self.tree.plug_hub("3-2", ports=2)
        api.wait_port("3-2.1", State="host")
        with self.tree.lock:  # the kernel takes its time
            api.call("AssignPort", "ssa{sv}", ("3-2.1", "vm", {}))
            api.wait_port("3-2.1", State="active")
            self.tree.unplug("3-2")
            api.wait(lambda: api.device("3-2") is None, "the hub gone")
            self.daemon.process.send_signal(signal.SIGTERM)
            self.daemon.manager.wait("STOPPING=1")
            self.daemon.settle()
        started = time.monotonic()
        self.assertEqual(self.daemon.wait(), 0)
        self.assertLess(time.monotonic() - started, 3)

    def test_machine_without_usb(self):
        for name in ("usb3", "usb4"):
            self.tree.unplug(name, event=False)
        self.assertEqual(self.start(self.config(self.machine(ports=["3-1"]))).devices(), {})
        started = time.monotonic()
        self.assertEqual(self.daemon.stop(), 0)
        self.assertLess(time.monotonic() - started, 2)

    def test_bus_goes_away(self):
        own = bus.PrivateBus()
        self.addCleanup(own.close)
        self.daemon.bus = own
        machine = self.add_peer()
        self.daemon.configure(self.config(self.machine(ports=["3-1"])))
        self.daemon.start()
        self.tree.plug("3-1")
        machine.wait_command("device_add")
        self.daemon.manager.wait_last("STATUS", "1 port assigned, 1 device in 1 virtual machine")
        bus.end(own.process)
        self.assertEqual(self.daemon.wait(), 1)
        self.assertEqual(len(machine.devices), 1)  # the next run takes it over


class Crash(case.Case):
    """After SIGKILL the service manager starts it again, with the descriptors it has kept."""

    def crash(self, claims=("3-1", "4-1")):
        self.wait_claims(*claims)
        self.daemon.kill()
        self.wait_claims()  # umockdev has seen the end of it, too

    def test_adopts_what_is_attached(self):
        machine = self.add_peer()
        api = self.start(self.config(self.machine(ports=["3-1"])))
        self.tree.plug("3-1")
        before = api.wait_device("3-1", "attached")
        self.daemon.manager.wait_stored("claim.3-1", "claim.4-1", "vm.766d")
        self.crash()
        self.assertIsNotNone(machine.client)  # the kept descriptor holds the connection
        self.start(None)
        after = api.wait_device("3-1", "attached")
        self.assertEqual((after["QemuId"], after["GuestPort"]), (before["QemuId"], before["GuestPort"]))
        self.assertEqual(machine.connections, 1)
        self.assertEqual(len(machine.commands("device_add")), 1)
        self.assertEqual(machine.commands("device_del"), [])
        self.wait_claims("3-1", "4-1")
        # And goes on from there.
        self.tree.unplug("3-1")
        self.assertEqual(machine.wait_command("device_del"), {"id": before["QemuId"]})

    def test_adopts_by_the_longest_names(self):
        names = ["v" * 128, "v" * 127 + "w"]
        machines = [self.add_peer(short) for short in ("a", "b")]
        lines = [self.machine(short).replace("  %s:\n" % short, "  %s:\n" % name)
                 for short, name in zip(("a", "b"), names)]
        self.start(self.config(*lines))
        for name in names:
            self.api.wait_vm(name, "online")
        with self.daemon.manager.news:
            self.assertTrue(self.daemon.manager.news.wait_for(lambda: len(self.daemon.manager.store) == 2, 10))
        self.crash(claims=())
        self.start(None)
        for name in names:
            self.api.wait_vm(name, "online")
        self.assertEqual([machine.connections for machine in machines], [1, 1])

    def test_replugged_meanwhile(self):
        machine = self.add_peer()
        api = self.start(self.config(self.machine(ports=["3-1"])))
        self.tree.plug("3-1")
        before = api.wait_device("3-1", "attached")
        self.crash()
        self.tree.unplug("3-1")
        self.tree.plug("3-1", product="Other")
        self.start(None)
        api.wait(lambda: (api.device("3-1") or before)["QemuId"] not in ("", before["QemuId"]), "attached anew")
        self.assertEqual(machine.commands("device_del"), [{"id": before["QemuId"]}])
        self.assertEqual(list(machine.devices), [api.device("3-1")["QemuId"]])

    def test_gone_meanwhile(self):
        machine = self.add_peer()
        api = self.start(self.config(self.machine(ports=["3-1"])))
        self.tree.plug("3-1")
        api.wait_device("3-1", "attached")
        self.crash()
        self.tree.unplug("3-1")
        self.start(None)
        machine.wait_command("device_del")
        self.assertEqual(machine.devices, {})

    def test_machine_gone_meanwhile(self):
        machine = self.add_peer()
        api = self.start(self.config(self.machine(ports=["3-1"])))
        self.tree.plug("3-1")
        api.wait_device("3-1", "attached")
        self.daemon.manager.wait_stored("claim.3-1", "claim.4-1", "vm.766d")
        self.crash()
        self.tree.leave("3-1")
        machine.stop()
        self.start(None)
        api.wait_device("3-1", "waiting", "no-socket")
        self.wait_drivers("3-1", "usb-storage")
        self.daemon.manager.wait_stored()

    def test_in_the_middle_of_an_answer(self):
        machine = self.add_peer()
        machine.leave_unanswered("device_add")
        self.start(self.config(self.machine(ports=["3-1"])))
        self.tree.plug("3-1")
        machine.wait_command("device_add")
        self.daemon.manager.wait_stored("claim.3-1", "claim.4-1", "vm.766d")
        self.crash()
        machine.hooks.clear()
        # The second half of an event, and the late answer to the run before, come to the run after.
        machine.send(b'est": false}, "timestamp": {"seconds": 1, "microseconds": 1}}\r\n')
        machine.send({"return": {}, "id": "27"})
        self.start(None)
        machine.wait_command("query-version")
        device = self.api.wait_device("3-1", "attached")
        self.assertEqual(list(machine.devices), [device["QemuId"]])
        self.assertEqual(machine.fdsets, {})
        self.assertEqual(machine.connections, 1)

    def test_kept_connection_is_of_no_use(self):
        machine = self.add_peer()
        api = self.start(self.config(self.machine(ports=["3-1"])))
        self.tree.plug("3-1")
        api.wait_device("3-1", "attached")
        self.daemon.manager.wait_stored("claim.3-1", "claim.4-1", "vm.766d")
        self.crash()

        def refuse(_arguments):
            raise peer.Failure("Expecting capabilities negotiation with 'qmp_capabilities'", "CommandNotFound")
        machine.hooks["query-version"] = refuse
        self.start(None)
        # As long as a copy of the old connection is kept, nobody else gets at the monitor.
        machine.wait(lambda: machine.connections == 2, "a new connection")
        api.wait_device("3-1", "attached")
        self.assertEqual(len(machine.commands("device_add")), 1)

    def test_without_a_store(self):
        machine = self.add_peer()
        api = self.start(self.config(self.machine(ports=["3-1"])))
        self.tree.plug("3-1")
        before = api.wait_device("3-1", "attached")
        self.crash()
        for name in list(self.daemon.manager.store):
            os.close(self.daemon.manager.store.pop(name))
        self.start(None)
        self.assertEqual(api.wait_device("3-1", "attached")["QemuId"], before["QemuId"])
        self.assertEqual(machine.connections, 2)

    def test_strange_descriptors(self):
        manager = self.daemon.manager
        for name in ("claim.3-1", "claim.9-9", "claim.", "vm.766d", "vm.zz", "other", "unknown"):
            manager.store[name] = os.open("/dev/null", os.O_RDWR)
        self.add_peer()
        api = self.start(self.config(self.machine(ports=["3-1"])))
        api.wait_vm("vm", "online")
        manager.wait_stored("claim.3-1", "claim.4-1", "vm.766d")
        self.assertNotIn("/dev/null", [os.readlink("/proc/self/fd/%d" % fd) for fd in manager.store.values()])
        self.assertEqual([path for path in self.daemon.descriptors() if path == "/dev/null"], ["/dev/null"])  # stdin
        self.wait_claims("3-1", "4-1")


class State(case.Case):
    def assign(self, port, vm="vm", **options):
        return self.api.call("AssignPort", "ssa{sv}", (port, vm, {key: GLib.Variant("s", value)
                                                                  for key, value in options.items()}))

    def test_lasts(self):
        self.start(self.config(self.machine(ports=["3-1"]), self.machine("other")))
        self.assign("3-2", "other", reserve="always")
        self.assign("3-3", "host")
        self.api.call("UnassignPort", "sa{sv}", ("3-1", {}))
        ports = self.api.ports()
        with open(self.daemon.state_file, encoding="utf-8") as file:
            text = file.read()
        json.loads(text)
        self.assertEqual(stat.S_IMODE(os.stat(self.daemon.state_file).st_mode), 0o600)
        self.assertEqual(os.listdir(self.daemon.state), ["state.json"])
        for end in (self.daemon.stop, self.daemon.kill):
            self.wait_claims("3-2", "4-2")
            end()
            self.wait_claims()
            self.start(None)
            self.api.wait(lambda: self.api.ports() == ports, "all as before")
        self.assertEqual((ports["3-2"]["VirtualMachines"], ports["3-2"]["Origin"], ports["3-2"]["Reserve"],
                          ports["3-2"]["Claimed"]), (["other"], "run time", "always", True))
        self.assertEqual((ports["3-3"]["State"], ports["3-1"]["Reason"]), ("host", "kept-for-host"))
        with open(self.daemon.state_file, encoding="utf-8") as file:
            self.assertEqual(file.read(), text)

    def test_machine_of_a_choice_leaves_the_configuration(self):
        self.start(self.config(self.machine()))
        self.assign("3-1")
        self.daemon.configure("")
        self.daemon.reload()
        port = self.api.wait_port("3-1", Reason="vm-unknown")
        self.assertEqual((port["State"], port["VirtualMachines"]), ("waiting", ["vm"]))
        self.assertIn("is not in the configuration", port["Message"])

    def test_corrupt(self):
        for text in (b"{", b"", b"\x00\xff", b"[]", b"{\"version\": 99}"):
            with self.subTest(text):
                with open(self.daemon.state_file, "wb") as file:
                    file.write(text)
                self.start(self.config(self.machine()))
                problem = self.api.manager()["StateError"]
                self.assertIn("what was chosen at run time is lost (set aside as", problem)
                self.daemon.manager.wait("STATUS=no ports assigned, no devices in a virtual machine; reading the state")
                aside = [name for name in os.listdir(self.daemon.state) if ".corrupt-" in name]
                with open(os.path.join(self.daemon.state, aside[0]), "rb") as file:
                    self.assertEqual(file.read(), text)
                self.assign("3-1")
                self.assertEqual(self.daemon.stop(), 0)
                self.start(None)
                self.assertEqual(self.api.manager()["StateError"], "")
                self.assertEqual(self.api.port("3-1")["VirtualMachines"], ["vm"])
                self.daemon.stop()
                for name in os.listdir(self.daemon.state):
                    os.unlink(os.path.join(self.daemon.state, name))

    def test_cannot_be_read(self):
        os.symlink("state.json", self.daemon.state_file)
        self.start(self.config(self.machine()))
        self.assertIn("reading the state", self.api.manager()["StateError"])
        # What is in there now is not to be lost for what is chosen next.
        message = self.fails("StateNotSaved", self.assign, "3-1")
        self.assertIn("nothing has changed: reading the state", message)
        self.assertEqual(os.listdir(self.daemon.state), ["state.json"])
        self.assertTrue(os.path.islink(self.daemon.state_file))
        self.assertEqual(self.api.port("3-1")["State"], "host")

    def full_disk(self):
        """A daemon whose state lies on a file system with no room."""
        script = ("mount -t tmpfs -o size=16k,mode=0700 tmpfs \"$0\" && printf x >\"$0/first\" "
                  "&& dd if=/dev/zero of=\"$0/fill\" bs=4k 2>/dev/null; exec \"$@\"")
        self.daemon.start(prefix=["unshare", "--mount", "sh", "-c", script, self.daemon.state])
        self.api = bus.Api(self.bus)
        self.addCleanup(self.api.close)
        return "/proc/%d/root%s" % (self.daemon.process.pid, self.daemon.state)

    def test_full_disk(self):
        if os.geteuid() != 0:
            self.skipTest("mounting takes root")
        self.daemon.configure(self.config(self.machine()))
        folder = self.full_disk()
        before = self.api.ports()
        message = self.fails("StateNotSaved", self.assign, "3-1")
        self.assertIn("nothing has changed: saving the state", message)
        self.assertIn("No space left on device", message)
        self.assertEqual(self.api.ports(), before)
        self.assertEqual(sorted(os.listdir(folder)), ["fill", "first"])
        # With room again it goes on as if nothing had been.
        os.unlink(os.path.join(folder, "fill"))
        self.assign("3-1")
        self.assertEqual(self.api.port("3-1")["VirtualMachines"], ["vm"])
        os.unlink(os.path.join(folder, "first"))

    def test_no_folder(self):
        os.rmdir(self.daemon.state)
        self.start(self.config(self.machine()))
        self.assertEqual(self.api.manager()["StateError"], "")
        self.assertIn("No such file", self.fails("StateNotSaved", self.assign, "3-1"))
        os.mkdir(self.daemon.state)
        self.assign("3-1")

    def test_many_at_once(self):
        self.start(self.config(self.machine()))
        calls = [self.api.begin("AssignPort", "ssa{sv}", ("3-%d" % (1 + turn % 4), "vm" if turn < 8 else "host", {}))
                 for turn in range(12)]
        for finish in calls:
            finish()
        self.assertEqual({name: port["State"] for name, port in self.api.ports().items()},
                         {"3-1": "host", "3-2": "host", "3-3": "host", "3-4": "host"})
        with open(self.daemon.state_file, encoding="utf-8") as file:
            self.assertEqual(file.read().count("usbv2"), 4)


if __name__ == "__main__":
    tap.main()
