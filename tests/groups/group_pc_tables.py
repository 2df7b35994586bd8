# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_pc_tables.py - what CPL 3 can reach on bare x86-64, read from outside a machine that serves.

QEMU stands still and hands out its memory; page tables, interrupt gates, segments and the task state are walked here,
by nothing of ours. Each rule has a control: the same memory with one bit turned, in which the rule must find a breach.
"""
import os
import re
import struct

from elftools.elf.elffile import ELFFile

import audit
import common
import forward
import group_pc_net
import ktap
import network
import pc
import pc_common
from common import check, equal

CONFIG = "separate"
MEMORY_MIB = 64
PAGE = 0x1000
# core/include/address_map_asm.h, core/nucleus/pc/layout_asm.h, core/include/virtio_ring.h
TEXT_BASE, PHYSICAL_BASE, PUBLIC_BASE, OWNER_TABLE_BASE = 0x200000000, 0x200000, 0x270000000, 0x271000000
STACKS_BASE, STACK_AREA_BYTES, STACK_STRIDE = 0x300000000, 0x1000000, 0x20000
HEAPS_BASE, HEAP_AREA_BYTES, ARENA_BASE, ARENA_BYTES = 0x400000000, 0x40000000, 0x800000000, 0x4000000
ALIAS_OFFSET, WINDOW, WINDOW_BUFFERS, WINDOW_PAGES = 0x10000000000, group_pc_net.WINDOW, 4, 260
ENTROPY_WINDOW = WINDOW + 0x200000
PKEY_ARENA, PKEY_PUBLIC = 14, 15
PRESENT, WRITE, USER, LARGE, NX = 1, 2, 4, 0x80, 1 << 63
ADDRESS = 0xFFFFFFFFFF000
CODE, TASK = 0x08, 0x28
VECTOR_BREAKPOINT, VECTORS = 3, 96
CR0 = {"PE": 0, "EM": 2, "ET": 4, "NE": 5, "WP": 16, "PG": 31}                # exactly these
CR4 = {"PAE": 5, "UMIP": 11, "SMEP": 20, "SMAP": 21, "PKE": 22}
EFER = {"SCE": 0, "LME": 8, "LMA": 10, "NXE": 11}


class Breach(Exception):
    pass


def need(condition, text):
    if not condition:
        raise Breach(text)


class Image:
    """What the build says lies where: symbols, and the domains' areas."""

    def __init__(self, folder):
        with open(os.path.join(folder, "cloister.elf"), "rb") as image:
            table = ELFFile(image).get_section_by_name(".symtab")
            self.symbols = {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}
        rows = audit.domains(folder)
        self.text = [self.area("text", row["name"]) for row in rows]
        self.text.append((self.symbols["gates_start"], self.symbols["gates_end"]))
        devices = audit.load(folder)["devices"]
        self.window_key, self.entropy_key = (audit.domain(folder, devices[name])["pkey"]
                                             for name in ("net0", "entropy"))
        self.data = [(PUBLIC_BASE, OWNER_TABLE_BASE, PKEY_PUBLIC),
                     (OWNER_TABLE_BASE, OWNER_TABLE_BASE + ARENA_BYTES // 256 * 8 + ARENA_BYTES // 65536, PKEY_PUBLIC),
                     (ARENA_BASE, ARENA_BASE + ARENA_BYTES, PKEY_ARENA)]
        self.constants = []
        for row in rows:
            self.constants.append((*self.area("rodata", row["name"]), row["pkey"]))
            stacks = STACKS_BASE + row["id"] * STACK_AREA_BYTES
            heap = HEAPS_BASE + row["id"] * HEAP_AREA_BYTES
            self.data += [(*self.area(kind, row["name"]), row["pkey"]) for kind in ("data", "persist")]
            self.data += [(stacks, stacks + STACK_AREA_BYTES, row["pkey"]),
                          (heap, heap + row["heap_kib"] * 1024, row["pkey"])]

    def area(self, kind, name):
        start = self.symbols[f"image_{kind}_{name}"]
        return start, start + self.symbols[f"image_{kind}_{name}_bytes"]


def key_of(areas, address):
    """The key of the one area that holds address; None: none does."""
    return next((key for start, end, key in areas if start <= address < end), None)


class Stopped:
    """A machine's memory and registers, at one moment."""

    def __init__(self, memory, registers):
        self.memory, self.registers = bytearray(memory), registers

    def word(self, at):
        return struct.unpack_from("<Q", self.memory, at)[0]

    def leaves(self):
        """(address, physical, bytes, flags, where the entry is) of what is mapped, with the rights of all levels."""
        def walk(table, shift, base, upper):
            for index in range(512):
                at = table + 8 * index
                entry = self.word(at)
                if not entry & PRESENT:
                    continue
                address = base + (index << shift)
                flags = entry & (upper | ~(WRITE | USER)) | (upper & NX)
                if shift == 12 or (shift < 39 and entry & LARGE):
                    yield address, entry & ADDRESS & -(1 << shift), 1 << shift, flags, at
                else:
                    self.tables.add(entry & ADDRESS)
                    yield from walk(entry & ADDRESS, shift - 9, address, flags & (WRITE | USER | NX))
        root = self.registers["CR3"] & ADDRESS
        self.tables = {root}
        return list(walk(root, 39, 0, WRITE | USER))

    def at(self, address, count):
        """Bytes at an address of the running system."""
        page = next(leaf for leaf in self.leaves() if leaf[0] <= address < leaf[0] + leaf[2])
        return bytes(self.memory[page[1] + address - page[0]:][:count])


# ---- the rules

def rule_pages(machine, image):
    """Every page that CPL 3 reaches: what it is, under which key; and no page anywhere that is written and executed."""
    users, writable, executable, windows, entropy = {}, set(), set(), 0, False
    for address, physical, size, flags, _ in machine.leaves():
        key = flags >> 59 & 15
        frames = range(physical, physical + size, PAGE)
        need(not (flags & WRITE and not flags & NX), f"{address:#x} is writable and executable")
        writable.update(frames if flags & WRITE else ())
        executable.update(frames if not flags & NX else ())
        if not flags & USER:
            continue
        need(size == PAGE and physical not in users,
             f"{physical:#x} is mapped at {users.get(physical, 0):#x} and at {address:#x}")
        users[physical] = address
        if WINDOW <= address < WINDOW + WINDOW_PAGES * PAGE:
            windows += bool(flags & WRITE)
            need(flags & NX and key == image.window_key, f"{address:#x}, in the device's window, has key {key}")
            need(not flags & WRITE or (address - WINDOW) // PAGE == WINDOW_BUFFERS - 1,
                 f"{address:#x} in the window is writable")
        elif address == ENTROPY_WINDOW:
            entropy = True
            need(flags & NX and not flags & WRITE and key == image.entropy_key,
                 f"{address:#x}, the source of entropy's window")
        elif not flags & NX:
            need(key == 0 and any(start <= address < end for start, end in image.text),
                 f"{address:#x} is executable, with key {key}")
        elif flags & WRITE:
            need(key and key == key_of(image.data, address), f"{address:#x} is writable, with key {key}")
        else:
            need(key and key == key_of(image.constants, address), f"{address:#x} is readable, with key {key}")
    need(not writable & executable,
         f"text that is writable elsewhere: {[hex(frame) for frame in writable & executable][:3]}")
    need(not machine.tables & set(users), "a page table is in reach of CPL 3")
    check(len(users) > 200 and windows == 1 and entropy,
          f"only {len(users)} pages, {windows} writable ones in the window: nothing was tested")
    return f"{len(users)} pages of CPL 3"


def rule_gates(machine, image):
    """No interrupt gate but int3's can be called, and each leads into ring 0's text."""
    start, end = image.area("text", "nucleus")
    base, limit = machine.registers["IDT"]
    need(limit == VECTORS * 16 - 1, f"the table has {limit + 1} bytes")
    table = machine.at(base, limit + 1)
    for vector in range(VECTORS):
        low, selector, stack, kind, middle, high, _ = struct.unpack_from("<HHBBHII", table, vector * 16)
        need(kind == (0xEE if vector == VECTOR_BREAKPOINT else 0x8E),
             f"the gate of vector {vector} is of kind {kind:#x}")
        need(selector == CODE and start <= (high << 32 | middle << 16 | low) < end, f"vector {vector} leads elsewhere")
        need(bool(stack) == (vector < 32), f"vector {vector} has stack {stack}")


def rule_segments(machine, image):
    """Code of CPL 3 is 64-bit code; no call gate, no local table, no I/O bitmap."""
    base, limit = machine.registers["GDT"]
    table = struct.unpack(f"<{(limit + 1) // 8}Q", machine.at(base, limit + 1))
    for index, entry in enumerate(table[:TASK // 8]):
        access = entry >> 40 & 0xFF
        need(not access & 0x80 or access & 0x10, f"descriptor {index} is a gate")
        need(access & 0x98 != 0x98 or entry >> 53 & 3 == 1, f"descriptor {index} is 32-bit code")
        need(access & 0x9C != 0x9C, f"descriptor {index} is conforming code")
    need(len(table) == TASK // 8 + 2 and table[TASK // 8] >> 40 & 0xFF in (0x89, 0x8B),
         "more descriptors than that of the task state")
    state, size = machine.registers["TR"]
    need(struct.unpack_from("<H", machine.at(state, 104), 102)[0] > size, "the I/O bitmap is within the task state")
    need(machine.registers["LDT"][0] == 0, "there is a local descriptor table")


def rule_registers(machine, image):
    for name, wanted in (("CR0", CR0), ("CR4", CR4), ("EFER", EFER)):
        expected = sum(1 << bit for bit in wanted.values())
        need(machine.registers[name] == expected,
             f"{name} is {machine.registers[name]:#x}, not {expected:#x} ({' '.join(wanted)})")
    need(machine.registers["DR7"] & 0xFF == 0, "a breakpoint of the debug registers is armed")


# ---- a machine that serves

def read(kind, folder=None):
    folder = folder or common.image(CONFIG, platform="pc")
    link = forward.Forward(network.free_port())
    with pc.Machine(os.path.join(folder, "cloister.elf"), machine=kind, link=link, memory_mib=MEMORY_MIB,
                    options=forward.entropy(kind)) as running:
        group_pc_net.wait_serving(running)
        group_pc_net.talk(running)
        path = os.path.join(running.folder, "memory")
        running.ask({"execute": "stop"},
                    {"execute": "pmemsave", "arguments": {"val": 0, "size": MEMORY_MIB << 20, "filename": path}})
        text = running.ask({"execute": "human-monitor-command", "arguments": {"command-line": "info registers"}})
        with open(path, "rb") as data:
            memory = data.read()
    registers = {name: int(value, 16) for name, value in re.findall(r"\b(CR[034]|EFER|DR7)=([0-9a-f]+)", text)}
    for name, base, limit in re.findall(r"^(GDT|IDT|TR|LDT) *=(?:[0-9a-f]{4})? *([0-9a-f]{16}) ([0-9a-f]{8})", text,
                                        re.M):
        registers[name] = int(base, 16), int(limit, 16)
    return Stopped(memory, registers), Image(folder)


RULES = {"pages": rule_pages, "interrupt gates": rule_gates, "segments": rule_segments,
         "control registers": rule_registers}


def turned(machine, address, mask):
    """The same machine, with bits of the entry that maps address turned."""
    other = Stopped(machine.memory, dict(machine.registers))
    at = next(leaf[4] for leaf in machine.leaves() if leaf[0] == address & -leaf[2])
    struct.pack_into("<Q", other.memory, at, machine.word(at) ^ mask)
    return other


def patched(machine, address, value):
    other = Stopped(machine.memory, dict(machine.registers))
    page = next(leaf for leaf in machine.leaves() if leaf[0] <= address < leaf[0] + leaf[2])
    other.memory[page[1] + address - page[0]] = value
    return other


def breaches(machine, image):
    """(what was done to the machine, rule, machine)"""
    nucleus, kv = image.area("text", "nucleus")[0], image.area("text", "kv")[0]
    data = image.area("data", "kv")[0]
    idt, gdt, state = (machine.registers[name][0] for name in ("IDT", "GDT", "TR"))
    yield "text is writable", rule_pages, turned(machine, kv, WRITE)
    yield "text is readable", rule_pages, turned(machine, kv, 2 << 59)
    yield "data is executable", rule_pages, turned(machine, data, NX)
    yield "data has key 0", rule_pages, turned(machine, data, key_of(image.data, data) << 59)
    yield "data has another domain's key", rule_pages, turned(machine, data, 1 << 59)
    yield "ring 0's text is in reach", rule_pages, turned(machine, nucleus, USER)
    yield "ring 0's text is writable", rule_pages, turned(machine, nucleus, WRITE)
    yield "ring 0's data is in reach", rule_pages, turned(machine, gdt, USER)
    yield "the alias is in reach", rule_pages, turned(machine, data + ALIAS_OFFSET, USER)
    yield "the descriptor table is writable", rule_pages, turned(machine, WINDOW + PAGE, WRITE)
    yield "random answers are writable", rule_pages, turned(machine, ENTROPY_WINDOW, WRITE)
    yield "a second gate can be called", rule_gates, patched(machine, idt + 16 * 14 + 5, 0xEE)
    yield "there is 32-bit code", rule_segments, patched(machine, gdt + 0x18 + 6, 0xCF)
    yield "there is an I/O bitmap", rule_segments, patched(machine, state + 102, 0)
    for name in CR4:
        other = Stopped(machine.memory, {**machine.registers, "CR4": machine.registers["CR4"] ^ 1 << CR4[name]})
        yield f"CR4 has no {name}", rule_registers, other


def controls(machine, image):
    count = 0
    for name, rule, other in breaches(machine, image):
        try:
            rule(other, image)
        except Breach:
            count += 1
            continue
        raise common.Failure(f"{name}: the rule did not notice")
    return f"{count} breaches, each noticed"


def holds(rule, machine, image):
    try:
        return rule(machine, image)
    except Breach as breach:
        raise common.Failure(str(breach)) from breach


def not_frozen():
    """The control build: its driver's table is writable."""
    machine, image = read("q35", pc_common.probe(CONFIG))
    try:
        rule_pages(machine, image)
    except Breach as breach:
        equal("what was noticed", str(breach), f"{WINDOW + PAGE:#x} in the window is writable")
        return
    raise common.Failure("the rule did not notice")


def cases():
    skip = pc.missing()
    states = {}

    def state(kind):
        if kind not in states:
            states[kind] = read(kind)
        return states[kind]
    for kind in ("q35", "microvm"):
        for name, rule in RULES.items():
            yield ktap.Case(f"{kind}: {name}", lambda rule=rule, kind=kind: holds(rule, *state(kind)), skip)
    yield ktap.Case("control: each rule notices a breach", lambda: controls(*state("q35")), skip)
    yield ktap.Case("control: the build without the frozen table", not_frozen, skip)
