# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_illegal.py - each illegal configuration or component is refused with its exact message.

One file per case, tests/illegal/<name>.txt (tests/illegal/README.md has the form). Built in a copy of the tree.
"""
import glob
import os
import re
import shutil

import common
import ktap
import tree_copy
from common import check

FOLDER = os.path.join(common.ROOT, "tests", "illegal")
# A component, for the cases that bring a header or a source.
KCONFIG = """config ILLEGAL
	bool "illegal"
	default y

config ILLEGAL_DOMAIN
	string
	depends on BACKEND_MPK
	default "illegal"
"""
MAKEFILE = """components += illegal
illegal-src := illegal.c
illegal-header := domains/illegal/illegal.h
illegal-uses := {uses}
illegal-lock := {lock}
illegal-devices := {devices}
"""


def place(found):
    """{file: text} in an expected line stands for file:line, of the file's first line with that text."""
    with open(os.path.join(common.ROOT, found[1]), encoding="utf-8") as text:
        for number, line in enumerate(text, 1):
            if found[2] in line:
                return f"{found[1]}:{number}"
    raise LookupError(f"{found[1]} has no line with {found[2]}")


def parse(path):
    """{'expect': [lines], 'config': text, 'illegal.h': text, ...}"""
    case = {"expect": [], "base": "separate", "uses": "", "lock": "reentrant", "devices": ""}
    part = None
    with open(path, encoding="utf-8") as text:
        for line in text:
            if line.startswith("--- "):
                part = line[4:].strip()
                case[part] = ""
            elif part:
                case[part] += line
            elif line.startswith("expect: "):
                case["expect"].append(re.sub(r"\{(\S+): (.*?)\}", place, line[len("expect: "):].rstrip("\n")))
            elif line.strip() and not line.startswith("#"):
                key, _, value = line.partition(":")
                case[key.strip()] = value.strip()
    return case


def refused(path):
    case = parse(path)
    check(case["expect"], f"{path} expects nothing")
    component = os.path.join(tree_copy.root(), "domains", "illegal")
    shutil.rmtree(component, ignore_errors=True)
    with open(os.path.join(tree_copy.root(), "illegal.config"), "w", encoding="utf-8") as out:
        out.write('CONFIG_NAME="illegal"\n' + case.get("config", ""))
    if "illegal.h" in case or "illegal.c" in case:
        os.makedirs(component)
        files = {"Kconfig": KCONFIG, "Makefile": MAKEFILE.format(**{key: case[key] for key in ("uses", "lock", "devices")}),
                 "illegal.h": case.get("illegal.h", ""), "illegal.c": case.get("illegal.c", '#include "illegal.h"\n')}
        for name, text in files.items():
            with open(os.path.join(component, name), "w", encoding="utf-8") as out:
                out.write(text)
    try:
        status, output = tree_copy.make(case["base"], ["illegal.config"])
    finally:
        shutil.rmtree(component, ignore_errors=True)
    lines = output.splitlines()
    check(status != 0, "the build accepted it")
    for expected in case["expect"]:
        check(expected in lines, f"no line '{expected}' in\n{common.tail(lines)}")


def cases():
    for path in sorted(glob.glob(os.path.join(FOLDER, "*.txt"))):
        yield ktap.Case(os.path.basename(path)[:-4], lambda path=path: refused(path))
