# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_strict.py - the shared heap's strict mode: who touches what is not its to touch now faults.

On host and on pc, tests/components/strict announces one byte and touches it; the whole record is compared. The control
is the same image in shared mode, where each of these accesses succeeds and nobody notices. And that all else goes on.
"""
import os
import re
import subprocess
import time

import audit
import common
import ktap
import pc_common
import system
from common import check, equal

CONFIG = "tests/configs/strict_defconfig"
CONTROL = os.path.join("tests", "configs", "strict_control.config")
FORGED = os.path.join("tests", "configs", "strictforge.config")
SERVING = "separate_strict"
TIMEOUT_SECONDS = 60
MACHINE = "microvm"
MONITOR = "monitor"
# (what, try=, whose touch, kind, owner, who holds the page's key, thread, gate, caller): strict.c
TOUCHES = [
    ("the giver reads what it gave", 1, "strict", "read", "strictpeer", "strictpeer", 1, "strict_main", MONITOR),
    ("the giver writes what it gave", 2, "strict", "write", "strictpeer", "strictpeer", 1,
     "strict_main", MONITOR),
    ("the giver writes a child of what it gave", 3, "strict", "write", "strictpeer", "strictpeer", 1,
     "strict_main", MONITOR),
    ("another thread of the lender writes what is lent", 4, "strict", "write", "strict", "strictpeer", 2,
     "strict_other", MONITOR),
    ("the borrower writes after its return", 5, "strictpeer", "write", "strict", "strict", 1,
     "strictpeer_touch", "strict"),
    ("who gave with its return writes", 6, "strictpeer", "write", "strict", "strict", 1, "strictpeer_touch", "strict"),
    ("a third domain writes what another owns", 7, "strictthird", "write", "strict", "strict", 1,
     "strictthird_touch", "strict"),
    ("a third domain writes what is lent to another", 8, "strictthird", "write", "strict", "strictpeer", 1,
     "strictthird_touch", "strictpeer"),
    ("reading what was freed", 9, "strict", "read", "nobody", MONITOR, 1, "strict_main", MONITOR),
    ("writing what was never handed out", 10, "strict", "write", "nobody", MONITOR, 1, "strict_main", MONITOR),
]


def boot(platform, shared, number):
    folder = common.image(CONFIG, fragments=(CONTROL,) if shared else (), platform=platform)
    arguments = [f"try={number}", "exit=thread"]
    if platform == "pc":
        return folder, *pc_common.boot(folder, arguments, machine=MACHINE)
    return folder, *common.boot_to_end(os.path.join(folder, "cloister.elf"), arguments, TIMEOUT_SECONDS)


def announced(lines):
    found = [line.split()[-1] for line in lines if line.startswith("strict: touching ")]
    check(len(found) == 1, common.tail(lines))
    return found[0]


def works(platform, shared):
    _, status, lines = boot(platform, shared, 0)
    check("strict: right" in lines, common.tail(lines))
    equal("exit status", status, 0)


def faults(platform, number, culprit, kind, owner, holder, thread, gate, caller):
    folder, status, lines = boot(platform, False, number)
    key = audit.domain(folder, holder)["pkey"]
    equal("fault record", pc_common.records(lines),
          [f"FAULTREC domain={culprit} gen=1 kind={kind} address={announced(lines)} key={key} owner={owner} "
           f"object='heap' thread={thread} gate={gate} caller={caller}"])
    check(any(line.startswith(f"  the page is keyed to {holder}: ") for line in lines), common.tail(lines))
    equal("exit status", status, 1)


def unnoticed(platform, number):
    _, status, lines = boot(platform, True, number)
    announced(lines)
    check("strict: touched" in lines and not pc_common.records(lines), common.tail(lines))
    equal("exit status", status, 0)


def forged():
    """What a hostile domain asks of the monitor is refused; a borrower survives an attack from another thread."""
    status, lines = common.boot_to_end(os.path.join(common.image(CONFIG, fragments=(FORGED,)), "cloister.elf"),
                                       ["exit=thread"], TIMEOUT_SECONDS)
    check("forge: all refused" in lines, common.tail(lines))
    equal("exit status", status, 0)


def too_few_mappings():
    """Where Linux allows fewer mappings than there are pages, the start says so: a file stands for vm.max_map_count."""
    elf = os.path.join(common.image(CONFIG), "cloister.elf")
    for number, wanted in ((19455, 69), (19456, 0)):
        limit = os.path.join(common.TEST_OUT, "max_map_count")
        os.makedirs(common.TEST_OUT, exist_ok=True)
        with open(limit, "w", encoding="ascii") as out:
            out.write(f"{number}\n")
        script = f"mount --bind {limit} /proc/sys/vm/max_map_count && exec {elf} try=0 exit=thread"
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=TIMEOUT_SECONDS)
        equal(f"exit status with {number}", done.returncode, wanted)
        equal("it says so", "raise vm.max_map_count to 19456" in done.stderr, wanted != 0)


# ---- a whole system

def conversation():
    with system.System(os.path.join(common.image(SERVING), "cloister.elf")) as running:
        running.wait_ready(30)
        big = "".join(chr(33 + i * i % 90) for i in range(200000))
        equal("PING", running.redis("PING"), "PONG")
        equal("SET", running.redis("SET", "a", "1"), "OK")
        equal("INCR", running.redis("INCR", "a"), "2")
        done = running.command(["redis-cli", "-h", running.address, "-p", str(running.port), "-x", "SET", "big"],
                               data=big.encode())
        equal("SET big", done.stdout.strip(), b"OK")
        check(running.redis("GET", "big") == big, "a value of 200000 bytes came back as another one")
        equal("SAVE", running.redis("SAVE"), "OK")
        equal("exit status", running.stop(), 0)


ARENA = (0x800000000, 0x804000000)     # core/include/address_map_asm.h
PKEY_ARENA, PKEY_MONITOR = 14, 1
LOAD_ROUNDS, ROUND_SECONDS = 3, 20
# What caches may hold more than after the first round: 32 objects of a page, some of each larger size, five domains.
CACHED_KIB, CACHED_MAPPINGS = 8192, 512


def arena_mappings(pid):
    """(how many mappings the arena is split into, KiB of it by protection key; None where only root may look)."""
    try:
        with open(f"/proc/{pid}/smaps", encoding="ascii") as text:
            lines = text.read().splitlines()
    except PermissionError:
        return None
    count, keys, inside, size = 0, {}, False, 0
    for line in lines:
        found = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
        if found:
            inside = ARENA[0] <= int(found[1], 16) < ARENA[1]
            count += inside
        elif inside and line.startswith("Size:"):
            size = int(line.split()[1])
        elif inside and line.startswith("ProtectionKey:"):
            keys[int(line.split()[1])] = keys.get(int(line.split()[1]), 0) + size
    return count, keys


def load():
    """Neither keys nor mappings are lost: after each round the arena is back to what caches keep."""
    with system.System(os.path.join(common.image(SERVING), "cloister.elf")) as running:
        running.wait_ready(30)
        seen, most = [], 0
        for _ in range(LOAD_ROUNDS):
            end = time.monotonic() + ROUND_SECONDS
            while time.monotonic() < end:
                for words in (["-n", "400000", "-P", "8"], ["-n", "6000", "-d", "30000"]):  # long: ports are few
                    done = running.command(["redis-benchmark", "-h", running.address, "-p", str(running.port), "-t",
                                            "set,get", "-c", "30", "-r", "100", "-q", *words], timeout=60)
                    check(done.returncode == 0 and "rror" not in done.stdout + done.stderr, running.report(done.stderr))
                    now = arena_mappings(running.pid)
                    most = max(most, now[0] if now else 0)
            equal("FLUSHALL", running.redis("FLUSHALL"), "OK")
            seen.append(arena_mappings(running.pid))
        objects = sum(number for name, number in running.statistics().items() if name.startswith("objects."))
        equal("PING", running.redis("PING"), "PONG")
        equal("exit status", running.stop(), 0)
    if not seen[0]:
        return f"{objects} objects; mappings not counted: only root may look"
    for count, keys in seen:
        equal("KiB of the arena in all", sum(keys.values()), (ARENA[1] - ARENA[0]) // 1024)
        equal("KiB that every domain reaches", keys.get(PKEY_ARENA, 0), 0)
    owned = [sum(keys.values()) - keys[PKEY_MONITOR] for _, keys in seen]
    check(owned[-1] <= owned[0] + CACHED_KIB, f"KiB under domains' keys after each round: {owned}")
    check(seen[-1][0] <= seen[0][0] + CACHED_MAPPINGS, f"mappings after each round: {[count for count, _ in seen]}")
    return f"{most} mappings at most, {seen[-1][0]} afterwards, {owned[-1]} KiB under domains' keys"


def cases():
    on_host = common.skip_of(mpk=True, network=False)
    for platform, skip in (("host", on_host), ("pc", None)):
        for shared in (False, True):
            yield ktap.Case(f"{platform}: lending and giving in every form, {'shared' if shared else 'strict'}",
                            lambda platform=platform, shared=shared: works(platform, shared), skip)
        for what, number, *record in TOUCHES:
            yield ktap.Case(f"{platform}: {what}: a fault",
                            lambda arguments=(platform, number, *record): faults(*arguments), skip)
            yield ktap.Case(f"{platform}: {what}: nobody notices in shared mode",
                            lambda arguments=(platform, number): unnoticed(*arguments), skip)
    yield ktap.Case("host: calls of the monitor that no stub makes are refused", forged, on_host)
    yield ktap.Case("host: too few mappings are refused at the start", too_few_mappings,
                    on_host or ("only root can put a file over /proc/sys" if os.geteuid() else None))
    yield ktap.Case("redis-cli", conversation, common.skip_of(mpk=True))
    yield ktap.Case(f"load of {LOAD_ROUNDS * ROUND_SECONDS} seconds", load, common.skip_of(mpk=True))
