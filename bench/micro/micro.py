# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""micro.py - make bench-micro: what one crossing costs, in TSC cycles, and its ratio to the least that is possible.

Builds bench/configs/bench_defconfig, boots it, collects its BENCH lines and those of the native glibc_pair, prints a
table, and writes build/bench/micro.json. The two expectations are displayed with their outcome; they are not a test.
"""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import bench_json
import system

CONFIG = os.path.join("bench", "configs", "bench_defconfig")
TIMEOUT_SECONDS = 120
# row -> the row that it is compared with
RATIO_TO = {"wrpkru": "floor", "call": "floor", "gate_light": "floor", "gate_full": "floor", "gate_give": "gate_full",
            "heap_pair": "glibc_pair", "context_switch": "gate_full", "clock_read": "gate_full"}
# (row, reference, the most that is expected)
EXPECTED = [("gate_full", "floor", 1.35), ("gate_give", "gate_full", 1.6)]


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


def measure(folder):
    """(all rows by name, kHz of the TSC); raises system.Failure when the image does not finish."""
    with system.System(os.path.join(folder, "cloister.elf"), ["exit=thread"], network=False, cpu=0) as running:
        status = running.wait_exit(TIMEOUT_SECONDS)
        lines = running.console()
        if status or "BENCH end" not in "\n".join(lines):
            raise system.Failure(running.report(f"the bench image ended with status {status}"))
    khz = [int(line.split()[2]) for line in lines if line.startswith("BENCH tsc_khz ")]
    if len(khz) != 1:
        raise system.Failure(running.report("the bench image did not say once how fast the TSC ticks"))
    return parse(lines), khz[0]


def main():
    reason = system.missing_mpk()
    if reason:
        print(f"The gates cannot be measured here. {reason}")
        return 1
    folder = system.build(CONFIG)
    bench_folder = os.path.join(system.out_folder(), "bench")
    in_image, khz = measure(folder)
    rows = {**in_image, **parse(native(bench_folder))}

    print("{:<16}{:>10}{:>10}{:>10}  {}".format("row", "median", "min", "p99", "ratio of medians"))
    written = []
    for name, figures in rows.items():
        reference = RATIO_TO.get(name)
        ratio = figures["median"] / rows[reference]["median"] if reference in rows else None
        print("{:<16}{:>10.1f}{:>10.1f}{:>10.1f}  {}".format(name, figures["median"], figures["min"], figures["p99"],
                                                             f"{ratio:.2f} x {reference}" if ratio else ""))
        written.append(bench_json.row("bench", folder, "native" if name == "glibc_pair" else "image", name,
                                      figures["unit"], figures, ratio, reference if ratio else None))
    print(f"TSC cycles per operation; TSC {khz / 1000:.0f} MHz")
    for name, reference, most in EXPECTED:
        ratio = rows[name]["median"] / rows[reference]["median"]
        print(f"expected {name} <= {most} x {reference}: {'yes' if ratio <= most else 'NO'} ({ratio:.2f})")
    bench_json.save("micro", written, khz)
    return 0


if __name__ == "__main__":
    bench_json.finish(main)
