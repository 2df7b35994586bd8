# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""pc.py - one running Cloister on the platform pc, under QEMU: the interface of system.System.

Interface:
  missing(boot), kvm_missing()   why this machine cannot: one sentence, or None
  kvm_keys_missing()             the same of protection keys in a guest
  iso(folder, arguments)          makes <folder>/cloister.iso, which GRUB boots on BIOS and UEFI; returns its path
  Machine(elf, arguments, machine=, accel=, boot=, ...)
                                  a system.System: start, wait_for, command, statistics, stop, kill
Usage: pc.py run|debug [--machine M] [--accel A] [--boot B] [--memory MIB] [--port N] <elf> [key=value ...]
             [--gdb words for gdb]
       pc.py iso <elf> [key=value ...]              (make run, make debug, make iso with PLATFORM=pc)

Requests go to QEMU by QMP, as somebody outside would make them: the power button ends the
system, an NMI asks for its statistics. QEMU ends with (status << 1) | 1, which wait_exit() turns back.
Invariant: the QEMU process dies with this program, and its files in a folder of their own go with it.
"""
import argparse
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import forward
import network
import system
from system import Failure

QEMU = "qemu-system-x86_64"
MACHINES = ("q35", "pc", "microvm")
BOOTS = ("kernel", "iso", "uefi")
FIRMWARE = ("/usr/share/ovmf/OVMF.fd", "/usr/share/OVMF/OVMF.fd", "/usr/share/qemu/OVMF.fd")
GRUB_FOLDERS = {"iso": "i386-pc", "uefi": "x86_64-efi"}
MEMORY_MIB = {"kernel": 64, "iso": 64, "uefi": 256}
LISTEN_SECONDS = 60
KVM_GET_API_VERSION = 0xAE00
KVM_GET_SUPPORTED_CPUID = 0xC008AE05
CPUID_ENTRIES = 256
# QEMU's -icount: a tick of the TSC is an instruction. With clients outside, time goes on while the guest sleeps; alone
# it jumps to the next timer, and two runs are the same.
COUNT_FOR_CLIENTS = "shift=0"
COUNT_ALONE = "shift=0,sleep=off"
COUNTED_BY = "QEMU {} emulates the CPU and counts its instructions"
COUNT_NOTE = ("Instructions are all that the system executes, ring 0 included, and each turn of a REP. A WRPKRU is one "
              "of them,\nhowever long it takes: for ratios of time use a machine that runs platform host.")
INSTEAD = "PLATFORM=pc counts instructions under QEMU instead."


def missing(boot="kernel"):
    if not shutil.which(QEMU):
        return f"{QEMU} is not installed: run scripts/setup.sh."
    if boot == "kernel":
        return None
    for tool in ("grub-mkrescue", "xorriso", "mformat"):
        if not shutil.which(tool):
            return f"The program '{tool}', which makes the ISO image, is missing: run scripts/setup.sh."
    if not os.path.isdir(f"/usr/lib/grub/{GRUB_FOLDERS[boot]}"):
        return f"GRUB's modules for {GRUB_FOLDERS[boot]} are missing: run scripts/setup.sh."
    if boot == "uefi" and not firmware():
        return "OVMF, the UEFI firmware for QEMU, is missing: run scripts/setup.sh."
    return None


def version():
    """QEMU's, for whoever reads figures."""
    done = subprocess.run([QEMU, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    return done.stdout.split()[3].split("(")[0]


def measured(accel, count=COUNT_ALONE):
    """What bench_json.save() is told of an accelerator (None: platform host): ("times" or "counts", further fields)."""
    if accel is None:
        return "times", None
    about = {"qemu": version(), "accel": accel}
    return ("counts", {**about, "count": f"-icount {count}"}) if accel == "tcg" else ("times", about)


def firmware():
    return next((path for path in FIRMWARE if os.path.exists(path)), None)


def kvm_missing():
    try:
        with open("/dev/kvm", "r+b", buffering=0) as device:
            version = fcntl.ioctl(device, KVM_GET_API_VERSION)
    except OSError as error:
        return f"/dev/kvm does not work here: {error.strerror}."
    return None if version == 12 else f"/dev/kvm has API version {version}, not 12."


def kvm_keys_missing():
    """Why a guest under KVM has no protection keys here, and what has; None: it has them."""
    if kvm_missing():
        return kvm_missing()
    entries = bytearray(struct.pack("<II", CPUID_ENTRIES, 0) + bytes(40 * CPUID_ENTRIES))
    with open("/dev/kvm", "r+b", buffering=0) as device:
        fcntl.ioctl(device, KVM_GET_SUPPORTED_CPUID, entries)
    for at in range(struct.unpack_from("<I", entries)[0]):
        leaf, index, _, _, _, ecx, _ = struct.unpack_from("<7I", entries, 8 + 40 * at)
        if (leaf, index) == (7, 0) and ecx >> 3 & 1:
            return None
    return ("KVM here gives its guests no protection keys (PKU is not among what it can pass on), so there are no "
            "gates to measure: use PLATFORM=host, or ACCEL=tcg, which counts instead, or a machine whose CPU and KVM "
            "have PKU.")


def loadable(elf):
    """The image as its program headers tell, byte for byte, and nothing behind the last: GRUB would load the debug
    information as well, which takes long, and on UEFI fails now and then."""
    with open(elf, "rb") as file:
        data = bytearray(file.read())
    table, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    ends = [sum(struct.unpack_from("<QQQQ", data, table + number * size + 8)[::3])
            for number in range(count)]  # offset and file bytes
    struct.pack_into("<Q", data, 40, 0)          # no section headers
    struct.pack_into("<HH", data, 60, 0, 0)
    return bytes(data[:max(ends)])


def iso(folder, arguments=()):
    """GRUB has no menu to wait at; the boot arguments are in its configuration."""
    path = os.path.join(folder, "cloister.iso")
    with tempfile.TemporaryDirectory(prefix="cloister-iso-") as root:
        os.makedirs(os.path.join(root, "boot", "grub"))
        with open(os.path.join(root, "boot", "cloister.elf"), "wb") as out:
            out.write(loadable(os.path.join(folder, "cloister.elf")))
        words = " ".join("'" + word.replace("'", "'\\''") + "'" for word in arguments)
        with open(os.path.join(root, "boot", "grub", "grub.cfg"), "w", encoding="utf-8") as out:
            out.write(f"set timeout=0\nmultiboot2 /boot/cloister.elf {words}\nboot\n")
        done = subprocess.run(["grub-mkrescue", "-o", path, root], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True)
        if done.returncode:
            raise Failure(f"grub-mkrescue failed:\n{done.stderr}")
    return path


class Machine(system.System):
    """One virtual machine. options: further words for QEMU; link: its network (forward.py); count: one of COUNT_*."""

    def __init__(self, elf, arguments=(), machine="q35", accel="tcg", boot="kernel", cpu_model=None, memory_mib=None,
                 options=(),
                 has_exit_device=True, cpu=None, on_text=None, stdin=subprocess.DEVNULL, link=None, count=None):
        super().__init__(elf, arguments, network=False, cpu=cpu, on_text=on_text, stdin=stdin)
        self.link = link or self.link   # of forward.py, which knows some of its options only once it is open
        self.machine, self.accel, self.boot = machine, accel, boot
        self.cpu_model = cpu_model or ("host" if accel == "kvm" else "max")
        self.memory_mib = memory_mib or MEMORY_MIB[boot]
        # Without it the status is lost, and what ends QEMU is the machine's own way; a reset would start it again.
        self.has_exit_device = has_exit_device
        self.options = [*(["-icount", count] if count else []), *options]
        self.folder = None

    def image(self):
        arguments = [*self.link.arguments, *self.arguments]
        if self.boot == "kernel":
            return ["-kernel", self.elf, "-append", " ".join(arguments)]
        # GRUB wants a screen, even if nobody looks at it.
        return ["-cdrom", iso(os.path.dirname(self.elf), arguments),
                *(["-bios", firmware()] if self.boot == "uefi" else [])]

    def launch_command(self):
        self.folder = self.folder or tempfile.mkdtemp(prefix="cloister-pc-")
        command = [QEMU, "-M", self.machine, "-accel", self.accel, "-cpu", self.cpu_model,
                   "-m", f"{int(self.memory_mib * 1024)}K", "-nodefaults", "-display", "none", "-serial", "stdio",
                   "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off", *self.image(),
                   *self.link.options(self.machine), *self.options]
        if self.has_exit_device:
            command += ["-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
        command = self.link.launch(command)
        return command if self.cpu is None else ["taskset", "-c", str(self.cpu), *command]

    def ask(self, *commands):
        """QMP commands, each {"execute": ...}; returns what QEMU answers to the last."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(os.path.join(self.folder, "qmp"))
            lines = connection.makefile("rw", encoding="utf-8")
            lines.readline()   # the greeting
            for command in ({"execute": "qmp_capabilities"}, *commands):
                try:
                    lines.write(json.dumps(command) + "\n")
                    lines.flush()
                    while "event" in (answer := json.loads(lines.readline() or "{}")):
                        pass
                except ConnectionError:
                    answer = {}
                if not answer:   # it has done as it was told, and ended
                    return None
                if "error" in answer:
                    raise Failure(f"QEMU refuses {command}: {answer['error']['desc']}")
        return answer["return"]

    def request_report(self):
        self.ask({"execute": "inject-nmi"})

    def cost(self, before, after, _):
        """In instructions with count, else in cycles of the guest's TSC; without those in which it slept."""
        return after["busy_tsc"] - before["busy_tsc"]

    def request_stop(self):
        self.ask({"execute": "system_powerdown"})

    def cpu_ns_all(self):
        """CPU time of all of QEMU's threads."""
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/schedstat", encoding="ascii") as text:
                total += int(text.read().split()[0])
        return total

    def wait_exit(self, timeout=20):
        status = super().wait_exit(timeout)
        self._forget()
        if not self.has_exit_device:
            return status
        if status < 0 or status & 1 == 0:
            raise Failure(self.report(f"QEMU ended with {status}, not through the exit device"))
        return status >> 1

    def kill(self):
        super().kill()
        self._forget()

    def _forget(self):
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def relay(asked, options, stdin):
    link = forward.Forward(asked.port) if network.driver_of(asked.elf) == "virtio_net" else None
    return Machine(asked.elf, asked.arguments, link=link, machine=asked.machine, accel=asked.accel, boot=asked.boot,
                   memory_mib=asked.memory, options=[*forward.entropy(asked.machine), *options], stdin=stdin,
                   on_text=lambda data: (sys.stdout.buffer.write(data), sys.stdout.buffer.flush()))


def clients(running):
    """What a person types in another terminal, once somebody listens."""
    if not isinstance(running.link, forward.Forward):
        return
    try:
        running.wait_for(r"^kv: .*ready", LISTEN_SECONDS)
    except Failure:   # no kv, or it has said why not
        return
    reach = f"-p {running.port}" if running.port != network.PORT else ""
    print(f"\nIn another terminal:\n  redis-cli {reach}\n  redis-benchmark {reach} -t get,set "
          f"-c {forward.FORWARD_CLIENTS}\nCtrl-C ends the system.\n", flush=True)


def run(asked):
    """Reboots as often as the system asks; ends with its status."""
    while True:
        with relay(asked, [], None) as running:
            try:
                clients(running)
                running.process.wait()
                status = running.wait_exit()
            except KeyboardInterrupt:
                return running.stop()
        if status != system.STATUS_REBOOT:
            return status
        print("Reboot: the same image starts again.\n", flush=True)


DEBUG_HELP = """
gdb is attached to a machine that stands at its first instruction. Then for example:
  hbreak net_exchange     stop where a call arrives in another domain (hbreak, since nothing is in memory yet)
  continue                boot; Ctrl-C stops it anywhere
  ck-domains  ck-threads  ck-gates  ck-pkru      domains, threads, gates and their counts, the live rights
The console's text comes here as well. gdb reads whatever is mapped: keys bind the system, not its debugger.
"""


def debug(asked):
    cut = asked.arguments.index("--gdb") if "--gdb" in asked.arguments else len(asked.arguments)
    asked.arguments, gdb_words = asked.arguments[:cut], asked.arguments[cut + 1:]
    with tempfile.TemporaryDirectory(prefix="cloister-gdb-") as folder:
        path = os.path.join(folder, "gdb")
        with relay(asked, ["-S", "-gdb", f"unix:{path},server=on,wait=off"], subprocess.DEVNULL) as running:
            for _ in range(100):
                if os.path.exists(path):
                    break
                time.sleep(0.1)
            if "-batch" not in gdb_words:
                print(DEBUG_HELP, flush=True)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is gdb's
            image = os.path.dirname(asked.elf)
            return subprocess.run(["gdb", "-q", "-nx", "-iex", f"add-auto-load-safe-path {image}",
                                   "-iex", "set debuginfod enabled off",
                                   "-ex", f"target remote {path}", *gdb_words, asked.elf], cwd=system.ROOT).returncode


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=("run", "debug", "iso"))
    parser.add_argument("--machine", choices=MACHINES, default="q35")
    parser.add_argument("--accel", choices=("tcg", "kvm"), default="tcg")
    parser.add_argument("--boot", choices=BOOTS, default="kernel")
    parser.add_argument("--memory", type=int)
    parser.add_argument("--port", type=int)
    parser.add_argument("elf")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    asked.elf = os.path.abspath(asked.elf)
    reason = missing("uefi" if asked.action == "iso" else asked.boot)
    if not reason and asked.accel == "kvm":
        reason = kvm_missing()
    if asked.boot != "kernel" and asked.machine == "microvm":
        reason = "microvm has no drive to boot from: use BOOT=kernel, or MACHINE=q35."
    if reason:
        print(f"cannot start {asked.elf}: {reason}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if asked.action == "iso":
            print(iso(os.path.dirname(asked.elf), asked.arguments))
            return 0
        return {"run": run, "debug": debug}[asked.action](asked)
    except KeyboardInterrupt:
        return 130
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
