# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_unwind.py - a domain dies with threads inside it, behind it and on the way back: what each caller gets.

tests/components/nesta prints "ok NAME" or "not ok NAME got G wanted W" per check, for each kind of gate and both modes of
the shared heap. LEAST guards against a list that shrank.
"""
import os

import common
import ktap
import pc
import pc_common
from common import check, equal

CONFIG = "tests/configs/unwind_defconfig"
TIMEOUT_SECONDS = 60
LEAST = 69
LIGHT = "".join(f"CONFIG_{name}_GATE_LIGHT=y\n" for name in ("NESTA", "NESTB", "NESTY", "MONITOR"))
STRICT = os.path.join("configs", "strict.config")


def judge(status, lines):
    wrong = [line for line in lines if line.startswith("not ok")]
    right = [line for line in lines if line.startswith("ok ")]
    check(not wrong, "\n".join(wrong))
    check("UNWIND end failed=0" in lines, common.tail(lines))
    check(len(right) >= LEAST, f"only {len(right)} checks ran\n{common.tail(lines)}")
    equal("exit status", status, 0)
    return f"{len(right)} checks"


def run(*fragments):
    elf = os.path.join(common.image(CONFIG, fragments=fragments), "cloister.elf")
    return judge(*common.boot_to_end(elf, ["exit=thread"], TIMEOUT_SECONDS))


def cases():
    skip = common.skip_of(mpk=True, network=False)
    yield ktap.Case("full gates", run, skip)
    yield ktap.Case("light gates", lambda: run(common.fragment("unwind-light", LIGHT)), skip)
    yield ktap.Case("strict mode of the shared heap", lambda: run(STRICT), skip)
    yield ktap.Case("bare x86-64", lambda: judge(*pc_common.boot(common.image(CONFIG, platform="pc"), ["exit=thread"])),
                    pc.missing())
