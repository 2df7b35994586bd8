# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""micro.py - make bench-micro: what one crossing costs, in TSC cycles, and its ratio to the least that is possible.

Usage: micro.py [--platform host|pc] [--accel tcg|kvm]. On pc under TCG, which emulates, it counts instructions instead;
nothing that it prints or writes then is a time.
Builds bench/configs/bench_defconfig, boots it, collects its BENCH lines and those of the native glibc_pair, prints a
table, and writes build/bench/micro.json. The expectations are displayed with their outcome; they are not a test.
"""
import argparse
import os
import subprocess
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import bench_json
import pc
import system

CONFIG = os.path.join("bench", "configs", "bench_defconfig")
TIMEOUT_SECONDS = 120
# row -> the row that it is compared with
RATIO_TO = {"wrpkru": "floor", "call": "floor", "gate_light": "floor", "gate_full": "floor", "gate_give": "gate_full",
            "give_chain_32": "gate_full",
            "heap_pair": "glibc_pair", "context_switch": "gate_full", "clock_read": "gate_full"}
# (row, reference, the most that is expected)
EXPECTED = [("gate_full", "floor", 1.35), ("gate_give", "gate_full", 1.6)]
# (row, row that is taken off or None, parts of the rest, cycles that a part may take, what a part is)
EXPECTED_CYCLES = [("give_32", "give_none", 32, 12, "object beyond the gate"),
                   ("give_chain_32", "gate_full", 32, 12, "child beyond the gate"),
                   ("lend_check", None, 1, 10, "check")]


def parse(lines):
    rows = {}
    for line in lines:
        words = line.split()
        if words[:1] == ["BENCH"] and len(words) == 8:
            figures = [float(word) for word in words[3:7]]
            rows[words[1]] = {"unit": words[2], "median": figures[0], "min": figures[1], "p99": figures[2],
                              "max": figures[3], "samples": int(words[7])}
    return rows


def native(out):
    program = os.path.join(out, "glibc_pair")
    os.makedirs(out, exist_ok=True)
    subprocess.run(["gcc", "-O2", "-o", program, os.path.join(ROOT, "bench", "micro", "glibc_pair.c")], check=True,
                   timeout=60)
    return subprocess.run([program], check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()


def start(folder, platform, accel):
    elf, arguments = os.path.join(folder, "cloister.elf"), ["exit=thread"]
    if platform == "host":
        return system.System(elf, arguments, network=False, cpu=0)
    return pc.Machine(elf, arguments, machine="microvm", accel=accel, cpu=0,
                      count=pc.COUNT_ALONE if accel == "tcg" else None)


def measure(folder, platform="host", accel=None):
    """(all rows by name, kHz of the TSC, or None where that is an emulator's); raises system.Failure when it fails."""
    with start(folder, platform, accel) as running:
        status = running.wait_exit(TIMEOUT_SECONDS)
        lines = running.console()
        if status or "BENCH end" not in "\n".join(lines):
            raise system.Failure(running.report(f"the bench image ended with status {status}"))
    khz = [int(line.split()[2]) for line in lines if line.startswith("BENCH tsc_khz ")]
    if len(khz) != 1:
        raise system.Failure(running.report("the bench image did not say once how fast the TSC ticks"))
    rows = parse(lines)
    if accel != "tcg":
        return rows, khz[0]
    # There a tick of the TSC is an instruction, which the image cannot know.
    return {name: {**figures, "unit": "instructions"} for name, figures in rows.items()}, None


def missing(platform, accel):
    if platform == "host":
        reason = system.missing_mpk()
        return f"{reason} {pc.INSTEAD}" if reason else None
    return pc.missing() or (pc.kvm_keys_missing() if accel == "kvm" else None)


def compare(rows):
    """{row: (ratio of medians, reference)}"""
    return {name: (rows[name]["median"] / rows[reference]["median"], reference) for name, reference in RATIO_TO.items()
            if name in rows and reference in rows}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--platform", choices=("host", "pc"), default="host")
    parser.add_argument("--accel", choices=("tcg", "kvm"))
    asked = parser.parse_args()
    platform = asked.platform
    accel = (asked.accel or "tcg") if platform == "pc" else None
    reason = missing(platform, accel)
    if reason:
        print(f"The gates cannot be measured here. {reason}")
        return 1
    folder = system.build(CONFIG, platform=platform)
    rows, khz = measure(folder, platform, accel)
    if accel is None:
        rows.update(parse(native(os.path.join(system.out_folder(), "bench"))))
    # Instructions have no ratio: a WRPKRU is one of them and takes the time of dozens.
    ratios = compare(rows) if khz else {}

    print("{:<16}{:>10}{:>10}{:>10}  {}".format("row", "median", "min", "p99", "ratio of medians" if ratios else ""))
    written = []
    for name, figures in rows.items():
        ratio, reference = ratios.get(name, (None, None))
        print("{:<16}{:>10.1f}{:>10.1f}{:>10.1f}  {}".format(name, figures["median"], figures["min"], figures["p99"],
                                                             f"{ratio:.2f} x {reference}" if ratio else ""))
        written.append(bench_json.row("bench", folder, "native" if name == "glibc_pair" else "image", name,
                                      figures["unit"], figures, ratio, reference, platform))
    if khz:
        print(f"TSC cycles per operation; TSC {khz / 1000:.0f} MHz")
        for name, reference, most in EXPECTED:
            ratio = ratios[name][0]
            print(f"expected {name} <= {most} x {reference}: {'yes' if ratio <= most else 'NO'} ({ratio:.2f})")
        for name, less, parts, most, part in EXPECTED_CYCLES:
            cycles = (rows[name]["median"] - (rows[less]["median"] if less else 0)) / parts
            print(f"expected {name} <= {most} cycles per {part}: {'yes' if cycles <= most else 'NO'} ({cycles:.1f})")
    else:
        print(f"instructions per operation, its loop included; {pc.COUNTED_BY.format(pc.version())}.\n{pc.COUNT_NOTE}")
    bench_json.save("micro", written, khz, *pc.measured(accel))
    return 0


if __name__ == "__main__":
    bench_json.finish(main)
