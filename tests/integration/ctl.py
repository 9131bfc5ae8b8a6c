# SPDX-License-Identifier: LGPL-2.1-or-later
"""hotplugctl as a process: with pipes, or on a terminal of its own."""
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import bus

HOTPLUGCTL = os.environ.get("HOTPLUGCTL", os.path.join(bus.SOURCE, "build", "client", "hotplugctl"))


def as_user(uid):
    """The words that run what follows them as somebody else."""
    words = ["setpriv", "--reuid=%d" % uid, "--regid=%d" % uid, "--clear-groups"]
    if os.environ.get("HP_COVERAGE"):
        # The counters lie where root alone may write.
        words += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return words


class Outcome:
    def __init__(self, status, out, err):
        self.status = status
        self.out = out
        self.err = err

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def rows(self):
        """The cells of a table: columns are at least two blanks apart."""
        return [re.split(" {2,}", line) for line in self.out.splitlines()]

    def __repr__(self):
        return "status %s\n%s%s" % (self.status, self.out, self.err)


class Ctl:
    def __init__(self, address, **environment):
        self.environment = bus.plain_environment(DBUS_SYSTEM_BUS_ADDRESS=address, **environment)

    def __call__(self, *words, status=0, **environment):
        """Runs it to the end; @status is what is expected of it, None: nothing is."""
        result = subprocess.run([HOTPLUGCTL, *words], env={**self.environment, **environment}, check=False,
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
        outcome = Outcome(result.returncode, result.stdout.decode(), result.stderr.decode())
        assert status in (None, outcome.status), "hotplugctl %s: %s" % (" ".join(words), outcome)
        return outcome

    def start(self, *words, **environment):
        return subprocess.Popen([HOTPLUGCTL, *words], env={**self.environment, **environment}, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class Terminal:
    """hotplugctl on a terminal of its own. Everything it says, on either stream, comes in one text."""

    def __init__(self, ctl, *words, columns=80, user=None, **environment):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.slave = slave
        self.found = termios.tcgetattr(slave)
        self.text = ""
        prefix = ["setsid", "--ctty", "--wait"]
        if user is not None:
            prefix += as_user(user)
            os.fchown(slave, user, -1)
        self.process = subprocess.Popen([*prefix, HOTPLUGCTL, *words], env={**ctl.environment, **environment},
                                        stdin=slave, stdout=slave, stderr=slave)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def read(self, until=None, timeout=10):
        """All it says up to its end, or up to @until."""
        limit = time.monotonic() + timeout
        while until is None or until not in self.text:
            ready = select.select([self.master], [], [], 0.05)[0]
            if ready:
                self.text += os.read(self.master, 65536).decode(errors="replace")
            elif until is None and self.process.poll() is not None:
                break
            assert time.monotonic() < limit, "not within %s s: %r; %r" % (timeout, until, self.text)
        return self.text.replace("\r\n", "\n")

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        """Returns its exit status and all it has said."""
        text = self.read()
        return self.process.wait(), text

    @property
    def modes(self):
        return termios.tcgetattr(self.slave)
