# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""dwarf.py - what a linked object says about itself: the signatures of its global functions, and no section that has no place.

Usage: dwarf.py OBJECT OUT.json, run once per object. OUT maps function -> {"parameters": [kind...], "result": kind},
where a kind is "int4" (signed), "uint8", "pointer", "void", "struct", ...: what decides whether caller and callee agree on a register.
Functions written in assembly have no signature and do not appear.
"""
import json
import os
import sys

from elftools.elf.elffile import ELFFile

SIGNED = {5, 6, 13}      # DW_ATE_signed, _signed_char, _signed_fixed
UNSIGNED = {2, 7, 8, 16} # DW_ATE_boolean, _unsigned, _unsigned_char, _UTF
REFUSED = {
    ".tdata": "no domain has a thread pointer; index an array by thread_self() instead of __thread",
    ".tbss": "no domain has a thread pointer; index an array by thread_self() instead of __thread",
    ".init_array": "nothing runs constructors; use the component's init",
    ".fini_array": "nothing runs destructors",
}
# What PERSISTENT makes. The compiler knows this name, and refuses initial values in it; in a section of another name they would be lost.
PERSISTENT = ".persistent.bss"
TRANSPARENT = {"DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type", "DW_TAG_restrict_type", "DW_TAG_atomic_type"}


def type_kind(die):
    while True:
        if "DW_AT_type" not in die.attributes and die.tag in TRANSPARENT:
            return "void"
        if die.tag not in TRANSPARENT:
            break
        die = die.get_DIE_from_attribute("DW_AT_type")
    if die.tag == "DW_TAG_pointer_type":
        return "pointer"
    size = die.attributes["DW_AT_byte_size"].value if "DW_AT_byte_size" in die.attributes else 0
    if die.tag == "DW_TAG_base_type":
        encoding = die.attributes["DW_AT_encoding"].value
        if encoding in SIGNED:
            return f"int{size}"
        if encoding in UNSIGNED:
            return f"uint{size}"
        return f"float{size}"
    if die.tag == "DW_TAG_enumeration_type":
        return f"uint{size}"
    return die.tag[len("DW_TAG_"):].replace("_type", "")


def kind_of(die):
    return type_kind(die.get_DIE_from_attribute("DW_AT_type")) if "DW_AT_type" in die.attributes else "void"


def check_sections(elf, path):
    for section in elf.iter_sections():
        for prefix, reason in REFUSED.items():
            if section.name.startswith(prefix) and section["sh_size"]:
                raise SystemExit(f"{os.path.basename(path)}: section {section.name}: {reason}")
        if section.name.startswith(".persist") and section.name != PERSISTENT and section["sh_size"]:
            raise SystemExit(f"{os.path.basename(path)}: section {section.name}: data that a restart keeps cannot have an initial value, "
                             "for a restart would not bring it back; say PERSISTENT (core/include/persist.h) and let init set it")


def signatures(path):
    with open(path, "rb") as file:
        elf = ELFFile(file)
        check_sections(elf, path)
        if not elf.has_dwarf_info():
            return {}
        out = {}
        for unit in elf.get_dwarf_info().iter_CUs():
            for die in unit.get_top_DIE().iter_children():
                attributes = die.attributes
                if (die.tag != "DW_TAG_subprogram" or "DW_AT_external" not in attributes or
                        "DW_AT_low_pc" not in attributes or "DW_AT_name" not in attributes):
                    continue
                parameters = [kind_of(child) for child in die.iter_children() if child.tag == "DW_TAG_formal_parameter"]
                varargs = any(child.tag == "DW_TAG_unspecified_parameters" for child in die.iter_children())
                name = attributes["DW_AT_name"].value.decode()
                line = attributes["DW_AT_decl_line"].value if "DW_AT_decl_line" in attributes else 0
                out[name] = {"parameters": parameters + ["..."] * varargs, "result": kind_of(die), "line": line}
        return out


def main():
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        json.dump(signatures(sys.argv[1]), out, sort_keys=True, indent=0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
