# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""boot_bench.py - make bench-boot: how soon, and in how little memory, a machine serves; Linux beside it.

Usage: boot_bench.py [--machine q35|pc|microvm] [--accel tcg|kvm] [--starts N]
Interface, for its test: guests(machine, accel), measure(guests, starts), smallest(guest, limit), rows(...).

Every round starts every guest once, in an order that turns round, with the same QEMU, machine type, accelerator, memory
and network. Writes build/bench/boot.json. It judges nothing. Under TCG a time is the emulator's, and its unit says so.
"""
import argparse
import collections
import os
import socket
import statistics
import sys
import time

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "scripts"), os.path.dirname(os.path.abspath(__file__))]
import bench_json
import forward
import linux_guest
import network
import pc
import system
from system import Failure

CONFIGS = ("separate", "monolith")
LINUX = "linux"
MEMORY_MIB = 256             # while times are taken
STARTS = 7
POLL_SECONDS = 0.01          # what an attempt waits for its answer: this, or a share of the time that has passed
POLL_SHARE = 0.02
START_SECONDS = {"tcg": 60, "kvm": 30}
TRIAL_SECONDS = 10
ATTEMPTS = 3                 # at a start of Linux
PATIENCE = 8                 # a size of memory has failed after so many usual starts
PATIENCE_SECONDS_MIN = 2
LINUX_RATE = "tsc_early_khz="    # the last one on the command line holds; Cloister does not know the word
COUNTING = ["-icount", pc.COUNT_ALONE]
VALUE = b"a value that comes back as it went"
MARK = r"^kv: .* (\d+) us from the start: ready$"
FIRST, INSIDE, COUNTED, RAM, IMAGE = ("first PONG", "entry to listening", "instructions to listening", "smallest RAM",
                                      "image")

# arguments: pc.Machine's, and small, those for little memory; listening: the console's line, with a time; to_ms: of
# that time; image_bytes: what the loader loads; folder: of our configuration; is_final: no start is worth another try.
Guest = collections.namedtuple("Guest", "name elf arguments listening to_ms image_bytes folder small is_final")
Sample = collections.namedtuple("Sample", "first_ms inside_ms")


def cloister(config):
    folder = system.build(config, platform="pc")
    elf = os.path.join(folder, "cloister.elf")
    return Guest(config, elf, {}, MARK, 0.001, len(pc.loadable(elf)), folder, {}, is_final=True)


def linux(machine, tsc_khz=None):
    """The plain initramfs starts sooner, the compressed one needs less memory: each figure with what suits Linux. Under
    TCG it is told the TSC's rate: on microvm it hangs, now and then, where it measures it against the PIT."""
    kernel, plain, small = linux_guest.build(machine)
    size = os.path.getsize(kernel) + os.path.getsize(small)
    arguments = [*linux_guest.ARGUMENTS, *([f"{LINUX_RATE}{tsc_khz}"] if tsc_khz else [])]
    usual, little = ({"arguments": arguments, "options": ["-initrd", path]} for path in (plain, small))
    return Guest(LINUX, kernel, usual, linux_guest.LISTENING, 1000.0, size, None, little, is_final=False)


def machine_of(guest, machine, accel, memory_mib=MEMORY_MIB, is_small=False, arguments=(), options=()):
    mine = guest.small if is_small else guest.arguments
    return pc.Machine(guest.elf, [*mine.get("arguments", ()), *arguments], machine=machine, accel=accel,
                      memory_mib=memory_mib, link=forward.Forward(network.free_port()),
                      options=[*mine.get("options", ()), *options])


def say_and_hear(port, words, answer, seconds):
    """Whether this answer comes within that time, on a new connection: one made too early may wait for long."""
    try:
        with socket.create_connection((network.LOOPBACK, port), timeout=seconds) as client:
            client.sendall(words)
            got = b""
            while len(got) < len(answer) and (piece := client.recv(len(answer) - len(got))):
                got += piece
            return got == answer
    except OSError:
        return False


def wait_pong(running, began, limit):
    """Seconds until the first PONG; None: none within the limit, or the machine has ended."""
    while (passed := time.monotonic() - began) < limit and running.process.poll() is None:
        if say_and_hear(running.port, b"PING\r\n", b"+PONG\r\n", max(POLL_SECONDS, passed * POLL_SHARE)):
            return time.monotonic() - began
        time.sleep(0.001)
    return None


def keeps(running):
    """SET and GET, in one breath."""
    request = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%s\r\nGET k\r\n" % (len(VALUE), VALUE)
    return say_and_hear(running.port, request, b"+OK\r\n$%d\r\n%s\r\n" % (len(VALUE), VALUE), 5)


def start(guest, machine, accel, limit=None):
    """One start: a Sample. Failure says what was seen instead."""
    limit = limit or START_SECONDS[accel]
    began = time.monotonic()
    with machine_of(guest, machine, accel) as running:
        first = wait_pong(running, began, limit)
        if first is None:
            what = "ended" if running.process.poll() is not None else f"gave no PONG within {limit} s"
            raise Failure(running.report(f"{guest.name} under {accel.upper()} {what}"))
        if not keeps(running):
            raise Failure(running.report(f"{guest.name} answers PING, but GET did not return what SET was given"))
        inside = running.wait_for(guest.listening, 5)[0][1]
    return Sample(first * 1000, float(inside) * guest.to_ms)


def measure(guests, machine, accel, starts):
    """({name: [Sample]}, {name: starts that were repeated})"""
    samples, failed = {guest.name: [] for guest in guests}, {guest.name: 0 for guest in guests}
    for number in range(starts):
        for guest in guests if number % 2 == 0 else guests[::-1]:
            while True:
                try:
                    samples[guest.name].append(start(guest, machine, accel))
                    break
                except Failure as failure:
                    failed[guest.name] += 1
                    if guest.is_final or accel == "kvm" and not samples[guest.name] or failed[guest.name] == ATTEMPTS:
                        raise
                    print(f"a start of {guest.name} is repeated: {str(failure).splitlines()[0]}", flush=True)
    return samples, failed


def counted(guest, machine):
    """Instructions of the guest from entry to listening: TCG gives each a nanosecond of the guest's clock. When a guest
    waits, the clock jumps to what it waits for; so waiting counts as well."""
    with machine_of(guest, machine, "tcg", arguments=[f"{LINUX_RATE}1000000"], options=COUNTING) as running:
        return round(float(running.wait_for(guest.listening, START_SECONDS["tcg"])[0][1]) * guest.to_ms * 1e6)


def serves(guest, machine, accel, memory_mib, limit):
    for _ in range(1 if guest.is_final else ATTEMPTS):
        began = time.monotonic()
        with machine_of(guest, machine, accel, memory_mib, is_small=True) as running:
            if wait_pong(running, began, limit) is not None and keeps(running):
                return True
            if running.process.poll() is not None:
                return False
    return False


def smallest(guest, machine, accel, usual_ms):
    """The least whole MiB with which it serves, between what its image takes and what the times were taken with."""
    limit = max(PATIENCE_SECONDS_MIN, PATIENCE * usual_ms / 1000)
    low, high = guest.image_bytes >> 20, 1
    while high <= low or not serves(guest, machine, accel, high, limit):
        low, high = max(low, high), high * 2
        if high > MEMORY_MIB:
            raise Failure(f"{guest.name} does not serve with {high // 2} MiB")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if serves(guest, machine, accel, middle, limit) else (middle, high)
    return high


def accelerator():
    """("kvm" or "tcg", why not the other)"""
    reason = pc.kvm_missing()
    if reason:
        return "tcg", reason
    try:
        start(cloister("separate"), "microvm", "kvm", TRIAL_SECONDS)
    except Failure as failure:
        lines = str(failure).splitlines()
        said = [line.split("cloister: ")[1] for line in lines if "cloister: " in line]
        return "tcg", f"{(said or lines)[0]} (separate, tried under KVM)"
    return "kvm", None


def guests_of(machine, accel, is_with_linux):
    found = []
    for config in CONFIGS:
        guest = cloister(config)
        if accel == "kvm" and config == "separate":
            with machine_of(guest, "microvm", accel) as running:   # does a guest have keys here?
                wait_pong(running, time.monotonic(), TRIAL_SECONDS)
                if running.process.poll() is not None:
                    print(f"Without {config}: " + running.report("it ends at once under KVM."))
                    continue
        found.append(guest)
    if is_with_linux and accel == "tcg":
        with machine_of(found[-1], machine, accel) as running:
            running.wait_ready(START_SECONDS[accel])
            found.append(linux(machine, running.statistics()["tsc_khz"]))
    elif is_with_linux:
        try:
            start(linux(machine), machine, accel)
            found.append(linux(machine))
        except Failure as failure:
            print(f"No Linux guest, so no ratios: {str(failure).splitlines()[0]}. A KVM that is made in software runs "
                  "ring 0 too slowly for it: compare with ACCEL=tcg.")
    return found


def figures(guests, machine, accel, starts):
    """{(guest, what): summary}, and what was repeated"""
    samples, failed = measure(guests, machine, accel, starts)
    found = {}
    for guest in guests:
        mine = samples[guest.name]
        found[guest.name, FIRST] = bench_json.summary([sample.first_ms for sample in mine])
        found[guest.name, INSIDE] = bench_json.summary([sample.inside_ms for sample in mine])
        if accel == "tcg":
            found[guest.name, COUNTED] = bench_json.summary([counted(guest, machine)])
        found[guest.name, RAM] = bench_json.summary([smallest(guest, machine, accel, found[guest.name, FIRST]["max"])])
        found[guest.name, IMAGE] = bench_json.summary([guest.image_bytes])
    return found, failed


def rows(guests, found, failed, machine, accel):
    times = "ms" if accel == "kvm" else "emulated_ms"
    units = {FIRST: times, INSIDE: times, COUNTED: "instructions", RAM: "MiB", IMAGE: "bytes"}
    written = []
    for guest in guests:
        for name, unit in units.items():
            if (guest.name, name) not in found:
                continue
            base = found.get((LINUX, name)) if guest.name != LINUX else None
            mine = found[guest.name, name]
            ratio = mine["median"] / base["median"] if base else None
            line = bench_json.row(guest.name, guest.folder, "user", name, unit, mine, ratio, base and LINUX, where="pc")
            line.update(machine=machine, accel=accel, qemu=pc.version(), memory_mib=MEMORY_MIB,
                        repeated_starts=failed[guest.name])
            if guest.name == LINUX:
                line["packages"] = linux_guest.versions()
            written.append(line)
    return written


def table(guests, found, machine, accel, starts):
    def text(guest, name):
        one = found[guest.name, name]
        return {COUNTED: f"{one['median'] / 1e6:,.1f} million", RAM: f"{one['median']} MiB",
                IMAGE: f"{one['median'] / 1e6:.1f} MB"}.get(name) or (
                    f"{one['median']:,.1f} ms ({one['min']:,.1f}..{one['max']:,.1f})")

    shown = [name for name in (FIRST, INSIDE, COUNTED, RAM, IMAGE) if (guests[0].name, name) in found]
    wide = {FIRST: "{:>30}", INSIDE: "{:>30}", COUNTED: "{:>27}"}
    columns = "{:<17}" + "".join(wide.get(name, "{:>14}") for name in shown)
    print(f"\nmachine {machine}, {accel.upper()}, QEMU {pc.version()}, user networking; {starts} starts of each with "
          f"{MEMORY_MIB} MiB; medians\n")
    print(columns.format("", *shown))
    for guest in guests:
        print(columns.format(guest.name, *(text(guest, name) for name in shown)))
    for guest in guests:
        if guest.name != LINUX and (LINUX, FIRST) in found:
            ratios = [found[LINUX, name]["median"] / found[guest.name, name]["median"] for name in shown]
            print(columns.format(f"{LINUX} : {guest.name}", *(f"{ratio:.1f}" for ratio in ratios)))
    if accel == "tcg":
        print("\nTCG emulates: the times are the emulator's, and only the ratios mean anything.")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--machine", choices=pc.MACHINES, default="q35")
    parser.add_argument("--accel", choices=("tcg", "kvm"))
    parser.add_argument("--starts", type=int, default=STARTS)
    asked = parser.parse_args()
    reason = pc.missing() or (pc.kvm_missing() if asked.accel == "kvm" else None)
    if reason:
        raise Failure(f"Nothing can be measured here. {reason}")
    accel, why_not = (asked.accel, None) if asked.accel else accelerator()
    if why_not:
        print(f"TCG, not KVM: {why_not}")
    without = linux_guest.missing()
    if without:
        print(f"No Linux guest, so no ratios: {without}")
    guests = guests_of(asked.machine, accel, not without)
    found, failed = figures(guests, asked.machine, accel, asked.starts)
    table(guests, found, asked.machine, accel, asked.starts)
    bench_json.save("boot", rows(guests, found, failed, asked.machine, accel))
    return 0 if guests[-1].name == LINUX else 1


if __name__ == "__main__":
    bench_json.finish(main)
