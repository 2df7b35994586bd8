# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""demo_faults.py - make demo-faults: one component after another is broken, under load, and what becomes of it.

Usage: demo_faults.py [--platform host|pc] [--seed N]
redis-benchmark asks as fast as it can, and starts again whenever its connections are cut; beside it a client writes,
and checks every reply (witness.py). The same first attacks then meet monolith, where nothing is in between. The seed
decides who is broken in which way, and at which call. On pc, under QEMU, there are fewer steps, and no figure is a
speed. Writes $(O)/bench/demo-faults.json, and draws demo-faults.png beside it.
"""
import argparse
import collections
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
import audit
import bench_json
import demo
import demo_faults_picture as picture
import faulty
import pc
import progress
import system

SAMPLE_SECONDS = 0.25          # how often redis-benchmark says its rate
CALM_SECONDS, WATCH_SECONDS, LATEST_SECONDS = 0.75, 1.75, 8.0
STORM_SECONDS, STORM_EVERY = 4.0, 0.05
BARS = "▁▂▃▄▅▆▇█"

# component: (what it is, what has it work)
COMPONENTS = {
    "net": ("the network stack", None), "kv": ("the key-value store itself", None), "tap": ("the network driver", None),
    "virtio_net": ("the network driver", None), "stream": ("the network driver", None),
    "fs": ("the file system", None), "sched": ("the scheduler", None),
    "time": ("the clock", None), "console": ("the console driver", "uptime\n"), "shell": ("the shell", "uptime\n"),
    "virtio_rng": ("the source of random numbers", None),
}
# kind: (what happens, why one wants to see that)
KINDS = {
    "wild": ("writes into the data of {other}",
             "In one address space nothing but a protection key can refuse that: silent corruption is the "
             "worst of all faults."),
    "zero": ("calls a function pointer that is 0", "The classic null pointer: of a kernel it is usually the end."),
    "read": ("reads the monitor's memory", "Reading is refused as writing is: secrets stay where they are."),
    "write": ("writes into the monitor's memory", "The monitor starts everybody again, so nobody may touch it."),
    "unmapped": ("writes to an address where nothing is",
                 "A stray pointer: the page tables refuse it, the record says who it was."),
    "stack": ("calls itself without an end",
              "Each stack ends in a guard page, and what is behind belongs to somebody else."),
    "illegal": ("meets an illegal instruction", "A failed assertion looks like this."),
    "privileged": ("executes HLT, which is for kernels", "Components run unprivileged, drivers too."),
    "noncanonical": ("follows a pointer that no CPU can", "What a smashed pointer looks like."),
    "divide": ("divides by zero", "The simplest bug there is."),
    "breakpoint": ("meets a breakpoint that somebody forgot", "Nobody is there to debug it."),
    "step": ("switches single-stepping on for itself",
             "The trap comes back after each instruction; it must not follow the call elsewhere."),
    "data": ("jumps into its own data", "How code is injected. No page is both writable and executable."),
    "stack-zero": ("has its stack pointer set to 0", "Whoever handles the fault must not use that stack."),
    "stack-wild": ("has its stack pointer set to nonsense",
                   "Whoever handles the fault must not even look at that stack."),
    "stack-foreign": ("moves its stack into the monitor's",
                      "A stack pointer is data like any other: the key refuses the first push."),
    "loop": ("never comes out of a loop",
             "Nothing faults. A watchdog counts timer ticks in which nobody else was called."),
    "syscall": ("makes a system call of its own", "Only the nucleus may talk to what is below."),
    "die": ("jumps into the middle of a gate, without its token",
            "How an attacker would raise his rights. The gate stops him, and blames nobody: "
            "the rights that are live there can be the victim's."),
    "init": ("faults, and twice more while it starts again",
             "Restarts wait longer each time: 0, 10, 100 ms. Who keeps failing stays down."),
    "never": ("goes to sleep and never answers",
              "Nothing is wrong with it, but that its caller waits. The caller had set a deadline of a second."),
}
ONLY = {"never": ("fs",), "init": ("fs", "tap", "net", "time")}
# monolith meets these; in the first nothing is noticed, and the second it does not survive.
FIRST = (("net", "wild", "kv"), ("net", "zero", None))

Step = collections.namedtuple("Step", "number component kind other")
Sample = collections.namedtuple("Sample", "at rate")


class Outcome:
    def __init__(self, step, at):
        self.step, self.at, self.records, self.block = step, at, [], []
        self.cut = 0                   # connections, of all
        self.before = self.lowest = self.after = 0.0
        self.is_answered = False


def plan(seed, names, is_short):
    """The first ones are always the same; then each component is broken twice, and each kind is seen."""
    dice = random.Random(seed)
    kinds = [kind for kind in KINDS if kind not in ("wild", "zero", "never", "init")]
    dice.shuffle(kinds)
    others = [name for name in names for _ in range(1 if is_short else 2)]
    dice.shuffle(others)
    steps = list(FIRST)
    pairs = list(zip(others, kinds + kinds))
    pairs.insert(len(pairs) // 3, ("fs", "never"))
    pairs.insert(2 * len(pairs) // 3, (dice.choice([name for name in ONLY["init"] if name in names]), "init"))
    for component, kind in pairs[:8] if is_short else pairs:
        steps.append((component, kind, None))
    return [Step(number, *step) for number, step in enumerate(steps, 1)]


class Load:
    """redis-benchmark, again and again; its rate as it says it, 0 while none runs."""

    def __init__(self, running, clients, others, cpu):
        self.clients, self.samples, self.starts, self.is_ending = clients, [], 0, False
        self.others, self.port = others, running.port
        command = ["redis-benchmark", "-h", running.address, "-p", str(running.port), "-t", "get", "-c", str(clients),
                   "-n", "1000000000"]
        self.command = running.inside(command) if cpu is None else ["taskset", "-c", str(cpu), *running.inside(command)]
        self.process, self.last = None, time.monotonic()
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self._run, self._fill)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_ending = True
        if self.process and self.process.poll() is None:
            self.process.kill()
        for thread in self.threads:
            thread.join(5)

    def _add(self, rate):
        self.last = time.monotonic()
        self.samples.append(Sample(self.last, rate))
        if not rate and self.is_stranded():
            self.process.kill()

    def is_stranded(self):
        """redis-benchmark 7.0 sometimes survives the loss of all of its connections, and then turns in circles."""
        try:
            with open(f"/proc/{self.process.pid}/net/tcp", encoding="ascii") as table:
                rows = [line.split() for line in table][1:]
        except OSError:
            return False
        return sum(row[3] == "01" and int(row[2].split(":")[1], 16) == self.port for row in rows) <= self.others

    def _run(self):
        while not self.is_ending:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=subprocess.DEVNULL,
                                            start_new_session=True)
            self.starts += 1
            rest = b""
            while chunk := self.process.stdout.read1():
                *parts, rest = (rest + chunk).split(b"\r")
                for part in parts:
                    if found := re.search(rb"rps=([0-9.]+)", part):
                        self._add(float(found[1]))
            self.process.wait()

    def _fill(self):
        """Nothing said for longer than that means that nothing was answered."""
        while not self.is_ending:
            time.sleep(SAMPLE_SECONDS / 5)
            if time.monotonic() - self.last > 1.6 * SAMPLE_SECONDS:
                self._add(0.0)

    def since(self, at):
        return [sample for sample in list(self.samples) if sample.at >= at]


class Screen:
    """What the lecturer's audience sees: one line that lives, the others stay."""

    def __init__(self, unit):
        self.is_live, self.unit, self.top = sys.stdout.isatty(), unit, 1.0

    def bar(self, samples, mark_at):
        self.top = max([self.top, *(sample.rate for sample in samples)])
        text, is_marked = "", mark_at is None
        for sample in samples:
            if not is_marked and sample.at >= mark_at:
                text, is_marked = text + self.colour("31;1", "┃"), True
            text += BARS[min(7, int(sample.rate / self.top * 7.99))] if sample.rate else self.colour("31", "▁")
        return text

    def colour(self, code, text):
        return f"\x1b[{code}m{text}\x1b[0m" if self.is_live else text

    def rate(self, rate, base):
        return f"{rate:,.0f} requests/s" if self.unit == "requests/s" else f"{rate / base:.0%}" if base else "-"

    def live(self, samples, mark_at, base, is_last=False):
        if not samples or not (self.is_live or is_last):
            return
        line = f"   {self.bar(samples, mark_at)}  {self.rate(samples[-1].rate, base)}"
        print(("\r" if self.is_live else "") + line + ("\x1b[K" if self.is_live else ""), end="\n" if is_last else "",
              flush=True)


class Show:
    """One system under attack."""

    def __init__(self, platform, running, console, load, client, screen, base=None, is_alone=False):
        self.platform, self.running, self.console = platform, running, console
        self.load, self.client, self.screen = load, client, screen
        self.records, self.base, self.outcomes = faulty.Records(running), base, []
        self.dice = random.Random(platform.seed)
        self.is_alone = is_alone       # in one domain: nobody is restarted, so there is nothing to wait for

    def watch(self, start, seconds, mark_at, until=lambda: False):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            time.sleep(0.1)
            self.screen.live(self.load.since(start), mark_at, self.base)

    def request(self, step):
        words = [step.kind, "call", str(self.dice.randint(1, 3))] + ([step.other] if step.other else [])
        words += ["2"] if step.kind == "init" else []
        self.client.say("DEBUG", "INJECT", step.component, *words)

    def provoke(self, step):
        """Who is seldom called is given a reason."""
        wakes = COMPONENTS[step.component][1]
        if wakes:
            self.console.type(wakes)
        if step.component == "virtio_rng":   # it is asked when somebody starts: so the network stack faults as well
            self.client.say("DEBUG", "INJECT", "net", "illegal")

    def of_step(self, step, known):
        """Records that are new, the step's own first."""
        return sorted(((number, fields) for number, fields in self.records.read().by_number.items()
                       if number not in known),
                      key=lambda item: (step is not None and item[1]["component"] != step.component, item[0]))

    def is_over(self, step, known):
        new = self.of_step(step, known)
        is_named = [fields for _, fields in new if fields["component"] in (step.component, "-")]
        return bool(is_named) and all(fields["outcome"] != "waits" for fields in self.latest(new))

    @staticmethod
    def latest(new):
        """Of each domain the last word: what faulted while it started again has a record for each time."""
        return list({fields["domain"]: fields for _, fields in sorted(new)}.values())

    def measure(self, outcome, start):
        before = [sample.rate for sample in self.load.since(start) if sample.at < outcome.at]
        after = [sample.rate for sample in self.load.since(outcome.at)]
        outcome.before = statistics.median(before) if before else 0.0
        outcome.lowest, outcome.after = (min(after), after[-1]) if after else (0.0, 0.0)

    def step(self, step):
        start = time.monotonic()
        if self.base is None:
            self.watch(start, 2 * CALM_SECONDS, None)
            self.base = statistics.median(sample.rate for sample in self.load.since(start)) or 1.0
        self.watch(start, CALM_SECONDS, None)
        known, resets, starts = set(self.records.read().by_number), self.client.now.get("resets", 0), self.load.starts
        outcome = Outcome(step, time.monotonic())
        self.request(step)
        deadline = outcome.at + (WATCH_SECONDS if self.is_alone else LATEST_SECONDS) * self.platform.slowness
        while time.monotonic() < deadline and not self.is_over(step, known) and self.running.process.poll() is None:
            self.provoke(step)
            self.watch(start, 0.25, outcome.at, lambda: self.is_over(step, known))
        self.watch(start, max(0.0, WATCH_SECONDS * self.platform.slowness - (time.monotonic() - outcome.at
                                                                             if self.is_alone else 0)),
                   outcome.at)
        outcome.cut = self.client.now.get("resets", 0) - resets + (self.load.clients if self.load.starts > starts
                                                                   else 0)
        outcome.records = self.of_step(step, known)
        self.measure(outcome, start)
        self.screen.live(self.load.since(start), outcome.at, self.base, is_last=True)
        self.outcomes.append(outcome)
        return outcome

    def storm(self, names, number):
        """Anybody, anyhow, as fast as restarts go."""
        start = time.monotonic()
        known, resets, starts = set(self.records.read().by_number), self.client.now.get("resets", 0), self.load.starts
        kinds = [kind for kind in KINDS if kind not in ONLY and kind != "wild"]
        self.watch(start, CALM_SECONDS, None)
        outcome = Outcome(Step(number, "everybody", "storm", None), time.monotonic())
        made = 0
        for made in range(1, int(STORM_SECONDS / STORM_EVERY) + 1):
            self.client.say("DEBUG", "INJECT", self.dice.choice(names), self.dice.choice(kinds), "call",
                            str(self.dice.randint(1, 40)))
            self.console.type("uptime\n")
            self.watch(start, STORM_EVERY, outcome.at)
        self.watch(start, 2 * WATCH_SECONDS * self.platform.slowness, outcome.at)
        outcome.cut = self.client.now.get("resets", 0) - resets + (self.load.clients if self.load.starts > starts
                                                                   else 0)
        outcome.records = self.of_step(None, known)
        self.measure(outcome, start)
        self.screen.live(self.load.since(start), outcome.at, self.base, is_last=True)
        self.outcomes.append(outcome)
        return outcome, made


def ready_us(fields):
    return int(fields["ready_ns"]) / 1000


def span(us):
    return f"{us:,.0f} us" if us < 10000 else f"{us / 1000:,.0f} ms"


class Host:
    name, unit, slowness, clients, is_short = "host", "requests/s", 1, 30, False
    witness_rate, witness_connections = 500, 5   # one of them asks for the faults

    def __init__(self, driver, seed):
        self.driver, self.seed = driver, seed
        self.cpu, self.client_cpu = demo.SYSTEM_CPU, demo.CLIENT_CPU
        self.shows_time = True

    def start(self, elf, arguments, stdin):
        port = demo.network.free_port() if self.driver == "stream" else None
        return system.System(elf, arguments, stdin=stdin, cpu=self.cpu, port=port)


class Emulated(Host):
    """QEMU executes every instruction: nothing here is a time or a rate of a CPU."""
    name, unit, slowness, is_short = "pc", "of the rate before", 3, True
    witness_rate = 50

    def __init__(self, driver, seed):
        super().__init__(driver, seed)
        path, self.link, most = demo.forward.for_load(driver)
        self.clients, self.shows_time = 1 if most else 10, False
        self.witness_connections = 2 if most else 5

    def start(self, elf, arguments, stdin):
        return pc.Machine(elf, arguments, stdin=stdin, link=self.link(), cpu=self.cpu,
                          options=demo.forward.entropy("q35"))


def sentence(step):
    other = COMPONENTS[step.other][0] if step.other else ""
    what, why = KINDS[step.kind]
    return f"{COMPONENTS[step.component][0]} {what.format(other=other)}.", why


def announce(screen, step, count):
    what, why = sentence(step)
    print(f"\n{screen.colour('1', f'{step.number} of {count}. {step.component}: ' + what)}\n   {why}", flush=True)


def verdict(platform, outcome, connections):
    lines = []
    for _, fields in outcome.records:
        who = fields["component"] if fields["component"] != "-" else "nobody in particular"
        if fields["outcome"] == "restarted" and platform.shows_time:
            lines.append(f"{who} serves again after {span(ready_us(fields))}")
        elif fields["outcome"] == "restarted":
            lines.append(f"{who} serves again")
        elif fields["outcome"] == "call-ended":
            lines.append("the call ended, the component that made it goes on")
    return "; ".join(dict.fromkeys(lines)) + f"; {outcome.cut} of {connections} connections cut"


def run_separate(platform, folder, steps, screen):
    """(Show, the client's counts, canaries)."""
    names = [row["name"] for row in audit.load(folder)["components"]]
    with faulty.Console() as console, platform.start(os.path.join(folder, "cloister.elf"), faulty.LOG,
                                                     console.read_end) as running:
        running.wait_for(faulty.READY, 120)
        with faulty.Client(running, "--connections", platform.witness_connections - 1, "--depth", 2, "--rate",
                           platform.witness_rate, cpu=platform.client_cpu) as client, \
                Load(running, platform.clients, platform.witness_connections, platform.client_cpu) as load:
            client.wait_serving(60)
            connections = platform.clients + platform.witness_connections
            show = Show(platform, running, console, load, client, screen)
            for step in steps:
                announce(screen, step, len(steps) + 1)
                outcome = show.step(step)
                outcome.block = next((show.records.blocks[number] for number, _ in outcome.records), [])
                for line in outcome.block:
                    print("   | " + (line if platform.shows_time else re.sub(r", ready after .*", "", line)))
                print(f"   -> {verdict(platform, outcome, connections)}" if outcome.records
                      else "   -> nothing happened")
            number = len(steps) + 1
            print("\n" + screen.colour("1", f"{number} of {number}. Everybody, in any way, twenty times a second.")
                  + "\n   Restarts meet "
                  "restarts: who is called may be down, who calls may be, too.", flush=True)
            outcome, made = show.storm(names, number)
            print(f"   -> {made} requests, {len(outcome.records)} faults; "
                  f"{sum(f['outcome'] == 'restarted' for _, f in outcome.records)} restarts")
            end = client.finish()
            canaries = running.redis("DEBUG", "INJECT", "CANARIES", timeout=60)
        status = running.stop(60)
        if status:
            raise system.Failure(running.report(f"separate ended with status {status}"))
    return show, end, canaries


def run_monolith(platform, folder, steps, screen, base):
    """The same attacks, until there is nobody left to attack: (Show, how it ended, damaged canaries)."""
    with faulty.Console() as console, platform.start(os.path.join(folder, "cloister.elf"), faulty.LOG,
                                                     console.read_end) as running:
        running.wait_for(faulty.READY, 120)
        canaries, ended = None, None
        with faulty.Client(running, "--connections", platform.witness_connections - 1, "--depth", 2, "--rate",
                           platform.witness_rate, cpu=platform.client_cpu) as client, \
                Load(running, platform.clients, platform.witness_connections, platform.client_cpu) as load:
            client.wait_serving(60)
            show = Show(platform, running, console, load, client, screen, base, is_alone=True)
            for step in steps:
                announce(screen, step, len(steps))
                outcome = show.step(step)
                outcome.block = [line for line in running.console() if line.startswith(("FAULT ", "  at", "  action"))]
                if running.process.poll() is not None:
                    for line in outcome.block:
                        print("   | " + line)
                    ended = step
                    print(f"   -> the system has ended, with status {running.process.returncode}. Nobody is served any "
                          "more.")
                    break
                canaries = running.redis("DEBUG", "INJECT", "CANARIES", timeout=60)
                damage = canaries != "0"
                if damage:
                    print("   | " + running.wait_for("^CANARY ")[0].string)
                print("   -> nobody noticed; only a canary, laid there beforehand, shows that foreign data were "
                      "overwritten." if damage
                      else "   -> nothing was noticed")
            watch_from = time.monotonic()
            show.watch(watch_from, 2 * WATCH_SECONDS, None)
    return show, ended, canaries


def totals(show):
    """A row for each component that faulted. A fault is healed when its domain serves again, be it after another
    try."""
    records = {number: fields for outcome in show.outcomes for number, fields in outcome.records}
    final = {fields["domain"]: fields["outcome"] for _, fields in sorted(records.items())
             if fields["outcome"] != "call-ended"}
    rows = []
    for component in sorted({fields["component"] for fields in records.values()}, key=lambda name: (name == "-", name)):
        mine = [fields for fields in records.values() if fields["component"] == component]
        contained = sum(fields["outcome"] != "stops" for fields in mine)
        down = sum(fields["outcome"] == "down" or final.get(fields["domain"]) in ("down", "waits") for fields in mine)
        rows.append({"component": component, "faults": len(mine), "contained": contained, "healed": contained - down,
                     "times": [ready_us(fields) for fields in mine if fields["outcome"] == "restarted"]})
    return rows


def table(platform, show, end, canaries, ended, connections):
    rows = totals(show)
    everyone = {what: sum(row[what] for row in rows) for what in ("faults", "contained", "healed")}
    rows.append({"component": "all", **everyone, "times": [us for row in rows for us in row["times"]]})
    print(f"\n{'component':<12}{'faults':>8}{'contained':>11}{'healed':>8}"
          + (f"{'median':>11}{'worst':>11}" if platform.shows_time else ""))
    for row in rows:
        line = f"{row['component']:<12}{row['faults']:>8}{row['contained']:>11}{row['healed']:>8}"
        if platform.shows_time:
            both = (span(statistics.median(row["times"])), span(max(row["times"]))) if row["times"] else ("", "")
            line += f"{both[0]:>11}{both[1]:>11}"
        print(line)
    cut = {outcome.step.component: 0 for outcome in show.outcomes}
    for outcome in show.outcomes:
        cut[outcome.step.component] += outcome.cut
    print(("median and worst: from the fault until it serves again. " if platform.shows_time else "")
          + "-: a gate refused, and nobody is blamed.\n"
          + f"Connections cut, of {connections} at a time, in the steps of: "
          + ", ".join(f"{name} {number}" for name, number in cut.items()) + ".\n"
          + f"The client that checks: {end['checked']:,} replies, {end['wrong']} wrong; {end['written']:,} writes "
          + f"acknowledged, {end['lost']} lost.\n"
          + f"Domains with a damaged canary: {canaries}. " + (f"monolith ended at step {ended.number}." if ended
                                                              else "monolith is still there."))
    return rows


def choose(asked, seed):
    driver, reason = system.driver()
    reason = system.missing_mpk() or (reason if driver is None else None)
    if asked == "host" and reason:
        raise system.Failure(f"The demo cannot run on platform host. {reason} PLATFORM=pc shows it under QEMU instead.")
    if asked == "pc" or (asked is None and reason):
        if pc.missing():
            raise system.Failure(" ".join(["The demo cannot run here.", *filter(None, [reason, pc.missing()])]))
        return Emulated(driver, seed), reason
    return Host(driver, seed), None


def save(platform, folder, rows, seed):
    made = [bench_json.row("separate", folder, platform.driver or "user", f"{row['component']} time to service", "us",
                           bench_json.summary(row["times"]), where=platform.name)
            for row in rows if row["times"]] if platform.shows_time else []
    kind, about = pc.measured(None if platform.name == "host" else "tcg")
    return bench_json.save("demo-faults", made, None, kind, {**(about or {}), "seed": seed})


def main():
    start = time.monotonic()
    parser = argparse.ArgumentParser()
    parser.add_argument("--platform", choices=("host", "pc"))
    parser.add_argument("--accel", choices=("tcg",), default="tcg")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    platform, reason = choose(asked.platform, asked.seed)
    if platform.name == "pc":
        print((f"{reason}\nSo the" if reason else "The")
              + " demo uses platform pc under QEMU: rates are shown as a part of the rate before, and "
              "times not at all,\nsince an emulator's say nothing of a CPU.")
    folders = {}
    for config in ("separate", "monolith"):
        with progress.Activity(f"building {config}, with faults on request"):
            folders[config] = faulty.build(config, platform.name, platform.driver)
    names = [row["name"] for row in audit.load(folders["separate"])["components"]]
    steps = plan(asked.seed, names, platform.is_short)
    screen = Screen(platform.unit)
    print(f"\nAct one: {audit.domain_count(folders['separate'])} components, each in a protection domain of its own. "
          f"redis-benchmark asks, over {platform.driver or 'user networking'},\n"
          f"with {platform.clients} connections; a second client writes and checks "
          "every reply. "
          f"SEED={asked.seed} makes the same steps again.")
    show, end, canaries = run_separate(platform, folders["separate"], steps, screen)
    print(f"\nAct two: the same components and the same attacks in one domain (monolith), as most kernels are built.")
    other, ended, damaged = run_monolith(platform, folders["monolith"], steps[:len(FIRST)], screen, show.base)
    rows = table(platform, show, end, canaries, ended, platform.clients + platform.witness_connections)
    print("\n" + picture.terminal(show, platform))
    path = save(platform, folders["separate"], rows, asked.seed)
    target = os.path.join(os.path.dirname(path), "demo-faults.png")
    drawn = picture.draw(target, show, other, platform, asked.seed, end)
    print((f"drawn to {os.path.relpath(target)}; " if drawn else "") + f"{time.monotonic() - start:.0f} s in all")
    if end["wrong"] or end["lost"] or canaries != "0" or any(row["healed"] != row["faults"] for row in rows):
        print("Something was wrong, lost, damaged or stays down: see above.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    bench_json.finish(main)
