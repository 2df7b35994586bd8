# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_inject.py - each kind of fault, in each component, on request: contained, named, healed; the others serve on.

A case is one system and one client of kv, which asks for the fault (DEBUG INJECT, core/include/inject.h), provokes it, and
compares the whole record, what its callers got, and what serves afterwards: gates-and-security.md, tests 43, 44, 47 to 49, 53
and 54. Controls: the same image without CONFIG_RECOVERY stops at the same faults with the same record, and in monolith a
write that a protection key refuses elsewhere happens unnoticed, but for the canaries.
"""
import contextlib
import os
import re
import subprocess
import time

import audit
import common
import ktap
import system
from common import check, equal
from group_forbidden import STACK_AREA_BYTES, STACK_STRIDE, STACKS_BASE
from group_shell import Console

PARALLEL = 2
FRAGMENT = os.path.join("tests", "configs", "inject.config")
TEXT_BASE, PAGE_BYTES, ALTERNATE_STACK_BYTES = 0x200000000, 0x1000, 65536
DEAD = "ERR /dump.kv was not saved: the file system died"
FRAMES = {"zero": 0, "a frame that points to itself": 1, "the monitor's stack": 2, "the nucleus": 3, "no canonical address": 4,
          "an odd address": 5, "more frames than there is room for": 6}
FRAMES_GO_ON = 8
REFILL_BYTES = 32 * 256   # what a domain takes of the smallest objects at once, to call somebody with a copy


def image(config, *more, name="inject", platform="host"):
    own = common.fragment(f"{config}-{name}", "".join(f"{line}\n" for line in more))
    return common.image(config, fragments=(FRAGMENT, own), platform=platform)


class Victim:
    """A system that serves, and what is expected of it: records come when everybody has been healed."""

    def __init__(self, folder, *arguments):
        self.running = system.System(os.path.join(folder, "cloister.elf"), arguments)
        self.seen = 0

    def __enter__(self):
        self.running.start()
        try:
            self.running.wait_for(r"^kv: .* ready$", 30)
        except system.Failure:
            self.running.kill()
            raise
        return self

    def __exit__(self, *_):
        self.running.kill()

    def ask(self, *words):
        """One command; "" when the connection was lost, which a fault of net or kv costs."""
        answer = self.running.redis(*words)
        return "" if "Connection reset" in answer or "Server closed" in answer else answer

    def inject(self, request):
        answer = self.ask("DEBUG", "INJECT", *request.split())
        check(answer in ("OK", ""), answer)

    def serves(self):
        equal("SET", self.running.redis("SET", "key", "value"), "OK")
        equal("GET", self.running.redis("GET", "key"), "value")

    def healed(self, domain, outcome="restarted", timeout=20):
        """Waits until that is the outcome for domain, once more."""
        pattern = rf"^HEALREC .*domain={domain} .*outcome={outcome} "
        _, self.seen = self.running.wait_for(pattern, timeout, self.seen)
        self.seen += 1

    def records(self):
        return [line for line in self.running.console() if line.startswith("FAULTREC")]

    def end(self, *wanted):
        """The records are these and no others, no canary is damaged, and it stops as it should."""
        equal("canaries", self.ask("DEBUG", "INJECT", "CANARIES"), "0")
        equal("fault records", self.records(), list(wanted))
        equal("exit status", self.running.stop(), 0)


def record(domain, kind, address=0, key=0, owner=None, what="instruction", generation=1, gate="fs_open", caller="kv", thread=2):
    return (f"FAULTREC domain={domain} gen={generation} kind={kind} address={address:#x} key={key} owner={owner or domain} "
            f"object='{what}' thread={thread} gate={gate} caller={caller}")


# ---- kinds, in fs: kv's SAVE is the call

def kinds(folder):
    """(request, kind in the record, address or None for "below the stack", key, owner, object)"""
    rows = {row["name"]: row for row in audit.domains(folder)}
    fs, canary = rows["fs"], audit.symbol(folder, "canary_front_monitor")
    yield "read", ("read", canary, 1, "monitor", "data")
    yield "write", ("write", canary, 1, "monitor", "data")
    yield "unmapped", ("write", 0x1000, 0, "nobody", "unmapped")
    yield "unmapped call 1 8", ("write", 8, 0, "nobody", "null page")
    yield "stack", ("write", None, fs["pkey"], "fs", "guard page")
    yield "illegal", ("illegal-instruction", 0, 0, "fs", "instruction")
    yield "privileged", ("protection", 0, 0, "fs", "instruction")
    yield "noncanonical", ("protection", 0, 0, "fs", "instruction")
    yield "divide", ("divide", 0, 0, "fs", "instruction")
    yield "breakpoint", ("trap", 0, 0, "fs", "instruction")
    yield "step", ("trap", 0, 0, "fs", "instruction")
    yield "data", ("execute", audit.symbol(folder, "injects_fs"), fs["pkey"], "fs", "persistent data")
    yield "zero", ("execute", 0, 0, "nobody", "null page")
    yield "stack-zero", ("write", 2**64 - 8, 0, "nobody", "unmapped")
    yield "stack-wild", ("protection", 0, 0, "fs", "instruction")
    yield "stack-foreign", ("write", STACKS_BASE + STACK_AREA_BYTES + STACK_STRIDE - 72, 1, "monitor", "stack")
    yield "wild call 1 net", ("write", audit.symbol(folder, "canary_net"), rows["net"]["pkey"], "net", "data")
    yield "syscall", ("system-call", 0, 0, "fs", "instruction")
    for what, how in FRAMES.items():
        yield f"frames call 1 {how}", ("illegal-instruction", 0, 0, "fs", "instruction")


def below_stack(domain_row, address):
    stack = STACKS_BASE + domain_row["id"] * STACK_AREA_BYTES
    check(stack <= address < stack + STACK_AREA_BYTES, f"{address:#x} is not in the stacks' part of {domain_row['name']}")


def contained(folder, request, wanted):
    kind, address, key, owner, what = wanted
    with Victim(folder) as victim:
        victim.inject(f"fs {request}")
        equal("SAVE meanwhile", victim.ask("SAVE"), DEAD)
        victim.healed("fs")
        equal("SAVE afterwards", victim.ask("SAVE"), "OK")
        victim.serves()
        if address is None:
            address = int(victim.records()[0].split("address=")[1].split()[0], 16)
            below_stack(audit.domain(folder, "fs"), address)
        victim.end(record("fs", kind, address, key, owner, what))


def stopped(folder, request):
    """The records of a system that the request ends; nobody may get an answer."""
    with Victim(folder) as victim:
        client = subprocess.Popen(victim.running.inside(["redis-cli", "-h", victim.running.address, "-p", str(victim.running.port)]),
                                  stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            client.stdin.write(f"DEBUG INJECT {request}\nSAVE\n".encode())
            client.stdin.flush()
            equal("exit status", victim.running.wait_exit(), 1)
        finally:
            client.kill()
            client.communicate()
        return victim.records()


def stops(folder, request, wanted):
    """Control: without recovery."""
    kind, address, key, owner, what = wanted
    equal("fault records", stopped(folder, f"fs {request}"), [record("fs", kind, address, key, owner, what)])


def overdue(folder, request, stop_seconds):
    """Test 48: kv says until when its calls must have returned; fs sleeps, calls the monitor again and again, or loops."""
    with Victim(folder) as victim:
        victim.inject(f"fs {request}")
        started = time.monotonic()
        equal("SAVE meanwhile", victim.ask("SAVE"), DEAD)
        check(time.monotonic() - started < stop_seconds, f"after {time.monotonic() - started:.1f} s")
        victim.healed("fs")
        equal("SAVE afterwards", victim.ask("SAVE"), "OK")
        victim.serves()
        victim.end(record("fs", "deadline"))


def stuck_below(folder, request):
    """tap holds kv's thread, and its own lock, for ever. kv's deadline ends net, which called tap, and net's init waits for that lock:
    tap is next, and net, whose init it did not answer, once more. (The healer had waited for the lock for ever.)"""
    with Victim(folder) as victim:
        victim.running.command(["timeout", "1", "redis-cli", "-h", victim.running.address, "-p", str(victim.running.port), "DEBUG", "INJECT", "tap",
                                request])
        victim.healed("tap", timeout=40)
        victim.running.wait_for("^HEALREC .*domain=net .*outcome=restarted ", 40)
        victim.serves()
        found = sorted(line.split("thread=")[0] for line in victim.records())
        wanted = record("net", "deadline"), record("net", "init", generation=2), record("tap", "deadline")
        equal("fault records", found, [line.split("thread=")[0] for line in wanted])
        victim.end(*victim.records())


def stack_pointers(folder):
    """Test 44: rsp at every page of the nucleus's alternate stack, and at both its ends."""
    start = audit.symbol(folder, "alternate_stack")
    with Victim(folder) as victim:
        wanted = []
        for generation, address in enumerate(range(start, start + ALTERNATE_STACK_BYTES + 1, PAGE_BYTES), 1):
            victim.inject(f"fs stack-foreign call 1 {address + 8}")
            equal("SAVE meanwhile", victim.ask("SAVE"), DEAD)
            victim.healed("fs")
            equal("SAVE afterwards", victim.ask("SAVE"), "OK")   # served: no back-off
            wanted.append(f"gen={generation} kind=write address={address:#x} ")
        victim.serves()
        for line, part in zip(victim.records(), wanted):
            check(line.startswith("FAULTREC domain=fs ") and part in line, f"{line}\n  is not {part}")
        equal("records", len(victim.records()), len(wanted))
        victim.end(*victim.records())


def back_off(folder, inits, outcome):
    """Test 49: so many inits fault; each waits longer than the one before, and after four it stays down."""
    with Victim(folder) as victim:
        victim.inject(f"fs init call 1 {inits}")
        equal("SAVE meanwhile", victim.ask("SAVE"), DEAD)
        victim.healed("fs", outcome)
        equal("SAVE afterwards", victim.ask("SAVE"), "OK" if outcome == "restarted" else DEAD)
        victim.serves()
        lines = victim.running.console()
        waits = [re.search(r"restart \d+.* in (\d+) ms", line) for line in lines if line.startswith("  action:")]
        waits = [int(found[1]) for found in waits if found]
        equal("back-off (ms)", [wait for wait in waits if wait], [10, 100, 1000][:min(inits, 3)])
        victim.end(record("fs", "illegal-instruction"), *[
            record("fs", "illegal-instruction", generation=number + 2, gate="fs_init", caller="monitor", thread=0) for number in range(min(inits, 4))])


def nobody_blamed(folder):
    """Test 54: fs jumps past the token of a gate between others, whose callee's rights are live when that dies."""
    with Victim(folder) as victim:
        victim.inject("fs die")
        equal("SAVE meanwhile", victim.ask("SAVE"), DEAD)
        victim.healed("fs")
        equal("SAVE afterwards", victim.ask("SAVE"), "OK")
        victim.serves()
        victim.end(record("unknown", "illegal-instruction", what="gate check", generation=0, gate="-", caller="-"),
                   record("fs", "collateral"))


def ruined_caller(folder, how):
    """Test 53: kv's own list of frames makes no sense when fs faults: the walk ends, and kv's thread with it."""
    with Victim(folder) as victim:
        victim.serves()
        victim.inject("fs illegal")
        victim.inject(f"kv frames call 1 {FRAMES_GO_ON + how}")
        equal("SAVE", victim.ask("SAVE"), "")
        victim.healed("kv")
        victim.serves()
        victim.end(record("fs", "illegal-instruction"), record("kv", "collateral", gate="kv_main", caller="monitor"))


# ---- components: an illegal instruction in each

def component(folder, name, provoke, domain_record):
    with Victim(folder) as victim:
        victim.inject(f"{name} illegal")
        provoke(victim)
        victim.healed(name)
        victim.serves()
        victim.end(domain_record)


def saves(victim):
    victim.ask("SAVE")


def asks(victim):
    victim.ask("PING")


def logs(victim):
    victim.ask("BGREWRITEAOF")   # says so in the log


def waits(_):
    time.sleep(1.5)              # time corrects the clock once a second


def nothing(_):
    pass


def components():
    yield "fs", saves, record("fs", "illegal-instruction")
    yield "console", logs, record("console", "illegal-instruction", gate="console_write")
    yield "net", asks, record("net", "illegal-instruction", gate="net_exchange")
    yield "tap", asks, record("tap", "illegal-instruction", gate="netdev_transmit", caller="net")
    yield "kv", nothing, record("kv", "illegal-instruction", gate="kv_main", caller="monitor")
    yield "time", waits, record("time", "illegal-instruction", gate="time_discipline", caller="monitor", thread=4)


def loops(folder):
    """Test 47: nobody waits for time; the watchdog ends it, and clients are served meanwhile."""
    with Victim(folder) as victim:
        victim.inject("time loop")
        time.sleep(1.3)   # it corrects the clock once a second
        victim.serves()
        victim.healed("time")
        victim.serves()
        victim.end(record("time", "loop", gate="time_discipline", caller="monitor", thread=4))


def scheduler(folder):
    """It is asked only when there is a choice: pressed hard enough, there is one. Who asked it runs on."""
    with Victim(folder) as victim:
        victim.inject("sched illegal")
        loaded = victim.running.command(["redis-benchmark", "-h", victim.running.address, "-p", str(victim.running.port), "-t", "set", "-n",
                                         "2000000", "-P", "16", "-q"], timeout=60)
        check("requests per second" in loaded.stdout, loaded.stdout + loaded.stderr)
        victim.healed("sched")
        victim.serves()
        found = re.sub(r"thread=\d+", "thread=N", victim.records()[0])
        equal("fault record", found, record("sched", "illegal-instruction", gate="sched_pick", caller="monitor", thread="N"))
        victim.end(*victim.records())


@contextlib.contextmanager
def load(victim):
    """Ticks come only where somebody is at work."""
    process = subprocess.Popen(victim.running.inside(["redis-benchmark", "-h", victim.running.address, "-p", str(victim.running.port), "-t",
                                                      "set", "-n", "100000000", "-P", "16", "-q"]), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def under_load(folder, request, wanted):
    """TICK and AFTER: wherever that domain is at work."""
    with Victim(folder) as victim:
        with load(victim):
            victim.inject(request)
            victim.healed(wanted)
            victim.serves()
        lines = victim.records()
        check(len(lines) == 1 and lines[0].startswith(f"FAULTREC domain={wanted} gen=1 kind=illegal-instruction "), common.tail(lines))
        victim.end(*lines)


# ---- what is no fault

def goes_on(folder, request, wanted, saved="OK"):
    """Nobody is ended; wanted: what the console must show."""
    with Victim(folder) as victim:
        victim.inject(request)
        check(re.fullmatch(saved, victim.ask("SAVE")), "SAVE")
        equal("requests that are left", victim.ask("DEBUG", "INJECT", "PENDING"), "0")
        victim.serves()
        for text in wanted:
            check(any(text in line for line in victim.running.console()), f"no line with '{text}'\n{common.tail(victim.running.console())}")
        victim.end()


def takes_all(folder, request, least_bytes):
    """Objects that fs forgot: others go on, and the next restart of fs gives all of them back."""
    with Victim(folder) as victim:
        def owned():
            return victim.running.statistics()["heap"].get("fs", {}).get("owned", 0)
        equal("SAVE", victim.ask("SAVE"), "OK")
        before = owned()
        victim.inject(f"fs {request}")
        victim.ask("SAVE")
        check(owned() >= before + least_bytes, f"fs owns {owned()} bytes of the shared heap, before {before}")
        victim.serves()
        victim.inject("fs illegal")
        victim.ask("SAVE")
        victim.healed("fs")
        equal("SAVE afterwards", victim.ask("SAVE"), "OK")
        check(owned() <= before + REFILL_BYTES, f"after the restart fs owns {owned()} bytes of the shared heap, before {before}")
        victim.serves()
        found = victim.records()
        check(len(found) == 1 and found[0].startswith("FAULTREC domain=fs gen=1 kind=illegal-instruction "), common.tail(found))
        victim.end(*found)


def mangled(folder):
    """kv's next call of fs_open gets another pointer to the path, which kv's own stub follows."""
    with Victim(folder) as victim:
        victim.inject("kv argument call 2")   # the first is net_exchange's, which takes the answer
        victim.ask("SAVE")
        victim.healed("kv")
        victim.serves()
        check(victim.records()[0].startswith("FAULTREC domain=kv gen=1 kind=read address=0x5a"), victim.records()[0])
        victim.end(*victim.records())


def later(folder):
    """The second call of tap from now, and not the first."""
    with Victim(folder) as victim:
        victim.inject("time illegal call 2")
        time.sleep(0.5)
        equal("records", victim.records(), [])
        victim.healed("time")
        victim.end(record("time", "illegal-instruction", gate="time_discipline", caller="monitor", thread=4))


def refused(folder):
    with Victim(folder) as victim:
        for request, sentence in (("fs nonsense", "ERR there is no kind 'nonsense'"), ("nobody write", "ERR there is no component 'nobody'"),
                                  ("fs leak tick", "ERR 'fs' cannot go wrong in that way or at that time"),
                                  ("sched never", "ERR 'sched' cannot go wrong in that way or at that time"),
                                  ("fs wild", "ERR wild wants the component that is written into"),
                                  ("fs illegal call", "ERR after 'call' there must be a number"),
                                  ("fs illegal call 0", "ERR after 'call' there must be a number"),
                                  ("fs illegal call 1 2 3", "ERR '3' is too much"), ("random x 1", "ERR 'x' is no number"),
                                  ("fs frames call 1 15", "ERR 'fs' cannot go wrong in that way or at that time")):
            equal(request, victim.ask("DEBUG", "INJECT", *request.split()), sentence)
        equal("kinds", len(victim.ask("DEBUG", "INJECT").split("\n")), 30)
        victim.end()


def drawn(folder):
    """The same seed, the same requests, whatever became of them; another seed, others."""
    def lines(seed):
        with Victim(folder) as victim:
            victim.inject(f"random {seed} 20 {1 << 26}")   # slow
            lines, end = [], time.monotonic() + 30
            with load(victim):
                while len(lines) < 20 and time.monotonic() < end:
                    time.sleep(0.1)
                    lines = [line for line in victim.running.console() if line.startswith("INJECT ")]
            return lines[:20]
    first = lines(42)
    equal("requests", len(first), 20)
    equal("the same seed", lines(42), first)
    check(lines(43) != first, "another seed draws the same")


def by_shell(folder):
    """The shell's command, and what it says about it afterwards."""
    with Console("separate", folder=folder) as console:
        check(console.ask("inject")[0].startswith("inject <component> <kind>"), "inject alone")
        equal("inject", console.ask("inject fs nonsense"), ["there is no kind 'nonsense'"])
        equal("inject", [line for line in console.ask("inject fs wild call 1 net") if not line.startswith("INJECT ")], [])
        equal("pending", console.ask("inject pending"), ["1"])
        equal("SAVE", console.running.redis("SAVE"), DEAD)
        console.running.wait_for("^HEALREC .*outcome=restarted ")
        address = audit.symbol(folder, "canary_net")
        key = audit.domain(folder, "net")["pkey"]
        first, second, third = console.ask("faults")
        equal("faults", first, f"1. fs gen 1 (fs): write {address:#x}, key {key}, net's data")
        check(re.fullmatch(r"   at perform\+0x[0-9a-f]+ lib/inject.c:\d+, thread 2, entered by fs_open from kv:.*", second), second)
        check(re.fullmatch(r"   unwound to kv with -EDOMAINDEAD; restart 1, ready after \d+ us", third), third)
        equal("inject canaries", console.ask("inject canaries"), ["0"])
        console.ask("inject shell illegal")
        console.running.wait_for("^HEALREC .*domain=shell .*outcome=restarted ")
        equal("a shell that died answers again", console.ask("inject pending"), ["0"])


def kv_init_fails(folder):
    """kv starts again, and the generator that it asks for its secrets dies: kv's init fails for want of it, and comes again when it
    is back, though it was the healer's own thread that met the second fault (it had forgotten it)."""
    with Victim(folder) as victim:
        victim.inject("virtio_rng illegal")
        victim.inject("kv illegal")
        victim.healed("virtio_rng")
        victim.healed("kv")
        victim.serves()
        check(not any("no source of entropy" in line for line in victim.running.console()), "kv did without")
        victim.end(record("kv", "illegal-instruction", gate="kv_main", caller="monitor"),
                   record("virtio_rng", "illegal-instruction", gate="entropy_word", thread=0),
                   record("kv", "init", generation=2, gate="-", caller="-", thread=0))


def dies_at_the_first(folder, request):
    """What separate survives."""
    lines = stopped(folder, request)
    check(len(lines) == 1 and lines[0].startswith("FAULTREC domain=system gen=1 "), common.tail(lines))


def nothing_of_it(config):
    """Without the option no symbol of it is in the image, no generated source names it, and DEBUG INJECT is unknown."""
    folder = common.image(config)
    names = subprocess.run(["nm", os.path.join(folder, "cloister.elf")], capture_output=True, text=True, check=True).stdout
    equal("symbols", [line for line in names.splitlines() if re.search("inject|canar|__hooked|__by_", line)], [])
    for name in os.listdir(os.path.join(folder, "link")):
        if name.startswith("stubs_") and name.endswith(".c"):
            with open(os.path.join(folder, "link", name), encoding="utf-8") as text:
                check("inject" not in text.read(), f"{name} names inject")


def unknown(config):
    with Victim(common.image(config)) as victim:
        check(victim.ask("DEBUG", "INJECT", "fs", "write").startswith("ERR"), "DEBUG INJECT is known")


def silent(folder):
    """Nobody refuses the write, and nobody notices, but the canaries."""
    with Victim(folder) as victim:
        victim.inject("net wild call 1 fs")
        victim.inject("fs write")
        equal("SAVE", victim.ask("SAVE"), "OK")
        victim.serves()
        equal("canaries", victim.ask("DEBUG", "INJECT", "CANARIES"), "2")
        for line in ("CANARY domain=system: somebody wrote behind the data of fs", "CANARY domain=monitor: somebody wrote in front of its data"):
            check(line in victim.running.console(), common.tail(victim.running.console()))
        equal("fault records", victim.records(), [])


def cases():
    skip, alone = common.skip_of(mpk=True), common.skip_of(mpk=False)
    for config in common.BOTH:
        yield ktap.Case(f"{config}: without the option nothing of it is in the image", lambda config=config: nothing_of_it(config),
                        common.skip_of(mpk=False, network=False))
        yield ktap.Case(f"{config}: without the option nobody can ask", lambda config=config: unknown(config), common.skip_of(mpk=config == "separate"))
    folder = image("separate")
    for request, wanted in kinds(folder):
        yield ktap.Case(f"separate: fs {request}", lambda arguments=(folder, request, wanted): contained(*arguments), skip)
    for request in ("never", "busy", "loop"):
        yield ktap.Case(f"separate: fs {request}: its caller's deadline", lambda request=request: overdue(folder, request, 8), skip)
    for request in ("never", "busy"):
        yield ktap.Case(f"separate: tap {request}, which kv did not call", lambda request=request: stuck_below(folder, request), skip)
    yield ktap.Case("separate: fs with its stack pointer in the nucleus's own stack", lambda: stack_pointers(folder), skip)
    for inits, outcome in ((1, "restarted"), (3, "restarted"), (9, "down")):
        yield ktap.Case(f"separate: {inits} inits of fs fault: {outcome}", lambda arguments=(folder, inits, outcome): back_off(*arguments), skip)
    yield ktap.Case("separate: fs in a foreign gate: nobody is blamed by the live rights", lambda: nobody_blamed(folder), skip)
    for what, how in FRAMES.items():
        yield ktap.Case(f"separate: fs faults, and its caller's frames are {what}", lambda how=how: ruined_caller(folder, how), skip)
    for name, provoke, wanted in components():
        yield ktap.Case(f"separate: {name} illegal", lambda arguments=(folder, name, provoke, wanted): component(*arguments), skip)
    yield ktap.Case("separate: time loop", lambda: loops(folder), skip)
    yield ktap.Case("separate: sched illegal", lambda: scheduler(folder), skip)
    for request, domain in (("net illegal tick", "net"), ("kv illegal tick", "kv"), ("tap illegal after 100", "tap"), ("kv illegal after 100", "kv")):
        yield ktap.Case(f"separate: under load: {request}", lambda arguments=(folder, request, domain): under_load(*arguments), skip)
    for request, wanted, saved in (("fs double-free", ["HEAPREC domain=fs gen=1 operation=free misuse=freed "], "OK"), ("fs leak", [], "OK"),
                                   ("fs slow call 1 20000", [], "OK"), ("fs alignment", [], "OK"), ("fs result", [], "ERR .*")):
        yield ktap.Case(f"separate: {request} ends nobody", lambda arguments=(folder, request, wanted, saved): goes_on(*arguments), skip)
    for request, least_bytes in (("leak call 1 64", 64 << 10), ("quota", 32 << 20)):
        yield ktap.Case(f"separate: fs {request}: the restart gives it back", lambda arguments=(folder, request, least_bytes): takes_all(*arguments),
                        skip)
    yield ktap.Case("separate: virtio_rng illegal, while kv starts", lambda: kv_init_fails(folder), skip)
    yield ktap.Case("separate: inject and faults in the shell", lambda: by_shell(folder), skip)
    yield ktap.Case("separate: kv argument", lambda: mangled(folder), skip)
    yield ktap.Case("separate: a later call", lambda: later(folder), skip)
    yield ktap.Case("separate: nonsense is refused", lambda: refused(folder), skip)
    yield ktap.Case("separate: a seed draws one sequence", lambda: drawn(folder), skip)
    mortal = image("separate", "# CONFIG_RECOVERY is not set", name="inject-norecover")
    for request, wanted in kinds(mortal):
        if request in ("write", "illegal", "zero"):
            yield ktap.Case(f"separate without recovery: fs {request}: it stops", lambda arguments=(mortal, request, wanted): stops(*arguments), skip)
    for request in ("fs illegal", "fs zero", "fs stack", "kv divide", "net unmapped"):
        yield ktap.Case(f"monolith: {request}: it dies", lambda request=request: dies_at_the_first(image("monolith"), request), alone)
    yield ktap.Case("monolith: wild writes are silent; the canaries show them", lambda: silent(image("monolith")), alone)
