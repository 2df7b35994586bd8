# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""recovery_bench.py - make bench-recovery: how long a component is away when it faults, and what crashes cost a server.

Usage: recovery_bench.py [--rounds N] [part ...]; parts: away load reload readiness (all of them).
  away       for each component: from the call that faults to the first that is served, by a caller that asks at once
             (bench/components/prober), and the monitor's own account of it
  load       requests of a saturated server (driver wire, no system calls) with 1, 10 and 100 crashes a second, against
             the same without, in paired rounds
  reload     kv: from its fault until its keys are back, by number of keys
  readiness  instructions per request that CONFIG_RECOVERY costs when nothing fails (readiness.py, under QEMU)
The expectations are displayed with their outcome; they are not a test. Writes build/bench/recovery.json.
"""
import argparse
import collections
import json
import os
import re
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "scripts"), os.path.join(ROOT, "bench", "redis")]
import audit
import bench_json
import progress
import statistic
import system
import wire

CONFIG = os.path.join("bench", "configs", "recovery_defconfig")
CRASHES = os.path.join("bench", "configs", "crashes.config")
PARTS = ("detect", "unwind", "wait", "reclaim", "reset", "init")
AWAY_US, AWAY_US_PER_MIB = 200, 100  # expected: for the first MiB that is reset, for each further one
RATES = (1, 10, 100)                 # crashes a second
LEAST = {1: 0.99, 100: 0.90}         # expected: of the throughput without crashes
KEYS = (10_000, 100_000)
READINESS_MOST = 1.01
SECOND_MS = 1000
Victim = collections.namedtuple("Victim", "component load arguments")
APPEND = ["appendonly=yes", "appendfsync=always"]
# A load is sized for some three seconds on a laptop: short rounds, since the two sides of each are compared.
VICTIMS = (Victim("fs", wire.Load("set", 16, 30, 10_000_000), APPEND),
           Victim("wire", wire.Load("get", 16, 30, 25_000_000), []),
           Victim("time", wire.Load("get", 16, 30, 25_000_000), []),
           Victim("console", wire.Load("get", 16, 30, 25_000_000), []),
           Victim("virtio_rng", wire.Load("get", 16, 30, 25_000_000), []))


def verdict(is_met):
    return "yes" if is_met else "NO"


def verdict_of(low, high, least):
    """Of an interval: more rounds, or a quieter machine, decide what is open."""
    return "yes" if low >= least else "NO" if high < least else "open"


def numbers(line):
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line)}


# ---- away

def reset_bytes(folder):
    """{component: bytes of data that a restart of its domain writes}"""
    return {name: domain["data_bytes"] for domain in audit.domains(folder) for name in domain["components"]}


def away(_):
    folder = system.build(CONFIG)
    with system.System(os.path.join(folder, "cloister.elf"), ["exit=thread"], network=False) as running:
        status = running.wait_exit(120)
        lines = running.console()
        if status or not any(line.startswith("RECOVERY end") for line in lines):
            raise system.Failure(running.report(f"the prober's image ended with status {status}"))
    rows = collections.defaultdict(lambda: collections.defaultdict(list))
    for line in lines:
        found = re.match(r"RECOVERY component=(\w+) ", line)
        for key, value in numbers(line).items() if found else ():
            rows[found[1]][key].append(value / 1000)
    sizes = reset_bytes(folder)
    print("Away: microseconds from the call that faults to the first that is served; medians, and the parts' as the "
          "monitor saw them\n")
    print(f"{'component':<12}{'median':>8}{'p99':>8}" + "".join(f"{part:>9}" for part in PARTS) + f"{'reset KiB':>11}")
    written, outcomes = [], []
    for component, figures in rows.items():
        mib = sizes[component] / (1 << 20)
        most = AWAY_US + max(0, mib - 1) * AWAY_US_PER_MIB
        total = bench_json.summary(figures["total"])
        print(f"{component:<12}{total['median']:>8.0f}{total['p99']:>8.0f}"
              + "".join(f"{statistics.median(figures[part]):>9.1f}" for part in PARTS) + f"{mib * 1024:>11.0f}")
        outcomes.append(f"expected {component} <= {most:.0f} us: {verdict(total['median'] <= most)} ({total['median']:.0f})")
        for part in ("total", *PARTS):
            written.append(bench_json.row("recovery", folder, "away", f"{component}.{part}", "us",
                                          bench_json.summary(figures[part])))
    print("", *outcomes, sep="\n")
    return written


# ---- load

def crash_argument(victim, rate):
    return [f"crash={victim.component}", f"crash_ms={SECOND_MS // rate}"] if rate else ["crash=none"]


def sample(folder, victim, rate):
    """What a request costs, in what the load generator's own part of it does: that is the same work in every run, so a
    machine whose speed drifts is compared with itself. And how many crashes there were, and in how many seconds."""
    crashes = []

    def start(elf, arguments):
        crashes.append(system.System(elf, arguments + victim.arguments + crash_argument(victim, rate), network=False))
        return crashes[0]
    found = wire.run(folder, victim.load, start, timeout=120)
    healed = sum(1 for line in crashes[0].console() if line.startswith("HEALREC") and "outcome=restarted" in line)
    return found.cycles / found.own, healed, found.cycles / found.khz / 1000


def load(rounds):
    folder = wire.build("separate", fragments=[CRASHES])
    print(f"Load: throughput with crashes, of that without; geometric mean of {rounds} paired rounds and its 95% interval\n")
    print(f"{'component':<12}{'load':<22}{'crashes/s':>10}{'seen/s':>8}{'throughput':>12}   interval")
    written, outcomes = [], []
    for victim in VICTIMS:
        name = victim.load.command.upper() + (" with append-only log" if victim.arguments else "")
        pairs, seen = {rate: [] for rate in RATES}, {rate: [] for rate in RATES}
        with progress.Activity(f"crashing {victim.component}"):
            for _ in range(rounds):
                base, _, _ = sample(folder, victim, 0)
                for rate in RATES:
                    cycles, healed, seconds = sample(folder, victim, rate)
                    pairs[rate].append((base, cycles)) # throughput: the inverse of what a request costs
                    seen[rate].append(healed / seconds)
        for rate in RATES:
            ratio, low, high = statistic.interval(pairs[rate])
            print(f"{victim.component:<12}{name:<22}{rate:>10}{statistics.median(seen[rate]):>8.1f}{ratio:>12.3f}   "
                  f"[{low:.3f}, {high:.3f}]")
            if rate in LEAST:
                outcomes.append(f"expected {victim.component} at {rate}/s >= {LEAST[rate]}: "
                                f"{verdict_of(low, high, LEAST[rate])} ({ratio:.3f})")
            written.append(bench_json.row("separate", folder, "load", f"{victim.component}.{rate}", "ratio",
                                          bench_json.summary([one / other for one, other in pairs[rate]])))
    print("", *outcomes, sep="\n")
    return written


# ---- reload

def fill(running, keys):
    requests = "".join(f"*3\r\n$3\r\nSET\r\n$10\r\nkey:{i:06d}\r\n$16\r\nvalue:{i:010d}\r\n" for i in range(keys))
    running.command(["redis-cli", "-h", running.address, "--pipe"], data=requests.encode(), timeout=60)


def reload_once(folder, keys):
    """Milliseconds from kv's fault until all keys are there again, as its own line says."""
    with system.System(os.path.join(folder, "cloister.elf"), [*APPEND, "crash=nobody"]) as running:
        running.wait_ready()
        running.wait_for(r"^kv: port")
        fill(running, keys)
        mark = len(running.console())
        running.redis("DEBUG", "INJECT", "kv", "illegal")
        running.wait_for(r"^kv: port", 60, start=mark)
        running.wait_for(r"^HEALREC", 60, start=mark)
        lines = running.console()[mark:]
        size = int(running.redis("DBSIZE"))
        if size != keys:
            raise system.Failure(running.report(f"{keys} keys were written, {size} are there after the restart of kv"))
        healed = next(numbers(line) for line in lines if line.startswith("HEALREC"))
        loaded = next(int(found[1]) for line in lines if (found := re.search(r"loaded.* (\d+) us", line)))
    return healed["ready_ns"] / 1000, loaded


def reload(rounds):
    if system.missing_network():
        print(f"Reload: skipped. {system.missing_network()}")
        return []
    folder = system.build("separate", fragments=[CRASHES])
    print("Reload: microseconds until kv serves again, and of loading its append-only log\n")
    print(f"{'keys':>10}{'ready us':>10}{'load us':>12}{'us per 1,000 keys':>20}")
    written = []
    for keys in KEYS:
        with progress.Activity(f"{keys} keys"):
            found = [reload_once(folder, keys) for _ in range(rounds)]
        ready, loading = (bench_json.summary([row[i] for row in found]) for i in (0, 1))
        print(f"{keys:>10}{ready['median']:>10.0f}{loading['median']:>12.0f}{loading['median'] * 1000 / keys:>20.0f}")
        written += [bench_json.row("separate", folder, "reload", f"kv.{keys}.{name}", "us", figures)
                    for name, figures in (("ready", ready), ("load", loading))]
    return written


# ---- readiness

def readiness(_):
    done = subprocess.run([sys.executable, "-B", os.path.join(ROOT, "bench", "recovery", "readiness.py")],
                          stdout=subprocess.PIPE, text=True, check=False, timeout=1200)
    if done.returncode:
        print("Readiness: not measured")
        return []
    found = json.loads(done.stdout.splitlines()[-1])
    print("Readiness: instructions per request with CONFIG_RECOVERY, of those without; nothing fails\n")
    written = []
    for name, figures in found["rows"].items():
        ratio = figures["with"] / figures["without"]
        print(f"{name:<12}{figures['without']:>10.0f}{figures['with']:>10.0f}{ratio:>8.4f}   "
              f"expected <= {READINESS_MOST}: {verdict(ratio <= READINESS_MOST)}")
        written.append(bench_json.row("separate", None, "readiness", name, "instructions",
                                      bench_json.summary([figures["with"]]), ratio, "without", "pc"))
    return written


WORK = {"away": away, "load": load, "reload": reload, "readiness": readiness}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("parts", nargs="*", choices=[*WORK, []], default=[])
    asked = parser.parse_args()
    if reason := system.missing_mpk():
        print(f"Recovery cannot be measured here. {reason}")
        return 1
    written = []
    for part in asked.parts or WORK:
        written += WORK[part](asked.rounds)
        print()
    bench_json.save("recovery", written)
    return 0


if __name__ == "__main__":
    bench_json.finish(main)
