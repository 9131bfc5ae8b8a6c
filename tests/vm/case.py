# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of Hotplugger on the test host share: one host for all of them, with the installed package in it.

The folder to install from is $HOTPLUGGER_STAGE, the parent of a folder "root" that `meson install --destdir` filled.
"""

import atexit
import json
import os
import time
import unittest

from guest import Guest
from host import Host

CONTROLLER = 'pci-0000:00:05.0'
_shared = {}


def shared_host():
    """The host, booted and installed at the first call."""
    if 'host' not in _shared:
        host = Host(stage=os.environ['HOTPLUGGER_STAGE']).boot()
        atexit.register(host.close)
        host.install(start=False)
        host.run('install -d /etc/hotplugger')
        print(f'the test host runs after {host.boot_seconds:.1f} s ({host.accel})', flush=True)
        _shared['host'] = host
    return _shared['host']


def port_id(chain, usb=2):
    """The stable name of a port of the host's only controller."""
    return f'{CONTROLLER}-usbv{usb}-0:{chain}'


class Case(unittest.TestCase):
    """Each test starts with nothing plugged in, no guest, no choice made at run time and the daemon just started."""

    CONFIG = 'virtual_machines: {win: {socket: /run/vm/win/qmp.sock, ports: [1-2, 1-4]}}\n'

    def setUp(self):
        self.host = shared_host()
        self.guests = []
        self.write_config(self.CONFIG)
        self.host.run('systemctl stop hotplugd; rm -rf /var/lib/hotplugger/*; systemctl reset-failed hotplugd; '
                      'journalctl -q --rotate --vacuum-time=1s >/dev/null 2>&1; systemctl start hotplugd', timeout=90)

    def tearDown(self):
        if not self._outcome.success:
            print(self.host.run('journalctl -u hotplugd --no-pager -n 60; hotplugctl', check=False).stdout)
        while plugged := self.host.plugged():
            self.host.unplug(plugged[-1]['id'])
        for guest in self.guests:
            guest.close()
        self.host.until('! ls -d /sys/bus/usb/devices/[1-9]-[1-9]* 2>/dev/null')

    # --- the world ---

    def write_config(self, text):
        self.host.run('cat >/etc/hotplugger/config.yaml', input=text)

    def configure(self, text):
        """Writes the configuration and makes the daemon read it."""
        self.write_config(text)
        self.host.run('hotplugctl reload')

    def start_guest(self, name='win', **options):
        """A guest that Hotplugger has found."""
        guest = Guest(self.host, name, **options)
        self.guests.append(guest)
        guest.start()
        self.wait_vm(name, 'online')
        return guest

    # --- what hotplugctl says ---

    def list(self, what):
        return json.loads(self.host.out(['hotplugctl', '--json=short', what]))

    def device(self, name):
        """The device of that kernel name, or None."""
        return next((d for d in self.list('devices') if d['name'] == name), None)

    def port(self, id):
        return next((p for p in self.list('ports') if p['id'] == id), None)

    def wait_for(self, look, wanted, timeout=60):
        """Waits until `look` gives something that `wanted` accepts, and returns it."""
        deadline = time.monotonic() + timeout
        while not wanted(seen := look()):
            if time.monotonic() > deadline:
                self.fail(f'not so within {timeout} s; the last look gave {seen}')
            time.sleep(0.1)
        return seen

    def wait_vm(self, name, state, timeout=60):
        return self.wait_for(lambda: next(v for v in self.list('vms') if v['name'] == name),
                             lambda vm: vm['state'] == state, timeout)

    def wait_device(self, name, state='attached', timeout=60):
        return self.wait_for(lambda: self.device(name), lambda d: d is not None and d['state'] == state, timeout)

    def wait_gone(self, name, timeout=60):
        self.wait_for(lambda: self.device(name), lambda d: d is None, timeout)

    def wait_attached(self, count, timeout=60):
        """Waits until so many devices are attached and none is on its way; returns them."""
        states = ('attached', 'host')
        return self.wait_for(lambda: self.list('devices'),
                             lambda ds: sum(d['state'] == 'attached' for d in ds) == count
                             and all(d['state'] in states for d in ds), timeout)

    # --- what the kernel and QEMU say ---

    def driver(self, interface):
        """The host's driver of an interface like 1-2:1.0, or ''."""
        return self.host.out(f'basename "$(readlink /sys/bus/usb/devices/{interface}/driver)"')

    def block_devices(self):
        """Names of all disks that ever appeared on the host's USB since the host booted."""
        return self.host.out("dmesg | grep -c 'Attached SCSI' || true")

    def daemon_pid(self):
        return int(self.host.out('systemctl show -P MainPID hotplugd'))

    def usb_descriptors(self, pid):
        """How many open descriptors on USB nodes a process has."""
        return int(self.host.out(f"ls -l /proc/{pid}/fd | grep -c /dev/bus/usb || true"))

    def stored_descriptors(self):
        return int(self.host.out('systemctl show -P NFileDescriptorStore hotplugd'))

    def our_ids(self, guest):
        return [d['id'] for d in guest.usb() if (d['id'] or '').startswith('hotplugger-')]
