# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_recovery.py - every component of separate goes wrong under load, and the system serves on; a thousand times each, and
nothing is lost: objects of the shared heap, threads, connections, files, pages.

Those that nobody calls must live for a while before they count as serving, so they go wrong less often here; with
RECOVERY_TIMES=1000 in the environment as often as the others, which takes five minutes (time: one second each).
What is lost by design is said in each component's README: connections with net and with kv, and nothing else that a client sees.
"""
import json
import os
import re
import struct
import subprocess
import sys
import threading
import time

import audit
import common
import ktap
import system
from common import check, equal

FRAGMENT = os.path.join("tests", "configs", "recovery.config")
CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recovery_client.py")
TIMES = 1000
TIMES_UNCALLED = int(os.environ.get("RECOVERY_TIMES", "100"))
TIMES_TIME = TIMES_UNCALLED // 10   # its thread wakes once a second
SERVED_SECONDS = 0.11     # SERVED_MS of core/monitor/healing_recover.c
WARM = 3                  # faults before the first count: each cache has what it keeps
SCRATCH_BYTES = 65536     # drivers/tap keeps as many such objects as frames may come, at most SCRATCH_MAX
SCRATCH_MAX = 32
PAGES_KIB = 512           # the process may have grown so much: less than a thousand leaks of a page
SLOT_TOKENS = 0x100       # core/include/slots_asm.h
LOG = ["appendonly=yes", "appendfsync=always"]
UNCALLED = ("kv", "shell", "time")
# component: (work, what goes wrong along, arguments of the system, do clients lose their connections)
VICTIMS = {
    "fs": ("save", [], [], False), "net": ("ping", [], [], True), "tap": ("save", [], [], False),
    "sched": ("ping", [], [], False), "console": ("save", [], [], False), "shell": ("ping", [], [], False),
    "virtio_rng": ("ping", ["net"], [], True), "time": ("ping", [], [], False), "kv": ("ping", [], LOG, True),
}
KINDS = ("write", "loop", "stack", "zero")
BY_TICK = ("fs", "net", "tap", "kv", "console")  # they are at work long enough for a tick to find them


def image(more=(), name="recovery"):
    own = common.fragment(name, "".join(f"{line}\n" for line in more))
    return common.image("separate", fragments=(FRAGMENT, own))


class Typist:
    """Somebody who presses the return key all the time: shell and console work, and the scheduler has a choice."""

    def __init__(self, running):
        self.running, self.is_over = running, False
        self.thread = threading.Thread(target=self.type, daemon=True)

    def type(self):
        while not self.is_over:
            try:
                os.write(self.running.process.stdin.fileno(), b"\n")
            except OSError:
                return
            time.sleep(0.001)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join(5)


def start(folder, arguments=()):
    return system.System(os.path.join(folder, "cloister.elf"), list(arguments), stdin=subprocess.PIPE)


def client(running, *arguments, timeout=400):
    done = running.command([sys.executable, CLIENT, running.address, str(running.port), *map(str, arguments)], timeout=timeout)
    check(done.returncode == 0 and done.stdout, running.report(f"the client of {arguments}: {done.stdout}{done.stderr}"))
    return json.loads(done.stdout)


def crash(running, component, kind, when, times):
    """What the client counted; a Failure unless everything was served, and nobody heard of it who should not."""
    work, along, _, loses = VICTIMS[component]
    with Typist(running):
        found = client(running, component, kind, when, times, work, SERVED_SECONDS if component in UNCALLED else 0, *along)
    check("error" not in found and found["faults"] == times, running.report(f"{component} {kind} {when}: {found}"))
    check(loses or found["resets"] == 0, running.report(f"{component} {kind} {when}: connections were lost: {found}"))
    return found


def healed(running, component):
    return sum(1 for line in running.console() if line.startswith("HEALREC") and f" component={component} " in line and
               "outcome=restarted" in line)


def survives(folder, component):
    """Each kind of fault, by call and where a tick finds it; the same image all the time."""
    with start(folder, VICTIMS[component][2]) as running:
        running.wait_ready(30)
        slowest = 0
        moments = [(kind, "call") for kind in KINDS] + [(kind, "tick") for kind in KINDS if component in BY_TICK]
        for kind, when in moments:
            slowest = max(slowest, crash(running, component, kind, when, 2)["slowest_ms"])
        running.wait_for(rf"^HEALREC .*component={component} .*outcome=restarted", 5)
        check(not any("outcome=down" in line for line in running.console()), running.report("somebody stays down"))
        equal("PING", running.redis("PING"), "PONG")
        equal("exit status", running.stop(), 0)
    return f"{len(moments)} ways, the slowest reply after {slowest:.0f} ms"


# ---- a thousand times

def resident_kib(running):
    with open(f"/proc/{running.pid}/status", encoding="ascii") as text:
        return sum(int(size) for size in re.findall(r"^Rss\w+:\s+(\d+) kB", text.read(), re.M))


def shell(running, command, pattern):
    """The match of pattern in what a command of the shell shows."""
    mark = len(running.console())
    os.write(running.process.stdin.fileno(), command + b"\n")
    return running.wait_for(pattern, 10, mark)[0]


def network(running):
    """(connections, listeners)"""
    found = shell(running, b"ifconfig", r"(\d+) connections of at most \d+, (\d+) listening")
    return int(found[1]), int(found[2])


def starts(running, component):
    return int(shell(running, b"domains", rf"^{component}\s+\d+\s+(\d+) running")[1])


def quiet(running):
    """Counters when nothing happens any more: connections have ended, and caches are what they are."""
    end = time.monotonic() + 10
    while network(running)[0] and time.monotonic() < end:
        time.sleep(0.1)
    found = running.statistics()
    rows = found["heap"]
    used = {name: row["owned"] - row["cached"] for name, row in rows.items() if row["owned"] != row["cached"]}
    scratch, used["tap"] = divmod(used["tap"], SCRATCH_BYTES)
    check(scratch <= SCRATCH_MAX, f"tap holds {scratch} scratch objects")
    equal("bytes that are charged, and that exist", sum(row["charged"] for row in rows.values()), sum(row["owned"] for row in rows.values()))
    return {"used": used, "lent": sum(row["lent"] for row in rows.values()), "threads": found["threads"], "network": network(running),
            "orphans": sum(count for (owner, _, _), count in found["sites"].items() if owner == "orphans")}


def times_of(component):
    return TIMES_TIME if component == "time" else TIMES_UNCALLED if component in UNCALLED else TIMES


def thousand(folder, component):
    times = times_of(component)
    with start(folder, VICTIMS[component][2]) as running:
        running.wait_ready(30)
        crash(running, component, "illegal", "call", WARM)
        before, pages, first = quiet(running), resident_kib(running), starts(running, component)
        begin = time.monotonic()
        found = crash(running, component, "illegal", "call", times)
        seconds = time.monotonic() - begin
        equal("starts", starts(running, component), first + times)
        equal("counters before and after", quiet(running), before)
        grown = resident_kib(running) - pages
        check(grown < PAGES_KIB, f"the process has grown by {grown} KiB")
        equal("canaries that were written over", running.redis("DEBUG", "INJECT", "CANARIES"), "0")
        equal("exit status", running.stop(), 0)
        return f"{found['faults']} faults in {seconds:.1f} s, {found['replies']} replies, slowest {found['slowest_ms']} ms"


# ---- who hears what

def driver_dies_unnoticed(folder):
    """redis-benchmark gives up at the first connection that is reset."""
    with start(folder) as running:
        running.wait_ready(30)
        equal("DEBUG INJECT", running.redis("DEBUG", "INJECT", "RANDOM", "7", "5", "illegal", "tap"), "OK")
        done = running.command(["redis-benchmark", "-h", running.address, "-p", str(running.port), "-n", "200000", "-c", "30", "-P", "4",
                                "-t", "set,get", "--csv"], timeout=120)
        equal("DEBUG INJECT", running.redis("DEBUG", "INJECT", "RANDOM", "7", "0"), "OK")
        errors = [line for line in done.stderr.splitlines() if line and not line.startswith("WARNING")]
        check(done.returncode == 0 and not errors and "rror" not in done.stdout, running.report(done.stdout + done.stderr))
        deaths = healed(running, "tap")
        check(deaths >= 10, running.report(f"the driver died {deaths} times only"))
        equal("exit status", running.stop(), 0)
        return f"{deaths} deaths"


def idle_clients_hear(folder, component):
    with start(folder) as running:
        running.wait_ready(30)
        found = client(running, "idle", component, 200, 20)
        check(found["left"] == 0 and found["told"] >= 199, running.report(f"of 200 connections that wait: {found}"))
        equal("PING", running.redis("PING"), "PONG")
        equal("exit status", running.stop(), 0)
        return f"{found['seconds']} s"


def idle_clients_stay(folder):
    """The control: nobody is told of the death of a driver."""
    with start(folder) as running:
        running.wait_ready(30)
        found = client(running, "idle", "tap", 20, 2)
        check(found["told"] == 0, running.report(f"of 20 connections: {found}"))


def files_stay(folder):
    with start(folder) as running:
        running.wait_ready(30)
        for number in range(20):
            running.redis("SET", f"key:{number}", f"value:{number}")
        equal("SAVE", running.redis("SAVE"), "OK")
        for kind in KINDS:
            running.redis("DEBUG", "INJECT", "fs", kind)
            running.redis("SAVE")
        running.wait_for(r"^fs: kept \d+ files", 5)
        running.redis("DEBUG", "INJECT", "kv", "illegal")     # it has to load what it saved
        running.wait_for(r"^HEALREC .*component=kv .*outcome=restarted", 10)
        running.wait_for(r"^kv: .* loaded: 20 keys", 10)
        equal("keys", [running.redis("GET", f"key:{number}") for number in range(20)], [f"value:{number}" for number in range(20)])
        equal("exit status", running.stop(), 0)


def clock_does_not_step(folder):
    def offset(running):
        before = time.time()
        seconds, microseconds = running.redis("TIME").split()
        return int(seconds) + int(microseconds) / 1e6 - (before + time.time()) / 2

    with start(folder) as running:
        running.wait_ready(30)
        first = min((offset(running) for _ in range(5)), key=abs)
        crash(running, "time", "illegal", "call", 3)
        last = min((offset(running) for _ in range(5)), key=abs)
        check(abs(last - first) < 0.02, f"the clock was {first:.4f} s ahead, and is {last:.4f} s after three restarts of time")
        equal("exit status", running.stop(), 0)
        return f"{1000 * (last - first):.1f} ms"


# ---- old tokens

def tokens(running, folder):
    """{domain: [tokens]}, from the slots of the running system."""
    found = {}
    with open(f"/proc/{running.pid}/mem", "rb") as memory:
        for row in audit.domains(folder):
            memory.seek(row["data_start"] + SLOT_TOKENS)
            found[row["name"]] = struct.unpack("<256Q", memory.read(2048))
    return found


def tokens_are_new(folder):
    """Test 52 of the security document: no token that fs had is good for anything; nobody else's has changed. The edge of the call
    that was under way keeps its own until the next restart by another one (CAVEATS)."""
    edges = audit.load(folder)["edges"]
    with start(folder) as running:
        running.wait_ready(30)
        before = tokens(running, folder)
        old = {token for token in before["fs"] if token}
        crash(running, "fs", "illegal", "call", 1)
        kept = old & set(tokens(running, folder)["fs"])
        check(len(kept) <= 1, f"fs has {len(kept)} tokens of before")
        crash(running, "fs", "illegal", "call", 6) # several of kv's calls in turn
        after = tokens(running, folder)
        new = {token for token in after["fs"] if token}
        check(len(old) > 2 and len(old) == len(new), f"fs had {len(old)} tokens and has {len(new)}")
        check(not old & new, "fs has a token of before")
        for name in ("net", "kv", "monitor"):
            kept = [one == other for one, other in zip(before[name], after[name]) if one]
            changed = kept.count(False)
            touching = sum(1 for edge in edges if {edge["caller"], edge["callee"]} == {name, "fs"})
            check(changed <= 3 * touching, f"{changed} tokens of {name} changed, which has {touching} edges with fs")
            check(not old & set(after[name]), f"{name} has an old token of fs")
        equal("exit status", running.stop(), 0)
        return f"{len(new)} tokens"


# ---- without a TAP device

def wire_dies(victims):
    """The load generator in the image: no reply is wrong or missing, whoever dies, the driver included."""
    folder = image(["CONFIG_WIRE=y", "CONFIG_TICK_HZ=1000"], "recovery-wire")
    deaths = []
    for victim, more in victims.items():
        arguments = ["wire_connections=30", "wire_pipeline=16", "wire_requests=500000", f"inject=random:5:5:illegal:{victim}", *more]
        with system.System(os.path.join(folder, "cloister.elf"), arguments, network=False) as running:
            line, _ = running.wait_for(r"^WIRE (?:requests=\d+ cycles=\d+ own=\d+ wrong=0|.*)$", 60)
            check(line[0].endswith("wrong=0") and "stalled" not in line[0], running.report(f"{victim}: {line[0]}"))
            deaths.append(healed(running, victim))
            check(deaths[-1] >= 3, running.report(f"{victim} died {deaths[-1]} times only"))
            equal("exit status", running.stop(), 0)
    return ", ".join(f"{victim} {count}" for victim, count in zip(victims, deaths))


def cases():
    skip = common.skip_of(mpk=True)
    folder = image()
    for component in VICTIMS:
        yield ktap.Case(f"{component} goes wrong in each way, and the system serves on", lambda component=component: survives(folder, component), skip)
    yield ktap.Case("the driver dies under redis-benchmark, and no connection does", lambda: driver_dies_unnoticed(folder), skip)
    for component in ("net", "kv"):
        yield ktap.Case(f"whoever only waits hears of the end of {component}", lambda component=component: idle_clients_hear(folder, component), skip)
    yield ktap.Case("nobody hears of the end of a driver", lambda: idle_clients_stay(folder), skip)
    yield ktap.Case("files outlive fs", lambda: files_stay(folder), skip)
    yield ktap.Case("the clock does not step when time dies", lambda: clock_does_not_step(folder), skip)
    yield ktap.Case("tokens are drawn anew", lambda: tokens_are_new(folder), skip)
    yield ktap.Case("a load without a network device outlives its driver, and fs under its log", lambda: wire_dies({"wire": [], "fs": ["wire_command=SET", *LOG]}),
                    common.skip_of(mpk=True, network=False))
    for component in VICTIMS:
        yield ktap.Case(f"{component}: {times_of(component)} restarts, and nothing is lost", lambda component=component: thousand(folder, component), skip)
