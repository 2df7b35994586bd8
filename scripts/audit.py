# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""audit.py - what a built configuration says about itself, for the runners and the tests.

Interface: domains(folder) -> [{name, id, pkey, stack_kib, heap_kib, persist_kib, components, data_start, data_bytes,
persist_start, persist_bytes}], the monitor included and the nucleus not; domain(folder, name); domain_count(folder);
load(folder) -> audit.json; symbol(folder, name) -> address.
data_start is where the slots lie; data and bss follow; persistent data lies apart. This comes from the image itself, not from a
promise about it.
"""
import json
import os

from elftools.elf.elffile import ELFFile


def load(folder):
    with open(os.path.join(folder, "audit.json"), encoding="utf-8") as text:
        return json.load(text)


def domains(folder):
    rows = [row for row in load(folder)["domains"] if row["name"] != "nucleus"]
    with open(os.path.join(folder, "cloister.elf"), "rb") as image:
        elf = ELFFile(image)
        for row in rows:
            data, bss = (elf.get_section_by_name(f".{kind}.{row['name']}") for kind in ("data", "bss"))
            end = max(section["sh_addr"] + section["sh_size"] for section in (data, bss) if section)
            row["data_start"], row["data_bytes"] = data["sh_addr"], end - data["sh_addr"]
            kept = elf.get_section_by_name(f".persist.{row['name']}")
            row["persist_start"], row["persist_bytes"] = (kept["sh_addr"], kept["sh_size"]) if kept else (0, 0)
    return rows


def domain(folder, name):
    return next(row for row in domains(folder) if row["name"] == name)


def symbol(folder, name):
    """The address of a symbol of the image, local ones included; the name must be unique."""
    with open(os.path.join(folder, "cloister.elf"), "rb") as image:
        found = [symbol["st_value"] for symbol in ELFFile(image).get_section_by_name(".symtab").iter_symbols() if symbol.name == name]
    if len(found) != 1:
        raise LookupError(f"{folder}/cloister.elf has {len(found)} symbols called {name}")
    return found[0]


def domain_count(folder):
    """Protection domains of components: the monitor and the nucleus are not counted."""
    return len([row for row in load(folder)["domains"] if row["name"] not in ("monitor", "nucleus")])
