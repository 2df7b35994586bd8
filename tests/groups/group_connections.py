# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_connections.py - a thousand connections at the same time, again and again, and ten thousand once.

Every reply is right, no object is lost. The ten thousand need as many file descriptors of the client, and are skipped without.
"""
import os
import resource
import sys
import time

import common
import ktap
import system
from common import check, equal

CONNECTIONS = 1000
ROUNDS = 3
MOST = 10000 # CONFIG_NET_CONNECTIONS_MAX
# What a domain's caches may hold more than before (shared-heap/client.c): 64 of each of the sizes that frames use. One
# object lost per connection would be a thousand per round.
CACHED_MAX = 3 * 64
CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "many_clients.py")


def objects(running):
    return {name: count for name, count in running.statistics().items() if name.startswith("objects.")}


def one_round(running, count=CONNECTIONS):
    done = running.command([sys.executable, CLIENT, system.ADDRESS, str(system.PORT), str(count)], timeout=60)
    check(done.stdout == f"right {2 * count}\n", running.report(f"the clients said {done.stdout}{done.stderr}"))


def many(config, counts):
    with system.System(os.path.join(common.image(config), "cloister.elf")) as running:
        running.wait_ready(30)
        one_round(running) # fills the store and the caches
        time.sleep(0.5)
        before = objects(running)
        check(before, running.report("no objects were counted"))
        for count in counts:
            one_round(running, count)
        time.sleep(0.5)
        after = objects(running)
        lost = {name: after[name] - before.get(name, 0) for name in after if after[name] > before.get(name, 0) + CACHED_MAX}
        check(not lost, f"objects that were not given back after {sum(counts)} connections: {lost}")
        equal("PING after that", running.redis("PING"), "PONG")
        equal("exit status", running.stop(), 0)
        return f"objects before {sum(before.values())}, after {sum(after.values())}"


def descriptors_missing():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return None if most == resource.RLIM_INFINITY or most > MOST + 100 else f"a process may open only {most} files here"


def cases():
    for config in common.BOTH:
        skip = common.skip_of(mpk=config != "monolith")
        yield ktap.Case(f"{config}: {CONNECTIONS} connections at a time",
                        lambda config=config: many(config, ROUNDS * [CONNECTIONS]), skip)
        yield ktap.Case(f"{config}: {MOST} connections at a time", lambda config=config: many(config, [MOST]),
                        skip or descriptors_missing())
