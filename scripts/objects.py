# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""objects.py - object files and archives: run the binutils, read symbols.

Interface: run, Symbols, object_symbols, archive_members, rename, keep_global, write_if_changed.
Invariant: every tool runs in the folder it is told, with relative names, so that outputs do not depend on where a tree lies.
"""
import os
import subprocess
import sys
from dataclasses import dataclass, field


class ToolError(Exception):
    pass


VERBOSE = False


def run(command, cwd=None, text_input=None):
    if VERBOSE:
        print(" ".join(command), file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=cwd, input=text_input, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(f"{' '.join(command[:6])}{' ...' if len(command) > 6 else ''}\n{(done.stderr or done.stdout).strip()}")
    if done.stderr and command[0] not in ("nm", "objdump"):   # they remark on empty members and tables
        sys.stderr.write(done.stderr)
    return done.stdout


def run_all(commands, cwd):
    """Several compiler runs at once; the first failure counts."""
    running = [(command, subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
               for command in commands]
    failed = None
    for command, process in running:
        if VERBOSE:
            print(" ".join(command), file=sys.stderr, flush=True)
        text = process.communicate()[0]
        if process.returncode and failed is None:
            failed = ToolError(f"{' '.join(command[-4:])}\n{text.strip()}")
    if failed:
        raise failed


@dataclass
class Symbols:
    defined: set = field(default_factory=set)   # global
    local: set = field(default_factory=set)
    undefined: set = field(default_factory=set)


def parse_nm(lines):
    out = Symbols()
    for line in lines:
        parts = line.split()
        if len(parts) < 2:
            continue
        name, kind = parts[0], parts[1]
        if kind in "Uwv":
            out.undefined.add(name)
        elif kind.isupper() or kind in "ui":
            out.defined.add(name)
        else:
            out.local.add(name)
    return out


def object_symbols(path):
    return parse_nm(run(["nm", "-P", path]).splitlines())


def archive_members(path):
    """member -> Symbols"""
    members, name, lines = {}, None, []
    for line in run(["nm", "-P", "-A", path]).splitlines():
        head, _, rest = line.partition("]: ")
        member = head.rpartition("[")[2]
        if member != name:
            if name:
                members[name] = parse_nm(lines)
            name, lines = member, []
        lines.append(rest)
    if name:
        members[name] = parse_nm(lines)
    return members


def rename(source, target, names, cwd):
    """objcopy --redefine-syms"""
    listing = target + ".rename"
    with open(os.path.join(cwd, listing), "w", encoding="utf-8") as out:
        out.writelines(f"{old} {new}\n" for old, new in sorted(names.items()))
    run(["objcopy", f"--redefine-syms={listing}", source, target], cwd)


def keep_global(source, target, names, cwd):
    listing = target + ".global"
    with open(os.path.join(cwd, listing), "w", encoding="utf-8") as out:
        out.writelines(f"{name}\n" for name in sorted(names))
    run(["objcopy", f"--keep-global-symbols={listing}", source, target], cwd)


def write_if_changed(path, text):
    try:
        with open(path, encoding="utf-8") as old:
            if old.read() == text:
                return False
    except OSError:
        pass
    with open(path + ".new", "w", encoding="utf-8") as new:
        new.write(text)
    os.replace(path + ".new", path)              # a build that is stopped here leaves the old file whole
    return True
