# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_shell.py - the console shell over a pipe, a file, a terminal and nothing: every command against another source.

A Console writes commands and reads the lines that answer them. A word that is no command ends each question: the shell's
complaint about it shows that everything before it has been answered.
"""
import os
import pty
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import audit
import common
import ktap
import network
import system
from common import check, equal

COMMANDS = ("help", "domains", "threads", "gates", "heap", "sites", "ifconfig", "faults", "uptime", "reboot", "shutdown")
CONFIGS = ("separate", "monolith")
PRIORITY = 12
ARENA_BYTES = 64 << 20
SIZES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
LINE_MAX = 255
IDLE_SECONDS = 2.0
# Everything else that runs (timers, the clock's correction) used 0.5% when this was written; a spinning shell uses 100%.
IDLE_CPU_SHARE = 0.1


class Console:
    """A system and the writing end of its standard input."""

    def __init__(self, config, read_end=None, write_end=None, folder=None):
        self.folder = folder or common.image(config)
        if read_end is None:
            read_end, write_end = os.pipe()
        self.write_end = write_end
        self.marks = 0
        self.started = time.monotonic()
        self.running = system.System(os.path.join(self.folder, "cloister.elf"), stdin=read_end)
        try:
            common.start(self.running, r"^kv: .* ready$", 30)
        finally:
            os.close(read_end)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.running.kill()
        self.close()

    def close(self):
        if self.write_end is not None:
            os.close(self.write_end)
        self.write_end = None

    def write(self, data):
        while data:
            data = data[os.write(self.write_end, data):]

    def ask(self, command, timeout=20):
        """The lines that answer command, text or bytes."""
        self.marks += 1
        start = len(self.running.console())
        mark = f"end{self.marks}"
        self.write((command if isinstance(command, bytes) else command.encode()) + f"\n{mark}\n".encode())
        _, end = self.running.wait_for(f"^unknown command '{mark}'", timeout, start)
        return self.running.console()[start:end]


# ---- each command against something else that knows

def size(text):
    number, _, unit = text.strip().partition(" ")
    return float(number) * SIZES[unit] if unit else float(number)


def columns(line, *widths):
    """The fixed columns of a row, each followed by one blank."""
    out, at = [], 0
    for width in widths:
        out.append(line[at:at + width].strip())
        at += width + 1
    return out + [line[at:].strip()]


def help_lists_all(console):
    equal("first words", [line.split()[0] for line in console.ask("help")], list(COMMANDS))


def domains_as_audited(console):
    header, *lines = console.ask("domains")
    equal("header", header.split(), ["domain", "key", "starts", "state", "stack", "heap", "components"])
    shown = []
    for line in lines:
        row = columns(line, 15, 3, 6, 8, 7, 8)
        if row[0]:
            shown.append(row)
        else:
            shown[-1][-1] += " " + row[-1]
        check(len(line) <= 80, f"wider than 80 columns: {line}")
    audited = audit.load(console.folder)
    equal("domains", [row[0] for row in shown], [domain["name"] for domain in audited["domains"]])
    for row, domain in zip(shown, audited["domains"]):
        keyless = audited["backend"] == "none" and domain["name"] != "nucleus"
        equal(f"{row[0]}: key", row[1], "-" if keyless else str(domain["pkey"]))
        equal(f"{row[0]}: starts and state", row[2:4], ["0" if row[0] == "nucleus" else "1", "running"])
        equal(f"{row[0]}: stack", size(row[4]), domain["stack_kib"] * 1024)
        equal(f"{row[0]}: heap", size(row[5]), domain["heap_kib"] * 1024)
        members = [] if domain["name"] in ("monitor", "nucleus") else domain["components"]
        equal(f"{row[0]}: components", sorted(row[6].split()), sorted(members))


def threads_as_audited(console):
    header, *lines = console.ask("threads")
    equal("header", header.split(), ["id", "thread", "domain", "prio", "state", "waits", "for"])
    rows = [columns(line, 2, 20, 15, 4, 8) for line in lines]
    equal("numbers", [row[0] for row in rows], [str(number) for number in range(len(rows))])
    audited = audit.load(console.folder)
    wanted = {name: item["domain"] for item in audited["components"] for name in item["threads"]}
    first, state = ("healer", "waiting") if audited["backend"] == "mpk" else ("boot", "ended")
    equal("threads", {row[1]: row[2] for row in rows}, {first: "monitor", **wanted})
    states = {row[1]: row[4] for row in rows}
    equal("states", [states[name] for name in (first, "shell_main", "kv_main", "time_discipline")],
          [state, "running", "waiting", "waiting"])
    by_name = {row[1]: row for row in rows}
    equal("priority of the shell", by_name["shell_main"][3], str(PRIORITY))
    check(by_name["kv_main"][5].startswith("net0, "), f"kv_main waits for '{by_name['kv_main'][5]}', not for net0 and a time")
    check(re.fullmatch(r"0\.\d\d\d s", by_name["time_discipline"][5]), f"time_discipline: '{by_name['time_discipline'][5]}'")


def gate_rows(console):
    """{(caller, callee, function): (kind, calls, bytes copied)}"""
    header, *lines, last = console.ask("gates")
    equal("header", header.split(), ["caller", "callee", "function", "gate", "calls", "copied"])
    rows = {}
    for line in lines:
        caller, callee, function, kind, calls, copied = columns(line, 12, 12, 24, 5, 11)
        check(len(line) <= 80, f"wider than 80 columns: {line}")
        check((caller, callee, function) not in rows, f"twice: {line}")
        rows[caller, callee, function] = (kind, int(calls), int(copied))
    return rows, last


def gates_count(console):
    if audit.load(console.folder)["backend"] == "none":
        equal("gates", console.ask("gates"), ["all components share one domain: calls are function calls, there are no gates"])
        return
    audited = {(edge["caller"], edge["callee"], edge["function"]): edge["kind"] for edge in audit.load(console.folder)["edges"]}
    before, last = gate_rows(console)
    found = re.fullmatch(r"(\d+) calls, (\d+) bytes copied; gates called: (\d+), never called: (\d+)", last)
    check(found, f"the last line is '{last}'")
    equal("calls, bytes, gates and others", list(map(int, found.groups())),
          [*(sum(row[column] for row in before.values()) for column in (1, 2)), len(before), len(audited) - len(before)])
    check(min(calls for _, calls, _ in before.values()) > 0, f"gates that were never called are shown: {before}")
    for edge, (kind, *_) in before.items():
        check(edge in audited, f"audit.json has no edge {edge}")
        equal(f"kind of {edge}", kind, "full" if audited[edge] == "nucleus" else audited[edge])
    for turn in range(10):
        console.running.redis("SET", f"key{turn}", "value")
    after, _ = gate_rows(console)
    for edge in (("kv", "net", "net_exchange"), ("net", "tap", "netdev_receive"), ("net", "tap", "netdev_transmit")):
        grown = after.get(edge, (None, 0))[1] - before.get(edge, (None, 0))[1]
        check(grown >= 10, f"ten redis-cli later, {edge} has {grown} calls more")
    equal("calls of an init", after["monitor", "kv", "kv_init"][1], 1)
    # The statistics on SIGUSR1 are counted by other code; what only the boot calls has not moved in between.
    counted = console.running.statistics()
    for edge, (_, calls, copied) in after.items():
        if edge[2].endswith("_init") or edge[2] in ("net_listen", "netdev_info"):
            equal(f"{edge} by SIGUSR1", counted["crossings"][edge[0], edge[2]], calls)
            equal(f"bytes of {edge} by SIGUSR1", counted["bounced"].get((edge[0], edge[2]), 0), copied)


HEAP_COLUMNS = ("owned", "cached", "lent", "given", "charged", "most", "quota")


def heap_tables(console):
    """({owner: {column: bytes}}, {size: (chunks, objects, free)}, never used chunks, further lines)"""
    header, *lines = console.ask("heap")
    equal("header", header.split(), ["owner", *HEAP_COLUMNS])
    at = next(number for number, line in enumerate(lines) if line.split()[:2] == ["size", "chunks"])
    rows = [columns(line, 15, *[8] * 6) for line in lines[:at]]
    owners = {row[0]: dict(zip(HEAP_COLUMNS, map(size, row[1:]))) for row in rows}
    sizes, unused = {}, None
    for number, line in enumerate(lines[at + 1:], at + 1):
        row = columns(line, 15, 8, 8, 8)
        if row[0] == "never used":
            unused = int(row[1])
            break
        sizes[size(row[0])] = tuple(map(int, row[1:4]))
    check(all(len(line) <= 90 for line in lines), f"a line is too wide: {lines}")
    return owners, sizes, unused, lines[number + 1:]


def heap_adds_up(console):
    console.ask("heap")  # fills the caches that answering needs
    owners, sizes, unused, rest = heap_tables(console)
    counted = console.running.statistics()["heap"]
    check(len(rest) == 1 and rest[0].startswith("64 MiB in all"), rest)
    known = {domain["name"]: domain for domain in audit.load(console.folder)["domains"]}
    equal("owners by SIGUSR1", sorted(counted), sorted(owners))
    for name, row in owners.items():
        check(name in known, f"unknown owner: {name}")
        check(abs(row["owned"] - counted[name]["owned"]) < 0.11 * (1 << 20), f"{name}: {row} is not {counted[name]}")
        equal(f"{name}: quota", (row["quota"], counted[name]["quota"]),
              (ARENA_BYTES * 3 / 4, known[name]["shared_bytes_max"]))
        check(row["cached"] + row["lent"] <= row["owned"] * 1.1 and row["charged"] <= row["most"] <= row["quota"],
              f"{name}: {row}")
        equal(f"{name}: refusals, misuses", [counted[name][key] for key in ("refusals", "misuses", "unreported")],
              [0, 0, 0])
    equal("chunks", sum(chunks for chunks, _, _ in sizes.values()) + unused, ARENA_BYTES // 65536)
    total = sum(row["owned"] for row in counted.values()) + unused * 65536
    total += sum(each * free for each, (_, _, free) in sizes.items())
    check(abs(total - ARENA_BYTES) < 0.1 * (1 << 20), f"owned, free and unused are {total:.0f} bytes of {ARENA_BYTES}")
    # Objects change owners, charges do not: what others own is given.
    equal("owned and charged", sum(row["owned"] for row in counted.values()),
          sum(row["charged"] for row in counted.values()))
    if len(owners) > 1:
        # What net receives was taken by its driver.
        check(counted["tap"]["given"] > 0 and counted["net"]["owned"] > counted["net"]["charged"],
              f"net owns no frames of tap: {counted}")
        check(any(row["cached"] for row in counted.values()), f"nothing is cached: {counted}")


def sites_add_up(console):
    header, *lines = console.ask("sites")
    equal("header", header.split()[:4], ["owner", "bytes", "objects", "size"])
    counted = console.running.statistics()
    shown = {}
    for line in lines:
        owner, total, objects, each, place = columns(line, 15, 8, 8, 8)
        shown[owner] = shown.get(owner, 0) + int(objects) * size(each)
        check(abs(int(objects) * size(each) - size(total)) <= 0.1 * size(total), line)
        equal("place, without CONFIG_XHEAP_ORIGINS", place, "-")
    used = {name: row["owned"] - row["cached"] for name, row in counted["heap"].items()}
    for name in used:
        check(abs(used[name] - shown.get(name, 0)) < 0.11 * (1 << 20), f"{name}: {shown} in use, by SIGUSR1 {used}")
    for name, in_use in used.items():
        sites = sum(each * objects for (owner, each, _), objects in counted["sites"].items() if owner == name)
        equal(f"{name}: sites of SIGUSR1", sites, in_use)


def counters(running):
    """(frames in, frames out) of the system as the other end of its link counts them."""
    done = running.command(["ip", "-s", "-o", "link", "show", network.TAP])
    words = done.stdout.replace("\\", " ").split()
    received, sent = words.index("RX:"), words.index("TX:")
    numbers = [int(word) for word in words[received:] if word.isdigit()]
    check(sent > received and len(numbers) >= 8, done.stdout)
    columns_each = len(numbers) // 2
    return numbers[columns_each + 1], numbers[1]


def ifconfig_like_ip(console):
    running = console.running
    equal("PING", running.redis("PING"), "PONG")
    text = "\n".join(console.ask("ifconfig"))
    address, netmask, gateway = re.search(r"address (\S+)  netmask (\S+)  gateway (\S+)", text).groups()
    equal("address", (address, netmask, gateway), (system.ADDRESS, "255.255.255.0", system.HOST_ADDRESS))
    neighbour = running.command(["ip", "neighbour", "show", system.ADDRESS, "dev", network.TAP]).stdout
    equal("MAC", re.search(r"MAC (\S+)", text)[1], re.search(r"lladdr (\S+)", neighbour)[1])
    link = running.command(["ip", "link", "show", network.TAP]).stdout
    equal("mtu", re.search(r"mtu (\d+)", text)[1], re.search(r"mtu (\d+)", link)[1])
    time.sleep(0.5)  # the last acknowledgements
    wanted = counters(running)
    text = "\n".join(console.ask("ifconfig"))
    shown = {way: [int(word) for word in words] for way, *words in
             re.findall(r"^ +(in|out) +(\d+) frames +(\d+) bytes +(\d+) dropped$", text, re.M)}
    equal("frames in and out", (shown["in"][0], shown["out"][0]), wanted)
    equal("dropped", (shown["in"][2], shown["out"][2]), (0, 0))
    running.redis("SET", "large", "x" * 20000)
    later = re.findall(r"^ +in +(\d+) frames +(\d+) bytes", "\n".join(console.ask("ifconfig")), re.M)[0]
    check(int(later[1]) - shown["in"][1] > 20000, f"20000 bytes later, it got {int(later[1]) - shown['in'][1]} more")
    connections(console)


def connections(console):
    held = subprocess.Popen(console.running.inside([sys.executable, "-c", "import socket, sys\nwith socket.create_connection(("
                            f"'{system.ADDRESS}', {system.PORT})) as held:\n print('open', flush=True)\n sys.stdin.read()"]),
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        equal("client", held.stdout.readline(), b"open\n")
        last = console.ask("ifconfig")[-1]
        check(re.fullmatch(r" +1 connections of at most \d+, 1 listening", last), f"one client is connected, but: {last}")
    finally:
        held.communicate(timeout=10)


def uptime_like_the_clock(console):
    line, = console.ask("uptime")
    up = time.monotonic() - console.started
    found = re.fullmatch(r"up (\d\d):(\d\d):(\d\d), idle for (\d+)\.(\d)% of it, (\d+) thread switches", line)
    check(found, f"uptime says '{line}'")
    hours, minutes, seconds, percent, tenth, switches = map(int, found.groups())
    check(0 <= up - (hours * 3600 + minutes * 60 + seconds) < 3, f"after {up:.1f} s: {line}")
    check(0 < percent * 10 + tenth <= 1000, line)
    check(0 < switches <= console.running.statistics()["switches"], line)


def no_faults(console):
    equal("faults", console.ask("faults"), ["nothing has gone wrong so far"])   # group_inject has some


# ---- input of every kind

def strange_words(console):
    equal("unknown", console.ask("frobnicate now"), ["unknown command 'frobnicate': help lists those that there are"])
    equal("arguments", console.ask("uptime please"), ["uptime takes no arguments"])
    equal("blanks and empty lines", console.ask(b"\n   \n\t\n\r\n"), [])
    equal("case counts", console.ask("HELP"), ["unknown command 'HELP': help lists those that there are"])
    check(console.ask(b"  uptime\t \r")[0].startswith("up "), "blanks round a command")


def long_lines(console):
    equal("5000 characters", console.ask("x" * 5000), [f"a line of more than {LINE_MAX} characters: ignored"])
    equal("the longest", console.ask("x" * LINE_MAX), [f"unknown command '{'x' * 40}': help lists those that there are"])
    equal("one more", console.ask("x" * (LINE_MAX + 1)), [f"a line of more than {LINE_MAX} characters: ignored"])
    equal("a command behind a long line", len(console.ask("y" * 70000 + "\nuptime")), 2)


def pieces(console):
    start = len(console.running.console())
    for piece in (b"upt", b"im", b"e", b"\nmar", b"k\n"):
        console.write(piece)
        time.sleep(0.05)
    _, end = console.running.wait_for("^unknown command 'mark'", 20, start)
    lines = console.running.console()[start:end]
    check(len(lines) == 1 and lines[0].startswith("up "), f"in pieces: {lines}")


def garbage(console):
    dice = random.Random(3)
    lines = console.ask(bytes(dice.randrange(256) for _ in range(50000)), 60)
    check(lines, "50000 random bytes have some lines")
    bad = [line for line in lines if not all(" " <= character <= "~" for character in line)]
    check(not bad, f"garbage came back: {bad[:3]!r}")
    equal("a NUL hides nothing", console.ask(b"help\0rest"), ["unknown command 'help?rest': help lists those that there are"])
    equal("an escape sequence", console.ask(b"\x1b[2Jx"), ["unknown command '?[2Jx': help lists those that there are"])
    equal("PING", console.running.redis("PING"), "PONG")


def under_load(console):
    """A busy server does not keep the operator waiting, nor the other way round."""
    load = subprocess.Popen(console.running.inside(["redis-benchmark", "-h", system.ADDRESS, "-p", str(system.PORT), "-t", "set", "-n",
                            "200000", "-P", "16", "-q"]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        for _ in range(20):
            for command in ("gates", "threads", "heap", "sites", "ifconfig"):
                console.ask(command, 10)
    finally:
        output, _ = load.communicate(timeout=60)
    check(load.returncode == 0 and b"requests per second" in output, console.running.report(output.decode("utf-8", "replace")))


def idle(console, what):
    """Neither time nor calls while nobody types."""
    running = console.running
    def calls():
        return {edge: count for edge, count in running.statistics()["crossings"].items() if edge[0] in ("shell", "console")}
    time.sleep(0.2)
    before, used, start = calls(), running.cpu_ns(), time.monotonic()
    time.sleep(IDLE_SECONDS)
    share = (running.cpu_ns() - used) / 1e9 / (time.monotonic() - start)
    check(share < IDLE_CPU_SHARE, f"{what}: the idle system uses {share:.0%} of a CPU")
    equal(f"{what}: calls by shell and console", calls(), before)
    return f"{share:.1%} of a CPU"


def end_of_input(console):
    console.ask("uptime")
    said = idle(console, "input open")
    start = len(console.running.console())
    console.close()
    console.running.wait_for("^shell: the input has ended; the system goes on$", 10, start)
    equal("PING", console.running.redis("PING"), "PONG")
    idle(console, "input ended")
    after = [line for line in console.running.console()[start:] if not line.startswith("STAT ")]
    equal("lines from then on", after, ["", "shell: the input has ended; the system goes on"])
    equal("exit status after SIGTERM", console.running.stop(), 0)
    return said


def alone(config, function):
    with Console(config) as console:
        return function(console)


def shutdown(console):
    console.write(b"shutdown\nnobody reads this\n")
    equal("exit status", console.running.wait_exit(10), 0)
    equal("last line", console.running.console()[-1], "cloister: stopped with status 0")


def reboot(console):
    console.write(b"reboot\n")
    equal("exit status", console.running.wait_exit(10), system.STATUS_REBOOT)
    with open(os.path.join(common.ROOT, "core/include/system.h"), encoding="utf-8") as text:
        equal("in the header", int(re.search(r"#define SYSTEM_STATUS_REBOOT (\d+)", text.read())[1]), system.STATUS_REBOOT)


def reboot_under_run(config):
    """run.py passes on what it reads, starts the image again on reboot, and ends with the status of the last one."""
    command = [sys.executable, "-B", os.path.join(common.ROOT, "scripts", "run.py"),
               os.path.join(common.image(config), "cloister.elf")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as launcher:
        late = threading.Timer(60, launcher.kill)
        late.start()
        lines = []

        def until(text):
            for raw in launcher.stdout:
                lines.append(raw.decode("utf-8", "replace").rstrip())
                if text in lines[-1]:
                    return
            raise system.Failure(f"no '{text}' in\n" + common.tail(lines))

        def say(text):
            launcher.stdin.write(text)
            launcher.stdin.flush()
        try:
            until("Ctrl-C ends")
            say(b"uptime\nreboot\n")
            until("up 00:00:0")
            until("stopped with status 75")
            until("cloister: ready")
            until("Ctrl-C ends")
            say(b"uptime\nshutdown\n")
            until("up 00:00:0")
            until("stopped with status 0")
            launcher.stdin.close()
            equal("exit status", launcher.wait(20), 0)
        finally:
            late.cancel()
            launcher.send_signal(signal.SIGTERM)


def terminal(config):
    """A terminal's line discipline edits; Ctrl-D ends the input."""
    try:
        master, slave = pty.openpty()
    except OSError as error:
        raise ktap.Skip(f"no terminal can be made here ({error}): is /dev/pts mounted?") from error
    with Console(config, slave, master) as console:
        console.write(b"uptimx\x7fe\n")
        console.running.wait_for("^up 00:00:0", 10)
        console.write(b"\x04")
        console.running.wait_for("^shell: the input has ended", 10)
        idle(console, "terminal after Ctrl-D")
        equal("exit status after SIGTERM", console.running.stop(), 0)


def file(config):
    with tempfile.TemporaryFile() as commands:
        commands.write(b"help\n" * 300 + b"uptime")  # the last line has no end
        commands.seek(0)
        with Console(config, os.dup(commands.fileno())) as console:
            console.running.wait_for("^shell: the input has ended", 20)
            lines = console.running.console()
            equal("executed", (sum(line.startswith("help ") for line in lines), sum(line.startswith("up ") for line in lines)), (300, 1))
            equal("PING", console.running.redis("PING"), "PONG")
            idle(console, "file at its end")


class Closed(system.System):
    def launch_command(self):
        return ["sh", "-c", 'exec "$@" <&-', "sh", *super().launch_command()]


def nothing_to_read(config):
    """/dev/null, and a standard input that is closed, whose number the next file opened must not get."""
    for kind in (system.System, Closed):
        with kind(os.path.join(common.image(config), "cloister.elf")) as running:
            running.wait_for(r"^kv: .* ready$", 30)
            equal("PING", running.redis("PING"), "PONG")
            try:  # Linux shows the descriptors of a locked-down process to root alone
                equal("descriptor 0", os.readlink(f"/proc/{running.pid}/fd/0"), "/dev/null")
            except PermissionError:
                pass
            said = [line for line in running.console() if not line.startswith(("cloister: ", "kv: ", "virtio_rng: "))]
            equal("what nobody asked for", said, [])
            equal("exit status after SIGTERM", running.stop(), 0)


class Shared:
    """The one system of a configuration, for the cases that leave it as it was."""

    def __init__(self, config):
        self.config, self.console = config, None

    def get(self):
        if self.console is None or self.console.running.process.poll() is not None:
            self.console = Console(self.config)
        return self.console


def cases():
    shared_cases = (
        ("help lists every command", help_lists_all), ("domains as in audit.json", domains_as_audited),
        ("threads as in audit.json", threads_as_audited), ("gates: counts grow, and agree with SIGUSR1", gates_count),
        ("heap: sums agree with SIGUSR1 and with the arena", heap_adds_up),
        ("sites: what is in use, by size", sites_add_up), ("ifconfig as ip sees the other end", ifconfig_like_ip),
        ("uptime", uptime_like_the_clock), ("faults", no_faults), ("unknown commands, arguments, blanks", strange_words),
        ("lines too long", long_lines), ("a line in pieces", pieces), ("binary garbage", garbage), ("answers under load", under_load),
        ("waits without polling; the input ends once, the system goes on", end_of_input))
    for config in CONFIGS:
        skip = common.skip_of(mpk=config != "monolith")
        shared = Shared(config)
        for name, function in shared_cases:
            yield ktap.Case(f"{config}: {name}", lambda function=function, shared=shared: function(shared.get()), skip)
        for name, function in (("shutdown", shutdown), ("reboot: status for the launcher", reboot)):
            yield ktap.Case(f"{config}: {name}", lambda function=function, config=config: alone(config, function), skip)
        for name, function in (("make run starts again after reboot", reboot_under_run), ("input from a terminal", terminal),
                               ("input from a file", file), ("input from /dev/null, and none", nothing_to_read)):
            yield ktap.Case(f"{config}: {name}", lambda function=function, config=config: function(config), skip)
