# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_faults.py - every kind of fault once, in kv; the whole machine record is compared, and the stop is clean.

One boot per kind with probe=kv:<address>:<kind> (lib/probe.c). Two kinds jump into trusted text: the system-call
instruction (Syscall User Dispatch must catch it) and gate_die (where nobody may be blamed: the live rights can be the victim's).
"""
import audit
import common
import ktap
from common import check, equal
from group_forbidden import PARALLEL, STACK_AREA_BYTES, STACK_STRIDE, STACKS_BASE, boot, image  # noqa: F401 (PARALLEL is read by test.py)

PUBLIC_BASE = 0x270000000


def faults(folder):
    """(what happens, probe address, probe kind, record: kind, address or None for "inside the guard page", key, owner, object)"""
    yield "writes the public page", PUBLIC_BASE, "w", ("write", PUBLIC_BASE, 15, "monitor", "public")
    yield "writes where nothing is mapped", 0x1000, "w", ("write", 0x1000, 0, "nobody", "unmapped")
    yield "follows a null pointer", 0, "r", ("read", 0, 0, "nobody", "null page")
    yield "jumps to 0", 0, "j", ("execute", 0, 0, "nobody", "null page")
    yield "executes an illegal instruction", 0, "i", ("illegal-instruction", 0, 0, "kv", "instruction")
    yield "divides by zero", 0, "d", ("divide", 0, 0, "kv", "instruction")
    yield "hits a breakpoint", 0, "t", ("trap", 0, 0, "kv", "instruction")
    yield "reads an address that is not canonical", 0, "p", ("protection", 0, 0, "kv", "instruction")
    yield "writes through a stack pointer of 0", 0, "z", ("write", 0xfffffffffffffff8, 0, "nobody", "unmapped")
    yield "overflows its stack", 0, "s", ("write", None, None, "kv", "guard page")
    yield ("jumps to the system-call instruction", audit.symbol(folder, "nucleus_syscall_site"), "x",
           ("system-call", 0, 0, "kv", "instruction"))
    kv = next(row for row in audit.domains(folder) if row["name"] == "kv")
    yield "jumps to its own data", kv["data_start"], "x", ("execute", kv["data_start"], kv["pkey"], "kv", "slots")


def reported(folder, address, kind, record):
    status, lines = boot(folder, "kv", address, kind)
    wanted_kind, wanted_address, key, owner, what = record
    records = [line for line in lines if line.startswith("FAULTREC")]
    if wanted_address is None:  # the first address below the stack that was touched depends on the compiler's frames
        check(records, f"no fault record; status {status}\n{common.tail(lines)}")
        kv = next(row for row in audit.domains(folder) if row["name"] == "kv")
        wanted_address, key = int(records[0].split("address=")[1].split()[0], 16), kv["pkey"]
        stack = STACKS_BASE + kv["id"] * STACK_AREA_BYTES
        check(stack <= wanted_address < stack + STACK_STRIDE, f"{wanted_address:#x} is not below kv's stack of thread 0")
    equal("fault record", records, [f"FAULTREC domain=kv gen=1 kind={wanted_kind} address={wanted_address:#x} key={key} owner={owner} "
                                    f"object='{what}' thread=0 gate=probe_kv caller=monitor"])
    equal("exit status", status, 1)
    check(any("entered by gate probe_kv from monitor:monitor_probe+" in line for line in lines), common.tail(lines))


def nobody_blamed(folder):
    status, lines = boot(folder, "kv", audit.symbol(folder, "gate_die"), "x")
    equal("fault record", [line for line in lines if line.startswith("FAULTREC")],
          ["FAULTREC domain=unknown gen=1 kind=illegal-instruction address=0x0 key=0 owner=unknown object='gate check' thread=0 "
           "gate=- caller=-"])
    equal("exit status", status, 1)


def cases():
    skip = common.skip_of(mpk=True)
    folder = image("separate")
    for what, address, kind, record in faults(folder):
        yield ktap.Case(f"separate: kv {what}",
                        lambda arguments=(folder, address, kind, record): reported(*arguments), skip)
    yield ktap.Case("separate: at gate_die nobody is blamed by the live rights", lambda: nobody_blamed(folder), skip)
