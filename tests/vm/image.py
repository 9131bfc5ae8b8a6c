# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds and caches the image of the test host, with the kept state of the small guest in it.

Packages needed on this machine (all in Debian 12): mmdebstrap debian-archive-keyring qemu-system-x86 qemu-utils busybox-static
openssh-client e2fsprogs. Building needs root; the finished image does not.
"""

import contextlib
import fcntl
import hashlib
import lzma
import os
import pathlib
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import recipe
from qmp import Qmp

HERE = pathlib.Path(__file__).resolve().parent
BUSYBOX = '/bin/busybox'
BUILD_SECONDS = 900
KEEP_IMAGES = 2


class ImageError(Exception):
    """The image could not be built."""


class Progress:
    """A line on stderr at each new step, and one every few seconds while a step lasts."""

    def __init__(self, name='image', every=4.0):
        self._name, self._every = name, every
        self._start = time.monotonic()
        self._step = ''
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def step(self, text, now=True):
        """What is done from here on; `now` False tells it only if it lasts."""
        self._step = text
        if now:
            self._print()

    def seconds(self):
        return time.monotonic() - self._start

    def _print(self):
        print(f'  {self._name}: {self._step} … {self.seconds():.0f} s', file=sys.stderr, flush=True)

    def _tick(self):
        while not self._stop.wait(self._every):
            if self._step:
                self._print()


def cache_root():
    """The folder for all cached images."""
    base = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
    return pathlib.Path(base) / 'hotplugger'


def image_dir():
    """Where the image for the present recipe is or will be."""
    digest = hashlib.sha256()
    for name in ('recipe.py', 'image.py'):
        digest.update((HERE / name).read_bytes())
    return cache_root() / f'vm-{digest.hexdigest()[:12]}'


def image():
    """The folder of a ready image: root.img, vmlinux, initrd, key. Builds it where it is missing."""
    wanted = image_dir()
    if not (wanted / 'root.img').exists():
        cache_root().mkdir(parents=True, exist_ok=True)
        with _locked(cache_root() / 'vm.lock'):
            if not (wanted / 'root.img').exists():
                _build(wanted)
                _prune(wanted)
    os.utime(wanted)
    return wanted


@contextlib.contextmanager
def _locked(path):
    with open(path, 'w', encoding='utf-8') as lock, Progress() as progress:
        deadline = time.monotonic() + BUILD_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ImageError(f'{path}: another build holds the lock') from None
                if not progress._step:
                    progress.step('waiting for another build')
                time.sleep(0.5)
        progress._step = ''
        yield


def _prune(keep):
    images = sorted((p for p in cache_root().glob('vm-*') if p.is_dir()), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in [p for p in images if p != keep and '.new-' not in p.name][KEEP_IMAGES - 1:]:
        shutil.rmtree(old, ignore_errors=True)


def _build(wanted):
    _check_tools()
    for stale in cache_root().glob('vm-*.new-*'):
        if time.time() - stale.stat().st_mtime > 2 * BUILD_SECONDS or stale.name.startswith(wanted.name):
            shutil.rmtree(stale, ignore_errors=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix=f'{wanted.name}.new-', dir=cache_root()))
    try:
        with Progress() as progress:
            _build_in(work, progress)
            progress.step('done')
        shutil.rmtree(work / 'tree')
        os.rename(work, wanted)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _check_tools():
    if os.geteuid() != 0:
        raise ImageError('building the image of the test host needs root')
    missing = [tool for tool in ('mmdebstrap', 'mke2fs', 'qemu-img', 'ssh-keygen', 'busybox') if not shutil.which(tool)]
    if missing:
        raise ImageError(f'not installed: {" ".join(missing)}')


def _build_in(work, progress):
    tree = work / 'tree'
    progress.step('packages')
    _bootstrap(work, tree, progress)
    progress.step('settings')
    _settle(work, tree)
    progress.step('kernel and initramfs')
    version = next(iter(sorted(os.listdir(tree / 'lib/modules'))))
    _unpack_kernel(tree / f'boot/vmlinuz-{version}', work / 'vmlinux')
    modules = tree / 'lib/modules' / version
    initramfs(work / 'initrd', modules, recipe.HOST_MODULES, recipe.HOST_INIT)
    guest = tree / recipe.GUEST_DIR.lstrip('/')
    guest.mkdir(parents=True)
    os.link(work / 'vmlinux', guest / 'vmlinux')
    initramfs(guest / 'initrd', modules, recipe.GUEST_MODULES, recipe.GUEST_INIT)
    progress.step('booting the small guest to keep its state')
    _keep_guest_state(tree, guest)
    progress.step('file system')
    _run(['mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal,^metadata_csum', '-E', 'lazy_itable_init=1', '-m', '0',
          '-d', tree, work / 'root.img', '4G'])


def _run(args, timeout=BUILD_SECONDS, **options):
    done = subprocess.run([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=timeout, check=False, text=True, errors='replace', **options)
    if done.returncode:
        raise ImageError(f'{" ".join(str(a) for a in args)[:200]}: status {done.returncode}\n{done.stdout[-3000:]}')
    return done.stdout


def apt_sources():
    """The machine's own apt entries for our release, one-line style; none lets mmdebstrap choose."""
    lines = []
    folder = pathlib.Path('/etc/apt')
    for path in [folder / 'sources.list', *sorted((folder / 'sources.list.d').glob('*'))]:
        if path.suffix == '.sources':
            lines += _deb822(path.read_text(encoding='utf-8'))
        elif path.suffix == '.list' and path.exists():
            lines += [line.strip() for line in path.read_text(encoding='utf-8').splitlines()
                      if re.match(r'deb\s', line) and any(f' {suite} ' in f'{line} ' for suite in recipe.SUITES)]
    return lines


def _deb822(text):
    lines = []
    for stanza in re.split(r'\n\s*\n', text):
        stanza = re.sub(r'^#.*\n?', '', stanza, flags=re.M)
        fields = {key.lower(): value.split() for key, value in re.findall(r'^([\w-]+):((?:.*\n?)(?:[ \t].*\n?)*)', stanza, re.M)}
        if 'deb' not in fields.get('types', []) or fields.get('enabled') == ['no']:
            continue
        key = fields.get('signed-by', [])
        option = f'[signed-by={key[0]}] ' if len(key) == 1 and key[0].startswith('/') else ''
        for uri in fields.get('uris', []):
            lines += [f'deb {option}{uri} {suite} {" ".join(fields.get("components", []))}'
                      for suite in fields.get('suites', []) if suite in recipe.SUITES]
    return lines


def _apt_options():
    """How this machine's apt reaches its mirror: proxies, and checks it was told to leave out."""
    dump = _run(['apt-config', 'dump'])
    wanted = re.compile(r'^Acquire::(https?::|Check-Valid-Until|Check-Date|Retries)', re.I)
    return [line for line in dump.splitlines() if wanted.match(line)]


def _bootstrap(work, tree, progress):
    args = ['unshare', '--mount', 'mmdebstrap', '--mode=root', '--variant=minbase', '--format=directory', '--skip=check/empty',
            f'--include={",".join(recipe.PACKAGES)}', '--aptopt=Apt::Install-Recommends "false"',
            '--aptopt=Acquire::Languages "none"', '--aptopt=Acquire::Retries "3"']
    args += [f'--aptopt={line}' for line in _apt_options()]
    # As --dpkgopt, path-exclude would send every package through a filter written in Python.
    options = work / 'lab.cfg'
    options.write_text('\n'.join(recipe.DPKG_OPTIONS) + '\n', encoding='utf-8')
    args += ['--dpkgopt=force-unsafe-io', f'--essential-hook=cp {shlex.quote(str(options))} "$1/etc/dpkg/dpkg.cfg.d/lab"']
    args += [recipe.SUITES[0], str(tree)]
    sources = apt_sources()
    if sources:
        (work / 'sources.list').write_text('\n'.join(sources) + '\n', encoding='utf-8')
        args.append(str(work / 'sources.list'))
    environment = {**os.environ, 'INITRD': 'No', 'LC_ALL': 'C', 'DEBIAN_FRONTEND': 'noninteractive'}
    with subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors='replace', env=environment, start_new_session=True,
                          preexec_fn=_few_descriptors) as process:
        timer = threading.Timer(BUILD_SECONDS, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        log = []
        try:
            for line in process.stdout:
                log.append(line)
                if line.startswith('I: ') and line.rstrip().endswith('...'):
                    progress.step(line[3:].strip().rstrip('.'))
        finally:
            timer.cancel()
            _end_group(process)
    if process.returncode:
        raise ImageError(f'mmdebstrap: status {process.returncode}\n{"".join(log[-30:])}')


def _end_group(process):
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
                os.killpg(process.pid, number)
                process.wait(10)


def _few_descriptors():
    # apt and dpkg close every possible descriptor in each child: with a limit of a million that is most of the build.
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))


def _settle(work, tree):
    for path, text in recipe.FILES.items():
        target = tree / path.lstrip('/')
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding='utf-8')
    units = tree / 'etc/systemd/system'
    for unit in recipe.MASKED_UNITS:
        link = units / unit
        link.unlink(missing_ok=True)
        link.symlink_to('/dev/null')
    (tree / 'mnt/stage').mkdir(parents=True)
    for key in (tree / 'etc/ssh').glob('ssh_host_*'):
        key.unlink()
    _run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'lab', '-f', tree / 'etc/ssh/ssh_host_ed25519_key'])
    _run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'lab', '-f', work / 'key'])
    _run(['chroot', tree, 'sh', '-c', recipe.SETUP_SCRIPT])
    for home in ('root', 'home/alice'):
        folder = tree / home / '.ssh'
        folder.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(work / 'key.pub', folder / 'authorized_keys')
        owner = (tree / home).stat()
        for path in (folder, folder / 'authorized_keys'):
            os.chown(path, owner.st_uid, owner.st_gid)


def _unpack_kernel(vmlinuz, target):
    """The ELF inside a bzImage: QEMU starts it directly (PVH), without emulating the decompressor."""
    data = vmlinuz.read_bytes()
    for match in re.finditer(b'\xfd7zXZ\x00', data):
        with contextlib.suppress(lzma.LZMAError):
            kernel = lzma.LZMADecompressor().decompress(data[match.start():])
            if kernel.startswith(b'\x7fELF'):
                target.write_bytes(kernel)
                return
    raise ImageError(f'{vmlinuz}: no xz-compressed kernel in it')


def initramfs(target, modules, names, init):
    """A cpio archive (newc, not compressed) of busybox, kernel modules in the order to load them, and an init."""
    needed = _in_load_order(modules, names)
    entries = [(name, 0o40755, b'') for name in ('bin', 'dev', 'lib', 'proc', 'root', 'sys', 'tmp')]
    entries += [('init', 0o100755, init.encode()), ('bin/busybox', 0o100755, pathlib.Path(BUSYBOX).read_bytes()),
                ('modules', 0o100644, '\n'.join(path.name for path in needed).encode() + b'\n')]
    entries += [(f'lib/{path.name}', 0o100644, path.read_bytes()) for path in needed]
    with open(target, 'wb') as out:
        for number, (name, mode, data) in enumerate([*entries, ('TRAILER!!!', 0, b'')], 1):
            fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
            head = b'070701' + b''.join(b'%08X' % field for field in fields) + name.encode() + b'\0'
            out.write(head + b'\0' * (-len(head) % 4) + data + b'\0' * (-len(data) % 4))


def _in_load_order(modules, names):
    depends = {}
    for line in (modules / 'modules.dep').read_text(encoding='utf-8').splitlines():
        path, _, rest = line.partition(':')
        depends[pathlib.Path(path).stem.replace('-', '_')] = (path, rest.split())
    order = []

    def add(path):
        if path not in order:
            for other in reversed(depends[pathlib.Path(path).stem.replace('-', '_')][1]):
                add(other)
            order.append(path)

    for name in names:
        if name.replace('-', '_') not in depends:
            raise ImageError(f'no kernel module {name}')
        add(depends[name.replace('-', '_')][0])
    return [modules / path for path in order]


def _keep_guest_state(tree, guest):
    """Boots the guest with the QEMU of the image, for a state can only be loaded by the QEMU that wrote it."""
    run_dir = '/run/vm-save'
    inside = tree / run_dir.lstrip('/')
    inside.mkdir()
    command = ['chroot', str(tree), *recipe.guest_machine(run_dir, linux=True),
               '-qmp', f'unix:{run_dir}/qmp.sock,server=on,wait=off']
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            monitor = Qmp(inside / 'qmp.sock', alive=lambda: process.poll() is None)
            _wait_guest(inside, process)
            monitor.cmd('migrate-set-parameters', max_bandwidth=1 << 33, downtime_limit=100000)
            monitor.cmd('migrate', uri=f'exec:cat >{recipe.GUEST_DIR}/state')
            _wait_migrated(monitor)
            monitor.cmd('quit')
            monitor.close()
            process.wait(20)
        finally:
            if process.poll() is None:
                process.kill()
    if not (guest / 'state').stat().st_size:
        raise ImageError('the kept state of the small guest is empty')
    shutil.rmtree(inside)


def _wait_guest(inside, process, timeout=240):
    with socket.socket(socket.AF_UNIX) as console:
        console.settimeout(timeout)
        console.connect(str(inside / 'console.sock'))
        heard = b''
        while b'lab-guest ready' not in heard:
            try:
                chunk = console.recv(4096)
            except TimeoutError:
                chunk = b''
            if not chunk:
                log = (inside / 'kernel.log').read_text(errors='replace')[-2000:]
                raise ImageError(f'the small guest did not come up (status {process.poll()})\n{log}')
            heard += chunk


def _wait_migrated(monitor, timeout=120):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        status = monitor.cmd('query-migrate')
        if status.get('status') == 'completed':
            return
        if status.get('status') == 'failed':
            raise ImageError(f'the state of the small guest could not be saved: {status}')
        time.sleep(0.1)
    raise ImageError(f'saving the state of the small guest took more than {timeout} s')
