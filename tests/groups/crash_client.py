# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""crash_client.py - one client that counts while components die, and checks every reply (runs inside a namespace).

Usage: crash_client.py address port seconds every_ms component kind. Every every_ms, another connection has component go wrong
(DEBUG INJECT) at one of its next calls. Replies to INCR must be one more than the one before; after a lost connection the
counter must be what was acknowledged, or that and some of what was under way. Prints one line of JSON.
"""
import json
import random
import socket
import sys
import threading
import time

PIPELINE = 16
CONNECT_SECONDS = 20
INCREMENT = b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"


class Lost(Exception):
    """The connection is no more."""


class Connection:
    def __init__(self, address):
        end = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                self.socket = socket.create_connection(address, timeout=CONNECT_SECONDS)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.001)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lines = self.socket.makefile("rb")

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Lost from error

    def line(self):
        try:
            line = self.lines.readline()
        except OSError as error:
            raise Lost from error
        if not line.endswith(b"\r\n"):
            raise Lost
        return line[:-2]

    def ask(self, text):
        self.send(text.encode() + b"\r\n")
        line = self.line()
        return self.line() if line.startswith(b"$") and line != b"$-1" else line


def insist(address, text):
    """The answer of whichever connection lives long enough."""
    while True:
        try:
            return Connection(address).ask(text)
        except Lost:
            continue


class Injector(threading.Thread):
    def __init__(self, address, every_seconds, component, kind):
        super().__init__(daemon=True)
        self.address, self.every_seconds = address, every_seconds
        self.words, self.count, self.is_over = f"DEBUG INJECT {component} {kind} call ", 0, False

    def run(self):
        chance = random.Random(1)
        while not self.is_over:
            try:
                self.count += Connection(self.address).ask(self.words + str(chance.randint(1, 20))) == b"+OK"
            except Lost:
                self.count += 1   # it went wrong already
            time.sleep(self.every_seconds)


def main():
    address = (sys.argv[1], int(sys.argv[2]))
    end = time.monotonic() + float(sys.argv[3])
    injector = Injector(address, int(sys.argv[4]) / 1000, *sys.argv[5:7])
    known, resets, refused, wrong = 0, 0, 0, []
    connection = Connection(address)
    injector.start()
    while time.monotonic() < end and not wrong:
        under_way = PIPELINE
        try:
            connection.send(INCREMENT * PIPELINE)
            for _ in range(PIPELINE):
                reply = connection.line()
                if reply.startswith(b"-MISCONF"):
                    refused += 1
                elif reply == b":%d" % (known + 1):
                    known += 1
                else:
                    wrong.append(f"{reply} behind {known}")
                under_way -= 1
        except Lost:
            resets += 1
            connection = Connection(address)
            now = insist(address, "GET n")
            now = 0 if now == b"$-1" else int(now)
            if not known <= now <= known + under_way:
                wrong.append(f"{now} after {known} was acknowledged, {under_way} under way")
            known = now
    injector.is_over = True
    injector.join()
    time.sleep(0.1)
    print(json.dumps({"counted": known, "injected": injector.count, "resets": resets, "refused": refused, "wrong": wrong[:3]}))


if __name__ == "__main__":
    main()
