# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_snapshot.py - kv saves through fs, loads what it finds at the start, goes on when either has no room, and ends.

tests/components/dumper puts a snapshot into fs before kv starts: a good one, a damaged one, half of one. Heaps are small, so
that full is soon reached. What a snapshot may contain, tests/unit/test_snapshot.c tries.
"""
import os

import common
import ktap
import system
from common import check, equal

OOM = "OOM command not allowed when used memory > 'maxmemory'."
BIG_BYTES = 400000 # a request may be a sixteenth of the heap; fs has room for five, kv for seventeen


def image(config):
    """The configuration with dumper and small heaps."""
    fragments = "tests/configs/dumper.config", common.fragment(f"{config}-dumper")
    return os.path.join(common.image(config, fragments=fragments), "cloister.elf")


def boot(config, dump=None):
    return system.System(image(config), [f"dump={dump}"] if dump else [])


def ask(running, *steps):
    """steps: words for redis-cli, and what it prints."""
    for words, wanted in steps:
        equal("redis-cli " + words[:200], running.redis(*words.split(" ")).rstrip("\n"), wanted)


def set_big(running, name):
    """redis-cli takes the last argument from its standard input."""
    done = running.command(["redis-cli", "-h", system.ADDRESS, "-x", "SET", name], data="v" * BIG_BYTES)
    return (done.stdout + done.stderr).strip()


def loads(config):
    with boot(config, "good") as running:
        running.wait_for(r"^kv: /dump\.kv loaded: 7 keys, 1 expired, \d+ ms$", 30)
        running.wait_ready(30)
        ask(running, ("DBSIZE", "7"), ("GET s", "hello"), ("LRANGE l 0 -1", "1\n2"), ("SMEMBERS t", "a"), ("HGETALL h", "f\nv"),
            ("ZRANGE z 0 -1 WITHSCORES", "a\n1.5\nb\n2.5"), ("XRANGE x - +", "1-1\nf\nv"), ("GET later", "here"), ("EXISTS old", "0"))
        equal("exit status", running.stop(), 0)


def refuses(config, dump, why):
    with boot(config, dump) as running:
        running.wait_for(rf"^kv: /dump\.kv refused: {why}; it is now /dump\.kv\.refused-1, and the server has 0 keys$", 30)
        running.wait_ready(30)
        ask(running, ("DBSIZE", "0"), ("SET a 1", "OK"), ("SAVE", "OK"), ("DEBUG RELOAD NOSAVE", "OK"), ("GET a", "1"))
        equal("exit status", running.stop(), 0)


def reloads(config):
    with boot(config) as running:
        running.wait_ready(30)
        ask(running, ("SET s v EX 1000", "OK"), ("RPUSH l 1 2 3", "3"), ("HSET h f v", "1"), ("ZADD z 0.5 a", "1"), ("XADD x 1-1 f v", "1-1"),
            ("SADD t a", "1"), ("SAVE", "OK"), ("FLUSHALL", "OK"), ("DEBUG RELOAD NOSAVE", "OK"), ("DBSIZE", "6"), ("GET s", "v"),
            ("LRANGE l 0 -1", "1\n2\n3"), ("HGET h f", "v"), ("ZSCORE z a", "0.5"), ("XLEN x", "1"), ("SMEMBERS t", "a"))
        check(990 < int(running.redis("TTL", "s")) <= 1000, "the time that s has left did not survive")
        # More than fits a buffer.
        equal("SET of a big value", set_big(running, "a"), "OK")
        before = running.statistics()["crossings"].get(("kv", "fs_write"), 0)
        ask(running, ("SAVE", "OK"), ("DEBUG RELOAD NOSAVE", "OK"), ("STRLEN a", str(BIG_BYTES)))
        if config != "monolith":
            after = running.statistics()
            equal("writes of 64 KiB", after["crossings"][("kv", "fs_write")] - before, BIG_BYTES // 65536 + 1)
            equal("bytes bounced at gates", [after["bounced"]["kv", name] for name in ("fs_read", "fs_write")], [0, 0])
        equal("exit status", running.stop(), 0)


def full(config):
    """First fs has no room, then kv: each is one error, and everybody is served on."""
    with boot(config) as running:
        running.wait_ready(30)
        ask(running, ("SET small 1", "OK"), ("SAVE", "OK"))
        for name in "abcdef":
            equal("SET of a big value", set_big(running, name), "OK")
        refusal = "ERR /dump.kv was not saved: the file system is full"
        for words, wanted in (("SAVE", refusal), ("BGSAVE", refusal), ("DEBUG RELOAD", refusal), ("DBSIZE", "7"),
                              ("SHUTDOWN SAVE", "ERR Errors trying to SHUTDOWN. Check logs."), ("STRLEN d", str(BIG_BYTES))):
            ask(running, (words, wanted))
        check("rdb_last_bgsave_status:err" in running.redis("INFO", "persistence"), "INFO hides that saving failed")
        said = [set_big(running, name) for name in "ghijklmnopqrst"]
        equal("SET until there is no room", (said[0], said[-1]), ("OK", OOM))
        ask(running, ("GET small", "1"), ("STRLEN g", str(BIG_BYTES)), ("DEL a b c d e f", "6"), ("SET small 2", "OK"),
            ("DEBUG RELOAD NOSAVE", "OK"), ("DBSIZE", "1"), ("GET small", "1"), ("SAVE", "OK"))
        equal("exit status", running.stop(), 0)


def shutdown(config, words, saved):
    with boot(config) as running:
        running.wait_ready(30)
        ask(running, ("SET a 1", "OK"), (words, ""))
        equal(f"exit status after {words}", running.wait_exit(10), 0)
        equal("was there a save", any("/dump.kv saved" in line for line in running.console()), saved)


def cases():
    for config in common.BOTH:
        skip = common.skip_of(mpk=config != "monolith")

        def case(name, function, *arguments, config=config, skip=skip):
            return ktap.Case(f"{config}: {name}", lambda: function(config, *arguments), skip)
        yield case("a snapshot is loaded at the start", loads)
        yield case("a damaged snapshot is refused and kept", refuses, "damaged", "[^;]+")
        yield case("half a snapshot is refused and kept", refuses, "cut", "it is truncated")
        yield case("SAVE and DEBUG RELOAD, every type", reloads)
        yield case("no room in fs, no room in kv", full)
        for words, saved in (("SHUTDOWN", False), ("SHUTDOWN NOSAVE", False), ("SHUTDOWN SAVE", True)):
            yield case(words, shutdown, words, saved)
