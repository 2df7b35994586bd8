# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_strict.py - the shared heap's strict mode: who touches what is not its to touch now faults.

On host and on pc, tests/components/strict announces one byte and touches it; the whole record is compared. The control
is the same image in shared mode, where each of these accesses succeeds and nobody notices. And that all else goes on.
"""
import os

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
    yield ktap.Case("redis-cli", conversation, common.skip_of(mpk=True))
