# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_misuse.py - misuse of the shared heap, one attempt per boot, with the exact record; floods of it; quotas; a domain
that writes over every byte of the heap (tests/components/misuser). Tests 55 to 57 of the security design.
"""
import os
import re

import common
import ktap
import pc
import system
from common import check, equal

CONFIG = "tests/configs/misuse_defconfig"
TIMEOUT_SECONDS = 60
EPERM, EFAULT, EBUSY, EINVAL, ESTALE = 1, 14, 16, 22, 116
BURST = 8                       # core/monitor/misuse.c
FLOOD = 5000
OVERWRITES, OVERWRITE_AFTER_MS = 20, 1500
QUOTA_KIB, QUOTA_OBJECTS = 2048, 4096   # CONFIG
NOT_OURS, OURS, NOTHING = "heappeer", "misuser", "nobody"
# attempt: (errno, operation, misuse, address behind the object's, bytes, owner, at, allocated at)
# An object that was given carries where it arrived; one that lies with the monitor, nothing.
ATTEMPTS = {
    "free_twice": (ESTALE, "free", "freed", 0, 0, OURS, "free_twice", "make_object"),
    "free_foreign": (EPERM, "free", "foreign", 0, 0, NOT_OURS, "free_foreign", "heappeer_object"),
    "free_interior": (EINVAL, "free", "interior", 256, 0, OURS, "free_interior", "make_object"),
    "free_wild": (EINVAL, "free", "wild", None, 0, NOTHING, "free_wild", "-"),
    "free_given": (EPERM, "free", "given", 0, 0, NOT_OURS, "free_given", "heappeer_keep__gate"),
    "give_given": (EPERM, "give", "given", 0, 0, NOT_OURS, "give_given", "heappeer_keep__gate"),
    "give_freed": (ESTALE, "give", "freed", 0, 0, OURS, "give_freed", "make_object"),
    "give_interior": (EPERM, "give", "interior", 16, 0, OURS, "give_interior", "make_object"),
    "lend_overlong": (EFAULT, "lend", "overlong", 500, 100, OURS, "lend_overlong", "make_object"),
    "lend_beyond_any": (EFAULT, "lend", "overlong", 0, 65537, OURS, "lend_beyond_any", "make_object"),
    "lend_freed": (EFAULT, "lend", "freed", 0, 8, OURS, "lend_freed", "make_object"),
    "lend_their_own": (EFAULT, "borrow", "own", 0, 8, NOT_OURS, "lend_their_own", "heappeer_object"),
    "resolve_forged": (EINVAL, "resolve", "forged", "handle", 0, OURS, "resolve_forged", "make_object"),
    "free_of_lent": (EBUSY, "free", "lent", 0, 0, OURS, "free_lent", "make_object"),
    "give_of_lent": (EBUSY, "give", "lent", 0, 0, OURS, "give_lent", "make_object"),
    "free_child": (EPERM, "free", "child", "child", 0, OURS, "free_child", "free_child"),
    "detach_root": (EINVAL, "detach", "root", 0, 0, OURS, "detach_root", "make_object"),
    "drain_foreign": (EPERM, "drain", "foreign", 0, 0, NOT_OURS, "drain_foreign", "heappeer_object"),
    "accuse_caller": (0, "borrow", "refused", 0, 8, NOT_OURS, "accuse_caller", "heappeer_object"),
    "accuse_of_nothing": (EINVAL,) + (None,) * 7,
}


def boot(number, *arguments, fragments=(), platform="host"):
    elf = os.path.join(common.image(CONFIG, fragments=fragments, platform=platform), "cloister.elf")
    words = ["exit=thread", f"try={number}", *arguments]
    if platform == "pc":
        with pc.Machine(elf, words, memory_mib=256) as running:
            status, lines = running.wait_exit(TIMEOUT_SECONDS), running.console()
    else:
        status, lines = common.boot_to_end(elf, words, TIMEOUT_SECONDS)
    equal("exit status", (status, [line for line in lines if line.startswith("FAULT")]), (0, []))
    return lines


def records(lines):
    return [line for line in lines if line.startswith("HEAPREC ")]


def one(name, fragments=(), wanted_origin=None, platform="host"):
    errno, operation, misuse, offset, byte_count, owner, at, allocated = ATTEMPTS[name]
    lines = boot(list(ATTEMPTS).index(name), fragments=fragments, platform=platform)
    result = [re.fullmatch(rf"misuser: {name}: (-?\d+) (0x[0-9a-f]+)", line) for line in lines]
    result = [match for match in result if match]
    check(len(result) == 1, f"no result of {name}\n{common.tail(lines)}")
    equal("the offender got", int(result[0][1]), -errno)
    if operation is None:
        equal("records", records(lines), [])
        return
    found = re.search(r" address=(0x[0-9a-f]+) .* object=(0x[0-9a-f]+) ", "\n".join(records(lines)))
    check(found, f"no record\n{common.tail(lines)}")
    address, thing = int(result[0][2], 16), int(result[0][2], 16)
    size = 512
    if offset is None:                              # no object at all
        address, thing, size = int(found[1], 16), 0, 0
    elif offset == "handle":
        address = int(found[1], 16)
    elif offset == "child":                         # the one beside it, which the root owns
        address = thing = int(found[1], 16)
        check(thing != int(result[0][2], 16), "the root is not the child")
    else:
        address += offset
    by_callee = operation == "borrow" and misuse == "own"
    gate, reporter = ("heappeer_read", "heappeer") if by_callee else ("-", "misuser")
    equal("records", records(lines), [
        f"HEAPREC domain=misuser gen=1 operation={operation} misuse={misuse} address={address:#x} bytes={byte_count} "
        f"object={thing:#x} size={size} owner={owner} thread=1 at={at} allocated={wanted_origin or allocated} gate={gate} "
        f"reporter={reporter} dropped=0"])
    text = "\n".join(lines)
    check(re.search(rf"^HEAP domain=misuser: {operation} of {address:#x} refused, ", text, re.M), common.tail(lines))
    check(re.search(rf"^  at {at}\+0x\w+ tests/components/misuser/attempts\.c:\d+, through gate {gate}, "
                    rf"reported by {reporter}$", text, re.M), common.tail(lines))


def without_origins():
    one("free_twice", fragments=(common.fragment("misuse-plain", "# CONFIG_XHEAP_ORIGINS is not set\n"),), wanted_origin="-")


def without_keys():
    """One domain, where nobody is apart: its own mistakes are told all the same."""
    fragments = ("tests/configs/none.config", common.fragment("misuse-none"))
    for name, misuse in (("free_twice", "freed"), ("free_interior", "interior"), ("free_child", "child")):
        lines = boot(list(ATTEMPTS).index(name), fragments=fragments)
        record = re.fullmatch(rf"HEAPREC domain=system gen=1 operation=free misuse={misuse} address=0x\w+ bytes=0 "
                              rf"object=0x\w+ size=512 owner=system thread=1 at={name} allocated=(\w+) gate=- "
                              "reporter=system dropped=0", "\n".join(records(lines)))
        check(record, common.tail(lines))
        equal("allocated at", record[1], ATTEMPTS[name][7])


def on_pc():
    for name in ("free_twice", "lend_their_own", "free_of_lent"):
        one(name, platform="pc")
    scribbled("pc")


def flood():
    lines = boot(100, f"count={FLOOD}")
    shown = records(lines)
    dropped = sum(int(line.rpartition("dropped=")[2]) for line in shown)
    check(f"misuser: flood 0 -{ESTALE}, counted {FLOOD + 1}" in lines, common.tail(lines))
    equal("records shown and dropped", len(shown) + dropped, FLOOD + 1)
    check(BURST < len(shown) <= BURST + 5, f"{len(shown)} records were shown")
    equal("announcements", sum("is counted, and told once a second" in line for line in lines) >= 1, True)
    return f"{len(shown)} of {FLOOD + 1} shown"


def says(lines, *wanted):
    for line in wanted:
        check(f"misuser: {line}" in lines, f"no line '{line}'\n{common.tail(lines)}")


def quota_bytes():
    lines = boot(101)
    text = "\n".join(lines)
    count = int(re.search(r"^misuser: 4096 bytes: (\d+), over the quota 0, refusals 1, most is the charge 1$", text,
                          re.M)[1])
    # What the rest of its domain holds in caches is charged as well: the stubs' bounces.
    check(QUOTA_KIB // 4 * 3 // 4 < count <= QUOTA_KIB // 4, f"{count} objects of 4 KiB in a quota of {QUOTA_KIB} KiB")
    says(lines, "the neighbour failed 0 times", f"gave away {count // 2}, still charged 1, more for that: 0",
         f"the neighbour dropped {count // 2} and failed 0 times", "has some again 1, freed with 0 errors")
    equal("records", records(lines), [])


def quota_objects():
    lines = boot(102)
    text = "\n".join(lines)
    count = int(re.search(r"^misuser: 256 bytes: (\d+), over the quota 0$", text, re.M)[1])
    check(QUOTA_OBJECTS * 3 // 4 < count <= QUOTA_OBJECTS, f"{count} objects in a quota of {QUOTA_OBJECTS}")
    says(lines, "the neighbour failed 0 times", "freed with 0 errors, and had the same again 1")
    equal("records", records(lines), [])


def scribbled(platform="host"):
    lines = boot(103, platform=platform)
    says(lines, "table the same 1, charge the same 1", "bytes of the neighbour's object that changed: 512",
         "it had turns 1, and failed 0 times; afterwards 0", "own object 1, freed 0")
    equal("records", records(lines), [])


def follow():
    """used 0, cached 10000, lent 20000 (enum system_object_state)"""
    lines = boot(104)
    says(lines, "used 0 lent 20000 after 0", "freed 0 cached 10000", "kept 1, theirs and paid by us 1",
         f"no rows -{EINVAL}, too many -{EINVAL}, behind the heap -1")


def reports():
    """SIGUSR1 and the monitor's rows by call site."""
    elf = os.path.join(common.image(CONFIG), "cloister.elf")
    with system.System(elf, ["try=105"], network=False) as running:
        running.wait_for(r"^misuser: holds", TIMEOUT_SECONDS)
        counted = running.statistics()
    mine = {(each, place): objects for (owner, each, place), objects in counted["sites"].items() if owner == "misuser"}
    place = next(place for _, place in mine if place.startswith("get "))
    check(re.fullmatch(r"get tests/components/misuser/misuser\.c:\d+", place), place)
    equal("objects held, by size and place", {key: mine[key] for key in mine if key[1] == place},
          {(4096, place): 10, (256, place): 3})
    kept = {key: objects for key, objects in counted["sites"].items() if key[2].startswith("heappeer_keep__gate")}
    equal("what heappeer keeps", [(key[0], key[1], objects) for key, objects in kept.items()], [("heappeer", 4096, 2)])
    row = counted["heap"]["misuser"]
    equal("given, quota, misuses", [row[key] for key in ("given", "quota", "misuses")], [8192, QUOTA_KIB * 1024, 1])
    equal("charged", row["charged"], row["owned"] + row["given"])
    equal("in use", row["owned"] - row["cached"], sum(each * objects for (each, _), objects in mine.items()))


def serving():
    """kv serves Redis's clients while misuser writes over their requests and its replies. These may break; nothing else does."""
    fragment = common.fragment("misuse-serving", "CONFIG_HEAPPEER=y\nCONFIG_MISUSER=y\n")
    elf = os.path.join(common.image("separate", fragments=(fragment,)), "cloister.elf")
    with system.System(elf, ["try=106", f"after={OVERWRITE_AFTER_MS}", f"times={OVERWRITES}"]) as running:
        running.wait_for(r"^kv: .* ready$", TIMEOUT_SECONDS)
        equal("SET", running.redis("SET", "kept", "value"), "OK")
        broken, turns = 0, 0
        while not any(line.startswith("misuser: wrote over") for line in running.console()):
            done = running.command(["timeout", "3", "redis-benchmark", "-h", system.ADDRESS, "-p", str(system.PORT), "-q",
                                    "-n", "5000", "-c", "10", "-t", "get,set"])
            broken += done.returncode != 0
            turns += 1
            check(turns < 200, running.report("misuser never ended"))
        equal("PING and GET", (running.redis("PING"), running.redis("GET", "kept")), ("PONG", "value"))
        counted = running.statistics()["heap"]
        equal("owned and charged", sum(row["owned"] for row in counted.values()), sum(row["charged"] for row in counted.values()))
        equal("records", [line for line in running.console() if line.startswith(("FAULT", "HEAP"))], [])
        check(broken, "no client noticed anything: the bytes did not change, or nothing was under way")
        equal("exit status", running.stop(), 0)
        return f"{broken} of {turns} benchmarks were broken"


def cases():
    skip = common.skip_of(mpk=True, network=False)
    for name in ATTEMPTS:
        yield ktap.Case(name.replace("_", " "), lambda name=name: one(name), skip)
    yield ktap.Case("without CONFIG_XHEAP_ORIGINS the record says no origin", without_origins, skip)
    yield ktap.Case("a flood of misuse: few records, and how many were left out", flood, skip)
    yield ktap.Case("quota in bytes: refused, also for what others keep; others go on", quota_bytes, skip)
    yield ktap.Case("quota in objects", quota_objects, skip)
    yield ktap.Case("an object's row: used, lent, cached, given", follow, skip)
    yield ktap.Case("SIGUSR1: what is held, by call site", reports, skip)
    yield ktap.Case("every byte of the heap overwritten: no metadata changes, others go on", scribbled, skip)
    yield ktap.Case("the heap overwritten again and again while kv serves: it goes on", serving, common.skip_of(mpk=True))
    yield ktap.Case("without keys", without_keys, common.skip_of(mpk=False, network=False))
    yield ktap.Case("pc: records, and every byte overwritten", on_pc, pc.missing("kernel"))
