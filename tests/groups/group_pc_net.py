# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_pc_net.py - the network of platform pc: Redis clients against `separate`, over virtio on PCI and MMIO.

What it says about speed is nothing: TCG emulates. Crossings are counted, and that an idle system sleeps. And
attack A28: a network driver that was taken over, with a control that shows the escape.
"""
import hashlib
import json
import os
import re
import time

import audit
import common
import forward
import ktap
import network
import pc
import pc_common
import system
from common import check, equal

CONFIG = "separate"
CONFIGS = ("monolith", "net", "sched", "net_sched", "net_sched_apart", "drivers", "separate",
           "separate_strict")
BOOT_SECONDS = 60
BIG_BYTES = 200000
BULK_BYTES = 4 << 20
SERVING_MIB = 6        # the least in which `separate` serves, on any machine: as docs/pc.md says
STATUS_PANIC = 70
IDLE_SECONDS = 2
IDLE_SHARE_MAX = 0.25
HOSTILE = "tests/configs/hostile_defconfig"
WINDOW = 0x7c0000000 + 0x200000   # core/include/address_map_asm.h: of DEVICE_NET0
SOURCE = WINDOW + 0x200000        # of DEVICE_ENTROPY: struct virtio_entropy, core/include/virtio_ring.h
SOURCE_USED, SOURCE_WORDS = SOURCE + 152, SOURCE + 224
MMIO_BASE = 0xffff800000000000    # core/nucleus/pc/layout_asm.h


def machine(kind="q35", link=None, fragments=(), config=CONFIG, memory_mib=256, **further):
    elf = os.path.join(common.image(config, fragments=fragments, platform="pc"), "cloister.elf")
    return pc.Machine(elf, machine=kind, link=link, memory_mib=memory_mib, **further)


def serving(kind="q35", link=None, **further):
    return machine(kind, link or forward.Forward(network.free_port()), **further)


def wait_serving(running):
    running.wait_ready(BOOT_SECONDS)
    running.wait_for(r"^kv: .*ready$", BOOT_SECONDS)


def talk(running):
    equal("PING", running.redis("PING"), "PONG")
    equal("SET", running.redis("SET", "a", "1"), "OK")
    equal("INCR", running.redis("INCR", "a"), "2")
    big = "".join(chr(33 + i * i % 90) for i in range(BIG_BYTES))
    done = running.command(["redis-cli", "-h", running.address, "-p", str(running.port), "-x", "SET", "big"],
                           data=big.encode())
    equal("SET big", done.stdout.strip(), b"OK")
    check(running.redis("GET", "big") == big, f"a value of {BIG_BYTES} bytes came back as another one")


def benchmark(running, *words):
    done = running.command(["redis-benchmark", "-h", running.address, "-p", str(running.port), "-t", "get,set", "-q",
                            *words],
                           timeout=120)
    text = done.stdout + done.stderr
    found = re.findall(r"^(SET|GET): [\d.]+ requests per second", text.replace("\r", "\n"), re.M)
    check(not done.returncode and found == ["SET", "GET"] and "rror" not in text, f"redis-benchmark: {text[-500:]}")


def crossings(running, callers, functions):
    counts = running.statistics()["crossings"]
    return sum(count for (caller, function), count in counts.items() if caller in callers and function in functions)


def clients(kind):
    """Through what takes that many connections at once; what else talks here does so through QEMU's user networking."""
    requests = 2000
    _, link, most = forward.for_load(system.driver()[0])
    with serving(kind, link()) as running:
        wait_serving(running)
        talk(running)
        before = crossings(running, ("virtio_net",), ("device_submit",))
        benchmark(running, "-n", str(requests), "-c", str(min(10, most or 10)))
        after = crossings(running, ("virtio_net",), ("device_submit",))
        benchmark(running, "-n", "200", "-c", str(min(20, most or 20)), "-d", "100000")   # full queues, both ways
        equal("PING after that", running.redis("PING"), "PONG")
        equal("exit status", running.stop(), 0)
    # Each request is a frame in and a frame out, and acknowledgements. Ring 0 is asked once per batch sent, and hardly
    # ever to receive.
    each = (after - before) / (2 * requests)
    check(each < 2, f"{each:.2f} submissions per request")
    return f"{each:.2f} submissions to the device per request"


def tap_counters(running):
    """(bytes, packets) received from and sent to the system, as the host's side of the TAP device counts them."""
    text = running.command(["cat", "/proc/net/dev"]).stdout
    fields = re.search(rf"{network.TAP}:(.*)", text).group(1).split()
    return [(int(fields[at]), int(fields[at + 1])) for at in (0, 8)]


def offloads(kind):
    with serving(kind, forward.Tap()) as running:
        wait_serving(running)
        talk(running)
        before = tap_counters(running)
        big = b"0123456789abcdef" * (BULK_BYTES // 16)
        cli = ["redis-cli", "-h", running.address, "-p", str(running.port)]
        equal("SET bulk", running.command([*cli, "-x", "SET", "bulk"], data=big).stdout.strip(), b"OK")
        check(running.command([*cli, "GET", "bulk"], data=b"").stdout.strip() == big,
              "the bulk came back as something else")
        after = tap_counters(running)
    each = [(now[0] - then[0]) / (now[1] - then[1]) for then, now in zip(before, after)]
    # A frame without offloads has at most 1514 bytes, and acknowledgements are in the mean.
    check(min(each) > 3000, f"{each[0]:.0f} bytes per frame sent, {each[1]:.0f} received: nothing is merged")
    return f"{each[0]:.0f} bytes per frame sent, {each[1]:.0f} received"


def in_memory(kind, mib):
    with serving(kind, memory_mib=mib) as running:
        wait_serving(running)
        equal("PING", running.redis("PING"), "PONG")
        equal("SET", running.redis("SET", "a", "1"), "OK")
        equal("GET", running.redis("GET", "a"), "1")


def in_too_little(kind):
    """One MiB less: it ends, and says why."""
    with serving(kind, memory_mib=SERVING_MIB - 1) as running:
        equal("exit status", running.wait_exit(BOOT_SECONDS), STATUS_PANIC)
        check(any("out of memory" in line for line in running.console()), common.tail(running.console()))


def on_uefi():
    """UEFI firmware places a device's registers as high as the CPU can address."""
    with serving(boot="uefi", arguments=["machine=list"]) as running:
        wait_serving(running)
        talk(running)
        found, _ = running.wait_for(r"type=1 .* common=0x(\w+)", 1)
        equal("exit status", running.stop(), 0)
    check(int(found[1], 16) > 1 << 32, f"its registers lie at {found[1]}: nothing was tested")


def on_kvm(kind):
    """Interrupts find ring 0's idle loop, on whichever stack it is: once they overwrote it (KVM without SYSCALL)."""
    with serving(kind, config="monolith", accel="kvm") as running:
        wait_serving(running)
        talk(running)
        benchmark(running, "-n", "500", "-c", str(forward.FORWARD_CLIENTS))
        equal("PING after that", running.redis("PING"), "PONG")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as text:
        fields = text.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle(kind):
    with serving(kind) as running:
        wait_serving(running)
        talk(running)
        time.sleep(1)
        before = cpu_seconds(running.pid)
        time.sleep(IDLE_SECONDS)
        share = (cpu_seconds(running.pid) - before) / IDLE_SECONDS
        equal("PING out of idleness", running.redis("PING"), "PONG")
    check(share < IDLE_SHARE_MAX, f"an idle system takes {share:.0%} of a CPU")
    return f"{share:.0%} of a CPU"


def objects(folder):
    """{component: digest of its object}, of an image just built."""
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as text:
        found = {item["name"]: item["object"] for item in json.load(text)["components"] if item}
    digests = {}
    for name, path in found.items():
        with open(path, "rb") as data:
            digests[name] = hashlib.sha256(data.read()).hexdigest()
    return digests


def configuration(config):
    on_host = objects(common.image(config))
    on_pc = objects(common.image(config, platform="pc"))
    equal("components of pc alone", sorted(set(on_pc) - set(on_host)), ["virtio_net"])
    equal("components of host alone", sorted(set(on_host) - set(on_pc)), ["tap"])
    for name in set(on_host) & set(on_pc):
        equal(f"object of {name}", on_pc[name], on_host[name])
    with serving(config=config) as running:
        wait_serving(running)
        talk(running)


def without_device():
    with machine() as running:
        running.wait_ready(BOOT_SECONDS)
        equal("exit status", running.stop(), 0)


def taken_port():
    import socket
    with socket.socket() as other:
        other.bind((network.LOOPBACK, 0))
        other.listen()
        try:
            with serving(link=forward.Forward(other.getsockname()[1])):
                raise AssertionError("it started")
        except network.Failure as failure:
            check("is taken" in str(failure) and "PORT=" in str(failure), str(failure))


# ---- a driver that was taken over; the numbers are those of tests/components/hostile/hostile.c

def hostile_image(control):
    """control: without the defence."""
    return pc_common.probe(HOSTILE) if control else common.image(HOSTILE, platform="pc")


def hostile(attempt, kind="q35", control=False, register=0):
    """(exit status, console lines, among them what QEMU says)"""
    elf = os.path.join(hostile_image(control), "cloister.elf")
    arguments = ["exit=thread", f"try={attempt}", f"register={register:#x}", "machine=list"]
    with pc.Machine(elf, arguments, machine=kind, link=forward.Forward(network.free_port()),
                    options=forward.entropy(kind)) as running:
        return running.wait_exit(BOOT_SECONDS), running.console()


def faults(attempt, address, owner="hostile", what="device window", kind="q35", register=0):
    status, lines = hostile(attempt, kind, register=register)
    records = [line for line in lines if line.startswith("FAULTREC")]
    key = audit.domain(common.image(HOSTILE, platform="pc"), "hostile")["pkey"] if owner == "hostile" else 0
    equal("fault records", records,
          [f"FAULTREC domain=hostile gen=1 kind=write address={address:#x} key={key} owner={owner} "
                                     f"object='{what}' thread=1 gate=hostile_main caller=monitor"])
    equal("exit status", status, 1)


def survives(attempt, wanted, kind="q35"):
    status, lines = hostile(attempt, kind)
    for text in wanted:
        check(any(re.search(text, line) for line in lines), f"no line with '{text}'\n{common.tail(lines)}")
    check(not any("ESCAPE" in line for line in lines), common.tail(lines))
    equal("exit status", status, 0)


def control(kind, attempt=0):
    """Without the frozen table the same attempt reaches a read-only page of the image: so the test can see an
    escape."""
    status, lines = hostile(attempt, kind, control=True)
    check(any("ESCAPE" in line for line in lines), "no escape without the defence\n" + common.tail(lines))
    equal("exit status", status, 1)


def registers():
    _, lines = hostile(10)
    found = re.search(r"type=1 .* common=0x(\w+) notify=0x(\w+)", "\n".join(lines))
    check(found, common.tail(lines))
    for address in (int(word, 16) for word in found.groups()):
        faults(5, MMIO_BASE + address, "nobody", "unmapped", register=address)
        faults(6, address, "nobody", "unmapped", register=address)


def page(number):
    return WINDOW + number * 0x1000


ATTEMPTS = [   # (name, function)
    ("writes its descriptor table", lambda: faults(0, page(1))),
    ("writes its descriptor table, MMIO", lambda: faults(0, page(1), kind="microvm")),
    ("writes the used ring", lambda: faults(1, page(2))),
    ("writes a buffer of the device", lambda: faults(2, page(4))),
    ("writes what was negotiated", lambda: faults(3, page(0))),
    ("writes behind its window", lambda: faults(4, page(4 + 256))),
    ("writes registers, where ring 0 and where the bus has them", registers),
    ("an index beyond the table is a device error", lambda: survives(7, ["Guest says index 300", "canaries intact"])),
    ("more buffers than there are is a device error",
     lambda: survives(8, ["Guest moved used index", "canaries intact"])),
    ("one buffer many times harms that buffer only",
     lambda: survives(9, [r"device used [1-9]\d* buffers; canaries intact"])),
    ("no indirect descriptors", lambda: survives(10, ["no indirect"])),
    ("submits what is not its own", lambda: survives(11, ["refused"])),
    ("writes the descriptor of its source of entropy", lambda: faults(12, SOURCE)),
    ("writes the used ring of its source", lambda: faults(13, SOURCE_USED)),
    ("writes the answer of its source", lambda: faults(14, SOURCE_WORDS)),
    ("writes behind the window of its source", lambda: faults(15, SOURCE + 0x1000)),
    ("asks its source all the time, and gets answers",
     lambda: survives(16, [r"answered [1-9]\d* times .* canaries intact"])),
    ("asks its source all the time, MMIO",
     lambda: survives(16, [r"answered [1-9]\d* times .* canaries intact"], kind="microvm")),
    ("has its source write elsewhere", lambda: survives(17, ["transfers with the source refused"])),
    ("control: without the read-only page, the source writes elsewhere", lambda: control("q35", 12)),
    ("control: without the frozen table, an escape", lambda: control("q35")),
    ("control: the same by MMIO", lambda: control("microvm")),
]


def cases():
    skip = pc.missing()
    for config in CONFIGS:
        yield ktap.Case(f"{config}: serves, from the objects of host", lambda config=config: configuration(config),
                        skip)
    for kind in ("q35", "microvm"):
        yield ktap.Case(f"{kind}: redis-cli and redis-benchmark", lambda kind=kind: clients(kind), skip)
        yield ktap.Case(f"{kind}: idle means asleep", lambda kind=kind: idle(kind), skip)
        yield ktap.Case(f"{kind}: checksums and segments are the device's, through a TAP",
                        lambda kind=kind: offloads(kind),
                        skip or common.skip_of(False))
        yield ktap.Case(f"{kind}: the same under KVM, without keys", lambda kind=kind: on_kvm(kind),
                        skip or pc.kvm_missing())
    for kind in ("q35", "microvm"):
        for mib in (64, SERVING_MIB):
            yield ktap.Case(f"{kind}: redis-cli with {mib} MiB of RAM", lambda kind=kind, mib=mib: in_memory(kind, mib),
                            skip)
        yield ktap.Case(f"{kind}: one MiB less than the least is said", lambda kind=kind: in_too_little(kind), skip)
    yield ktap.Case("UEFI: registers far up", on_uefi, pc.missing("uefi"))
    yield ktap.Case("no network device, no network", without_device, skip)
    yield ktap.Case("a taken port is said", taken_port, skip)
    for name, function in ATTEMPTS:
        yield ktap.Case(f"hostile driver: {name}", function, skip)
