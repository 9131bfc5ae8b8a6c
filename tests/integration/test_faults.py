# SPDX-License-Identifier: LGPL-2.1-or-later
"""Broken and hostile things on a machine's socket: each is told of for what it is, and holds nobody else up."""
import os
import shutil
import socket
import time

import bus
import case
import daemon
import peer
import tap


class Faults(case.Case):
    """In each test a healthy machine beside the sick one goes on as if nothing were."""

    def begin(self, ports=("3-1",)):
        self.healthy = self.add_peer("healthy")
        api = self.start(self.config(self.machine("sick", ports), self.machine("healthy", ["3-2"])))
        api.wait_vm("healthy", "online")
        return api

    def assert_healthy(self):
        """The other one is served at once."""
        started = time.monotonic()
        self.tree.plug("3-2")
        self.api.wait_device("3-2", "attached")
        self.assertLess(time.monotonic() - started, 2)
        self.tree.unplug("3-2")
        self.assertEqual(self.healthy.connections, 1)

    def speaks(self, greeting, part, reason="not-qmp", state="failed"):
        sick = self.add_peer("sick", greeting=greeting)
        api = self.begin()
        vm = api.wait_vm("sick", state, reason)
        self.assertIn(part, vm["Message"])
        self.assert_healthy()
        return sick

    def test_garbage(self):
        self.speaks(b"login: \x1b]0;owned\x07\xff\xfe\r\n", "does not speak QMP")
        self.assertNotIn("\x1b", self.api.vm("sick")["Message"])

    def test_human_monitor(self):
        self.speaks(b"QEMU 7.2.22 monitor - type 'help' for more information\r\n(qemu) ", "not -monitor or a serial")

    def test_endless_line(self):
        sick = self.add_peer("sick", greeting=None)
        api = self.begin()
        before = self.daemon.resident()

        sick.wait(lambda: sick.client, "the daemon there")
        try:
            sick.send(b'{"QMP": "')
            for _turn in range(10000):
                sick.send(b"x" * 65536)
            self.fail("the daemon has read 600 MiB")
        except OSError:
            pass
        vm = api.wait_vm("sick", "failed", "not-qmp")
        self.assertIn("a message is longer than any answer of QEMU", vm["Message"])
        self.assert_healthy()
        self.assertLess(self.daemon.resident() - before, 64 * 1024)

    def test_deeply_nested(self):
        self.speaks(b"[" * 100000 + b"\r\n", "")

    def test_foreign_id(self):
        sick = self.add_peer("sick")
        sick.hooks["query-status"] = lambda _arguments: b'{"return": {}, "id": "another"}\r\n'
        api = self.begin()
        self.assertIn("an answer to a command that was not given", api.wait_vm("sick", "failed", "not-qmp")["Message"])
        self.assert_healthy()

    def test_no_id(self):
        sick = self.add_peer("sick")
        sick.hooks["query-status"] = lambda _arguments: b'{"return": {}}\r\n'
        self.begin().wait_vm("sick", "failed", "not-qmp")

    def test_second_greeting(self):
        sick = self.add_peer("sick")
        api = self.begin()
        api.wait_vm("sick", "online")
        sick.send(peer.GREETING)
        api.wait_vm("sick", "failed", "not-qmp")
        self.assertIn("a second greeting", api.vm("sick")["Message"])
        # The socket is tried again, and what the service manager has kept of the old connection is in nobody's way.
        api.wait_vm("sick", "online", timeout=5)

    def test_leaves_after_the_greeting(self):
        sick = self.add_peer("sick")

        def leave(_arguments):
            raise peer.Leave
        sick.hooks["qmp_capabilities"] = leave
        api = self.begin()
        api.wait_vm("sick", "offline", "nobody-listens")
        self.assert_healthy()

    def test_dies_with_devices(self):
        sick = self.add_peer("sick")
        api = self.begin()
        self.tree.plug("3-1")
        api.wait_device("3-1", "attached")

        def die(_arguments):
            sick.stop()
            raise peer.Leave
        sick.hooks["device_del"] = die
        message = self.fails_or_not(api.begin("DetachDevice", "sa{sv}", ("3-1", {})))
        self.assertIsNone(message)  # it is out of the machine, as was asked for
        api.wait_vm("sick", "offline", "no-socket")
        self.wait_drivers("3-1", "usb-storage")
        self.assert_healthy()

    @staticmethod
    def fails_or_not(finish):
        try:
            finish()
            return None
        except bus.GLib.Error as error:
            return error.message

    def test_without_usb_host(self):
        sick = self.add_peer("sick")

        def unknown(_arguments):
            raise peer.Failure("Class 'usb-host' not found", "DeviceNotFound")
        sick.hooks["device-list-properties"] = unknown
        vm = self.begin().wait_vm("sick", "failed", "no-usb-host")
        self.assertIn("install the package", vm["Message"])
        self.assert_healthy()

    def test_hostile_answers(self):
        hostile = "\x1b[31m\u202e" + "x" * 5000
        version = {"qemu": {"micro": -1, "minor": "x", "major": 2 ** 80}, "package": hostile}
        sick = self.add_peer("sick", greeting={"QMP": {"version": version, "capabilities": 5}})
        sick.hooks["query-status"] = lambda _arguments: {"status": hostile, "running": []}
        sick.hooks["qom-list"] = lambda _arguments: [
            {"name": hostile, "type": "child<qemu-xhci>"}, {"name": "../..", "type": "child<qemu-xhci>"}, 5, None,
            {"name": "hotplugger-9-9-1-1", "type": "child<usb-host>"}, {"name": "x", "type": 7}] + [
            {"name": "c%d" % number, "type": "child<qemu-xhci>"} for number in range(5000)]
        sick.hooks["qom-get"] = lambda _arguments: hostile
        sick.hooks["human-monitor-command"] = lambda _arguments: "Device " * 100000
        api = self.begin()
        vm = api.wait_vm("sick", "online")
        for text in (vm["RunState"], vm["QemuVersion"], vm["Message"], str(vm["GuestBuses"])):
            self.assertNotIn("\x1b", text)
            self.assertNotIn("\u202e", text)
            self.assertLess(len(text), 1000)
        self.assert_healthy()


class Sockets(case.Case):
    """Where there is no peer to speak of."""

    def test_comes_later(self):
        # Neither the folder nor the one above it is there.
        path = os.path.join(self.folder, "a", "b", "vm.sock")
        api = self.start("virtual_machines:\n  vm:\n    socket: %s\n" % path)
        api.wait_vm("vm", "offline", "no-socket")
        self.daemon.settle()
        os.makedirs(os.path.dirname(path))
        started = time.monotonic()
        self.addCleanup(peer.Peer(path).stop)
        api.wait_vm("vm", "online")
        self.assertLess(time.monotonic() - started, 2)

    def test_folder_is_made_anew(self):
        folder = os.path.join(self.folder, "run")
        os.mkdir(folder)
        path = os.path.join(folder, "vm.sock")
        machine = peer.Peer(path)
        self.addCleanup(lambda: machine.stop())
        api = self.start("virtual_machines:\n  vm:\n    socket: %s\n" % path)
        api.wait_vm("vm", "online")
        machine.stop()
        api.wait_vm("vm", "offline", "no-socket")
        os.rmdir(folder)
        self.daemon.settle()
        os.mkdir(folder)
        machine = peer.Peer(path)
        api.wait_vm("vm", "online")

    def test_left_behind(self):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.socket())
        listener.close()
        api = self.start(self.config(self.machine()))
        api.wait_vm("vm", "offline", "nobody-listens")
        os.unlink(self.socket())
        self.add_peer()
        api.wait_vm("vm", "online")

    def test_no_socket_at_all(self):
        with open(self.socket(), "w", encoding="ascii"):
            pass
        api = self.start(self.config(self.machine(), "  folder:\n    socket: %s\n" % self.daemon.state))
        self.assertEqual(api.wait(lambda: api.vm("vm")["Reason"] not in ("vm-connecting", "") and api.vm("vm"), "tried")
                         ["State"], "offline")
        self.assertNotEqual(api.vm("folder")["State"], "online")

    def test_no_access(self):
        if os.geteuid() != 0:
            self.skipTest("root alone can give up its rights")
        self.add_peer()
        os.chmod(self.socket(), 0o600)
        os.chmod(self.folder, 0o755)
        os.chmod(self.daemon.manager.path, 0o666)
        self.daemon.configure(self.config(self.machine()))
        # Where it was built may be a folder that others cannot look into.
        program = shutil.copy(daemon.HOTPLUGD, self.folder)
        self.daemon.start(prefix=["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--reuid=65534", "--regid=65534",
                                  "--clear-groups"], program=program)
        self.api = bus.Api(self.bus)
        self.addCleanup(self.api.close)
        vm = self.api.wait_vm("vm", "failed", "no-access")
        self.assertIn("%s belongs to user 0 and group 0, its mode is 0600" % self.socket(), vm["Message"])
        os.chmod(self.socket(), 0o666)
        self.api.wait_vm("vm", "online")


if __name__ == "__main__":
    tap.main()
