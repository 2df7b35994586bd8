# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_counts.py - after everything that clients do, nothing is lost: pages, keys, threads, descriptors and objects are counted
before and after.

One round of load is redis-benchmark's whole default set, a snapshot, clients that die in the middle of a request, and
FLUSHALL. The first rounds fill caches; what grows from one round to the next after that was lost.
"""
import os
import re
import sys

import common
import ktap
import system
from common import check, equal

WARM_UP_ROUNDS, ROUNDS = 2, 3
REQUESTS = 2000
# What a domain's caches may hold more than before (shared-heap/client.c): 64 of each of the sizes that frames use.
CACHED_MAX = 3 * 64
# 4 KiB each: stacks and heaps that a rarer path touches for the first time. What is lost per request would be thousands.
PAGES_MAX = 128
DYING = r"""
import socket, struct, sys
for number in range(50):
    client = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
    client.sendall(b"*3\r\n$3\r\nSET\r\n$5\r\nlost1\r\n$100\r\nhalf")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)) # a reset, not a close
    client.close()
"""


def one_round(running):
    done = running.command(["redis-benchmark", "-h", system.ADDRESS, "-p", str(system.PORT), "-q", "-n", str(REQUESTS), "-c", "20",
                            "-P", "4", "-r", "1000"], timeout=120)
    equal("redis-benchmark", (done.returncode, "ERR" in done.stdout + done.stderr), (0, False))
    equal("the dying clients", running.command([sys.executable, "-c", DYING, system.ADDRESS, str(system.PORT)]).returncode, 0)
    equal("SAVE", running.redis("SAVE"), "OK")
    equal("FLUSHALL", running.redis("FLUSHALL"), "OK")


def memory_keys(pid):
    """Mapped bytes by protection key; None where only root may look."""
    try:
        with open(f"/proc/{pid}/smaps", encoding="ascii") as text:
            found, size = {}, 0
            for line in text:
                if line.startswith("Size:"):
                    size = int(line.split()[1])
                elif line.startswith("ProtectionKey:"):
                    key = int(line.split()[1])
                    found[key] = found.get(key, 0) + size
            return found
    except PermissionError:
        return None


def descriptors(pid):
    try:
        return sorted(os.listdir(f"/proc/{pid}/fd"), key=int)
    except PermissionError:
        return None


def count(running):
    with open(f"/proc/{running.pid}/statm", encoding="ascii") as text:
        pages = int(text.read().split()[1])
    statistics = running.statistics()
    info = dict(re.findall(r"^(\w+):(.*?)\r?$", running.redis("INFO"), re.M))
    exact = {"threads of Linux": len(os.listdir(f"/proc/{running.pid}/task")), "threads": statistics["threads"],
             "memory by key": memory_keys(running.pid), "descriptors": descriptors(running.pid),
             "keys of kv": running.redis("DBSIZE"), "bytes of kv": info["used_memory"], "clients": info["connected_clients"]}
    objects = {name: number for name, number in statistics.items() if name.startswith("objects.")}
    return exact, objects, pages


def counts(config):
    with system.System(os.path.join(common.image(config), "cloister.elf")) as running:
        running.wait_ready(30)
        for _ in range(WARM_UP_ROUNDS):
            one_round(running)
            count(running)  # a report looks at pages of the domains through the nucleus's alias, which counts them again
        before, objects_before, pages_before = count(running)
        for _ in range(ROUNDS):
            one_round(running)
        after, objects, pages = count(running)
        for what, number in before.items():
            equal(f"{what}, after {ROUNDS} rounds", after[what], number)
        lost = {name: number - objects_before.get(name, 0) for name, number in objects.items()
                if number > objects_before.get(name, 0) + CACHED_MAX}
        check(not lost, f"objects that were not given back: {lost}")
        check(pages <= pages_before + PAGES_MAX, f"resident pages grew from {pages_before} to {pages}")
        equal("exit status", running.stop(), 0)
        looked = "" if before["descriptors"] else "; keys and descriptors can only be counted by root"
        return f"{pages_before} pages, then {pages}; {sum(objects_before.values())} objects, then {sum(objects.values())}{looked}"


def cases():
    for config in common.BOTH:
        skip = common.skip_of(mpk=config != "monolith")
        yield ktap.Case(f"{config}: nothing is lost under load", lambda config=config: counts(config), skip)
