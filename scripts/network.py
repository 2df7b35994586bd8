# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""network.py - how clients reach a system on platform host: a TAP device in a network namespace of its own, or passt.

Interface:
  driver_of(elf)          the network driver in an image: "tap", "stream", "wire", or None
  tap_missing()           why this machine gives no TAP device: a sentence, or None; so also stream_missing()
  link(driver, port)      Tap or Stream, each with
    address, port         where a client reaches the server
    open(cpu), close()    what must be there before the system starts, and go after it; cpu is left alone
    arguments             the system's boot arguments
    launch(command)       the command line that runs it; its process is the system itself
    inside(pid, command)  the command line that runs a client
Invariant: whatever happens to this program, nothing that it started stays: namespaces live only as long as the
processes in them, passt only as long as this program. Nothing but 127.0.0.1 reaches a system, and nothing leaves the
machine.
"""
import functools
import os
import re
import select
import shutil
import subprocess
import sys

TAP = "ck0"
HOST_ADDRESS = "10.7.0.1"
ADDRESS = "10.7.0.2"
BITS = 24
PORT = 6379
LOOPBACK = "127.0.0.1"
START_SECONDS = 10

FOLDER = os.path.dirname(os.path.abspath(__file__))
TAP_HELPER = [sys.executable, "-ISB", os.path.join(FOLDER, "tap.py"), TAP, f"{HOST_ADDRESS}/{BITS}"]
PASST_HELPER = [sys.executable, "-B", os.path.join(FOLDER, "passt.py")]
KILLED_WITH_US = ["setpriv", "--pdeathsig", "KILL"]
# A system needs no privilege once its TAP device is there; in a user namespace it has none that counts.
WITHOUT_PRIVILEGE = [*KILLED_WITH_US, "--bounding-set", "-all", "--inh-caps", "-all"]
# (unshare's options, nsenter's, what runs the command). Linux makes no user namespace in a chroot, and some machines
# none at all; root does without.
AS_USER = (["-U", "-r", "-n"], ["--preserve-credentials", "-U", "-n"], KILLED_WITH_US)
AS_ROOT = (["-n"], ["-n"], WITHOUT_PRIVILEGE)
TOOLS = "The program '{}' is missing: run scripts/setup.sh."


class Failure(Exception):
    """The system, or what it needs, did something else than it should; the text says what."""


def driver_of(elf):
    try:
        with open(os.path.join(os.path.dirname(os.path.abspath(elf)), ".config"), encoding="utf-8") as text:
            found = re.findall(r"^CONFIG_(TAP|STREAM|WIRE|VIRTIO_NET)=y$", text.read(), re.M)
    except OSError:
        return "tap"  # no image of ours: what most of them have
    return found[0].lower() if found else None


def tap_command(namespace, command):
    options, _, runner = namespace
    return ["unshare", *options, *TAP_HELPER, *runner, *command]


def is_chroot():
    """Is the root folder another one than the machine's? Only root can tell for sure; then it does not matter."""
    try:
        return os.stat("/").st_ino != os.stat("/proc/1/root/.").st_ino
    except OSError:
        with open("/proc/self/mountinfo", encoding="utf-8") as table:
            return not any(line.split()[4] == "/" for line in table)


@functools.cache
def namespace():
    """(one of AS_USER and AS_ROOT that works here, None), or (None, a sentence)."""
    for tool in ("unshare", "nsenter", "setpriv"):
        if not shutil.which(tool):
            return None, TOOLS.format(tool)
    is_root = os.geteuid() == 0
    for kind in (AS_USER, AS_ROOT) if is_root else (AS_USER,):
        tried = subprocess.run(tap_command(kind, ["true"]), capture_output=True, text=True, timeout=20)
        if not tried.returncode:
            return kind, None
    why = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
    if "unshare failed" in why:
        hint = "root can, with CAP_SYS_ADMIN" if is_root else "root can" if is_chroot() else \
               "root can, or allow it to users (sysctl kernel.unprivileged_userns_clone, " \
               "kernel.apparmor_restrict_unprivileged_userns)"
        return None, f"No network namespace can be made here ({why.removeprefix('unshare: ')}; {hint})."
    if not is_root and os.path.exists("/dev/net/tun") and not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return None, "This user may not open /dev/net/tun (as root: chmod 0666 /dev/net/tun)."
    if not is_root and not os.path.exists("/dev/net/tun"):
        return None, "/dev/net/tun is missing (as root: modprobe tun)."
    return None, f"No TAP device can be made here: {why}."


def tap_missing():
    return namespace()[1]


@functools.cache
def stream_missing():
    if not shutil.which("passt"):
        return TOOLS.format("passt")
    trial = Stream(free_port())
    try:
        trial.open()
        return None
    except Failure as failure:
        hint = "; it needs a user namespace, and Linux gives none in a chroot" if is_chroot() else ""
        return f"{str(failure).rstrip('.')}{hint}."
    finally:
        trial.close()


def free_port():
    """A port of 127.0.0.1 that nobody listens on now."""
    import socket
    with socket.socket() as trial:
        trial.bind((LOOPBACK, 0))
        return trial.getsockname()[1]


class Tap:
    def __init__(self, port=None):
        self.address, self.port = ADDRESS, port or PORT
        self.arguments = [f"tap={TAP}", f"ip={ADDRESS}/{BITS}", f"gw={HOST_ADDRESS}", f"port={self.port}"]

    def open(self, cpu=None):
        if tap_missing():
            raise Failure(tap_missing())

    def close(self):
        pass

    def launch(self, command):
        return tap_command(namespace()[0], command)

    def inside(self, pid, command):
        return ["nsenter", *namespace()[0][1], "-t", str(pid), *command]


class Stream:
    def __init__(self, port=None):
        self.address, self.port = LOOPBACK, port or PORT
        self.arguments = []
        self.passt_pid = None
        self._helper = None

    def open(self, cpu=None):
        if not shutil.which("passt"):
            raise Failure(TOOLS.format("passt"))
        self._helper = subprocess.Popen([*PASST_HELPER, str(self.port), str(PORT), f"{ADDRESS}/{BITS}", HOST_ADDRESS],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
                                        preexec_fn=None if cpu is None else lambda: leave_cpu(cpu))
        has_spoken = select.select([self._helper.stdout], [], [], START_SECONDS)[0]
        said = self._helper.stdout.readline().decode() if has_spoken else ""
        word, _, rest = said.strip().partition(" ")
        if word != "ready":
            self.close()
            raise Failure(f"{rest or 'passt does not start'}.")
        path, self.passt_pid = rest.split()[0], int(rest.split()[1])
        self.arguments = [f"stream={path}", f"ip={ADDRESS}/{BITS}", f"gw={HOST_ADDRESS}", f"port={PORT}"]

    def close(self):
        if self._helper:
            self._helper.stdin.close()
            self._helper.stdout.close()
            self._helper.wait(10)
            self._helper = None

    def launch(self, command):
        return [*KILLED_WITH_US, *command]

    def inside(self, pid, command):
        return list(command)


class NoLink(Tap):
    """An image without a network driver, or with the load generator instead."""

    def __init__(self, port=None):
        super().__init__(port)
        self.arguments = []

    def options(self, machine):
        return []

    def open(self, cpu=None):
        pass

    def launch(self, command):
        return [*KILLED_WITH_US, *command]


def leave_cpu(cpu):
    rest = os.sched_getaffinity(0) - {cpu}
    if rest:
        os.sched_setaffinity(0, rest)


def link(driver, port=None):
    return {"tap": Tap, "stream": Stream}.get(driver, NoLink)(port)
