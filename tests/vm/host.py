# SPDX-License-Identifier: LGPL-2.1-or-later
"""The test host: a Debian guest with real USB ports, booted under QEMU, used through ssh."""

import atexit
import contextlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import image
import recipe
from plugs import Plugs
from qmp import Qmp, QmpGone
from remote import CommandFailed, HostError, Remote

TCG = 'tcg,thread=multi,tb-size=512'
KVM_SECONDS = 8

# Ends the emulator and drops the folder when the test program is gone, even when it was killed outright.
JANITOR = '''trap '' INT TERM HUP; read -r _
born() { cut -d' ' -f22 "/proc/$1/stat" 2>/dev/null; }
[ "$(born "$1")" = "$2" ] && kill -KILL "$1"
rm -rf -- "$3"'''


def start_time(pid):
    """When a process was started, in ticks: with the pid, it names one process for good."""
    try:
        return pathlib.Path(f'/proc/{pid}/stat').read_text(encoding='utf-8').rsplit(')', 1)[1].split()[19]
    except (OSError, IndexError):
        return None


class Host:
    """One test host. `stage` is a folder shown read-only at /mnt/stage inside.

    `extra` are more arguments for the outer QEMU (another controller, say). A detached host outlives this process.
    """

    def __init__(self, stage=None, memory=2048, cpus=2, extra=(), detached=False):
        self._memory, self._cpus, self._extra, self._detached = memory, cpus, tuple(extra), detached
        self._stage = pathlib.Path(stage).resolve() if stage else None
        self.dir = None
        self.qmp = None
        self.accel = None
        self.boot_seconds = None
        self._process = None
        self._pid = self._born = None
        self._port = None
        self._janitor = None
        self._remote = None
        self._plugs = None

    # --- life ---

    def boot(self, timeout=240):
        """Builds the image where needed, and boots; returns self when logins work."""
        if not self._detached:
            _end_on_signals()
        files = image.image()
        start = time.monotonic()
        try:
            self._prepare(files)
            if not self._try_kvm(files):
                self._start(files, TCG, 'qemu64')
            self._wait_line(recipe.READY_LINE, timeout)
            self._connect(self._find_port())
            self._remote.connect('root')
        except BaseException:
            self.close()
            raise
        self._plugs = Plugs(self.qmp, self.dir)
        self.boot_seconds = time.monotonic() - start
        return self

    def _prepare(self, files):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix='hotplugger-vm-'))
        if not self._detached:
            atexit.register(self.close)
        if not self._stage:
            self._stage = self.dir / 'stage'
            self._stage.mkdir()
        shutil.copy(files / 'key', self.dir / 'key')
        os.chmod(self.dir / 'key', 0o600)
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', str(files / 'root.img'),
                        str(self.dir / 'root.qcow2')], check=True, timeout=60)

    def _try_kvm(self, files):
        if not os.access('/dev/kvm', os.R_OK | os.W_OK):
            return False
        try:
            self._start(files, 'kvm', 'host')
            self._wait_line(recipe.EARLY_LINE, KVM_SECONDS)
            return True
        except (HostError, QmpGone):
            self._kill()
            (self.dir / 'console.log').unlink(missing_ok=True)
            return False

    def _start(self, files, accel, cpu):
        self.accel = accel.split(',', maxsplit=1)[0]
        args = ['qemu-system-x86_64', '-name', 'hotplugger-lab', '-machine', 'q35', '-accel', accel, '-cpu', cpu,
                '-m', str(self._memory), '-smp', str(self._cpus), '-nodefaults', '-no-user-config', '-display', 'none',
                '-no-reboot', '-kernel', files / 'vmlinux', '-initrd', files / 'initrd', '-append', recipe.KERNEL_LINE,
                '-drive', f'file={self.dir}/root.qcow2,if=none,id=root,cache=unsafe,discard=unmap',
                '-device', 'virtio-blk-pci,drive=root',
                '-netdev', 'user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-:22',
                '-device', 'virtio-net-pci,netdev=net,romfile=', '-device', 'virtio-rng-pci',
                '-virtfs', f'local,path={_comma(self._stage)},mount_tag=stage,security_model=none,readonly=on,multidevs=remap',
                '-device', 'qemu-xhci,id=xhci,addr=0x5,p2=15,p3=15', '-audiodev', 'none,id=mute',
                '-qmp', f'unix:{self.dir}/qmp.sock,server=on,wait=off', '-serial', f'file:{self.dir}/console.log',
                *self._extra]
        with open(self.dir / 'qemu.log', 'ab') as log:
            self._process = subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             start_new_session=True)
        self._pid, self._born = self._process.pid, start_time(self._process.pid)
        if not self._detached:
            self._janitor = subprocess.Popen(['sh', '-c', JANITOR, 'sh', str(self._pid), str(self._born), str(self.dir)],
                                             stdin=subprocess.PIPE, start_new_session=True)
        self.qmp = Qmp(self.dir / 'qmp.sock', alive=self.alive)

    def alive(self):
        """Whether the emulator runs."""
        if self._process is not None:
            self._process.poll()
        return self._pid is not None and start_time(self._pid) == self._born and not _zombie(self._pid)

    def log_tail(self, lines=25):
        """The end of the serial console's log and of the emulator's own output."""
        parts = []
        for name in ('qemu.log', 'console.log'):
            with contextlib.suppress(OSError):
                text = (self.dir / name).read_text(encoding='utf-8', errors='replace')
                parts.append(f'--- {name} ---\n' + '\n'.join(text.splitlines()[-lines:]))
        return '\n'.join(parts)

    def _wait_line(self, line, timeout):
        deadline = time.monotonic() + timeout
        log = self.dir / 'console.log'
        while not (log.exists() and line.encode() in log.read_bytes()):
            if not self.alive():
                raise HostError(f'the emulator of the test host ended\n{self.log_tail()}')
            if time.monotonic() > deadline:
                raise HostError(f'no "{line}" from the test host within {timeout} s\n{self.log_tail()}')
            time.sleep(0.1)

    def _find_port(self):
        found = re.search(r'TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)', self.qmp.hmp('info usernet'))
        if not found:
            raise HostError(f'no forwarded port: {self.qmp.hmp("info usernet")}')
        return int(found[1])

    def _connect(self, port):
        self._port = port
        self._remote = Remote(self.dir, port, self._detached, self.log_tail)

    def _kill(self):
        if self.qmp:
            self.qmp.close()
            self.qmp = None
        if self._pid and start_time(self._pid) == self._born:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        if self._process:
            self._process.wait(20)
        self._process = self._pid = None
        self._dismiss_janitor(clean=False)

    def _dismiss_janitor(self, clean):
        if self._janitor:
            if not clean:
                self._janitor.kill()
            self._janitor.stdin.close()
            self._janitor.wait(20)
            self._janitor = None

    def close(self):
        """Ends the test host and removes its files."""
        if self._remote:
            self._remote.close()
            self._remote = None
        self._kill()
        if self.dir:
            shutil.rmtree(self.dir, ignore_errors=True)
            self.dir = None
        atexit.unregister(self.close)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- commands ---

    def run(self, cmd, user='root', timeout=60, check=True, input=None):
        """Runs a shell line or a list of arguments inside; returns a CompletedProcess with text.

        A command that does not end in time is left behind running.
        """
        result = self._remote.run(cmd, user, timeout, check=False, input=input)
        if result.returncode == 255 and not self.alive():
            raise HostError(f'the emulator of the test host ended\n{self.log_tail()}')
        if check and result.returncode:
            raise CommandFailed(result)
        return result

    def out(self, cmd, user='root', timeout=60):
        """What a command writes, without the last newline."""
        return self.run(cmd, user, timeout).stdout.rstrip('\n')

    def until(self, condition, timeout=30, user='root', every=0.1):
        """Waits inside until a shell line succeeds; returns what it wrote then."""
        loop = f'end=$((SECONDS+{int(timeout)})); until o=$({condition}); do ' \
               f'[ $SECONDS -lt $end ] || {{ echo "$o"; exit 99; }}; sleep {every}; done; echo "$o"'
        result = self.run(loop, user, timeout + 60, check=False)
        if result.returncode:
            raise HostError(f'not true within {timeout} s: {condition}\n{result.stdout}{result.stderr}')
        return result.stdout.rstrip('\n')

    def shell(self, user='root', cmd=None):
        """An interactive shell, or command, for a person; returns its status."""
        return self._remote.shell(user, cmd)

    def pty(self, cmd, user='root', rows=24, columns=120):
        """A command on a terminal of its own: see Terminal.expect() and send()."""
        return self._remote.pty(cmd, user, rows, columns)

    def forward(self, remote, user='root'):
        """A local socket that leads to the socket `remote` inside, whether that is there already or not."""
        return self._remote.forward(remote, user)

    def offer(self, local, remote):
        """A socket inside that leads to the socket `local` out here; only root may use it."""
        self._remote.offer(local, remote)

    # --- USB ---

    def plug(self, port, kind, **options):
        """Plugs in a stick, kbd, mouse, tablet, hub, audio, serial, net or ccid; see Plugs.plug()."""
        return self._plugs.plug(port, kind, **options)

    def unplug(self, id, timeout=60):
        """Pulls a device out."""
        self._plugs.unplug(id, timeout)

    def plugged(self):
        """What is plugged in."""
        return self._plugs.plugged()

    # --- the program under test ---

    def install(self, tree=None, start=True):
        """Copies an installed tree (`meson install --destdir`) to / and makes the host's services see it.

        A tree inside the shared folder is read from there; without one, it is the folder "root" of the shared one.
        """
        tree = pathlib.Path(tree).resolve() if tree else self._stage / 'root'
        unpack = 'tar -C / --keep-directory-symlink --no-overwrite-dir --no-same-owner -xpf -'
        if tree == self._stage or self._stage in tree.parents:
            inside = pathlib.PurePosixPath('/mnt/stage') / tree.relative_to(self._stage)
            self.run(f'tar -C {shlex.quote(str(inside))} --owner=0 --group=0 -cf - . | {unpack}', timeout=120)
        else:
            self._send_tree(tree, unpack)
        self.run(INSTALL_SCRIPT, timeout=120)
        if start:
            self.run('systemctl start hotplugd.service', timeout=90)

    def _send_tree(self, tree, unpack):
        with subprocess.Popen(['tar', '-C', str(tree), '--owner=0', '--group=0', '-cf', '-', '.'],
                              stdout=subprocess.PIPE) as tar:
            self._remote.feed(unpack, tar.stdout)
        if tar.returncode:
            raise HostError(f'tar could not read {tree}')

    # --- found again by another process ---

    def state(self):
        """What `Host.found` needs."""
        return json.dumps({'dir': str(self.dir), 'pid': self._pid, 'born': self._born, 'port': self._port,
                           'stage': str(self._stage), 'plugs': self._plugs.dump()})

    @classmethod
    def found(cls, state):
        """A detached host that another process booted."""
        kept = json.loads(state)
        host = cls(stage=kept['stage'], detached=True)
        host.dir = pathlib.Path(kept['dir'])
        host._pid, host._born = kept['pid'], kept['born']
        if not host.alive():
            raise HostError('the test host does not run any more')
        host.qmp = Qmp(host.dir / 'qmp.sock', alive=host.alive)
        host._connect(kept['port'])
        host._plugs = Plugs(host.qmp, host.dir)
        host._plugs.restore(kept['plugs'])
        return host


INSTALL_SCRIPT = '''set -e
for f in /usr/lib/sysusers.d/hotplug*.conf; do [ ! -e "$f" ] || systemd-sysusers "$f"; done
for f in /usr/lib/tmpfiles.d/hotplug*.conf; do [ ! -e "$f" ] || systemd-tmpfiles --create "$f"; done
udevadm control --reload
systemctl daemon-reload
busctl -q call org.freedesktop.DBus / org.freedesktop.DBus ReloadConfig
udevadm trigger --action=add --subsystem-match=usb --attr-match=devnum
udevadm settle --timeout=30
'''


def _comma(path):
    return str(path).replace(',', ',,')


def _zombie(pid):
    try:
        return pathlib.Path(f'/proc/{pid}/stat').read_text(encoding='utf-8').rsplit(')', 1)[1].split()[0] == 'Z'
    except OSError:
        return True


def _end_on_signals():
    # atexit does not run on a signal's default action.
    with contextlib.suppress(ValueError):
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, lambda number, _: sys.exit(128 + number))
