# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""layout.py - where everything lies in the image: linker script, address map, and the last step on the program headers.

Interface: address_map(manifest) -> numbers of address_map_asm.h and slots_asm.h; measure(plan, path_of); script(plan, shift) -> linker script;
finish(path, plan).
Domain data has its VMA in the domain window, but no loader may map it there: it is loaded once, read-only, as the pristine
image (LMA), and the nucleus copies it. A linker cannot say "load at the LMA", so finish() rewrites those program headers.
Invariant: physical address = virtual address - TEXT_BASE + base, for everything that is loaded (base is TEXT_BASE on host).
"""
import struct

from elftools.elf.elffile import ELFFile

import objects
from dwarf import PERSISTENT
from prototypes import GateError

PAGE = 0x1000
DEBUG_SECTIONS = ("info abbrev line str line_str aranges ranges rnglists loc loclists frame macro types addr str_offsets").split()


def defines(header, names, manifest, include=()):
    source = f'#include "{header}"\n' + "".join(f"value_{name} {name}\n" for name in names)
    text = objects.run(["gcc", "-E", "-P", "-D__ASSEMBLER__", "-Icore/include", *[f"-I{path}" for path in include], "-x", "c", "-"],
                       manifest["root"], source)
    lines = [line.split() for line in text.splitlines() if line.startswith("value_")]
    return {name[len("value_"):]: int(eval(" ".join(value), {"__builtins__": {}})) for name, *value in lines}


def address_map(manifest):
    names = ["TEXT_BASE", "DOMAIN_BASE", "PUBLIC_BASE", "OWNER_TABLE_BASE", "HEAPS_BASE", "HEAP_AREA_BYTES", "ARENA_BASE",
             "ARENA_BYTES", "STACK_STRIDE", "DOMAIN_MAX", "PKEY_ARENA", "PKEY_PUBLIC"]
    out = defines("address_map_asm.h", names, manifest)
    out.update(defines("slots_asm.h", ["SLOTS_BYTES", "SLOT_EDGES_MAX", "SLOT_CALLS", "SLOT_COPIED"], manifest))
    out["PHYSICAL_BASE"] = out["TEXT_BASE"]
    if manifest["platform"] == "pc":
        out.update(defines("layout_asm.h", ["PHYSICAL_BASE"], manifest, ["core/nucleus/pc"]))
    return out


def pages(size):
    return (size + PAGE - 1) // PAGE * PAGE


def measure(plan, object_of):
    """Each domain's persist_bytes, and whether the data of all domains fits into the window. object_of(domain): its linked object."""
    needs = {}
    for domain in plan.domains[1:]:
        with open(object_of(domain), "rb") as file:
            sections = [section for section in ELFFile(file).iter_sections() if section["sh_flags"] & 3 == 3]   # WRITE, ALLOC
            domain.persist_bytes = pages(sum(section["sh_size"] for section in sections if section.name == PERSISTENT))
            # data, bss and what is persistent; a hole behind each
            needs[domain.name] = pages(sum(s["sh_size"] for s in sections if s.name != PERSISTENT)) + domain.persist_bytes + 3 * PAGE
    room = plan.map["PUBLIC_BASE"] - plan.map["DOMAIN_BASE"]
    if sum(needs.values()) > room:
        largest = max(needs, key=needs.get)
        raise GateError(f"the data of all domains does not fit into the {room // 1024} KiB that the address map has for it: "
                        f"{largest} alone wants {needs[largest] // 1024} KiB, {plan.by_name[largest].persist_bytes // 1024} KiB of it persistent. "
                        "Make its arrays smaller, or take them from its heap")


# Platform pc: the 32-bit entry lies where the boot protocols load it; the note names it. It comes first: multiboot2 looks for its
# header in the first 32 KiB of the file.
PC_HEADERS = "  boot PT_LOAD FLAGS(7);\n  note PT_NOTE FLAGS(4);\n"
PC_BOOT = """  . = 0x100000;
  .boot . : AT(0x100000) { nucleus.o(.boot) } :boot
  .note.pvh ALIGN(4) : AT(ADDR(.note.pvh)) { nucleus.o(.note.pvh) } :boot :note
"""


class Script:
    def __init__(self, plan, shift):
        self.plan, self.map, self.shift = plan, plan.map, shift
        self.delta = plan.map["TEXT_BASE"] - plan.map["PHYSICAL_BASE"]
        self.lines = []

    def add(self, text):
        self.lines.append(text)

    def at(self, section):
        return f"AT(ADDR({section}) - {self.delta:#x})"

    def loaded(self, section, body, header, fill=""):
        self.add(f"  {section} ALIGN({PAGE:#x}) : {self.at(section)} {{ {body} . = ALIGN({PAGE:#x}); }} :{header}{fill}")

    def text(self):
        fill = " =0xCCCCCCCC"                    # int3: nothing between functions is code
        for domain in self.plan.domains:
            name = domain.name
            self.loaded(f".text.{name}", f"image_text_{name} = .; . = . + {2 * self.shift}; {name}.o(.text .text.*)",
                        "text", fill)
            self.add(f"  image_text_{name}_bytes = SIZEOF(.text.{name});")
            if domain.id == 0:
                self.loaded(".gates", f"gates_start = .; . = . + {self.shift}; gates_text = .; gates.o(.text)", "text", fill)
                self.add("  gates_end = gates_start + SIZEOF(.gates);")

    def rodata(self):
        for domain in self.plan.domains:
            name = domain.name
            body = f"image_rodata_{name} = .; {name}.o(.rodata .rodata.* .data.rel.ro .data.rel.ro.*)"
            if domain.id == 0:
                body += " . = ALIGN(8); nucleus_calls = .; gates.o(.nucleus_calls) nucleus_calls_end = .;"
            if domain.id == 1:
                body += " . = ALIGN(16); symbols.o(.symbols)"
            self.loaded(f".rodata.{name}", body, "rodata")
            self.add(f"  image_rodata_{name}_bytes = SIZEOF(.rodata.{name});")

    def nucleus_data(self):
        self.add(f"  .data.nucleus ALIGN({PAGE:#x}) : {self.at('.data.nucleus')} {{ image_data_nucleus = .; nucleus.o(.slots.nucleus) "
                 "nucleus.o(.data .data.*) . = ALIGN(64); } :data")
        self.add(f"  .bss.nucleus : {self.at('.bss.nucleus')} {{ nucleus.o(.bss .bss.* COMMON) . = ALIGN({PAGE:#x}); }} :data")
        self.add("  image_data_nucleus_bytes = ADDR(.bss.nucleus) + SIZEOF(.bss.nucleus) - image_data_nucleus;")
        self.add("  image_pristine_nucleus = image_data_nucleus;")
        self.add("  image_pristine_nucleus_bytes = SIZEOF(.data.nucleus);")
        self.add("  pristine_cursor = image_data_nucleus + image_data_nucleus_bytes;")

    def domain_data(self):
        self.add(f"  . = {self.map['DOMAIN_BASE']:#x};")
        for domain in self.plan.domains[1:]:
            name = domain.name
            self.add(f"  image_pristine_{name} = pristine_cursor;")
            self.add(f"  .data.{name} ALIGN({PAGE:#x}) : AT(image_pristine_{name} - {self.delta:#x}) {{ image_data_{name} = .; "
                     f"{name}.o(.slots.{name}) . = . + {self.shift}; {name}.o(.canary.front) {name}.o(.data .data.*) . = ALIGN(64); }} :pristine_{name}")
            self.add(f"  image_pristine_{name}_bytes = SIZEOF(.data.{name});")
            self.add(f"  pristine_cursor = ALIGN(pristine_cursor + SIZEOF(.data.{name}), {PAGE:#x});")
            self.add(f"  .bss.{name} (NOLOAD) : {{ {name}.o(.bss .bss.* COMMON) {name}.o(.sbss.canary) . = ALIGN({PAGE:#x}); }} :unmapped")
            self.add(f"  image_data_{name}_bytes = ADDR(.bss.{name}) + SIZEOF(.bss.{name}) - image_data_{name};")
            self.add(f"  . = . + {PAGE:#x};")     # a hole: running off one domain's data does not reach the next
            self.persistent_data(domain)
        self.add("  image_end = pristine_cursor;")

    def persistent_data(self, domain):
        """Behind a hole as well: what runs off the data, and faults, has not touched what the restart after it keeps."""
        name = domain.name
        if not domain.persist_bytes:
            self.add(f"  image_persist_{name} = 0;\n  image_persist_{name}_bytes = 0;")
            return
        self.add(f"  .persist.{name} ALIGN({PAGE:#x}) (NOLOAD) : {{ image_persist_{name} = .; {name}.o({PERSISTENT}) . = ALIGN({PAGE:#x}); }} :unmapped")
        self.add(f"  image_persist_{name}_bytes = SIZEOF(.persist.{name});\n  . = . + {PAGE:#x};")

    def whole(self):
        pc = self.plan.manifest["platform"] == "pc"
        self.add("/* Generated by scripts/layout.py: see docs/build.md and core/include/address_map_asm.h. */")
        self.add("OUTPUT_FORMAT(elf64-x86-64)\nENTRY(nucleus_start)\nPHDRS {")
        if pc:
            self.add(PC_HEADERS.rstrip())
        self.add("  text PT_LOAD FLAGS(5);\n  rodata PT_LOAD FLAGS(4);\n  data PT_LOAD FLAGS(6);")
        for domain in self.plan.domains[1:]:
            self.add(f"  pristine_{domain.name} PT_LOAD FLAGS(4);")
        self.add("  unmapped PT_NULL FLAGS(0);\n  stack PT_GNU_STACK FLAGS(6);\n}\nSECTIONS {")
        if pc:
            self.add(PC_BOOT.rstrip())
        self.add(f"  . = {self.map['TEXT_BASE']:#x};")
        self.text()
        self.rodata()
        self.nucleus_data()
        self.domain_data()
        m = self.map
        self.add(f"  public_area = {m['PUBLIC_BASE']:#x};\n  owner_table = {m['OWNER_TABLE_BASE']:#x};")
        self.add(f"  chunk_class = owner_table + {m['ARENA_BYTES'] // 256 * 8:#x};\n  arena = {m['ARENA_BASE']:#x};")
        self.add("  .got 0 : { *(.got .got.plt .plt .iplt .igot.plt) } :NONE")
        self.add('  ASSERT(SIZEOF(.got) == 0, "the image needs a GOT: some object was compiled without core/include/hidden.h")')
        self.add("  .nothing 0 : { gates.o(.data .bss .rodata) symbols.o(.text .data .bss) } :NONE")
        self.add('  ASSERT(SIZEOF(.nothing) == 0, "core/gates has data: gates name slots only")')
        for name in DEBUG_SECTIONS:
            self.add(f"  .debug_{name} 0 : {{ *(.debug_{name}) }} :NONE")
        self.add("  /DISCARD/ : { *(.comment .note.GNU-stack .note.gnu.property .eh_frame .eh_frame_hdr .rela* .group) }\n}")
        return "\n".join(self.lines) + "\n"


# By how much the data behind the slots can be moved, and text by twice that: a distance may happen to spell a forbidden
# instruction; so the distances from text to data, to what has a fixed address, and from gates to data and slots all
# change.
SHIFTS = (0, 64, 192)


def script(plan, shift=0):
    return Script(plan, shift).whole()


def finish(path, plan):
    """Pristine images: p_vaddr becomes where they are loaded; read-only. Domain data is then mapped by nobody but the nucleus."""
    domain_base = plan.map["DOMAIN_BASE"]
    delta = plan.map["TEXT_BASE"] - plan.map["PHYSICAL_BASE"]
    with open(path, "r+b") as image:
        header = image.read(64)
        table, = struct.unpack_from("<Q", header, 32)
        size, count = struct.unpack_from("<HH", header, 54)
        for number in range(count):
            image.seek(table + number * size)
            entry = list(struct.unpack("<IIQQQQQQ", image.read(56)))
            kind, _, offset, virtual, physical, file_bytes, _, align = entry
            if kind == 0:
                entry = [0] * 8
            elif kind == 1 and virtual >= domain_base:
                entry[1], entry[3], entry[6] = 4, physical + delta, file_bytes
                if align and (offset - entry[3]) % align:
                    raise objects.ToolError(f"pristine image at {virtual:#x} is not page aligned in the file")
            image.seek(table + number * size)
            image.write(struct.pack("<IIQQQQQQ", *entry))
