# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_storm.py - ten million full gates under a 10 kHz timer: no wrong result, no wrong rights (tests/components/storm)."""
import os
import re

import common
import ktap
from common import check, equal

CALLS = 10_000_000
TIMEOUT_SECONDS = 180


def storm():
    folder = common.image("tests/configs/storm_defconfig")
    status, lines = common.boot_to_end(os.path.join(folder, "cloister.elf"), ["exit=thread", f"calls={CALLS}"],
                                       TIMEOUT_SECONDS)
    found = re.search(r"STORM calls=(\d+) switches=(\d+) turns=(\d+) errors=(\d+)", "\n".join(lines))
    check(found, f"no result line; status {status}\n{common.tail(lines)}")
    calls, switches, turns, errors = map(int, found.groups())
    equal("errors", errors, 0)
    equal("calls", calls, CALLS)
    equal("exit status", status, 0)
    # Without preemption the test would prove nothing.
    check(switches > 1000 and turns > 0, f"only {switches} thread switches, {turns} turns of the other thread")
    return f"{calls} calls, {switches} thread switches"


def cases():
    yield ktap.Case("10 million gates under a 10 kHz timer", storm, common.skip_of(mpk=True, network=False))
