# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_aof.py - kv's append-only log on a running system: its settings, what INFO says, reading it back, growing, no room.

What each command leaves in it, and fs dying in any call, tests/unit/test_journal.c tries.
"""
import os
import re

import common
import ktap
import system
from common import check, equal
from group_snapshot import BIG_BYTES, ask, image, set_big

ALWAYS = ["appendonly=yes", "appendfsync=always"]
LOADED = r"^kv: /appendonly\.aof loaded: {} keys from {} commands, \d+ bytes, \d+ us; 0 bytes of a last one cut off$"


def boot(config, *arguments):
    return system.System(image(config), list(arguments))


def persistence(running):
    """The fields of INFO persistence."""
    return dict(re.findall(r"^(\w+):(.*?)\r?$", running.redis("INFO", "persistence"), re.M))


def settings(config):
    with boot(config) as running:
        running.wait_ready(30)
        ask(running, ("CONFIG GET appendonly", "appendonly\nno"), ("CONFIG GET appendfsync", "appendfsync\neverysec"), ("SET before 1", "OK"))
        equal("aof_enabled", persistence(running)["aof_enabled"], "0")
        ask(running, ("CONFIG SET appendfsync always appendonly yes", "OK"), ("CONFIG GET appendonly", "appendonly\nyes"), ("INCR before", "2"),
            ("DEBUG LOADAOF", "OK"), ("GET before", "2"), ("CONFIG SET appendonly no", "OK"), ("INCR before", "3"),
            ("CONFIG SET appendonly maybe", "ERR CONFIG SET failed (possibly related to argument 'appendonly') - argument must be 'yes' or 'no'"))
        equal("aof_enabled", persistence(running)["aof_enabled"], "0")
        equal("exit status", running.stop(), 0)


def reads_back(config):
    """Every type, with what chance and the clock decide."""
    with boot(config, *ALWAYS) as running:
        running.wait_ready(30)
        ask(running, ("SET s v EX 1000", "OK"), ("INCRBY n 5", "5"), ("RPUSH l 1 2 3", "3"), ("LPOP l", "1"), ("SADD t a b c", "3"), ("HSET h f v", "1"),
            ("ZADD z 0.5 a", "1"), ("ZINCRBY z 0.25 a", "0.75"), ("XADD x 1-1 f v", "1-1"), ("SET gone 1 PX 1", "OK"))
        popped, added = running.redis("SPOP", "t"), running.redis("XADD", "x", "*", "f", "v")
        said = persistence(running)
        equal("aof fields", (said["aof_enabled"], said["aof_last_write_status"], said["aof_buffer_length"]), ("1", "ok", "0"))
        check(int(said["aof_current_size"]) > 300, f"aof_current_size {said['aof_current_size']}")
        for turn in range(2):
            start = len(running.console())
            ask(running, ("DEBUG LOADAOF", "OK"), ("GET s", "v"), ("GET n", "5"), ("LRANGE l 0 -1", "2\n3"), ("SCARD t", "2"),
                (f"SISMEMBER t {popped}", "0"), ("HGET h f", "v"), ("ZSCORE z a", "0.75"), ("XRANGE x - +", f"1-1\nf\nv\n{added}\nf\nv"), ("EXISTS gone", "0"))
            check(990 < int(running.redis("TTL", "s")) <= 1000, "the time that s has left did not survive")
            running.wait_for(LOADED.format(r"\d+", r"\d+"), 5, start)
            if not turn:
                ask(running, ("BGREWRITEAOF", "Background append only file rewriting started"), ("SET s v EX 1000", "OK"))
        equal("exit status", running.stop(), 0)


def keeps_up(config):
    """Many clients that count: no increment is there twice, none is missing, in few crossings."""
    with boot(config, *ALWAYS) as running:
        running.wait_ready(30)
        arguments = ["redis-benchmark", "-h", running.address, "-p", str(running.port), "-n", "200000", "-P", "16", "-q"]
        before = running.statistics()["crossings"]
        done = running.command([*arguments, "INCR", "n"], timeout=60)
        check(done.returncode == 0 and "rror" not in done.stdout, done.stdout + done.stderr)
        after = running.statistics()
        ask(running, ("GET n", "200000"), ("DEBUG LOADAOF", "OK"), ("GET n", "200000"), ("INCR n", "200001"))
        if config != "monolith":
            writes = after["crossings"]["kv", "fs_pwrite"] - before["kv", "fs_pwrite"]
            check(10 < writes < 40000, f"{writes} writes for 200000 increments")
            equal("bytes bounced", after["bounced"]["kv", "fs_pwrite"], 0)
        check(int(persistence(running)["aof_rewrites"]) > 3, "the log grew beyond a quarter of what fs has")
        equal("exit status", running.stop(), 0)


def full(config):
    """No room in fs: the write that does not fit is refused, reads go on, and writes are refused until there is room."""
    refusal = "MISCONF Errors writing to the AOF file: the file system is full"
    with boot(config, *ALWAYS) as running:
        running.wait_ready(30)
        ask(running, ("SET small 1", "OK"))
        said = [set_big(running, name) for name in "abcdef"]
        equal("SET until there is no room", (said[0], said[-1]), ("OK", refusal))
        ask(running, ("GET small", "1"), ("STRLEN a", str(BIG_BYTES)), ("SET small 2", refusal), ("GET small", "1"), ("DEL a", refusal))
        running.wait_for(r"^kv: /appendonly\.aof is not written: the file system is full \(error 28\); until it is, writes are refused$", 5)
        equal("aof_last_write_status", persistence(running)["aof_last_write_status"], "err")
        ask(running, ("CONFIG SET appendonly no", "OK"), ("FLUSHALL", "OK"), ("CONFIG SET appendonly yes", "OK"), ("SET small 3", "OK"))
        equal("aof_last_write_status", persistence(running)["aof_last_write_status"], "ok")
        ask(running, ("DEBUG LOADAOF", "OK"), ("DBSIZE", "1"), ("GET small", "3"))
        equal("exit status", running.stop(), 0)


def cases():
    for config in common.BOTH:
        skip = common.skip_of(mpk=config != "monolith")

        def case(name, function, config=config, skip=skip):
            return ktap.Case(f"{config}: {name}", lambda: function(config), skip)
        yield case("appendonly and appendfsync, as boot arguments and by CONFIG SET", settings)
        yield case("every type, read back", reads_back)
        yield case("a pipeline of increments", keeps_up)
        yield case("no room in fs", full)
