# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""verify.py - refuses an image in which a domain could change its own rights.

Usage: verify.py <folder of a configuration> [image]. Reads audit.json and link/gates.o there; the build calls it after the last link.
  1. W^X: no segment is writable and executable (but pc's boot code, which is unmapped before the first domain runs).
  2. Over all executable bytes, at every byte offset, across every border: WRPKRU only at the sites of core/gates; XRSTOR,
     XRSTORS and WRFSBASE/WRGSBASE nowhere. Backend none: not even those WRPKRU.
  3. The gates' text is byte for byte the assembled templates with the addresses of this image; after each WRPKRU stand the
     compare of EAX with the one right constant, the jump to gate_die, and the token's compare.
  4. One system-call instruction, at nucleus_syscall_site.
It does not judge what a nucleus does, and not what a domain does with the rights it has.
"""
import json
import os
import re
import struct
import sys

from elftools.elf.elffile import ELFFile

import gategen
import objects
from symbols import readable

WRPKRU = b"\x0f\x01\xef"
SITE = re.compile(r"^(?P<gate>\w+?)_(?P<half>w|w1|w2|wm)$")
TOKEN_WINDOW_BYTES = 40          # the token's compare follows the value check within so many bytes
COMPARE_SLOT_R11 = b"\x4c\x3b\x1d"
COMPARE_R11_R10 = b"\x4d\x39\xda"
PC_BOOT_END = 0x200000


class VerifyError(Exception):
    pass


def forbidden(code, at):
    """The name of the forbidden instruction whose bytes start at code[at], or None."""
    if code[at] != 0x0F or at + 2 >= len(code):
        return None
    second, modrm = code[at + 1], code[at + 2]
    if second == 0x01 and modrm == 0xEF:
        return "WRPKRU"
    if second == 0xAE:
        if modrm < 0xC0 and modrm >> 3 & 7 == 5:
            return "XRSTOR"
        if 0xD0 <= modrm <= 0xDF:
            return "WRFSBASE/WRGSBASE"
    if second == 0xC7 and modrm < 0xC0 and modrm >> 3 & 7 == 3:
        return "XRSTORS"
    return None


class Verifier:
    def __init__(self, path, audit, gates_path):
        self.path, self.audit, self.gates_path = path, audit, gates_path
        self.mpk = audit["backend"] == "mpk"
        self.pc = audit["platform"] == "pc"
        with open(path, "rb") as file:
            elf = ELFFile(file)
            self.segments = [(s.header, s.data()) for s in elf.iter_segments() if s["p_type"] == "PT_LOAD"]
            self.sections = [(s.name, s["sh_addr"], s["sh_size"]) for s in elf.iter_sections() if s["sh_flags"] & 2]
            self.symbols, self.places = {}, []
            for symbol in elf.get_section_by_name(".symtab").iter_symbols():
                if symbol["st_info"]["bind"] == "STB_GLOBAL" or symbol.name not in self.symbols:
                    self.symbols[symbol.name] = symbol["st_value"]
                if symbol["st_info"]["type"] in ("STT_FUNC", "STT_NOTYPE") and symbol.name and symbol["st_shndx"] != "SHN_ABS":
                    self.places.append((symbol["st_value"], symbol["st_info"]["type"] == "STT_FUNC", symbol.name))
            self.places.sort()

    # ---- naming a place

    def place(self, address):
        section = next((name for name, start, size in self.sections if start <= address < start + size), "?")
        below = [p for p in self.places if p[0] <= address]
        value, _, name = below[-1] if below else (0, 0, "?")
        return f"{section.removeprefix('.text.')}: {readable(name)}+{address - value:#x}"

    def disassembly(self, address):
        """Around address, instruction by instruction, from the symbol that holds it."""
        below = [p[0] for p in self.places if p[0] <= address]
        start = below[-1] if below and address - below[-1] < 4096 else address
        try:
            text = objects.run(["objdump", "-d", "--no-show-raw-insn", "-z", f"--start-address={start:#x}",
                                f"--stop-address={address + 16:#x}", self.path])
        except objects.ToolError:
            return ""
        lines = [line for line in text.splitlines() if re.match(r"\s+[0-9a-f]+:", line)]
        here = [number for number, line in enumerate(lines) if int(line.split(":")[0], 16) <= address][-1:] or [0]
        return "\n".join(lines[max(0, here[0] - 3):here[0] + 3])

    def refuse(self, what, address, advice):
        raise VerifyError(f"{what} in {self.place(address)}\n  at {address:#x}:\n{self.disassembly(address)}\n  {advice}")

    # ---- the checks

    def code(self):
        """Executable bytes as runs of adjacent segments: (address, bytes)."""
        runs = []
        for header, data in sorted(((h, d) for h, d in self.segments if h["p_flags"] & 1), key=lambda item: item[0]["p_vaddr"]):
            data = data.ljust(header["p_memsz"], b"\0")
            if runs and runs[-1][0] + len(runs[-1][1]) == header["p_vaddr"]:
                runs[-1] = (runs[-1][0], runs[-1][1] + data)
            else:
                runs.append((header["p_vaddr"], data))
        return runs

    def check_segments(self):
        for header, _ in self.segments:
            boot = self.pc and header["p_vaddr"] + header["p_memsz"] <= PC_BOOT_END
            if header["p_flags"] & 3 == 3 and not boot:
                raise VerifyError(f"the segment at {header['p_vaddr']:#x} is writable and executable; see scripts/layout.py")

    def sites(self):
        """Where WRPKRU may stand: address -> (label, half)."""
        if not self.mpk:
            return {}
        out = {}
        names = objects.object_symbols(self.gates_path)
        for name in sorted(names.local | names.defined):
            found = SITE.match(name)
            if found and self.read(self.symbols[name], 3) == WRPKRU:
                out[self.symbols[name]] = (found["gate"], found["half"])
        if self.pc and "context_enter" in self.symbols:
            # Ring 0's way out, in supervisor pages: the one WRPKRU outside the gates, first in its function.
            start = self.symbols["context_enter"]
            at = self.read(start, 64).find(WRPKRU)
            if at >= 0:
                out[start + at] = ("context_enter", "supervisor")
        return out

    def read(self, address, count):
        for header, data in self.segments:
            if header["p_vaddr"] <= address < header["p_vaddr"] + len(data):
                return data[address - header["p_vaddr"]:][:count]
        return b""

    def check_bytes(self):
        sites = self.sites()
        for start, code in self.code():
            at = code.find(b"\x0f")
            while at >= 0:
                name = forbidden(code, at)
                if name and not (name == "WRPKRU" and start + at in sites):
                    self.refuse(f"{name} ({code[at:at + 3].hex(' ')})", start + at,
                                "Only core/gates may change rights. If it lies inside or across other instructions, change the code "
                                "there a little (a constant, the order of two statements) and build again.")
                at = code.find(b"\x0f", at + 1)
        return sites

    def check_gates(self, sites):
        """Byte-exact: gates.o with its relocations applied here, independently of the linker."""
        with open(self.gates_path, "rb") as file:
            elf = ELFFile(file)
            text = bytearray(elf.get_section_by_name(".text").data())
            table = elf.get_section_by_name(".symtab")
            base = self.symbols["gates_text"]
            relocations = elf.get_section_by_name(".rela.text")
            for entry in relocations.iter_relocations() if relocations else []:
                symbol = table.get_symbol(entry["r_info_sym"])
                if entry["r_info_type"] not in (2, 4):       # R_X86_64_PC32, R_X86_64_PLT32
                    raise VerifyError(f"core/gates uses relocation type {entry['r_info_type']} for {symbol.name}; gates are RIP-relative")
                value = base + symbol["st_value"] if symbol["st_shndx"] != "SHN_UNDEF" else self.symbols[symbol.name]
                struct.pack_into("<i", text, entry["r_offset"], value + entry["r_addend"] - base - entry["r_offset"])
        actual = self.read(base, len(text))
        for at, (wanted, found) in enumerate(zip(text, actual)):
            if wanted != found:
                self.refuse(f"a gate differs from its template ({found:#04x} instead of {wanted:#04x})", base + at,
                            "core/gates, the linker and this image do not agree; build again from a clean folder.")
        if len(actual) < len(text):
            raise VerifyError("the gates are cut off")
        for address, (gate, half) in sorted(sites.items()):
            if half != "supervisor" and not gate.startswith(("gate_floor", "gate_wrpkru")):
                self.check_site(address, gate, half)

    def reading(self, giver):
        """The monitor's rights, and that domain's memory to read."""
        rows = {d["name"]: d for d in self.audit["domains"]}
        return gategen.reading_pkru(int(rows["monitor"]["pkru"], 16), rows[giver]["pkey"])

    def expected(self, gate, half):
        """The PKRU that a site may load, and whether a token must follow."""
        pkru = {d["name"]: int(d["pkru"], 16) for d in self.audit["domains"]}
        edge = next((e for e in self.audit["edges"] if e["label"] == gate), None)
        if edge:
            domain = {"w1": edge["callee"], "w2": edge["caller"], "wm": "monitor"}[half]
            reads = half == "wm" and edge["kind"] == "gives"
            return self.reading(edge["callee"]) if reads else pkru[domain], edge["kind"] != "light"
        if gate.startswith("resume_"):
            whose = gate[len("resume_"):]
            giver = whose.removeprefix(gategen.READING)
            return (pkru[whose], True) if giver == whose else (self.reading(giver), True)
        if gate == "nucleus_signal_entry":
            return pkru["nucleus"], True
        return None, True

    def check_site(self, address, gate, half):
        value, token = self.expected(gate, half)
        advice = "See core/gates/frame_asm.h: (1) value, (2) token, after every WRPKRU."
        if value is None:
            self.refuse(f"no edge, resume stub or entry is called {gate}: a WRPKRU without an owner", address, "Remove it from core/gates.")
        constant = struct.pack("<I", value)
        if self.read(address - 5, 5) != b"\xb8" + constant:
            self.refuse(f"{gate}_{half} does not load {value:#010x}", address, advice)
        after = self.read(address + 3, 80)
        if after[:5] != b"\x3d" + constant:
            self.refuse(f"{gate}_{half} does not compare EAX with {value:#010x} right after the WRPKRU", address, advice)
        if after[5:7] == b"\x0f\x85":
            target, length = address + 14 + struct.unpack_from("<i", after, 7)[0], 11
        elif after[5] == 0x75:
            target, length = address + 10 + struct.unpack_from("<b", after, 6)[0], 7
        else:
            target, length = 0, 0
        if target != self.symbols["gate_die"]:
            self.refuse(f"{gate}_{half} does not go to gate_die when EAX is wrong", address, advice)
        window = after[length:length + TOKEN_WINDOW_BYTES]
        if token and COMPARE_SLOT_R11 not in window and COMPARE_R11_R10 not in window:
            self.refuse(f"{gate}_{half} does not compare a token after the value", address, advice)

    def check_system_calls(self):
        found = []
        for line in objects.run(["objdump", "-d", "--no-show-raw-insn", self.path]).splitlines():
            match = re.match(r"\s*([0-9a-f]+):\s+(?:\w+ )*(syscall|sysenter|int +\$0x80)\b", line)
            if match:
                found.append((int(match[1], 16), match[2]))
        site = self.symbols.get("nucleus_syscall_site")
        for address, name in found:
            if name != "syscall" or site is None or not site <= address < site + 16:
                self.refuse(f"the instruction {name}", address, "The one system-call instruction is at nucleus_syscall_site in the nucleus.")
        if len(found) > 1:
            self.refuse("a second system-call instruction", found[1][0], "There must be one, at nucleus_syscall_site.")

    def run(self):
        self.check_segments()
        sites = self.check_bytes()
        if self.mpk:
            self.check_gates(sites)
        self.check_system_calls()


def verify_image(path, audit, gates_path):
    Verifier(path, audit, gates_path).run()


def main():
    folder = sys.argv[1]
    image = sys.argv[2] if len(sys.argv) > 2 else os.path.join(folder, "cloister.elf")
    with open(os.path.join(folder, "audit.json"), encoding="utf-8") as text:
        audit = json.load(text)
    try:
        verify_image(image, audit, os.path.join(folder, "link", "gates.o"))
    except (VerifyError, objects.ToolError) as error:
        print(f"verify: {error}", file=sys.stderr)
        return 1
    print(f"verify: {image} keeps every rule")
    return 0


if __name__ == "__main__":
    sys.exit(main())
