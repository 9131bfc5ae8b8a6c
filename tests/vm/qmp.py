# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small blocking QMP client: one command at a time, events kept for whoever waits for them."""

import collections
import json
import socket
import time


class QmpError(Exception):
    """An error reply of QEMU."""

    def __init__(self, command, error):
        super().__init__(f"{command}: {error.get('class')}: {error.get('desc')}")
        self.kind = error.get('class')
        self.desc = error.get('desc')


class QmpGone(Exception):
    """The other side is not there, or left."""


class Qmp:
    """A connected monitor. `path` may be forwarded: then a refused peer shows as an end of file, and is tried again."""

    def __init__(self, path, timeout=30, alive=None):
        self.path = str(path)
        self.events = collections.deque(maxlen=10000)
        self._buffer = b''
        self._socket = None
        self._serial = 0
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._open(deadline)
                return
            except (OSError, QmpGone) as error:
                self.close()
                if alive and not alive():
                    raise QmpGone(f'QEMU behind {path} ended') from error
                if time.monotonic() >= deadline:
                    raise QmpGone(f'no monitor at {path} within {timeout} s: {error}') from error
                time.sleep(0.05)

    def _open(self, deadline):
        self._buffer = b''
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(5)
        self._socket.connect(self.path)
        greeting = self._read(min(deadline, time.monotonic() + 10))
        if 'QMP' not in greeting:
            raise QmpGone(f'not a QMP greeting: {greeting}')
        self.version = greeting['QMP']['version']
        self.cmd('qmp_capabilities')

    def _read(self, deadline):
        while b'\n' not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f'{self.path}: QEMU did not answer in time')
            self._socket.settimeout(left)
            try:
                chunk = self._socket.recv(65536)
            except TimeoutError:
                continue
            if not chunk:
                raise QmpGone(f'{self.path}: the monitor was closed')
            self._buffer += chunk
        line, self._buffer = self._buffer.split(b'\n', 1)
        return json.loads(line) if line.strip() else self._read(deadline)

    def cmd(self, command, timeout=60, **arguments):
        """Executes `command`; underscores at the end of a name are dropped, other underscores become dashes."""
        self._serial += 1
        message = {'execute': command, 'id': self._serial}
        if arguments:
            message['arguments'] = {name.rstrip('_').replace('_', '-'): value for name, value in arguments.items()}
        return self.raw(message, timeout)

    def raw(self, message, timeout=60):
        """Sends a whole message (with an id) and returns what its reply holds."""
        self._socket.settimeout(timeout)
        self._socket.sendall(json.dumps(message).encode() + b'\n')
        deadline = time.monotonic() + timeout
        while True:
            reply = self._read(deadline)
            if 'event' in reply:
                self.events.append(reply)
            elif 'error' in reply:
                raise QmpError(message['execute'], reply['error'])
            elif reply.get('id') == message.get('id'):
                return reply['return']

    def hmp(self, line, timeout=60):
        """A line for the human monitor."""
        return self.raw({'execute': 'human-monitor-command', 'id': 'hmp', 'arguments': {'command-line': line}}, timeout)

    def wait_event(self, name, timeout=30, **data):
        """The oldest event `name` not yet taken, with those members in its data."""
        deadline = time.monotonic() + timeout
        while True:
            for event in list(self.events):
                if event['event'] == name and all(event.get('data', {}).get(k) == v for k, v in data.items()):
                    self.events.remove(event)
                    return event
            try:
                message = self._read(deadline)
            except TimeoutError:
                raise TimeoutError(f'{self.path}: no event {name} {data or ""} within {timeout} s') from None
            if 'event' in message:
                self.events.append(message)

    def close(self):
        """Leaves the monitor to the next client."""
        if self._socket:
            self._socket.close()
            self._socket = None
