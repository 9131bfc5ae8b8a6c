# SPDX-License-Identifier: LGPL-2.1-or-later
"""The virtual machine that gets devices: a small QEMU inside the test host."""

import re
import shlex
import socket
import subprocess
import time

import recipe
from remote import HostError
from qmp import Qmp, QmpGone

USB_LINE = re.compile(r'Device (?P<bus>\d+)\.(?P<address>\d+), Port (?P<port>[\d.]+), Speed (?P<speed>[\d.]+) Mb/s, '
                      r'Product (?P<product>.*?)(?:, ID: (?P<id>.*))?$')

LIST_DEVICES = '''cd /sys/bus/usb/devices || exit
for d in *; do
  case $d in *:*) continue;; esac
  { read -r vendor <$d/idVendor; read -r product <$d/idProduct; read -r speed <$d/speed; } 2>/dev/null || continue
  name=; [ ! -e $d/product ] || read -r name <$d/product
  echo "$d $vendor:$product $speed $name"
done'''


class GuestError(HostError):
    """The guest does not do what it should."""


class Guest:
    """A QEMU inside `host`, with /run/vm/NAME/qmp.sock for Hotplugger and probe.sock for the tests.

    Without Linux it has no system at all and starts at once; with Linux it is loaded from a kept state, and `sh` gives
    its own view. `extra` adds QEMU arguments (not with Linux: the state fits one machine only); `wrap` is put before
    the QEMU command; `paused` starts without running; `qmp` False leaves qmp.sock out, a string replaces its options.
    """

    def __init__(self, host, name, user='vmuser', linux=False, memory=None, extra=(), wrap=(), paused=False, qmp=True):
        if linux and (extra or memory):
            raise ValueError('the kept state of the Linux guest fits one machine only')
        self.host, self.name, self.user, self.linux = host, name, user, linux
        self.dir = f'/run/vm/{name}'
        self.unit = f'vm-{name}.service'
        self._memory, self._extra, self._wrap = memory, tuple(extra), tuple(wrap)
        self._paused, self._qmp = paused, qmp
        self._probe = None
        self._console = None
        self._forwards = {}
        self._marks = 0
        self.start_seconds = None

    # --- life ---

    def command(self):
        """The QEMU command, as it runs inside the test host."""
        args = [*self._wrap, *recipe.guest_machine(self.dir, self.linux, self._memory), '-name', self.name]
        if self.linux:
            args += ['-incoming', f'exec:cat {recipe.GUEST_DIR}/state']
        if self._paused:
            args.append('-S')
        if self._qmp:
            options = self._qmp if isinstance(self._qmp, str) else 'server=on,wait=off'
            args += ['-qmp', f'unix:{self.dir}/qmp.sock,{options}']
        return [*args, '-qmp', f'unix:{self.dir}/probe.sock,server=on,wait=off', *self._extra]

    def start(self, timeout=60):
        """Starts QEMU (again) and waits until it answers; returns self."""
        begin = time.monotonic()
        self._hang_up()
        unit = ['systemd-run', '--quiet', '--collect', f'--unit={self.unit}', f'--uid={self.user}',
                '-p', f'StandardOutput=append:{self.dir}/qemu.log', '-p', 'StandardError=inherit', '--', *self.command()]
        prepare = f'systemctl -q reset-failed {self.unit} 2>/dev/null; install -d -o {self.user} {self.dir} && ' \
                  f'rm -f {self.dir}/probe.sock {self.dir}/console.sock {self.dir}/qemu.log && '
        wait = f' || exit 97; for n in $(seq {int(timeout) * 5}); do [ -S {self.dir}/probe.sock ] && exit 0; ' \
               f'systemctl is-active -q {self.unit} || exit 98; sleep 0.2; done; exit 99'
        try:
            self.host.run(prepare + shlex.join(unit) + wait, timeout=timeout + 30)
            self.probe(timeout)
            if self.linux:
                self._wait_loaded(timeout)
        except (HostError, QmpGone, TimeoutError) as error:
            raise GuestError(f'guest {self.name} did not start: {error}\n{self.log()}') from error
        self.start_seconds = time.monotonic() - begin
        return self

    def _wait_loaded(self, timeout):
        deadline = time.monotonic() + timeout
        wanted = ('paused', 'prelaunch') if self._paused else ('running',)
        while (status := self.qmp('query-status')['status']) not in wanted:
            if time.monotonic() > deadline:
                raise GuestError(f'the kept state was not loaded within {timeout} s: {status}')
            time.sleep(0.05)

    def log(self):
        """What QEMU and the guest's kernel wrote."""
        return self.host.run(f'tail -n 20 {self.dir}/*.log; systemctl status --no-pager -n 5 {self.unit}', check=False).stdout

    def pid(self):
        """The process inside the test host, or 0. With `wrap` it is the wrapper's."""
        return int(self.host.out(f'systemctl show -P MainPID {self.unit}') or 0)

    def kill(self):
        """SIGKILL, as in a crash."""
        self._end(f'systemctl kill -s KILL {self.unit}')

    def stop(self):
        """Asks QEMU to quit."""
        try:
            self.qmp('quit')
        except QmpGone:
            pass
        self._end('true')

    def _end(self, how):
        self._hang_up()
        self.host.run(how, check=False)
        self.host.until(f'! systemctl is-active -q {self.unit}', timeout=30)

    def close(self):
        """Ends the guest in whatever state it is."""
        self._end(f'systemctl kill -s KILL {self.unit} 2>/dev/null')
        self.host.run(f'rm -f {self.dir}/qmp.sock')

    def __enter__(self):
        return self.start() if self._probe is None else self

    def __exit__(self, *_):
        self.close()

    # --- the monitor ---

    def _socket(self, name):
        if name not in self._forwards:
            self._forwards[name] = self.host.forward(f'{self.dir}/{name}')
        return self._forwards[name]

    def probe(self, timeout=30):
        """The tests' own monitor."""
        if self._probe is None:
            self._probe = Qmp(self._socket('probe.sock'), timeout)
        return self._probe

    def qmp(self, command, timeout=60, **arguments):
        """A command on the tests' own monitor."""
        return self.probe().cmd(command, timeout, **arguments)

    def busy(self):
        """Occupies qmp.sock, as another manager would; close() of the result frees it."""
        return Qmp(self._socket('qmp.sock'))

    def usb(self):
        """What QEMU has on its USB buses: dictionaries with bus, address, port, speed (Mb/s), product, id."""
        found = [USB_LINE.search(line.strip()) for line in self.probe().hmp('info usb').splitlines()]
        return [{**match.groupdict(), 'speed': float(match['speed'])} for match in found if match]

    def ids(self):
        """The ids of all user-created devices of type usb-host."""
        return sorted(entry['name'] for entry in self.qmp('qom-list', path='/machine/peripheral')
                      if entry['type'] == 'child<usb-host>')

    def wait_usb(self, condition, timeout=30):
        """Polls usb() until `condition(list)` holds; returns the list."""
        deadline = time.monotonic() + timeout
        while not condition(devices := self.usb()):
            if time.monotonic() > deadline:
                raise GuestError(f'guest {self.name}: not true within {timeout} s; it has {devices}')
            time.sleep(0.1)
        return devices

    # --- inside the guest's Linux ---

    def sh(self, cmd, timeout=60, check=True):
        """Runs a shell script in the guest's Linux; returns a CompletedProcess with text.

        A started program takes a good while there: prefer `read`, `[`, `echo` and `nap 0.2` to cat, test and sleep.
        One that does not end in time blocks the guest for good.
        """
        if not self.linux:
            raise GuestError(f'guest {self.name} has no Linux')
        self._marks += 1
        mark = f'mark{self._marks}x{time.monotonic_ns()}'
        lines = cmd.rstrip('\n').split('\n')
        text = self._exchange('\n'.join([f'{mark} {len(lines)}', *lines, '']), mark, timeout)
        output, _, status = text.rpartition(f'\n{mark} ')
        result = subprocess.CompletedProcess(cmd, int(status), output, '')
        if check and result.returncode:
            raise GuestError(f'guest {self.name}: {cmd!r}: status {result.returncode}\n{output[-2000:]}')
        return result

    def _exchange(self, line, mark, timeout):
        deadline = time.monotonic() + timeout + 10
        if self._console is None:
            self._console = self._connect(deadline)
        self._console.sendall(line.encode())
        heard = b''
        end = re.compile(f'\n{mark} \\d+\n'.encode())
        while not end.search(heard):
            self._console.settimeout(max(0.1, deadline - time.monotonic()))
            try:
                chunk = self._console.recv(65536)
            except TimeoutError:
                raise GuestError(f'guest {self.name}: no answer within {timeout} s; heard {heard[-500:]!r}\n'
                                 f'{self.log()}') from None
            if not chunk:
                raise GuestError(f'guest {self.name}: its console was closed\n{self.log()}')
            heard += chunk
        return heard.decode(errors='replace').replace('\r\n', '\n').rstrip('\n')

    def _connect(self, deadline):
        path = str(self._socket('console.sock'))
        while True:
            console = socket.socket(socket.AF_UNIX)
            console.connect(path)
            # A forwarded connection is accepted before the other end is tried: a refusal is an end of file.
            console.settimeout(0.3)
            try:
                if console.recv(4096):
                    return console
            except TimeoutError:
                return console
            console.close()
            if time.monotonic() > deadline:
                raise GuestError(f'guest {self.name}: no console')
            time.sleep(0.1)

    def devices(self):
        """What the guest's kernel sees: dictionaries with name ("2-1"), product id ("46f4:0001"), speed, product."""
        lines = [line.split(' ', 3) for line in self.sh(LIST_DEVICES).stdout.splitlines() if line.strip()]
        return [{'name': name, 'id': ident, 'speed': float(speed), 'product': ''.join(rest)}
                for name, ident, speed, *rest in lines]

    def wait_devices(self, condition, timeout=60):
        """Polls devices() until `condition(list)` holds; returns the list."""
        deadline = time.monotonic() + timeout
        while not condition(devices := self.devices()):
            if time.monotonic() > deadline:
                raise GuestError(f'guest {self.name}: not true within {timeout} s; its kernel has {devices}')
            time.sleep(0.2)
        return devices

    def until(self, condition, timeout=30):
        """Waits inside the guest until a shell line succeeds; returns its output."""
        loop = f'n=0; until {condition}; do n=$((n+1)); [ $n -lt {int(timeout) * 5} ] || exit 99; nap; done'
        return self.sh(loop, timeout + 10).stdout

    def _hang_up(self):
        for part in (self._probe, self._console):
            if part:
                part.close()
        self._probe = self._console = None
