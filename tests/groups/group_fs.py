# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_fs.py - fs used through real gates and as function calls, until it is full (tests/components/fsuser)."""
import os
import re

import common
import ktap
from common import check, equal

CONFIG = "tests/configs/fs_defconfig"
TIMEOUT_SECONDS = 60
LEAST_CHECKS = 90


def variant_without_keys():
    """none.config, and a name of its own, so that both images can stand side by side."""
    os.makedirs(common.TEST_OUT, exist_ok=True)
    name = os.path.join(common.TEST_OUT, "fs-none.config")
    with open(name, "w", encoding="utf-8") as out:
        out.write('CONFIG_NAME="fs-none"\n')
    return "tests/configs/none.config", name


def run(fragments=()):
    folder = common.image(CONFIG, fragments=fragments)
    status, lines = common.boot_to_end(os.path.join(folder, "cloister.elf"), ["exit=thread"], TIMEOUT_SECONDS)
    found = re.search(r"FSUSER end checks=(\d+) wrong=(\d+)", "\n".join(lines))
    check(found, f"no result line; status {status}\n{common.tail(lines)}")
    check(found[2] == "0", "\n".join(line for line in lines if "FSUSER wrong" in line))
    check(int(found[1]) >= LEAST_CHECKS, f"only {found[1]} checks ran\n{common.tail(lines)}")
    equal("exit status", status, 0)
    return f"{found[1]} checks"


def cases():
    yield ktap.Case("fs through gates", run, common.skip_of(mpk=True, network=False))
    yield ktap.Case("fs as function calls", lambda: run(variant_without_keys()), common.skip_of(mpk=False, network=False))
