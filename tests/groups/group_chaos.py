# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_chaos.py - random faults under load, for a short while; make chaos does it for long (scripts/chaos.py).

Controls: servers that answer wrongly, forget a write, or let a client wait must be found out by the client that checks;
and in monolith a wild write is one that the judge of the run must see.
"""
import os
import socket
import subprocess
import sys
import threading

import chaos
import common
import faulty
import forward
import ktap
import pc
import system
import witness
from common import check, equal

COUNT, RATE = 300, 40
PC_COUNT, PC_RATE = 60, 4   # under an emulator


class Liar:
    """A server of GET, SET and INCR in this process; lie(number of the request, command, right answer) -> answer."""

    def __init__(self, lie):
        self.lie, self.keys, self.requests, self.lock = lie, {}, 0, threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        data = b""
        while chunk := connection.recv(1 << 16):
            data += chunk
            while (parsed := witness.parse(data, 0)) is not None:
                words, data = [word[0] for word in parsed[0]], data[parsed[1]:]
                with self.lock:
                    self.requests += 1
                    answer = self.lie(self, self.requests, words[0], self._answer(words))
                if answer is not None:
                    connection.sendall(answer)

    def _answer(self, words):
        if words[0] == b"SET":
            self.keys[words[1]] = words[2]
            return b"+OK\r\n"
        if words[0] == b"INCR":
            self.keys[words[1]] = b"%d" % (int(self.keys.get(words[1], b"0")) + 1)
            return b":%s\r\n" % self.keys[words[1]]
        value = self.keys.get(words[1])
        return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)


def honest(server, number, command, answer):
    return answer


def another_value(server, number, command, answer):
    """A byte of one value."""
    return answer[:-4] + b"!" + answer[-3:] if number > 2000 and command == b"GET" and len(answer) > 40 else answer


def forgets(server, number, command, answer):
    """All that was written is as it was some time ago."""
    if number == 1000:
        server.before = dict(server.keys)
    if number == 3000:
        server.keys = dict(server.before)
    return answer


def counts_twice(server, number, command, answer):
    return b":%d\r\n" % (int(answer[1:]) + 1) if number > 2000 and command == b"INCR" else answer


def silent(server, number, command, answer):
    return answer if number < 2000 else None


def watched(lie, wanted):
    """What the client counts of such a server."""
    server = Liar(lie)
    client = subprocess.Popen([sys.executable, "-B", faulty.WITNESS, "127.0.0.1", str(server.port), "--connections",
                               "2", "--stall", "2"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        threading.Timer(3.5, lambda: (client.stdin.write("end\n"), client.stdin.flush())).start()
        result = [line for line in map(faulty.json.loads, client.stdout) if "end" in line]
    finally:
        client.kill()
        client.wait()
        server.listener.close()
    counts = result[0]["end"]
    check(counts["checked"] > 500, f"only {counts['checked']} replies were checked")
    equal("what was found", sorted(kind for kind in ("wrong", "lost", "stalls") if counts[kind]), wanted)


def init_fails_again():
    """A gate refuses an entry from the driver, so the calls of kv's thread end, the network stack's among them; its
    init asks a source of entropy that faults, and fails. Both ended calls have to be remembered: the system had
    stopped."""
    folder = faulty.build("separate")
    with system.System(os.path.join(folder, "cloister.elf"), faulty.LOG) as running:
        running.wait_for(faulty.READY, 30)
        equal("DEBUG INJECT", running.redis("DEBUG", "INJECT", "virtio_rng", "illegal"), "OK")
        running.redis("DEBUG", "INJECT", "tap", "die")
        running.wait_for(r"^FAULTREC domain=net gen=2 kind=init", 10)
        running.wait_for(r"^HEALREC .* domain=net component=net kind=init outcome=restarted", 10)
        equal("PING", running.redis("PING"), "PONG")
        equal("exit status", running.stop(), 0)


def random_faults():
    folder = faulty.build("separate")
    return chaos.run(lambda stdin: system.System(os.path.join(folder, "cloister.elf"), faulty.LOG, stdin=stdin), COUNT,
                     1, RATE)


def random_faults_pc():
    folder = faulty.build("separate", "pc")
    return chaos.run(lambda stdin: pc.Machine(os.path.join(folder, "cloister.elf"), faulty.LOG, stdin=stdin,
                                              link=forward.Tap(),
                                              options=forward.entropy("q35")), PC_COUNT, 1, PC_RATE)


def unnoticed():
    """monolith: a wild write must be seen by the judge of a run."""
    folder = faulty.build("monolith")
    with system.System(os.path.join(folder, "cloister.elf"), faulty.LOG) as running:
        running.wait_for(faulty.READY, 30)
        running.redis("DEBUG", "INJECT", "net", "wild", "call", "1", "kv")
        equal("PING", running.redis("PING"), "PONG")
        nothing = {"wrong": 0, "lost": 0, "stalls": 0, "checked": 1}
        try:
            chaos.judge(running, [], nothing, {}, {})
        except system.Failure as failure:
            check("canaries" in str(failure), str(failure))
            return
        raise system.Failure("nobody noticed")


def cases():
    skip = common.skip_of(mpk=True)
    yield ktap.Case("control: an honest server is found to be one", lambda: watched(honest, []))
    yield ktap.Case("control: a wrong value is found", lambda: watched(another_value, ["wrong"]))
    yield ktap.Case("control: acknowledged writes that are gone are found", lambda: watched(forgets, ["lost"]))
    yield ktap.Case("control: a count that is too high is found", lambda: watched(counts_twice, ["lost", "wrong"]))
    yield ktap.Case("control: no reply at all is found", lambda: watched(silent, ["stalls", "wrong"]))
    yield ktap.Case("monolith: a wild write is found by the canaries", unnoticed, common.skip_of(mpk=False))
    yield ktap.Case("an init that fails while a call into it ends", init_fails_again, skip)
    yield ktap.Case(f"{COUNT} random faults under load", random_faults, skip)
    yield ktap.Case(f"pc: {PC_COUNT} random faults under load", random_faults_pc, pc.missing()
                    or common.skip_of(mpk=False))
