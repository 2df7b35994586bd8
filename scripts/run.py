# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""run.py - boots one built configuration and prints how redis-cli reaches it (make run).

Usage: run.py [--port N] <elf> [boot arguments key=value ...]. Ends with the system's exit status; Ctrl-C stops it cleanly.
What is typed here goes to the system's console shell, and when that says reboot, the same image is started again.
An image for a TAP device is built again for passt where this machine gives no TAP device.
"""
import argparse
import os
import signal
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
import audit
import network
import progress
import system


def audit_of(elf):
    """What the build says about the image, or nothing when there is no audit.json beside it."""
    try:
        return audit.load(os.path.dirname(elf))
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


def usable(elf):
    """The image itself, or the same placement with a network driver that works here; system.Failure says why neither."""
    folder = os.path.dirname(elf)
    if folder.endswith("-pc"):
        raise system.Failure(f"{elf} is for the platform pc; core/nucleus/pc/README.md has QEMU's command line.")
    driver = network.driver_of(elf)
    if driver == "tap":
        driver, reason = system.driver()
        if driver is None:
            raise system.Failure(f"cannot run {elf}: {reason}")
        if driver == "stream":
            name = os.path.basename(folder)
            print(f"{reason} So {name} runs with the driver stream, and passt leads clients of 127.0.0.1 to it.",
                  flush=True)
            with progress.Activity(f"building {name}-stream"):
                folder = system.build(os.path.join(folder, ".config"), fragments=[system.STREAM_FRAGMENT])
            elf = os.path.join(folder, "cloister.elf")
    reason = system.missing(audit_of(elf).get("backend", "mpk") != "none", driver)
    if reason:
        raise system.Failure(f"cannot run {elf}: {reason}")
    return elf


def clients(running, has_shell):
    """What a person types in another terminal."""
    if isinstance(running.link, network.Stream):
        reach = f"-p {running.port}"
    else:
        reach = f"-h {running.address}" + (f" -p {running.port}" if running.port != network.PORT else "")
    prefix = " ".join([*running.inside([]), ""])
    return (f"\nIn another terminal:\n  {prefix}redis-cli {reach}\n  {prefix}redis-benchmark {reach} -t get,set -c 30\n"
            + ("Here: help lists the shell's commands. " if has_shell else "") + "Ctrl-C ends the system.\n")


def run(elf, arguments, port, source):
    """One life of the system; returns its exit status."""
    with system.System(elf, arguments, port=port, on_text=show, stdin=source.read_end) as running:
        try:
            components = {item["name"] for item in audit_of(elf).get("components", ())}
            if not isinstance(running.link, network.NoLink):
                running.wait_ready(30)
            if "kv" in components:
                running.wait_for(r"^kv: ", 30)  # its own line, which says that it listens or why not
                print(clients(running, "shell" in components), flush=True)
            source.start()
            running.process.wait()
            return running.wait_exit()
        except KeyboardInterrupt:
            return running.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("elf")
    parser.add_argument("arguments", nargs="*")
    asked = parser.parse_args()
    # SIGTERM to this program, and its terminal's end (but for nohup), stop the system in the same way as Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        elf, source = usable(os.path.abspath(asked.elf)), Input()
        while (status := run(elf, asked.arguments, asked.port, source)) == system.STATUS_REBOOT:
            print("Reboot: the same image starts again.\n", flush=True)
        return status
    except KeyboardInterrupt:
        return 130
    except system.Failure as failure:
        print(failure, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
