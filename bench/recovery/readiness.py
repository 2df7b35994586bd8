# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""readiness.py - what it costs to be ready to recover, when nothing fails: instructions per request of `separate` with
CONFIG_RECOVERY, and of the same without.

Usage: readiness.py. Prints one line of JSON: {"qemu": version, "rows": {name: {"with": n, "without": n}}}.
The load generator is inside (driver wire), its own instructions are left out; QEMU counts (-icount), so two runs give
the same. Instructions are no time (docs/pc.md), but here both sides execute the same kinds of them.
"""
import json
import os
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "scripts"), os.path.join(ROOT, "bench", "redis")]
import pc
import system
import wire

# One client crosses all the way for each request; thirty that send sixteen at once share crossings.
LOADS = {"get_c1": wire.Load("get", 1, 1, 30_000), "set_c1": wire.Load("set", 1, 1, 30_000),
         "get_p16": wire.Load("get", 16, 30, 300_000), "set_p16": wire.Load("set", 16, 30, 300_000)}
SIDES = {"with": "CONFIG_RECOVERY=y", "without": "# CONFIG_RECOVERY is not set"}
TIMEOUT_SECONDS = 300


def build(side):
    own = system.fragment(os.path.join(system.out_folder(), "bench"), f"readiness-{side}", f"{SIDES[side]}\n")
    return wire.build("separate", fragments=[own], platform="pc")


def start(elf, arguments):
    return pc.Machine(elf, arguments, machine="microvm", count=pc.COUNT_ALONE)


def per_request(folder, load):
    done = wire.run(folder, load, start, TIMEOUT_SECONDS)
    return (done.cycles - done.own) / done.requests


def measure(loads=None):
    """{name: {"with": instructions per request, "without": ...}}, one QEMU at a time."""
    folders = {side: build(side) for side in SIDES}
    return {name: {side: per_request(folders[side], load) for side in SIDES} for name, load in (loads or LOADS).items()}


def main():
    if reason := pc.missing():
        print(f"Readiness cannot be counted here. {reason}", file=sys.stderr)
        return 1
    print(json.dumps({"qemu": pc.version(), "rows": measure()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
