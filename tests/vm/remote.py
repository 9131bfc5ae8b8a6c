# SPDX-License-Identifier: LGPL-2.1-or-later
"""The way into the test host: commands, terminals and forwarded sockets over kept ssh connections."""

import codecs
import contextlib
import fcntl
import os
import pathlib
import pty
import select
import shlex
import struct
import subprocess
import termios
import time
import tty

LOGINS = ('root', 'alice')
OPTIONS = (
    'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR', 'IdentitiesOnly=yes', 'BatchMode=yes',
    'ConnectTimeout=60', 'ServerAliveInterval=60', 'ServerAliveCountMax=10',
    'KexAlgorithms=curve25519-sha256', 'Ciphers=chacha20-poly1305@openssh.com',
)


class HostError(Exception):
    """The test host does not do what it should."""


class CommandFailed(HostError):
    """A command in the test host ended with a status other than 0. `result` is its CompletedProcess."""

    def __init__(self, result):
        super().__init__(f'{result.args!r}: status {result.returncode}\n{result.stdout[-3000:]}{result.stderr[-3000:]}')
        self.result = result


class TerminalError(HostError):
    """The expected text did not come."""


class Terminal:
    """Runs `args` on a new terminal. `text` holds everything it wrote so far."""

    def __init__(self, args, rows=24, columns=120):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
        tty.setraw(slave)
        self.text = ''
        self._seen = 0
        self._decode = codecs.getincrementaldecoder('utf-8')(errors='replace').decode
        self._master = master
        self._process = subprocess.Popen(args, stdin=slave, stdout=slave, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(slave)

    def send(self, text):
        """Types `text`; a line ends with a newline, control keys are '\\x03' and so on."""
        os.write(self._master, text.encode())

    def expect(self, wanted, timeout=30):
        """Waits until `wanted` was written after what was expected before; returns the text up to its end."""
        deadline = time.monotonic() + timeout
        while wanted not in self.text[self._seen:]:
            if not self._read(deadline) and wanted not in self.text[self._seen:]:
                raise TerminalError(f'{wanted!r} did not come within {timeout} s; the terminal shows:\n{self.text[-2000:]}')
        start, self._seen = self._seen, self.text.index(wanted, self._seen) + len(wanted)
        return self.text[start:self._seen]

    def wait(self, timeout=30):
        """Waits for the program's end and returns its exit status."""
        deadline = time.monotonic() + timeout
        while self._read(deadline):
            pass
        try:
            return self._process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise TerminalError(f'the program did not end within {timeout} s; the terminal shows:\n{self.text[-2000:]}') from None

    def _read(self, deadline):
        ready, _, _ = select.select([self._master], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            chunk = os.read(self._master, 65536)
        except OSError:
            return False
        self.text += self._decode(chunk)
        return bool(chunk)

    def close(self):
        """Hangs up."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._master is not None:
            os.close(self._master)
            self._master = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Remote:
    """One kept connection for each user: a command then costs no new login.

    `trouble` gives words about the host for error messages. Detached connections outlive this process.
    """

    def __init__(self, folder, port, detached=False, trouble=lambda: ''):
        self._dir, self._port, self._detached, self._trouble = pathlib.Path(folder), port, detached, trouble
        self._masters = {}
        self._forwards = 0

    def connect(self, user='root', timeout=90):
        """Logs in, where that was not done yet."""
        control = self._dir / f'ssh-{user}'
        if self._detached:
            if not control.exists():
                subprocess.run(self._ssh(user, '-M', '-N', '-f'), check=True, timeout=timeout, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return
        if user in self._masters and self._masters[user].poll() is None:
            return
        control.unlink(missing_ok=True)
        with open(self._dir / 'ssh.log', 'ab') as log:
            master = subprocess.Popen(self._ssh(user, '-M', '-N'), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                      start_new_session=True)
        self._masters[user] = master
        deadline = time.monotonic() + timeout
        while not control.exists():
            if master.poll() is not None or time.monotonic() > deadline:
                log = (self._dir / 'ssh.log').read_text(encoding='utf-8', errors='replace')[-2000:]
                raise HostError(f'no ssh connection as {user}: {log}\n{self._trouble()}')
            time.sleep(0.02)

    def close(self):
        """Ends the connections."""
        for user, master in self._masters.items():
            if master.poll() is None:
                master.kill()
            master.wait(20)
            with contextlib.suppress(OSError):
                (self._dir / f'ssh-{user}').unlink()
        self._masters.clear()

    def _ssh(self, user, *more):
        args = ['ssh', '-F', '/dev/null', '-i', str(self._dir / 'key'), '-p', str(self._port)]
        for option in (*OPTIONS, f'ControlPath={self._dir}/ssh-{user}'):
            args += ['-o', option]
        return [*args, *more, f'{user}@127.0.0.1']

    def _command(self, cmd, user, *more):
        text = cmd if isinstance(cmd, str) else shlex.join(str(part) for part in cmd)
        login = user
        if user not in LOGINS:
            login, text = 'root', f'runuser -u {shlex.quote(user)} -- bash -c {shlex.quote(text)}'
        self.connect(login)
        return [*self._ssh(login, *more), '--', text]

    def run(self, cmd, user='root', timeout=60, check=True, input=None):
        """See Host.run()."""
        feed = {'stdin': subprocess.DEVNULL} if input is None else {'input': input}
        try:
            result = subprocess.run(self._command(cmd, user), capture_output=True, text=True, errors='replace',
                                    timeout=timeout, check=False, **feed)
        except subprocess.TimeoutExpired as error:
            raise HostError(f'{cmd!r} did not end within {timeout} s: {error.stdout!r} {error.stderr!r}\n'
                            f'{self._trouble()}') from None
        result.args = cmd
        if check and result.returncode:
            raise CommandFailed(result)
        return result

    def feed(self, cmd, source, timeout=120):
        """Runs a command as root with an open file as its input."""
        result = subprocess.run(self._command(cmd, 'root'), stdin=source, capture_output=True, text=True,
                                errors='replace', timeout=timeout, check=False)
        if result.returncode:
            raise CommandFailed(result)

    def shell(self, user, cmd=None):
        """See Host.shell()."""
        return subprocess.call(self._command(cmd or 'exec $SHELL -l', user, '-tt'))

    def pty(self, cmd, user, rows, columns):
        """See Host.pty()."""
        return Terminal(self._command(cmd, user, '-tt'), rows, columns)

    def forward(self, remote, user='root'):
        """See Host.forward()."""
        self._forwards += 1
        local = self._dir / f'f{self._forwards}-{os.getpid()}'
        self._add_forward(user, '-L', f'{local}:{remote}')
        return local

    def offer(self, local, remote):
        """See Host.offer()."""
        self._add_forward('root', '-R', f'{remote}:{local}')

    def _add_forward(self, user, *how):
        self.connect(user)
        subprocess.run(self._ssh(user, '-O', 'forward', *how), check=True, timeout=30, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
