# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_contract.py - what the public headers promise about gates, heap, threads and locks, checked inside the system.

tests/components/contract prints "ok NAME" or "not ok NAME got G wanted W" per check; all of them are compared, on both
backends. LEAST guards against a list that shrank: the checks that only keys make possible are fewer on backend none.
"""
import os

import common
import ktap
from common import check, equal

CONFIG = "tests/configs/contract_defconfig"
TIMEOUT_SECONDS = 60
LEAST = {"mpk": 93, "none": 75}


def folder(backend, fragment):
    if not fragment:
        return common.image(CONFIG)
    variant = os.path.basename(fragment).removesuffix(".config")
    return common.image(CONFIG, fragments=(fragment, common.fragment(f"contract-{variant}")))


def run(backend, fragment=None, wanted_line=None):
    status, lines = common.boot_to_end(os.path.join(folder(backend, fragment), "cloister.elf"), ["exit=thread"], TIMEOUT_SECONDS)
    check(not wanted_line or wanted_line in lines, f"no line {wanted_line!r}\n{common.tail(lines, 80)}")
    wrong = [line for line in lines if line.startswith("not ok")]
    right = [line for line in lines if line.startswith("ok ")]
    check(not wrong, "\n".join(wrong))
    check("CONTRACT end failed=0" in lines, common.tail(lines))
    check(len(right) >= LEAST[backend], f"only {len(right)} checks ran\n{common.tail(lines)}")
    equal("exit status", status, 0)
    return f"{len(right)} checks"


def cases():
    yield ktap.Case("on keys", lambda: run("mpk"), common.skip_of(mpk=True, network=False))
    yield ktap.Case("as function calls", lambda: run("none", "tests/configs/none.config"), common.skip_of(mpk=False, network=False))
    yield ktap.Case("on keys, with a scheduler that lies", lambda: run(
        "mpk", "tests/configs/liar.config", "WARNING sched answered -11: it cannot run, or others are passed over; round robin decides instead"),
        common.skip_of(mpk=True, network=False))
