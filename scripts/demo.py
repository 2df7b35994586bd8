# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""demo.py - make demo: what isolation costs a Redis client, in one table.

Usage: demo.py [--platform host|pc]; without it host, and pc, with a sentence that says why, where host cannot run.
Builds and boots the configurations, drives them with unmodified redis-benchmark in interleaved rounds (so that a
change of the machine's speed hits all of them alike), and prints medians. All systems run at once; those that are
not being measured sleep. The system has CPU 0 for itself, redis-benchmark CPU 1, where there are two.
On host, without a TAP device, clients come through passt (driver stream); the table says so. On pc QEMU emulates a CPU
with keys: there instructions are counted instead of time, and nothing that is printed or written is a speed.
Writes $(O)/bench/demo.json, and draws demo.png beside it. It does not claim absolute speed: the ratio to monolith is
the result.
"""
import argparse
import collections
import contextlib
import os
import statistics
import sys
import time

sys.dont_write_bytecode = True
import audit
import bench_json
import demo_picture
import forward
import load
import network
import pc
import progress
import system

BASE = "monolith"
CONFIGS = (BASE, "net", "separate")
# On a busy machine rounds take longer; then there are fewer of them, so that the whole stays well below five minutes.
MEASURE_SECONDS = 110
LEAST_ROUNDS = 3
RUN_SECONDS = 1.0
SPARE = os.cpu_count() > 1
SYSTEM_CPU, CLIENT_CPU = (0, 1) if SPARE else (None, None)

# pipeline: requests that a client sends before it waits for replies; counted: how many on pc, where none fill a time
Workload = collections.namedtuple("Workload", "name test pipeline clients counted")
WORKLOADS = (Workload("GET", "get", 1, 30, 10000), Workload("SET", "set", 1, 30, 10000),
             Workload("GET, pipeline 16", "get", 16, 30, 80000), Workload("SET, pipeline 16", "set", 16, 30, 80000))
# An emulated CPU is slow beside its clients: of thirty some always wait, so that one crossing serves many requests.
# With one client each request crosses all the way.
ONE_CLIENT = (Workload("GET, one client", "get", 1, 1, 5000), Workload("SET, one client", "set", 1, 1, 5000))

WITH_RATIO = ("rate", "cost")
COUNTS = {"crossings": "crossings/request", "bounced": "bytes copied at gates/request",
          "copied": "bytes of payload copied/request"}
# As the table is wide: head, width of the column, digits behind the point.
COLUMNS = {"rate": ("requests/s", 12, 0), "cost": ("", 22, 0), "crossings": ("crossings", 11, 2),
           "bounced": ("B at gates", 12, 0), "copied": ("B copied", 10, 0)}


class Host:
    """Time, on the CPU itself. figures: {what: unit}; those that are WITH_RATIO have one to monolith."""
    platform, rounds, warm_up_requests = "host", 9, 20000
    workloads = WORKLOADS
    figures = {"rate": "requests/s", "cost": "cycles/request", **COUNTS}
    note = "cycles/request: CPU time of the whole system, Linux below it included."

    def __init__(self, driver):
        self.path, self.fragments = driver, [system.STREAM_FRAGMENT] if driver == "stream" else []
        self.kind, self.about = pc.measured(None)

    def introduction(self, reason):
        how = "So all configurations run with the driver stream: passt leads redis-benchmark to 127.0.0.1."
        return f"{reason} {how}\n" if reason else ""

    def start(self, elf):
        # Systems with a TAP device have a network each; all others share 127.0.0.1.
        port = network.free_port() if self.path == "stream" else None
        return system.System(elf, cpu=SYSTEM_CPU, port=port)

    def requests(self, workload, rate):
        return max(1000, int(rate * RUN_SECONDS))

    def khz(self, running):
        return running.statistics()["tsc_khz"]

    def heading(self, khz):
        return f"{demo_picture.processor()}, TSC {khz / 1000:.0f} MHz"


class Counted:
    """Instructions, under QEMU, which emulates them: no times at all."""
    platform, rounds, warm_up_requests = "pc", 3, 500
    figures = {"cost": "instructions/request", **COUNTS}
    fragments = ()
    note = pc.COUNT_NOTE

    def __init__(self, driver):
        self.path, self.link, most = forward.for_load(driver)
        self.workloads = [workload._replace(clients=min(workload.clients, most or workload.clients))
                          for workload in (*ONE_CLIENT, *WORKLOADS)]
        self.kind, self.about = pc.measured("tcg", pc.COUNT_FOR_CLIENTS)

    def introduction(self, reason):
        why = f"{reason}\nSo the demo uses platform pc" if reason else "Platform pc"
        few = f"Only QEMU's user networking works here: {forward.FORWARD_CLIENTS} clients instead of 30.\n"
        return (f"{why}: QEMU emulates a CPU that has keys, and crossings and instructions are counted.\nHow long an "
                "emulator takes says nothing about the speed of a CPU, so no speed is shown.\n"
                + (few if self.path == "user" else ""))

    def start(self, elf):
        return pc.Machine(elf, link=self.link(), count=pc.COUNT_FOR_CLIENTS, cpu=SYSTEM_CPU)

    def requests(self, workload, _):
        return workload.counted

    def khz(self, _):
        return None   # the rate of an emulated TSC says nothing

    def heading(self, _):
        return pc.COUNTED_BY.format(self.about["qemu"])


def drive(running, workload, requests):
    return load.redis_benchmark(running, workload.test, workload.pipeline, workload.clients, requests, CLIENT_CPU).rate


def sample(platform, running, workload, requests):
    got = running.metered(lambda: drive(running, workload, requests))
    figures = {"rate": got.result, "cost": got.cost / requests,
               **{what: sum(getattr(got, what).values()) / requests for what in system.COUNTED}}
    return {what: figures[what] for what in platform.figures}


def run(platform, folders):
    """{(configuration, workload's name): [sample]}, and the TSC's rate."""
    results = {}
    with contextlib.ExitStack() as stack:
        systems = {config: stack.enter_context(platform.start(os.path.join(folder, "cloister.elf")))
                   for config, folder in folders.items()}
        for running in systems.values():
            running.wait_ready(60)
            running.wait_for(r"^kv: .*ready$", 60)
        requests = {}
        bar = stack.enter_context(progress.Bar(len(systems) * len(platform.workloads) * (platform.rounds + 1)))
        for config, running in systems.items():
            for workload in platform.workloads:
                bar.step(f"warm-up: {config}, {workload.name}")
                rate = drive(running, workload, platform.warm_up_requests * workload.pipeline)
                requests[config, workload] = platform.requests(workload, rate)
        start = time.monotonic()
        for round_number in range(platform.rounds):
            if round_number >= LEAST_ROUNDS and time.monotonic() - start > MEASURE_SECONDS:
                break
            for workload in platform.workloads:
                # Who goes first changes, so that none always finds what the same other left behind.
                for config, running in sorted(systems.items(), reverse=round_number % 2 == 1):
                    bar.step(f"round {round_number + 1}: {config}, {workload.name}")
                    results.setdefault((config, workload.name), []).append(
                        sample(platform, running, workload, requests[config, workload]))
        khz = platform.khz(next(iter(systems.values())))
        for config, running in systems.items():
            status = running.stop()
            if status:
                raise system.Failure(running.report(f"{config} ended with status {status}"))
    return results, khz


def median(results, config, name, what):
    return statistics.median(sample[what] for sample in results[config, name])


def ratio(results, config, name, what):
    """The ratio of the medians that the table shows, to monolith; counts have none."""
    base = median(results, BASE, name, what)
    return median(results, config, name, what) / base if base and what in WITH_RATIO else None


def table(platform, folders, results, khz):
    """Prints it; returns the rows for the JSON file."""
    rounds = len(next(iter(results.values())))
    clients = max(workload.clients for workload in platform.workloads)
    print(f"\nredis-benchmark -c {clients} over {platform.path}; medians of {rounds} interleaved rounds; "
          f"{platform.heading(khz)}\n")
    heads = (f"{unit if what == 'cost' else COLUMNS[what][0]:>{COLUMNS[what][1]}}" + (f"{'ratio':>7}" if what in WITH_RATIO else "")
             for what, unit in platform.figures.items())
    print(f"{'configuration':<14}{'domains':>8}  {'workload':<16}" + "".join(heads))
    rows = []
    for workload in platform.workloads:
        for config, folder in folders.items():
            line = f"{config:<14}{audit.domain_count(folder):>8}  {workload.name:<16}"
            for what, unit in platform.figures.items():
                middle = median(results, config, workload.name, what)
                of_base = ratio(results, config, workload.name, what)
                _, width, digits = COLUMNS[what]
                line += f"{middle:>{width},.{digits}f}" + ("" if of_base is None else f"{of_base:>7.2f}")
                figures = bench_json.summary([sample[what] for sample in results[config, workload.name]])
                rows.append(bench_json.row(config, folder, platform.path, f"{workload.name} {what}", unit, figures,
                                           of_base, BASE if of_base is not None else None, platform.platform))
            print(line)
    print(f"\nratio: to {BASE}, the same code in one domain without gates. Per request: crossings; bytes that stubs copied at\n"
          f"gates; bytes of payload that the code of all domains copied (docs/speed.md).\n{platform.note}")
    return rows


def choose(asked):
    """The platform to use, and what keeps this machine from the better one; system.Failure when none can run here."""
    driver, reason = system.driver()
    reason = system.missing_mpk() or (reason if driver is None else None)
    if asked == "host" and reason:
        raise system.Failure(f"The demo cannot run on platform host. {reason} {pc.INSTEAD}")
    if asked == "pc" or (asked is None and reason):
        if pc.missing():
            raise system.Failure(" ".join(["The demo cannot run here.", *filter(None, [reason, pc.missing()])]))
        return Counted(driver), reason
    return Host(driver), system.driver()[1]


def main():
    start = time.monotonic()
    parser = argparse.ArgumentParser()
    parser.add_argument("--platform", choices=("host", "pc"))
    parser.add_argument("--accel", choices=("tcg", "kvm"), default="tcg")
    asked = parser.parse_args()
    if asked.accel == "kvm":
        raise system.Failure("The demo counts under ACCEL=tcg; for cycles under KVM: make bench-redis PLATFORM=pc ACCEL=kvm")
    platform, reason = choose(asked.platform)
    print(platform.introduction(reason), end="", flush=True)
    folders = {}
    for number, config in enumerate(CONFIGS, 1):
        with progress.Activity(f"building {config} ({number} of {len(CONFIGS)})"):
            folders[config] = system.build(config, fragments=platform.fragments, platform=platform.platform)
    results, khz = run(platform, folders)
    path = bench_json.save("demo", table(platform, folders, results, khz), khz, platform.kind, platform.about)
    picture = os.path.join(os.path.dirname(path), "demo.png")
    drawn = demo_picture.draw(picture, results, [workload.name for workload in platform.workloads], platform.figures,
                              {config: audit.domain_count(folder) for config, folder in folders.items()},
                              f"redis-benchmark over {platform.path}", platform.heading(khz))
    print((f"drawn to {os.path.relpath(picture)}; " if drawn else "") + f"{time.monotonic() - start:.0f} s in all")
    return 0


if __name__ == "__main__":
    bench_json.finish(main)
