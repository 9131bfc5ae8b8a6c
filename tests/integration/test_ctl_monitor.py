# SPDX-License-Identifier: LGPL-2.1-or-later
"""hotplugctl monitor: what happens, as it happens, whatever becomes of the daemon."""
import json
import os
import queue
import signal
import threading

import bus
import case
import ctl
import peer
import tap


class Watch:
    """A monitor that runs; its lines as they come."""

    def __init__(self, run, *words):
        self.process = run.start("monitor", *words)
        self.lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def close(self):
        bus.end(self.process)
        self.process.stderr.close()

    def until(self, *parts, timeout=10):
        """The next line with all of these in it."""
        while True:
            try:
                line = self.lines.get(timeout=timeout)
            except queue.Empty:
                line = None
            assert line is not None, "no line with %s, but: %s" % (parts, "".join(self.seen))
            self.seen.append(line)
            if all(part in line for part in parts):
                return line

    def event(self, name, timeout=10, **values):
        """The next event of that name, in JSON, with these values."""
        while True:
            event = json.loads(self.until('"event":"%s"' % name, timeout=timeout))
            if all(event[key] == value for key, value in values.items()):
                return event


class Monitor(case.Case):
    def begin(self, *words, config=None):
        self.machine_peer = self.add_peer()
        self.tree.plug("3-2")
        self.start(config or self.config(self.machine(ports=["3-1"])))
        self.api.wait_vm("vm", "online")
        self.ctl = ctl.Ctl(self.bus.address)
        return self.watch(*words)

    def watch(self, *words):
        watch = Watch(self.ctl, *words)
        self.addCleanup(watch.close)
        return watch

    def test_text(self):
        watch = self.begin()
        self.assertRegex(watch.until("hotplugd"),
                         r"^\d\d:\d\d:\d\d\.\d{3}  daemon     hotplugd \d+\.\d+\.\d+ is running\n$")
        self.tree.plug("3-1")
        watch.until("  plugged    3-1    \"SanDisk Ultra (0781:5581)\" into " + case.port_id("1"))
        self.assertRegex(watch.until("  attached "), r"3-1    \"SanDisk Ultra \(0781:5581\)\" to vm at xhci.0 port \d, "
                         r"after \d+\.\d ms\n$")
        self.tree.unplug("3-1")
        watch.until("  unplugged  3-1    \"SanDisk Ultra (0781:5581)\" from " + case.port_id("1"))
        watch.until("  detached   3-1    \"SanDisk Ultra (0781:5581)\" from vm")
        self.ctl("assign", "3-2", "vm")
        watch.until("  port       %s is assigned to vm" % case.port_id("2"))
        self.ctl("unassign", "3-2")
        watch.until("  port       %s is the host's" % case.port_id("2"))
        self.machine_peer.stop()
        watch.until("  vm         vm is offline: vm does not run")

    def test_json(self):
        watch = self.begin("-j")
        version = self.api.manager()["Version"]
        event = watch.event("daemon", state="running")
        self.assertEqual(set(event), {"time", "event", "device", "port", "virtual_machine", "description", "state",
                                      "reason", "message", "guest_bus", "guest_port", "latency_usec", "retry_usec"})
        self.assertRegex(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$")
        self.assertTrue(version)

        def refuse(_arguments):
            raise peer.Failure("no\x1b[31m")
        self.machine_peer.hooks["device_add"] = refuse
        self.tree.plug("3-1")
        self.assertEqual(watch.event("plugged")["device"], "3-1")
        event = watch.event("failed", device="3-1")
        self.assertEqual((event["virtual_machine"], event["reason"]), ("vm", "qemu-refused"))
        self.assertGreater(event["retry_usec"], 0)
        self.assertNotIn("\x1b", event["message"])
        self.machine_peer.hooks.clear()
        event = watch.event("attached", device="3-1")
        self.assertEqual((event["guest_bus"], event["port"]), ("xhci.0", case.port_id("1")))
        self.assertGreater(event["latency_usec"], 0)

    def test_outlives_the_daemon(self):
        watch = self.begin("--json=short")
        watch.event("daemon", state="running")
        self.daemon.kill()
        watch.event("daemon", state="gone")
        # What happens meanwhile is told when it is back.
        self.tree.unplug("3-2")
        self.tree.plug("3-3", product="New")
        self.start(None)
        watch.event("daemon", state="running")
        events = {(event["event"], event["device"]) for event in (json.loads(watch.until('plugged"'))
                                                                   for _turn in range(2))}
        self.assertEqual(events, {("plugged", "3-3"), ("unplugged", "3-2")})
        self.tree.plug("3-4")
        watch.event("plugged", device="3-4")
        self.assertIsNone(watch.process.poll())

    def test_before_the_daemon(self):
        self.ctl = ctl.Ctl(self.bus.address)
        watch = self.watch()
        watch.until("hotplugd is not running")
        self.start("")
        watch.until("hotplugd ", " is running")
        self.tree.plug("3-1")
        watch.until("plugged    3-1")

    def test_ends(self):
        watch = self.begin()
        watch.until("is running")
        for number in (signal.SIGINT, signal.SIGTERM):
            watch.process.send_signal(number)
            self.assertEqual((watch.process.wait(5), watch.process.stderr.read()), (130, ""))
            watch = self.watch()
            watch.until("is running")

    def test_nobody_reads(self):
        self.begin().close()
        read, write = os.pipe()
        process = ctl.subprocess.Popen([ctl.HOTPLUGCTL, "monitor"], env=self.ctl.environment, stdout=write,
                                       stderr=ctl.subprocess.PIPE, text=True)
        os.close(write)
        self.assertIn(b"is running", os.read(read, 4096))
        os.close(read)
        self.tree.plug("3-3")
        _out, err = process.communicate(timeout=5)
        self.assertEqual(err, "")
        self.assertNotEqual(process.returncode, 0)

    def test_bus_goes_away(self):
        own = bus.PrivateBus()
        self.addCleanup(own.close)
        watch = Watch(ctl.Ctl(own.address))
        self.addCleanup(watch.close)
        watch.until("hotplugd is not running")
        bus.end(own.process)
        self.assertEqual(watch.process.wait(5), 8)
        self.assertIn("the connection to the bus was lost", watch.process.stderr.read())


if __name__ == "__main__":
    tap.main()
