# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_bench_boot.py - bench-boot runs, and what it writes is of one piece. It does not judge the figures.

The parts that measure are fed with what must not pass: a guest that never serves, one that forgets, too little memory.
"""
import json
import os
import subprocess
import sys
import threading
import time

import common
import ktap
import network
import pc
import system
from common import check, equal

sys.path.insert(0, os.path.join(common.ROOT, "bench", "boot"))
import bench_json
import boot_bench
import linux_guest

WHAT = {boot_bench.FIRST: "emulated_ms", boot_bench.INSIDE: "emulated_ms", boot_bench.RAM: "MiB",
        boot_bench.IMAGE: "bytes"}
COUNTED = boot_bench.COUNTED
INSTRUCTIONS_MAX = 5_000_000   # two million of them wait for the clock's calibration; more, and somebody else waits
MACHINE, ACCEL = "q35", "tcg"


def whole(is_with_linux):
    """One start of each. Without Linux the sizes of memory are looked for as well; Linux's take too long for a test."""
    guests = boot_bench.guests_of(MACHINE, ACCEL, is_with_linux)
    if is_with_linux:
        guests = guests[1:]
        samples, failed = boot_bench.measure(guests, MACHINE, ACCEL, 1)
        found = {(guest.name, what): bench_json.summary([value]) for guest in guests
                 for what, value in zip(WHAT, [*samples[guest.name][0], 1, guest.image_bytes])}
    else:
        found, failed = boot_bench.figures(guests, MACHINE, ACCEL, 1)
    path = os.path.join(common.TEST_OUT, "boot.json")
    bench_json.write(path, boot_bench.rows(guests, found, failed, MACHINE, ACCEL))
    with open(path, encoding="utf-8") as text:
        rows = {(row["config"], row["name"]): row for row in json.load(text)["rows"]}
    names = [guest.name for guest in guests]
    what_counts = {} if is_with_linux else {COUNTED: "instructions"}
    equal("rows", set(rows), {(name, what) for name in names for what in {**WHAT, **what_counts}})
    for (name, what), row in rows.items():
        equal(f"unit of {what}", row["unit"], {**WHAT, **what_counts}[what])
        equal("accelerator, machine", (row["accel"], row["machine"]), (ACCEL, MACHINE))
        check(0 < row["min"] <= row["median"] <= row["max"], f"{row}")
        equal(f"ratio of {name}", row["ratio_to"], "linux" if is_with_linux and name != "linux" else None)
    for name in names:
        inside, outside = (rows[name, what]["median"] for what in (boot_bench.INSIDE, boot_bench.FIRST))
        check(inside < outside, f"{name}: {inside} ms inside, {outside} ms outside")
    return guests, rows


def cloister():
    guests, rows = whole(False)
    for guest in guests:
        image, mib = (rows[guest.name, what]["median"] for what in (boot_bench.IMAGE, boot_bench.RAM))
        check(image < os.path.getsize(guest.elf), f"{image} bytes: debug information is not loaded")
        check(image >> 20 < mib <= 64, f"{guest.name}: {mib} MiB")
    return ", ".join(f"{guest.name} {rows[guest.name, boot_bench.RAM]['median']} MiB" for guest in guests)


def linux():
    _, rows = whole(True)
    packages = rows["linux", boot_bench.FIRST]["packages"]
    check({"busybox", "redis-tools"} < set(packages) and "linux-image-" in " ".join(packages), f"{packages}")
    ratio = rows["monolith", boot_bench.FIRST]["ratio"]
    check(0 < ratio < 1, f"Linux was the sooner one: {ratio}")
    return " ".join(f"{name} {version}" for name, version in packages.items())


def instructions(kind):
    """The same each time but for what the real-time clock and the entropy of the day make of it, and few."""
    guest = boot_bench.cloister("separate")
    first, second = (boot_bench.counted(guest, kind) for _ in range(2))
    check(abs(second - first) < first / 100, f"{first} instructions, then {second}")
    check(1_000_000 < first < INSTRUCTIONS_MAX, f"{first} instructions from entry to listening")
    return f"{first} instructions from entry to listening"


def calibration(kind):
    """One instruction a nanosecond: the clock of such a machine is exact, whatever else this one does."""
    guest = boot_bench.cloister("monolith")
    with boot_bench.machine_of(guest, kind, ACCEL, options=boot_bench.COUNTING) as running:
        running.wait_ready(30)
        khz = running.statistics()["tsc_khz"]
    check(abs(khz - 1_000_000) < 500, f"a clock of 1 GHz was measured as {khz} kHz")
    return f"{khz} kHz"


def fails(function, wanted):
    try:
        function()
    except system.Failure as failure:
        check(wanted in str(failure), f"not '{wanted}' but: {failure}")
        return
    raise system.Failure(f"no failure, where '{wanted}' should be said")


def silent():
    """A system that comes up, and serves on another port than it is asked at."""
    guest = boot_bench.cloister("monolith")._replace(arguments={"arguments": ["port=7777"]})
    fails(lambda: boot_bench.start(guest, MACHINE, ACCEL, limit=3), "gave no PONG within 3 s")


def forgetful():
    """A server that says PONG to whatever it hears does not serve."""
    import socket
    with socket.create_server((network.LOOPBACK, 0)) as server:
        def answer():
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.recv(256)
                    client.sendall(b"+PONG\r\n")
        threading.Thread(target=answer, daemon=True).start()

        class Running:
            port = server.getsockname()[1]
            process = subprocess.Popen(["sleep", "30"])
        try:
            check(boot_bench.wait_pong(Running, time.monotonic(), 5) is not None, "its PONG is not heard")
            check(not boot_bench.keeps(Running), "it keeps nothing, and passes")
        finally:
            Running.process.kill()
            Running.process.wait()


def little():
    """The search for the least memory finds the border of what it is given, not another."""
    guest = boot_bench.cloister("monolith")
    tried, right = [], boot_bench.serves
    try:
        boot_bench.serves = lambda _guest, _machine, _accel, mib, _limit: tried.append(mib) or mib >= 23
        equal("smallest", boot_bench.smallest(guest, MACHINE, ACCEL, 100), 23)
        check({22, 23} <= set(tried), f"{tried}")
    finally:
        boot_bench.serves = right
    check(not boot_bench.serves(guest, MACHINE, ACCEL, 2, 3), "it serves with 2 MiB?")


def cases():
    skip = pc.missing()
    yield ktap.Case("Cloister: times, memory, image, as JSON", cloister, skip)
    for kind in ("q35", "microvm"):
        yield ktap.Case(f"{kind}: instructions to listening", lambda kind=kind: instructions(kind), skip)
        yield ktap.Case(f"{kind}: the clock's rate is right", lambda kind=kind: calibration(kind), skip)
    yield ktap.Case("Linux beside it", linux, skip or linux_guest.missing())
    yield ktap.Case("what does not serve is a failure", silent, skip)
    yield ktap.Case("a PONG alone is not serving", forgetful)
    yield ktap.Case("the smallest memory is where it begins to serve", little, skip)
