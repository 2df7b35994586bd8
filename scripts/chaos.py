# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""chaos.py - make chaos: random faults in every component, under load, and a client that checks every reply.

Usage: chaos.py [--count N] [--seed N] [--rate REQUESTS/S] [--kinds KIND ...] [--components NAME ...] [--log FILE]
Interface: run(start, count, seed, rate, ...) -> a line that says what happened; system.Failure when something
is not as it must be: a wrong reply, an acknowledged write lost, a connection that hangs, a component that did not come
back, a canary that somebody wrote to, anything that is not given back.

The same seed draws the same requests in the same order (draw). What a request meets when it happens depends on the
load, and so on the machine; a failure says the seed, the last requests and the last faults.
"""
import argparse
import collections
import itertools
import os
import random
import sys
import time

sys.dont_write_bytecode = True
import audit
import bench_json
import faulty
import pc
import progress
import system

# Each of these ends its domain, or the call; the others go on. Not among them: never and busy, which a caller's
# deadline ends and so take a second each; quota, which starves others by design; argument and result, lies that others
# have to believe.
FATAL = ("read write unmapped stack illegal privileged noncanonical divide breakpoint step data zero stack-zero "
         "stack-wild stack-foreign loop wild init syscall die").split()
HARMLESS = "alignment double-free leak slow".split()
NEEDS_CALL = ("double-free", "leak")
# Who is called once in a while gets a request for one of its next few calls.
SELDOM = ("virtio_rng", "time", "shell", "console", "sched")
CALLS_AHEAD, CALLS_AHEAD_SELDOM = 100, 3
# Nobody calls these; whom nobody calls has served once it lived 100 ms, and who faults five times in a row without
# having served stays down. So they get some time before the next request, and the others a little less.
UNCALLED, UNCALLED_SECONDS, OTHERS_SECONDS = ("kv", "shell", "time"), 0.4, 0.1
DRIVERS = {"tap", "stream", "virtio_net"}
SHELL_SECONDS = 0.02       # a command for the shell so often
REWRITE_EVERY = 50         # requests: the log is written anew, since a restart of kv reads all of it
LATE_SECONDS = 0.1         # a machine that was slow does not make up for it with a burst
QUIET_SECONDS = 3.0        # until everything is as it was
CLIENT_CPU = 1 if os.cpu_count() > 1 else None
SYSTEM_CPU = 0 if os.cpu_count() > 1 else None


def draw(seed, components, kinds, rate):
    """Requests without an end: (component, words)."""
    dice, last = random.Random(seed), {}
    for number in itertools.count():
        while True:
            component = dice.choice(components)
            rest = UNCALLED_SECONDS if component in UNCALLED else OTHERS_SECONDS
            if len(components) < 4 or number - last.get(component, -1e9) > rest * rate:
                break
        last[component] = number
        kind, ahead, is_tick = dice.choice(kinds), dice.random(), dice.random() < 0.25
        calls = 1 + int(ahead * (CALLS_AHEAD_SELDOM if component in SELDOM else CALLS_AHEAD))
        is_tick = is_tick and kind not in NEEDS_CALL and component not in SELDOM
        words = [kind] + (["tick"] if is_tick else ["call", str(calls)])
        if kind == "wild":
            words.append(dice.choice([name for name in components if name != component] or components))
        yield component, words


def held(running):
    """What must be the same before and after. Free objects in a domain's own cache are no loss, nor is the room for the
    rest of a chunk; connections and requests under way are over by then."""
    statistics = running.statistics()
    return {"threads": statistics["threads"],
            **{f"bytes held by {domain}": heap["owned"] - heap["cached"] for domain,
               heap in statistics["heap"].items()}}


def restart_all(client, running, console, records, components):
    """Each component faults once, so that what it leaked is taken back and everybody starts from the same."""
    for component in components:
        before = len(records.read().by_number)
        for attempt in range(100):
            if attempt % 20 == 0:  # a scheduler is asked only where two threads can run, so some load is needed
                client.say("DEBUG", "INJECT", component, "illegal")
            console.type("uptime\n")
            if component == "virtio_rng":
                client.say("DEBUG", "INJECT", "net", "illegal")
            time.sleep(0.15)
            new = list(records.read().by_number.items())[before:]
            if any(fields["component"] == component and fields["outcome"] == "restarted" for _, fields in new):
                break
        else:
            raise system.Failure(running.report(f"{component} was asked to fault, and did not, or did not come back"))
        time.sleep(0.15)


def settle(running, console, records, components):
    """Everything restarted, empty and quiet; returns what is held."""
    with faulty.Client(running, "--connections", 4, "--rate", 3000, cpu=CLIENT_CPU) as client:
        restart_all(client, running, console, records, components)
        client.finish()
    running.redis("FLUSHALL")
    for driver in DRIVERS & set(components):   # how many buffers it has depends on the load that it saw
        running.redis("DEBUG", "INJECT", driver, "illegal")
        running.redis("PING")
    end, before = time.monotonic() + 4 * QUIET_SECONDS, None
    while time.monotonic() < end:
        time.sleep(QUIET_SECONDS / 4)
        now = held(running)
        if now == before:
            return now
        before = now
    return before


def attack(client, running, console, records, requests, count, rate, made):
    next_at = time.monotonic()
    with progress.Bar(count) as bar:
        while len(made) < count and not client.complaints:
            component, words = next(requests)
            bar.step(f"{len(records.read().by_number)} faults; {component} {' '.join(words)}")
            client.say("DEBUG", "INJECT", component, *words)
            made.append(f"{component} {' '.join(words)}")
            if len(made) % REWRITE_EVERY == 0:
                client.say("BGREWRITEAOF")
            next_at = max(next_at + 1 / rate, time.monotonic() - LATE_SECONDS)
            while (rest := next_at - time.monotonic()) > 0:
                console.type("uptime\n")
                time.sleep(min(SHELL_SECONDS, rest))
            if running.process.poll() is not None:
                raise system.Failure("the system ended")


def judge(running, complaints, end, before, after):
    complaints = [f"{complaint['kind']}: {complaint['complaint']}" for complaint in complaints]
    differences = [f"{what}: {before.get(what, 0)} before, {after.get(what, 0)} after"
                   for what in sorted({*before, *after}) if before.get(what, 0) != after.get(what, 0)]
    if complaints or differences:
        raise system.Failure("\n".join(complaints + differences))
    if end["wrong"] or end["lost"] or end["stalls"] or not end["checked"]:
        raise system.Failure(f"the client counted {end}")
    if (damaged := running.redis("DEBUG", "INJECT", "CANARIES")) != "0":
        raise system.Failure(f"domains whose canaries somebody wrote to: {damaged}")


def faults_told(made, records):
    last = "\n".join(f"  {fields['number']}: {fields['component']} {fields['kind']}, {fields['outcome']}"
                     for fields in list(records.by_number.values())[-6:])
    return f"the last requests of {len(made)}: {'; '.join(made[-8:])}\nthe last faults:\n{last}"


def run(start, count, seed, rate, kinds=None, components=None, connections=8, log=None):
    """start(console): a System or Machine of an image with faults on request."""
    made = []
    with faulty.Console() as console, start(console.read_end) as running:
        try:
            running.wait_for(faulty.READY, 60)
            names = [row["name"] for row in audit.load(os.path.dirname(running.elf))["components"]]
            requests = draw(seed, components or names, kinds or FATAL + HARMLESS, rate)
            records = faulty.Records(running)
            before = settle(running, console, records, names)
            started = time.monotonic()
            with faulty.Client(running, "--connections", connections, "--seed", seed, cpu=CLIENT_CPU) as client:
                client.wait_serving()
                attack(client, running, console, records, requests, count, rate, made)
                end, seconds = client.finish(), time.monotonic() - started
            running.redis("FLUSHALL")
            after = settle(running, console, records, names)
            judge(running, client.complaints, end, before, after)
            status = running.stop()
            if status:
                raise system.Failure(f"the system ended with status {status}")
        except system.Failure as failure:
            raise system.Failure(f"seed {seed}: {failure}\n{faults_told(made, records.read())}") from failure
        finally:
            if log:
                with open(log, "w", encoding="utf-8") as out:
                    out.write("\n".join(running.console()) + "\n")
    return told(made, records, end, seconds, isinstance(running, pc.Machine))


def told(made, records, end, seconds, is_emulated):
    faults = list(records.by_number.values())
    by_component = collections.Counter(fields["component"] for fields in faults)
    times = sorted(int(fields["ready_ns"]) / 1000 for fields in faults if fields["outcome"] == "restarted")
    lines = [f"{len(made)} requests in {seconds:.0f} s, {len(faults)} faults: "
             + ", ".join(f"{name} {number}" for name, number in by_component.most_common()),
             f"client: {end['checked']} replies checked, {end['wrong']} wrong; {end['written']} writes acknowledged, "
             f"{end['lost']} lost; {end['resets']} connections reset",
             "nothing leaked, no canary damaged"]
    if not is_emulated and times:
        lines.insert(1, f"restarted after a median of {times[len(times) // 2]:.0f} us, "
                        f"at worst {times[-1] / 1000:.1f} ms; longest wait for a reply {end['longest_ms']} ms")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=40)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--kinds", nargs="*")
    parser.add_argument("--components", nargs="*")
    parser.add_argument("--log")
    asked = parser.parse_args()
    driver, reason = system.driver()
    if system.missing_mpk() or not driver:
        raise system.Failure(f"The chaos test needs platform host. {system.missing_mpk() or reason}")
    with progress.Activity("building separate, with faults on request"):
        folder = faulty.build("separate", driver=driver)
    print(run(lambda stdin: system.System(os.path.join(folder, "cloister.elf"), faulty.LOG, stdin=stdin,
                                          cpu=SYSTEM_CPU),
              asked.count, asked.seed, asked.rate, asked.kinds, asked.components, asked.connections, asked.log))
    return 0


if __name__ == "__main__":
    bench_json.finish(main)
