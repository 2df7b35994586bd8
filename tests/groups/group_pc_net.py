# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_pc_net.py - the network of platform pc: real Redis clients against `separate`, over virtio on PCI and MMIO, under TCG.

What it says about speed is nothing: TCG emulates. Crossings are counted, and that an idle system sleeps.
"""
import os
import re
import time

import common
import forward
import ktap
import network
import pc
from common import check, equal

CONFIG = "separate"
BOOT_SECONDS = 60
BIG_BYTES = 200000
IDLE_SECONDS = 2
IDLE_SHARE_MAX = 0.25


def machine(kind="q35", link=None, fragments=(), config=CONFIG, **further):
    elf = os.path.join(common.image(config, fragments=fragments, platform="pc"), "cloister.elf")
    return pc.Machine(elf, machine=kind, link=link, memory_mib=256, **further)


def serving(kind="q35", link=None, **further):
    return machine(kind, link or forward.Forward(network.free_port()), **further)


def wait_serving(running):
    running.wait_ready(BOOT_SECONDS)
    running.wait_for(r"^kv: .*ready$", BOOT_SECONDS)


def talk(running):
    equal("PING", running.redis("PING"), "PONG")
    equal("SET", running.redis("SET", "a", "1"), "OK")
    equal("INCR", running.redis("INCR", "a"), "2")
    big = "".join(chr(33 + i * i % 90) for i in range(BIG_BYTES))
    done = running.command(["redis-cli", "-h", running.address, "-p", str(running.port), "-x", "SET", "big"], data=big.encode())
    equal("SET big", done.stdout.strip(), b"OK")
    check(running.redis("GET", "big") == big, f"a value of {BIG_BYTES} bytes came back as another one")


def benchmark(running, *words):
    done = running.command(["redis-benchmark", "-h", running.address, "-p", str(running.port), "-t", "get,set", "-q", *words],
                           timeout=120)
    text = done.stdout + done.stderr
    found = re.findall(r"^(SET|GET): [\d.]+ requests per second", text.replace("\r", "\n"), re.M)
    check(not done.returncode and found == ["SET", "GET"] and "rror" not in text, f"redis-benchmark: {text[-500:]}")


def crossings(running, callers, functions):
    counts = running.statistics()["crossings"]
    return sum(count for (caller, function), count in counts.items() if caller in callers and function in functions)


def clients(kind):
    requests = 2000
    with serving(kind) as running:
        wait_serving(running)
        talk(running)
        before = crossings(running, ("virtio_net",), ("device_submit",))
        benchmark(running, "-n", str(requests), "-c", "10")
        after = crossings(running, ("virtio_net",), ("device_submit",))
        equal("PING after that", running.redis("PING"), "PONG")
        equal("exit status", running.stop(), 0)
    # Each request is a frame in and a frame out, and acknowledgements. Ring 0 is asked once per batch sent, and hardly ever to receive.
    each = (after - before) / (2 * requests)
    check(each < 2, f"{each:.2f} submissions per request")
    return f"{each:.2f} submissions to the device per request"


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as text:
        fields = text.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle(kind):
    with serving(kind) as running:
        wait_serving(running)
        talk(running)
        time.sleep(1)
        before = cpu_seconds(running.pid)
        time.sleep(IDLE_SECONDS)
        share = (cpu_seconds(running.pid) - before) / IDLE_SECONDS
        equal("PING out of idleness", running.redis("PING"), "PONG")
    check(share < IDLE_SHARE_MAX, f"an idle system takes {share:.0%} of a CPU")
    return f"{share:.0%} of a CPU"


def without_device():
    with machine() as running:
        running.wait_ready(BOOT_SECONDS)
        equal("exit status", running.stop(), 0)


def taken_port():
    import socket
    with socket.socket() as other:
        other.bind((network.LOOPBACK, 0))
        other.listen()
        try:
            with serving(link=forward.Forward(other.getsockname()[1])):
                raise AssertionError("it started")
        except network.Failure as failure:
            check("is taken" in str(failure) and "PORT=" in str(failure), str(failure))


def cases():
    skip = pc.missing()
    for kind in ("q35", "microvm"):
        yield ktap.Case(f"{kind}: redis-cli and redis-benchmark", lambda kind=kind: clients(kind), skip)
        yield ktap.Case(f"{kind}: idle means asleep", lambda kind=kind: idle(kind), skip)
    yield ktap.Case("no network device, no network", without_device, skip)
    yield ktap.Case("a taken port is said", taken_port, skip)
