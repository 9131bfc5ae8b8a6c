# SPDX-License-Identifier: LGPL-2.1-or-later
"""polkit: a double that answers what it is told to, and the real one in a file system of its own."""
import os
import shutil
import subprocess
import threading

import bus
from gi.repository import Gio, GLib

POLKIT = "org.freedesktop.PolicyKit1"
POLKITD = "/usr/lib/polkit-1/polkitd"
ACTIONS = "/usr/share/polkit-1/actions"

INTROSPECTION = """<node><interface name="org.freedesktop.PolicyKit1.Authority">
  <method name="CheckAuthorization">
    <arg type="(sa{sv})" name="subject" direction="in"/><arg type="s" name="action_id" direction="in"/>
    <arg type="a{ss}" name="details" direction="in"/><arg type="u" name="flags" direction="in"/>
    <arg type="s" name="cancellation_id" direction="in"/><arg type="(bba{ss})" name="result" direction="out"/>
  </method>
  <method name="RegisterAuthenticationAgentWithOptions">
    <arg type="(sa{sv})" name="subject" direction="in"/><arg type="s" name="locale" direction="in"/>
    <arg type="s" name="object_path" direction="in"/><arg type="a{sv}" name="options" direction="in"/>
  </method>
  <method name="UnregisterAuthenticationAgent">
    <arg type="(sa{sv})" name="subject" direction="in"/><arg type="s" name="object_path" direction="in"/>
  </method>
  <method name="CancelCheckAuthorization"><arg type="s" name="cancellation_id" direction="in"/></method>
  <signal name="Changed"/>
  <property type="s" name="BackendName" access="read"/>
</interface></node>"""

ANSWERS = {"yes": (True, False, {}), "no": (False, False, {}), "challenge": (False, True, {}),
           "dismissed": (False, False, {"polkit.dismissed": "true"})}


class Double:
    """Answers all questions with @answer: yes, no, challenge, dismissed, error, or hangs until release()."""

    def __init__(self, on_bus):
        self.answer = "yes"
        self.asked = []  # (caller, action, details, flags)
        self.cancelled = []
        self.agents = []  # (caller, object path)
        self.hanging = []
        self.news = threading.Condition()
        self.connection = on_bus.connect()
        info = Gio.DBusNodeInfo.new_for_xml(INTROSPECTION)
        self.connection.register_object("/org/freedesktop/PolicyKit1/Authority", info.interfaces[0], self._on_call,
                                        lambda *arguments: GLib.Variant("s", "double"), None)
        self._bus_call("RequestName", "(su)", (POLKIT, 4))

    def _bus_call(self, method, signature, arguments):
        self.connection.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", method,
                                  GLib.Variant(signature, arguments), None, Gio.DBusCallFlags.NONE, -1, None)

    def close(self):
        if not self.connection.is_closed():
            self.connection.close_sync(None)

    def _on_call(self, _connection, sender, _path, _interface, method, parameters, invocation):
        arguments = parameters.unpack()
        with self.news:
            if method == "CancelCheckAuthorization":
                self.cancelled.append(arguments[0])
                invocation.return_value(None)
            elif method == "RegisterAuthenticationAgentWithOptions":
                self.agents.append((sender, arguments[2]))
                invocation.return_value(None)
            elif method == "UnregisterAuthenticationAgent":
                invocation.return_value(None)
            else:
                (_kind, subject), action, details, flags, _cancel = arguments
                self.asked.append((subject["name"], action, details, flags))
                self._reply(invocation)
            self.news.notify_all()

    def _reply(self, invocation):
        if self.answer == "hang":
            self.hanging.append(invocation)
        elif self.answer == "error":
            invocation.return_dbus_error(POLKIT + ".Error.Failed", "Action org.hotplugger1.x is not registered")
        else:
            invocation.return_value(GLib.Variant("((bba{ss}))", (ANSWERS[self.answer],)))

    def release(self, answer):
        """Answers what hangs."""
        with self.news:
            self.answer = answer
            for invocation in self.hanging:
                self._reply(invocation)
            self.hanging.clear()

    def ask_agent(self, message):
        """Has the last agent ask for root's password. Returns a function that waits for the end of it."""
        done = threading.Event()
        sender, path = self.agents[-1]
        identity = ("unix-user", {"uid": GLib.Variant("u", 0)})
        arguments = GLib.Variant("(sssa{ss}sa(sa{sv}))", ("org.hotplugger1.assign", message, "", {}, "cookie",
                                                         [identity]))

        def on_done(connection, result):
            try:
                connection.call_finish(result)
            except GLib.Error:
                pass
            done.set()
        self.connection.call(sender, path, POLKIT + ".AuthenticationAgent", "BeginAuthentication", arguments, None,
                             Gio.DBusCallFlags.NONE, 60000, None, on_done)
        return done.wait

    def wait_asked(self, count, timeout=10):
        with self.news:
            assert self.news.wait_for(lambda: len(self.asked) >= count, timeout), self.asked
            return self.asked[-1]

    def wait_cancelled(self, timeout=10):
        with self.news:
            assert self.news.wait_for(lambda: self.cancelled, timeout)


class Real:
    """polkitd itself, with our policy and rules of the test's in place of the machine's, seen by nobody else."""

    def __init__(self, on_bus, rules=""):
        self.folder = os.path.join(on_bus.folder, "polkit")
        for part in ("actions", "rules", "none"):
            os.makedirs(os.path.join(self.folder, part))
        shutil.copy(os.path.join(bus.SOURCE, "polkit", "org.hotplugger1.policy"), os.path.join(self.folder, "actions"))
        self.rules = os.path.join(self.folder, "rules", "50-test.rules")
        with open(self.rules, "w", encoding="utf-8") as file:
            file.write(rules)
        script = ("mount --bind \"$0/actions\" %s && mount --bind \"$0/rules\" /etc/polkit-1/rules.d "
                  "&& mount --bind \"$0/none\" /usr/share/polkit-1/rules.d && exec %s --no-debug" % (ACTIONS, POLKITD))
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script, self.folder],
            env=bus.plain_environment(DBUS_SYSTEM_BUS_ADDRESS=on_bus.address),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.connection = on_bus.connect()
        bus.wait_until(self._is_there, "polkitd on the bus")

    def _is_there(self):
        return self.connection.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                         "NameHasOwner", GLib.Variant("(s)", (POLKIT,)), None, Gio.DBusCallFlags.NONE,
                                         -1, None).unpack()[0]

    def stop(self):
        bus.end(self.process)
        bus.wait_until(lambda: not self._is_there(), "polkitd off the bus")

    def close(self):
        bus.end(self.process)
        self.connection.close_sync(None)


def why_not_real():
    """Why the real polkitd cannot run here; empty: it can."""
    if os.geteuid() != 0:
        return "polkitd starts as root only"
    if not os.path.exists(POLKITD):
        return "there is no %s" % POLKITD
    probe = subprocess.run(["unshare", "--mount", "mount", "--bind", "/tmp", "/tmp"], env=bus.plain_environment(),
                           stderr=subprocess.DEVNULL, check=False)
    return "" if probe.returncode == 0 else "no mount namespace of our own"
