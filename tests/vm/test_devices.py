# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plugging and pulling, on a real kernel with real USB."""

import unittest

from case import Case, port_id


class Devices(Case):
    """What is plugged into an assigned port is in the virtual machine, pulled out it is gone."""

    def test_stick_keyboard_audio(self):
        guest = self.start_guest(linux=True)
        kinds = {'stick': ('2-2', 5000, '46f4:0001'), 'kbd': ('1-2', 480, '0627:0001'), 'audio': ('1-2', 12, '46f4:0002')}
        for kind, (name, speed, ids) in kinds.items():
            with self.subTest(kind):
                plugged = self.host.plug('2', kind)
                device = self.wait_device(name)
                self.assertEqual(device['virtual_machine'], 'win')
                self.assertEqual(device['speed'], speed)
                self.assertGreater(device['latency_usec'], 0)
                seen = guest.wait_devices(lambda devices: [d for d in devices if d['id'] == ids])
                self.assertEqual([d['speed'] for d in seen if d['id'] == ids], [speed])
                self.host.unplug(plugged)
                self.wait_gone(name)
                guest.wait_devices(lambda devices: not [d for d in devices if d['id'] == ids], timeout=60)
                self.assertEqual(self.our_ids(guest), [])

    def test_not_assigned_stays(self):
        guest = self.start_guest()
        self.host.plug('3', 'kbd')
        self.wait_device('1-3', 'host')
        self.host.until('[ -e /sys/bus/usb/drivers/usbhid/1-3:1.0 ]')
        self.assertEqual(self.our_ids(guest), [])

    def test_prefix_is_another_port(self):
        self.configure('virtual_machines: {win: {socket: /run/vm/win/qmp.sock, ports: [1-1]}}\n')
        guest = self.start_guest()
        self.host.plug('10', 'kbd')
        self.host.plug('1', 'kbd')
        self.wait_device('1-1')
        self.wait_device('1-10', 'host')
        self.assertEqual(len(self.our_ids(guest)), 1)
        self.assertEqual(self.port(port_id('10'))['state'], 'host')

    def test_hub_with_three_devices_pulled_at_once(self):
        guest = self.start_guest()
        hub = self.host.plug('4', 'hub')
        self.wait_device('1-4', 'host')
        self.wait_for(lambda: self.port(port_id('4.1')), lambda p: p is not None and p['claimed'])
        for number, kind in enumerate(('kbd', 'mouse', 'tablet'), 1):
            self.host.plug(f'4.{number}', kind)
        devices = self.wait_attached(3)
        self.assertEqual({d['name'] for d in devices}, {'1-4', '1-4.1', '1-4.2', '1-4.3'})
        self.assertEqual(len(self.our_ids(guest)), 3)
        self.host.unplug(hub)
        self.wait_for(lambda: self.list('devices'), lambda ds: ds == [])
        self.wait_for(lambda: self.our_ids(guest), lambda ids: ids == [])
        self.assertTrue(self.port(port_id('4'))['claimed'])

    def test_plugged_before_the_vm_starts(self):
        self.host.plug('2', 'stick')
        self.host.plug('4', 'kbd')
        device = self.wait_device('2-2', 'waiting')
        self.assertEqual(device['reason'], 'no-socket')
        self.host.until('[ -e /sys/bus/usb/drivers/usb-storage/2-2:1.0 ]')
        guest = self.start_guest(linux=True)
        self.wait_attached(2)
        guest.wait_devices(lambda devices: sum(not d['name'].startswith('usb') for d in devices) == 2, timeout=60)

    def test_unassign_while_attached(self):
        guest = self.start_guest()
        self.host.plug('2', 'stick')
        self.wait_device('2-2')
        self.assertNotEqual(self.driver('2-2:1.0'), 'usb-storage')
        self.host.run('hotplugctl unassign 1-2')
        self.wait_device('2-2', 'host')
        self.host.until('[ -e /sys/bus/usb/drivers/usb-storage/2-2:1.0 ]')
        self.assertEqual(self.our_ids(guest), [])
        self.assertFalse(self.port(port_id('2'))['claimed'])
        self.host.run('hotplugctl unassign --reset 1-2')
        self.wait_device('2-2')

    def test_one_device_by_hand(self):
        guest = self.start_guest()
        self.host.plug('3', 'stick')
        self.wait_device('2-3', 'host')
        self.host.run('hotplugctl attach 2-3 win')
        self.assertEqual(self.device('2-3')['reason'], 'attached-by-user')
        self.assertEqual(len(self.our_ids(guest)), 1)
        self.host.run('hotplugctl detach 2-3')
        self.assertEqual(self.device('2-3')['state'], 'held-back')
        self.host.until('[ -e /sys/bus/usb/drivers/usb-storage/2-3:1.0 ]')

    def test_no_disk_ever_appears_on_the_host(self):
        self.start_guest()
        self.wait_for(lambda: self.port(port_id('2')), lambda p: p['claimed'])
        before = self.block_devices()
        for _ in range(5):
            plugged = self.host.plug('2', 'stick')
            self.wait_device('2-2')
            self.host.unplug(plugged)
            self.wait_gone('2-2')
        self.assertEqual(self.block_devices(), before)

    def test_two_vms_one_desk(self):
        self.configure('virtual_machines:\n'
                       '  win: {socket: /run/vm/win/qmp.sock, ports: [1-2]}\n'
                       '  linux: {socket: /run/vm/linux/qmp.sock, ports: [1-2]}\n')
        self.host.plug('2', 'kbd')
        linux = self.start_guest('linux')
        self.wait_device('1-2')
        win = self.start_guest('win')
        self.assertEqual(self.device('1-2')['virtual_machine'], 'linux')
        linux.kill()
        self.wait_for(lambda: self.device('1-2'), lambda d: d['virtual_machine'] == 'win' and d['state'] == 'attached')
        self.assertEqual(len(self.our_ids(win)), 1)

    def test_delay(self):
        self.configure('virtual_machines: {win: {socket: /run/vm/win/qmp.sock, delay: 5, ports: [1-2]}}\n')
        self.start_guest()
        self.host.plug('2', 'kbd')
        self.wait_for(lambda: self.device('1-2'), lambda d: d is not None and d['reason'] == 'delay')
        self.assertEqual(self.device('1-2')['state'], 'waiting')
        self.assertGreater(self.wait_device('1-2')['latency_usec'], 5_000_000)


if __name__ == '__main__':
    unittest.main(verbosity=2)
