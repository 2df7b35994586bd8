# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_wire.py - the load generator inside the image gets every reply right, and ends the system; not how fast."""
import os
import sys

import common
import ktap
import system
from common import check, equal

sys.path.append(os.path.join(system.ROOT, "bench", "redis"))
import wire

# (command, pipeline, connections, requests)
LOADS = [("get", 1, 30, 20000), ("set", 16, 30, 100000), ("get", 1, 1, 5000), ("set", 1, 1000, 20000)]


def load(config):
    folder = wire.build(config)
    for each in LOADS:
        sample = wire.run(folder, wire.Load(*each))
        check(sample.requests > 0 and 0 < sample.own < sample.cycles, f"{each}: {sample}")
        equal(f"{each}: are there crossings", bool(sample.crossings), config != "monolith")
    return f"{len(LOADS)} loads"


def ends(config):
    elf = os.path.join(wire.build(config), "cloister.elf")
    status, lines = common.boot_to_end(elf, ["exit=thread", "wire_requests=1000"])
    check(status == 0 and any(line.startswith("WIRE requests=") for line in lines), common.tail(lines))
    status, lines = common.boot_to_end(elf, ["exit=thread", "wire_requests=1000", "port=6380", "wire_connections=1001"])
    check(status != 0, "1001 connections were accepted:\n" + common.tail(lines))


def cases():
    for config in common.BOTH:
        skip = common.skip_of(mpk=config != "monolith", network=False)
        yield ktap.Case(f"{config}: all replies are right", lambda config=config: load(config), skip)
        yield ktap.Case(f"{config}: the system ends with its load", lambda config=config: ends(config), skip)
