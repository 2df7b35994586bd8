# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""passt.py - keeps one passt for one system (driver stream), for as long as somebody holds its standard input open.

Usage: passt.py PORT GUEST_PORT ADDRESS/BITS GATEWAY    (scripts/network.py)
Prints one line: "ready <socket> <passt's process id>", or "error <sentence>". 127.0.0.1:PORT then leads to the system.
Invariant: however its starter ends, even killed, passt is ended by its id and the private folder with the socket is
removed; and passt ends by itself when the system does (--one-off). It forwards one TCP port from 127.0.0.1 and nothing else.
"""
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

START_SECONDS = 5
LISTENS = "00010000"  # flag __SO_ACCEPTCON in /proc/net/unix


def port_error(port):
    """Why nobody can listen on 127.0.0.1:port; None when one can."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
            return None
        except OSError as error:
            other = port + 1 if port >= 1024 else 6379
            return f"Port {port} of 127.0.0.1 cannot be had ({error.strerror}); choose another: PORT={other}"


def is_listening(path):
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as table:
        return any(words[3] == LISTENS and words[-1] == path for words in map(str.split, table) if len(words) > 7)


def command(path, arguments):
    port, guest_port, address, gateway = arguments
    address, bits = address.split("/")
    # As root, passt would become nobody by itself, but before or after it makes the socket, depending on its version.
    as_nobody = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    # Interface lo, so that it starts on a machine without any other; the system opens no connections through it.
    return [*as_nobody, "passt", "--foreground", "--one-off", "--ipv4-only", "--interface", "lo",
            "--mac-addr", "02:00:00:00:00:01", "--address", address, "--netmask", bits, "--gateway", gateway, "--no-dhcp", "--socket", path,
            "--tcp-ports", f"127.0.0.1/{port}:{guest_port}", "--udp-ports", "none"]


def started(process, path):
    """Waits until passt listens; returns a sentence when it does not."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            lines = [line for line in process.stdout.read().decode("utf-8", "replace").splitlines()
                     if line.strip() and "to syslog" not in line]
            why = lines[-1].strip() if lines else f"it ends with status {process.returncode}"
            return f"passt does not start: {why}"
        if is_listening(path):
            return None
        time.sleep(0.01)
    return f"passt does not listen within {START_SECONDS} s"


def main():
    arguments = sys.argv[1:]
    error = port_error(int(arguments[0]))
    if error:
        print(f"error {error}", flush=True)
        return 1
    # /tmp: a socket's path is short, and a distribution's profile of passt may allow nothing else.
    folder = tempfile.mkdtemp(prefix="cloister-", dir="/tmp")
    process = None
    try:
        if os.geteuid() == 0:
            os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
        path = os.path.join(folder, "net.sock")
        process = subprocess.Popen(command(path, arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        error = started(process, path)
        print(f"error {error}" if error else f"ready {path} {process.pid}", flush=True)
        if error:
            return 1
        # Whoever started this closes the pipe, or dies; what passt says meanwhile is read and dropped.
        waited = [sys.stdin.fileno(), process.stdout.fileno()]
        while sys.stdin.fileno() not in (ready := select.select(waited, [], [])[0]):
            if not os.read(ready[0], 65536):
                waited.remove(ready[0])
        return 0
    finally:
        if process and process.poll() is None:
            process.kill()
        if process:
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # is for the system: the pipe says when it is over
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
