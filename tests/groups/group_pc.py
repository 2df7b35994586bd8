# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_pc.py - the second platform's proof: the same objects, bare, under QEMU's TCG (no KVM needed)."""
import hashlib
import json
import os
import shutil
import subprocess

import audit
import common
import ktap
from common import check, equal

CONFIG = "tests/configs/pingpong_defconfig"
TIMEOUT_SECONDS = 120
PING_THREAD = 1  # the first that the monitor starts after the boot thread, 0


def boot(arguments, config=CONFIG, fragments=()):
    """(exit status of the system, console lines)"""
    elf = os.path.join(common.image(config, fragments=fragments, platform="pc"), "cloister.elf")
    command = ["timeout", "--kill-after=5", str(TIMEOUT_SECONDS), "qemu-system-x86_64", "-M", "q35", "-accel", "tcg",
               "-cpu", "max", "-m", "512", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot", "-kernel", elf,
               "-append", " ".join(arguments), "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=TIMEOUT_SECONDS + 30)
    lines = done.stdout.decode("utf-8", "replace").replace("\r", "").splitlines()
    check(done.returncode & 1, f"QEMU ended with {done.returncode}, not through the exit device\n{common.tail(lines)}")
    return done.returncode >> 1, lines


def calls():
    status, lines = boot(["exit=thread"])
    check("ping: 1000 calls, 0 wrong" in lines, common.tail(lines))
    equal("exit status", status, 0)


def forbidden():
    status, lines = boot(["exit=thread", "probe=1"])
    check(not any("ESCAPE" in line for line in lines), "the write went through\n" + common.tail(lines))
    records = [line for line in lines if line.startswith("FAULTREC")]
    check(len(records) == 1, f"{len(records)} fault records\n{common.tail(lines)}")
    ping, pong = (audit.domain(common.image(CONFIG, platform="pc"), name) for name in ("ping", "pong"))
    address = audit.symbol(common.image(CONFIG, platform="pc"), "calls")  # pong.c's counter
    check(pong["data_start"] <= address < pong["data_start"] + pong["data_bytes"], f"{address:#x} is not pong's data")
    equal("fault record", records[0], f"FAULTREC domain=ping gen=1 kind=write address={address:#x} key={pong['pkey']} "
          f"owner=pong object='data' thread={PING_THREAD} gate=ping_main caller=monitor")
    check(ping["pkey"] != pong["pkey"], "both domains have one key")
    equal("exit status", status, 1)


def digests(folder):
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as text:
        paths = [item["object"] for item in json.load(text)["components"] if item]
    result = {}
    for path in paths:
        with open(path, "rb") as data:
            result[os.path.basename(path)] = hashlib.sha256(data.read()).hexdigest()
    return result


def same_objects():
    # Each folder's digests are taken right after its build, so that a recompilation for pc would show.
    on_host = digests(common.image(CONFIG))
    on_pc = digests(common.image(CONFIG, platform="pc"))
    check(on_host, "no objects")
    equal("objects of the domains", on_pc, on_host)
    return f"{len(on_pc)} objects"


def cases():
    skip = None if shutil.which("qemu-system-x86_64") else "qemu-system-x86_64 is not installed"
    yield ktap.Case("objects are those of host", same_objects)
    yield ktap.Case("1000 calls through a full gate", calls, skip)
    yield ktap.Case("a forbidden write is a fault with the whole record", forbidden, skip)
