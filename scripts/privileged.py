# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""privileged.py - how many lines run in ring 0 on platform pc, for the build's output and a test.

Usage: privileged.py <folder of the nucleus' dependency files>; lines(folder) -> (lines with code, all lines).
Counted is every file that the nucleus was compiled from, headers included, but the interfaces that all of Cloister shares
(core/include) and what the compiler brings. Lines of comments and empty ones are in the second number only.
"""
import glob
import os
import re
import sys

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
SHARED = ("core/include/", "shared-heap/")


def sources(folder):
    found = set()
    for path in glob.glob(os.path.join(folder, "*.d")):
        with open(path, encoding="utf-8") as text:
            found |= {os.path.normpath(word.rstrip(":")) for word in text.read().replace("\\\n", " ").split()}
    return sorted(name for name in found if not os.path.isabs(name) and name.endswith((".c", ".h", ".S"))
                  and not name.startswith(SHARED) and os.path.exists(name))


def lines(folder):
    code = everything = 0
    for name in sources(folder):
        with open(name, encoding="utf-8") as text:
            whole = text.read()
        everything += whole.count("\n")
        code += sum(1 for line in COMMENT.sub("", whole).splitlines() if line.strip())
    return code, everything


def main():
    code, everything = lines(sys.argv[1])
    print(f"  ring 0: {code} lines of code, {everything} with comments")
    return 0


if __name__ == "__main__":
    sys.exit(main())
