# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_aof.py - kv's append-only log on a running system: its settings, what INFO says, reading it back, growing, no room; and
that no acknowledged write is lost, and none there twice, while fs, net, a driver or kv itself dies under load.

What each command leaves in it, and fs dying in any call, tests/unit/test_journal.c tries.
"""
import json
import os
import re
import sys

import common
import forward
import group_inject
import ktap
import network
import pc
import system
from common import check, equal
from group_snapshot import BIG_BYTES, ask, image, set_big

ALWAYS = ["appendonly=yes", "appendfsync=always"]
SECONDS, FAULTS_MIN, TRIES = 4, 3, 100
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


def crashing(*arguments):
    return system.System(os.path.join(group_inject.image("separate"), "cloister.elf"), list(arguments))


def survives(component, kind, every_ms, resets):
    """A client counts for some seconds; resets: does it lose its connection each time?"""
    with crashing(*ALWAYS) as running:
        running.wait_ready(30)
        client = os.path.join(os.path.dirname(os.path.abspath(__file__)), "crash_client.py")
        done = running.command([sys.executable, "-B", client, running.address, str(running.port), str(SECONDS), str(every_ms), component, kind],
                               timeout=SECONDS + 60)
        check(done.returncode == 0, running.report(done.stdout + done.stderr))
        said = json.loads(done.stdout)
        equal("wrong", said["wrong"], [])
        equal("refused", said["refused"], 0)
        for _ in range(TRIES):   # what was asked for last may not have happened yet
            if running.redis("DEBUG", "INJECT", "pending") == "0":
                break
        ended = [line for line in running.console() if line.startswith(f"FAULTREC domain={component} ")]
        check(len(ended) >= FAULTS_MIN and said["counted"] > 500 * len(ended), f"{len(ended)} faults, {said}")
        check(resets or not said["resets"], f"{said['resets']} connections lost")
        ask(running, ("GET n", str(said["counted"])), ("DEBUG LOADAOF", "OK"), ("GET n", str(said["counted"])))
        faults = running.redis("INFO", "faults")
        check(int(re.search(r"^faults_total:(\d+)", faults, re.M)[1]) >= len(ended), faults)
        check(re.search(rf"^fault0:domain={component},gen=\d+,component={component},kind=.*,action=restarted,restart=1,ready_us=[1-9]", faults, re.M), faults)
        equal("exit status", running.stop(), 0)
        return f"{said['counted']} increments, {len(ended)} faults"


def without_fs():
    """fs comes back no more: the waiting write and later ones are refused, SAVE says why, reads go on."""
    refusal = "MISCONF Errors writing to the AOF file: the file system died"
    with crashing(*ALWAYS) as running:
        running.wait_ready(30)
        ask(running, ("SET a 1", "OK"), ("DEBUG INJECT fs init call 1 9", "OK"), ("INCR a", refusal), ("INCR a", refusal), ("GET a", "2"),
            ("SAVE", "ERR /dump.kv was not saved: the file system died"), ("STRLEN a", "1"), ("DEL a", refusal), ("PING", "PONG"))
        equal("aof_last_write_status", persistence(running)["aof_last_write_status"], "err")
        check(",action=down," in running.redis("INFO", "faults"), "INFO faults does not say that fs is down")
        equal("exit status", running.stop(), 0)


def returns():
    """fs is away for longer than the back-offs' first steps: clients wait, and nothing is refused. Nor does it matter how it dies."""
    with crashing(*ALWAYS) as running:
        running.wait_ready(30)
        ask(running, ("SET a 1", "OK"), ("DEBUG INJECT fs init call 1 3", "OK"), ("INCR a", "2"))
        for number, kind in enumerate(("loop", "never", "stack", "zero")):
            ask(running, (f"DEBUG INJECT fs {kind} call 1", "OK"), ("INCR a", str(3 + number)))
        ask(running, ("DEBUG LOADAOF", "OK"), ("GET a", "6"), ("CONFIG SET appendonly no", "OK"), ("SAVE", "OK"), ("INCR a", "7"))
        ask(running, ("CONFIG SET appendonly yes appendfsync no", "OK"))
        running.redis("DEBUG", "INJECT", "kv", "illegal")
        running.redis("PING")
        running.wait_for(r"^kv: /appendonly\.aof loaded: 1 keys", 10)
        ask(running, ("GET a", "7"), ("CONFIG GET appendonly", "appendonly\nyes"), ("CONFIG GET appendfsync", "appendfsync\nno"))
        equal("exit status", running.stop(), 0)


def elsewhere():
    """net dies in calls that tell kv nothing of its port, or in none of kv's: kv notices by the next one, and listens again."""
    with crashing() as running:
        running.wait_ready(30)
        equal("SET of a big value", set_big(running, "big"), "OK")
        for call in range(1, 13):
            start = len(running.console())
            running.redis("DEBUG", "INJECT", "net", "illegal", "call", str(call))
            for _ in range(3):
                running.redis("GET", "big")
            running.wait_for("^HEALREC number=.* domain=net ", 10, start)
            ask(running, ("STRLEN big", str(BIG_BYTES)))
        lines = running.console()
        check("kv: net failed with error 116; 1 keys kept" in lines, "net never died where kv could not see it")
        equal("exit status", running.stop(), 0)


def after_save():
    """kv dies without a log: it has what the last SAVE wrote."""
    with crashing() as running:
        running.wait_ready(30)
        for number in range(3):
            ask(running, (f"SET a {number}", "OK"), ("SAVE", "OK"), ("SET b unsaved", "OK"))
            start = len(running.console())
            running.redis("DEBUG", "INJECT", "kv", "illegal")
            running.redis("PING")
            running.wait_for(r"^kv: /dump\.kv loaded: 1 keys", 10, start)
            ask(running, ("GET a", str(number)), ("EXISTS b", "0"))
        equal("exit status", running.stop(), 0)


def on_pc():
    """The same log where ring 0 is ours: fs dies in a write, then kv dies, and reads it."""
    elf = os.path.join(group_inject.image("separate", platform="pc"), "cloister.elf")
    with pc.Machine(elf, ALWAYS, link=forward.Forward(network.free_port()), memory_mib=256) as running:
        running.wait_for(r"^kv: port .*ready$", 60)
        ask(running, ("SET a 1", "OK"), ("DEBUG INJECT fs write call 1", "OK"), ("INCR a", "2"), ("DEBUG INJECT fs loop call 1", "OK"), ("INCR a", "3"))
        running.redis("DEBUG", "INJECT", "kv", "illegal")
        running.redis("PING")
        _, line = running.wait_for(r"^kv: /appendonly\.aof loaded: 1 keys from 3 commands", 30)
        running.wait_for(r"^kv: port .*ready$", 30, line)
        ask(running, ("GET a", "3"), ("CONFIG GET appendfsync", "appendfsync\nalways"))
        check("faults_total:3" in running.redis("INFO", "faults"), running.report("INFO faults"))


def cases():
    for config in common.BOTH:
        skip = common.skip_of(mpk=config != "monolith")

        def case(name, function, config=config, skip=skip):
            return ktap.Case(f"{config}: {name}", lambda: function(config), skip)
        yield case("appendonly and appendfsync, as boot arguments and by CONFIG SET", settings)
        yield case("every type, read back", reads_back)
        yield case("a pipeline of increments", keeps_up)
        yield case("no room in fs", full)
    skip = common.skip_of(mpk=True)
    for component, kind, every_ms, resets in (("fs", "illegal", 20, False), ("tap", "write", 50, False), ("sched", "divide", 120, False),
                                              ("net", "illegal", 150, True), ("kv", "write", 150, True)):
        yield ktap.Case(f"{component} dies again and again: every acknowledged increment is there, once",
                        lambda arguments=(component, kind, every_ms, resets): survives(*arguments), skip)
    yield ktap.Case("net dies while kv is elsewhere", elsewhere, skip)
    yield ktap.Case("kv dies after SAVE", after_save, skip)
    yield ktap.Case("fs dies and stays down", without_fs, skip)
    yield ktap.Case("fs dies in many ways, and is back in a second", returns, skip)
    yield ktap.Case("pc: fs and kv die", on_pc, pc.missing("kernel"))
