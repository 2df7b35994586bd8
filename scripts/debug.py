# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""debug.py - starts one built configuration under gdb, with the network that its driver needs (make debug).

Usage: debug.py <elf> [gdb arguments]; with -batch among these it explains nothing. gdb's exit status is its own.
"""
import os
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
import system
from run import usable

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
    try:
        elf = usable(elf)
        link = system.link_of(elf)
        link.open()
    except system.Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    if "-batch" not in arguments:
        print(HELP, flush=True)
    os.chdir(system.ROOT)  # sources are named from here
    folder = os.path.dirname(elf)
    gdb = ["gdb", "-q", "-nx", "-iex", f"add-auto-load-safe-path {folder}", "-iex", "set debuginfod enabled off", *arguments,
           "--args", elf, *link.arguments]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is gdb's
    try:
        return subprocess.call(link.launch(gdb), preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    finally:
        link.close()


if __name__ == "__main__":
    sys.exit(main())
