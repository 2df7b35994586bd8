# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_build.py - what the build promises: the same bytes everywhere, placement is a link, gates only where they belong;
and what the sources promise their readers."""
import filecmp
import glob
import os

from elftools.elf.elffile import ELFFile

import common
import ktap
import tree_copy
from common import check

WRPKRU = bytes([0x0f, 0x01, 0xef])
COLUMNS = 120
WITHIN_COLUMNS = ("core/nucleus/pc/*", "core/include/device.h", "core/include/virtio_ring.h",
                  "drivers/virtio-net/*", "drivers/entropy/*", "scripts/pc.py", "scripts/forward.py",
                  "tests/groups/group_pc*.py", "tests/groups/pc_common.py", "tests/components/privileged/*",
                  "tests/components/hostile/*", "docs/pc.md", "docs/virtio.md", "docs/firecracker.md")


def build_copy(config, fragments=()):
    status, output = tree_copy.make(config, fragments)
    check(status == 0, f"the build failed with {status}\n" + common.tail(output.splitlines()))
    return os.path.join(tree_copy.out(), config, "cloister.elf")


def identical(config):
    here = os.path.join(common.image(config), "cloister.elf")
    there = build_copy(config)
    check(filecmp.cmp(here, there, shallow=False), f"{here} and {there} differ (try diffoscope)")
    return f"{os.path.getsize(here)} bytes"


def objects():
    """Every compiled object and its time, the trusted code included."""
    return {os.path.join(folder, name): os.stat(os.path.join(folder, name)).st_mtime_ns
            for folder, _, names in os.walk(os.path.join(tree_copy.out(), "obj")) for name in names
            if name.endswith(".o")}


def placement():
    elf = build_copy("separate")
    with open(elf, "rb") as image:
        first = image.read()
    before = objects()
    fragment = os.path.join(tree_copy.root(), "placement.config")
    with open(fragment, "w", encoding="utf-8") as out:
        out.write('CONFIG_TIME_DOMAIN="sched"\nCONFIG_TAP_DOMAIN="net"\n')
    build_copy("separate", ["placement.config"])
    with open(elf, "rb") as image:
        check(image.read() != first, "another placement gave the same image")
    compiled = sorted(name for name, when in objects().items() if before.get(name) != when)
    check(not compiled, "a placement change compiled again:\n" + "\n".join(compiled[:10]))
    os.unlink(fragment)
    build_copy("separate")
    with open(elf, "rb") as image:
        check(image.read() == first, "back at the first placement, the image differs from the first one")
    return f"{len(before)} objects kept"


def keys_of(config):
    """(addresses of WRPKRU bytes in loaded executable segments, whether anything loaded is writable and executable)"""
    found, bad = [], []
    with open(os.path.join(common.image(config), "cloister.elf"), "rb") as image:
        for segment in ELFFile(image).iter_segments():
            if segment["p_type"] != "PT_LOAD":
                continue
            if segment["p_flags"] & 3 == 3:
                bad.append(hex(segment["p_vaddr"]))
            data, at = segment.data(), -1
            while segment["p_flags"] & 1 and (at := data.find(WRPKRU, at + 1)) >= 0:
                found.append(segment["p_vaddr"] + at)
    return found, bad


def no_wrpkru():
    found, _ = keys_of("monolith")
    check(not found, "WRPKRU at " + " ".join(map(hex, found)))


def wrpkru_in_separate():
    # The control: the scan above finds what is there.
    found, _ = keys_of("separate")
    check(len(found) >= 2, "no WRPKRU found in separate: the scan is wrong")
    return f"{len(found)} in the gates"


def write_xor_execute(config):
    _, bad = keys_of(config)
    check(not bad, "segments that are writable and executable: " + " ".join(bad))


def blank_in_a_path():
    status, output = tree_copy.make("separate", further=["O=/nowhere/a b"])
    check(status != 0 and "must each be one path without blanks" in output, f"status {status}\n{common.tail(output.splitlines())}")


def columns():
    """.editorconfig's limit, where it is kept already; a table of a document cannot be broken. The rest is to follow."""
    names = [name for pattern in WITHIN_COLUMNS for name in glob.glob(pattern, root_dir=common.ROOT)]
    check(len(names) > 50, f"only {len(names)} files")
    found = []
    for name in names:
        with open(os.path.join(common.ROOT, name), encoding="utf-8") as text:
            found += [f"{name}:{number}: {len(line.rstrip())} columns" for number, line in enumerate(text, 1)
                      if len(line.rstrip()) > COLUMNS and not line.startswith("|")]
    check(not found, "\n".join(found))


def cases():
    for config in common.BOTH:
        yield ktap.Case(f"{config}: byte-identical in another folder", lambda config=config: identical(config))
        yield ktap.Case(f"{config}: nothing is writable and executable",
                        lambda config=config: write_xor_execute(config))
    yield ktap.Case("no WRPKRU in monolith", no_wrpkru)
    yield ktap.Case("control: WRPKRU is found in separate", wrpkru_in_separate)
    yield ktap.Case("another placement links and does not compile", placement)
    yield ktap.Case(f"no line has more than {COLUMNS} columns", columns)
    yield ktap.Case("a blank in O is refused, and says so", blank_in_a_path)
