# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""compile_commands.py - turns the compiler lines of a dry run (stdin) into compile_commands.json (argument)."""
import json
import os
import shlex
import sys


def main():
    entries = []
    for line in sys.stdin:
        words = shlex.split(line) if " -c " in line and " -o " in line else []
        if not words or os.path.basename(words[0]) not in ("gcc", "clang", "cc"):
            continue
        entries.append({"directory": os.getcwd(), "file": words[words.index("-c") + 1], "arguments": words})
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        json.dump(entries, out, indent=1)
        out.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
