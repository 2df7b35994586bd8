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
    got = micro.measure(common.image(micro.CONFIG))
    check(set(got) == ROWS, f"rows missing or unknown: {sorted(set(got) ^ ROWS)}")
    for name, figures in got.items():
        check(0 < figures["min"] <= figures["median"] <= figures["p99"] <= figures["max"], f"{name}: {figures}")
        check(figures["samples"] >= 101, f"{name}: {figures['samples']} samples")
    full = got["gate_full"]["median"] / got["floor"]["median"]
    return f"full = {full:.2f} x floor, give = {got['gate_give']['median'] / got['gate_full']['median']:.2f} x full"


def cases():
    yield ktap.Case("bench-micro prints every row", rows, common.skip_of(mpk=True, network=False))
