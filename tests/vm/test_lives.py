# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines and the daemon itself come, go and crash."""

import time
import unittest

from case import Case, port_id

TEN = 'virtual_machines: {win: {socket: /run/vm/win/qmp.sock, ports: [%s]}}\n' % ', '.join(f'1-{n}' for n in range(1, 11))


class Lives(Case):
    """Whatever ends in the middle, afterwards everyone has what should be theirs."""

    def test_vm_killed_and_started_again(self):
        guest = self.start_guest()
        self.host.plug('2', 'stick')
        self.wait_device('2-2')
        guest.kill()
        self.wait_vm('win', 'offline')
        self.wait_device('2-2', 'waiting')
        self.host.until('[ -e /sys/bus/usb/drivers/usb-storage/2-2:1.0 ]')
        self.host.until('grep -q sda /proc/partitions')
        guest.start()
        self.wait_device('2-2')
        self.assertEqual(len(self.our_ids(guest)), 1)

    def test_vm_killed_with_the_port_reserved(self):
        self.configure('virtual_machines: {win: {socket: /run/vm/win/qmp.sock, reserve: always, ports: [1-2]}}\n')
        self.wait_for(lambda: self.port(port_id('2')), lambda p: p['claimed'])
        before = self.block_devices()
        guest = self.start_guest()
        self.host.plug('2', 'stick')
        self.wait_device('2-2')
        guest.kill()
        self.wait_device('2-2', 'waiting')
        self.assertEqual(self.port(port_id('2'))['state'], 'reserved')
        time.sleep(2)
        self.assertEqual(self.block_devices(), before)
        guest.start()
        self.wait_device('2-2')

    def test_vm_quits(self):
        guest = self.start_guest()
        self.host.plug('2', 'kbd')
        self.wait_device('1-2')
        guest.stop()
        self.wait_device('1-2', 'waiting')
        self.host.until('[ -e /sys/bus/usb/drivers/usbhid/1-2:1.0 ]')

    def test_daemon_killed_during_a_stream_of_plugs(self):
        self.configure(TEN)
        guest = self.start_guest()
        plugged = {}
        for number in range(1, 11):
            plugged[number] = self.host.plug(str(number), 'kbd')
            if number == 5:
                self.host.run('systemctl kill -s KILL hotplugd')
            if number in (3, 6, 8):
                self.host.unplug(plugged.pop(number))
        self.host.until('systemctl is-active -q hotplugd', timeout=60)
        devices = self.wait_attached(len(plugged))
        self.assertEqual({d['name'] for d in devices}, {f'1-{n}' for n in plugged})
        ids = self.wait_for(lambda: self.our_ids(guest), lambda ids: len(ids) == len(plugged))
        self.assertEqual({id.rsplit('-', 2)[0] for id in ids}, {f'hotplugger-1-{n}' for n in plugged})

    def test_daemon_killed_adopts_without_touching(self):
        guest = self.start_guest(linux=True)
        self.host.plug('2', 'stick')
        self.wait_device('2-2')
        guest.wait_devices(lambda devices: [d for d in devices if d['id'] == '46f4:0001'], timeout=60)
        ids = self.our_ids(guest)
        before = self.block_devices()
        self.host.run('systemctl kill -s KILL hotplugd')
        self.assertGreaterEqual(self.stored_descriptors(), 5)
        self.host.until('systemctl is-active -q hotplugd', timeout=60)
        self.wait_device('2-2')
        self.assertEqual(self.our_ids(guest), ids)
        self.assertTrue(self.port(port_id('2'))['claimed'])
        self.assertTrue(self.port(port_id('4'))['claimed'])
        self.assertEqual(self.block_devices(), before)

    def test_daemon_stopped_hands_back(self):
        guest = self.start_guest()
        self.host.plug('2', 'stick')
        self.wait_device('2-2')
        self.host.run('systemctl stop hotplugd', timeout=90)
        self.host.until('[ -e /sys/bus/usb/drivers/usb-storage/2-2:1.0 ]')
        self.assertEqual(self.our_ids(guest), [])
        self.host.plug('4', 'kbd')
        self.host.until('[ -e /sys/bus/usb/drivers/usbhid/1-4:1.0 ]')
        self.host.run('systemctl start hotplugd')
        self.wait_attached(2)

    def test_plugged_and_pulled_while_the_daemon_is_away(self):
        guest = self.start_guest()
        stick = self.host.plug('2', 'stick')
        self.wait_device('2-2')
        self.host.run('systemctl mask --runtime -q hotplugd; systemctl kill -s KILL hotplugd')
        self.host.unplug(stick)
        self.host.plug('2', 'kbd')
        self.host.run('systemctl unmask --runtime -q hotplugd; systemctl reset-failed hotplugd; systemctl start hotplugd')
        self.wait_device('1-2')
        self.assertEqual(len(self.our_ids(guest)), 1)

    def test_hung_vm_delays_nobody(self):
        self.configure('virtual_machines:\n'
                       '  win: {socket: /run/vm/win/qmp.sock, ports: [1-2]}\n'
                       '  linux: {socket: /run/vm/linux/qmp.sock, ports: [1-4]}\n')
        win = self.start_guest('win')
        self.start_guest('linux')
        self.host.run(f'kill -STOP {win.pid()}')
        self.host.plug('2', 'kbd')
        self.host.plug('4', 'kbd')
        self.wait_device('1-4', timeout=15)
        self.wait_vm('win', 'stalled', timeout=40)
        self.host.run(f'kill -CONT {win.pid()}')
        self.wait_device('1-2')
        self.assertEqual(len(self.our_ids(win)), 1)

    def test_bad_configuration(self):
        self.write_config('virtual_machines: {win: {sockets: /run/x}}\n')
        result = self.host.run('hotplugctl reload', check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn('/etc/hotplugger/config.yaml:1:', result.stderr)
        self.assertEqual(len(self.list('vms')), 1)
        self.host.run('systemctl restart hotplugd', timeout=90)
        self.assertEqual(self.list('vms'), [])
        self.assertIn('/etc/hotplugger/config.yaml:1:', self.host.out('hotplugctl status'))
        self.assertIn('config.yaml:1:', self.host.out('journalctl -u hotplugd --no-pager'))

    def test_two_hundred_cycles_leave_nothing(self):
        self.configure(TEN)
        guest = self.start_guest()
        self.wait_for(lambda: self.list('ports'), lambda ports: sum(p['claimed'] for p in ports) == 10)
        pid = self.daemon_pid()
        before = (self.usb_descriptors(pid), self.stored_descriptors())
        for _ in range(20):
            plugged = [self.host.plug(str(number), 'kbd') for number in range(1, 11)]
            self.wait_attached(10)
            for id in plugged:
                self.host.unplug(id)
            self.wait_for(lambda: self.list('devices'), lambda ds: ds == [])
            self.wait_for(lambda: self.our_ids(guest), lambda ids: ids == [])
        self.assertEqual(self.daemon_pid(), pid)
        self.assertEqual((self.usb_descriptors(pid), self.stored_descriptors()), before)
        self.assertEqual(self.usb_descriptors(guest.pid()), 0)
        self.assertEqual([s for s in guest.qmp('query-fdsets') if s['fds']], [])
        self.assertEqual(sum(p['claimed'] for p in self.list('ports')), 10)


if __name__ == '__main__':
    unittest.main(verbosity=2)
