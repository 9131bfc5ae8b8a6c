# SPDX-License-Identifier: LGPL-2.1-or-later
"""udev's events, as udevd sends them to those who listen to it, into umockdev's sockets.

umockdev has a sender of its own, which reads the event from sysfs, where what is removed is gone by then, and aborts
the test where the listener does not keep up.
"""
import glob
import os
import socket
import struct
import time

PATIENCE = 10  # seconds for a listener that does not read


def murmur_hash(data):
    """MurmurHash2 with seed 0: what listeners filter by."""
    mask, factor = 0xFFFFFFFF, 0x5BD1E995
    result = len(data)
    for at in range(0, len(data) - len(data) % 4, 4):
        word = struct.unpack_from("<I", data, at)[0] * factor & mask
        word = (word ^ word >> 24) * factor & mask
        result = result * factor & mask ^ word
    rest = data[len(data) - len(data) % 4:]
    if rest:
        result = (result ^ int.from_bytes(rest, "little")) * factor & mask
    result = (result ^ result >> 13) * factor & mask
    return result ^ result >> 15


class Sender:
    def __init__(self, root):
        self.root = root
        self.number = 0

    def send(self, action, path, subsystem, **properties):
        """@path: from /devices on. To everyone who listens now."""
        self.number += 1
        properties = {"ACTION": action, "DEVPATH": path, "SUBSYSTEM": subsystem, "SEQNUM": str(self.number),
                      **properties}
        body = b"".join(("%s=%s" % item).encode() + b"\0" for item in properties.items())
        header = struct.pack("=8sI3I", b"libudev", socket.htonl(0xFEEDCAFE), 40, 40, len(body))
        hashes = struct.pack(">4I", murmur_hash(subsystem.encode()), murmur_hash(properties["DEVTYPE"].encode()), 0, 0)
        for listener in glob.glob(os.path.join(glob.escape(self.root), "event*")):
            self._send_to(listener, header + hashes + body)

    @staticmethod
    def _send_to(listener, message):
        limit = time.monotonic() + PATIENCE
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            while True:
                try:
                    sender.connect(listener)
                    sender.send(message)
                    return
                except (ConnectionRefusedError, FileNotFoundError):
                    return  # one that has ended
                except BlockingIOError:
                    assert time.monotonic() < limit, "nobody reads the events of %s" % listener
                    time.sleep(0.002)
