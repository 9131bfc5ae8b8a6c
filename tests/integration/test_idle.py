# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon with nothing to do does nothing."""
import time

import case
import tap


class Idle(case.Case):
    WINDOW = 2  # seconds: shorter than any of its slow timers, all of which have just begun

    def test_no_wake_ups(self):
        self.add_peer()
        api = self.start(self.config(self.machine(ports=["3-1"]), self.machine("absent", ["3-2"])))
        self.tree.plug("3-1")
        self.tree.plug("3-2")
        api.wait_device("3-1", "attached")
        api.close()
        self.daemon.settle(quiet=0.8)  # GLib's workers linger for half a second
        before = self.daemon.switches()
        time.sleep(self.WINDOW)
        after = self.daemon.switches()
        # A worker that was used before may end; those that stay do not stir, and no new ones come.
        self.assertEqual(after, {thread: before.get(thread) for thread in after})
        with open("/proc/%d/status" % self.daemon.process.pid, encoding="ascii") as file:
            print("# " + ", ".join(" ".join(line.split()) for line in file if line.startswith(("VmRSS", "RssAnon",
                                                                                             "Threads"))))

    def test_watchdog(self):
        started = time.monotonic()
        self.start("", WATCHDOG_USEC="400000")
        since = len(self.daemon.manager.told)
        for count in range(1, 5):
            self.daemon.manager.wait("WATCHDOG=1", since=since, timeout=1)
            since = len(self.daemon.manager.told)
            self.assertGreater(time.monotonic() - started, 0.15 * (count - 1))


if __name__ == "__main__":
    tap.main()
