# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_pc_faults.py - on bare x86-64: what a domain must not do is a fault, and the end of memory is a panic.

The accesses are group_forbidden's, the kinds of fault those of lib/probe.c, what only ring 0 may do those of
tests/components/privileged.
The control is the image on backend none, where the same write succeeds and nobody notices.
"""
import re

import audit
import common
import group_forbidden
import ktap
import pc
from common import check, equal
from pc_common import PINGPONG, boot, folder, records

PARALLEL = 1
MACHINE = "microvm"   # boots soonest
STATUS_FAULT, STATUS_PANIC = 1, 70
PROTECTION, ILLEGAL, TRAP, CALL = "protection", "illegal-instruction", "trap", "system-call"
UNKNOWN = "gate=- caller=-"   # who destroys the record of its caller is reported without it
# QEMU 7.2 refuses IRETQ of CPL 3 while SMAP is on, as a page fault (its own bug).
NO_SMAP = "max,-smap"
# tests/components/privileged/privileged.c, in its order, and what CPUs say: TCG calls int1 and sysenter illegal, an
# Intel CPU does not; that again calls xsetbv illegal, since OSXSAVE is off. Then the CPU model, if it matters.
PRIVILEGED = [
    ("cli", PROTECTION), ("hlt", PROTECTION), ("out", PROTECTION), ("in", PROTECTION), ("rdmsr", PROTECTION),
    ("wrmsr", PROTECTION), ("mov from cr3", PROTECTION), ("mov to cr4", PROTECTION), ("lgdt", PROTECTION),
    ("lidt", PROTECTION), ("int 0x20", PROTECTION), ("xsetbv", (PROTECTION, ILLEGAL)), ("swapgs", PROTECTION),
    ("invlpg", PROTECTION), ("mov to dr7", PROTECTION), ("ltr", PROTECTION), ("rdfsbase", ILLEGAL), ("x87", ILLEGAL),
    ("SSE", ILLEGAL), ("sti", PROTECTION),
    ("int1", (TRAP, ILLEGAL)), ("int 2", PROTECTION), ("int 14", PROTECTION), ("int 0x5f", PROTECTION),
    ("int 0x80", PROTECTION), ("sysenter", (PROTECTION, ILLEGAL)), ("sgdt", PROTECTION), ("sidt", PROTECTION),
    ("sldt", PROTECTION), ("str", PROTECTION), ("smsw", PROTECTION), ("rdpmc", PROTECTION), ("xgetbv", ILLEGAL),
    ("AVX", ILLEGAL), ("MMX", ILLEGAL), ("far jump to ring 0's segment", PROTECTION),
    ("far call to ring 0's segment", PROTECTION), ("far jump to the task state", PROTECTION),
    ("iretq to ring 0", PROTECTION, NO_SMAP), ("iretq with ring 0's stack segment", PROTECTION, NO_SMAP),
    ("iretq with NT", PROTECTION, NO_SMAP), ("iretq with IOPL 3, and a port", PROTECTION, NO_SMAP),
    ("popfq with IOPL 3, and cli", PROTECTION), ("ring 0's selector in SS", PROTECTION),
    ("ring 0's selector in DS", PROTECTION), ("a single step", TRAP), ("a single step over mov to SS and int3", TRAP),
    ("ticks without a stack, then a port", PROTECTION),
    ("a system call from its site", CALL), ("a system call from its site with AC, NT and DF", CALL),
    ("a system call with a stack that is not canonical", CALL), ("a system call on ring 0's own stack", CALL),
    ("a system call elsewhere, inside a mov", CALL), ("a single step over a system call", CALL),
    ("a single step over mov to SS and a system call", CALL),
    ("an anchor that is not canonical, and a trap", TRAP, None, UNKNOWN),
    ("ticks with an anchor on ring 0's stack, and a trap", TRAP, None, UNKNOWN)]
UMIP = [PRIVILEGED.index((name, PROTECTION)) for name in ("sgdt", "sidt", "sldt", "str", "smsw")]

def probe_image(none=False):
    own = common.fragment("pingpong-probe" + ("-none" if none else ""), "CONFIG_BACKEND_NONE=y\n" if none else "")
    return common.image(PINGPONG, fragments=(group_forbidden.FRAGMENT, own), platform="pc")


def probe(where, culprit, address, kind):
    return boot(where, [f"probe={culprit}:{address:#x}:{kind}"], machine=MACHINE)


def refused(where, culprit, owner, key, what, address, kind):
    status, lines = probe(where, culprit, address, kind[0])
    check(records(lines), f"no fault record; status {status}\n{common.tail(lines)}")
    equal("fault record", records(lines),
          [f"FAULTREC domain={culprit} gen=1 kind={kind} address={address:#x} key={key} owner={owner} "
                                           f"object='{what}' thread=0 gate=probe_{culprit} caller=monitor"])
    equal("exit status", status, STATUS_FAULT)


def unnoticed(where, address):
    status, lines = probe(where, "system", address, "w")
    check(any(line.startswith("PROBE ok") for line in lines) and not records(lines),
          f"status {status}\n{common.tail(lines)}")
    equal("exit status", status, 0)


def kind_of_fault(where, kind, wanted, address=0):
    """A fault of ping's own: its kind, and that it is ping's."""
    status, lines = probe(where, "ping", address, kind)
    check(len(records(lines)) == 1, common.tail(lines))
    words = records(lines)[0].split()
    equal("domain and kind", words[1:4:2], ["domain=ping", f"kind={wanted}"])
    equal("exit status", status, STATUS_FAULT)


def try_privileged(number, model=None):
    where = folder("tests/configs/privileged_defconfig")
    at, stack = (audit.symbol(where, name) for name in ("nucleus_syscall_site", "nucleus_stack_top"))
    slots = audit.domain(where, "privileged")["data_start"]
    return boot(where, ["exit=thread", f"try={number}", f"at={at:#x}", f"stack={stack:#x}", f"slots={slots:#x}"],
                machine=MACHINE, cpu_model=model)


def privileged(number, wanted, model=None, entered="gate=privileged_run caller=monitor"):
    status, lines = try_privileged(number, model)
    kinds = (wanted,) if isinstance(wanted, str) else wanted
    possible = [[f"FAULTREC domain=privileged gen=1 kind={kind} address=0x0 key=0 owner=privileged "
                 f"object='instruction' thread=1 {entered}"] for kind in kinds]
    check(records(lines) in possible, f"not one fault of kind {' or '.join(kinds)}\n{common.tail(lines)}")
    equal("exit status", status, STATUS_FAULT)


def without_umip(number):
    """The control: where the CPU cannot refuse it, the attempt goes through and is seen."""
    status, lines = try_privileged(number, "max,-umip")
    check("privileged: ESCAPE" in lines and not records(lines), common.tail(lines))
    equal("exit status", status, 1)

def forbidden_write():
    status, lines = boot(folder(PINGPONG), ["exit=thread", "probe=1"])
    check(not any("ESCAPE" in line for line in lines), "the write went through\n" + common.tail(lines))
    pong = audit.domain(folder(PINGPONG), "pong")
    address = audit.symbol(folder(PINGPONG), "calls")  # pong.c's counter
    check(pong["data_start"] <= address < pong["data_start"] + pong["data_bytes"], f"{address:#x} is not pong's data")
    equal("fault record", records(lines),
          [f"FAULTREC domain=ping gen=1 kind=write address={address:#x} key={pong['pkey']} "
                                           "owner=pong object='data' thread=1 gate=ping_main caller=monitor"])
    equal("exit status", status, STATUS_FAULT)


def eat(mebibytes, memory_mib, none=False):
    return boot(folder("tests/configs/eater_defconfig", none), ["exit=thread", f"eat={mebibytes << 20}"],
                machine=MACHINE, memory_mib=memory_mib)


def enough_memory():
    """The control: the same with more memory ends well."""
    status, lines = eat(32, 64)
    check("hungry: 0" in lines, common.tail(lines))
    equal("exit status", status, 0)


def out_of_memory():
    status, lines = eat(32, 16)
    equal("exit status", status, STATUS_PANIC)
    panics = [number for number, line in enumerate(lines) if line.startswith("PANIC nucleus: out of memory")]
    check(len(panics) == 1, common.tail(lines))
    found = [re.fullmatch(r"  at (\S+?)(?:\+0x[0-9a-f]+)?( \S+| from \S+|)(?: from \S+)? \[(\w+)\]", line)
             for line in lines[panics[0] + 1:]]
    check(all(found), common.tail(lines))
    frames = [(match[1], match[3]) for match in found]
    for wanted in (("frame_take", "nucleus"), ("trap", "nucleus"), ("eat_pages", "eater"), ("gate", "eater"),
                   ("hungry_run", "hungry"),
                   ("gate", "hungry"), ("monitor_upcall_body", "monitor")):
        check(wanted in frames, f"no frame {wanted}\n{common.tail(lines)}")
    order = [frames.index(wanted) for wanted in (("frame_take", "nucleus"), ("eat_pages", "eater"),
                                                 ("hungry_run", "hungry"), ("monitor_upcall_body", "monitor"))]
    equal("order of the frames", order, sorted(order))
    places = [line for line in lines if "tests/components/eater/eater.c:" in line]
    check(places, f"no line of eater.c\n{common.tail(lines)}")
    return f"{len(frames)} frames"


def cases():
    skip = pc.missing()
    yield ktap.Case("a forbidden write is a fault with the whole record", forbidden_write, skip)
    where = probe_image()
    rows = [row for row in audit.domains(where) if row["name"] in ("monitor", "ping", "pong", "sched")]
    for culprit, owner, key, what, address, kind in group_forbidden.accesses(rows):
        if culprit == "sched" and owner != "monitor":
            continue   # the other pairs say no more than ping's
        yield ktap.Case(f"{culprit} must not {kind} {owner}'s {what}",
                        lambda values=(culprit, owner, key, what, address, kind): refused(where, *values), skip)
    nucleus = audit.symbol(where, "nucleus_main")
    for name, kind, wanted, address in (
            ("illegal instruction", "i", "illegal-instruction", 0), ("division by zero", "d", "divide", 0),
            ("breakpoint", "t", "trap", 0),
            ("address that is not canonical", "p", "protection", 0), ("stack overflow", "s", "write", 0),
            ("stack pointer of zero", "z", "write", 0), ("jump to zero", "j", "execute", 0),
            ("read of ring 0's code", "r", "read", nucleus), ("jump into ring 0's code", "x", "execute", nucleus),
            ("execution of data", "x", "execute", audit.domain(where, "ping")["data_start"]),
            ("jump to ring 0's WRPKRU", "x", "execute", audit.symbol(where, "context_enter")),
            ("jump to the system call", "x", "system-call", audit.symbol(where, "nucleus_syscall_site"))):
        yield ktap.Case(f"fault: {name}", lambda values=(kind, wanted, address): kind_of_fault(where, *values), skip)
    for number, (name, *values) in enumerate(PRIVILEGED):
        yield ktap.Case(f"privileged: {name}", lambda values=(number, *values): privileged(*values), skip)
    for number in UMIP:
        yield ktap.Case(f"control: {PRIVILEGED[number][0]} on a CPU without UMIP",
                        lambda number=number: without_umip(number), skip)
    plain = probe_image(none=True)
    yield ktap.Case("control: on backend none nobody notices a write of the owner table",
                    lambda: unnoticed(plain, group_forbidden.OWNER_TABLE_BASE), skip)
    yield ktap.Case("control: enough memory", enough_memory, skip)
    yield ktap.Case("out of memory is a panic with a backtrace through all domains", out_of_memory, skip)
