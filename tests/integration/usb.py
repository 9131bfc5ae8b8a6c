# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine's USB as the daemon sees it: sysfs, udev's events and usbfs, out of umockdev.

The tree plays the kernel as far as it matters here: a device on a claimed port comes without configuration and without
drivers, setting the configuration makes interfaces, drivers bind where the port is free, and a claim dies with the
descriptor it was made on.
"""
import errno
import os
import shutil
import struct
import threading

import gi
import uevent

gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402

PRELOAD = "libumockdev-preload.so.0"

CLAIM_PORT = 0x80045518
RELEASE_PORT = 0x80045519
SETCONFIGURATION = 0x80045505
IOCTL = 0xC0105512
CONNECT = 0x5517

STORAGE = (8, 6, 0x50, "usb-storage")
KEYBOARD = (3, 1, 1, "usbhid")
MOUSE = (3, 1, 2, "usbhid")
CDC_CONTROL = (2, 2, 1, "cdc_acm")
CDC_DATA = (10, 0, 0, "cdc_acm")

SPEEDS = {"1.5": 1, "12": 1, "480": 2, "5000": 3, "10000": 3}


def write(path, data):
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def link(path, target):
    os.symlink(os.path.relpath(target, os.path.dirname(path)), path)


def descriptors(device_class, interfaces):
    """The bytes of a device descriptor and of its one configuration, number 3 to be told from a constant."""
    body = b"".join(struct.pack("<9B", 9, 4, number, 0, 0, *interface[:3], 0)
                    for number, interface in enumerate(interfaces))
    return (struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x200, device_class, 0, 0, 64, 1, 2, 0x100, 1, 2, 3, 1)
            + struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), len(interfaces), 3, 0, 0x80, 50) + body)


class Device:
    """One plug: what is in sysfs of it, from add to remove."""

    def __init__(self, name, path, bus, number, interfaces, configured):
        self.name = name
        self.path = path  # with the testbed's root
        self.bus = bus
        self.number = number
        self.interfaces = interfaces
        self.configured = configured
        self.hub_ports = 0
        self.driver = "usb"

    @property
    def node(self):
        return "/dev/bus/usb/%03d/%03d" % (self.bus, self.number)


class UsbTree:
    def __init__(self):
        self.testbed = UMockdev.Testbed.new()
        self.root = self.testbed.get_root_dir()
        self.devices = {}
        self.clients = {}  # kernel port -> the ioctl client that claims it
        self.refuse_claims = 0  # errno
        self.refuse_configurations = 0  # errno
        self.ioctls = []  # (node, name, argument)
        self.lock = threading.RLock()  # ioctls come in a thread of umockdev's
        self.numbers = {}
        self.sender = uevent.Sender(self.root)
        self.handlers = {}
        self.kept = []  # descriptors of removed folders: no later device gets their inode number
        for path in ("sys/bus/usb/devices", "sys/bus/usb/drivers", "sys/bus/pci", "dev/bus/usb"):
            os.makedirs(os.path.join(self.root, path))

    def close(self):
        for node in list(self.handlers):
            self.testbed.detach_ioctl(node)
        self.handlers.clear()
        for fd in self.kept:
            os.close(fd)
        self.kept.clear()
        self.testbed = None

    def environment(self):
        return {"LD_PRELOAD": PRELOAD, "UMOCKDEV_DIR": self.root}

    # --- what is there ---

    def add_controller(self, address="0000:00:14.0", buses=(3, 4), ports=(4, 4), peers=True):
        """An xHCI: a USB 2 bus and a SuperSpeed bus whose ports are each other's peers. No second bus: USB 2 only."""
        path = os.path.join(self.root, "sys/devices/pci0000:00", address)
        os.makedirs(path)
        write(os.path.join(path, "uevent"), "PCI_SLOT_NAME=%s\n" % address)
        link(os.path.join(path, "subsystem"), os.path.join(self.root, "sys/bus/pci"))
        for bus, version, count, speed in zip(buses, (" 2.00", " 3.00"), ports, ("480", "5000")):
            self._add_root_hub(path, bus, version, count, speed)
        if peers and len(buses) == 2:
            for number in range(1, min(ports) + 1):
                halves = [self.port_path("%d-%d" % (bus, number)) for bus in buses]
                link(os.path.join(halves[0], "peer"), halves[1])
                link(os.path.join(halves[1], "peer"), halves[0])

    def _add_root_hub(self, controller, bus, version, ports, speed):
        device = self._make("usb%d" % bus, os.path.join(controller, "usb%d" % bus), bus, 9, [(9, 0, 0, "hub")], True,
                            {"version": version, "speed": speed, "manufacturer": "Linux", "product": "xHCI Host"})
        self._make_hub(device, ports)

    def port_path(self, port):
        """The folder of a kernel port: "3-1", "3-1.4"."""
        hub, number = self.hub_of(port)
        return os.path.join(hub.path, self._interface(hub, 0), "%s-port%d" % (hub.name, number))

    def hub_of(self, port):
        bus, chain = port.split("-")
        above, dot, number = chain.rpartition(".")
        return self.devices["%s-%s" % (bus, above) if dot else "usb" + bus], int(number)

    def set_port(self, port, **attributes):
        """Attributes of a port; "physical_location/panel" is written with two underscores."""
        for name, value in attributes.items():
            path = os.path.join(self.port_path(port), name.replace("__", "/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write(path, value)

    @staticmethod
    def _interface(device, number):
        return "%s:1.%d" % ("%d-0" % device.bus if device.name.startswith("usb") else device.name, number)

    def _make(self, name, path, bus, device_class, interfaces, configured, attributes):
        number = self.numbers[bus] = self.numbers.get(bus, 0) + 1
        device = Device(name, path, bus, number, interfaces, configured)
        self._make_node(device)
        os.makedirs(path)
        values = {"busnum": str(bus), "devnum": str(number), "bDeviceClass": "%02x" % device_class,
                  "idVendor": "0781", "idProduct": "5581", "speed": "480",
                  "bConfigurationValue": "3" if configured else "", "maxchild": "0", **attributes}
        for attribute, value in values.items():
            if value is not None:
                write(os.path.join(path, attribute), value if isinstance(value, bytes) else value + "\n")
        write(os.path.join(path, "descriptors"), descriptors(device_class, interfaces))
        write(os.path.join(path, "uevent"), "DEVTYPE=usb_device\nDEVNAME=bus/usb/%03d/%03d\nBUSNUM=%03d\nDEVNUM=%03d\n"
              % (bus, number, bus, number))
        link(os.path.join(path, "subsystem"), os.path.join(self.root, "sys/bus/usb"))
        link(os.path.join(self.root, "sys/bus/usb/devices", name), path)
        if configured:
            self._make_interfaces(device)
        self.devices[name] = device
        return device

    def _make_interfaces(self, device):
        for number, (code, subclass, protocol, driver) in enumerate(device.interfaces):
            path = os.path.join(device.path, self._interface(device, number))
            os.makedirs(path)
            for attribute, value in (("bInterfaceNumber", number), ("bInterfaceClass", code),
                                     ("bInterfaceSubClass", subclass), ("bInterfaceProtocol", protocol)):
                write(os.path.join(path, attribute), "%02x\n" % value)
            write(os.path.join(path, "uevent"), "DEVTYPE=usb_interface\n")
            link(os.path.join(path, "subsystem"), os.path.join(self.root, "sys/bus/usb"))
            if device.name not in self.claims:
                self._bind(device, number, driver)

    def _make_hub(self, device, ports):
        device.hub_ports = ports
        write(os.path.join(device.path, "maxchild"), "%d\n" % ports)
        for number in range(1, ports + 1):
            path = os.path.join(device.path, self._interface(device, 0), "%s-port%d" % (device.name, number))
            os.makedirs(path)
            write(os.path.join(path, "uevent"), "")
            write(os.path.join(path, "connect_type"), "hotplug\n")
            write(os.path.join(path, "over_current_count"), "0\n")

    def _bind(self, device, number, driver):
        folder = os.path.join(self.root, "sys/bus/usb/drivers", driver)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(device.path, self._interface(device, number), "driver")
        if not os.path.lexists(path):
            link(path, folder)

    def drivers(self, name):
        """The drivers of a device's interfaces; None for none."""
        device = self.devices[name]
        found = []
        for number in range(len(device.interfaces) if device.configured else 0):
            path = os.path.join(device.path, self._interface(device, number), "driver")
            found.append(os.path.basename(os.readlink(path)) if os.path.lexists(path) else None)
        return found

    def take(self, name):
        """QEMU opens the device: usbfs instead of the host's drivers; and how a killed one leaves it."""
        self._unbind(name)
        for number in range(len(self.devices[name].interfaces)):
            self._bind(self.devices[name], number, "usbfs")

    def leave(self, name):
        self._unbind(name)

    def _unbind(self, name):
        device = self.devices[name]
        for number in range(len(device.interfaces)):
            path = os.path.join(device.path, self._interface(device, number), "driver")
            if os.path.lexists(path):
                os.unlink(path)

    # --- plugging ---

    def plug(self, name, interfaces=(STORAGE,), device_class=0, event=True, **attributes):
        """Plugs a device into the kernel port @name; its attributes as in sysfs, idVendor="1234"."""
        hub, _number = self.hub_of(name)
        attributes = {"speed": "5000" if hub.name == "usb4" else "480", "manufacturer": "SanDisk", "product": "Ultra",
                      **attributes}
        with self.lock:
            device = self._make(name, os.path.join(hub.path, name), hub.bus, device_class, list(interfaces),
                                name not in self.claims, attributes)
            port = self.port_path(name)
            link(os.path.join(port, "device"), device.path)
            link(os.path.join(device.path, "port"), port)
            if event:
                self._tell_added(device)
        return device

    def plug_hub(self, name, ports=4, event=True, **attributes):
        with self.lock:
            device = self.plug(name, [(9, 0, 0, "hub")], 9, False, product="Hub", **attributes)
            if device.configured:
                self._make_hub(device, ports)
            else:
                device.hub_ports = -ports  # its ports come with its configuration
            if event:
                self._tell_added(device)
        return device

    def _tell_added(self, device):
        self.uevent(device, "add")
        for number in range(len(device.interfaces) if device.configured else 0):
            self._uevent_interface(device, number, "add")
        self.uevent(device, "bind")

    def unplug(self, name, event=True):
        """Sysfs is gone by the time the event comes."""
        with self.lock:
            for other in [other for other in self.devices if self._is_child(other, name)]:
                self.unplug(other, event)
            device = self.devices.pop(name)
            for port in [port for port in self.clients if self._is_child(port, name)]:
                del self.clients[port]  # whoever still has the descriptor
            self.kept.append(os.open(device.path, os.O_PATH | os.O_DIRECTORY))
            os.unlink(os.path.join(self.root, "sys/bus/usb/devices", name))
            if not name.startswith("usb"):
                os.unlink(os.path.join(self.port_path(name), "device"))
            os.unlink(os.path.join(device.path, "devnum"))  # first, so that nobody takes what is left for a device
            shutil.rmtree(device.path)
            os.unlink(self.root + device.node)  # open descriptors go on, to an error
            if event:
                self.uevent(device, "remove")

    @staticmethod
    def _is_child(name, hub):
        above = name.rpartition(".")[0] or "usb" + name.partition("-")[0]
        return above == hub and name != hub

    def replug(self, name, **arguments):
        self.unplug(name)
        return self.plug(name, **arguments)

    def uevent(self, device, action):
        with self.lock:
            self.sender.send(action, device.path[len(self.root + "/sys"):], "usb", DEVTYPE="usb_device",
                             DEVNAME=device.node, BUSNUM="%03d" % device.bus, DEVNUM="%03d" % device.number)

    def _uevent_interface(self, device, number, action):
        path = os.path.join(device.path, self._interface(device, number))
        with self.lock:
            self.sender.send(action, path[len(self.root + "/sys"):], "usb", DEVTYPE="usb_interface")

    # --- usbfs ---

    @property
    def claims(self):
        """The claimed kernel ports. A claim goes with its descriptor."""
        return {port for port, client in list(self.clients.items()) if client.get_connected()}

    def _make_node(self, device):
        path = self.root + device.node
        os.makedirs(os.path.dirname(path), exist_ok=True)
        handler = UMockdev.IoctlBase()
        handler.connect("handle-ioctl", self._on_ioctl, device)
        self.testbed.attach_ioctl(device.node, handler)
        self.handlers[device.node] = handler
        write(path, "")  # last: whoever opens it finds the handler there

    def _on_ioctl(self, _handler, client, device):
        request = client.get_request() & 0xFFFFFFFF
        names = {CLAIM_PORT: "claim", RELEASE_PORT: "release", SETCONFIGURATION: "configure", IOCTL: "driver"}
        if request not in names:
            client.complete(-1, errno.ENOTTY)
            return True
        data = client.get_arg().resolve(0, 16 if request == IOCTL else 4)
        raw = bytes(data.retrieve())
        with self.lock:
            self.ioctls.append((device.node, names[request], struct.unpack("<I", raw[:4])[0]))
            there = self.devices.get(device.name) is device
            code = getattr(self, "_on_" + names[request])(client, device, raw) if there else errno.ENODEV
        client.complete(0 if code == 0 else -1, code)
        return True

    @staticmethod
    def _kernel_port(device, number):
        return "%d-%d" % (device.bus, number) if device.name.startswith("usb") else "%s.%d" % (device.name, number)

    def _on_claim(self, client, device, raw):
        port = self._kernel_port(device, struct.unpack("<I", raw)[0])
        if self.refuse_claims:
            return self.refuse_claims
        if port in self.claims:
            return errno.EBUSY
        self.clients[port] = client
        return 0

    def _on_release(self, client, device, raw):
        port = self._kernel_port(device, struct.unpack("<I", raw)[0])
        if self.clients.get(port) is not client:
            return errno.EINVAL
        del self.clients[port]
        return 0

    def _on_configure(self, _client, device, raw):
        if struct.unpack("<I", raw)[0] != 3:
            return errno.EINVAL
        if self.refuse_configurations:
            return self.refuse_configurations
        if device.configured:
            return 0
        device.configured = True
        write(os.path.join(device.path, "bConfigurationValue"), "3\n")
        self._make_interfaces(device)
        if device.hub_ports < 0:
            self._make_hub(device, -device.hub_ports)
        for number in range(len(device.interfaces)):
            self._uevent_interface(device, number, "add")
        return 0

    def _on_driver(self, _client, device, raw):
        number, code, _pointer = struct.unpack("<iiQ", raw)
        if code != CONNECT or number >= len(device.interfaces):
            return errno.ENOTTY
        if device.name not in self.claims:
            self._bind(device, number, device.interfaces[number][3])
        return 0
