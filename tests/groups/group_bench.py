# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_bench.py - the micro-benchmarks run to their end and print every row. It does not judge the figures."""
import os
import sys

import common
import ktap
from common import check

sys.path.insert(0, os.path.join(common.ROOT, "bench", "micro"))
import micro

ROWS = {"call", "wrpkru", "floor", "gate_light", "gate_full", "gate_give", "context_switch", "heap_pair", "clock_read"}


def rows():
    got, khz = micro.measure(common.image(micro.CONFIG))
    check(set(got) == ROWS, f"rows missing or unknown: {sorted(set(got) ^ ROWS)}")
    for name, figures in got.items():
        check(0 < figures["min"] <= figures["median"] <= figures["p99"] <= figures["max"], f"{name}: {figures}")
        check(figures["samples"] >= 101, f"{name}: {figures['samples']} samples")
    check(khz > 100_000, f"a TSC of {khz} kHz")  # below 100 MHz: a wrong unit
    return f"{len(got)} rows; make bench-micro prints the figures"


def cases():
    yield ktap.Case("bench-micro prints every row", rows, common.skip_of(mpk=True, network=False))
