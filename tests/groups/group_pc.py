# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_pc.py - the second platform: the same objects on bare x86-64 under QEMU, with the same gates and reports.

Needs no protection keys of this machine: QEMU's TCG has its own.
"""
import os
import shutil
import subprocess

import common
import ktap
from common import check, equal

CONFIG = "tests/configs/pingpong_defconfig"
QEMU = "qemu-system-x86_64"
MACHINE = ["-M", "q35", "-accel", "tcg", "-cpu", "max", "-m", "512", "-display", "none", "-serial", "stdio", "-monitor",
           "none", "-nic", "none", "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
TIMEOUT_SECONDS = 60


def boot(elf, arguments):
    """(status that the system ended with, console lines)"""
    command = [QEMU, *MACHINE, "-kernel", elf, "-append", " ".join(arguments)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as late:
        lines = (late.stdout or b"").decode("utf-8", "replace").splitlines()
        raise common.Failure(f"no end within {TIMEOUT_SECONDS} s\n" + common.tail(lines)) from late
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    # isa-debug-exit makes the status odd: an even one is QEMU's own, or a reset after a triple fault.
    check(done.returncode & 1, f"QEMU ended with {done.returncode}: {done.stderr.decode()}\n" + common.tail(lines))
    return done.returncode >> 1, lines


def elf():
    return os.path.join(common.image(CONFIG, platform="pc", out=os.path.join(common.TEST_OUT, "pc")), "cloister.elf")


def calls():
    status, lines = boot(elf(), ["exit=thread"])
    check("ping: 1000 calls, 0 wrong" in lines, "no success line\n" + common.tail(lines))
    equal("status", status, 0)


def forbidden_write():
    status, lines = boot(elf(), ["exit=thread", "probe=1"])
    check("ping: 1000 calls, 0 wrong" in lines, "no success line\n" + common.tail(lines))
    check(not any("ESCAPE" in line for line in lines), "ESCAPE\n" + common.tail(lines))
    records = [line.split() for line in lines if line.startswith("FAULTREC ")]
    equal("number of fault records", len(records), 1)
    for word in ("domain=ping", "kind=write", "owner=pong", "object='data'"):
        check(word in records[0], f"the record lacks {word}\n" + common.tail(lines))
    equal("status", status, 1)


def cases():
    skip = None if shutil.which(QEMU) else f"{QEMU} is not installed: run scripts/setup.sh"
    yield ktap.Case("pingpong: 1,000 calls through the full gate at CPL 3", calls, skip)
    yield ktap.Case("pingpong: a forbidden write is reported and does not happen", forbidden_write, skip)
