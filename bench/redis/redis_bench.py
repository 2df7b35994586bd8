# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""redis_bench.py - make bench-redis: what each placement costs a Redis client, and Debian's redis-server beside it.

Usage: redis_bench.py [configuration ...]: names, or paths of a .config; without arguments all of configs/. BENCH_SECONDS (default 300) bounds the time
of measuring over each path, tap and wire.

The figure that decides is server cycles per request: requests/s over a TAP mostly measure the client. Rounds are
interleaved, every round takes one sample of everything that is not decided yet, in an order that turns round; ratios
come from the rounds' pairs. Servers run on CPU 0, the client on CPU 1, where there are two.
Writes build/bench/redis.json. It judges nothing but whether a ratio is decided.
"""
import collections
import contextlib
import csv
import glob
import os
import re
import resource
import statistics
import sys
import textwrap
import time

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import audit
import bench_json
import linux_redis
import statistic
import system
import wire

# figures: {unit: value}; edges: {(caller, function): crossings per request}.
Sample = collections.namedtuple("Sample", "figures edges")

# row -> (test, pipeline, connections)
ROWS = {"get_p1": ("get", 1, 30), "get_p16": ("get", 16, 30), "set_p1": ("set", 1, 30), "set_p16": ("set", 16, 30),
        "get_c1": ("get", 1, 1), "set_c1": ("set", 1, 1)}
BASE, LINUX = "monolith", "linux-redis"
RUN_SECONDS = 0.6          # of one sample; never below half a second once the rate is known
WARM_UP_REQUESTS = 10000
LEAST_ROUNDS = 5
WITHIN = 0.03              # of the ratio, either side of it
CLIENT_BOUND = 0.9
EDGE_LEAST = 0.005         # crossings per request: fewer are not printed
BUDGET_SECONDS = float(os.environ.get("BENCH_SECONDS", 300))
SPARE = os.cpu_count() > 1
SERVER_CPU, CLIENT_CPU = (0, 1) if SPARE else (None, None)


def benchmark(running, row, requests):
    """One run of redis-benchmark: (requests/s, p50 ms, p99 ms, share of a core that the client used)."""
    test, pipeline, connections = ROWS[row]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = running.command(["redis-benchmark", "-h", system.ADDRESS, "-p", str(system.PORT), "-t", test, "-c",
                            str(connections), "-P", str(pipeline), "-n", str(requests), "--csv"], timeout=60, cpu=CLIENT_CPU)
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / seconds
    table = list(csv.reader(done.stdout.splitlines()))
    for fields in table:
        if len(fields) > 1 and fields[0].upper() == test.upper():
            named = dict(zip(table[0], fields)) if table[0][0] == "test" else {}
            return (float(fields[1]), float(named.get("p50_latency_ms", "nan")),
                    float(named.get("p99_latency_ms", "nan")), busy)
    raise system.Failure(running.report(f"redis-benchmark gave no figure: {done.stdout}{done.stderr}"))


class TapPath:
    """All servers at once; those that are not being measured sleep."""
    name = "tap"

    def __init__(self, stack, folders):
        self.servers = {config: stack.enter_context(system.System(os.path.join(folder, "cloister.elf"), cpu=SERVER_CPU))
                        for config, folder in folders.items()}
        for running in self.servers.values():
            running.wait_ready(30)
        self.khz = next(iter(self.servers.values())).statistics()["tsc_khz"]
        reason = linux_redis.missing()
        if reason:
            print(f"no rows of {LINUX}: {reason}")
        else:
            self.servers[LINUX] = stack.enter_context(linux_redis.LinuxRedis(cpu=SERVER_CPU))
        self.requests = {}

    def prepare(self, config, row):
        """Warms up, and finds how many requests fill a sample."""
        rate = benchmark(self.servers[config], row, WARM_UP_REQUESTS * ROWS[row][1])[0]
        self.requests[config, row] = max(1000, int(rate * RUN_SECONDS))

    def crossings(self, config):
        return self.servers[config].statistics()["crossings"] if config != LINUX else {}

    def sample(self, config, row):
        running, requests = self.servers[config], self.requests[config, row]
        crossed, used = self.crossings(config), running.cpu_ns()
        rate, p50, p99, busy = benchmark(running, row, requests)
        used = running.cpu_ns() - used
        edges = {edge: (calls - crossed.get(edge, 0)) / requests for edge, calls in self.crossings(config).items()}
        self.requests[config, row] = max(1000, int(rate * RUN_SECONDS))
        figures = {"server_cycles_per_req": used * self.khz / 1e6 / requests, "req_per_s": rate, "p50_ms": p50,
                   "p99_ms": p99, "crossings_per_req": sum(edges.values()), "client_busy": busy}
        # Without those that an old redis-benchmark does not print.
        return Sample({unit: value for unit, value in figures.items() if value == value}, edges)


class WirePath:
    """A fresh boot per sample. The server's cycles are all but the generator's own."""
    name = "wire"

    def __init__(self, sources):
        self.servers = {config: wire.build(source) for config, source in sources.items()}
        self.requests = {}
        self.khz = None

    def run(self, config, row, requests):
        test, pipeline, connections = ROWS[row]
        got = wire.run(self.servers[config], wire.Load(test, pipeline, connections, requests), SERVER_CPU)
        self.khz = got.khz
        return got

    def prepare(self, config, row):
        got = self.run(config, row, WARM_UP_REQUESTS * ROWS[row][1])
        self.requests[config, row] = max(1000, int(RUN_SECONDS * got.khz * 1000 * got.requests / got.cycles))

    def sample(self, config, row):
        got = self.run(config, row, self.requests[config, row])
        return Sample({"server_cycles_per_req": (got.cycles - got.own) / got.requests,
                       "crossings_per_req": sum(got.crossings.values()), "req_per_s": got.requests * got.khz * 1000 / got.cycles,
                       "generator_cycles_per_req": got.own / got.requests}, got.crossings)


def found_ratio(samples, config, row, base=BASE):
    return statistic.interval([(mine.figures["server_cycles_per_req"], other.figures["server_cycles_per_req"])
                               for mine, other in zip(samples[config, row], samples[base, row])])


def measure(path):
    """{(config, row): [sample]}: rounds until every ratio to BASE is decided or the time is spent."""
    start, samples, open_rows = time.monotonic(), {}, {row: list(path.servers) for row in ROWS}
    for row in ROWS:
        for config in path.servers:
            path.prepare(config, row)
    number = 0
    while any(open_rows.values()) and (number < 2 or time.monotonic() - start < BUDGET_SECONDS):
        number += 1
        for row, configs in open_rows.items():
            # Who goes first changes, so that nobody always finds what the same other one left behind.
            for config in configs if number % 2 else configs[::-1]:
                samples.setdefault((config, row), []).append(path.sample(config, row))
        if number >= LEAST_ROUNDS:
            for row, configs in open_rows.items():
                unsure = [config for config in configs if config != BASE
                          and not statistic.is_decided(found_ratio(samples, config, row), WITHIN)]
                open_rows[row] = [BASE, *unsure] if unsure else []
        print(f"{path.name}: round {number}, {sum(max(0, len(c) - 1) for c in open_rows.values())} ratios open, "
              f"{time.monotonic() - start:.0f} s", flush=True)
    return samples


def print_edges(path, crossed):
    print("\ncrossings per request by edge (caller>function), row get_p1; the JSON has all rows:")
    for config in path.servers:
        edges = sorted(crossed[config, "get_p1"].items(), key=lambda item: -item[1])
        text = ", ".join(f"{caller}>{function} {calls:.2f}" for (caller, function), calls in edges if calls >= EDGE_LEAST)
        if text:
            print(textwrap.fill(f"{config}: {text}", 116, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False))


def table(path, samples, folders):
    columns = "{:<16}{:>7}  {:<8}{:>9}  {:<17}{:>11} {:>9}  {:<22}{}"
    print(f"\npath {path.name}; TSC {path.khz / 1000:.0f} MHz; medians; ratio to {BASE} with its 95% interval\n")
    print(columns.format("configuration", "domains", "row", "cycles/rq", "(least..most)", "requests/s ", "cross/rq",
                         "ratio", ""))
    written, crossed = [], {}
    for row in ROWS:
        for config in path.servers:
            mine = samples[config, row]
            column = {unit: [sample.figures[unit] for sample in mine] for unit in mine[0].figures}
            middle = {unit: statistics.median(values) for unit, values in column.items()}
            ratio, low, high = found_ratio(samples, config, row) if config != BASE else (1.0, 1.0, 1.0)
            decided = len(mine) >= LEAST_ROUNDS and statistic.is_decided((ratio, low, high), WITHIN)
            bound = middle.get("client_busy", 0) > CLIENT_BOUND
            cycles = column["server_cycles_per_req"]
            print(columns.format(
                config, audit.domain_count(folders[config]) if config in folders else "-", row,
                f"{middle['server_cycles_per_req']:,.0f}", f"({min(cycles):,.0f}..{max(cycles):,.0f})",
                f"{middle['req_per_s']:,.0f}{'*' if bound else ' '}", f"{middle['crossings_per_req']:.2f}",
                "" if config == BASE else f"{ratio:.3f} [{low:.3f}, {high:.3f}]",
                "" if decided or config == BASE else "undecided"))
            for unit, values in column.items():
                decides = unit == "server_cycles_per_req" and config != BASE
                line = bench_json.row(config, folders.get(config), path.name, row, unit, bench_json.summary(values),
                                      ratio if decides else None, BASE if decides else None)
                if decides:
                    line.update(ratio_low=low, ratio_high=high, decided=decided)
                if unit == "req_per_s":
                    line.update(client_bound=bound)
                written.append(line)
            edges = {edge: statistics.median(sample.edges.get(edge, 0) for sample in mine) for sample in mine for edge in sample.edges}
            for (caller, function), crossings in edges.items():
                line = bench_json.row(config, folders.get(config), path.name, row, "crossings_per_req",
                                      bench_json.summary([sample.edges.get((caller, function), 0) for sample in mine]))
                written.append({**line, "edge": f"{caller}>{function}"})
            crossed[config, row] = edges
    print_edges(path, crossed)
    if path.name == "tap":
        print(f"* client-bound: its core was more than {CLIENT_BOUND:.0%} busy, so requests/s say nothing about the server")
    else:
        own = [statistics.median(s.figures["generator_cycles_per_req"] for s in samples[BASE, row]) for row in ROWS]
        print("the generator's own cycles per request, not in the figures above: "
              + ", ".join(f"{row} {cycles:.0f}" for row, cycles in zip(ROWS, own)))
    return written


def all_configs():
    return sorted(os.path.basename(path)[:-len("_defconfig")] for path in glob.glob(f"{ROOT}/configs/*_defconfig"))


def own(path):
    """A copy of somebody's .config under a name that no other configuration has: (name, path)."""
    with open(path, encoding="utf-8") as text:
        lines = [line for line in text if not line.startswith("CONFIG_NAME=")]
        text.seek(0)
        name = ([*re.findall(r'^CONFIG_NAME="(.+)"$', text.read(), re.M), "custom"])[0]
    name = f"own-{name}" if name in all_configs() else name
    copy = os.path.join(system.out_folder(), "bench", f"{name}_defconfig")
    os.makedirs(os.path.dirname(copy), exist_ok=True)
    with open(copy, "w", encoding="utf-8") as text:
        text.writelines([*lines, f'CONFIG_NAME="{name}"\n'])
    return name, copy


def main():
    reason = system.missing_network()
    if reason:
        print(f"Redis cannot be measured here. {reason}")
        return 1
    wanted = sys.argv[1:] or all_configs()
    if system.missing_mpk():
        print(f"{system.missing_mpk()} Only {BASE}, which needs no keys, is run.")
        wanted = []
    sources = {BASE: BASE, **dict(own(config) if os.path.isfile(config) else (config, config) for config in wanted)}
    folders = {}
    for config, source in sources.items():
        print(f"building {config}", flush=True)
        folders[config] = system.build(source)
    rows = []
    with contextlib.ExitStack() as stack:
        path = TapPath(stack, folders)
        khz = path.khz
        samples = measure(path)
    rows += table(path, samples, folders)
    print("\nbuilding the same with the load generator inside", flush=True)
    path = WirePath(sources)
    rows += table(path, measure(path), path.servers)
    bench_json.save("redis", rows, khz)
    return 0


if __name__ == "__main__":
    bench_json.finish(main)
