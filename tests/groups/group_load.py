# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_load.py - load on both configurations: correctness, not speed.

Unmodified redis-benchmark; and values of megabytes, whose segments the TAP must have merged and cut (GSO), unless the peer's are small.
"""
import os
import re
import sys

import common
import ktap
import system
from common import check, equal

# (name, further arguments, requests)
LOADS = [
    ("one request at a time", ["-c", "1", "-P", "1", "-t", "ping,set,get,incr"], 5000),
    ("30 clients", ["-c", "30", "-P", "1", "-t", "ping,set,get,incr"], 50000),
    ("30 clients, pipeline 16", ["-c", "30", "-P", "16", "-t", "set,get,incr"], 300000),
    ("1000 keys, values of 1000 bytes", ["-c", "30", "-P", "4", "-r", "1000", "-d", "1000", "-t", "set,get"], 50000),
    ("a connection per request", ["-c", "10", "-k", "0", "-t", "ping"], 2000),
]


def load(config):
    elf = os.path.join(common.image(config), "cloister.elf")
    with system.System(elf) as running:
        running.wait_ready(30)
        done_requests = 0
        for name, arguments, requests in LOADS:
            running.redis("DEL", "counter:__rand_int__")
            done = running.command(["redis-benchmark", "-h", system.ADDRESS, "-p", str(system.PORT), "-n",
                                    str(requests), "--csv", *arguments], timeout=90)
            # It warns about a server without CONFIG and about -k 0; nothing else may be on stderr.
            errors = [line for line in done.stderr.splitlines() if line and not line.startswith("WARNING")]
            check(done.returncode == 0 and not errors and "rror" not in done.stdout,
                  running.report(f"{name}: status {done.returncode}\n{done.stdout}{done.stderr}"))
            rates = re.findall(r'^"[^"]*","([0-9.]+)"', done.stdout, re.M)
            check(rates, running.report(f"{name}: no figures in {done.stdout!r}"))
            if "incr" in arguments[-1]:
                # Clients that are still under way when the count is reached may have sent a pipeline more each.
                clients, pipeline = int(arguments[1]), int(arguments[3])
                counter = int(running.redis("GET", "counter:__rand_int__"))
                check(requests <= counter <= requests + clients * pipeline,
                      f"{name}: the counter is {counter} after {requests} INCR")
            done_requests += requests * len(rates)
        equal("PING after the load", running.redis("PING"), "PONG")
        equal("exit status", running.stop(), 0)
        return f"{done_requests} requests"


BULK_CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bulk_client.py")
BULK_VALUES = 24
# Bytes per frame, acknowledgements and the ways with small segments included; without GSO it is at most 1514.
BULK_MEAN_MIN = 2500


def bulk(config):
    with system.System(os.path.join(common.image(config), "cloister.elf")) as running:
        running.wait_ready(30)
        done = running.command([sys.executable, BULK_CLIENT, system.ADDRESS, str(system.PORT)], timeout=90)
        lines = done.stdout.splitlines()
        check(lines[:1] == [f"right {BULK_VALUES}"], running.report(f"the client said {done.stdout}{done.stderr}"))
        counts = dict(zip(lines[1].split()[::2], map(int, lines[1].split()[1::2])))
        means = [counts["bytes_in"] // counts["frames_in"], counts["bytes_out"] // counts["frames_out"]]
        check(min(means) >= BULK_MEAN_MIN, f"frames hold only {means[0]} bytes in and {means[1]} bytes out on average")
        equal("exit status", running.stop(), 0)
        return f"{means[0]} and {means[1]} bytes per frame"


def cases():
    for config in common.BOTH:
        yield ktap.Case(f"{config}: redis-benchmark", lambda config=config: load(config),
                        common.skip_of(mpk=config != "monolith"))
        yield ktap.Case(f"{config}: values of megabytes, in merged segments", lambda config=config: bulk(config),
                        common.skip_of(mpk=config != "monolith"))
