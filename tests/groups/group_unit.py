# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_unit.py - the cmocka programs of tests/unit, built with the address and undefined-behaviour sanitizers.

tests/unit/unit.mk builds them (target `unit`, programs in $(O)/unit/). Each cmocka test is one case here.
"""
import glob
import os
import re
import subprocess

import common
import ktap
from common import ROOT, check

PROGRAM_TIMEOUT_SECONDS = 120
LINE = re.compile(r"^\s*(ok|not ok) (\d+) - (.*?)(?:\s*# SKIP(.*))?$")


def build():
    folder = os.path.join(common.system.out_folder(), "unit")
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make", "-C", ROOT, "--no-print-directory", "-f", "tests/unit/unit.mk",
                           f"-j{os.cpu_count()}", f"O={common.system.out_folder()}", "unit"], env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    check(done.returncode == 0, "the unit tests do not build\n" + common.tail(done.stdout.splitlines()))
    return sorted(path for path in glob.glob(os.path.join(folder, "test_*")) if os.access(path, os.X_OK)
                  and os.path.isfile(path))


def run(program):
    """The cases of one program. A crash, a hang or a sanitizer's report is one more failed case."""
    name = os.path.basename(program)
    environment = {**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP", "ASAN_OPTIONS": "detect_leaks=1"}
    try:
        done = subprocess.run([program], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PROGRAM_TIMEOUT_SECONDS)
        output, status = done.stdout.decode("utf-8", "replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        output, status = (late.stdout or b"").decode("utf-8", "replace"), f"nothing ({PROGRAM_TIMEOUT_SECONDS} s passed)"
    failed = 0
    for line in output.splitlines():
        found = LINE.match(line)
        if not found:
            continue
        good, _, label, reason = found.groups()
        if reason is not None:
            yield ktap.Case(f"{name}: {label}", skip=reason.strip() or "no reason given")
        elif good == "ok":
            yield ktap.Case(f"{name}: {label}", lambda: None)
        else:
            failed += 1
            yield ktap.Case(f"{name}: {label}", lambda: check(False, common.tail(output.splitlines(), 40)))
    if status != 0 and not failed:
        yield ktap.Case(f"{name}: ends with status 0",
                        lambda: check(False, f"it ended with {status}\n{common.tail(output.splitlines(), 60)}"))


def cases():
    programs = build()
    check(programs, "tests/unit/unit.mk built no program")
    for program in programs:
        yield from run(program)
