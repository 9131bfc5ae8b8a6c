#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shows Hotplugger at work: a test host with real USB ports, a virtual machine in it, and things plugged in and out.

With --shell it ends in a shell in the test host, where `plug`, `unplug` and `guest` are commands.
$HOTPLUGGER_STAGE is the parent of a folder "root" that `meson install --destdir` filled.
"""

import argparse
import json
import os
import pathlib
import sys
import time

import image
from console import Console
from guest import Guest
from host import Host, HostError
from qmp import QmpError, QmpGone

NAME = 'desk'
CONFIG = f'virtual_machines: {{{NAME}: {{socket: /run/vm/{NAME}/qmp.sock}}}}\n'
SHELL_NOTE = '''
This is a root shell in the test host. Its USB ports are 1 to 15. Hotplugger runs, and so does the virtual machine "{name}".

    plug 3 kbd        plug a stick, kbd, mouse, tablet, hub, audio, serial, net or ccid into port 3 (3.1 behind a hub there)
    unplug 3          pull out what is in port 3
    plugged           what is plugged in
    guest             which USB devices the kernel of the virtual machine sees
    hotplugctl        how things stand; hotplugctl help tells more
    exit              ends the test host

Try: hotplugctl assign 1-3 {name}; plug 3 kbd; guest
'''


class Story:
    """Tells what happens, step by step, and fails where it does not."""

    def __init__(self, host, out=sys.stdout):
        self.host, self._out = host, out
        self._start = time.monotonic()
        self._step = self._start
        self.timings = []

    def say(self, text):
        """A sentence."""
        print(f'\n● {text}', file=self._out, flush=True)

    def show(self, command):
        """A command in the test host and what it prints."""
        print(f'  $ {command}', file=self._out, flush=True)
        for line in self.host.out(command).splitlines():
            print(f'  {line}'.rstrip(), file=self._out, flush=True)

    def took(self, what):
        """Notes the time since the last call."""
        now = time.monotonic()
        self.timings.append((what, now - self._step))
        self._step = now

    def times(self):
        """A line of all notes."""
        steps = ', '.join(f'{what} {seconds:.1f} s' for what, seconds in self.timings)
        print(f'\nTimes: {steps}; together {time.monotonic() - self._start:.1f} s.', file=self._out, flush=True)

    def device(self, name, state='attached', timeout=30):
        """Waits until hotplugctl tells that state of a device."""
        deadline = time.monotonic() + timeout
        while True:
            devices = json.loads(self.host.out('hotplugctl --json=short devices'))
            found = next((d for d in devices if d['name'] == name), None)
            if found and found['state'] == state or state == 'gone' and not found:
                return found
            if time.monotonic() > deadline:
                raise HostError(f'device {name} is not {state} after {timeout} s: {found}')
            time.sleep(0.1)

    def attached(self, *names, since="udev's word of it"):
        """Waits for them, and tells how long each took."""
        for name in names:
            device = self.device(name)
            print(f"  {device['description']} is in {device['virtual_machine']}, port {device['guest_port']} of "
                  f"{device['guest_bus']}, {device['latency_usec'] / 1000:.0f} ms after {since}.",
                  file=self._out, flush=True)

    def guest_sees(self, guest, ids):
        """Waits until the guest's kernel has exactly those devices, and shows them."""
        with image.Progress('demo') as progress:
            progress.step('waiting for the kernel of the virtual machine, an emulation in an emulation', now=False)
            seen = guest.wait_devices(lambda ds: sorted(d['id'] for d in ds if '-' in d['name']) == sorted(ids), 60)
        print('  Seen by the kernel of the virtual machine:', file=self._out)
        for device in [d for d in seen if '-' in d['name']] or [None]:
            print('    nothing plugged in' if device is None else
                  f"    {device['id']}  {device['product']}, {device['speed']:.0f} Mb/s, in port {device['name']}",
                  file=self._out, flush=True)


STICK, KEYBOARD, MOUSE = '46f4:0001', '0627:0001', '0627:0001'


def tell(host, out=sys.stdout, story=None):
    """The whole story on a booted host with Hotplugger installed and running; returns the guest, which runs on."""
    story = story or Story(host, out)
    story.say('Hotplugger is installed, and its service runs.')
    story.show('systemctl is-active hotplugd')
    story.show('hotplugctl ports | head -n 6')
    host.run('cat >/etc/hotplugger/config.yaml', input=CONFIG)
    host.run('hotplugctl reload')
    story.took('installed')

    story.say(f'A virtual machine called "{NAME}" starts: QEMU with a QMP socket, run by a user without any right to USB.')
    guest = Guest(host, NAME, linux=True).start()
    host.until(f"hotplugctl --no-legend vms | grep -q '^{NAME} *online'")
    story.show('hotplugctl vms')
    story.took('machine started')

    story.say('The second USB port is assigned to it.')
    story.show(f'hotplugctl assign 1-2 {NAME}')
    story.say('A stick is plugged into that port. No driver of the host ever touches it.')
    stick = host.plug('2', 'stick')
    story.attached('2-2')
    story.guest_sees(guest, [STICK])
    story.show('hotplugctl')
    story.took('stick attached')

    story.say('The stick is pulled out.')
    host.unplug(stick)
    story.device('2-2', 'gone')
    story.guest_sees(guest, [])
    story.took('stick pulled out')

    story.say('A hub goes into the port, and a keyboard and a mouse into the hub: what is behind it follows.')
    host.plug('2', 'hub')
    host.plug('2.1', 'kbd')
    host.plug('2.2', 'mouse')
    story.attached('1-2.1', '1-2.2')
    story.guest_sees(guest, [KEYBOARD, MOUSE])
    story.show('hotplugctl devices')
    story.took('hub attached')

    story.say('The virtual machine is killed. The keyboard and the mouse are the host\'s again.')
    guest.kill()
    story.device('1-2.1', 'waiting')
    host.until('[ -e /sys/bus/usb/drivers/usbhid/1-2.1:1.0 ]')
    host.until('[ -e /sys/bus/usb/drivers/usbhid/1-2.2:1.0 ]')
    story.show('hotplugctl devices')
    story.took('machine killed')

    story.say('It starts again, and has them back.')
    guest.start()
    story.attached('1-2.1', '1-2.2', since='the machine was there')
    story.guest_sees(guest, [KEYBOARD, MOUSE])
    story.took('machine restarted')
    story.say('Why is that so? Ask.')
    story.show('hotplugctl explain 1-2.1')
    return guest


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--shell', action='store_true', help='end in a shell in the test host')
    options = parser.parse_args(arguments)
    stage = pathlib.Path(os.environ['HOTPLUGGER_STAGE'])
    try:
        files = image.image()
        with Host(stage=stage) as host:
            with image.Progress('demo') as progress:
                progress.step('booting the test host, a Debian machine with 15 USB ports')
                host.boot()
                progress.step(f'booted in {host.boot_seconds:.1f} s with {host.accel}; installing Hotplugger into it')
                host.install()
            story = Story(host)
            guest = tell(host, story=story)
            story.times()
            if options.shell:
                with Console(host, guest):
                    print(SHELL_NOTE.format(name=NAME), flush=True)
                    host.shell()
    except (HostError, QmpError, QmpGone, image.ImageError) as error:
        print(f'demo: {error}', file=sys.stderr)
        return 1
    print(f'\nThe test host is gone again. Kept for the next time: its image, {files}.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
