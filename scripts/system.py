# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""system.py - one running Cloister on the host platform.

Interface:
  missing(mpk, driver)    why this machine cannot run it: one sentence, or None
  driver()                the network driver that this machine can run, and why it is not tap
  System(elf, arguments)  a context manager: start, wait_ready, command, statistics, metered, stop, kill
  build(config, ...)      make one configuration; returns the folder with cloister.elf

Invariant: whatever happens, the process and its network are gone when the context ends (the process is killed by
its id; the kernel kills it when this program dies; network.py sees to the rest).
It does not need root. Nothing leaves the machine.
"""
import collections
import os
import re
import signal
import subprocess
import sys
import threading
import time

import network
from network import ADDRESS, HOST_ADDRESS, PORT, Failure  # noqa: F401  what users of this module expect here

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STREAM_FRAGMENT = os.path.join("configs", "stream.config")
READY = r"\bready$"
STATUS_REBOOT = 75     # SYSTEM_STATUS_REBOOT of core/include/system.h: start the same image again
PROMPT = "cloister> "  # of domains/shell; it ends without a newline, so that somebody else's line can follow it
COUNTED = ("crossings", "bounced", "copied")   # what statistics() has by edge or by domain
# cost: in cycles of the TSC, Linux below included; the others as in statistics().
Metered = collections.namedtuple("Metered", ("result", "cost", *COUNTED))
# What a make above this program would hand down to one below: its own variables and its job server.
MAKE_VARIABLES = ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "O", "CONFIG", "FRAGMENTS", "PLATFORM",
                  "KCONFIG_CONFIG")


def outside_make(**further):
    """The environment for a make that has nothing to do with the one above."""
    return {**{key: value for key, value in os.environ.items() if key not in MAKE_VARIABLES}, **further}


def out_folder():
    return os.path.abspath(os.environ.get("O", os.path.join(ROOT, "build")))


# What setup.sh puts there: redis-server without its package, and so without its service.
os.environ["PATH"] += os.pathsep + os.path.join(out_folder(), "sources", "bin")


def cpu_flags():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as text:
        for line in text:
            if line.startswith("flags"):
                return set(line.split(":", 1)[1].split())
    return set()


def kernel_version():
    found = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return int(found[1]), int(found[2])


def missing_mpk():
    """Why no configuration with protection keys can run here; None when it can."""
    if missing_proc():
        return missing_proc()
    if "ospke" not in cpu_flags():
        return "This CPU (or the kernel on it) has no protection keys: 'ospke' is not among the flags in /proc/cpuinfo."
    if kernel_version() < (6, 12):
        return (f"Linux {os.uname().release} is too old: signals under protection keys need 6.12 or newer (Debian 13 "
                "has it; Debian 12: linux-image-amd64 from bookworm-backports).")
    return None


def missing_network():
    """Why no network namespace with a TAP can be made here; None when it can."""
    return missing_proc() or network.tap_missing()


def missing_proc():
    if not os.path.exists("/proc/self/stat"):
        return "/proc is not mounted (a bare chroot?); as root: mount -t proc proc /proc."
    return None


def missing(mpk, driver="tap"):
    """One sentence, or None: what keeps this machine from running a system (mpk: with protection keys)."""
    why = {"tap": network.tap_missing, "stream": network.stream_missing}.get(driver, lambda: None)
    return missing_proc() or (missing_mpk() if mpk else None) or why()


def driver():
    """("tap", None), ("stream", why there is no TAP), or (None, why there is neither)."""
    reason = missing_network()
    if not reason:
        return "tap", None
    other = missing_proc() or network.stream_missing()
    if not other:
        return "stream", reason
    if network.is_chroot() and os.geteuid():
        return None, ("In a chroot only root can run it (sudo make ...): Linux makes no user namespace there, which a "
                      "user, and passt, would need.")
    return None, reason if reason == other else f"{reason} Without a TAP device: {other}"


def fragment(folder, name, settings=""):
    """The path, in folder, of a fragment that gives the image a name of its own, so that several can stand side by side."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{name}.config")
    with open(path, "w", encoding="utf-8") as out:
        out.write(f'CONFIG_NAME="{name}"\n{settings}')
    return path


def build(config, out=None, fragments=(), platform="host", arguments=(), quiet=True):
    """Makes one configuration (a name, or the path of a defconfig or .config); returns the folder of the image."""
    out = out or out_folder()
    command = ["make", "-C", ROOT, "--no-print-directory", f"-j{os.cpu_count()}", f"O={out}", f"CONFIG={config}",
               f"PLATFORM={platform}"]
    if fragments:
        command.append("FRAGMENTS=" + " ".join(fragments))
    command += arguments
    done = subprocess.run(command, env=outside_make(), stdin=subprocess.DEVNULL, text=True, timeout=600,
                          stdout=subprocess.PIPE if quiet else None, stderr=subprocess.STDOUT if quiet else None)
    if done.returncode:
        raise Failure(f"'{' '.join(command)}' failed:\n" + "\n".join((done.stdout or "").splitlines()[-30:]))
    return image_folder(config, out, fragments, platform)


def image_folder(config, out, fragments=(), platform="host"):
    """Where the image of a configuration lies: scripts/kconfig.py decides."""
    command = [sys.executable, "-B", "scripts/kconfig.py", "folder", "--out", out, "--config", config,
               "--platform", platform]
    for fragment in fragments:
        command += ["--fragment", fragment]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise Failure(done.stderr.strip())
    return done.stdout.strip()


def link_of(elf, port=None):
    return network.link(network.driver_of(elf) if elf else None, port)


def config_name(config):
    """What a configuration is called: its image's folder below the build folder."""
    return os.path.basename(image_folder(config, out_folder()))


class System:
    """One system. Use it as a context manager; all waiting has a time-out and ends in Failure.

    network: False, or True: what its driver needs; clients then find the server at address and port (port chooses)."""
    made, misuses = 0, []   # how many systems there were, and all their records of misuse of the shared heap

    def __init__(self, elf, arguments=(), network=True, cpu=None, on_text=None, stdin=subprocess.DEVNULL, port=None):
        self.elf = elf
        self.arguments = list(arguments)
        self.link = link_of(elf if network else None, port)
        self.cpu = cpu
        self.on_text = on_text  # gets all output as it comes, in bytes
        self.stdin = stdin
        self.lines = []
        self.process = None
        self._changed = threading.Condition()
        System.made += 1
        self._ended = False

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()

    @property
    def address(self):
        return self.link.address

    @property
    def port(self):
        return self.link.port

    def launch_command(self):
        command = self.link.launch([self.elf, *self.link.arguments, *self.arguments])
        return command if self.cpu is None else ["taskset", "-c", str(self.cpu), *command]

    def start(self):
        self.link.open(self.cpu)
        command = self.launch_command()
        self.process = subprocess.Popen(command, stdin=self.stdin, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def _read(self):
        rest = b""
        while chunk := self.process.stdout.read1():
            if self.on_text:
                self.on_text(chunk)
            *whole, rest = (rest + chunk).split(b"\n")
            self._add(whole)
        self._add([rest] if rest else [])
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _add(self, raw):
        lines = [line.decode("utf-8", "replace").rstrip("\r") for line in raw]
        with self._changed:
            for line in lines:
                while line.startswith(PROMPT):
                    line = line[len(PROMPT):]
                self.lines.append(line)
                if line.startswith("HEAPREC "):
                    System.misuses.append(line)
            self._changed.notify_all()

    @property
    def pid(self):
        return self.process.pid

    def console(self):
        with self._changed:
            return list(self.lines)

    def report(self, sentence):
        tail = "\n".join("  | " + line for line in self.console()[-25:])
        return f"{sentence}\n{tail}" if tail else f"{sentence} (no console output)"

    def wait_for(self, pattern, timeout=20, start=0):
        """The first console line from number start on that matches; returns (match, its number)."""
        wanted = re.compile(pattern)
        end = time.monotonic() + timeout
        position = start
        with self._changed:
            while True:
                while position < len(self.lines):
                    found = wanted.search(self.lines[position])
                    if found:
                        return found, position
                    position += 1
                rest = end - time.monotonic()
                if self._ended or rest <= 0:
                    break
                self._changed.wait(min(rest, 1.0))
        why = "the system ended" if self._ended else f"{timeout} s passed"
        raise Failure(self.report(f"{why} before the console line /{pattern}/"))

    def wait_ready(self, timeout=20):
        self.wait_for(READY, timeout)
        return self

    def inside(self, command):
        """The command line that runs command in this system's network."""
        return self.link.inside(self.pid, command)

    def command(self, command, data=None, timeout=30, cpu=None):
        """Runs a client in the namespace; returns CompletedProcess (bytes when data are bytes, else text)."""
        full = self.inside(command)
        if cpu is not None:
            full = ["taskset", "-c", str(cpu), *full]
        try:
            return subprocess.run(full, input=data if data is not None else None,
                                  stdin=subprocess.DEVNULL if data is None else None, capture_output=True,
                                  text=not isinstance(data, bytes), timeout=timeout)
        except subprocess.TimeoutExpired as late:
            raise Failure(self.report(f"no end of '{' '.join(command)}' within {timeout} s")) from late

    def redis(self, *words, timeout=10):
        """One redis-cli command; returns what it prints."""
        done = self.command(["redis-cli", "-h", self.address, "-p", str(self.port), *words], timeout=timeout)
        return (done.stdout + done.stderr).rstrip("\n")

    def cpu_ns(self):
        """CPU time that the system used so far. The nucleus is one Linux thread."""
        with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as text:
            return int(text.read().split()[0])

    def request_report(self):
        os.kill(self.pid, signal.SIGUSR1)

    def request_stop(self):
        os.kill(self.pid, signal.SIGTERM)

    def statistics(self, timeout=10):
        """As of now: {'crossings': {(caller, function): n}, 'bounced': {(caller, function): bytes that stubs copied},
        'copied': {domain: bytes of payload}, 'heap': {domain: {'owned': bytes, ...}},
        'sites': {(owner, bytes of each, place): objects}, 'objects.<domain>': n, 'busy_tsc': n, 'tsc_khz': n}."""
        start = len(self.console())
        self.request_report()
        _, end = self.wait_for(r"^STAT end$", timeout, start)
        result = {**{kind: collections.Counter() for kind in COUNTED}, "heap": {}, "sites": {}}
        for line in self.console()[start:end]:
            words = line.split()
            if words[:1] == ["STAT"] and len(words) == 5 and words[1] in COUNTED:
                result[words[1]][words[2], words[3]] += int(words[4])
            elif words[:2] == ["STAT", "copied"] and len(words) == 4:
                result["copied"][words[2]] = int(words[3])
            elif words[:2] == ["STAT", "heap"]:
                result["heap"][words[2]] = {key: int(value) for key, value in (word.split("=") for word in words[3:])}
            elif words[:2] == ["STAT", "site"]:
                owner, each, objects, site = line.split(maxsplit=5)[2:]
                result["sites"][owner, int(each), site] = int(objects)
            elif words[:1] == ["STAT"] and len(words) == 3:
                result[words[1]] = int(words[2])
        return result

    def cost(self, before, after, cpu_ns):
        """What was spent between two statistics(), in cycles of the TSC: CPU time, Linux below included."""
        return cpu_ns * after["tsc_khz"] / 1e6

    def metered(self, work):
        """What work returned and what the system did meanwhile, a Metered; reports are not counted."""
        before, used = self.statistics(), self.cpu_ns()
        result = work()
        used = self.cpu_ns() - used
        after = self.statistics()
        more = {kind: {of: count - before[kind].get(of, 0) for of, count in after[kind].items()} for kind in COUNTED}
        return Metered(result, self.cost(before, after, used), *more.values())

    def wait_exit(self, timeout=20):
        """The exit status (negative: the signal that killed it)."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired as late:
            self.kill()
            raise Failure(self.report(f"the system did not end within {timeout} s")) from late
        with self._changed:
            self._changed.wait_for(lambda: self._ended, 5)
        self.link.close()
        return status

    def stop(self, timeout=10):
        if self.process.poll() is None:
            self.request_stop()
        return self.wait_exit(timeout)

    def kill(self):
        if self.process and self.process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.process.wait(10)
        self.link.close()
