# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""run.py - boots one built configuration and prints how redis-cli reaches it (make run).

Usage: run.py <elf> [boot arguments key=value ...]. Ends with the system's exit status; Ctrl-C stops it cleanly. What is
typed here goes to the system's console shell, and when that says reboot, the same image is started again.
"""
import json
import os
import signal
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
import system


def audit_of(elf):
    """What the build says about the image, or nothing when there is no audit.json beside it."""
    try:
        with open(os.path.join(os.path.dirname(elf), "audit.json"), encoding="utf-8") as text:
            return json.load(text)
    except OSError:
        return {}


class Input:
    """This program's standard input as one pipe for all the system's lives: the system runs in a session of its own, where
    a terminal would not be its to read."""

    def __init__(self):
        self.read_end, self.write_end = os.pipe() if sys.stdin else (subprocess.DEVNULL, None)
        self.is_terminal = bool(sys.stdin) and sys.stdin.isatty()
        self.is_started = False

    def start(self):
        """From now on; a terminal's user gets a prompt."""
        if self.is_terminal:
            os.write(self.write_end, b"\n")
        if sys.stdin and not self.is_started:
            # In the background a terminal is not to be read: an error then, instead of a stop.
            signal.signal(signal.SIGTTIN, signal.SIG_IGN)
            threading.Thread(target=self._relay, daemon=True).start()
        self.is_started = True

    def _relay(self):
        try:
            while data := os.read(0, 4096):
                os.write(self.write_end, data)
        except OSError:
            pass
        os.close(self.write_end)
        self.is_terminal = False


def show(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def run(elf, arguments, audit, source):
    """One life of the system; returns its exit status."""
    with system.System(elf, arguments, on_text=show, stdin=source.read_end) as running:
        try:
            running.wait_ready(30)
            components = {item["name"] for item in audit.get("components", ())}
            if "kv" in components:
                running.wait_for(r"^kv: ", 30)  # its own line, which says that it listens or why not
            prefix = " ".join(running.inside([]))
            print(f"\nIn another terminal:\n  {prefix} redis-cli -h {system.ADDRESS}\n"
                  f"  {prefix} redis-benchmark -h {system.ADDRESS} -t get,set -c 30\n"
                  + ("Here: help lists the shell's commands. " if "shell" in components else "") + "Ctrl-C ends the system.\n", flush=True)
            source.start()
            running.process.wait()
            return running.wait_exit()
        except KeyboardInterrupt:
            return running.stop()
        except system.Failure as failure:
            print(failure, file=sys.stderr)
            return 1


def main():
    elf, arguments = sys.argv[1], sys.argv[2:]
    audit = audit_of(elf)
    reason = system.missing(audit.get("backend", "mpk") != "none")
    if reason:
        print(f"cannot run {elf}: {reason}", file=sys.stderr)
        return 1
    # SIGTERM to this program ends the system in the same way as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    source = Input()
    while (status := run(elf, arguments, audit, source)) == system.STATUS_REBOOT:
        print("Reboot: the same image starts again.\n", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
