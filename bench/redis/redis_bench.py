# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""redis_bench.py - make bench-redis: what each placement costs a Redis client, and Debian's redis-server beside it.

Usage: redis_bench.py [--platform host|pc] [--accel tcg|kvm] [configuration ...]: names, or paths of a .config; without
any all of configs/. BENCH_SECONDS (default 300) bounds the time of measuring over each path: clients outside, and wire.
On pc under TCG, which emulates, instructions are counted instead of cycles; nothing that it prints or writes is a time.

The figure that decides is server cycles per request: requests/s over a TAP mostly measure the client. Rounds are
interleaved, every round takes one sample of everything that is not decided yet, in an order that turns round; ratios
come from the rounds' pairs. Servers run on CPU 0, the client on CPU 1, where there are two.
Writes build/bench/redis.json. It judges nothing but whether a ratio is decided.
"""
import argparse
import collections
import contextlib
import glob
import os
import re
import statistics
import sys
import textwrap
import time

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import audit
import bench_json
import forward
import linux_redis
import load
import pc
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
COUNTED_REQUESTS = 3000    # of one sample where instructions are counted, times its pipeline
WITHIN = 0.03              # of the ratio, either side of it
CLIENT_BOUND = 0.9
# unit: what of system.Metered
COPIES = {"gate_copied_bytes_per_req": "bounced", "payload_copied_bytes_per_req": "copied"}
EDGE_LEAST = 0.005         # crossings per request: fewer are not printed
BUDGET_SECONDS = float(os.environ.get("BENCH_SECONDS", 300))
SPARE = os.cpu_count() > 1
SERVER_CPU, CLIENT_CPU = (0, 1) if SPARE else (None, None)


class Host:
    """Cycles, on the CPU itself. cost: the unit that decides; has_times: requests/s and latencies mean something."""
    name, accel, cost, has_times, runs_linux, least_rounds = "host", None, "server_cycles_per_req", True, True, 5
    path, most_clients, warm_up_requests = "tap", None, 10000

    def start(self, elf):
        return system.System(elf, cpu=SERVER_CPU)

    def start_alone(self, elf, arguments):
        return system.System(elf, arguments, network=False, cpu=SERVER_CPU)

    def requests(self, row, rate):
        """How many fill a sample; never below half a second once the rate is known."""
        return max(1000, int(rate * RUN_SECONDS))


class Virtual(Host):
    """Cycles of a guest's TSC under KVM, those in which it sleeps left out."""
    name, accel, runs_linux = "pc", "kvm", False
    count, count_alone = None, None

    def __init__(self):
        self.path, self.link, self.most_clients = forward.for_load(system.driver()[0])

    def start(self, elf):
        return pc.Machine(elf, link=self.link(), accel=self.accel, count=self.count, cpu=SERVER_CPU)

    def start_alone(self, elf, arguments):
        return pc.Machine(elf, arguments, machine="microvm", accel=self.accel, count=self.count_alone, cpu=SERVER_CPU)


class Counted(Virtual):
    """Instructions, under TCG."""
    accel, cost, has_times, least_rounds, warm_up_requests = "tcg", "server_instructions_per_req", False, 3, 500
    count, count_alone = pc.COUNT_FOR_CLIENTS, pc.COUNT_ALONE

    def requests(self, row, _):
        return COUNTED_REQUESTS * ROWS[row][1]


def generator_unit(platform):
    return platform.cost.replace("server", "generator")


class ClientPath:
    """redis-benchmark outside. All servers at once; those that are not being measured sleep."""

    def __init__(self, stack, platform, folders):
        self.name, self.platform, self.khz, self.requests = platform.path, platform, None, {}
        self.servers = {config: stack.enter_context(platform.start(os.path.join(folder, "cloister.elf")))
                        for config, folder in folders.items()}
        for running in self.servers.values():
            running.wait_ready(60)
            running.wait_for(r"^kv: .*ready$", 60)
        if platform.has_times:
            self.khz = next(iter(self.servers.values())).statistics()["tsc_khz"]
        reason = linux_redis.missing()
        if platform.runs_linux and reason:
            print(f"no rows of {LINUX}: {reason}")
        elif platform.runs_linux:
            self.servers[LINUX] = stack.enter_context(linux_redis.LinuxRedis(self.khz, cpu=SERVER_CPU))

    def run(self, config, row, requests):
        test, pipeline, connections = ROWS[row]
        connections = min(connections, self.platform.most_clients or connections)
        return load.redis_benchmark(self.servers[config], test, pipeline, connections, requests, CLIENT_CPU)

    def prepare(self, config, row):
        """Warms up, and finds how many requests fill a sample."""
        rate = self.run(config, row, self.platform.warm_up_requests * ROWS[row][1]).rate
        self.requests[config, row] = self.platform.requests(row, rate)

    def sample(self, config, row):
        requests = self.requests[config, row]
        metered = self.servers[config].metered(lambda: self.run(config, row, requests))
        got = metered.result
        self.requests[config, row] = self.platform.requests(row, got.rate)
        edges = {edge: calls / requests for edge, calls in metered.crossings.items()}
        figures = {self.platform.cost: metered.cost / requests, "crossings_per_req": sum(edges.values()),
                   **{unit: sum(getattr(metered, what).values()) / requests for unit, what in COPIES.items()}}
        if self.platform.has_times:
            figures.update(req_per_s=got.rate, p50_ms=got.p50_ms, p99_ms=got.p99_ms, client_busy=got.busy)
        # Without those that an old redis-benchmark does not print.
        return Sample({unit: value for unit, value in figures.items() if value == value}, edges)


class WirePath:
    """A fresh boot per sample. The server's cost is all but the generator's own."""
    name = "wire"

    def __init__(self, platform, sources):
        self.platform, self.requests, self.khz = platform, {}, None
        self.servers = {config: wire.build(source, platform=platform.name) for config, source in sources.items()}

    def run(self, config, row, requests):
        test, pipeline, connections = ROWS[row]
        asked = wire.Load(test, pipeline, connections, requests)
        got = wire.run(self.servers[config], asked, self.platform.start_alone)
        if self.platform.has_times:
            self.khz = got.khz
        return got

    def prepare(self, config, row):
        got = self.run(config, row, self.platform.warm_up_requests * ROWS[row][1])
        self.requests[config, row] = self.platform.requests(row, got.requests * got.khz * 1000 / got.cycles)

    def sample(self, config, row):
        got = self.run(config, row, self.requests[config, row])
        figures = {self.platform.cost: (got.cycles - got.own) / got.requests,
                   "crossings_per_req": sum(got.crossings.values()),
                   generator_unit(self.platform): got.own / got.requests}
        if self.platform.has_times:
            figures.update(req_per_s=got.requests * got.khz * 1000 / got.cycles)
        return Sample(figures, got.crossings)


def found_ratio(path, samples, config, row):
    unit = path.platform.cost
    return statistic.interval([(mine.figures[unit], other.figures[unit])
                               for mine, other in zip(samples[config, row], samples[BASE, row])])


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
        if number >= path.platform.least_rounds:
            for row, configs in open_rows.items():
                unsure = [config for config in configs if config != BASE
                          and not statistic.is_decided(found_ratio(path, samples, config, row), WITHIN)]
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


def print_copies(path, samples):
    print("\nbytes copied per request, at gates by their stubs and of payload by the code of all domains (make bench-copies: where):")
    for config in path.servers:
        if not COPIES.keys() <= samples[config, "get_p1"][0].figures.keys() or config == LINUX:
            continue
        middle = {(row, unit): statistics.median(sample.figures[unit] for sample in samples[config, row]) for row in ROWS for unit in COPIES}
        print(f"  {config}: " + ", ".join(f"{row} {' + '.join(f'{middle[row, unit]:.0f}' for unit in COPIES)}" for row in ROWS))


def table(path, samples, folders):
    columns = "{:<16}{:>7}  {:<8}{:>9}  {:<17}{:>11} {:>9}  {:<22}{}"
    platform, cost = path.platform, path.platform.cost
    measured = f"TSC {path.khz / 1000:.0f} MHz" if platform.has_times else pc.COUNTED_BY.format(pc.version())
    print(f"\npath {path.name}; {measured}; medians; ratio to {BASE} with its 95% interval\n")
    heads = ("cycles/rq", "requests/s ") if platform.has_times else ("instr./rq", "")
    print(columns.format("configuration", "domains", "row", heads[0], "(least..most)", heads[1], "cross/rq", "ratio",
                         ""))
    written, crossed = [], {}
    for row in ROWS:
        for config in path.servers:
            mine = samples[config, row]
            column = {unit: [sample.figures[unit] for sample in mine] for unit in mine[0].figures}
            middle = {unit: statistics.median(values) for unit, values in column.items()}
            ratio, low, high = found_ratio(path, samples, config, row) if config != BASE else (1.0, 1.0, 1.0)
            decided = len(mine) >= platform.least_rounds and statistic.is_decided((ratio, low, high), WITHIN)
            bound = middle.get("client_busy", 0) > CLIENT_BOUND
            rate = f"{middle['req_per_s']:,.0f}{'*' if bound else ' '}" if platform.has_times else ""
            print(columns.format(
                config, audit.domain_count(folders[config]) if config in folders else "-", row,
                f"{middle[cost]:,.0f}", f"({min(column[cost]):,.0f}..{max(column[cost]):,.0f})",
                rate, f"{middle['crossings_per_req']:.2f}",
                "" if config == BASE else f"{ratio:.3f} [{low:.3f}, {high:.3f}]",
                "" if decided or config == BASE else "undecided"))
            for unit, values in column.items():
                decides = unit == cost and config != BASE
                line = bench_json.row(config, folders.get(config), path.name, row, unit, bench_json.summary(values),
                                      ratio if decides else None, BASE if decides else None, platform.name)
                if decides:
                    line.update(ratio_low=low, ratio_high=high, decided=decided)
                if unit == "req_per_s":
                    line.update(client_bound=bound)
                written.append(line)
            edges = {edge: statistics.median(sample.edges.get(edge, 0) for sample in mine) for sample in mine for edge in sample.edges}
            for (caller, function), crossings in edges.items():
                line = bench_json.row(config, folders.get(config), path.name, row, "crossings_per_req",
                                      bench_json.summary([sample.edges.get((caller, function), 0) for sample in mine]),
                                      where=platform.name)
                written.append({**line, "edge": f"{caller}>{function}"})
            crossed[config, row] = edges
    print_edges(path, crossed)
    print_copies(path, samples)
    if path.name != "wire":
        if platform.has_times:
            print(f"* client-bound: its core was more than {CLIENT_BOUND:.0%} busy, so requests/s say nothing "
                  "about the server")
    else:
        own = [statistics.median(s.figures[generator_unit(platform)] for s in samples[BASE, row]) for row in ROWS]
        print(f"the generator's own {heads[0]}, not in the figures above: "
              + ", ".join(f"{row} {figure:.0f}" for row, figure in zip(ROWS, own)))
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


def missing(platform):
    if platform.name == "host":
        reason = system.missing_network()
        return f"{reason} {pc.INSTEAD}" if reason else None
    return pc.missing() or (pc.kvm_keys_missing() if platform.accel == "kvm" else None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--platform", choices=("host", "pc"), default="host")
    parser.add_argument("--accel", choices=("tcg", "kvm"), default="tcg")
    parser.add_argument("configs", nargs="*")
    asked = parser.parse_args()
    platform = Host() if asked.platform == "host" else {"tcg": Counted, "kvm": Virtual}[asked.accel]()
    reason = missing(platform)
    if reason:
        print(f"Redis cannot be measured here. {reason}")
        return 1
    wanted = asked.configs or all_configs()
    if platform.name == "host" and system.missing_mpk():
        print(f"{system.missing_mpk()} Only {BASE}, which needs no keys, is run; PLATFORM=pc counts all under QEMU.")
        wanted = []
    if platform.most_clients:
        print(f"Only QEMU's user networking works here: at most {platform.most_clients} connections instead of 30.")
    sources = {BASE: BASE, **dict(own(config) if os.path.isfile(config) else (config, config) for config in wanted)}
    folders = {}
    for config, source in sources.items():
        print(f"building {config}", flush=True)
        folders[config] = system.build(source, platform=platform.name)
    rows = []
    with contextlib.ExitStack() as stack:
        path = ClientPath(stack, platform, folders)
        khz = path.khz
        samples = measure(path)
    rows += table(path, samples, folders)
    print("\nbuilding the same with the load generator inside", flush=True)
    path = WirePath(platform, sources)
    rows += table(path, measure(path), path.servers)
    if not platform.has_times:
        print(pc.COUNT_NOTE)
    bench_json.save("redis", rows, khz, *pc.measured(platform.accel, f"{pc.COUNT_FOR_CLIENTS}; wire: {pc.COUNT_ALONE}"))
    return 0


if __name__ == "__main__":
    bench_json.finish(main)
