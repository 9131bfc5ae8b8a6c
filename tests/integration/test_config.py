# SPDX-License-Identifier: LGPL-2.1-or-later
"""The configuration: the old format as it is, what is wrong with a file, and reading it again while things run."""
import os
import subprocess
import tempfile
import unittest

import bus
import case
import daemon
import tap

# As the scripts that came before had it.
OLD_FORMAT = """\
virtual_machines:
  windows:
    socket: {0}/windows.sock
    ports:
      - /devices/pci0000:00/0000:00:14.0/usb3/3-1
      - /devices/pci0000:00/0000:00:14.0/usb4/4-2
    hubs:
      - xhci.0
    delay: 0
  linux:
    socket: {0}/linux.sock
    ports:
      - "/devices/pci0000:00/0000:00:14.0/usb3/3-3"
"""


class CheckConfig(unittest.TestCase):
    """hotplugd --check-config needs no bus, no USB and no rights."""

    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="hp-"))
        self.path = os.path.join(self.folder, "config.yaml")

    def check(self, text, *options):
        if text is not None:
            with open(self.path, "w", encoding="utf-8") as file:
                file.write(text)
        return subprocess.run([daemon.HOTPLUGD, *(options or ("--check-config", self.path))], check=False, text=True,
                              capture_output=True, timeout=10,
                              env=bus.plain_environment(DBUS_SYSTEM_BUS_ADDRESS="unix:path=/nonexistent"))

    def test_good(self):
        for text, numbers in ((OLD_FORMAT.format("/run"), "2 virtual machines, 3 ports"), ("", "0 virtual machines, "
                              "0 ports"), ("virtual_machines:\n", "0 virtual machines, 0 ports")):
            result = self.check(text)
            self.assertEqual((result.returncode, result.stdout, result.stderr),
                             (0, "%s: ok, %s\n" % (self.path, numbers), ""))

    def test_bad(self):
        socket = "    socket: /run/a\n"
        cases = [
            ("virtual_machines:\n  a:\n    sockt: /run/a\n", "3:5", "did you mean \"socket\"?"),
            ("virtual_machine:\n", "1:1", "did you mean \"virtual_machines\"?"),
            ("virtual_machines:\n  a:\n" + socket + socket, "4:5", "socket"),
            ("virtual_machines:\n  a:\n" + socket + "  a:\n" + socket, "4:3", "a"),
            ("virtual_machines:\n  a:\n" + socket + "    delay: soon\n", "4:12", "a number of seconds"),
            ("virtual_machines:\n  a:\n" + socket + "    reserve: maybe\n", "4:14", "while-running"),
            ("virtual_machines:\n  host:\n" + socket, "2:3", "not \"host\""),
            ("virtual_machines:\n  a:\n    socket: run/a\n", "3:13", "absolute path"),
            ("virtual_machines:\n  a:\n" + socket + "    ports: [3-1, 3-1]\n", "4:18", "each port once"),
            ("virtual_machines:\n  a:\n\tsocket: /run/a\n", "3:1", ""),
            ("virtual_machines: [\n", "2:1", ""),
            ("a: &x [*x]\n", "1:", ""),
            ("virtual_machines:\n  a:\n    socket: \"/run/\\x1b[31m\"\n", "3:13", ""),
        ]
        for text, place, part in cases:
            with self.subTest(text):
                result = self.check(text)
                self.assertEqual((result.returncode, result.stdout), (1, ""))
                self.assertTrue(result.stderr.startswith("%s:%s" % (self.path, place)), result.stderr)
                self.assertIn(part, result.stderr)
                self.assertEqual(result.stderr.count("\n"), 1)
                self.assertNotIn("\x1b", result.stderr)

    def test_not_utf8(self):
        with open(self.path, "wb") as file:
            file.write(b"virtual_machines:\n  \xff\n")
        result = self.check(None)
        self.assertEqual(result.returncode, 1)
        self.assertTrue(result.stderr.startswith(self.path + ":2:"), result.stderr)

    def test_config_d(self):
        folder = os.path.join(self.folder, "config.d")
        os.mkdir(folder)
        for name, text in (("10-a.yaml", "virtual_machines:\n  a:\n    socket: /run/a\n"),
                           ("20-b.yaml", "virtual_machines:\n  b:\n    socket: /run/b\n"), ("README", "no: yaml\n")):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        self.assertIn("ok, 3 virtual machines", self.check("virtual_machines:\n  c:\n    socket: /run/c\n").stdout)
        result = self.check("virtual_machines:\n  b:\n    socket: /run/x\n")
        self.assertEqual(result.returncode, 1)
        self.assertIn("20-b.yaml:2:3: expected each VM once", result.stderr)

    def test_exit_codes(self):
        missing = os.path.join(self.folder, "missing.yaml")
        self.assertEqual(self.check(None, "--check-config", missing).returncode, 1)
        self.assertEqual(self.check(None, "--config", missing, "--check-config").returncode, 0)
        for options in (("--nonsense",), ("extra",), ("--config",)):
            result = self.check(None, *options)
            self.assertEqual(result.returncode, 2)
            self.assertIn("Try 'hotplugd --help'", result.stderr)
        self.assertEqual(self.check(None, "--help").returncode, 0)
        self.assertRegex(self.check(None, "--version").stdout, r"^hotplugd \d+\.\d+\.\d+\n$")


class InForce(case.Case):
    def test_old_format(self):
        windows = self.add_peer("windows")
        api = self.start(OLD_FORMAT.format(self.folder))
        api.wait_vm("windows", "online")
        api.wait_vm("linux", "offline", "no-socket")
        ports = api.ports()
        owners = {name: (port["VirtualMachines"], port["State"]) for name, port in ports.items()}
        self.assertEqual(owners, {"3-1": (["windows"], "active"), "3-2": (["windows"], "active"),
                                  "3-3": (["linux"], "waiting"), "3-4": ([], "host")})
        self.assertEqual(ports["3-2"]["Origin"], self.daemon.config + ":6")
        self.tree.plug("4-2")
        self.tree.plug("3-3")
        self.assertEqual(api.wait_device("4-2", "attached")["VirtualMachine"], "windows")
        self.assertEqual(api.wait_device("3-3", "waiting")["VirtualMachine"], "linux")
        self.assertEqual(len(windows.devices), 1)

    def test_bad_at_start(self):
        self.daemon.configure("virtual_machines:\n  a: 1\n")
        api = self.start(None)
        problem = "%s:2:6: expected a mapping with the key socket, found 1" % self.daemon.config
        self.daemon.manager.wait("STATUS=no ports assigned, no devices in a virtual machine; " + problem[:20])
        self.assertTrue(api.manager()["ConfigError"].startswith(self.daemon.config + ":2:6: expected a mapping"),
                        api.manager())
        self.assertEqual((api.vms(), len(api.ports())), ({}, 4))
        self.daemon.configure(self.config(self.machine()))
        self.assertEqual(api.call("Reload", "a{sv}", ({},)), ())
        self.assertEqual(api.manager()["ConfigError"], "")
        self.assertEqual(list(api.vms()), ["vm"])
        self.daemon.manager.wait_last("STATUS", "no ports assigned, no devices in a virtual machine")

    def test_no_file(self):
        api = self.start(None)
        self.assertEqual(api.manager(), {"Version": api.manager()["Version"], "ConfigFile": self.daemon.config,
                                         "ConfigError": "", "StateError": ""})
        self.assertEqual(api.vms(), {})

    def reload_is_all_or_nothing(self, read_again):
        machine = self.add_peer()
        api = self.start(self.config(self.machine(ports=["3-1"])))
        self.tree.plug("3-1")
        self.tree.plug("3-2")
        api.wait_device("3-1", "attached")

        self.daemon.configure(self.config(self.machine(ports=["3-2"]), "  other:\n    sock: /run/x\n"))
        self.assertFalse(read_again(api))
        self.assertIn(":7:5: expected one of the keys", api.manager()["ConfigError"])
        api.wait(lambda: any("ConfigError" in arguments[1] for arguments in api.heard("PropertiesChanged")), "told")
        self.assertEqual(list(api.vms()), ["vm"])
        self.assertEqual(api.device("3-1")["State"], "attached")

        self.daemon.configure(self.config(self.machine(ports=["3-2"])))
        self.assertTrue(read_again(api))
        self.assertEqual(api.manager()["ConfigError"], "")
        api.wait_device("3-1", "host", "not-assigned")
        api.wait_device("3-2", "attached")
        self.assertEqual(len(machine.devices), 1)
        self.assertEqual(machine.connections, 1)

    def test_reload_by_signal(self):
        def read_again(api):
            self.daemon.reload()
            return not api.manager()["ConfigError"]
        self.reload_is_all_or_nothing(read_again)

    def test_reload_by_call(self):
        def read_again(api):
            try:
                api.call("Reload", "a{sv}", ({},))
            except bus.GLib.Error as error:
                self.assertEqual(bus.error_name(error), "org.hotplugger1.Error.ConfigInvalid")
                self.assertIn(self.daemon.config + ":7:5: ", error.message)
                return False
            return True
        self.reload_is_all_or_nothing(read_again)

    def test_machine_leaves_the_configuration(self):
        machine = self.add_peer()
        api = self.start(self.config(self.machine(ports=["3-1"])))
        self.tree.plug("3-1")
        api.wait_device("3-1", "attached")
        self.daemon.configure("")
        self.daemon.reload()
        api.wait_device("3-1", "host")
        machine.wait_command("device_del")
        machine.wait(lambda: machine.client is None, "the connection closed")
        self.wait_claims()
        self.wait_drivers("3-1", "usb-storage")

    def test_machine_that_nobody_names(self):
        api = self.start(self.config(self.machine()))
        api.call("AssignPort", "ssa{sv}", ("3-1", "vm", {}))
        self.daemon.configure("virtual_machines: {}\n")
        api.call("Reload", "a{sv}", ({},))
        vm = api.wait_vm("vm", "unknown", "vm-unknown")
        self.assertEqual(len(vm["Ports"]), 1)
        self.assertIn("vm is not in the configuration", vm["Message"])
        api.call("UnassignPort", "sa{sv}", ("3-1", {}))
        api.wait(lambda: "vm" not in api.vms(), "nothing left to say of it")

    def test_another_socket(self):
        machine = self.add_peer()
        api = self.start(self.config(self.machine(ports=["3-1"])))
        self.tree.plug("3-1")
        api.wait_device("3-1", "attached")
        other = self.add_peer("other")
        self.daemon.configure(self.config(self.machine(ports=["3-1"]).replace("vm.sock", "other.sock")))
        self.daemon.reload()
        other.wait_command("device_add")
        api.wait_device("3-1", "attached")
        self.assertEqual((machine.devices, len(other.devices)), ({}, 1))
        self.assertEqual(api.vm("vm")["Socket"], self.socket("other"))

    def test_machine_leaves_while_it_is_moved(self):
        machine, other = self.add_peer(), self.add_peer("other")
        api = self.start(self.config(self.machine(ports=["3-1"]), self.machine("other")))
        self.tree.plug("3-1")
        api.wait_device("3-1", "attached")
        machine.status = "save-vm"
        machine.event("STOP")
        api.wait_vm("vm", "online", "vm-migrating")
        # It still has the device, and cannot be told to let go.
        self.daemon.configure(self.config(self.machine("other", ports=["3-1"])))
        self.daemon.reload()
        self.daemon.settle()
        self.assertEqual((len(machine.devices), other.devices), (1, {}))
        self.assertEqual(api.device("3-1")["VirtualMachine"], "vm")
        self.assertEqual(api.heard("DeviceDetached"), [])
        machine.status = "running"
        machine.event("RESUME")
        other.wait_command("device_add")
        machine.wait(lambda: machine.client is None, "the connection closed")
        self.assertEqual((machine.devices, len(other.devices)), ({}, 1))

    def test_another_socket_while_it_is_moved(self):
        machine, other = self.add_peer(), self.add_peer("other")
        api = self.start(self.config(self.machine(ports=["3-1"])))
        self.tree.plug("3-1")
        api.wait_device("3-1", "attached")
        machine.status = "save-vm"
        machine.event("STOP")
        api.wait_vm("vm", "online", "vm-migrating")
        self.daemon.configure(self.config(self.machine(ports=["3-1"]).replace("vm.sock", "other.sock")))
        self.daemon.reload()
        self.daemon.settle()
        # Until then it is shown as what it is.
        self.assertEqual((api.vm("vm")["Socket"], api.vm("vm")["Reason"]), (self.socket(), "vm-migrating"))
        machine.stop()
        other.wait_command("device_add")
        self.assertEqual(api.wait_vm("vm", "online")["Socket"], self.socket("other"))

    def test_machine_leaves_with_what_it_was_given_by_hand(self):
        machine = self.add_peer()
        api = self.start(self.config(self.machine()))
        self.tree.plug("3-2")
        api.wait_vm("vm", "online")
        api.wait_device("3-2", "host")
        api.call("AttachDevice", "ssa{sv}", ("3-2", "vm", {}))
        self.daemon.configure("")
        self.daemon.reload()
        api.wait_device("3-2", "host", "not-assigned")
        machine.wait(lambda: machine.client is None, "the connection closed")
        self.assertEqual(machine.devices, {})

    def test_another_socket_and_attached_by_hand_meanwhile(self):
        machine, other = self.add_peer(), self.add_peer("other")
        api = self.start(self.config(self.machine(ports=["3-1"])))
        self.tree.plug("3-1")
        self.tree.plug("3-2")
        api.wait_device("3-1", "attached")
        machine.leave_unanswered("device_del")
        self.daemon.configure(self.config(self.machine(ports=["3-1"]).replace("vm.sock", "other.sock")))
        self.daemon.reload()
        machine.wait_command("device_del")
        # The old one takes nothing any more, or it would never go.
        self.fails("VirtualMachineNotRunning", api.call, "AttachDevice", "ssa{sv}", ("3-2", "vm", {}))
        machine.stop()
        other.wait_command("device_add")
        api.wait_vm("vm", "online")
        api.call("AttachDevice", "ssa{sv}", ("3-2", "vm", {}))
        self.assertEqual(len(other.devices), 2)

    def test_another_socket_without_ports(self):
        machine, other = self.add_peer(), self.add_peer("other")
        api = self.start(self.config(self.machine()))
        api.wait_vm("vm", "online")
        self.daemon.configure(self.config(self.machine().replace("vm.sock", "other.sock")))
        self.daemon.reload()
        other.wait_command("query-status")
        machine.wait(lambda: machine.client is None, "the connection closed")
        self.assertEqual(api.wait_vm("vm", "online")["Socket"], self.socket("other"))

    def managed_ports(self):
        objects = self.api.call("GetManagedObjects", interface="org.freedesktop.DBus.ObjectManager")[0]
        return sorted(interfaces[bus.NAME + ".Port"]["Id"] for interfaces in objects.values()
                      if bus.NAME + ".Port" in interfaces)

    def test_ports_that_are_not_there(self):
        api = self.start(self.config(self.machine(), self.machine("other")))
        before = self.managed_ports()
        self.daemon.configure(self.config(self.machine(ports=["1-1"]), self.machine("other", ["1-1", "printer"])))
        self.daemon.reload()
        api.wait(lambda: self.managed_ports() == sorted(before + ["1-1", "printer"]), "they are told of")
        self.assertEqual(api.port("1-1")["VirtualMachines"], ["vm", "other"])
        self.assertEqual(len(api.call("ListPorts", "a{sv}", ({},))[0]), len(before) + 2)
        self.daemon.configure(self.config(self.machine(), self.machine("other")))
        self.daemon.reload()
        api.wait(lambda: self.managed_ports() == before, "they are told of no more")

    def test_hubs_and_delay_change(self):
        self.add_peer(controllers={"a": ("qemu-xhci", "a.0", 4, 4), "b": ("qemu-xhci", "b.0", 4, 4)})
        api = self.start(self.config(self.machine(ports=["3-1", "3-2"], hubs="[a.0]")))
        self.tree.plug("3-1")
        self.assertEqual(api.wait_device("3-1", "attached")["GuestBus"], "a.0")
        self.daemon.configure(self.config(self.machine(ports=["3-1", "3-2"], hubs="[b.0]", delay=0.3)))
        self.daemon.reload()
        self.tree.plug("3-2")
        api.wait_device("3-2", "waiting", "delay")
        self.assertEqual(api.wait_device("3-2", "attached")["GuestBus"], "b.0")
        self.assertEqual(api.device("3-1")["GuestBus"], "a.0")

    def test_signals_in_a_row(self):
        api = self.start(self.config(self.machine()))
        for _turn in range(20):
            self.daemon.process.send_signal(daemon.signal.SIGHUP)
        self.daemon.configure(self.config(self.machine("last")))
        self.daemon.reload()
        api.wait(lambda: list(api.vms()) == ["last"], "the last file in force")


if __name__ == "__main__":
    tap.main()
