# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_fs.py - fs used through real gates and as function calls, until it is full, and started again (tests/components/fsuser);
and its persistent memory: where it lies, that it takes no room in the image, and none in memory before it is used."""
import os
import re
import struct

from elftools.elf.elffile import ELFFile

import audit
import common
import ktap
import pc
import pc_common
from common import check, equal

CONFIG = "tests/configs/fs_defconfig"
TIMEOUT_SECONDS = 60
LEAST_CHECKS = 110
FILES_KIB = 65536             # domains/fs/Kconfig: the default
IDLE_KIB_MAX = 16384          # what the domains' memory may take before anybody uses a file
# How struct domain (core/include/domain.h) begins: name, key and rights, the pairs text and rodata, slots, the pairs data, pristine,
# persist
DOMAIN_ROW = struct.Struct("<QII4QQ2Q2Q2Q")


def variant_without_keys():
    return "tests/configs/none.config", common.fragment("fs-none")


def run(fragments=()):
    folder = common.image(CONFIG, fragments=fragments)
    status, lines = common.boot_to_end(os.path.join(folder, "cloister.elf"), ["exit=thread"], TIMEOUT_SECONDS)
    found = re.search(r"FSUSER end checks=(\d+) wrong=(\d+)", "\n".join(lines))
    check(found, f"no result line; status {status}\n{common.tail(lines)}")
    check(found[2] == "0", "\n".join(line for line in lines if "FSUSER wrong" in line))
    check(int(found[1]) >= LEAST_CHECKS, f"only {found[1]} checks ran\n{common.tail(lines)}")
    equal("exit status", status, 0)
    return f"{found[1]} checks"


def tables(folder, domains):
    """{domain: (persist_start, persist_bytes)}, from each copy of the table in the image."""
    with open(os.path.join(folder, "cloister.elf"), "rb") as image:
        elf = ELFFile(image)
        sections = [s for s in elf.iter_sections() if s["sh_type"] == "SHT_PROGBITS" and s["sh_flags"] & 2]

        def read(address, count):
            section = next(s for s in sections if s["sh_addr"] <= address < s["sh_addr"] + s["sh_size"])
            return section.data()[address - section["sh_addr"]:][:count]
        for symbol in elf.get_section_by_name(".symtab").iter_symbols():
            if symbol.name == "domain_table":
                table = read(symbol["st_value"], symbol["st_size"])
                rows = [DOMAIN_ROW.unpack_from(table, at) for at in range(0, len(table), len(table) // domains)]
                yield {read(row[0], 32).split(b"\0")[0].decode(): row[12:14] for row in rows}


def section(fragments, domain):
    folder = common.image(CONFIG, fragments=fragments)
    rows = {row["name"]: (row["persist_start"], row["persist_bytes"]) for row in audit.domains(folder)}
    start, size = rows[domain]
    check(FILES_KIB * 1024 < size < FILES_KIB * 1024 * 1.01 and start % 4096 == 0 and size % 4096 == 0, f"{size} bytes at {start:#x}")
    whose = audit.domain(folder, domain)
    check(start > whose["data_start"] + whose["data_bytes"], "no hole between the data and what is persistent")
    copies = list(tables(folder, len(rows) + 1))   # and the nucleus
    check(len(copies) == 2, f"{len(copies)} tables")
    for table in copies:
        equal("table", {name: pair if pair[1] else (0, 0) for name, pair in table.items() if name != "nucleus"}, rows)
    with open(os.path.join(folder, "cloister.elf"), "rb") as image:
        elf = ELFFile(image)
        kept = elf.get_section_by_name(f".persist.{domain}")
        equal("type of the section", kept["sh_type"], "SHT_NOBITS")
        check(not any(s["p_vaddr"] < start + size and s["p_vaddr"] + s["p_memsz"] > start for s in elf.iter_segments()),
              "a segment would load it")
    return f"{size // 1024} KiB at {start:#x}"


def no_room_in_the_image():
    sizes = [os.path.getsize(os.path.join(common.image(CONFIG, fragments=fragments), "cloister.elf"))
             for fragments in ((), (common.fragment("fs-small", "CONFIG_FS_FILES_KIB=64\n"),))]
    check(abs(sizes[0] - sizes[1]) < 4096, f"the image has {sizes[0]} bytes with {FILES_KIB} KiB for files, {sizes[1]} with 64")
    return f"{sizes[0]} bytes"


def idle_memory():
    folder = common.image(CONFIG, fragments=(common.fragment("fs-idle", "# CONFIG_FSUSER is not set\nCONFIG_TIME=y\n"),))
    with common.system.System(os.path.join(folder, "cloister.elf"), network=False) as running:
        running.wait_ready()
        with open(f"/proc/{running.process.pid}/status", encoding="ascii") as text:
            shared = int(re.search(r"^RssShmem:\s+(\d+) kB", text.read(), re.M)[1])
    check(shared < IDLE_KIB_MAX, f"{shared} KiB of domain memory in use at idle")
    return f"{shared} KiB in use at idle"


def run_on_pc():
    folder = common.image(CONFIG, fragments=(common.fragment("fs-bare", "CONFIG_FS_FILES_KIB=4096\n"),), platform="pc")
    status, lines = pc_common.boot(folder, ["exit=thread"])
    check(any(re.match(r"FSUSER end checks=\d+ wrong=0", line) for line in lines), common.tail(lines))
    equal("exit status", status, 0)


def cases():
    yield ktap.Case("fs through gates", run, common.skip_of(mpk=True, network=False))
    yield ktap.Case("fs as function calls", lambda: run(variant_without_keys()), common.skip_of(mpk=False, network=False))
    yield ktap.Case("fs through gates, on pc", run_on_pc, pc.missing("kernel"))
    yield ktap.Case("persistent memory is where the tables say", lambda: section((), "fs"))
    yield ktap.Case("persistent memory is where the tables say, without keys", lambda: section(variant_without_keys(), "system"))
    yield ktap.Case("persistent memory takes no room in the image", no_room_in_the_image)
    yield ktap.Case("persistent memory takes none before it is used", idle_memory, common.skip_of(mpk=True, network=False))
