# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bus of our own, ruled as the system's, and a way to speak to the daemon on it."""
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from gi.repository import Gio, GLib

NAME = "org.hotplugger1"
ROOT = "/org/hotplugger1"
SOURCE = os.environ.get("HP_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))

# The defaults of the real system bus, who may play polkit, and the daemon's own policy.
CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={0}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
    <allow own="org.freedesktop.PolicyKit1"/>
    <allow send_destination="org.freedesktop.PolicyKit1"/>
    <allow send_interface="org.freedesktop.PolicyKit1.AuthenticationAgent"/>
    <allow own="org.hotplugger1"/>
  </policy>
  <include ignore_missing="no">{1}/dbus/org.hotplugger1.conf</include>
</busconfig>
"""

# The first words of what must not outlive a test that is killed.
UNTIL_WE_END = ["setpriv", "--pdeathsig=KILL"]


def plain_environment(**more):
    """What a process gets that must not see umockdev's world, nor what the caller's session has set."""
    unwanted = ("LD_PRELOAD", "UMOCKDEV_DIR", "NO_COLOR", "COLUMNS", "LISTEN_FDS", "NOTIFY_SOCKET", "STATE_DIRECTORY")
    environment = {key: value for key, value in os.environ.items() if key not in unwanted}
    environment.update({"LC_ALL": "C.UTF-8", "TERM": "xterm"}, **more)
    return environment


def end(process, grace=10):
    """Ends a process that we started; by force where it does not go."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def wait_until(predicate, what, timeout=10):
    """Polls: for what nobody tells us."""
    limit = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > limit:
            raise AssertionError("not within %s s: %s (last: %r)" % (timeout, what, value))
        time.sleep(0.01)


class PrivateBus:
    loop = None

    def __init__(self):
        if PrivateBus.loop is None:
            # Signals and the doubles of polkit live in a thread of their own; tests wait as they like.
            PrivateBus.loop = threading.Thread(target=GLib.MainLoop().run, daemon=True)
            PrivateBus.loop.start()
        self.folder = tempfile.mkdtemp(prefix="hp-bus-")
        os.chmod(self.folder, 0o755)
        path = os.path.join(self.folder, "bus.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(self.folder, os.path.abspath(SOURCE)))
        self.process = subprocess.Popen([*UNTIL_WE_END, "dbus-daemon", "--nofork", "--print-address",
                                         "--config-file=" + path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True, env=plain_environment())
        self.address = self.process.stdout.readline().strip()
        assert self.address, "dbus-daemon did not start"

    def close(self):
        end(self.process)
        self.process.stdout.close()
        shutil.rmtree(self.folder)

    def connect(self):
        flags = Gio.DBusConnectionFlags
        connection = Gio.DBusConnection.new_for_address_sync(
            self.address, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
        connection.set_exit_on_close(False)
        return connection


def error_name(error):
    """The D-Bus name of a GError."""
    return Gio.DBusError.get_remote_error(error)


class Api:
    """The daemon as its callers see it."""

    def __init__(self, bus):
        self.connection = bus.connect()
        self.signals = []  # (interface, member, path, arguments)
        self.news = threading.Condition()
        self.connection.signal_subscribe(NAME, None, None, None, None, Gio.DBusSignalFlags.NONE, self._on_signal)
        # With the answer to this, the bus knows of the subscription too.
        self.connection.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId",
                                  None, None, Gio.DBusCallFlags.NONE, -1, None)

    def close(self):
        if not self.connection.is_closed():
            self.connection.close_sync(None)

    def _on_signal(self, _connection, _sender, path, interface, member, arguments):
        with self.news:
            self.signals.append((interface, member, path, arguments.unpack()))
            self.news.notify_all()

    def call(self, method, signature="", arguments=(), interface=NAME + ".Manager", path=ROOT, interactive=False,
             timeout=15):
        flags = Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION if interactive else Gio.DBusCallFlags.NONE
        return self.connection.call_sync(NAME, path, interface, method, GLib.Variant("(%s)" % signature, arguments),
                                         None, flags, timeout * 1000, None).unpack()

    def begin(self, method, signature="", arguments=(), interactive=False):
        """Starts a call of the manager's. Returns a function that waits for its end."""
        done = threading.Event()
        result = []
        flags = Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION if interactive else Gio.DBusCallFlags.NONE

        def on_done(connection, answer):
            try:
                result.append(connection.call_finish(answer).unpack())
            except GLib.Error as error:
                result.append(error)
            done.set()

        def finish(timeout=15):
            assert done.wait(timeout), "%s was not answered" % method
            if isinstance(result[0], GLib.Error):
                raise result[0]
            return result[0]

        self.connection.call(NAME, ROOT, NAME + ".Manager", method, GLib.Variant("(%s)" % signature, arguments), None,
                             flags, 60000, None, on_done)
        finish.is_done = done.is_set
        return finish

    def get_all(self, path, interface):
        return self.call("GetAll", "s", (NAME + "." + interface,), "org.freedesktop.DBus.Properties", path)[0]

    def manager(self):
        return self.get_all(ROOT, "Manager")

    def _list(self, method, key):
        return {properties[key]: properties for _path, properties in self.call(method, "a{sv}", ({},))[0]}

    def ports(self):
        """By the kernel name of the USB 2 half, or else by the stable name."""
        return {port["Usb2"] or port["Id"]: port for port in self._list("ListPorts", "Id").values()}

    def port(self, name):
        return self.ports().get(name)

    def devices(self):
        return self._list("ListDevices", "Name")

    def device(self, name):
        return self.devices().get(name)

    def vms(self):
        return self._list("ListVirtualMachines", "Name")

    def vm(self, name):
        return self.vms().get(name)

    def wait(self, predicate, what, timeout=10):
        """Until @predicate holds; looks again whenever the daemon says something."""
        limit = time.monotonic() + timeout
        while True:
            with self.news:
                seen = len(self.signals)
            value = predicate()
            if value:
                return value
            with self.news:
                left = limit - time.monotonic()
                if left <= 0:
                    raise AssertionError("not within %s s: %s (last: %r)" % (timeout, what, value))
                if len(self.signals) == seen:
                    self.news.wait(min(left, 0.1))

    def wait_device(self, name, state, reason=None, timeout=10):
        def look():
            device = self.device(name)
            return device if device and device["State"] == state and reason in (None, device["Reason"]) else None
        try:
            return self.wait(look, "%s %s %s" % (name, state, reason or ""), timeout)
        except AssertionError as error:
            raise AssertionError("%s, but: %s" % (error, self.device(name))) from None

    def wait_vm(self, name, state, reason=None, timeout=10):
        def look():
            vm = self.vm(name)
            return vm if vm and vm["State"] == state and reason in (None, vm["Reason"]) else None
        try:
            return self.wait(look, "%s %s %s" % (name, state, reason or ""), timeout)
        except AssertionError as error:
            raise AssertionError("%s, but: %s" % (error, self.vm(name))) from None

    def wait_port(self, name, timeout=10, **wanted):
        def look():
            port = self.port(name)
            return port if port and all(port[key] == value for key, value in wanted.items()) else None
        try:
            return self.wait(look, "port %s %s" % (name, wanted), timeout)
        except AssertionError as error:
            raise AssertionError("%s, but: %s" % (error, self.port(name))) from None

    @staticmethod
    def _catch_up():
        """What came before the last answer to a call is in the queue of the other thread, if not further."""
        done = threading.Event()
        GLib.idle_add(done.set)
        assert done.wait(10)

    def heard(self, member):
        """The arguments of every signal of this name so far."""
        self._catch_up()
        with self.news:
            return [arguments for _interface, name, _path, arguments in self.signals if name == member]

    def wait_heard(self, member, count=1, timeout=10):
        return self.wait(lambda: self.heard(member)[count - 1:], "%u signals %s" % (count, member), timeout)[0]
