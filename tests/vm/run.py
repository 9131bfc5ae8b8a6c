#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the tests on the test host, all or the named ones ("test_lives.Lives.test_vm_quits").

A line each, with its time; a JSON object a line of the same in vm-tests.json beside $HOTPLUGGER_STAGE.
"""

import json
import os
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class Result(unittest.TextTestResult):
    """Tells each test's outcome at once, and writes it down."""

    def __init__(self, stream, descriptions, verbosity):
        super().__init__(stream, descriptions, 0)
        self.log = open(pathlib.Path(os.environ['HOTPLUGGER_STAGE']).parent / 'vm-tests.json', 'w', encoding='utf-8')
        self._started = 0
        self._outcome = 'OK'

    def startTest(self, test):
        super().startTest(test)
        self._started, self._outcome = time.monotonic(), 'OK'

    def addError(self, test, err):
        super().addError(test, err)
        self._outcome = 'ERROR'
        if not isinstance(test, unittest.TestCase):
            self._tell(test, 0)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._outcome = 'FAIL'

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self._outcome = 'FAIL'

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._outcome = 'SKIP'

    def stopTest(self, test):
        super().stopTest(test)
        self._tell(test, time.monotonic() - self._started)

    def _tell(self, test, seconds):
        name = test.id().removeprefix('test_')
        print(f'{self._outcome:5} {seconds:6.1f} s  {name}', flush=True)
        self.log.write(json.dumps({'name': name, 'result': self._outcome, 'duration': seconds}) + '\n')
        self.log.flush()


def main(names):
    """Runs them; the exit status tells how it went."""
    sys.path.insert(0, str(HERE))
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(names) if names else loader.discover(str(HERE), 'test_*.py')
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Result).run(suite)
    return 0 if result.wasSuccessful() and not result.skipped else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
