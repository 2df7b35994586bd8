# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_entropy.py - the source of entropy and who draws from it: on host, and on pc with devices that answer well, short, late
or never, or with none.

A device whose answers the test chooses is QEMU's rng-egd backend at a socket of ours (Egd).
"""
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import audit
import common
import forward
import group_forbidden
import group_pc_net
import ktap
import pc
import system
from common import check, equal

CONFIG = "tests/configs/secrets_defconfig"
SERVING = "separate"
BOOT_SECONDS = 60
WINDOW = 0x7c0400000               # core/include/address_map_asm.h: of DEVICE_ENTROPY
WORDS = WINDOW + 224               # core/include/virtio_ring.h: struct virtio_entropy
NO_RDRAND = "max,-rdrand,-rdseed"
# What the driver says at boot, and the first word's error.
GOOD, EAGAIN, ENODEV = 0, -11, -19
SHORT = ",max-bytes=8,period={}"   # QEMU: so many bytes in so many ms
SECRETS = {"net": "'domains/net/random.c'::secret", "kv": "'server.c'::store.seed", "boot_random": "public_area.boot_random"}
SECRET_BYTES = 16


class Egd:
    """A backend for QEMU's rng-egd. answers: called with the number of the request, from 1; returns a byte with which all of
    the answer is filled, or None: no answer."""

    def __init__(self, answers):
        self.answers, self.folder = answers, tempfile.mkdtemp(prefix="cloister-egd-")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(self.folder, "egd"))
        self.listener.listen()
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def options(self, kind):
        return ["-chardev", f"socket,id=egd,path={self.folder}/egd", *forward.entropy(kind, backend="rng-egd,chardev=egd")]

    def _serve(self):
        with self.listener.accept()[0] as connection:
            number = 0
            while len(request := connection.recv(2, socket.MSG_WAITALL)) == 2:   # 2: blocking read; how many bytes
                number += 1
                if (byte := self.answers(number)) is not None:
                    connection.sendall(bytes([byte]) * request[1])

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        shutil.rmtree(self.folder)


def draws(lines, status, first):
    """The two words that the component showed; None: an error was expected, and came."""
    text = "\n".join(lines)
    check(re.search(rf"^secrets: first {first}$", text, re.M), common.tail(lines))
    if f"secrets: error {first}" in lines:
        equal("exit status", status != 0, True)
        return None
    apart = "-1" if "has no keys" not in text else "0"
    check(f"secrets: repeated 0, stuck 0, in the heap 0, after a copy 1, submission {apart}" in lines, common.tail(lines))
    equal("exit status", status, 0)
    return re.search(r"^secrets: words (\w+) (\w+)$", text, re.M).groups()


def on_host(arguments=()):
    return common.boot_to_end(os.path.join(common.image(CONFIG), "cloister.elf"), ["exit=thread", *arguments], BOOT_SECONDS)


def on_pc(kind, options, cpu_model=None, wait_ms=0):
    elf = os.path.join(common.image(CONFIG, platform="pc"), "cloister.elf")
    with pc.Machine(elf, ["exit=thread", f"wait={wait_ms}"], machine=kind, memory_mib=256, cpu_model=cpu_model, options=options) as running:
        return running.wait_exit(BOOT_SECONDS), running.console()


def differ(boots, first=GOOD):
    """Two boots give different words; nothing else is wrong."""
    words = [word for status, lines in boots for word in draws(lines, status, first)]
    equal("different words in two boots", len(set(words)), 4)


def host_differs():
    differ([on_host(), on_host()])


def host_window():
    """A foreign domain cannot read what the device wrote."""
    status, lines = on_host(["read=1"])
    records = [line for line in lines if line.startswith("FAULTREC")]
    key = audit.domain(common.image(CONFIG), "virtio_rng")["pkey"]
    equal("fault records", records, [f"FAULTREC domain=secrets gen=1 kind=read address={WORDS:#x} key={key} owner=virtio_rng "
                                     "object='device window' thread=1 gate=secrets_main caller=monitor"])
    equal("exit status", status, 1)


def host_window_write():
    """Nor can the driver itself write there: it cannot make up answers of the device in what the nucleus reads."""
    folder = group_forbidden.image(SERVING)
    key = audit.domain(folder, "virtio_rng")["pkey"]
    group_forbidden.refused(folder, "virtio_rng", "virtio_rng", key, "device window", WORDS, "write")
    group_forbidden.allowed(folder, "virtio_rng", WORDS, "read")


def says(lines, rdrand, device):
    check(any(line.startswith(f"virtio_rng: RDRAND {rdrand}; device {device}") for line in lines), common.tail(lines))


def with_device(kind, cpu_model, rdrand):
    boots = [on_pc(kind, forward.entropy(kind), cpu_model) for _ in range(2)]
    for _, lines in boots:
        says(lines, rdrand, "yes")
    differ(boots)


def without_device(kind):
    boots = [on_pc(kind, []) for _ in range(2)]
    says(boots[0][1], "yes", "no")
    differ(boots)


def without_anything(kind):
    status, lines = on_pc(kind, [], NO_RDRAND)
    says(lines, "no", "no: no secrets from here")
    equal("words", draws(lines, status, ENODEV), None)


def short_but_quick(kind):
    status, lines = on_pc(kind, forward.entropy(kind, SHORT.format(10)), NO_RDRAND)
    says(lines, "no", "yes")
    check(draws(lines, status, GOOD), "no words")


def short_and_slow(kind):
    """Four answers of 8 bytes make a seed. Until then there is no word, and then there is."""
    status, lines = on_pc(kind, forward.entropy(kind, SHORT.format(200)), NO_RDRAND, wait_ms=20000)
    says(lines, "no", "late: no secrets from here")
    check(draws(lines, status, EAGAIN), "no words")


def silent(kind, cpu_model, first):
    with Egd(lambda number: None) as backend:
        status, lines = on_pc(kind, backend.options(kind), cpu_model)
    says(lines, "no" if cpu_model else "yes", "late")
    check((draws(lines, status, first) is None) == (first != GOOD), common.tail(lines))


def flooded(kind):
    """A driver that was taken over asks a silent device a hundred thousand times: the device hears of it once."""
    elf = os.path.join(group_pc_net.hostile_image(control=False), "cloister.elf")
    with Egd(lambda number: None) as backend:
        with pc.Machine(elf, ["exit=thread", "try=16"], machine=kind, memory_mib=256, options=backend.options(kind)) as running:
            status, lines = running.wait_exit(BOOT_SECONDS), running.console()
    check("hostile: the source answered 0 times of 1; canaries intact" in lines, common.tail(lines))
    equal("exit status", status, 0)


def lying(kind):
    """A device that always says the same leaves RDRAND's words as good as they were."""
    boots = []
    for _ in range(2):
        with Egd(lambda number: 0) as backend:
            boots.append(on_pc(kind, backend.options(kind)))
    differ(boots)


def fallback(kind):
    """Without a source the system serves all the same, and says what that means."""
    elf = os.path.join(common.image(SERVING, platform="pc"), "cloister.elf")
    with pc.Machine(elf, machine=kind, memory_mib=256, cpu_model=NO_RDRAND) as running:
        running.wait_for(r"^kv: .*ready$", BOOT_SECONDS)
        for name in ("net", "kv"):
            check(f"{name}: no source of entropy (error 19): another domain could guess its secret" in running.console(),
                  common.tail(running.console()))
        equal("exit status", running.stop(), 0)


def address_of(elf, name):
    found = subprocess.run(["gdb", "-nx", "-batch", "-ex", f"p &{name}", elf], capture_output=True, text=True, timeout=60)
    return int(re.search(r"0x[0-9a-f]+", found.stdout).group(), 16)


def read_out(kind, options):
    """{name: bytes} of SECRETS, out of a machine without RDRAND that counts instructions instead of time, so that two boots are
    the same but for a source of entropy."""
    elf = os.path.join(common.image(SERVING, platform="pc"), "cloister.elf")
    options = ["-icount", "shift=1,sleep=off", "-rtc", "base=2026-01-01,clock=vm", "-S", *options]
    with pc.Machine(elf, machine=kind, cpu_model=NO_RDRAND, memory_mib=256, options=options) as running:
        while not os.path.exists(os.path.join(running.folder, "qmp")):
            time.sleep(0.05)
        running.ask({"execute": "cont"})
        running.wait_for(r"^kv: .*ready$", BOOT_SECONDS)
        found = {}
        for name, symbol in SECRETS.items():
            path = os.path.join(running.folder, name)
            running.ask({"execute": "memsave", "arguments": {"val": address_of(elf, symbol), "size": SECRET_BYTES, "filename": path}})
            with open(path, "rb") as data:
                found[name] = data.read()
        return found


def seeds(kind):
    """The control: without a source, who knows boot_random and the clock knows all."""
    without = [read_out(kind, []) for _ in range(2)]
    with_source = [read_out(kind, forward.entropy(kind)) for _ in range(2)]
    check(without[0] == without[1], f"two boots without a source differ: the test would prove nothing: {without}")
    values = {value for found in (without[0], *with_source) for value in found.values()}
    equal("different values in one boot without and two with a source", len(values), 3 * len(SECRETS))


def consumers():
    """Who draws, and how often; what is drawn is no function of anything else (tests/unit/test_secret.c)."""
    with system.System(os.path.join(common.image(SERVING), "cloister.elf"), network=False) as running:
        running.wait_ready(BOOT_SECONDS)
        drawn = {caller: count for (caller, function), count in running.statistics()["crossings"].items() if function == "entropy_word"}
        equal("words drawn", drawn, {"net": 4, "kv": 4})
        check(not [line for line in running.console() if "no source" in line], common.tail(running.console()))


def cases():
    keys = common.skip_of(mpk=True, network=False)
    yield ktap.Case("host: words do not repeat, here, in the next boot, or in the shared heap", host_differs, keys)
    yield ktap.Case("host: another domain cannot read the device's answer", host_window, keys)
    yield ktap.Case("host: the driver reads its device's answer, and cannot write it", host_window_write, keys)
    yield ktap.Case("host: net and kv draw their secrets", consumers, keys)
    skip = pc.missing()
    for kind in ("q35", "microvm"):
        yield ktap.Case(f"{kind}: device and RDRAND", lambda kind=kind: with_device(kind, None, "yes"), skip)
        yield ktap.Case(f"{kind}: the device alone", lambda kind=kind: with_device(kind, NO_RDRAND, "no"), skip)
        yield ktap.Case(f"{kind}: RDRAND alone", lambda kind=kind: without_device(kind), skip)
        yield ktap.Case(f"{kind}: neither is an error", lambda kind=kind: without_anything(kind), skip)
        yield ktap.Case(f"{kind}: short answers are added up", lambda kind=kind: short_but_quick(kind), skip)
        yield ktap.Case(f"{kind}: a slow device: first none, then words", lambda kind=kind: short_and_slow(kind), skip)
        yield ktap.Case(f"{kind}: a silent device: RDRAND", lambda kind=kind: silent(kind, None, GOOD), skip)
        yield ktap.Case(f"{kind}: a silent device and no RDRAND is an error, not a hang",
                        lambda kind=kind: silent(kind, NO_RDRAND, EAGAIN), skip)
    yield ktap.Case("a silent device that a hostile driver keeps asking hears of it once", lambda: flooded("q35"), skip)
    yield ktap.Case("a device that always says the same does no harm", lambda: lying("q35"), skip)
    yield ktap.Case("neither device nor RDRAND: it serves, and warns", lambda: fallback("q35"), skip)
    skip = skip or (None if shutil.which("gdb") else "gdb is not installed")
    for kind in ("q35", "microvm"):
        yield ktap.Case(f"{kind}: a source seeds what is random at boot, and the secrets", lambda kind=kind: seeds(kind), skip)
