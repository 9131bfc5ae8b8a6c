# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon as a process, and the service manager that it tells how it is."""
import array
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import bus

HOTPLUGD = os.environ.get("HOTPLUGD", os.path.join(bus.SOURCE, "build", "daemon", "hotplugd"))

# What systemd does between fork and exec with descriptors that it has kept.
EXEC_WITH_FDS = """
import os, sys
count, fds = int(sys.argv[1]), [int(word) for word in sys.argv[2].split(",") if word]
high = [os.dup2(fd, 200 + at) for at, fd in enumerate(fds)]
for at, fd in enumerate(high):
    os.dup2(fd, 3 + at)
os.closerange(3 + count, 300)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execvp(sys.argv[3], sys.argv[3:])
"""


class Manager:
    """The socket of sd_notify, and the store of descriptors."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.store = {}  # name -> descriptor
        self.told = []  # lines
        self.news = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        for fd in self.store.values():
            os.close(fd)
        self.store.clear()

    def _listen(self):
        while True:
            data, control, _flags, _address = self.socket.recvmsg(65536, socket.CMSG_SPACE(4))
            if not data:
                self.socket.close()
                return
            fds = array.array("i")
            for _level, _kind, content in control:
                fds.frombytes(content[:4])
            with self.news:
                self._take(data.decode().split("\n"), list(fds))
                self.news.notify_all()

    def _take(self, lines, fds):
        fields = dict(line.split("=", 1) for line in lines)
        name = fields.get("FDNAME")
        if "FDSTORE" in fields and fds:
            if name in self.store:
                os.close(self.store[name])
            self.store[name] = fds[0]
        if "FDSTOREREMOVE" in fields and name in self.store:
            os.close(self.store.pop(name))
        self.told.extend(lines)

    def wait(self, prefix, timeout=10, since=0):
        """The first line from @since on that begins with @prefix."""
        with self.news:
            assert self.news.wait_for(lambda: any(line.startswith(prefix) for line in self.told[since:]), timeout), \
                "not told within %s s: %s; told %s" % (timeout, prefix, self.told[since:])
            return next(line for line in self.told[since:] if line.startswith(prefix))

    def wait_last(self, key, value, timeout=10):
        """Until the last line of @key is @value."""
        def last():
            return next((line for line in reversed(self.told) if line.startswith(key + "=")), None)
        with self.news:
            assert self.news.wait_for(lambda: last() == "%s=%s" % (key, value), timeout), last()

    def wait_stored(self, *names, timeout=10):
        with self.news:
            assert self.news.wait_for(lambda: set(self.store) == set(names), timeout), set(self.store)


class Hotplugd:
    """One daemon after the other, with the same configuration, state, bus and USB."""

    def __init__(self, folder, on_bus, tree):
        self.folder = folder
        self.config = os.path.join(folder, "config.yaml")
        self.state = os.path.join(folder, "state")
        self.bus = on_bus
        self.tree = tree
        self.process = None
        self.log = open(os.path.join(folder, "log"), "ab")
        self.manager = Manager(folder)
        os.mkdir(self.state, 0o700)

    def close(self):
        if self.process:
            bus.end(self.process)
        self.manager.close()
        self.log.close()

    @property
    def state_file(self):
        return os.path.join(self.state, "state.json")

    def configure(self, text):
        with open(self.config + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.config + ".new", self.config)

    def environment(self, **more):
        environment = bus.plain_environment(DBUS_SYSTEM_BUS_ADDRESS=self.bus.address, NOTIFY_SOCKET=self.manager.path,
                                            STATE_DIRECTORY=self.state, G_DEBUG="fatal-criticals", **more)
        if self.tree:
            environment.update(self.tree.environment())
        return environment

    def start(self, prefix=(), options=(), ready=True, program=HOTPLUGD, **environment):
        """@prefix: words before the daemon's own, in whose environment umockdev is not."""
        assert self.process is None
        since = len(self.manager.told)
        variables = self.environment(**environment)
        preload = variables.pop("LD_PRELOAD", None)
        words = [program, "--config", self.config, *options]
        kept = dict(self.manager.store)
        if preload:
            words = ["env", "LD_PRELOAD=" + preload, *words]
        if kept:
            variables.update(LISTEN_FDS=str(len(kept)), LISTEN_FDNAMES=":".join(kept))
            words = [sys.executable, "-ISc", EXEC_WITH_FDS, str(len(kept)), ",".join(map(str, kept.values())), *words]
        self.process = subprocess.Popen([*prefix, *words], env=variables, stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL, pass_fds=list(kept.values()))
        if ready:
            try:
                self.manager.wait("READY=1", since=since)
            except AssertionError as error:
                raise AssertionError("%s\n%s" % (error, self.read_log())) from None

    def stop(self, number=signal.SIGTERM, timeout=10):
        """The orderly end. Returns the exit status."""
        self.process.send_signal(number)
        return self.wait(timeout)

    def kill(self):
        self.process.kill()
        return self.wait()

    def wait(self, timeout=10):
        process, self.process = self.process, None
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def reload(self):
        """By SIGHUP. Returns once it has been dealt with."""
        since = len(self.manager.told)
        self.process.send_signal(signal.SIGHUP)
        self.manager.wait("RELOADING=1", since=since)
        self.manager.wait("READY=1", since=since)

    def read_log(self):
        with open(self.log.name, encoding="utf-8", errors="backslashreplace") as file:
            return file.read()

    def wait_log(self, text, timeout=10):
        bus.wait_until(lambda: text in self.read_log(), "%r in the log" % text, timeout)

    def descriptors(self):
        """Where the daemon's open descriptors lead."""
        folder = "/proc/%d/fd" % self.process.pid
        found = []
        for entry in os.listdir(folder):
            try:
                found.append(os.readlink(os.path.join(folder, entry)))
            except FileNotFoundError:
                pass
        return found

    def resident(self):
        """KiB of memory; 0 with a sanitizer, which keeps what is freed."""
        with open("/proc/%d/maps" % self.process.pid, encoding="utf-8") as file:
            if "libasan" in file.read():
                return 0
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))

    def switches(self):
        """How often each of its threads has gone to sleep of its own accord."""
        counts = {}
        for thread in os.listdir("/proc/%d/task" % self.process.pid):
            try:
                with open("/proc/%d/task/%s/status" % (self.process.pid, thread), encoding="ascii") as file:
                    counts[thread] = next(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt"))
            except FileNotFoundError:  # a worker has ended
                pass
        return counts

    def settle(self, quiet=0.3, timeout=10):
        """Until it sleeps and goes on sleeping for @quiet seconds."""
        limit = time.monotonic() + timeout
        before, since = self.switches(), time.monotonic()
        while time.monotonic() - since < quiet:
            assert time.monotonic() < limit, "the daemon does not come to rest"
            time.sleep(0.02)
            now = self.switches()
            if now != before:
                before, since = now, time.monotonic()
