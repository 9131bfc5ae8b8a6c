# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plugging devices into the emulated USB ports of the test host, and the disk images of the sticks."""

import pathlib
import struct
import subprocess
import tempfile

from qmp import QmpError

SECTOR = 512
MEBI = 1 << 20
DRIVERS = {
    'stick': 'usb-storage', 'kbd': 'usb-kbd', 'mouse': 'usb-mouse', 'tablet': 'usb-tablet', 'hub': 'usb-hub',
    'audio': 'usb-audio', 'serial': 'usb-serial', 'net': 'usb-net', 'ccid': 'usb-ccid',
}


class Plugs:
    """What is plugged in, by id. Ports are "2", or "2.3" for port 3 of the hub in port 2."""

    def __init__(self, monitor, folder, bus='xhci.0'):
        self._monitor, self._folder, self._bus = monitor, pathlib.Path(folder), bus
        self._plugged = {}
        self._count = 0

    def plug(self, port, kind, id=None, bus=None, serial=None, filesystem='fat', size=16 * MEBI, image=None, **options):
        """Plugs a device in and returns its id. Options are properties of the QEMU device.

        A stick has a serial number ("LAB0001", ...), a file system ("fat", "ext4", None) whose label is the
        serial number, and a file SERIAL.TXT with the serial number; `image` is used instead of a new one.
        """
        self._count += 1
        number = self._count
        id = id or f'{kind}{number}'
        entry = {'id': id, 'port': str(port), 'kind': kind, 'bus': bus or self._bus}
        arguments = {'driver': DRIVERS[kind], 'id': id, 'bus': entry['bus'], 'port': str(port), **options}
        try:
            arguments.update(self._backend(entry, number, serial, filesystem, size, image))
            self._monitor.raw({'execute': 'device_add', 'id': id, 'arguments': arguments})
        except QmpError:
            self._drop_backend(entry)
            raise
        self._plugged[id] = entry
        return id

    def _backend(self, entry, number, serial, filesystem, size, image):
        kind, name = entry['kind'], f'back{number}'
        if kind == 'stick':
            serial = entry['serial'] = serial or f'LAB{number:04d}'
            entry['image'] = str(image or make_stick(self._folder / f'stick{number}.img', serial, serial, filesystem, size))
            self._monitor.cmd('blockdev-add', driver='raw', node_name=name, file={
                'driver': 'file', 'filename': entry['image'], 'locking': 'off'})
            entry['drop'] = ('blockdev-del', {'node_name': name})
            return {'drive': name, 'serial': serial}
        if kind == 'audio':
            return {'audiodev': 'mute'}
        if kind == 'serial':
            self._monitor.cmd('chardev-add', id_=name, backend={'type': 'null', 'data': {}})
            entry['drop'] = ('chardev-remove', {'id_': name})
            # Without always-plugged it shows only while somebody holds the other end of the line.
            return {'chardev': name, 'serial': serial or f'LAB{number:04d}', 'always-plugged': True}
        if kind == 'net':
            self._monitor.cmd('netdev_add', type='hubport', id_=name, hubid=number)
            entry['drop'] = ('netdev_del', {'id_': name})
            return {'netdev': name}
        return {'serial': serial} if serial else {}

    def _drop_backend(self, entry):
        if 'drop' in entry:
            command, arguments = entry.pop('drop')
            self._monitor.cmd(command, **arguments)

    def unplug(self, id, timeout=30):
        """Pulls a device out, with everything behind it where it is a hub."""
        entry = self._plugged[id]
        behind = [other for other in self._plugged.values()
                  if other['bus'] == entry['bus'] and other['port'].startswith(entry['port'] + '.')]
        self._monitor.cmd('device_del', id_=id)
        for gone in [*behind, entry]:
            self._monitor.wait_event('DEVICE_DELETED', timeout, device=gone['id'])
            del self._plugged[gone['id']]
            self._drop_backend(gone)

    def plugged(self):
        """What is plugged in: a dictionary for each device (id, port, kind, bus; serial and image of a stick)."""
        return [{k: v for k, v in entry.items() if k != 'drop'} for entry in self._plugged.values()]

    def dump(self):
        """A form for `restore`."""
        return {'plugged': self._plugged, 'count': self._count}

    def restore(self, dumped):
        """Takes over what another process plugged in."""
        self._count = dumped['count']
        self._plugged = {id: {**e, **({'drop': tuple(e['drop'])} if 'drop' in e else {})}
                         for id, e in dumped['plugged'].items()}


def make_stick(path, label, text, filesystem='fat', size=16 * MEBI):
    """A sparse image with one file, SERIAL.TXT, that holds `text`; `filesystem` is fat, ext4 or None."""
    path = pathlib.Path(path)
    with open(path, 'wb') as image:
        image.truncate(size)
    if filesystem == 'fat':
        _make_fat(path, label, 'SERIAL  TXT', text.encode() + b'\n', size)
    elif filesystem == 'ext4':
        _make_ext4(path, label, text)
    elif filesystem:
        raise ValueError(f'no such file system: {filesystem}')
    return path


def _make_ext4(path, label, text):
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        pathlib.Path(folder, 'SERIAL.TXT').write_text(text + '\n', encoding='utf-8')
        subprocess.run(['mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal', '-L', label[:16], '-d', folder, str(path)],
                       check=True, timeout=60, capture_output=True)


def _make_fat(path, label, name, data, size):
    """FAT16 without partitions: one reserved sector, two tables, 512 root entries, clusters of 4 sectors."""
    per_cluster, root_entries = 4, 512
    sectors = size // SECTOR
    table = -(-(sectors // per_cluster + 2) * 2 // SECTOR)
    root = 1 + 2 * table
    first = root + root_entries * 32 // SECTOR
    label = label.upper().encode('ascii', 'replace')[:11].ljust(11)
    boot = struct.pack('<3s8sHBHBHHBHHHII', b'\xeb\x3c\x90', b'MSDOS5.0', SECTOR, per_cluster, 1, 2, root_entries,
                       sectors if sectors < 65536 else 0, 0xf8, table, 63, 255, 0, sectors if sectors >= 65536 else 0)
    boot += struct.pack('<BBBI11s8s', 0x80, 0, 0x29, 0x4c414221, label, b'FAT16   ')
    chain = struct.pack('<HHH', 0xfff8, 0xffff, 0xffff)
    entries = struct.pack('<11sB20x', label, 0x08) + struct.pack('<11sB14xHI', name.encode(), 0x20, 2, len(data))
    with open(path, 'r+b') as image:
        image.write(boot.ljust(510, b'\0') + b'\x55\xaa')
        for copy in range(2):
            image.seek((1 + copy * table) * SECTOR)
            image.write(chain)
        image.seek(root * SECTOR)
        image.write(entries)
        image.seek(first * SECTOR)
        image.write(data)
