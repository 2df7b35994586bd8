# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_connections.py - a thousand connections at the same time, again and again: every reply is right, no object is lost."""
import os
import sys
import time

import common
import ktap
import system
from common import check, equal

CONNECTIONS = 1000
ROUNDS = 3
# What a domain's caches may hold more than before (shared-heap/client.c): 64 of each of the sizes that frames use. One
# object lost per connection would be a thousand per round.
CACHED_MAX = 3 * 64
CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "many_clients.py")


def objects(running):
    return {name: count for name, count in running.statistics().items() if name.startswith("objects.")}


def one_round(running):
    done = running.command([sys.executable, CLIENT, system.ADDRESS, str(system.PORT), str(CONNECTIONS)], timeout=60)
    check(done.stdout == f"right {2 * CONNECTIONS}\n", running.report(f"the clients said {done.stdout}{done.stderr}"))


def many(config):
    with system.System(os.path.join(common.image(config), "cloister.elf")) as running:
        running.wait_ready(30)
        one_round(running) # fills the store and the caches
        time.sleep(0.5)
        before = objects(running)
        check(before, running.report("no objects were counted"))
        for _ in range(ROUNDS):
            one_round(running)
        time.sleep(0.5)
        after = objects(running)
        lost = {name: after[name] - before.get(name, 0) for name in after if after[name] > before.get(name, 0) + CACHED_MAX}
        check(not lost, f"objects that were not given back after {ROUNDS * CONNECTIONS} connections: {lost}")
        equal("PING after that", running.redis("PING"), "PONG")
        equal("exit status", running.stop(), 0)
        return f"objects before {sum(before.values())}, after {sum(after.values())}"


def cases():
    for config in common.BOTH:
        skip = common.skip_of(mpk=config != "monolith")
        yield ktap.Case(f"{config}: {CONNECTIONS} connections at a time", lambda config=config: many(config), skip)
