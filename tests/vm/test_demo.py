# SPDX-License-Identifier: LGPL-2.1-or-later
"""The story that `./run demo` tells, and the commands in its shell."""

import io
import unittest

from case import Case
from console import Console
import demo


class Demo(Case):
    """What a newcomer sees first."""

    CONFIG = ''

    def test_story(self):
        out = io.StringIO()
        self.guests.append(demo.tell(self.host, out))
        text = out.getvalue()
        for line in ('is in desk, port 15 of xhci.0', '46f4:0001  QEMU USB HARDDRIVE, 5000 Mb/s', 'nothing plugged in',
                     '1-2.1  QEMU USB Keyboard (0627:0001)  keyboard  12 Mb/s  1-2.1  desk  attached',
                     '+ desk has the port; the kernel keeps host drivers off it'):
            self.assertIn(line, text)

    def test_commands_in_the_shell(self):
        with Console(self.host):
            self.assertEqual(self.host.out('plug 3 kbd && plugged'), '3      kbd')
            self.host.until('[ -e /sys/bus/usb/devices/1-3 ]')
            refused = self.host.run('plug 3 mouse', check=False)
            self.assertEqual((refused.returncode, refused.stdout), (1, ''))
            self.assertIn('in use', refused.stderr)
            self.assertIn('no such kind', self.host.run('plug 4 toaster', check=False).stderr)
            self.assertIn('not so many words', self.host.run('plug 4', check=False).stderr)
            self.assertEqual(self.host.out('unplug 3; plugged'), '')
            self.assertIn('nothing is plugged', self.host.run('unplug 3', check=False).stderr)


if __name__ == '__main__':
    unittest.main(verbosity=2)
