# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""copies.py - make bench-copies: how often each byte of a value is copied on its way to the value store and back.

Usage: copies.py [--platform host|pc] [--accel tcg|kvm] [configuration ...], default separate.
One connection SETs and GETs values of each size; the bytes that the domains counted (lib/copy.h: payload; stubs: at gates) are
divided by the bytes of the values. Headers that were copied with a payload count as payload, so small values show more.
What Linux or ring 0 copy between the device and the driver's memory is not counted: once each way.
Writes $(O)/bench/copies.json. docs/speed.md says which copies are left, and why.
"""
import argparse
import os
import statistics
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import bench_json
import load
import pc
import redis_bench
import system

SIZES = {"512 B": 512, "64 KiB": 65536, "512 KiB": 524288}
REQUESTS = {"512 B": 2000, "64 KiB": 200, "512 KiB": 40}
ROUNDS = 3
GATES, TOTAL = "gates", "all"


def drive(running, test, size, requests):
    return load.redis_benchmark(running, test, 1, 1, requests, redis_bench.CLIENT_CPU, SIZES[size])


def sample(running, test, size):
    """({who: copies of each byte}, cycles or instructions per request)"""
    requests = REQUESTS[size]
    got = running.metered(lambda: drive(running, test, size, requests))
    found = {GATES: sum(got.bounced.values()), **got.copied, TOTAL: sum(got.copied.values()) + sum(got.bounced.values())}
    return {who: count / requests / SIZES[size] for who, count in found.items()}, got.cost / requests


def measure(platform, folder):
    """{(test, size): [sample]}"""
    results = {}
    with platform.start(os.path.join(folder, "cloister.elf")) as running:
        running.wait_ready(60)
        running.wait_for(r"^kv: .*ready$", 60)
        for size in SIZES:
            for test in ("set", "get"):   # what is got was set
                drive(running, test, size, REQUESTS[size])
                results[test, size] = [sample(running, test, size) for _ in range(ROUNDS)]
        status = running.stop()
        if status:
            raise system.Failure(running.report(f"the system ended with status {status}"))
    return results


def table(platform, config, folder, results):
    """Prints it; returns the rows for the JSON file."""
    who = sorted({name for samples in results.values() for copies, _ in samples for name in copies} - {GATES, TOTAL})
    who = [name for name in who if any(copies.get(name, 0) >= 0.005 for samples in results.values() for copies, _ in samples)]
    cost = "instructions" if platform.accel == "tcg" else "cycles"
    print(f"\n{config}: copies of each byte of a value, by domain; medians of {ROUNDS} rounds, one connection over "
          f"{platform.path}\n")
    print(f"{'request':<16}" + "".join(f"{name:>12}" for name in (GATES, *who, TOTAL)) + f"{cost + '/request':>22}")
    rows = []
    for (test, size), samples in results.items():
        line = f"{test.upper() + ' ' + size:<16}"
        for name in (GATES, *who, TOTAL):
            column = [copies.get(name, 0) for copies, _ in samples]
            line += f"{statistics.median(column):>12.2f}"
            rows.append(bench_json.row(config, folder, platform.path, f"{test} {size} {name}", "copies/byte",
                                       bench_json.summary(column), where=platform.name))
        column = [spent for _, spent in samples]
        print(f"{line}{statistics.median(column):>22,.0f}")
        rows.append(bench_json.row(config, folder, platform.path, f"{test} {size}", f"{cost}/request", bench_json.summary(column),
                                   where=platform.name))
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--platform", choices=("host", "pc"), default="host")
    parser.add_argument("--accel", choices=("tcg", "kvm"), default="tcg")
    parser.add_argument("configs", nargs="*", default=["separate"])
    asked = parser.parse_args()
    on_pc = {"tcg": redis_bench.Counted, "kvm": redis_bench.Virtual}[asked.accel]
    platform = redis_bench.Host() if asked.platform == "host" else on_pc()
    reason = redis_bench.missing(platform) or (system.missing_mpk() if platform.name == "host" else None)
    if reason:
        print(f"Copies cannot be counted here. {reason}")
        return 1
    rows = []
    for config in asked.configs:
        folder = system.build(config, platform=platform.name)
        rows += table(platform, config, folder, measure(platform, folder))
    if not platform.has_times:
        print(pc.COUNT_NOTE)
    bench_json.save("copies", rows, None, *pc.measured(platform.accel, platform.count if platform.name == "pc" else None))
    return 0


if __name__ == "__main__":
    bench_json.finish(main)
