# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_inject.py - faults on request: each kind, in one component, and the whole machine record of each.

inject=fs:<kind> (core/include/inject.h) has the first call of fs go wrong: kv's, when it looks for a snapshot. The control is
monolith: the write that a protection key refuses in separate happens there unnoticed, and the canaries alone show it.
"""
import os
import subprocess

import audit
import common
import ktap
import system
from common import check, equal
from group_forbidden import STACK_AREA_BYTES, STACK_STRIDE, STACKS_BASE

PARALLEL = 2
FRAGMENT = os.path.join("tests", "configs", "inject.config")
CANARY_BYTES = 64


def image(config, platform="host"):
    os.makedirs(common.TEST_OUT, exist_ok=True)
    name = os.path.join(common.TEST_OUT, f"{config}-inject.config")
    with open(name, "w", encoding="utf-8") as out:
        out.write(f'CONFIG_NAME="{config}-inject"\n')
    return common.image(config, fragments=(FRAGMENT, name), platform=platform)


def boot(folder, *requests):
    """Status and console of a system in which these things go wrong; one that goes on is stopped."""
    with system.System(os.path.join(folder, "cloister.elf"), ["inject=" + ",".join(requests)], network=False) as running:
        try:
            running.process.wait(3)
        except subprocess.TimeoutExpired:
            running.request_stop()
        return running.wait_exit(), running.console()


def kinds(folder):
    """(kind, kind in the record, address or None for "wherever in the guard page", key, owner, object)"""
    rows = {row["name"]: row for row in audit.domains(folder)}
    fs, canary = rows["fs"], audit.symbol(folder, "canary_front_monitor")
    yield "read", ("read", canary, 1, "monitor", "data")
    yield "write", ("write", canary, 1, "monitor", "data")
    yield "unmapped", ("write", 0x1000, 0, "nobody", "unmapped")
    yield "stack", ("write", None, fs["pkey"], "fs", "guard page")
    yield "illegal", ("illegal-instruction", 0, 0, "fs", "instruction")
    yield "privileged", ("protection", 0, 0, "fs", "instruction")
    yield "noncanonical", ("protection", 0, 0, "fs", "instruction")
    yield "divide", ("divide", 0, 0, "fs", "instruction")
    yield "breakpoint", ("trap", 0, 0, "fs", "instruction")
    yield "step", ("trap", 0, 0, "fs", "instruction")
    yield "data", ("execute", audit.symbol(folder, "injects_fs"), fs["pkey"], "fs", "persistent data")
    yield "zero", ("execute", 0, 0, "nobody", "null page")
    yield "stack-zero", ("write", 0xfffffffffffffff8, 0, "nobody", "unmapped")
    yield "stack-wild", ("protection", 0, 0, "fs", "instruction")
    yield "stack-foreign", ("write", STACKS_BASE + STACK_AREA_BYTES + STACK_STRIDE - 72, 1, "monitor", "stack")
    yield "wild:net", ("write", audit.symbol(folder, "canary_net"), rows["net"]["pkey"], "net", "data")
    yield "init", ("illegal-instruction", 0, 0, "fs", "instruction")
    yield "syscall", ("system-call", 0, 0, "fs", "instruction")


def reported(folder, kind, record):
    name, _, argument = kind.partition(":")
    status, lines = boot(folder, f"fs:{name}:call:1" + (f":{argument}" if argument else ""))
    wanted_kind, address, key, owner, what = record
    records = [line for line in lines if line.startswith("FAULTREC")]
    check(records, f"no fault record; status {status}\n{common.tail(lines)}")
    if address is None:
        address = int(records[0].split("address=")[1].split()[0], 16)
        stack = STACKS_BASE + next(row["id"] for row in audit.domains(folder) if row["name"] == owner) * STACK_AREA_BYTES
        check(0 <= (address - stack) % STACK_STRIDE < STACK_STRIDE and stack <= address < stack + STACK_AREA_BYTES,
              f"{address:#x} is not below a stack of {owner}")
    equal("fault record", records, [f"FAULTREC domain=fs gen=1 kind={wanted_kind} address={address:#x} key={key} owner={owner} "
                                    f"object='{what}' thread=2 gate=fs_open caller=kv"])
    equal("exit status", status, 1)


def nobody_blamed(folder):
    status, lines = boot(folder, "fs:die")
    equal("fault record", [line for line in lines if line.startswith("FAULTREC")],
          ["FAULTREC domain=unknown gen=1 kind=illegal-instruction address=0x0 key=0 owner=unknown object='gate check' thread=2 "
           "gate=- caller=-"])
    equal("exit status", status, 1)


def mangled(folder):
    """kv's first call is of fs_open: the pointer to the path, which kv's own stub follows."""
    _, lines = boot(folder, "kv:argument")
    records = [line for line in lines if line.startswith("FAULTREC")]
    check(len(records) == 1 and records[0].startswith("FAULTREC domain=kv gen=1 kind=read address=0x5a02") and
          records[0].endswith("key=0 owner=nobody object='unmapped' thread=2 gate=kv_main caller=monitor"), common.tail(lines))


def goes_on(folder, request, wanted):
    """Nothing stops; wanted: what the console must show."""
    status, lines = boot(folder, request)
    check(not any(line.startswith("FAULT") for line in lines), common.tail(lines))
    equal("exit status", status, 0)
    for text in wanted:
        check(any(text in line for line in lines), f"no line with '{text}'\n{common.tail(lines)}")


def refused(folder, request, sentence):
    status, lines = boot(folder, request)
    check(any(sentence in line for line in lines), f"no line with '{sentence}'\n{common.tail(lines)}")
    equal("exit status", status, 64)


def later(folder):
    """The second call, and not the first: fs_open returns, and the next function is another one or a later one."""
    _, lines = boot(folder, "time:illegal:call:3")
    records = [line for line in lines if line.startswith("FAULTREC")]
    equal("fault record", records, ["FAULTREC domain=time gen=1 kind=illegal-instruction address=0x0 key=0 owner=time "
                                    "object='instruction' thread=4 gate=time_discipline caller=monitor"])


def nothing_of_it(config):
    """Without the option no symbol of it is in the image, and no generated source names it."""
    folder = common.image(config)
    names = subprocess.run(["nm", os.path.join(folder, "cloister.elf")], capture_output=True, text=True, check=True).stdout
    equal("symbols", [line for line in names.splitlines() if "inject" in line or "canar" in line or "__hooked" in line or "__by_" in line], [])
    for name in os.listdir(os.path.join(folder, "link")):
        if name.startswith("stubs_") and name.endswith(".c"):
            with open(os.path.join(folder, "link", name), encoding="utf-8") as text:
                check("inject" not in text.read(), f"{name} names inject")


def silent(folder):
    """Nobody refuses the write; canaries_check alone finds it (asked for by the boot argument, after the write)."""
    with system.System(os.path.join(folder, "cloister.elf"), ["inject=fs:wild:call:1:net"]) as running:
        running.wait_for(r"^kv: .* ready$", 30)
        equal("PING", running.redis("PING"), "PONG")
        equal("canaries", running.redis("DEBUG", "INJECT", "CANARIES"), "1")
        check("CANARY domain=system: somebody wrote behind the data of net" in running.console(), common.tail(running.console()))
        equal("exit status", running.stop(), 0)


def cases():
    skip, alone = common.skip_of(mpk=True, network=False), common.skip_of(mpk=False)
    for config in common.BOTH:
        yield ktap.Case(f"{config}: without the option nothing of it is in the image", lambda config=config: nothing_of_it(config),
                        common.skip_of(mpk=False, network=False))
    folder = image("separate")
    for kind, record in kinds(folder):
        yield ktap.Case(f"separate: fs {kind}", lambda arguments=(folder, kind, record): reported(*arguments), skip)
    yield ktap.Case("separate: fs die: nobody is blamed by the live rights", lambda: nobody_blamed(folder), skip)
    yield ktap.Case("separate: a later call", lambda: later(folder), skip)
    yield ktap.Case("separate: kv argument", lambda: mangled(folder), skip)
    for request, wanted in (("fs:double-free", ["HEAPREC"]), ("fs:leak", []), ("fs:slow:call:1:20000", []), ("fs:alignment", []),
                            ("fs:result", [])):
        yield ktap.Case(f"separate: {request} stops nothing", lambda arguments=(folder, request, wanted): goes_on(*arguments), skip)
    for request, sentence in (("fs:nonsense", "there is no kind 'nonsense'"), ("nobody:write", "there is no component 'nobody'"),
                              ("fs:leak:tick", "'fs' cannot go wrong in that way or at that time"),
                              ("fs:wild", "wild wants the component")):
        yield ktap.Case(f"separate: {request} is refused", lambda arguments=(folder, request, sentence): refused(*arguments), skip)
    yield ktap.Case("monolith: a wild write is silent; the canaries show it", lambda: silent(image("monolith")), alone)
