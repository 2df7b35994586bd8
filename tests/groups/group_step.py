# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_step.py - each gate kind, single-stepped, with a thread switch at each instruction (tests/components/step)."""
import os
import re

import common
import ktap
from common import check, equal

KINDS = ["full", "light", "give", "gives", "lend", "monitor"]
TIMEOUT_SECONDS = 60
# Each step counts about four switches: away, back, and what the two yields note. A gate without the monitor has about 50
# instructions; fewer steps mean that the trap flag got lost on the way.
LEAST_SWITCHES = 100
# A function that owns the object takes some instructions before it lets go.
LEAST_LOOKS = 3

_lines = []
_status = []


def step(kind):
    if not _status:
        folder = common.image("tests/configs/step_defconfig")
        status, lines = common.boot_to_end(os.path.join(folder, "cloister.elf"), ["exit=thread"], TIMEOUT_SECONDS)
        _status.append(status)
        _lines.extend(lines)
    found = re.search(rf"STEP {kind} switches=(\d+) result=(-?\d+) expected=(-?\d+)", "\n".join(_lines))
    check(found, f"no result line for {kind}; status {_status[0]}\n{common.tail(_lines)}")
    switches, result, expected = map(int, found.groups())
    equal(f"result of the stepped {kind} gate", result, expected)
    check(expected >= 0, f"the undisturbed call failed with {expected}")
    check(switches >= LEAST_SWITCHES, f"only {switches} thread switches during the call")
    return f"{switches} switches"


def watched(text):
    found = re.search(r"STEP watched step=(\d+) callee=(\d+) stale=(\d+)", text)
    check(found, f"no line about the third domain\n{common.tail(text.splitlines())}")
    step_looks, callee_looks, stale = map(int, found.groups())
    check(step_looks >= LEAST_LOOKS and callee_looks >= LEAST_LOOKS, f"the third domain looked {step_looks} and {callee_looks} times")
    return stale


def third_domain():
    check(_status, "the system did not run")
    equal("looks that saw a stale owner", watched("\n".join(_lines)), 0)


def third_domain_control():
    """The giver goes on acting as the owner during the gate: the third domain must notice."""
    folder = common.image("tests/configs/step_defconfig")
    _, lines = common.boot_to_end(os.path.join(folder, "cloister.elf"), ["exit=thread", "control=1"], TIMEOUT_SECONDS)
    check(watched("\n".join(lines)) > 0, "nothing was noticed: the test proves nothing")


def ends():
    check(_status, "the system did not run")
    check("STEP end errors=0" in "\n".join(_lines), common.tail(_lines))
    equal("exit status", _status[0], 0)


def cases():
    skip = common.skip_of(mpk=True, network=False)
    for kind in KINDS:
        yield ktap.Case(f"{kind} gate", lambda kind=kind: step(kind), skip)
    yield ktap.Case("a third domain never sees a stale owner on give edges", third_domain, skip)
    yield ktap.Case("control: it does notice one", third_domain_control, skip)
    yield ktap.Case("ends with status 0", ends, skip)
