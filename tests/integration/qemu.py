# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU itself, with a monitor for the daemon and another for the test."""
import json
import os
import shutil
import socket
import subprocess

import bus

QEMU = shutil.which("qemu-system-x86_64")
XHCI = ("-device", "qemu-xhci,id=xhci,p2=8,p3=8")


class Monitor:
    """A QMP client, or one that merely holds the monitor."""

    def __init__(self, path, negotiate=True):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")
        self.greeting = json.loads(self.file.readline())
        if negotiate:
            self.call("qmp_capabilities")

    def call(self, command, **arguments):
        """The value returned; AssertionError for an error."""
        message = {"execute": command, "arguments": {key.replace("_", "-"): value for key, value in arguments.items()}}
        self.socket.sendall(json.dumps(message).encode() + b"\n")
        while True:
            reply = json.loads(self.file.readline())
            if "return" in reply:
                return reply["return"]
            assert "event" in reply, "%s: %s" % (command, reply)

    def close(self):
        self.file.close()
        self.socket.close()


class Qemu:
    """A machine that is not started (-S): it costs nothing, and takes and loses devices all the same."""

    def __init__(self, path, devices=XHCI, machine="q35", pretty=False):
        self.path = path
        self.own = path + ".test"
        self.monitor = None
        daemons = "chardev=daemon,mode=control" + (",pretty=on" if pretty else "")
        self.process = subprocess.Popen(
            [*bus.UNTIL_WE_END, QEMU, "-S", "-M", machine, "-accel", "tcg", "-m", "64", "-nodefaults",
             "-display", "none", *devices, "-mon", daemons,
             "-chardev", "socket,id=daemon,path=%s,server=on,wait=off" % path,
             "-qmp", "unix:%s,server=on,wait=off" % self.own],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=bus.plain_environment())

    def connect(self):
        """The test's own monitor."""
        if self.monitor is None:
            bus.wait_until(lambda: os.path.exists(self.own), "QEMU's socket")

            def attempt():
                try:
                    return Monitor(self.own)
                except ConnectionRefusedError:
                    return None
            self.monitor = bus.wait_until(attempt, "QEMU to listen")
        return self.monitor

    def call(self, command, **arguments):
        return self.connect().call(command, **arguments)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.monitor:
            self.monitor.close()
        for path in (self.path, self.own):
            if os.path.lexists(path):
                os.unlink(path)
