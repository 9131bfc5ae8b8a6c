# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lets whoever sits in a shell of the test host plug and unplug: commands there, answered from out here."""

import socketserver
import threading

from plugs import DRIVERS
from qmp import QmpError
from remote import HostError

INSIDE = '/run/plug.sock'
COMMANDS = ('plug', 'unplug', 'plugged', 'guest')
SCRIPT = f'''#!/bin/sh
answer=$(printf '%s %s\\n' "${{0##*/}}" "$*" | socat -t 60 - UNIX-CONNECT:{INSIDE}) || exit
case $answer in error:*) printf '%s\\n' "${{answer#error: }}" >&2; exit 1;; ?*) printf '%s\\n' "$answer";; esac
'''


class Console:
    """While it is entered, the commands work."""

    def __init__(self, host, guest=None):
        self._host, self._machine = host, guest
        self._server = None

    def __enter__(self):
        path = str(self._host.dir / 'plug.sock')
        console = self

        class Handler(socketserver.StreamRequestHandler):
            """One command: a line in, text out."""

            def handle(self):
                words = self.rfile.readline(1024).decode(errors='replace').split()
                self.wfile.write((console.answer(words) + '\n').encode())

        self._server = socketserver.UnixStreamServer(path, Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._host.offer(path, INSIDE)
        self._host.run('cd /usr/local/bin; cat >plug; chmod 755 plug; for n in unplug plugged guest; do ln -sf plug $n; done',
                       input=SCRIPT)
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, words):
        """What a command says; "error: ..." where it failed."""
        try:
            return getattr(self, f'_{words[0]}')(*words[1:]) if words and words[0] in COMMANDS else 'error: no such command'
        except TypeError:
            return f'error: {words[0]}: not so many words; see the note above'
        except (QmpError, HostError) as error:
            return f'error: {error}'

    def _plug(self, port, kind):
        if kind not in DRIVERS:
            return f'error: no such kind of device; there are {", ".join(DRIVERS)}'
        self._host.plug(port, kind)
        return ''

    def _unplug(self, port):
        found = [entry['id'] for entry in self._host.plugged() if port in (entry['port'], entry['id'])]
        if not found:
            return f'error: nothing is plugged into port {port}'
        self._host.unplug(found[0])
        return ''

    def _plugged(self):
        return '\n'.join(f"{entry['port']:6} {entry['kind']}" for entry in self._host.plugged())

    def _guest(self):
        return '\n'.join(f"{d['name']:6} {d['id']}  {d['product']}" for d in self._machine.devices() if '-' in d['name'])
