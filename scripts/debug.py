# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""debug.py - starts one built configuration under gdb, in a network namespace of its own (make debug).

Usage: debug.py <elf> [gdb arguments]; with -batch among these it explains nothing. gdb's exit status is its own.
"""
import os
import sys

sys.dont_write_bytecode = True
import system
from run import needs_keys

HELP = """
gdb has the image; nothing runs yet. Then for example:
  break net_exchange      stop where a call arrives in another domain
  run                     boot; Ctrl-C stops it anywhere
  ck-domains  ck-threads  ck-gates  ck-pkru      domains, threads, gates and their counts, the live rights (help ck-gates)
  backtrace               through gates too: the caller's frames are on another stack, so it ends at the gate
Its warnings about sections outside of segments are expected: the nucleus maps the domains' data itself.
gdb reads every domain's memory: keys bind the system, not its debugger. Single steps through a gate show each PKRU.
"""


def main():
    elf, arguments = os.path.abspath(sys.argv[1]), sys.argv[2:]
    reason = system.missing(needs_keys(elf))
    if reason:
        print(f"cannot run {elf}: {reason}", file=sys.stderr)
        return 1
    if "-batch" not in arguments:
        print(HELP, flush=True)
    os.chdir(system.ROOT)  # sources are named from here
    folder = os.path.dirname(elf)
    os.execvp("unshare", ["unshare", "-Urn", "sh", "-c", system.SETUP, "sh", "gdb", "-q", "-nx", "-iex",
                          f"add-auto-load-safe-path {folder}", "-iex", "set debuginfod enabled off", *arguments,
                          "--args", elf, *system.BOOT_ARGUMENTS])


if __name__ == "__main__":
    sys.exit(main())
