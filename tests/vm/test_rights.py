# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what, with the installed unit, bus policy and polkit actions."""

import unittest

from case import Case, port_id

RULE = '/etc/polkit-1/rules.d/50-test.rules'


class Rights(Case):
    """The password opens, a rule opens, nothing else does; QEMU needs no rights at all."""

    def tearDown(self):
        self.host.run(f'rm -f {RULE}')
        super().tearDown()

    def test_unprivileged_user_is_refused(self):
        result = self.host.run('hotplugctl --no-ask-password assign 1-3 win', user='alice', check=False)
        self.assertEqual(result.returncode, 4, result.stderr)
        self.assertEqual(self.port(port_id('3'))['state'], 'host')
        self.assertEqual(self.host.run('hotplugctl ports', user='alice').returncode, 0)

    def test_right_password(self):
        with self.host.pty('hotplugctl assign 1-3 win', user='alice') as terminal:
            terminal.expect('assword', timeout=60)
            terminal.send('root\n')
            self.assertEqual(terminal.wait(60), 0)
        self.assertEqual(self.port(port_id('3'))['virtual_machines'], ['win'])

    def test_wrong_password(self):
        with self.host.pty('hotplugctl assign 1-3 win', user='alice') as terminal:
            terminal.expect('assword', timeout=60)
            terminal.send('wrong\n')
            self.assertEqual(terminal.wait(60), 4)
        self.assertEqual(self.port(port_id('3'))['state'], 'host')

    def test_rule(self):
        rule = 'polkit.addRule(function (action, subject) { if (action.id == "org.hotplugger1.assign" && ' \
               'subject.user == "alice" && action.lookup("vm") == "win") return polkit.Result.YES; });\n'
        self.host.run(f'cat >{RULE}; chmod 644 {RULE}', input=rule)
        self.host.until('hotplugctl --no-ask-password assign 1-3 win', user='alice')
        self.assertEqual(self.port(port_id('3'))['virtual_machines'], ['win'])
        result = self.host.run('hotplugctl --no-ask-password unassign 1-3', user='alice', check=False)
        self.assertEqual(result.returncode, 4)

    def test_polkit_gone_is_a_no(self):
        self.host.run('systemctl mask --runtime -q polkit; systemctl stop polkit')
        try:
            result = self.host.run('hotplugctl --no-ask-password assign 1-3 win', user='alice', check=False)
            self.assertEqual(result.returncode, 4, result.stderr)
        finally:
            self.host.run('systemctl unmask --runtime -q polkit; systemctl start polkit')
        self.assertEqual(self.port(port_id('3'))['state'], 'host')

    def test_qemu_without_rights(self):
        guest = self.start_guest(user='vmuser')
        self.host.plug('2', 'stick')
        device = self.wait_device('2-2')
        node = f"/dev/bus/usb/{device['bus']:03}/{device['number']:03}"
        self.assertNotEqual(self.host.run(['test', '-w', node], user='vmuser', check=False).returncode, 0)
        self.assertEqual(len(self.our_ids(guest)), 1)

    def test_nodes_stay_readable_for_all(self):
        self.host.plug('3', 'kbd')
        self.host.until('[ -e /sys/bus/usb/drivers/usbhid/1-3:1.0 ]')
        self.host.run('udevadm settle; udevadm trigger --settle --subsystem-match=usb')
        self.assertEqual(set(self.host.out('stat -c "%a %G" /dev/bus/usb/*/*').splitlines()), {'664 hotplugger'})

    def test_the_daemon_itself_has_few_rights(self):
        status = self.host.out(f'cat /proc/{self.daemon_pid()}/status')
        self.assertIn('CapEff:\t0000000000000002\n', status)
        self.assertIn('NoNewPrivs:\t1\n', status)
        self.assertNotIn('Uid:\t0\t', status)
        exposure = self.host.out('systemd-analyze security --no-pager hotplugd | tail -n 1')
        self.assertLessEqual(float(exposure.split(': ')[1].split()[0]), 1.4)


if __name__ == '__main__':
    unittest.main(verbosity=2)
