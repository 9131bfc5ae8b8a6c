#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The test host by hand.

    lab.py build                 build the image
    lab.py where                 tell its folder, whether it is built or not
    lab.py up [--stage DIR]      boot it; DIR is seen inside as /mnt/stage, and DIR/root is installed where it exists
    lab.py sh [-u USER] [CMD…]   a shell in it, or one command
    lab.py plug PORT KIND        plug a stick, kbd, mouse, tablet, hub, audio, serial, net or ccid into port 2, 2.3, ...
    lab.py unplug ID             pull it out
    lab.py ls                    what is plugged in
    lab.py down                  end it
"""

import argparse
import pathlib
import shlex
import sys

import image
from host import Host, HostError
from plugs import DRIVERS
from qmp import QmpError, QmpGone


def state_file():
    """Where a running host is found again."""
    return image.cache_root() / 'lab.json'


def running():
    """The host of an earlier `up`."""
    try:
        state = state_file().read_text(encoding='utf-8')
    except FileNotFoundError:
        raise HostError('no test host runs; start one with: lab.py up') from None
    return Host.found(state)


def keep(host):
    """Writes down what changed."""
    state_file().write_text(host.state(), encoding='utf-8')
    return 0


def build(_):
    """The image only."""
    print(image.image())
    return 0


def where(_):
    """The image's folder."""
    print(image.image_dir())
    return 0


def up(options):
    """Boots a host that stays."""
    try:
        running()
        raise HostError('a test host runs already; end it with: lab.py down')
    except HostError as error:
        if 'already' in str(error):
            raise
    host = Host(stage=options.stage, detached=True).boot()
    keep(host)
    if options.stage and pathlib.Path(options.stage, 'root').is_dir():
        host.install()
    print(f'up after {host.boot_seconds:.1f} s ({host.accel}), files in {host.dir}')
    return 0


def sh(options):
    """A shell, or a command."""
    host = running()
    if not options.command:
        return host.shell(options.user)
    text = options.command[0] if len(options.command) == 1 else shlex.join(options.command)
    if sys.stdin.isatty() and sys.stdout.isatty():
        return host.shell(options.user, text)
    result = host.run(text, options.user, timeout=600, check=False)
    sys.stdout.write(result.stdout)
    sys.stderr.write(result.stderr)
    return result.returncode


def plug(options):
    """Plugs a device in."""
    host = running()
    print(host.plug(options.port, options.kind))
    return keep(host)


def unplug(options):
    """Pulls a device out."""
    host = running()
    if options.id not in [entry['id'] for entry in host.plugged()]:
        raise HostError(f'nothing plugged in has the id {options.id}')
    host.unplug(options.id)
    return keep(host)


def ls(_):
    """Lists what is plugged in."""
    for entry in running().plugged():
        print(f"{entry['port']:8} {entry['kind']:8} {entry['id']:12} {entry.get('serial', '')}")
    return 0


def down(_):
    """Ends the host."""
    try:
        running().close()
    finally:
        state_file().unlink(missing_ok=True)
    return 0


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest='verb', required=True, metavar='VERB')
    for verb in (build, where, ls, down):
        verbs.add_parser(verb.__name__).set_defaults(run=verb)
    one = verbs.add_parser('up')
    one.add_argument('--stage', metavar='DIR')
    one.set_defaults(run=up)
    one = verbs.add_parser('sh')
    one.add_argument('-u', '--user', default='root')
    one.add_argument('command', nargs='*')
    one.set_defaults(run=sh)
    one = verbs.add_parser('plug')
    one.add_argument('port')
    one.add_argument('kind', choices=DRIVERS)
    one.set_defaults(run=plug)
    one = verbs.add_parser('unplug')
    one.add_argument('id')
    one.set_defaults(run=unplug)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except (HostError, QmpError, QmpGone, image.ImageError) as error:
        print(f'lab: {error}', file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main())
