# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""recovery_client.py - has a component go wrong again and again while clients are served (runs inside a namespace).

Usage: recovery_client.py address port component kind when times work pause [along]
  when    call (one of its next three calls) or tick
  work    ping, or save: what makes kv's callees work; its outcome is checked
  pause   seconds after each fault
  along   a component that goes wrong with it each time, since nobody else would make it work
or     recovery_client.py address port idle component count seconds
  so many connections that have nothing to say hear of the component's end, or do not within so long.

One connection asks for the fault and sees whether it has happened; another one works all the time, and each of its replies
is checked. Prints one line of JSON: faults, replies, resets (of either connection), slowest_ms (of a reply), and error, what
was wrong.
"""
import json
import select
import socket
import sys
import time

WAIT_SECONDS = 20         # a hang detector


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
                self.connection = socket.create_connection((self.address, self.port), timeout=WAIT_SECONDS)
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.file = self.connection.makefile("rb")
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.0005)

    def lose(self):
        self.resets += 1
        self.connection = None

    def once(self, words):
        if not self.connection:
            self.connect()
        words = [str(word).encode() for word in words]
        try:
            self.connection.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
            return self.reply()
        except TimeoutError as late:
            raise Wrong(f"no reply to {words} within {WAIT_SECONDS} s") from late

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError
        if line[:1] == b"$":
            length = int(line[1:])
            return None if length < 0 else self.file.read(length + 2)[:-2]
        return line[:-2]

    def ask(self, *words):
        """The reply; again on a new connection when this one is reset."""
        start = time.monotonic()
        while True:
            try:
                reply = self.once(words)
                break
            except OSError:
                self.lose()
        self.slowest = max(self.slowest, time.monotonic() - start)
        self.replies += 1
        return reply

    def inject(self, *words):
        try:
            reply = self.once(["DEBUG", "INJECT", *words])
        except OSError:
            self.lose()   # it happened before the reply had left
            return
        if reply != b"+OK":
            raise Wrong(f"{words}: {reply}")


def work_ping(client, number):
    value = f"value-{number}"
    if client.ask("SET", "recovery", value) != b"+OK" or client.ask("GET", "recovery") != value.encode():
        raise Wrong(f"the value of round {number} is not there")


def work_save(client, number):
    work_ping(client, number)
    reply = client.ask("SAVE")
    if reply != b"+OK" and not reply.startswith(b"-"):
        raise Wrong(f"SAVE answered {reply}")


def fault(control, worker, does, number, request, along):
    control.inject(*request)
    if along:
        control.inject(along, "illegal")
    end = time.monotonic() + WAIT_SECONDS
    while True:
        does(worker, number)
        if control.ask("DEBUG", "INJECT", "PENDING") == b":0":
            break
        if time.monotonic() > end:
            raise Wrong(f"fault {number} did not happen")
    does(worker, number)


def again_and_again(address, port, component, kind, when, times, work, pause, along=None):
    control, worker = Client(address, port), Client(address, port)
    does = {"ping": work_ping, "save": work_save}[work]
    result = {"faults": 0}
    try:
        does(worker, 0)
        for number in range(1, int(times) + 1):
            moment = ["tick"] if when == "tick" else ["call", 1 + (0 if along else number % 3)]
            fault(control, worker, does, number, [component, kind, *moment], along)
            result["faults"] += 1
            time.sleep(float(pause))
    except (Wrong, OSError) as error:
        result["error"] = str(error) or repr(error)
    result.update(replies=control.replies + worker.replies, resets=control.resets + worker.resets,
                  slowest_ms=round(1000 * max(control.slowest, worker.slowest), 1))
    return result


def idle(address, port, component, count, seconds):
    """None of the connections sends anything after the fault: what they hear, they are told."""
    connections = [Client(address, port) for _ in range(int(count))]
    for client in connections:
        client.ask("PING")
    connections[0].inject(component, "illegal")
    try:
        if connections[0].connection:
            connections[0].once(["PING"]) # so that it has something to do
    except OSError:
        connections[0].lose()
    left, start, told = {client.connection for client in connections if client.connection}, time.monotonic(), 0
    while left and time.monotonic() < start + float(seconds):
        for connection in select.select(left, [], [], 1)[0]:
            left.remove(connection)
            try:
                told += not connection.recv(1)
            except ConnectionResetError:
                told += 1
    return {"told": told, "left": len(left), "seconds": round(time.monotonic() - start, 3)}


def main():
    address, port, *rest = sys.argv[1:]
    print(json.dumps(idle(address, int(port), *rest[1:]) if rest[0] == "idle" else again_and_again(address, int(port), *rest)))


main()
