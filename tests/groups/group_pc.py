# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_pc.py - platform pc boots: every way in, machine and configuration, with and without what a CPU can have.

Under QEMU's TCG, with one boot under KVM where that works. What faults there is group_pc_faults.py's.
"""
import glob
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

from elftools.elf.elffile import ELFFile

import audit
import common
import forward
import group_contract
import group_step
import ktap
import network
import pc
import pc_common
import privileged
import system
from common import check, equal
from pc_common import PINGPONG, boot, folder, has_line, machine

STATUS_UNUSABLE = 69
PRIVILEGED_LINES_MAX = 3000
STORM_CALLS = 1_000_000
# Little more than the least RAM with which separate comes up and kv waits for clients, without a network device: on q35
# the BIOS runs over an image that lies too near to the end of memory.
SMALLEST_MIB = {"q35": 4, "microvm": 4}
CPU_MODELS = ("qemu64", "kvm64", "core2duo", "Nehalem", "Opteron_G1",
              "max,-smep,-smap,-umip,-pdpe1gb,-fsgsbase,-xsave,-rdrand,-pku")


# ---- the image

def headers():
    """What a PVH or multiboot2 loader checks before it starts an image, by the specifications, not our sources."""
    with open(os.path.join(folder(PINGPONG), "cloister.elf"), "rb") as file:
        elf = ELFFile(file)
        equal("class and machine", (elf.elfclass, elf["e_machine"], elf["e_type"]), (64, "EM_X86_64", "ET_EXEC"))
        notes = [note for segment in elf.iter_segments() if segment["p_type"] == "PT_NOTE"
                 for note in segment.iter_notes()]
        found = [note for note in notes if note["n_name"] == "Xen"
                 and note["n_type"] in (18, "XEN_ELFNOTE_PHYS32_ENTRY")]
        check(len(found) == 1, f"{len(found)} notes of name Xen and type 18 among {notes}")
        description = found[0]["n_descdata"] if "n_descdata" in found[0] else found[0]["n_desc"]
        if isinstance(description, str):
            description = description.encode("latin-1")
        check(len(description) in (4, 8), f"a note with {len(description)} bytes")
        equal("the note's entry", int.from_bytes(description, "little"), elf["e_entry"])
        loads = [segment for segment in elf.iter_segments() if segment["p_type"] == "PT_LOAD"]
        check(any(s["p_paddr"] <= elf["e_entry"] < s["p_paddr"] + s["p_filesz"] for s in loads),
              "the entry is in no segment")
        for one in loads:
            check(0x100000 <= one["p_paddr"] and one["p_paddr"] + one["p_memsz"] < 0x800000,
                  f"a segment at {one['p_paddr']:#x}: below 1 MiB, or where UEFI firmware keeps memory")
        file.seek(0)
        start = file.read(32768)
    at = [offset for offset in range(0, len(start) - 16, 8) if struct.unpack_from("<I", start, offset)[0] == 0xE85250D6]
    check(len(at) == 1, f"{len(at)} multiboot2 headers in the first 32 KiB, at multiples of 8")
    magic, architecture, length, checksum = struct.unpack_from("<IIII", start, at[0])
    equal("multiboot2 architecture", architecture, 0)
    equal("multiboot2 checksum", (magic + architecture + length + checksum) & 0xFFFFFFFF, 0)
    equal("multiboot2 end tag", struct.unpack_from("<HHI", start, at[0] + length - 8), (0, 0, 8))
    check(struct.pack("<I", 0x1BADB002) not in start[:8192], "a multiboot1 header: QEMU would refuse the image")


def firecracker():
    """The file that docs/firecracker.md explains: what Firecracker wants to find in it, by its API's names."""
    with open(os.path.join(system.ROOT, "configs", "firecracker.json"), encoding="utf-8") as text:
        data = json.load(text)
    check(data["boot-source"]["kernel_image_path"].endswith("-pc/cloister.elf"), "it boots another image")
    check(set(data) <= {"boot-source", "drives", "machine-config", "network-interfaces", "entropy"},
          f"unknown parts in {sorted(data)}")
    equal("CPUs", data["machine-config"]["vcpu_count"], 1)
    check("cpu_template" not in data["machine-config"], "a CPU template hides protection keys")


def ring_0_lines():
    where = folder(PINGPONG)
    folders = sorted(glob.glob(os.path.join(system.out_folder(), "obj", "core-pc-mpk-*", "nucleus")),
                     key=os.path.getmtime)
    check(where and folders, "no objects of the nucleus")
    code, everything = privileged.lines(folders[-1])
    check(1000 < code < min(everything, PRIVILEGED_LINES_MAX), f"{code} lines of code, {everything} with comments")
    return f"{code} lines of code, {everything} with comments"


# ---- boots

def calls(none=False, **options):
    status, lines = boot(folder(PINGPONG, none), ["exit=thread"], **options)
    check("ping: 1000 calls, 0 wrong" in lines, common.tail(lines))
    equal("exit status", status, 0)


def without_keys():
    status, lines = boot(folder(PINGPONG), ["exit=thread"], cpu_model="qemu64")
    equal("exit status", status, STATUS_UNUSABLE)
    sentence = [line for line in lines if line.startswith("cloister: ")]
    words = ("PKU", "ACCEL=tcg", "PLATFORM=host", "newer CPU")
    check(len(sentence) == 1 and all(word in sentence[0] for word in words), common.tail(lines))


def without_long_mode(model):
    """As far as a CPU from before 64-bit mode comes: with the sentence, and not with a triple fault."""
    status, lines = boot(folder(PINGPONG), cpu_model=model)
    equal("exit status", status, STATUS_UNUSABLE)
    has_line(lines, "cloister: this CPU has no 64-bit mode, or no NX")


def no_clock():
    status, lines = boot(folder(PINGPONG), machine="microvm,pit=off,rtc=off")
    equal("exit status", status, STATUS_UNUSABLE)
    has_line(lines, "nothing to measure the TSC against")


def too_small():
    """The machine ends a little before the image does: a pristine image of a domain is not there."""
    end = audit.symbol(folder(PINGPONG), "image_end") - 0x200000000 + 0x200000  # TEXT_BASE, PHYSICAL_BASE
    status, lines = boot(folder(PINGPONG), machine="microvm", memory_mib=(end - 0x4000) / (1 << 20))
    equal("exit status", status, STATUS_UNUSABLE)
    has_line(lines, "too little memory")


def comes_up(config, none=False, **options):
    with machine(folder(config, none), **options) as running:
        running.wait_ready(60)
        status = running.stop(20)
    equal("exit status", status, 0)


def outside(name, options=()):
    """Somebody outside asks for the statistics (NMI), then for the end (power button)."""
    with machine(folder("separate"), machine=name, options=options) as running:
        running.wait_ready(60)
        found = running.statistics(30)
        check(found["tsc_khz"] > 100000 and found["crossings"], f"{found}")
        check(("monitor", "nucleus_console_write") in found["crossings"],
              f"the monitor's system calls are not counted: {found}")
        equal("exit status", running.stop(20), 0)


def keyboard():
    """Ctrl-Alt-Del, on a machine that has no power button."""
    keys = [{"type": "qcode", "data": key} for key in ("ctrl", "alt", "delete")]
    with machine(folder("separate"), machine="microvm,acpi=off", options=["-device", "i8042"]) as running:
        running.wait_ready(60)
        running.ask({"execute": "send-key", "arguments": {"keys": keys}})
        equal("exit status", running.wait_exit(20), 0)


def soft_off(name):
    """Ends by the machine's own means; a reset, or nothing at all, would run into the time-out."""
    with machine(folder("separate"), machine=name, has_exit_device=False) as running:
        running.wait_ready(60)
        equal("QEMU's exit status", running.stop(20), 0)
        equal("boots", sum(line.endswith("cloister: ready") for line in running.console()), 1)


def reset():
    """Without ACPI a reset is the end; QEMU is told not to start again."""
    with machine(folder(PINGPONG), ["exit=thread"], machine="microvm,acpi=off", has_exit_device=False,
                 options=["-no-reboot"]) as running:
        equal("QEMU's exit status", running.wait_exit(60), 0)
        check("cloister: stopped with status 0" in running.console(), common.tail(running.console()))


def large():
    """Memory above 4 GiB is left alone, and what lies below it is found."""
    status, lines = boot(folder(PINGPONG), ["exit=thread", "machine=list"], memory_mib=6144)
    equal("exit status", status, 0)
    pages = [int(line.split("=")[1]) for line in lines if line.startswith("MACHINE memory pages=")]
    check(len(pages) == 1 and 1 << 30 < pages[0] * 4096 < 4 << 30, f"{pages} pages")
    return f"{pages[0] >> 8} MiB used"


def idle():
    """A system with nothing to do sleeps: QEMU uses next to no CPU time, which a polling nucleus would use up."""
    with machine(folder("separate")) as running:
        running.wait_ready(60)
        time.sleep(0.5)
        start, began = running.cpu_ns_all(), time.monotonic()
        time.sleep(2)
        used = (running.cpu_ns_all() - start) / 1e9 / (time.monotonic() - began)
        running.stop(20)
    check(used < 0.5, f"{used:.0%} of a CPU while idle")
    return f"{used:.1%} of a CPU"


def devices(name, options, wanted):
    with machine(folder(PINGPONG), ["exit=thread", "machine=list"], machine=name, options=options) as running:
        running.wait_exit(60)
        lines = running.console()
    found = [line for line in lines if line.startswith("MACHINE virtio")]
    check(len(found) == len(wanted) and "MACHINE end" in lines, common.tail(lines))
    for line, words in zip(found, wanted):
        check(all(word in line.split() for word in words), f"{line}: not {words}")
        check("common=0x0" not in line, line)
    return f"{len(found)} devices"


def bus_masters(running):
    """Names of the PCI devices that may write memory."""
    text = running.ask({"execute": "human-monitor-command", "arguments": {"command-line": "info mtree"}})
    spaces = [space.splitlines() for space in re.split(r"^address-space: ", text, flags=re.M)[1:]]
    return {lines[0].strip() for lines in spaces
            if any("alias bus master" in line and "disabled" not in line for line in lines)}


def silence():
    """What firmware left running may not write memory once we hand it out; the control is the machine before that."""
    options = ["-device", "qemu-xhci", "-device", "e1000,romfile="]
    with machine(folder("separate"), boot="iso", options=options, link=forward.Forward(network.free_port())) as running:
        firmware, end = set(), time.monotonic() + 60
        while "qemu-xhci" not in firmware and time.monotonic() < end:
            try:
                firmware = bus_masters(running)
            except OSError:       # QEMU does not listen yet
                time.sleep(0.05)
        running.wait_ready(60)
        equal("devices that may write memory", bus_masters(running), {"virtio-net-pci"})
        running.stop(20)
    check("qemu-xhci" in firmware, f"firmware has switched on {firmware} only: nothing was tested")


def other_cpus():
    """Of four CPUs one runs; the others stay where firmware has parked them."""
    with machine(folder("separate"), options=["-smp", "4"]) as running:
        running.wait_ready(60)
        text = running.ask({"execute": "human-monitor-command", "arguments": {"command-line": "info registers -a"}})
        equal("exit status", running.stop(20), 0)
    where = [int(word, 16) for word in re.findall(r"\b[RE]IP=([0-9a-f]+)", text)]
    check(len(where) == 4 and where[0] > 1 << 32 and all(one < 1 << 20 for one in where[1:]), f"CPUs stand at {where}")


def clocks(rate, wall, **options):
    """Where the clocks come from on this machine, and that the wall clock is ours, to a second or two."""
    status, lines = boot(folder(PINGPONG, none=True), ["exit=thread", "machine=list"], **options)
    equal("exit status", status, 0)
    found = [dict(word.split("=") for word in line.split()[2:]) for line in lines if line.startswith("MACHINE clock")]
    check(len(found) == 1, common.tail(lines))
    check(found[0]["rate"] in rate and found[0]["wall"] in wall, f"{found[0]}, not {rate} and {wall}")
    behind = time.time() - int(found[0]["seconds"])
    check("none" in wall or -2 < behind < 5, f"the wall clock is {behind:.1f} s behind")
    return f"rate from {found[0]['rate']}, wall clock from {found[0]['wall']}"


def contract(none):
    """What the public headers promise, as on host; only the console's input never ends, so a word is typed instead."""
    with machine(folder("tests/configs/contract_defconfig", none), ["exit=thread", "typed=1"],
                 stdin=subprocess.PIPE) as running:
        running.wait_for("ok reading too much is refused", 120)
        time.sleep(0.3)   # it waits now, so that the interrupt has to wake it
        running.process.stdin.write(b"hello")
        running.process.stdin.flush()
        status, lines = running.wait_exit(60), running.console()
        running.process.stdin.close()
    wrong = [line for line in lines if line.startswith("not ok")]
    right = [line for line in lines if line.startswith("ok ")]
    check(not wrong and "CONTRACT end failed=0" in lines, "\n".join(wrong) or common.tail(lines))
    check("ok what is typed arrives" in lines, common.tail(lines))
    least = group_contract.LEAST["none" if none else "mpk"] - 5   # those about the end of input
    check(len(right) >= least, f"only {len(right)} checks ran")
    equal("exit status", status, 0)
    return f"{len(right)} checks"


def steps():
    """Every gate kind with a thread switch at each instruction, as group_step does on host."""
    status, lines = boot(folder("tests/configs/step_defconfig"), ["exit=thread"])
    for kind in group_step.KINDS:
        found = re.search(rf"STEP {kind} switches=(\d+) result=(-?\d+) expected=(-?\d+)", "\n".join(lines))
        check(found, f"no result line for {kind}\n{common.tail(lines)}")
        switches, result, expected = map(int, found.groups())
        equal(f"result of the stepped {kind} gate", result, expected)
        check(expected >= 0 and switches >= group_step.LEAST_SWITCHES,
              f"{kind}: only {switches} thread switches, result {expected}")
    check("STEP end errors=0" in lines, common.tail(lines))
    equal("exit status", status, 0)


def storm():
    status, lines = boot(folder("tests/configs/storm_defconfig"), ["exit=thread", f"calls={STORM_CALLS}"],
                         machine="microvm")
    values = [dict(word.split("=") for word in line.split()[1:]) for line in lines if line.startswith("STORM")]
    check(len(values) == 1, common.tail(lines))
    equal("errors", values[0]["errors"], "0")
    equal("calls", values[0]["calls"], str(STORM_CALLS))
    equal("exit status", status, 0)
    # Without preemption the test would prove nothing.
    check(int(values[0]["switches"]) > 1000 and int(values[0]["turns"]) > 0, f"{values[0]}")
    return f"{values[0]['switches']} thread switches"


def debugger():
    elf = os.path.join(folder(PINGPONG), "cloister.elf")
    done = subprocess.run(["/usr/bin/python3", "-B", os.path.join(system.ROOT, "scripts", "pc.py"), "debug", elf,
                           "exit=thread", "--gdb",
                           "-batch", "-ex", "hbreak pong_add__impl", "-ex", "continue", "-ex", "ck-pkru", "-ex",
                           "ck-domains", "-ex", "ck-gates pong_add"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    text = done.stdout
    for wanted in ("tests/components/pong/pong.c", "the rights of domain pong", ">  ", "pong_add  full  1"):
        check(wanted in text, f"no '{wanted}' in\n{text}\n{done.stderr}")


class Terminal:
    """What a person sees and types; Ctrl-C is a signal there."""

    def __init__(self, command):
        self.text = b""
        self.keyboard, screen = os.openpty()
        self.before = termios.tcgetattr(self.keyboard)
        # A shell that runs the tests in the background has them ignore Ctrl-C.
        self.process = subprocess.Popen(["setsid", "--ctty", "--wait", *command], stdin=screen, stdout=screen,
                                        stderr=screen, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.screen = screen

    def until(self, pattern, timeout=60):
        end = time.monotonic() + timeout
        while not (found := re.search(pattern, self.text)):
            check(time.monotonic() < end, f"no '{pattern.decode()}' in\n{self.text.decode(errors='replace')}")
            if select.select([self.keyboard], [], [], 0.5)[0]:
                self.text += os.read(self.keyboard, 4096)
        self.text = self.text[found.end():]

    def type(self, text):
        os.write(self.keyboard, text)

    def close(self):
        self.process.kill()
        self.process.wait(10)
        os.close(self.keyboard)
        os.close(self.screen)


def make_iso():
    """The target: an image of the right kind, with its boot arguments in it; what it boots the other cases say."""
    path = os.path.join(folder(PINGPONG), "cloister.iso")
    if os.path.exists(path):
        os.remove(path)
    done = subprocess.run(["make", "-C", system.ROOT, "iso", f"O={system.out_folder()}", f"CONFIG={PINGPONG}",
                           "ARGS=exit=thread hello=iso"], env=system.outside_make(), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=300)
    check(not done.returncode and os.path.exists(path), done.stdout[-1000:] + done.stderr[-1000:])
    with open(path, "rb") as data:
        check(b"multiboot2 /boot/cloister.elf 'exit=thread' 'hello=iso'" in data.read(), "it boots something else")


def person():
    """make run: `reboot` in the shell starts it again, Ctrl-C ends it, the terminal is as it was, the port free."""
    port = network.free_port()
    seat = Terminal([sys.executable, "-B", os.path.join(system.ROOT, "scripts", "pc.py"), "run", "--port", str(port),
                     os.path.join(folder("separate"), "cloister.elf")])
    try:
        seat.until(rb"redis-cli -p %d" % port)
        seat.type(b"reboot\r")
        seat.until(rb"the same image starts again")
        seat.until(rb"redis-cli -p %d" % port)
        seat.type(b"\x03")
        equal("exit status", seat.process.wait(30), 0)
        equal("terminal", termios.tcgetattr(seat.keyboard), seat.before)
        forward.Forward(port).open()
    finally:
        seat.close()


def kvm(model=None):
    """Backend none, since keys under KVM need a CPU with PKU, passed on; microvm, since it boots soonest."""
    calls(none=True, machine="microvm", accel="kvm", cpu_model=model)


def cases():
    skip = {way: pc.missing(way) for way in pc.BOOTS}
    kernel = skip["kernel"]
    yield ktap.Case("headers: PVH note and multiboot2, no multiboot1", headers)
    yield ktap.Case("firecracker.json", firecracker)
    yield ktap.Case(f"ring 0 has fewer than {PRIVILEGED_LINES_MAX} lines of code", ring_0_lines)
    for name in sorted(os.path.basename(path).removesuffix("_defconfig")
                       for path in glob.glob(os.path.join(system.ROOT, "configs", "*_defconfig"))):
        yield ktap.Case(f"{name}: comes up and ends", lambda name=name: comes_up(name, machine="microvm"), kernel)
    for name in ("q35", "pc", "microvm", "microvm,acpi=off", "microvm,pit=off,pic=off"):
        yield ktap.Case(f"-kernel on {name}", lambda name=name: calls(machine=name), kernel)
    for name in ("q35", "pc"):
        yield ktap.Case(f"GRUB from an ISO image on BIOS, {name}", lambda name=name: calls(machine=name, boot="iso"),
                        skip["iso"])
    yield ktap.Case("GRUB from an ISO image on UEFI, q35", lambda: calls(boot="uefi"), skip["uefi"])
    for model in CPU_MODELS:
        yield ktap.Case(f"backend none, -cpu {model}", lambda model=model: calls(none=True, cpu_model=model), kernel)
    yield ktap.Case("backend mpk on a CPU without keys is refused in one sentence", without_keys, kernel)
    for model in ("qemu32", "max,-lm", "max,-nx"):
        yield ktap.Case(f"-cpu {model} is refused in one sentence", lambda model=model: without_long_mode(model),
                        kernel)
    yield ktap.Case("no clock at all is refused in one sentence", no_clock, kernel)
    yield ktap.Case("64 MiB of RAM", lambda: comes_up("separate", memory_mib=64), kernel)
    for name, size in SMALLEST_MIB.items():
        yield ktap.Case(f"{size} MiB of RAM on {name}",
                        lambda name=name, size=size: comes_up("separate", machine=name, memory_mib=size), kernel)
    yield ktap.Case("6 GiB of RAM", large, kernel)
    yield ktap.Case("too little RAM is said", too_small, kernel)
    for name in ("q35", "pc", "microvm"):
        yield ktap.Case(f"{name}: statistics by NMI, end by power button", lambda name=name: outside(name), kernel)
    yield ktap.Case("microvm without ACPI: end by Ctrl-Alt-Del", keyboard, kernel)
    for name in ("q35", "pc", "microvm"):
        yield ktap.Case(f"{name}: ends by soft off", lambda name=name: soft_off(name), kernel)
    yield ktap.Case("microvm without ACPI: ends by reset", reset, kernel)
    yield ktap.Case("idle costs nothing", idle, kernel)
    yield ktap.Case("virtio devices on PCI, behind a bridge too", lambda: devices("q35", [
        "-device", "virtio-rng-pci,disable-legacy=on", "-device", "pcie-root-port,id=below,slot=1", "-device",
        "virtio-rng-pci,bus=below"],
        [("transport=pci", "type=4"), ("transport=pci", "type=4")]), kernel)
    yield ktap.Case("devices that firmware left running are silenced", silence, skip["iso"])
    yield ktap.Case("of four CPUs one runs", other_cpus, kernel)
    for name in ("microvm", "microvm,acpi=off"):
        yield ktap.Case(f"virtio devices on MMIO, {name}", lambda name=name: devices(name, [
            "-global", "virtio-mmio.force-legacy=false", "-device", "virtio-rng-device"],
            [("transport=mmio", "type=4", "version=2")]), kernel)
    for options, rate, wall in (({}, ["acpi"], ["rtc"]), ({"machine": "microvm"}, ["pit"], ["rtc"]),
                                ({"machine": "microvm,pit=off"}, ["rtc"], ["rtc"]),
                                ({"machine": "microvm,rtc=off"}, ["pit"], ["none"])):
        yield ktap.Case(f"clocks of {options.get('machine', 'q35')}", 
                        lambda options=options, rate=rate, wall=wall: clocks(rate, wall, **options), kernel)
    yield ktap.Case("contract on keys", lambda: contract(False), kernel)
    yield ktap.Case("contract as function calls", lambda: contract(True), kernel)
    yield ktap.Case("every gate kind in single steps", steps, kernel)
    yield ktap.Case(f"{STORM_CALLS} gates under a 10 kHz timer", storm, kernel)
    yield ktap.Case("make debug: gdb knows domains, gates and rights", debugger, kernel)
    yield ktap.Case("make iso", make_iso, skip["iso"])
    yield ktap.Case("make run: reboot and Ctrl-C", person, kernel)
    for model in ("host,+x2apic", "host,-x2apic"):
        yield ktap.Case(f"KVM: -cpu {model}", lambda model=model: kvm(model), kernel or pc.kvm_missing())
    yield ktap.Case("KVM: boots", kvm, kernel or pc.kvm_missing())
    yield ktap.Case("KVM: clocks", 
                    lambda: clocks(["cpu", "hypervisor", "kvm"], ["kvm", "rtc"], machine="microvm", accel="kvm"),
                    kernel or pc.kvm_missing())
