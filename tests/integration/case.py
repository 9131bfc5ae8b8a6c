# SPDX-License-Identifier: LGPL-2.1-or-later
"""What most tests stand on: a bus and a polkit for each class; USB, machines and a daemon for each test."""
import os
import shutil
import tempfile
import unittest

import bus
import daemon
import peer
import polkit
import usb

CONTROLLER = "pci-0000:00:14.0"


def port_id(chain, usb_version=2, controller=CONTROLLER):
    """The stable name of a port."""
    return "%s-usbv%d-0:%s" % (controller, usb_version, chain)


class BusCase(unittest.TestCase):
    """A bus, and a polkit that says yes unless told otherwise."""

    @classmethod
    def setUpClass(cls):
        cls.bus = bus.PrivateBus()
        cls.addClassCleanup(cls.bus.close)
        cls.polkit = polkit.Double(cls.bus)
        cls.addClassCleanup(cls.polkit.close)

    def setUp(self):
        self.polkit.answer = "yes"
        self.polkit.asked.clear()
        self.polkit.cancelled.clear()
        # Short, since paths of sockets are in here.
        self.folder = tempfile.mkdtemp(prefix="hp-")
        self.addCleanup(shutil.rmtree, self.folder)


class Case(BusCase):
    """Before each test: usb3 and usb4 of one controller with four ports each, and no daemon yet."""

    def setUp(self):
        super().setUp()
        self.tree = usb.UsbTree()
        self.addCleanup(self.tree.close)
        self.tree.add_controller()
        self.daemon = daemon.Hotplugd(self.folder, self.bus, self.tree)
        self.addCleanup(self._end_daemon)
        self.api = None

    def _end_daemon(self):
        status = bus.end(self.daemon.process) if self.daemon.process else None
        result = self._outcome.result
        failed = any(getattr(test, "test_case", test) is self for test, _text in result.failures + result.errors)
        if failed or status not in (None, 0):
            print("# --- the daemon's log\n# " + self.daemon.read_log().replace("\n", "\n# "), flush=True)
        self.daemon.close()
        # A daemon that was left to run ends well: no CRITICAL has killed it meanwhile.
        self.assertIn(status, (None, 0))

    def start(self, config="", **arguments):
        """A daemon with this configuration, and somebody to speak to it."""
        if config is not None:
            self.daemon.configure(config)
        self.daemon.start(**arguments)
        if self.api is None:
            self.api = bus.Api(self.bus)
            self.addCleanup(self.api.close)
        return self.api

    def socket(self, name="vm"):
        return os.path.join(self.folder, name + ".sock")

    def add_peer(self, name="vm", **arguments):
        """A scripted machine."""
        machine = peer.Peer(self.socket(name), **arguments)
        self.addCleanup(machine.stop)
        return machine

    def machine(self, name="vm", ports=(), **settings):
        """The lines of a machine in the configuration."""
        lines = ["  %s:" % name, "    socket: %s" % self.socket(name)]
        lines += ["    %s: %s" % item for item in settings.items()]
        if ports:
            lines.append("    ports:")
            lines += ["      - %s" % port for port in ports]
        return "\n".join(lines) + "\n"

    def config(self, *machines):
        return "virtual_machines:\n" + "".join(machines)

    def wait_claims(self, *ports):
        """Until the kernel keeps its drivers off just these kernel ports."""
        bus.wait_until(lambda: self.tree.claims == set(ports) or None, "%s claimed; %s is" % (ports, self.tree.claims))

    def wait_drivers(self, name, *drivers):
        bus.wait_until(lambda: self.tree.drivers(name) == list(drivers) or None, "drivers %s on %s" % (drivers, name))

    def fails(self, name, function, *arguments, **keywords):
        """The message of the D-Bus error @name that @function fails with."""
        with self.assertRaises(bus.GLib.Error) as caught:
            function(*arguments, **keywords)
        if not name.startswith("org."):
            name = bus.NAME + ".Error." + name
        self.assertEqual(bus.error_name(caught.exception), name, caught.exception.message)
        return caught.exception.message
