# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_pc_recovery.py - recovery on platform pc, under TCG: each component of `separate` is broken while clients are
served; a driver dies with buffers in its device's hands (test 51, with a control that leaves the device alone); and
nothing is ended without cause, however slow the emulator is.
"""
import concurrent.futures
import os
import re
import time

import common
import forward
import ktap
import load
import network
import pc
import pc_common
import system
from common import check, equal

FRAGMENT = os.path.join("tests", "configs", "inject.config")
HOSTILE = "tests/configs/hostile_defconfig"
BOOT_SECONDS = 60
HEAL_SECONDS = 20
DEATHS = 16
NETWORK_MIB = 2        # that the network device's queues and buffers take
KINDS = ("write", "loop", "stack", "zero")
COMPONENTS = ("fs", "virtio_net", "net", "time", "sched", "shell", "console", "virtio_rng", "kv")


# ---- a driver that dies; the numbers are those of tests/components/hostile/hostile.c

def hostile(attempt, kind, is_control):
    name = "hostile-recovery" + ("-probe" if is_control else "")
    fragments = [*([pc_common.PROBE] if is_control else []), common.fragment(name, "CONFIG_RECOVERY=y\n")]
    folder = common.image(HOSTILE, fragments=fragments, platform="pc")
    with pc_common.machine(folder, ["exit=thread", f"try={attempt}"], machine=kind, options=forward.entropy(kind),
                           link=forward.Forward(network.free_port())) as running:
        return running.wait_exit(BOOT_SECONDS), running.console()


def dies(attempt, kind, wanted, is_control=False):
    status, lines = hostile(attempt, kind, is_control)
    for text in wanted:
        pc_common.has_line(lines, text)
    equal("exit status", status, int(is_control))


# ---- each component, in each way, while clients are served

class Served:
    """`separate`, with commands for its shell."""

    def __init__(self, **further):
        folder = common.image("separate", fragments=(FRAGMENT, common.fragment("separate-inject")), platform="pc")
        read_end, self.write_end = os.pipe()
        _, link, self.clients = forward.for_load(system.driver()[0])
        self.running = pc_common.machine(folder, link=link(), stdin=read_end, options=forward.entropy("q35"), **further)
        try:
            common.start(self.running, r"^kv: .*ready$", BOOT_SECONDS)
        finally:
            os.close(read_end)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.running.kill()
        os.close(self.write_end)

    def type(self, line):
        os.write(self.write_end, f"{line}\n".encode())

    def lines(self, pattern, start=0):
        return [line for line in self.running.console()[start:] if re.search(pattern, line)]


def poke(served, component, round_number):
    """Something that has component called. A client whose connection went down with net or kv tries again."""
    running = served.running
    if component in ("console", "shell"):
        served.type("uptime")
    if component == "sched":
        load.redis_benchmark(running, "get", 1, min(8, served.clients or 8), 500)
    words = ("SAVE",) if component == "fs" else ("GET", "key")
    if component == "virtio_rng" and round_number == 0:
        words = ("DEBUG", "INJECT", "net", "illegal")   # its start draws secrets
    return running.redis(*words)


def heals(served, component, kind):
    running, start = served.running, len(served.running.console())
    equal("SET", running.redis("SET", "key", f"{component} {kind}"), "OK")
    if component == "kv":
        equal("SAVE", running.redis("SAVE"), "OK")   # what it loses otherwise
    answer = running.redis("DEBUG", "INJECT", component, kind)
    # Those two may die before they have answered.
    check(answer == "OK" or component in ("net", "kv"), f"DEBUG INJECT: {answer}")
    end, found, round_number = time.monotonic() + HEAL_SECONDS, [], 0
    while not found:
        check(time.monotonic() < end, running.report(f"{component} {kind}: did not come back within {HEAL_SECONDS} s"))
        poke(served, component, round_number)
        round_number += 1
        found = served.lines(f"^HEALREC .*domain={component} .*outcome=restarted", start)
    for _ in range(20):
        answer = running.redis("GET", "key")
        if answer == f"{component} {kind}":
            return int(re.search(r"ready_ns=(\d+)", found[0])[1])
        time.sleep(0.1)
    raise system.Failure(running.report(f"{component} {kind}: GET then gives {answer!r}"))


def all_heal(kind):
    with Served() as served:
        times = [heals(served, component, kind) for component in COMPONENTS]
        ended = [re.search(r"domain=(\w+)", line)[1] for line in served.lines("^FAULTREC")]
        # net: see poke(); its start fails while nobody gives it secrets, and comes again.
        others = [name for name in ended if name != "net"]
        equal("who was ended", sorted(others), sorted(name for name in COMPONENTS if name != "net"))
        equal("collateral", served.lines("kind=collateral"), [])
        equal("exit status", served.running.stop(), 0)
    return f"{len(times)} components"


def driver_dies_often():
    """One connection of one client outlives every death of the driver; and the device's new start takes no memory: all
    of the machine's would not be enough."""
    with Served(memory_mib=DEATHS * NETWORK_MIB // 2) as served, concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = served.running
        client = pool.submit(load.redis_benchmark, running, "set", 1, 1, 200 * DEATHS)
        for number in range(1, DEATHS + 1):
            equal("DEBUG INJECT", running.redis("DEBUG", "INJECT", "virtio_net", "illegal"), "OK")
            running.wait_for(f"^HEALREC number={number} domain=virtio_net .*outcome=restarted", HEAL_SECONDS)
        check(not client.done(), "the client had ended before the last death")
        client.result()
        equal("exit status", running.stop(), 0)


def human(running, line):
    return running.ask({"execute": "human-monitor-command", "arguments": {"command-line": line}})


def never_answers():
    """The network device's registers go away (somebody moves its BAR 4): its reset is given up, and the driver finds no
    device. The rest of the system goes on."""
    with Served() as served:
        running = served.running
        text = human(running, "info pci")
        found = re.search(r"Bus\s+0, device\s+(\d+), function 0:\s+Ethernet(?:.(?!Bus))*BAR4", text, re.S)
        check(found, text)
        human(running, f"o /w 0xcf8 {0x80000000 | int(found[1]) << 11 | 0x20:#x}")
        human(running, "o /w 0xcfc 0xe0000000")
        served.type("inject virtio_net illegal")   # clients cannot say that any more
        running.wait_for("^INJECT component=virtio_net", HEAL_SECONDS)
        end = time.monotonic() + HEAL_SECONDS
        while not served.lines("^HEALREC .*domain=virtio_net .*outcome=restarted"):
            check(time.monotonic() < end, running.report("the driver did not start again"))
            running.command(["timeout", "0.5", "redis-cli", "-h", running.address, "-p", str(running.port), "PING"])
        pc_common.has_line(running.console(), "monitor: a device of virtio_net did not come back")
        start = len(running.console())
        served.type("uptime")
        running.wait_for("idle", HEAL_SECONDS, start)
        equal("exit status", running.stop(), 0)


# ---- nothing is ended without cause

def without_cause():
    """Boot, load of the demo, and idleness: no fault record at all."""
    with Served() as served:
        for test in ("get", "set"):
            for pipeline, clients in ((1, 1), (1, 30), (16, 30)):
                most = min(clients, served.clients or clients)
                load.redis_benchmark(served.running, test, pipeline, most, 3000 * pipeline)
        time.sleep(1)
        equal("records", served.lines("^(FAULT|HEAL)"), [])
        equal("exit status", served.running.stop(), 0)


def cases():
    skip = pc.missing()
    quiet, works = "rings are empty, and the device is quiet", "after the restart the device works"
    for kind in ("q35", "microvm"):
        yield ktap.Case(f"{kind}: a driver dies with buffers in the device's hands: reset before reuse",
                        lambda kind=kind: dies(18, kind, [quiet, works]), skip)
        yield ktap.Case(f"{kind}: control: without the reset the device writes for the dead",
                        lambda kind=kind: dies(18, kind, ["writes for the dead: ESCAPE"], True), skip)
        yield ktap.Case(f"{kind}: a device that gave up works again for the next driver",
                        lambda kind=kind: dies(19, kind, ["Guest says index 300", works]), skip)
    for kind in KINDS:
        yield ktap.Case(f"separate: {kind} in each component", lambda kind=kind: all_heal(kind), skip)
    yield ktap.Case(f"separate: {DEATHS} deaths of the driver cost no connection and no memory", driver_dies_often,
                    skip)
    yield ktap.Case("separate: a device that does not answer its reset stays off", never_answers, skip)
    yield ktap.Case("separate: under load and idle nothing is ended", without_cause, skip)
