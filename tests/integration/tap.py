# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a file's tests and tells of them in TAP, so that skips are seen for what they are."""
import os
import sys
import tempfile
import time
import unittest


class Result(unittest.TestResult):
    count = 0

    def startTest(self, test):
        super().startTest(test)
        self.begun = time.monotonic()

    def _tell(self, word, test, remark=""):
        self.count += 1
        name = test.id().partition(".")[2] or test.id()
        print("%s %d - %s%s" % (word, self.count, name, remark), flush=True)
        if test is not None and word == "ok" and not remark:
            print("# %.2f s" % (time.monotonic() - self.begun), flush=True)

    def _tell_failure(self, test, error):
        self._tell("not ok", test)
        for line in self._exc_info_to_string(error, test).splitlines():
            print("# " + line, flush=True)

    def addSuccess(self, test):
        self._tell("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._tell_failure(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._tell_failure(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._tell_failure(subtest, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._tell("ok", test, " # SKIP " + reason)


def main():
    names = sys.argv[1:]
    loader = unittest.defaultTestLoader
    module = sys.modules["__main__"]
    suite = loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)
    print("TAP version 13\n1..%d" % suite.countTestCases(), flush=True)
    result = Result()
    # A folder that nobody else stirs in; short, since paths of sockets are in it.
    with tempfile.TemporaryDirectory(prefix="hp-") as folder:
        os.chmod(folder, 0o755)
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        suite.run(result)
    sys.stdout.flush()
    # Threads of libraries may still hold on to things: no long goodbyes.
    os._exit(0 if result.wasSuccessful() else 1)
