# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""recovery_client.py - has a component go wrong again and again while others are served (runs inside a namespace).

Usage: recovery_client.py address port component kind when times work
  when   call (the next call of it) or tick
  work   ping, save, log: what makes kv's callees work, and is checked

One connection asks for the fault, and sees whether it has happened; another one works all the time, and each of its replies
is checked. Prints one line of JSON: restarts, replies, wrong, resets (of either connection), slowest_ms (of a reply).
"""
import json
import socket
import sys
import time

REPLY_SECONDS = 20        # a hang detector
WAIT_SECONDS = 20


class Wrong(Exception):
    pass


class Client:
    def __init__(self, address, port):
        self.address, self.port = address, port
        self.resets, self.replies, self.slowest = 0, 0, 0.0
        self.connection = None

    def connect(self):
        end = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                self.connection = socket.create_connection((self.address, self.port), timeout=REPLY_SECONDS)
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.file = self.connection.makefile("rb")
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.0005)

    def once(self, words):
        if not self.connection:
            self.connect()
        self.connection.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError
        if line[:1] == b"$":
            length = int(line[1:])
            return None if length < 0 else self.file.read(length + 2)[:-2]
        if line[:1] == b"*":
            return [self.reply() for _ in range(int(line[1:]))]
        return line[:-2]

    def ask(self, *words):
        """The reply; again on a new connection when this one is reset."""
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        start = time.monotonic()
        while True:
            try:
                reply = self.once(words)
                break
            except TimeoutError as late:
                raise Wrong(f"no reply to {words} within {REPLY_SECONDS} s") from late
            except OSError:
                self.resets += 1
                self.connection = None
        self.slowest = max(self.slowest, time.monotonic() - start)
        self.replies += 1
        return reply


def work_ping(client, number):
    value = b"value-%d" % number
    if client.ask("SET", "recovery", value) != b"+OK" or client.ask("GET", "recovery") != value:
        raise Wrong(f"the value of round {number} is not there")


def work_save(client, number):
    work_ping(client, number)
    reply = client.ask("SAVE")
    if reply != b"+OK" and not reply.startswith(b"-"):
        raise Wrong(f"SAVE answered {reply}")


def main():
    address, port, component, kind, when, times, work = sys.argv[1:8]
    control, worker = Client(address, int(port)), Client(address, int(port))
    does = {"ping": work_ping, "save": work_save}[work]
    result = {"restarts": 0}
    try:
        does(worker, 0)
        for number in range(1, int(times) + 1):
            request = ["DEBUG", "INJECT", component, kind] + (["tick"] if when == "tick" else ["call", 1 + number % 3])
            try:
                reply = control.once([str(word).encode() for word in request])
                if reply != b"+OK":
                    raise Wrong(f"{request}: {reply}")
            except TimeoutError as late:
                raise Wrong(f"no reply to {request}") from late
            except OSError: # it happened before the reply had left
                control.resets += 1
                control.connection = None
            end = time.monotonic() + WAIT_SECONDS
            while True:
                does(worker, number)
                if control.ask("DEBUG", "INJECT", "PENDING") == b":0":
                    break
                if time.monotonic() > end:
                    raise Wrong(f"fault {number} did not happen")
            does(worker, number)
            result["restarts"] += 1
    except (Wrong, OSError) as error:
        result["error"] = str(error) or repr(error)
    result.update(replies=control.replies + worker.replies, resets=control.resets + worker.resets,
                  slowest_ms=round(1000 * max(control.slowest, worker.slowest), 1))
    print(json.dumps(result))


main()
