# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_redis.py - real conversations: redis-cli, nc, and raw bytes, good and malformed, with both configurations.

The expected texts are those of Redis 7. One system per configuration serves all its cases, so that a case also shows
that the one before it left the server healthy.
"""
import os
import shutil
import sys

import common
import ktap
import system
from common import check, equal

sys.path.insert(0, os.path.join(common.ROOT, "bench", "redis"))
import copies

RAW_CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "raw_client.py")
CLOSED = b"<closed>"
BIG = b"x" * 10000


def command(*words):
    """A request in the form that clients send."""
    words = [word if isinstance(word, bytes) else word.encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def bulk(data):
    return b"$%d\r\n%s\r\n" % (len(data), data)


# (name, [(words for redis-cli, what it prints)])
CLI = [
    ("ping", [(["PING"], "PONG"), (["PING", "hello world"], "hello world")]),
    ("set-get", [(["SET", "a", "1"], "OK"), (["GET", "a"], "1"), (["get", "a"], "1")]),
    ("get-missing", [(["GET", "no-such-key"], "")]),
    ("overwrite", [(["SET", "a", "longer value"], "OK"), (["GET", "a"], "longer value"), (["SET", "a", ""], "OK"),
                   (["GET", "a"], "")]),
    ("del", [(["SET", "b", "1"], "OK"), (["SET", "c", "1"], "OK"), (["DEL", "b", "c", "d"], "2"),
             (["GET", "b"], ""), (["DEL", "b"], "0")]),
    ("incr", [(["DEL", "n"], None), (["INCR", "n"], "1"), (["INCR", "n"], "2"), (["SET", "n", "41"], "OK"),
              (["INCR", "n"], "42"), (["GET", "n"], "42"), (["SET", "n", "-1"], "OK"), (["INCR", "n"], "0")]),
    ("incr-not-a-number", [(["SET", "s", "abc"], "OK"),
                           (["INCR", "s"], "ERR value is not an integer or out of range"),
                           (["SET", "s", " 1"], "OK"),
                           (["INCR", "s"], "ERR value is not an integer or out of range"), (["GET", "s"], " 1")]),
    ("incr-overflow", [(["SET", "m", "9223372036854775807"], "OK"),
                       (["INCR", "m"], "ERR increment or decrement would overflow"),
                       (["SET", "m", "9223372036854775808"], "OK"),
                       (["INCR", "m"], "ERR value is not an integer or out of range")]),
    ("unknown-command", [(["FROB", "a", "b"], "ERR unknown command 'FROB', with args beginning with: 'a' 'b' "),
                         (["FROB"], "ERR unknown command 'FROB', with args beginning with: ")]),
    ("wrong-arity", [(["GET"], "ERR wrong number of arguments for 'get' command"),
                     (["GET", "a", "b"], "ERR wrong number of arguments for 'get' command"),
                     (["SET", "a"], "ERR wrong number of arguments for 'set' command"),
                     (["INCR"], "ERR wrong number of arguments for 'incr' command"),
                     (["DEL"], "ERR wrong number of arguments for 'del' command"),
                     (["PING", "a", "b"], "ERR wrong number of arguments for 'ping' command")]),
    ("strings", [(["SET", "s", "v", "EX", "100"], "OK"), (["TTL", "s"], "100"), (["APPEND", "s", "w"], "2"),
                 (["GETRANGE", "s", "-1", "-1"], "w"), (["MSET", "m1", "1", "m2", "2"], "OK"),
                 (["MGET", "m1", "m2"], "1\n2"), (["DECRBY", "m1", "5"], "-4")]),
    ("lists", [(["DEL", "l"], None), (["RPUSH", "l", "a", "b", "c"], "3"), (["LPUSH", "l", "z"], "4"),
               (["LRANGE", "l", "0", "-1"], "z\na\nb\nc"), (["LPOP", "l", "2"], "z\na"), (["LLEN", "l"], "2")]),
    ("sets", [(["DEL", "t"], None), (["SADD", "t", "a", "b", "a"], "2"), (["SISMEMBER", "t", "a"], "1"),
              (["SREM", "t", "a"], "1"), (["SMEMBERS", "t"], "b"), (["SPOP", "t"], "b"), (["EXISTS", "t"], "0")]),
    ("hashes", [(["DEL", "h"], None), (["HSET", "h", "f", "1"], "1"), (["HINCRBY", "h", "f", "41"], "42"),
                (["HGETALL", "h"], "f\n42"), (["HDEL", "h", "f"], "1"), (["TYPE", "h"], "none")]),
    ("sorted-sets", [(["DEL", "z"], None), (["ZADD", "z", "0.1", "a", "2", "b"], "2"), (["ZSCORE", "z", "a"], "0.10000000000000001"),
                     (["ZRANGE", "z", "0", "-1"], "a\nb"), (["ZRANK", "z", "b"], "1"), (["ZPOPMIN", "z"], "a\n0.10000000000000001"),
                     (["ZINCRBY", "z", "1.5", "b"], "3.5")]),
    ("streams", [(["DEL", "x"], None), (["XADD", "x", "1-1", "f", "v"], "1-1"), (["XLEN", "x"], "1"),
                 (["XRANGE", "x", "-", "+"], "1-1\nf\nv")]),
    ("wrong-type", [(["LPUSH", "l", "x"], None),
                    (["GET", "l"], "WRONGTYPE Operation against a key holding the wrong kind of value")]),
    ("keys", [(["FLUSHALL"], "OK"), (["SET", "k1", "1"], "OK"), (["KEYS", "k*"], "k1"), (["SCAN", "0"], "0\nk1"),
              (["DBSIZE"], "1"), (["PEXPIRE", "k1", "1"], "1"), (["PING"], "PONG"), (["SELECT", "0"], "OK"),
              (["CONFIG", "GET", "save"], "save\n"), (["CLIENT", "SETNAME", "me"], "OK"), (["ECHO", "e"], "e")]),
]

# What the default set of redis-benchmark prints, one line each, with -q.
BENCHMARK = ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "LPUSH", "RPUSH", "LPOP", "RPOP", "SADD", "HSET", "SPOP", "ZADD",
             "ZPOPMIN", "LPUSH (needed to benchmark LRANGE)", "LRANGE_100", "LRANGE_300", "LRANGE_500", "LRANGE_600", "MSET"]

# (name, bytes sent, bytes expected, bytes per piece: 0 = all at once)
RAW = [
    ("inline", b"PING\r\n", b"+PONG\r\n", 0),
    ("inline-newline-only", b"PING\n", b"+PONG\r\n", 0),
    ("inline-set-get", b"SET i 5\r\nGET i\r\n", b"+OK\r\n$1\r\n5\r\n", 0),
    ("inline-quoted", b"SET q \"two words\"\r\nGET q\r\n", b"+OK\r\n$9\r\ntwo words\r\n", 0),
    ("inline-empty-line", b"\r\nPING\r\n", b"+PONG\r\n", 0),
    ("binary-value", command("SET", "bin", bytes(range(256))) + command("GET", "bin"),
     b"+OK\r\n" + bulk(bytes(range(256))), 0),
    ("big-value", command("SET", "big", BIG) + command("GET", "big"), b"+OK\r\n" + bulk(BIG), 0),
    ("pipeline-1000", b"".join(command("SET", f"p{i}", str(i)) + command("GET", f"p{i}") for i in range(1000)),
     b"".join(b"+OK\r\n" + bulk(str(i).encode()) for i in range(1000)), 0),
    ("byte-by-byte", command("SET", "slow", "value") + command("GET", "slow"), b"+OK\r\n" + bulk(b"value"), 1),
    ("seven-bytes-a-piece", command("SET", "seven", BIG[:500]) + command("GET", "seven"),
     b"+OK\r\n" + bulk(BIG[:500]), 7),
    ("empty-array", b"*0\r\n" + command("PING"), b"+PONG\r\n", 0),
    ("errors-keep-the-connection", command("FROB") + command("GET") + command("PING"),
     b"-ERR unknown command 'FROB', with args beginning with: \r\n"
     b"-ERR wrong number of arguments for 'get' command\r\n+PONG\r\n", 0),
    ("malformed-array-length", b"*x\r\n", b"-ERR Protocol error: invalid multibulk length\r\n" + CLOSED, 0),
    ("malformed-huge-array", b"*3000000000\r\n", b"-ERR Protocol error: invalid multibulk length\r\n" + CLOSED, 0),
    ("malformed-no-dollar", b"*1\r\n+PING\r\n", b"-ERR Protocol error: expected '$', got '+'\r\n" + CLOSED, 0),
    ("malformed-bulk-length", b"*1\r\n$x\r\n", b"-ERR Protocol error: invalid bulk length\r\n" + CLOSED, 0),
    ("malformed-negative-bulk", b"*1\r\n$-2\r\n", b"-ERR Protocol error: invalid bulk length\r\n" + CLOSED, 0),
    ("malformed-quotes", b"SET a \"open\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n" + CLOSED, 0),
    ("healthy-after-all-that", command("PING"), b"+PONG\r\n", 0),
]


def run_cli(running, steps):
    for words, wanted in steps:
        got = running.redis(*words)
        if wanted is not None:
            # redis-cli ends an error with one more empty line in some versions.
            equal("redis-cli " + " ".join(words), got.rstrip("\n"), wanted.rstrip("\n"))


def run_raw(running, data, wanted, piece):
    length = len(wanted) - (len(CLOSED) if wanted.endswith(CLOSED) else 0)
    # When the server must close, asking for one byte more waits for that.
    ask = length + 1 if wanted.endswith(CLOSED) else length
    done = running.command(["/usr/bin/python3", "-B", RAW_CLIENT, system.ADDRESS, str(system.PORT), str(piece),
                            str(ask)], data=data, timeout=30)
    if done.stdout != wanted:
        raise system.Failure(running.report(f"sent {data[:200]!r}\n  expected {wanted[-300:]!r}\n"
                                            f"  got      {done.stdout[-300:]!r} {done.stderr.decode()}"))


def run_nc(running):
    done = running.command(["nc", "-q", "1", "-w", "5", system.ADDRESS, str(system.PORT)], data=b"PING\r\nGET no-such-key\r\n")
    equal("nc", done.stdout, b"+PONG\r\n$-1\r\n")


def run_benchmark(running, pipeline):
    done = running.command(["redis-benchmark", "-h", system.ADDRESS, "-p", str(system.PORT), "-n", "1000", "-r", "1000", "-q",
                            "-P", str(pipeline)], data=b"", timeout=60)
    text = done.stdout.decode().replace("\r", "\n")
    problems = [name for name in BENCHMARK if f"{name}" not in text or "requests per second" not in text]
    noise = [line for line in (text + done.stderr.decode()).splitlines() if "WARNING" in line or "rror" in line]
    if done.returncode or problems or noise:
        raise system.Failure(running.report(f"redis-benchmark: status {done.returncode}, missing {problems}, said {noise}"))


# Of each byte of a value, by the code of all domains together (docs/speed.md says which), and some for headers.
COPIES_MOST = {("set", "64 KiB"): 2.1, ("get", "64 KiB"): 2.1, ("set", "512 KiB"): 2.1, ("get", "512 KiB"): 2.1}
NETDEV_INFO_BYTES = 16   # struct netdev_info, which net lends from its private memory, once


def run_copies(running, config):
    """Nothing that crosses on the way of a request lies in private memory, and a counter would tell."""
    if config != "monolith":
        equal("bytes bounced for netdev_info", running.statistics()["bounced"]["net", "netdev_info"], NETDEV_INFO_BYTES)
    for size in copies.SIZES:
        for test in ("set", "get"):
            copied, _ = copies.sample(running, test, size)
            equal(f"{test} {size}: bytes bounced at gates", copied[copies.GATES], 0)
            check(1 <= copied[copies.TOTAL] <= COPIES_MOST.get((test, size), 4), f"{test} {size}: copies of each byte: {copied}")


# (name, arguments of redis-cli after -h and -p, what it prints somewhere): its own tools.
TOOLS = [
    ("--bigkeys", ["--bigkeys"], ["Sampled 2 keys in the keyspace!", "Biggest   list found ", '"big"', " has 3 items"]),
    ("--scan", ["--scan", "--pattern", "b?g"], ["big"]),
    ("--latency", ["--raw", "--latency", "-i", "0.3"], ["0 "]),
    ("-x", ["-x", "SET", "from-stdin"], ["OK"]),
    ("MONITOR", ["MONITOR"], ["ERR unknown command 'MONITOR', with args beginning with: "]),
    ("INFO", ["INFO", "clients", "KEYSPACE"], ["# Clients", "# Keyspace", "db0:keys=3,expires=0,avg_ttl=0"]),
]


def run_tools(running):
    """Pieces of software that send what no person types."""
    for words, wanted in ((["FLUSHALL"], "OK"), (["RPUSH", "big", "1", "2", "3"], "3"), (["SET", "small", "1"], "OK")):
        equal("redis-cli " + " ".join(words), running.redis(*words), wanted)
    for name, words, wanted in TOOLS:
        done = running.command(["redis-cli", "-h", system.ADDRESS, "-p", str(system.PORT), *words], data="text", timeout=20)
        missing = [text for text in wanted if text not in done.stdout]
        if missing:
            raise system.Failure(running.report(f"redis-cli {name}: no {missing} in\n{done.stdout}{done.stderr}"))


class Shared:
    """The one system of a configuration: booted by the first case, stopped by the last."""

    def __init__(self, config):
        self.config = config
        self.running = None

    def get(self):
        if self.running is not None and self.running.process.poll() is not None:
            ended, self.running = self.running, None  # the next case gets a new one
            raise system.Failure(ended.report("the system ended by itself after the case before"))
        if self.running is None:
            elf = os.path.join(common.image(self.config), "cloister.elf")
            self.running = system.System(elf).start().wait_ready(30)
        return self.running

    def stop(self):
        running = self.get()
        try:
            equal("exit status", running.stop(), 0)
        finally:
            running.kill()


def cases():
    for config in common.BOTH:
        skip = common.skip_of(mpk=config != "monolith")
        shared = Shared(config)

        def case(name, function, *arguments, shared=shared, skip=skip, config=config):
            return ktap.Case(f"{config}: {name}", lambda: function(shared.get(), *arguments), skip)
        for name, steps in CLI:
            yield case("redis-cli " + name, run_cli, steps)
        yield case("what redis-cli can do by itself", run_tools)
        yield case("copies of each byte of a value", run_copies, config)
        yield case("nc inline", run_nc) if shutil.which("nc") else ktap.Case(f"{config}: nc inline", skip="nc is not installed")
        for pipeline in (1, 16):
            yield case(f"redis-benchmark default set, pipeline {pipeline}", run_benchmark, pipeline)
        for name, data, wanted, piece in RAW:
            yield case("raw " + name, run_raw, data, wanted, piece)
        yield ktap.Case(f"{config}: stops with status 0", shared.stop, skip)
