# SPDX-License-Identifier: LGPL-2.1-or-later
"""The D-Bus contract: what dbus/*.xml says is what is there, and what callers may try on it."""
import os
import xml.etree.ElementTree

import bus
import case
import peer
import tap
from gi.repository import Gio, GLib

INVALID_ARGS = "org.freedesktop.DBus.Error.InvalidArgs"
ACCESS_DENIED = "org.freedesktop.DBus.Error.AccessDenied"
METHODS = {
    "ListPorts": ("a{sv}", ({},)),
    "ListDevices": ("a{sv}", ({},)),
    "ListVirtualMachines": ("a{sv}", ({},)),
    "AssignPort": ("ssa{sv}", ("3-1", "vm", {})),
    "UnassignPort": ("sa{sv}", ("3-1", {})),
    "AttachDevice": ("ssa{sv}", ("3-1", "vm", {})),
    "DetachDevice": ("sa{sv}", ("3-1", {})),
    "Reload": ("a{sv}", ({},)),
}


def describe(interface):
    """What an interface has, without prose and the names of arguments' directions."""
    found = set()
    for member in interface:
        if member.tag not in ("method", "signal", "property"):
            continue
        arguments = [(argument.get("name"), argument.get("type"), argument.get("direction", "-"))
                     for argument in member.findall("arg")]
        if member.tag == "signal":
            arguments = [argument[:2] for argument in arguments]
        notes = sorted((note.get("name"), note.get("value")) for note in member.findall("annotation"))
        found.add((member.tag, member.get("name"), member.get("type"), member.get("access"), str(arguments),
                   str(notes)))
    return found


def strings(value):
    """All the text in something from the bus."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from strings(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from strings(item)


def from_file(name):
    path = os.path.join(bus.SOURCE, "dbus", "org.hotplugger1.%s.xml" % name)
    return xml.etree.ElementTree.parse(path).getroot().find("interface")


class Contract(case.Case):
    def begin(self):
        self.machine_peer = self.add_peer()
        self.tree.plug("3-1")
        api = self.start(self.config(self.machine(ports=["3-1"])))
        api.wait_device("3-1", "attached")
        return api

    def introspect(self, path):
        root = xml.etree.ElementTree.fromstring(self.api.call(
            "Introspect", interface="org.freedesktop.DBus.Introspectable", path=path)[0])
        return {interface.get("name"): interface for interface in root.findall("interface")}

    def test_files_and_daemon_agree(self):
        api = self.begin()
        paths = {"Manager": bus.ROOT}
        for method, name in (("ListPorts", "Port"), ("ListDevices", "Device"),
                             ("ListVirtualMachines", "VirtualMachine")):
            paths[name] = api.call(method, "a{sv}", ({},))[0][0][0]
        for name, path in paths.items():
            with self.subTest(name):
                interfaces = self.introspect(path)
                declared = from_file(name)
                self.assertEqual(describe(interfaces["org.hotplugger1." + name]), describe(declared))
                values = api.get_all(path, name)
                self.assertEqual(set(values), {member.get("name") for member in declared.findall("property")})
                for key, value in values.items():
                    self.assertEqual(api.call("Get", "ss", ("org.hotplugger1." + name, key),
                                              "org.freedesktop.DBus.Properties", path), (value,))
        declared = from_file("Manager")
        self.assertEqual(set(METHODS), {member.get("name") for member in declared.findall("method")})
        self.assertIn("org.freedesktop.DBus.ObjectManager", self.introspect(bus.ROOT))

    def test_every_method_and_signal(self):
        api = self.begin()
        self.assertEqual(api.call("DetachDevice", "sa{sv}", ("3-1", {}))[0], bus.ROOT + "/device/3_2d1")
        self.assertEqual(api.call("AttachDevice", "ssa{sv}", ("3-1", "vm", {}))[0], bus.ROOT + "/device/3_2d1")
        reserve = {"reserve": GLib.Variant("s", "always")}
        self.assertEqual(api.call("AssignPort", "ssa{sv}", ("3-2", "vm", reserve))[0], case.port_id("2"))
        self.assertEqual(api.port("3-2")["Reserve"], "always")
        self.assertEqual(api.call("UnassignPort", "sa{sv}", ("3-2", {}))[0], case.port_id("2"))
        self.assertEqual(api.call("Reload", "a{sv}", ({},)), ())
        for method in ("ListPorts", "ListDevices", "ListVirtualMachines"):
            self.assertTrue(api.call(method, "a{sv}", ({},))[0])

        def refuse(_arguments):
            raise peer.Failure("no")
        self.machine_peer.hooks["device_add"] = refuse
        self.tree.replug("3-1")
        api.wait_heard("AttachFailed")
        signals = {member.get("name"): "(%s)" % "".join(argument.get("type") for argument in member.findall("arg"))
                   for member in from_file("Manager").findall("signal")}
        self.assertEqual(set(signals), {"DeviceAttached", "DeviceDetached", "AttachFailed"})
        for member in signals:
            for path, name, port, vm, details in api.heard(member):
                self.assertEqual((path, name, port, vm), (bus.ROOT + "/device/3_2d1", "3-1", case.port_id("1"), "vm"))
                self.assertIn("description", details)

    def test_options(self):
        api = self.begin()
        string, boolean = GLib.Variant("s", "x"), GLib.Variant("b", True)
        for method, (signature, arguments) in METHODS.items():
            with self.subTest(method):
                for key in ("nonsense", "", "x" * 100000, "a\nb\x1b[31m"):
                    message = self.fails(INVALID_ARGS, api.call, method, signature,
                                         (*arguments[:-1], {key: string}))
                    self.assertIn("unknown option", message)
                    self.assertLess(len(message), 300)
                    self.assertNotIn("\x1b", message)
                many = {"key%d" % number: boolean for number in range(10000)}
                self.fails(INVALID_ARGS, api.call, method, signature, (*arguments[:-1], many))
        for method, options, part in (
                ("AssignPort", {"reserve": boolean}, "option 'reserve' is of type 's', and 'b' was given"),
                ("AssignPort", {"reserve": string}, "none of 'while-running', 'always' and 'never'"),
                ("AssignPort", {"reset": boolean}, "this method takes 'reserve'"),
                ("UnassignPort", {"reset": string}, "option 'reset' is of type 'b'"),
                ("Reload", {"reset": boolean}, "this method takes none")):
            signature, arguments = METHODS[method]
            self.assertIn(part, self.fails(INVALID_ARGS, api.call, method, signature, (*arguments[:-1], options)))
        builder = GLib.VariantBuilder(GLib.VariantType("a{sv}"))
        for _turn in range(2):
            builder.add_value(GLib.Variant("{sv}", ("reset", boolean)))
        twice = GLib.Variant.new_tuple(GLib.Variant("s", "3-1"), builder.end())
        with self.assertRaises(GLib.Error) as caught:
            api.connection.call_sync(bus.NAME, bus.ROOT, bus.NAME + ".Manager", "UnassignPort", twice, None,
                                     Gio.DBusCallFlags.NONE, 10000, None)
        self.assertIn("option 'reset' is given twice", caught.exception.message)
        # None of it has come as far as a question.
        self.assertEqual(self.polkit.asked, [])

    def test_hostile_texts(self):
        api = self.begin()
        before = self.daemon.resident()
        texts = ["", "x" * (1 << 20), "3-" + "1" * 5000, "../../etc/passwd", "%s%n%s", "\x1b[31m", "\u202e3-1", "3-1\n",
                 " 3-1", "-1", "/", "/" * 4000, "\U0001f50c", bus.ROOT + "/device/" + "_2d" * 1000, "a:b",
                 "/sys" * 500 + "/usb3/3-1"]
        for text in texts:
            for method, (signature, arguments) in METHODS.items():
                for at in range(len(arguments) - 1):
                    with self.subTest("%s %d %.20r" % (method, at, text)):
                        with self.assertRaises(GLib.Error) as caught:
                            api.call(method, signature, (*arguments[:at], text, *arguments[at + 1:]))
                        name = bus.error_name(caught.exception)
                        self.assertRegex(name, r"InvalidArgs$|NoSuch(Port|Device|VirtualMachine)$")
                        self.assertLess(len(caught.exception.message), 6000)
        self.assertEqual(self.polkit.asked, [])
        self.assertLess(self.daemon.resident() - before, 16 * 1024)
        self.assertEqual(api.device("3-1")["State"], "attached")
        self.assertEqual(os.listdir(self.daemon.state), [])

    def test_other_calls(self):
        api = self.begin()
        # What the bus's policy does not name does not even arrive.
        self.fails(ACCESS_DENIED, api.call, "Nonsense")
        self.fails(ACCESS_DENIED, api.call, "AssignPort", "ssa{sv}", ("3-1", "vm", {}), interface="org.example")
        self.fails(INVALID_ARGS, api.call, "AssignPort", "s", ("3-1",))
        self.fails(INVALID_ARGS, api.call, "ListPorts")
        with self.assertRaises(GLib.Error):
            api.get_all(bus.ROOT + "/port/nothing", "Port")
        deep = GLib.Variant("v", GLib.Variant("s", "x"))
        for _turn in range(20):
            deep = GLib.Variant("v", deep)
        self.fails(INVALID_ARGS, api.call, "Reload", "a{sv}", ({"deep": deep},))
        self.assertEqual(api.device("3-1")["State"], "attached")

    def test_many_callers(self):
        self.begin()
        callers = [bus.Api(self.bus) for _turn in range(40)]
        calls = [caller.begin("AssignPort", "ssa{sv}", ("3-%d" % (2 + turn % 3), "vm" if turn % 2 else "host", {}))
                 for turn, caller in enumerate(callers)]
        calls += [caller.begin("ListPorts", "a{sv}", ({},)) for caller in callers]
        for caller in callers[::2]:
            caller.close()
        for turn, finish in enumerate(calls):
            if turn % 2:
                finish()
        for caller in callers[1::2]:
            caller.close()
        self.assertEqual(len(self.api.ports()), 4)


class HostileDevices(case.Case):
    """What a device says of itself is the device's own."""

    def test_strings(self):
        self.tree.plug("3-1", manufacturer=b"\x1b]0;owned\x07\x1b[2J", product=b"\xff\xfe\xc0\xaf stick\n",
                       serial=b"a\x00b\r\n\t")
        self.tree.plug("3-2", manufacturer="\u202egnp.exe\u2066", product="x" * 4000, serial="\u200b\u00ad")
        self.tree.plug("3-3", manufacturer=b"", product=b"", idVendor=b"zzzz", idProduct=b"", speed=b"-1")
        self.tree.plug("3-4", manufacturer=b"\x7f\xc2\x9b31m", product="%s%n$(id)`id`'\";|", serial=None)
        self.tree.set_port("3-1", connect_type=b"\x1b[31m\xff", physical_location__panel="\x1b[31mback")
        self.add_peer()
        api = self.start(self.config(self.machine(ports=["3-1", "3-2", "3-3", "3-4"])))
        for name in ("3-1", "3-2", "3-3", "3-4"):
            api.wait_device(name, "attached")
        said = [api.devices(), api.ports(), [arguments for _i, _m, _p, arguments in api.signals],
                self.daemon.read_log()]
        for text in strings(said):
            self.assertNotRegex(text, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u00ad\u202a-\u202e\u2066-\u2069]")
        self.assertIn("\ufffd", api.device("3-1")["Product"])
        device = api.device("3-2")
        self.assertLess(len(device["Description"].encode()), 1200)
        self.assertEqual(api.device("3-3")["Description"], "unnamed device (0000:0000)")
        self.assertIn("%s%n$(id)`id`'\";|", api.device("3-4")["Product"])

    def test_descriptors(self):
        descriptors = [b"", b"\x00" * 100, b"\x12\x01" + b"\xff" * 64, b"\xff" * 70000, bytes(18) + b"\x09\x02"]
        self.add_peer()
        api = self.start(self.config(self.machine(ports=["3-1"])))
        api.wait_port("3-1", Claimed=True)
        for number, data in enumerate(descriptors):
            device = self.tree.plug("3-1", event=False, product="Try %d" % number)
            with open(os.path.join(device.path, "descriptors"), "wb") as file:
                file.write(data)
            self.tree.uevent(device, "add")
            api.wait(lambda wanted="Try %d" % number: (api.device("3-1") or {}).get("Product") == wanted
                     and api.device("3-1")["State"] in ("attached", "failed"), "seen and tried")
            self.tree.unplug("3-1")
            api.wait(lambda: api.device("3-1") is None, "gone")


if __name__ == "__main__":
    tap.main()
