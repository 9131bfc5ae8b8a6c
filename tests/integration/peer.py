# SPDX-License-Identifier: LGPL-2.1-or-later
"""A scripted QMP peer: a QEMU as far as the daemon talks to one, and all that a broken or hostile one may do."""
import array
import json
import os
import socket
import threading
import time

GREETING = {"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}


class Failure(Exception):
    """Answered as QEMU answers a command that fails."""

    def __init__(self, description, name="GenericError"):
        super().__init__(description)
        self.error = {"class": name, "desc": description}


class Leave(Exception):
    """Closes the connection instead of an answer."""


class Peer:
    """Serves one client at a time, as QEMU does. @controllers: name of the device -> (type, bus, p2, p3)."""

    def __init__(self, path, controllers=None, greeting=GREETING, pretty=False):
        self.path = path
        self.controllers = controllers if controllers is not None else {"xhci": ("qemu-xhci", "xhci.0", 8, 8)}
        self.greeting = greeting  # bytes are sent as they are; None: nothing is
        self.pretty = pretty
        self.status = "running"
        self.devices = {}  # id -> arguments of device_add
        self.foreign = {}  # id -> (bus, port): somebody else's devices
        self.fdsets = {}  # number -> descriptors
        self.passed = []  # where the descriptors lead that were passed
        self.log = []  # (command, arguments)
        self.ids = []  # of the commands
        self.hooks = {}  # command -> function (arguments) -> value, bytes sent as they are, or None for no answer
        self.connections = 0
        self.news = threading.Condition()
        self.client = None
        self.paused = threading.Event()
        self.paused.set()
        self.listener = None
        self.start()

    def start(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        threading.Thread(target=self._serve, args=(self.listener,), daemon=True).start()

    def stop(self, unlink=True):
        """The machine ends."""
        with self.news:
            listener, self.listener = self.listener, None
            self.devices.clear()
        if listener:
            # Wakes the thread that accepts, which closing alone does not.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.drop()
        for fd in sum(self.fdsets.values(), []):
            os.close(fd)
        self.fdsets.clear()
        if unlink and os.path.lexists(self.path):
            os.unlink(self.path)

    close = stop

    def drop(self):
        """Closes the connection; the machine goes on."""
        client = self.client
        if client:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def pause(self):
        """Reads no more, as a process that is stopped."""
        self.paused.clear()

    def resume(self):
        self.paused.set()

    def _serve(self, listener):
        while True:
            try:
                client, _address = listener.accept()
            except OSError:
                return
            with self.news:
                self.client = client
                self.connections += 1
                self.news.notify_all()
            try:
                self._talk(client)
            except (OSError, Leave):
                pass
            with self.news:
                self.client = None
                self.news.notify_all()
            client.close()

    def _talk(self, client):
        decoder, text = json.JSONDecoder(), ""
        if self.greeting is not None:
            self.send(self.greeting)
        while True:
            fds = array.array("i")
            data, control, _flags, _address = client.recvmsg(65536, socket.CMSG_SPACE(4 * 4))
            self.paused.wait()
            for level, kind, content in control:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds.frombytes(content[:len(content) - len(content) % 4])
            if not data:
                return
            text += data.decode()
            while text.strip():
                try:
                    message, end = decoder.raw_decode(text.lstrip())
                except ValueError:
                    break
                text = text.lstrip()[end:]
                self._answer(message, list(fds))
                fds = array.array("i")

    def send(self, message):
        client = self.client
        if not isinstance(message, bytes):
            message = json.dumps(message, indent=4 if self.pretty else None).replace("\n", "\r\n").encode() + b"\r\n"
        if client:
            client.sendall(message)

    def event(self, name, **data):
        self.send({"event": name, "data": data, "timestamp": {"seconds": 1, "microseconds": 2}})

    def _answer(self, message, fds):
        command, arguments = message["execute"], message.get("arguments", {})
        reply = {}
        try:
            hook = self.hooks.get(command)
            value = hook(arguments) if hook else self.execute(command, arguments, fds)
            if isinstance(value, bytes) or value is None:
                reply = value
            else:
                reply["return"] = value
        except Failure as failure:
            reply["error"] = failure.error
        with self.news:
            self.log.append((command, arguments))
            self.ids.append(message.get("id"))
            self.news.notify_all()
        if isinstance(reply, dict):
            reply["id"] = message.get("id")
        if reply is not None:
            self.send(reply)
        if command == "device_del" and isinstance(reply, dict) and "return" in reply:
            self.event("DEVICE_DELETED", device=arguments["id"], path="/machine/peripheral/" + arguments["id"])

    def execute(self, command, arguments, fds=()):
        """What a healthy QEMU does."""
        method = getattr(self, "_on_" + command.replace("-", "_"), None)
        if method is None:
            raise Failure("The command %s has not been found" % command, "CommandNotFound")
        return method(arguments, fds) if command == "add-fd" else method(arguments)

    def _on_qmp_capabilities(self, _arguments):
        return {}

    def _on_query_version(self, _arguments):
        return GREETING["QMP"]["version"]

    def _on_query_status(self, _arguments):
        return {"status": self.status, "running": self.status == "running"}

    def _on_device_list_properties(self, _arguments):
        return [{"name": name, "type": "str"} for name in ("hostbus", "hostaddr", "hostdevice", "port")]

    def _on_qom_list(self, arguments):
        folder = arguments["path"].rpartition("/")[2]
        if folder == "peripheral":
            return ([{"name": name, "type": "child<%s>" % kind} for name, (kind, *_rest) in self.controllers.items()]
                    + [{"name": name, "type": "child<usb-host>"} for name in self.devices]
                    + [{"name": name, "type": "child<usb-kbd>"} for name in self.foreign])
        if folder not in self.controllers:
            return []
        _kind, bus, p2, p3 = self.controllers[folder]
        ports = ([{"name": "p2", "type": "uint32"}] if p2 else []) + ([{"name": "p3", "type": "uint32"}] if p3 else [])
        return ports + [{"name": bus, "type": "child<usb-bus>"}]

    def _on_qom_get(self, arguments):
        name, key = arguments["path"].rpartition("/")[2], arguments["property"]
        if name in self.controllers and key in ("p2", "p3"):
            return self.controllers[name][2 if key == "p2" else 3]
        if name in self.devices and key == "attached":
            return self.devices[name].get("attached", True)
        if key == "parent_bus" and (name in self.devices or name in self.foreign):
            bus = self.devices[name]["bus"] if name in self.devices else self.foreign[name][0]
            return "/machine/peripheral/%s/%s" % (bus.partition(".")[0], bus)
        raise Failure("Property '%s' not found" % key)

    def _on_human_monitor_command(self, _arguments):
        buses = [bus for _kind, bus, _p2, _p3 in self.controllers.values()]
        places = [(name, device["bus"], device["port"]) for name, device in self.devices.items()]
        places += [(name, bus, port) for name, (bus, port) in self.foreign.items()]
        return "".join("  Device %d.%d, Port %s, Speed 480 Mb/s, Product Thing, ID: %s\r\n"
                       % (buses.index(bus), number, port, name) for number, (name, bus, port) in enumerate(places))

    def _on_add_fd(self, arguments, fds):
        if not fds:
            raise Failure("No file descriptor supplied via SCM_RIGHTS")
        self.passed.append(os.readlink("/proc/self/fd/%d" % fds[0]))
        self.fdsets.setdefault(arguments["fdset-id"], []).extend(fds)
        return {"fdset-id": arguments["fdset-id"], "fd": fds[0]}

    def _on_remove_fd(self, arguments):
        if arguments["fdset-id"] not in self.fdsets:
            raise Failure("File descriptor named 'fdset-id:%d' not found" % arguments["fdset-id"])
        for fd in self.fdsets.pop(arguments["fdset-id"]):
            os.close(fd)
        return {}

    def _on_device_add(self, arguments):
        places = [(device["bus"], device["port"]) for device in self.devices.values()] + list(self.foreign.values())
        if arguments["id"] in self.devices:
            raise Failure("Duplicate device ID '%s'" % arguments["id"])
        if (arguments["bus"], arguments["port"]) in places:
            raise Failure("usb port %s (bus %s) not found (in use?)" % (arguments["port"], arguments["bus"]))
        number = arguments.get("hostdevice", "").rpartition("/dev/fdset/")[2]
        if number.isdigit() and int(number) not in self.fdsets:
            raise Failure("failed to open /dev/fdset/%s: No such file or directory" % number)
        self.devices[arguments["id"]] = dict(arguments)
        return {}

    def _on_device_del(self, arguments):
        if arguments["id"] not in self.devices:
            raise Failure("Device '%s' not found" % arguments["id"], "DeviceNotFound")
        del self.devices[arguments["id"]]
        return {}

    def leave_unanswered(self, command):
        """From now on @command is done, and nobody is told."""
        def hook(arguments):
            self.execute(command, arguments)
        self.hooks[command] = hook

    def lose(self, name):
        """Somebody else deletes a device."""
        del self.devices[name]
        self.event("DEVICE_DELETED", device=name, path="/machine/peripheral/" + name)

    def commands(self, name):
        with self.news:
            return [arguments for command, arguments in self.log if command == name]

    def wait(self, predicate, what, timeout=10):
        limit = time.monotonic() + timeout
        with self.news:
            while not predicate():
                left = limit - time.monotonic()
                assert left > 0 and self.news.wait(left), "not within %s s: %s; log %s" % (timeout, what, self.log)

    def wait_command(self, name, count=1, timeout=10):
        self.wait(lambda: sum(command == name for command, _arguments in self.log) >= count,
                  "%u times %s" % (count, name), timeout)
        return self.commands(name)[count - 1]
