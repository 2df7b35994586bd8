# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""witness.py - a Redis client that believes nothing: it checks every reply, and knows which writes were acknowledged.

Usage: witness.py ADDRESS PORT [--connections N] [--depth N] [--rate REQUESTS/S] [--seed N] [--stall SECONDS]
It writes and reads until its standard input ends or says "end", then reads everything back. A line of words on
standard input, such as "DEBUG INJECT fs write", goes to the server as it is, on a connection of its own. On standard
output, one JSON object a line: {"at", counts} every 100 ms, {"complaint": what}, {"line", "answer"}, and {"end":
counts}. "at" is CLOCK_MONOTONIC.

Each value says its key, which write it is, and a checksum. A key has one writer, which writes ascending numbers; so of
each key it is known which numbers it may have: the acknowledged one, or also those whose reply was lost with a
connection. Whoever reads another's key knows the lowest and the highest that it may see. Written anew here, RESP
included, so that no mistake of the server's code can be this client's as well.
Invariant: nothing is counted as checked that was not compared.
"""
import argparse
import collections
import errno
import json
import os
import random
import select
import socket
import sys
import time
import zlib

KEYS = 24                  # of each kind, per connection
REPORT_SECONDS = 0.1
READ_BACK_SECONDS = 20.0
RECONNECT_SECONDS = 0.005
CONNECT_SECONDS = 2.0
LARGE_BYTES = 24000        # now and then, for the way of large replies
# What a server may answer instead of doing a write, and the write may yet have happened.
EXCUSES = (b"-MISCONF", b"-LOADING")


def value_of(key, number):
    """Written by number; its length depends on that, and now and then it is large."""
    length = LARGE_BYTES if number % 251 == 250 else number * 37 % 400
    filling = (b"%d." % number * (length // 2 + 1))[:length]
    body = b"%s|%d|%s" % (key, number, filling)
    return b"%s|%08x" % (body, zlib.crc32(body))


def number_in(key, value):
    """The number of a value that is whole and of this key; None otherwise."""
    body, _, checksum = value.rpartition(b"|")
    parts = body.split(b"|")
    if len(parts) != 3 or parts[0] != key or not parts[1].isdigit() or b"%08x" % zlib.crc32(body) != checksum:
        return None
    return int(parts[1]) if value == value_of(key, int(parts[1])) else None


def encoded(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Malformed(Exception):
    pass


def parse(data, at):
    """One reply from data[at:]: (it, where the next one starts), or None while it is not whole. Errors and integers are
    the line itself, with its first byte; a string is (bytes,), none is (None,), an array is a list."""
    end = data.find(b"\r\n", at)
    if end < 0:
        return None
    line = bytes(data[at:end])
    if line[:1] in (b"+", b"-", b":"):
        return line, end + 2
    if line[:1] not in (b"$", b"*") or not line[1:].lstrip(b"-").isdigit():
        raise Malformed(f"no reply starts like {line[:60]!r}")
    count = int(line[1:])
    if line[:1] == b"*":
        items, at = [], end + 2
        for _ in range(count):
            item = parse(data, at)
            if item is None:
                return None
            items.append(item[0])
            at = item[1]
        return items, at
    if count < 0:
        return (None,), end + 2
    if len(data) < end + 4 + count:
        return None
    if data[end + 2 + count:end + 4 + count] != b"\r\n":
        raise Malformed(f"a string of {count} bytes does not end where it should")
    return (bytes(data[end + 2:end + 2 + count]),), end + 4 + count


class Key:
    """may: the numbers that it may have; sent: the highest ever sent; is_open: after an excuse, the last write may
    come and go."""

    def __init__(self, name):
        self.name, self.may, self.sent, self.is_open = name, {0}, 0, False

    def lowest(self):
        return min(self.may)


class Witness:
    def __init__(self, arguments):
        self.arguments, self.random = arguments, random.Random(arguments.seed)
        self.counts = collections.Counter({name: 0 for name in
                                           ("replies", "checked", "written", "wrong", "lost", "resets", "connects",
                                            "excused",
                                            "refused_connects", "stalls")})
        self.longest_ms = 0            # without any reply
        self.last_reply = time.monotonic()
        self.poll = select.epoll()
        self.connections = [Connection(self, index) for index in range(arguments.connections)]
        self.control = Control(self)
        self.by_number = {}
        self.is_ending = False
        self.tokens, self.refilled = 0.0, time.monotonic()

    def wrong(self, kind, text):
        self.counts[kind] += 1
        if self.counts[kind] <= 20:
            self.say({"complaint": text, "kind": kind, "at": time.monotonic()})

    @staticmethod
    def say(what):
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()

    def allowed(self, wanted):
        """How many of wanted requests may be sent now."""
        if not self.arguments.rate:
            return wanted
        now = time.monotonic()
        self.tokens = min(self.arguments.rate / 10, self.tokens + (now - self.refilled) * self.arguments.rate)
        self.refilled = now
        granted = min(wanted, int(self.tokens))
        self.tokens -= granted
        return granted

    def turn(self, timeout):
        for number, events in self.poll.poll(timeout):
            if number == 0:
                self.read_lines()
            elif number in self.by_number:
                self.by_number[number].handle(events)
        for link in (*self.connections, self.control):
            link.tend()

    def read_lines(self):
        data = os.read(0, 65536)
        for line in data.decode().split("\n") if data else ["end"]:
            if line == "end":
                self.is_ending = True
                try:
                    self.poll.unregister(0)
                except OSError:
                    pass
            elif line:
                self.control.lines.append(line.split())

    def report(self):
        self.say({"at": time.monotonic(), **self.counts})

    def run(self):
        self.poll.register(0, select.EPOLLIN)
        reported = time.monotonic()
        while not self.is_ending:
            self.turn(0.02)
            if time.monotonic() - reported >= REPORT_SECONDS:
                reported = time.monotonic()
                self.report()
        end = time.monotonic() + READ_BACK_SECONDS
        for connection in self.connections:
            connection.start_read_back()
        while any(connection.reading or connection.waiting
                  for connection in self.connections) and time.monotonic() < end:
            self.turn(0.02)
        left = sum(len(connection.reading) + len(connection.waiting) for connection in self.connections)
        if left:
            self.wrong("wrong", f"{left} keys could not be read back within {READ_BACK_SECONDS:.0f} s")
        self.say({"end": {**self.counts, "longest_ms": round(self.longest_ms), "keys": sum(
            len(connection.keys) + len(connection.counters) for connection in self.connections)}})


class Link:
    """A connection that comes back."""

    def __init__(self, witness):
        self.witness, self.socket, self.is_connected = witness, None, False
        self.input, self.output, self.waiting = bytearray(), bytearray(), collections.deque()
        self.retry_at, self.since, self.was_connected, self.events = 0.0, 0.0, False, 0

    def connect(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.is_connected, self.since = False, time.monotonic()
        result = self.socket.connect_ex((self.witness.arguments.address, self.witness.arguments.port))
        if result not in (0, errno.EINPROGRESS):
            self.retry_at = self.since + RECONNECT_SECONDS
            self.socket.close()
            self.socket = None
            return
        self.events = select.EPOLLIN | select.EPOLLOUT
        self.witness.by_number[self.socket.fileno()] = self
        self.witness.poll.register(self.socket.fileno(), self.events)

    def drop(self, reset=True):
        if self.socket is None:
            return
        del self.witness.by_number[self.socket.fileno()]
        self.witness.poll.unregister(self.socket.fileno())
        self.socket.close()
        self.socket = None
        if self.is_connected:
            self.witness.counts["resets"] += reset
        else:
            self.witness.counts["refused_connects"] += 1
        self.is_connected = False
        self.retry_at = time.monotonic() + RECONNECT_SECONDS
        self.input.clear()
        self.output.clear()
        waiting, self.waiting = self.waiting, collections.deque()
        self.lost(waiting)

    def want(self, events):
        if self.socket is not None and events != self.events:
            self.events = events
            self.witness.poll.modify(self.socket.fileno(), events)

    def flush(self):
        if not self.is_connected:
            return
        try:
            while self.output:
                sent = self.socket.send(self.output)
                del self.output[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self.drop()
            return
        self.want(select.EPOLLIN | (select.EPOLLOUT if self.output else 0))

    def handle(self, events):
        if not self.is_connected:
            if self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or events & select.EPOLLERR:
                self.drop()
                return
            if events & select.EPOLLOUT:
                self.is_connected = True
                self.since = time.monotonic()
                self.witness.counts["connects"] += 1
                self.connected()
        if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            self.receive()
        if self.socket is not None:
            self.flush()

    def receive(self):
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.drop()
            return
        self.input += data
        at = 0
        try:
            while self.waiting:
                got = parse(self.input, at)
                if got is None:
                    break
                reply, at = got
                self.since = time.monotonic()
                self.judge(self.waiting.popleft(), reply)
            del self.input[:at]
            if self.input and not self.waiting:
                raise Malformed(f"a reply that nobody asked for: {bytes(self.input[:60])!r}")
        except Malformed as error:
            self.witness.wrong("wrong", f"{self.name}: {error}")
            self.drop(reset=False)

    def tend(self):
        now = time.monotonic()
        if self.socket is None:
            if now >= self.retry_at:
                self.connect()
            return
        if not self.is_connected:
            if now - self.since > CONNECT_SECONDS:
                self.drop()
            return
        if self.waiting and now - self.since > self.witness.arguments.stall:
            self.witness.wrong("stalls", f"{self.name}: no reply within {self.witness.arguments.stall:.0f} s")
            self.drop(reset=False)
            return
        self.fill()
        self.flush()


class Control(Link):
    """Lines from outside; one at a time."""

    def __init__(self, witness):
        super().__init__(witness)
        self.name, self.lines = "control", collections.deque()

    def connected(self):
        pass

    def fill(self):
        if self.lines and not self.waiting:
            words = self.lines.popleft()
            self.waiting.append(words)
            self.since = time.monotonic()
            self.output += encoded(*(word.encode() for word in words))

    def judge(self, words, reply):
        if isinstance(reply, tuple):
            reply = reply[0]
        self.witness.say({"line": " ".join(words), "answer": reply.decode("utf-8", "replace")
                          if isinstance(reply, bytes) else
                          str(reply)})

    def lost(self, waiting):
        for words in waiting:
            self.witness.say({"line": " ".join(words), "answer": None})


class Connection(Link):
    def __init__(self, witness, index):
        super().__init__(witness)
        self.name = f"connection {index}"
        self.keys = [Key(b"w%d:%d" % (index, k)) for k in range(KEYS)]
        self.counters = [Key(b"c%d:%d" % (index, k)) for k in range(KEYS // 4)]
        self.reading = collections.deque()
        self.is_read_back = False

    def connected(self):
        pass

    def start_read_back(self):
        self.is_read_back = True
        self.reading.extend([("get", key) for key in self.keys] + [("count", key) for key in self.counters])

    def lost(self, waiting):
        """Their replies were lost: each of the writes may have happened."""
        for kind, key, number, _ in waiting:
            if kind == "set":
                key.may.add(number)
            elif kind == "incr":
                key.may.add(max(key.may) + 1)
            elif self.is_read_back and kind in ("get", "count"):
                self.reading.append((kind, key))

    def add(self, kind, key, number, words):
        if not self.waiting:
            self.since = time.monotonic()
        self.waiting.append((kind, key, number, key.lowest()))
        self.output += encoded(*words)

    def fill(self):
        if self.is_read_back:
            while self.reading and len(self.waiting) < 16:
                kind, key = self.reading.popleft()
                self.add(kind, key, 0, (b"GET", key.name))
            return
        dice = self.witness.random
        room = self.witness.arguments.depth - len(self.waiting)
        if room <= 0 or len(self.waiting) > self.witness.arguments.depth // 2:
            return
        for _ in range(self.witness.allowed(dice.randint(1, room))):
            what = dice.random()
            if what < 0.4:
                key = dice.choice(self.keys)
                key.sent += 1
                self.add("set", key, key.sent, (b"SET", key.name, value_of(key.name, key.sent)))
            elif what < 0.6:
                key = dice.choice(self.keys)
                self.add("get", key, 0, (b"GET", key.name))
            elif what < 0.8:
                key = dice.choice(dice.choice(self.witness.connections).keys)
                self.add("peek", key, 0, (b"GET", key.name))
            elif what < 0.95:
                key = dice.choice(self.counters)
                key.sent += 1
                self.add("incr", key, 0, (b"INCR", key.name))
            else:
                self.add("count", key := dice.choice(self.counters), 0, (b"GET", key.name))

    def judge(self, request, reply):
        kind, key, number, lowest = request
        witness = self.witness
        now = time.monotonic()
        witness.longest_ms = max(witness.longest_ms, (now - witness.last_reply) * 1000)
        witness.last_reply = now
        witness.counts["replies"] += 1
        if isinstance(reply, bytes) and reply.startswith(EXCUSES) and kind in ("set", "incr"):
            witness.counts["excused"] += 1
            key.may.add(number if kind == "set" else max(key.may) + 1)
            key.is_open = True
            return
        getattr(self, "judge_" + kind)(key, number, lowest, reply)
        witness.counts["checked"] += 1

    def complain(self, key, lowest, number, text):
        lost = number is not None and number < lowest
        self.witness.wrong("lost" if lost else "wrong", f"{key.name.decode()}: {text}")

    def judge_set(self, key, number, _, reply):
        if reply != b"+OK":
            self.complain(key, 0, None, f"SET was answered {str(reply)[:80]}")
            return
        self.witness.counts["written"] += 1
        key.may, key.is_open = {number}, False

    def judge_incr(self, key, _, lowest, reply):
        got = int(reply[1:]) if isinstance(reply, bytes) and reply[:1] == b":" else None
        if got is None or got - 1 not in key.may:
            self.complain(key, min(key.may) + 1, got,
                          f"INCR was answered {str(reply)[:80]}, before it may be {sorted(key.may)}")
        else:
            self.witness.counts["written"] += 1
        if got is not None:
            key.may, key.is_open = {got}, False

    def number_of(self, key, reply, of):
        if reply == (None,):
            return 0
        return of(reply[0]) if isinstance(reply, tuple) else None

    def judge_own(self, key, reply, of):
        got = self.number_of(key, reply, of)
        if got not in key.may:
            self.complain(key, min(key.may), got,
                          f"has {got if got is not None else str(reply)[:120]}, may be {sorted(key.may)}")
        if got is not None and not key.is_open:
            key.may = {got}

    def judge_get(self, key, _, lowest, reply):
        self.judge_own(key, reply, lambda value: number_in(key.name, value))

    def judge_count(self, key, _, lowest, reply):
        self.judge_own(key, reply, lambda value: int(value) if value.isdigit() else None)

    def judge_peek(self, key, _, lowest, reply):
        got = self.number_of(key, reply, lambda value: number_in(key.name, value))
        if got is None or not lowest <= got <= key.sent:
            self.complain(key, lowest, got, f"another's: has {got if got is not None else str(reply)[:120]}, "
                                            f"may be {lowest}..{key.sent}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stall", type=float, default=10)   # without any reply; TCP itself would wait longer
    arguments = parser.parse_args()
    Witness(arguments).run()


if __name__ == "__main__":
    main()
