# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_bench.py - the benchmarks run to their end and print what they promise; where a CPU is emulated they count, and
show no speed. It does not judge figures of time; counts it does, since those are the image's own.
"""
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import time

import audit
import bench_json
import common
import demo
import ktap
import pc
import system
from common import check, equal

for folder in ("micro", "redis"):
    sys.path.insert(0, os.path.join(common.ROOT, "bench", folder))
import micro
import redis_bench

ROWS = {"call", "wrpkru", "floor", "gate_light", "gate_full", "gate_give", "give_none", "give_32", "give_chain_32",
        "lend_check", "lend_pair", "context_switch", "heap_pair", "clock_read"}
COUNT_UNITS = {"instructions", "instructions/request", "crossings/request", "server_instructions_per_req",
               "generator_instructions_per_req", "crossings_per_req",
               "gate_copied_bytes_per_req", "payload_copied_bytes_per_req"}
SPEED = re.compile(r"requests/s|req_per_s|\d ?ms\b|_ms\b|cycles|MHz|faster|slower")
IDLE_SECONDS = 2


def rows():
    got, khz = micro.measure(common.image(micro.CONFIG))
    check_rows(got, "cycles")
    check(khz > 100_000, f"a TSC of {khz} kHz")  # below 100 MHz: a wrong unit
    return f"{len(got)} rows; make bench-micro prints the figures"


def check_rows(got, unit):
    check(set(got) == ROWS, f"rows missing or unknown: {sorted(set(got) ^ ROWS)}")
    for name, figures in got.items():
        equal(f"unit of {name}", figures["unit"], unit)
        check(0 < figures["min"] <= figures["median"] <= figures["p99"] <= figures["max"], f"{name}: {figures}")
        check(figures["samples"] >= 101, f"{name}: {figures['samples']} samples")


def kinds():
    """The row of the light gate once measured another full one: the configuration did not say light."""
    edges = {edge["function"]: edge["kind"] for edge in audit.load(common.image(micro.CONFIG))["edges"]
             if edge["caller"] == "bench"}
    wanted = {"benchlight_null": "light", "benchcallee_null": "full", "benchcallee_keep": "give"}
    equal("gates that are measured", {name: edges[name] for name in wanted}, wanted)


# ---- counts, on pc under TCG

def way_through(folder, gate):
    """Instructions of a gate whose checks all hold: all of them but for what stands behind its return."""
    elf = os.path.join(folder, "cloister.elf")
    start, end = audit.symbol(folder, gate), audit.symbol(folder, gate + "_nostk")
    done = subprocess.run(["objdump", "-d", "--no-show-raw-insn", f"--start-address={start}", f"--stop-address={end}",
                           elf], capture_output=True, text=True, check=True)
    return len(re.findall(r"^\s+[0-9a-f]+:\t\w", done.stdout, re.M))


def counted_rows():
    folder = common.image(micro.CONFIG, platform="pc")
    (got, khz), (again, _) = (micro.measure(folder, "pc", "tcg") for _ in range(2))
    check_rows(got, "instructions")
    equal("the rate of an emulated TSC", khz, None)
    equal("medians of a second run", {name: row["median"] for name, row in again.items()},
          {name: row["median"] for name, row in got.items()})
    # Both call a function of the same three instructions, in loops of the same shape: what is between them is the gate.
    for row, gate in (("gate_full", "gate_bench_benchcallee_null"), ("gate_light", "gate_bench_benchlight_null")):
        between = round(got[row]["median"] - got["call"]["median"], 2)
        equal(f"instructions of {gate}", between, float(way_through(folder, gate)))
    return f"a full gate and its return: {way_through(folder, 'gate_bench_benchcallee_null')} instructions"


def without_speed(name, text):
    """A file and what was printed: units are counts, and no word in them is of time but for how long it took in all."""
    path = os.path.join(system.out_folder(), "bench", f"{name}.json")
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    equal("kind", data["kind"], "counts")
    equal("TSC", data["host"]["tsc_khz"], None)
    units = {row["unit"] for row in data["rows"]}
    check(units and units <= COUNT_UNITS, f"units {sorted(units)}")
    check(not any(SPEED.search(row["name"] + row["unit"]) for row in data["rows"]), "a row that looks like a speed")
    check({row["platform"] for row in data["rows"]} == {"pc"}, "rows of another platform")
    shows_no_speed(text)
    return data


def shows_no_speed(text):
    """But for the closing note, which says that there is none."""
    table = text.split("\ninstructions per", 1)[0].split("Instructions are all", 1)[0]
    check(not SPEED.search(table), f"'{SPEED.search(table)}' in\n{table}")


def script(path, *words, seconds="5"):
    done = subprocess.run([sys.executable, "-B", os.path.join(common.ROOT, path), *words], capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, timeout=240,
                          env={**os.environ, "BENCH_SECONDS": seconds})
    return done.returncode, done.stdout + done.stderr


def redis_counts():
    status, text = script("bench/redis/redis_bench.py", "--platform", "pc", "separate", seconds="0")
    equal("exit status", (status, text if status else ""), (0, ""))
    data = without_speed("redis", text)
    check({row["config"] for row in data["rows"]} == {"monolith", "separate"}, "other configurations")
    check({"wire"} < {row["path"] for row in data["rows"]}, "paths are missing")


def micro_counts():
    status, text = script("bench/micro/micro.py", "--platform", "pc")
    equal("exit status", (status, text if status else ""), (0, ""))
    check(len(without_speed("micro", text)["rows"]) == len(ROWS), "rows are missing")


def counting_demo():
    """What make demo does where host cannot run, with few requests."""
    with pretended("missing_mpk", "This CPU has no keys."):
        platform, reason = demo.choose(None)
        equal("reason", reason, "This CPU has no keys.")
        try:
            demo.choose("host")
            raise AssertionError("host was taken")
        except system.Failure as failure:
            check("no keys" in str(failure) and "PLATFORM=pc" in str(failure), str(failure))
    said = platform.introduction(reason)
    check("no keys" in said and "no speed is shown" in said, said)
    platform.workloads, platform.rounds = [platform.workloads[0]._replace(counted=300)], 2
    folders = {config: common.image(config, platform="pc") for config in ("monolith", "separate")}
    with contextlib.redirect_stdout(io.StringIO()) as text:
        results, khz = demo.run(platform, folders)
        written = demo.table(platform, folders, results, khz)
    equal("the rate of an emulated TSC", khz, None)
    shows_no_speed(text.getvalue().split("\nredis-benchmark", 1)[1])
    equal("units", {row["unit"] for row in written}, {"instructions/request", *demo.COUNTS.values()})
    for config in folders:
        equal(f"{config}: bytes copied at gates", demo.median(results, config, platform.workloads[0].name, "bounced"), 0)
    path = os.path.join(common.TEST_OUT, "demo-counts.json")
    bench_json.write(path, written, khz, platform.kind, platform.about)
    with open(path, encoding="utf-8") as file:
        check(json.load(file)["kind"] == "counts", "a kind that is not counts")
    name = platform.workloads[0].name
    crossings = [demo.median(results, config, name, "crossings") for config in folders]
    ratio = demo.ratio(results, "separate", name, "cost")
    check(crossings[0] == 0 and 4 < crossings[1] < 20, f"{crossings} crossings per request")
    check(1.05 < ratio < 2, f"{ratio:.2f} times as many instructions in separate")
    return f"one client: {ratio:.2f} times the instructions, {crossings[1]:.1f} crossings per request"


class pretended:
    """One function of system.py answers something else for a while."""
    def __init__(self, name, answer):
        self.name, self.answer, self.real = name, answer, getattr(system, name)

    def __enter__(self):
        setattr(system, self.name, lambda: self.answer)

    def __exit__(self, *_):
        setattr(system, self.name, self.real)


def sleep_is_no_work():
    """A tick of the TSC is an instruction or sleep, and only one of them is counted."""
    elf = os.path.join(common.image("separate", platform="pc"), "cloister.elf")
    with demo.Counted(system.driver()[0]).start(elf) as running:
        running.wait_ready(60)
        running.wait_for(r"^kv: .*ready$", 60)
        slept = running.metered(lambda: time.sleep(IDLE_SECONDS)).cost
        running.redis("PING")
        pinged = running.metered(lambda: running.redis("PING")).cost
        equal("exit status", running.stop(), 0)
    # Asleep, a nanosecond of the machine's time is a tick.
    check(0 < slept < IDLE_SECONDS * 1e9 / 100, f"{slept} instructions in {IDLE_SECONDS} s of sleep")
    check(10000 < pinged < 10_000_000, f"{pinged} instructions for a client that connects and asks once")
    return f"{slept} instructions in {IDLE_SECONDS} s of sleep, {pinged} for redis-cli PING"


# ---- KVM

def kvm_without_keys():
    for path in ("bench/micro/micro.py", "bench/redis/redis_bench.py"):
        status, text = script(path, "--platform", "pc", "--accel", "kvm")
        equal("exit status", status, 1)
        lines = text.strip().splitlines()
        words = ("no protection keys", "ACCEL=tcg", "PLATFORM=host")
        check(len(lines) == 1 and all(word in lines[0] for word in words), text)


def kvm_cycles():
    """How cycles are measured under KVM, on a backend that needs no keys: whatever the figure, it is one of work."""
    elf = os.path.join(common.image("monolith", platform="pc"), "cloister.elf")
    with redis_bench.Virtual().start(elf) as running:
        running.wait_ready(60)
        running.wait_for(r"^kv: .*ready$", 60)
        start = time.monotonic()
        reply, cycles, *_ = running.metered(lambda: running.redis("PING"))
        most = (time.monotonic() - start) * running.statistics()["tsc_khz"] * 1000
    equal("PING", reply, "PONG")
    check(0 < cycles < most, f"{cycles} cycles of {most:.0f}")


def cases():
    yield ktap.Case("bench-micro prints every row", rows, common.skip_of(mpk=True, network=False))
    yield ktap.Case("each row of a gate is of its kind", kinds)
    skip = pc.missing()
    yield ktap.Case("TCG: bench-micro counts the gates' instructions, twice the same", counted_rows, skip)
    yield ktap.Case("TCG: bench-micro shows no speed", micro_counts, skip)
    yield ktap.Case("TCG: bench-redis shows no speed", redis_counts, skip)
    yield ktap.Case("no keys: the demo counts under QEMU, and says why", counting_demo, skip)
    yield ktap.Case("TCG: sleep is not counted as work", sleep_is_no_work, skip)
    kvm = skip or pc.kvm_missing()
    yield ktap.Case("KVM without keys is refused in one sentence", kvm_without_keys,
                    kvm or (None if pc.kvm_keys_missing() else "KVM has keys here"))
    yield ktap.Case("KVM: cycles of work are measured", kvm_cycles, kvm)
