# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_stream.py - the driver stream and passt: clients on 127.0.0.1, passt's death, a taken port; and run.py itself.

What run.py starts must be gone when it ends, however it ends: processes by their ids, and its private folder.
"""
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import audit
import common
import kconfig
import ktap
import network
import system
from common import check, equal

FRAGMENT = system.STREAM_FRAGMENT
RUN = [sys.executable, "-B", os.path.join(system.ROOT, "scripts", "run.py")]
IDLE_SECONDS = 2.0
IDLE_CPU_SHARE = 0.2  # a system that asks a dead socket again and again takes all of a CPU
GONE_SECONDS = 10
START_SECONDS = 30
GONE_LINE = r"^cloister: the other end of stream= \(passt\) has gone"


def elf_of(config):
    return os.path.join(common.image(config, fragments=(FRAGMENT,)), "cloister.elf")


def running_system(config):
    return system.System(elf_of(config), port=network.free_port())


def wait_until(what, true, seconds=GONE_SECONDS):
    end = time.monotonic() + seconds
    while not true():
        check(time.monotonic() < end, f"{seconds} s passed before {what}")
        time.sleep(0.05)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as text:
            return text.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def descendants(pid):
    """The process ids of everything that a process started, and that these started."""
    children = {}
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as text:
                children.setdefault(int(text.read().rpartition(")")[2].split()[1]), []).append(int(name))
        except (OSError, ValueError):
            pass
    found, todo = [], [pid]
    while todo:
        more = children.get(todo.pop(), [])
        found += more
        todo += more
    return found


def clients(config):
    with running_system(config) as running:
        running.wait_ready(START_SECONDS)
        equal("where a client goes", running.inside(["redis-cli"]), ["redis-cli"])
        equal("SET", running.redis("SET", "key", "value"), "OK")
        equal("GET", running.redis("GET", "key"), "value")
        big = "x" * 500_000  # many frames, cut anywhere
        reach = ["redis-cli", "-h", running.address, "-p", str(running.port)]
        equal("SET of many frames", running.command([*reach, "-x", "SET", "big"], data=big).stdout, "OK\n")
        equal("is what comes back the same", running.redis("GET", "big") == big, True)
        done = running.command(["redis-benchmark", *reach[1:], "-t", "get,set,ping", "-n", "5000", "-P", "4", "-q"],
                               timeout=60)
        equal("lines with a rate", len(re.findall(r"requests per second", done.stdout)), 4)
        equal("exit status after SIGTERM", running.stop(), 0)
        equal("passt after the system", is_alive(running.link.passt_pid), False)


def passt_dies(config):
    with running_system(config) as running:
        running.wait_ready(START_SECONDS)
        equal("PING", running.redis("PING"), "PONG")
        # A client that waits, so that the system has something to say to a link that is gone.
        with socket.create_connection((running.address, running.port)) as client:
            client.sendall(b"SET a 1\r\n" * 1000)
            os.kill(running.link.passt_pid, signal.SIGKILL)
            running.wait_for(GONE_LINE, GONE_SECONDS)
        used, start = running.cpu_ns(), time.monotonic()
        time.sleep(IDLE_SECONDS)
        share = (running.cpu_ns() - used) / 1e9 / (time.monotonic() - start)
        check(share < IDLE_CPU_SHARE, running.report(f"without passt the system uses {share:.0%} of a CPU"))
        running.statistics()  # it still answers
        equal("reports", len([line for line in running.console() if re.search(GONE_LINE, line)]), 1)
        equal("exit status after SIGTERM", running.stop(), 0)
        return f"{share:.1%} of a CPU without passt"


def nonsense():
    """The other end breaks the frames' form, and goes on sending: nothing is received any more, and nothing spins."""
    folder = tempfile.mkdtemp(prefix="cloister-test-", dir="/tmp")
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            path = os.path.join(folder, "s")
            listener.bind(path)
            listener.listen(1)
            listener.settimeout(START_SECONDS)
            arguments = [f"stream={path}", *network.Tap().arguments[1:]]
            with system.System(elf_of("monolith"), arguments, network=False) as running:
                other, _ = listener.accept()
                running.wait_ready(START_SECONDS)
                other.settimeout(GONE_SECONDS)
                other.sendall(b"\xff" * 300_000)  # taken although it means nothing, else this blocks
                used, start = running.cpu_ns(), time.monotonic()
                time.sleep(IDLE_SECONDS)
                share = (running.cpu_ns() - used) / 1e9 / (time.monotonic() - start)
                check(share < IDLE_CPU_SHARE, running.report(f"after nonsense the system uses {share:.0%} of a CPU"))
                other.close()
                running.wait_for(GONE_LINE, GONE_SECONDS)
                equal("exit status after SIGTERM", running.stop(), 0)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def port_taken():
    with socket.socket() as other:
        other.bind((network.LOOPBACK, 0))
        other.listen(1)
        port = other.getsockname()[1]
        done = subprocess.run([*RUN, "--port", str(port), elf_of("monolith")], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
    equal("exit status", done.returncode, 1)
    equal("what it says", done.stderr.strip(),
          f"Port {port} of 127.0.0.1 cannot be had (Address already in use); choose another: PORT={port + 1}.")


def as_from_a_terminal():
    """Tests in the background (nohup make test &) inherit that these are ignored."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Program:
    """run.py as a person starts it, and everything below it."""

    def __init__(self, elf, arguments=(), prefix=()):
        self.process = subprocess.Popen([*prefix, *RUN, *arguments, elf], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
                                        preexec_fn=as_from_a_terminal)
        self.text, self.below, self.folder = "", [], None

    def wait_started(self):
        while "Ctrl-C ends the system." not in self.text:
            line = self.process.stdout.readline()
            check(line, f"run.py ended:\n{self.text}")
            self.text += line
        self.below = descendants(self.process.pid)
        for pid in self.below:
            try:
                with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as text:
                    found = re.search(r"/tmp/cloister-[^/\0]+", text.read())
                    self.folder = found[0] if found else self.folder
            except OSError:
                pass
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in [*self.below, self.process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.process.stdout.close()
        self.process.wait(10)

    def check_gone(self):
        check(self.below, "run.py started nothing")
        wait_until("all that run.py started is gone", lambda: not any(map(is_alive, self.below)))
        if self.folder:
            wait_until(f"{self.folder} is gone", lambda: not os.path.exists(self.folder))


def run_ends(number, elf, arguments=()):
    """However run.py ends, all that it started ends."""
    with Program(elf, arguments) as program:
        program.wait_started()
        os.kill(program.process.pid, number)
        status = program.process.wait(20)
        equal("exit status of run.py", status, 0 if number != signal.SIGKILL else -signal.SIGKILL)
        program.check_gone()
        return f"{len(program.below)} processes"


def plain_user():
    """A user without any privilege boots the image and talks to it."""
    elf = elf_of("monolith" if common.skip_of(mpk=True, network=False) else "separate")
    nobody = pwd.getpwnam("nobody")
    prefix = ["setpriv", "--reuid", str(nobody.pw_uid), "--regid", str(nobody.pw_gid), "--clear-groups",
              "--inh-caps", "-all", "--bounding-set", "-all"] if os.geteuid() == 0 else []
    port = network.free_port()
    if prefix and subprocess.run([*prefix, "test", "-r", elf], check=False, timeout=10).returncode:
        raise ktap.Skip(f"user nobody may not read {elf}")
    with Program(elf, ["--port", str(port)], prefix) as program:
        program.wait_started()
        check(f"  redis-cli -p {port}\n" in program.text, f"no command line for redis-cli:\n{program.text}")
        done = subprocess.run(["redis-cli", "-p", str(port), "PING"], capture_output=True, text=True, timeout=20)
        equal("PING", done.stdout.strip(), "PONG")
        os.kill(program.process.pid, signal.SIGTERM)
        equal("exit status of run.py", program.process.wait(20), 0)
        program.check_gone()


def placements():
    """The fragment takes the place of the TAP driver, whatever is said of that."""
    for config in kconfig.configs():
        folder = system.image_folder(config, common.TEST_OUT, (FRAGMENT,))
        equal("folder", os.path.basename(folder), f"{config}-stream")
    folder = common.image("net", fragments=(FRAGMENT,))
    domains = {row["name"]: sorted(row["components"]) for row in audit.load(folder)["domains"]}
    equal("net's domain", domains["net"], ["net"])
    check("stream" in domains["system"] and "tap" not in domains["system"], f"{domains}")


def cases():
    passt = network.stream_missing()
    for config in common.BOTH:
        skip = passt or common.skip_of(mpk=config != "monolith", network=False)
        for name, function in (("redis-cli and redis-benchmark over 127.0.0.1", clients),
                               ("passt dies; one report, no spinning", passt_dies)):
            yield ktap.Case(f"{config}: {name}", lambda function=function, config=config: function(config), skip)
    yield ktap.Case("a stream of nonsense does not spin", nonsense)
    yield ktap.Case("configs/stream.config with every placement", placements)
    yield ktap.Case("the port is taken: one sentence that names PORT=", port_taken, passt)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL):
        yield ktap.Case(f"run.py over passt ends with {number.name}, and everything with it",
                        lambda number=number: run_ends(number, elf_of("monolith"), ["--port", str(network.free_port())]),
                        passt)
        yield ktap.Case(f"run.py over TAP ends with {number.name}, and everything with it",
                        lambda number=number: run_ends(number, os.path.join(common.image("monolith"), "cloister.elf")),
                        common.skip_of(mpk=False))
    yield ktap.Case("make run as a user without privilege", plain_user, passt)
