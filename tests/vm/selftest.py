#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks of the test host itself, without Hotplugger."""

import time
import unittest

from guest import Guest, GuestError
from host import Host
from remote import CommandFailed, HostError, TerminalError

HOST = None


def setUpModule():
    global HOST
    HOST = Host().boot()
    print(f'booted in {HOST.boot_seconds:.1f} s ({HOST.accel})', flush=True)


def tearDownModule():
    HOST.close()


class LabTest(unittest.TestCase):
    """What every other test builds on."""

    def tearDown(self):
        while plugged := HOST.plugged():
            HOST.unplug(plugged[0]['id'])
        HOST.until('! ls -d /sys/bus/usb/devices/[1-9]-[1-9]* 2>/dev/null')

    def attribute(self, device, name):
        return HOST.out(f'cat /sys/bus/usb/devices/{device}/{name}')

    def test_commands(self):
        self.assertEqual(HOST.out('whoami'), 'root')
        self.assertEqual(HOST.out(['printf', '%s', "a 'b' $c"], user='alice'), "a 'b' $c")
        self.assertEqual(HOST.out('id -un', user='vmuser'), 'vmuser')
        self.assertEqual(HOST.run('cat; echo no >&2; exit 3', check=False, input='yes\n').returncode, 3)
        self.assertEqual(HOST.run('cat', input='yes\n').stdout, 'yes\n')
        with self.assertRaises(CommandFailed):
            HOST.run('false')
        with self.assertRaises(HostError):
            HOST.run('sleep 20', timeout=1)
        with self.assertRaises(HostError):
            HOST.until('false', timeout=1)
        self.assertEqual(HOST.out('systemctl is-system-running --wait'), 'running')

    def test_terminal(self):
        with HOST.pty('read -p "name? " x; echo "hello $x"; exit 3', user='alice') as terminal:
            terminal.expect('name? ')
            terminal.send('bob\n')
            terminal.expect('hello bob')
            self.assertEqual(terminal.wait(), 3)
        with HOST.pty('cat') as terminal, self.assertRaises(TerminalError):
            terminal.expect('never', timeout=1)

    def test_administrator_answers_on_the_terminal(self):
        action = 'org.freedesktop.systemd1.manage-units'
        with HOST.pty(f'pkcheck -a {action} -p $$ -u --enable-internal-agent', user='alice') as terminal:
            terminal.expect('Password: ')
            terminal.send('root\n')
            terminal.expect('AUTHENTICATION COMPLETE')
            self.assertEqual(terminal.wait(), 0)

    def test_stick(self):
        for number, filesystem in enumerate(('fat', 'ext4'), 1):
            start = time.monotonic()
            stick = HOST.plug(2, 'stick', filesystem=filesystem, serial=f'HELLO{number}')
            HOST.until('[ -b /dev/sda ]')
            print(f'stick: {time.monotonic() - start:.2f} s', flush=True)
            self.assertEqual(self.attribute('2-2', 'speed'), '5000')
            self.assertEqual(self.attribute('2-2', 'serial'), f'HELLO{number}')
            text = HOST.out('mount -o ro /dev/sda /mnt && cat /mnt/SERIAL.TXT; s=$?; umount /mnt; exit $s')
            self.assertEqual(text, f'HELLO{number}')
            HOST.unplug(stick)
            HOST.until('[ ! -e /sys/bus/usb/devices/2-2 ]')

    def test_every_kind(self):
        for port, kind in enumerate(('kbd', 'mouse', 'tablet', 'audio', 'serial', 'net', 'ccid'), 3):
            HOST.plug(port, kind)
            HOST.until(f'[ -e /sys/bus/usb/devices/1-{port}/product ]')
        self.assertEqual(len(HOST.plugged()), 7)

    def test_hub(self):
        hub = HOST.plug(4, 'hub')
        HOST.until('[ -e /sys/bus/usb/devices/1-4/1-4:1.0/1-4-port1 ]')
        HOST.plug('4.1', 'stick')
        HOST.until('[ -e /sys/bus/usb/devices/1-4.1/product ]')
        self.assertEqual(self.attribute('1-4.1', 'speed'), '12')
        HOST.unplug(hub)
        self.assertEqual(HOST.plugged(), [])

    def test_bare_guest(self):
        with Guest(HOST, 'bare') as guest:
            print(f'bare guest: {guest.start_seconds:.1f} s', flush=True)
            self.assertEqual(HOST.out(f'ps -o user= -p {guest.pid()}'), 'vmuser')
            self.assertEqual(guest.usb(), [])
            guest.kill()
            self.assertEqual(guest.pid(), 0)
            guest.start()
            self.assertEqual(guest.qmp('query-status')['status'], 'running')
            guest.busy().close()
            guest.stop()
        with self.assertRaisesRegex(GuestError, 'invalid option'):
            Guest(HOST, 'broken', extra=['-nonsense']).start()
        with Guest(HOST, 'paused', paused=True) as guest:
            self.assertEqual(guest.qmp('query-status')['status'], 'prelaunch')

    def test_linux_guest_gets_a_stick(self):
        with Guest(HOST, 'linux', user='root', linux=True) as guest:
            print(f'Linux guest: {guest.start_seconds:.1f} s', flush=True)
            HOST.plug(2, 'stick')
            HOST.until('[ -b /dev/sda ]')
            address = int(self.attribute('2-2', 'devnum'))
            guest.qmp('device_add', driver='usb-host', id_='given', hostbus=2, hostaddr=address, bus='xhci.0', port='3')
            self.assertEqual(guest.ids(), ['given'])
            self.assertEqual([(d['port'], d['speed'], d['id']) for d in guest.usb()], [('3', 5000, 'given')])
            start = time.monotonic()
            guest.until('[ -b /dev/sda ]')
            print(f'disk in the guest: {time.monotonic() - start:.1f} s', flush=True)
            self.assertEqual([(d['name'], d['id']) for d in guest.devices() if '-' in d['name']], [('2-3', '46f4:0001')])
            text = guest.sh('mkdir -p /tmp/m; mount -t vfat /dev/sda /tmp/m && cat /tmp/m/SERIAL.TXT; umount /tmp/m').stdout
            self.assertRegex(text, 'LAB')
            guest.qmp('device_del', id_='given')
            guest.until('[ ! -e /sys/bus/usb/devices/2-3 ]')


if __name__ == '__main__':
    unittest.main(verbosity=2)
