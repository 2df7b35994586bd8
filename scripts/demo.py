# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""demo.py - make demo: what isolation costs a Redis client, in one table.

Builds and boots the configurations, drives them with unmodified redis-benchmark in interleaved rounds (so that a
change of the machine's speed hits all of them alike), and prints medians. All systems run at once; those that are
not being measured sleep. The system has CPU 0 for itself, redis-benchmark CPU 1, where there are two.
Where the machine gives no TAP device, clients come through passt (driver stream); the table says so.
Writes $(O)/bench/demo.json, and draws demo.png beside it. It does not claim absolute speed: the ratio to monolith is
the result.
"""
import contextlib
import csv
import os
import statistics
import sys
import time

sys.dont_write_bytecode = True
import bench_json
import demo_picture
import network
import progress
import system

ROUNDS = 9
LEAST_ROUNDS = 3
# On a busy machine rounds take longer; then there are fewer of them, so that the whole stays well below five minutes.
MEASURE_SECONDS = 110
CLIENTS = 30
# Without keys only the first can run.
CONFIGS = ("monolith", "net", "separate")
# (name, test, pipeline). The number of requests follows from a short first run.
WORKLOADS = [("GET", "get", 1), ("SET", "set", 1), ("GET, pipeline 16", "get", 16), ("SET, pipeline 16", "set", 16)]
RUN_SECONDS = 1.0
WARM_UP_REQUESTS = 20000


def benchmark(running, test, pipeline, requests, cpu):
    """Requests per second as redis-benchmark reports them."""
    done = running.command(["redis-benchmark", "-h", running.address, "-p", str(running.port), "-t", test, "-c",
                            str(CLIENTS), "-P", str(pipeline), "-n", str(requests), "--csv"], timeout=60, cpu=cpu)
    for fields in csv.reader(done.stdout.splitlines()):
        if len(fields) > 1 and fields[0].upper().startswith(test.upper()):
            return float(fields[1])
    raise system.Failure(running.report(f"redis-benchmark gave no figure: {done.stdout}{done.stderr}"))


def measure(running, test, pipeline, requests, cpu):
    """One run: (requests/s, server cycles per request, crossings per request)."""
    before, used = running.statistics(), running.cpu_ns()
    rate = benchmark(running, test, pipeline, requests, cpu)
    used = running.cpu_ns() - used
    after = running.statistics()
    crossed = sum(after["crossings"].values()) - sum(before["crossings"].values())
    return rate, used * after["tsc_khz"] / 1e6 / requests, crossed / requests


def domains(folder):
    """How many protection domains the configuration has; monitor and nucleus are not counted."""
    import audit
    return audit.domain_count(folder)


def run(configs, folders):
    spare = os.cpu_count() > 1
    results = {}
    with contextlib.ExitStack() as stack:
        systems = {}
        for config in configs:
            elf = os.path.join(folders[config], "cloister.elf")
            # Systems with a TAP device have a network each; all others share 127.0.0.1.
            port = network.free_port() if network.driver_of(elf) == "stream" else None
            systems[config] = stack.enter_context(system.System(elf, cpu=0 if spare else None, port=port))
        for running in systems.values():
            running.wait_ready(30)
        requests = {}
        bar = stack.enter_context(progress.Bar(len(systems) * len(WORKLOADS) * (ROUNDS + 1)))
        for config, running in systems.items():
            for name, test, pipeline in WORKLOADS:
                bar.step(f"warm-up: {config}, {name}")
                rate = benchmark(running, test, pipeline, WARM_UP_REQUESTS * pipeline, 1 if spare else None)
                requests[config, name] = max(1000, int(rate * RUN_SECONDS))
        start = time.monotonic()
        for round_number in range(ROUNDS):
            if round_number >= LEAST_ROUNDS and time.monotonic() - start > MEASURE_SECONDS:
                break
            for name, test, pipeline in WORKLOADS:
                # Who goes first changes, so that none always finds what the same other left behind.
                for config, running in sorted(systems.items(), reverse=round_number % 2 == 1):
                    bar.step(f"round {round_number + 1}: {config}, {name}")
                    results.setdefault((config, name), []).append(
                        measure(running, test, pipeline, requests[config, name], 1 if spare else None))
        khz = next(iter(systems.values())).statistics()["tsc_khz"]
        for config, running in systems.items():
            status = running.stop()
            if status:
                raise system.Failure(running.report(f"{config} ended with status {status}"))
    return results, khz


def ratio(results, config, name, column):
    """The ratio of the medians that the table shows, to monolith."""
    mine, base = (statistics.median(sample[column] for sample in results[which, name])
                  for which in (config, "monolith"))
    return mine / base if base else None


def main():
    start = time.monotonic()
    driver, reason = system.driver()
    if driver is None:
        print(f"The demo cannot run here. {reason}", file=sys.stderr)
        return 1
    if driver == "stream":
        print(f"{reason} So all configurations run with the driver stream: passt leads redis-benchmark to 127.0.0.1.",
              flush=True)
    configs = list(CONFIGS)
    reason = system.missing_mpk()
    if reason:
        print(f"{reason} Only monolith, which needs no keys, is run.")
        configs = configs[:1]
    folders = {}
    for number, config in enumerate(configs, 1):
        with progress.Activity(f"building {config} ({number} of {len(configs)})"):
            folders[config] = system.build(config, fragments=[system.STREAM_FRAGMENT] if driver == "stream" else [])
    results, khz = run(configs, folders)

    rounds = len(next(iter(results.values())))
    columns = "{:<14}{:>8}  {:<18}{:>12}{:>8}{:>16}{:>8}{:>18}"
    print(f"\nredis-benchmark -c {CLIENTS} over {driver}; medians of {rounds} interleaved rounds; "
          f"TSC {khz / 1000:.0f} MHz\n")
    print(columns.format("configuration", "domains", "workload", "requests/s", "ratio", "cycles/request", "ratio",
                         "crossings/request"))
    rows = []
    for name, _, _ in WORKLOADS:
        for config in configs:
            samples = results[config, name]
            rate, cycles, crossings = (statistics.median(sample[column] for sample in samples) for column in range(3))
            by_rate, by_cycles = (ratio(results, config, name, column) for column in (0, 1))
            print(columns.format(config, domains(folders[config]), name, f"{rate:,.0f}", f"{by_rate:.2f}",
                                 f"{cycles:,.0f}", f"{by_cycles:.2f}", f"{crossings:.2f}"))
            for column, what, unit, of_monolith in ((0, "rate", "requests/s", by_rate),
                                                     (1, "cost", "cycles/request", by_cycles),
                                              (2, "crossings", "crossings/request", None)):
                rows.append(bench_json.row(config, folders[config], driver, f"{name} {what}", unit,
                                           bench_json.summary([sample[column] for sample in samples]), of_monolith,
                                           "monolith" if of_monolith is not None else None))
    print("\nratio: to monolith, the same code in one domain without gates. cycles/request: CPU time of the whole "
          "system, Linux below it included.")
    path = bench_json.save("demo", rows, khz)
    picture = os.path.join(os.path.dirname(path), "demo.png")
    drawn = demo_picture.draw(picture, configs, [name for name, _, _ in WORKLOADS], results,
                              {config: domains(folders[config]) for config in configs}, khz)
    print((f"drawn to {os.path.relpath(picture)}; " if drawn else "") + f"{time.monotonic() - start:.0f} s in all")
    return 0


if __name__ == "__main__":
    bench_json.finish(main)
