# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""load.py - one run of unmodified redis-benchmark against a running system.

redis_benchmark(running, test, pipeline, connections, requests, cpu, value_bytes) -> Run: its figures, and the share of a core that it used.
It judges nothing; where the system is emulated, only the caller knows that the rate means nothing.
"""
import collections
import csv
import resource
import time

import system

# p50_ms and p99_ms are NaN with a redis-benchmark that is too old to print them.
Run = collections.namedtuple("Run", "rate p50_ms p99_ms busy")


def redis_benchmark(running, test, pipeline, connections, requests, cpu=None, value_bytes=3):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = running.command(["redis-benchmark", "-h", running.address, "-p", str(running.port), "-t", test, "-c",
                            str(connections), "-P", str(pipeline), "-n", str(requests), "-d", str(value_bytes), "--csv"], timeout=60, cpu=cpu)
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / seconds
    table = list(csv.reader(done.stdout.splitlines()))
    for fields in table:
        if len(fields) > 1 and fields[0].upper() == test.upper():
            named = dict(zip(table[0], fields)) if table[0][0] == "test" else {}
            return Run(float(fields[1]), float(named.get("p50_latency_ms", "nan")), float(named.get("p99_latency_ms", "nan")),
                       busy)
    raise system.Failure(running.report(f"redis-benchmark gave no figure: {done.stdout}{done.stderr}"))
