#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Adds up what the parts of the tests left behind: a line a part, and one for all. A part without a test has failed."""

import json
import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
LOGS = {
    'meson': TOP / 'build/meson-logs/testlog.json',
    'sanitizers': TOP / 'build-sanitizers/meson-logs/testlog.json',
    'vm': TOP / 'build-release/vm-tests.json',
}
GOOD = ('OK', 'EXPECTEDFAIL')


def read(part):
    """(name, result, seconds) of each test; of TAP programs each of their cases."""
    results = []
    try:
        lines = LOGS[part].read_text(encoding='utf-8').splitlines()
    except FileNotFoundError:
        return results
    for line in lines:
        test = json.loads(line)
        cases = [(result, name) for result, name in tap(test.get('stdout', '')) if result]
        if cases and test['result'] == 'OK':
            results += [(f"{test['name']} {name}", result, 0) for result, name in cases]
        else:
            results.append((test['name'], test['result'], test['duration']))
    return results


def tap(output):
    """The cases in a test's output, where it speaks TAP."""
    for line in output.splitlines():
        if line.startswith(('ok ', 'not ok ')):
            name = line.partition('ok ')[2]
            skip = '# SKIP' in name.upper()
            yield ('SKIP' if skip else 'OK' if line.startswith('ok ') else 'FAIL'), name


def main(parts):
    """Prints the table; status 1 where anything failed or was skipped."""
    passed = failed = skipped = 0
    for part in parts:
        results = read(part)
        bad = [r for r in results if r[1] not in (*GOOD, 'SKIP')]
        left = [r for r in results if r[1] == 'SKIP']
        for name, result, _ in [*bad, *left]:
            print(f'{part}: {result}: {name}')
        if not results:
            print(f'{part}: FAIL: it ran no test')
        good = len(results) - len(bad) - len(left)
        print(f'{part + ":":12} {good:4} passed, {len(bad) + (not results)} failed, {len(left)} skipped')
        passed, failed, skipped = passed + good, failed + len(bad) + (not results), skipped + len(left)
    if skipped:
        print(f'{skipped} skipped tests count as failed: this machine should run them all')
    print(f'{passed} passed, {failed + skipped} failed')
    return 1 if failed or skipped else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
