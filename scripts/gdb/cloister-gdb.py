# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""cloister-gdb.py - gdb knows domains, threads, gates and keys of a running system.

The build copies it to <image>-gdb.py, where gdb finds it by itself once `add-auto-load-safe-path <folder>` allows that;
make debug does. Commands: ck-domains, ck-threads, ck-gates, ck-pkru [value].
It only reads. A debugger reads every domain's memory whatever the keys say: what is shown is the truth, not what some
domain sees. Everything comes from the tables that the image carries (core/include/domain.h), nothing from the build folder.
"""
import struct

import gdb

# core/include/address_map_asm.h and slots_asm.h; group_tools checks that these values are theirs.
STACKS_BASE, STACK_AREA_BYTES, STACK_STRIDE, THREAD_MAX = 0x300000000, 0x1000000, 0x20000, 32
PKEY_ARENA, PKEY_PUBLIC = 14, 15
SLOT_SP, SLOT_CALLS = 0x00, 0x1000
BASE_ANCHOR_BYTES = 56  # core/nucleus/common/anchors.h, stack_base()
STATES = ("free", "runnable", "waiting", "ended")
KINDS = ("call", "light", "full", "give", "gives", "nucleus")


def table(name, count):
    values = gdb.parse_and_eval(name)
    return [values[index] for index in range(int(gdb.parse_and_eval(count)))]


def domains():
    return table("domain_table", "domain_count")


def word(address):
    return struct.unpack("<Q", bytes(gdb.selected_inferior().read_memory(address, 8)))[0]


def public():
    return gdb.parse_and_eval("*(struct public *)&public_area")


def pkru():
    """Of the stopped code, or None: backend none, or not known. QEMU does not show the register; then the code that stopped says
    whose rights it has, outside the gates."""
    try:
        return int(gdb.parse_and_eval("(unsigned)$pkru"))
    except gdb.error:
        here = int(gdb.parse_and_eval("$pc"))
        rows = [row for row in domains()[1:] if 0 <= here - int(row["text_start"]) < int(row["text_bytes"])]
        return int(rows[0]["pkru"]) if rows else None


def rights(value, key):
    if value >> 2 * key & 1:
        return "no"
    return "read" if value >> 2 * key & 2 else "write"


def show(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


class Command(gdb.Command):
    """Base: a command that explains itself when the system does not run."""

    def __init__(self):
        super().__init__(self.name, gdb.COMMAND_DATA)

    def invoke(self, argument, _):
        if gdb.selected_inferior().pid == 0:
            raise gdb.GdbError(f"{self.name}: nothing runs; start the system first (run), or attach to it")
        self.print(argument.strip())


class Domains(Command):
    """The domains: key, PKRU, where text, data and heap lie. The line with > is whose rights are live."""
    name = "ck-domains"

    def print(self, _):
        live = pkru()
        rows = [("", "id", "domain", "key", "pkru", "text", "data", "heap bytes", "persistent bytes", "stack bytes")]
        for number, row in enumerate(domains()):
            rows.append((">" if int(row["pkru"]) and int(row["pkru"]) == live else "", str(number), row["name"].string(), str(int(row["pkey"])),
                         f"{int(row['pkru']):#010x}", f"{int(row['text_start']):#x}", f"{int(row['data_start']):#x}",
                         str(int(row["heap_bytes"])), str(int(row["persist_bytes"])), str(int(row["stack_bytes"]))))
        show(rows)


class Threads(Command):
    """The threads: state, priority, and through which domains each one's calls go (whose stacks it uses now)."""
    name = "ck-threads"

    def print(self, _):
        running = int(public()["cpu"]["thread"])
        # Thread 0 ran the inits; the others were made from the table in its order.
        entries = table("thread_table", "thread_entry_count")
        anchors = gdb.parse_and_eval("'core/nucleus/common/anchors.c'::anchors")
        rows = [("", "thread", "entry", "state", "priority", "stacks in use")]
        for number in range(THREAD_MAX):
            state = int(public()["threads"][number]["state"])
            if not state:
                continue
            used = []
            for domain, row in enumerate(domains()):
                if domain == 0:
                    continue
                base = STACKS_BASE + domain * STACK_AREA_BYTES + (number + 1) * STACK_STRIDE - BASE_ANCHOR_BYTES
                anchor = word(int(row["slots"]) + SLOT_SP) if number == running else int(anchors[number][domain]["sp"])
                if anchor != base:
                    used.append(f"{row['name'].string()} ({base - anchor} bytes)")
            rows.append((">" if number == running else "", str(number),
                         entries[number - 1]["name"].string() if 0 < number <= len(entries) else "boot", STATES[state],
                         str(int(public()["threads"][number]["priority"])), ", ".join(used)))
        show(rows)


class Gates(Command):
    """The gates: who calls what of whom, and how often so far. ck-gates WORD shows those whose line has the word."""
    name = "ck-gates"

    def print(self, argument):
        names = [row["name"].string() for row in domains()]
        rows = [("id", "caller", "callee", "function", "kind", "calls", "text")]
        for number, edge in enumerate(table("edge_table", "edge_count")):
            caller = int(edge["caller"])
            calls = word(int(domains()[caller]["slots"]) + SLOT_CALLS + 16 * int(edge["caller_token"])) if int(edge["kind"]) else 0
            row = (str(number), names[caller], names[int(edge["callee"])], edge["function"].string(),
                   KINDS[int(edge["kind"])], str(calls), f"{int(edge['start']):#x}")
            if not argument or argument in row or argument in row[3]:
                rows.append(row)
        show(rows)


class Pkru(Command):
    """The PKRU register in words, or a value: ck-pkru 0x55555554. Which keys can be read and written, whose rights it is."""
    name = "ck-pkru"

    def print(self, argument):
        value = int(gdb.parse_and_eval(argument)) & 0xffffffff if argument else pkru()
        if value is None:
            raise gdb.GdbError("ck-pkru: PKRU is not shown here (in a gate, in the nucleus, on this CPU); give a value: ck-pkru 0x55555554")
        owners = {PKEY_ARENA: "shared heap", PKEY_PUBLIC: "public area"}
        for row in domains():
            owners.setdefault(int(row["pkey"]), row["name"].string())
        whose = [row["name"].string() for row in domains() if int(row["pkru"]) == value]
        print(f"PKRU {value:#010x}: " + (f"the rights of domain {whose[0]}" if whose and value else
                                         "no domain's rights (the nucleus at work, or backend none)"))
        show([("key", "of", "access")] + [(str(key), owners.get(key, "nobody"), rights(value, key)) for key in range(16)
                                           if key in owners])


for command in (Domains, Threads, Gates, Pkru):
    command()
# The nucleus handles these itself: timer ticks, requests from outside, and what its lock-down turns into signals.
for signal_name in ("SIGALRM", "SIGSYS", "SIGUSR1", "SIGUSR2", "SIGTERM", "SIGVTALRM"):
    gdb.execute(f"handle {signal_name} nostop noprint pass", to_string=True)
