# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""run.py - boots one built configuration and prints how redis-cli reaches it (make run).

Usage: run.py <elf> [boot arguments key=value ...]. Ends with the system's exit status; Ctrl-C stops it cleanly.
"""
import json
import os
import signal
import sys

sys.dont_write_bytecode = True
import system


def needs_keys(elf):
    """Does this image use protection keys? The build says so in audit.json."""
    try:
        with open(os.path.join(os.path.dirname(elf), "audit.json"), encoding="utf-8") as text:
            return json.load(text).get("backend", "mpk") != "none"
    except OSError:
        return True


def main():
    elf, arguments = sys.argv[1], sys.argv[2:]
    reason = system.missing(needs_keys(elf))
    if reason:
        print(f"cannot run {elf}: {reason}", file=sys.stderr)
        return 1
    # SIGTERM to this program ends the system in the same way as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with system.System(elf, arguments, on_line=lambda line: print(line, flush=True)) as running:
        try:
            running.wait_ready(30)
            prefix = " ".join(running.inside([]))
            print(f"\nIn another terminal:\n  {prefix} redis-cli -h {system.ADDRESS}\n"
                  f"  {prefix} redis-benchmark -h {system.ADDRESS} -t get,set -c 30\nCtrl-C ends the system.\n",
                  flush=True)
            return running.process.wait()
        except KeyboardInterrupt:
            return running.stop()
        except system.Failure as failure:
            print(failure, file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
