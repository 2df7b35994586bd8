# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""system.py - one running Cloister on the host platform, in a network namespace of its own.

Interface:
  missing(mpk)            why this machine cannot run it: one sentence, or None
  System(elf, arguments)  a context manager: start, wait_ready, command, statistics, stop, kill
  build(config, ...)      make one configuration; returns the folder with cloister.elf

Invariant: whatever happens, the process and its namespace are gone when the context ends (the process is killed by
its id; the kernel kills it when this program dies; the namespace lives only as long as the processes in it).
It does not need root: a user namespace owns the network namespace. Nothing leaves the machine: there is no uplink.
"""
import os
import re
import shutil
import signal
import subprocess
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TAP = "ck0"
HOST_ADDRESS = "10.7.0.1"
ADDRESS = "10.7.0.2"
PORT = 6379
BOOT_ARGUMENTS = (f"tap={TAP}", f"ip={ADDRESS}/24", f"gw={HOST_ADDRESS}", f"port={PORT}")
READY = r"\bready$"
STATUS_REBOOT = 75     # SYSTEM_STATUS_REBOOT of core/include/system.h: start the same image again
PROMPT = "cloister> "  # of domains/shell; it ends without a newline, so that somebody else's line can follow it

# IPv6 is switched off on the TAP because its neighbour discovery would wake an idle system.
SETUP = f"""
set -e
ip link set lo up
ip tuntap add {TAP} mode tap vnet_hdr
echo 1 >/proc/sys/net/ipv6/conf/{TAP}/disable_ipv6 2>/dev/null || true
ip addr add {HOST_ADDRESS}/24 dev {TAP}
ip link set {TAP} up
exec setpriv --pdeathsig KILL "$@"
"""


class Failure(Exception):
    """The system did something else than it should; the text says what."""


def out_folder():
    return os.path.abspath(os.environ.get("O", os.path.join(ROOT, "build")))


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
    if "ospke" not in cpu_flags():
        return "This CPU (or the kernel on it) has no protection keys: 'ospke' is not among the flags in /proc/cpuinfo."
    if kernel_version() < (6, 12):
        return f"Linux {os.uname().release} is too old: signals under protection keys need 6.12 or newer."
    return None


def missing_network():
    """Why no network namespace with a TAP can be made here; None when it can."""
    for tool in ("unshare", "nsenter", "ip", "setpriv"):
        if not shutil.which(tool):
            return f"The program '{tool}' is missing: run scripts/setup.sh."
    if not os.path.exists("/dev/net/tun"):
        return "/dev/net/tun is missing: load the kernel module 'tun'."
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "/dev/net/tun cannot be opened by this user: its mode should be 0666."
    tried = subprocess.run(["unshare", "-Urn", "sh", "-c", SETUP, "sh", "true"], capture_output=True, text=True,
                           timeout=20)
    if tried.returncode:
        why = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
        # Linux gives no user namespace in a chroot, not even to root; some machines forbid them to users.
        hint = "; user namespaces must be allowed, and none can be made in a chroot" if "unshare failed" in why else ""
        return f"A user and network namespace with a TAP cannot be made here: {why}{hint}"
    return None


def missing(mpk):
    """One sentence, or None: what keeps this machine from running a system (mpk: with protection keys)."""
    return (missing_mpk() if mpk else None) or missing_network()


def build(config, out=None, fragments=(), platform="host", arguments=(), quiet=True):
    """Makes one configuration (a name, or the path of a defconfig); returns the folder of the image."""
    out = out or out_folder()
    command = ["make", "-C", ROOT, "--no-print-directory", f"-j{os.cpu_count()}", f"O={out}", f"CONFIG={config}",
               f"PLATFORM={platform}"]
    if fragments:
        command.append("FRAGMENTS=" + " ".join(fragments))
    command += arguments
    # A make above this one must not hand down its own variables and job server.
    environment = {key: value for key, value in os.environ.items()
                   if key not in ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "O", "CONFIG", "FRAGMENTS")}
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, text=True, timeout=600,
                          stdout=subprocess.PIPE if quiet else None, stderr=subprocess.STDOUT if quiet else None)
    if done.returncode:
        raise Failure(f"'{' '.join(command)}' failed:\n" + "\n".join((done.stdout or "").splitlines()[-30:]))
    return os.path.join(out, config_name(config, fragments) + ("-pc" if platform == "pc" else ""))


def config_name(config, fragments=()):
    """The folder's name: CONFIG_NAME of the last file that sets it, else the configuration's own."""
    name = os.path.basename(config)
    name = name[:-len("_defconfig")] if name.endswith("_defconfig") else name
    for fragment in fragments:
        with open(os.path.join(ROOT, fragment), encoding="utf-8") as text:
            found = re.findall(r'^CONFIG_NAME="(.*)"$', text.read(), re.M)
            name = found[-1] if found else name
    return name


class System:
    """One system. Use it as a context manager; all waiting has a time-out and ends in Failure."""

    def __init__(self, elf, arguments=(), network=True, cpu=None, on_text=None, stdin=subprocess.DEVNULL):
        self.elf = elf
        self.arguments = [*(BOOT_ARGUMENTS if network else ()), *arguments]
        self.network = network
        self.cpu = cpu
        self.on_text = on_text  # gets all output as it comes, in bytes
        self.stdin = stdin
        self.lines = []
        self.process = None
        self._changed = threading.Condition()
        self._ended = False

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()

    def launch_command(self):
        command = [self.elf, *self.arguments]
        command = ["unshare", "-Urn", "sh", "-c", SETUP, "sh", *command] if self.network else \
                  ["setpriv", "--pdeathsig", "KILL", *command]
        return command if self.cpu is None else ["taskset", "-c", str(self.cpu), *command]

    def start(self):
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
        return ["nsenter", "--preserve-credentials", "-U", "-n", "-t", str(self.pid), *command]

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
        done = self.command(["redis-cli", "-h", ADDRESS, "-p", str(PORT), *words], timeout=timeout)
        return (done.stdout + done.stderr).rstrip("\n")

    def cpu_ns(self):
        """CPU time that the system used so far. The nucleus is one Linux thread."""
        with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as text:
            return int(text.read().split()[0])

    def statistics(self, timeout=10):
        """{'crossings': {(caller, function): n}, 'objects.<domain>': n, 'idle_tsc': n, 'tsc_khz': n}, as of now."""
        start = len(self.console())
        os.kill(self.pid, signal.SIGUSR1)
        _, end = self.wait_for(r"^STAT end$", timeout, start)
        result = {"crossings": {}}
        for line in self.console()[start:end]:
            words = line.split()
            if words[:2] == ["STAT", "crossings"] and len(words) == 5:
                key = (words[2], words[3])
                result["crossings"][key] = result["crossings"].get(key, 0) + int(words[4])
            elif words[:1] == ["STAT"] and len(words) == 3:
                result[words[1]] = int(words[2])
        return result

    def wait_exit(self, timeout=20):
        """The exit status (negative: the signal that killed it)."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired as late:
            self.kill()
            raise Failure(self.report(f"the system did not end within {timeout} s")) from late
        with self._changed:
            self._changed.wait_for(lambda: self._ended, 5)
        return status

    def stop(self, timeout=10):
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
        return self.wait_exit(timeout)

    def kill(self):
        if self.process and self.process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.process.wait(10)
