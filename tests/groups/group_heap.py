# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_heap.py - the exchange heap outside an image: random operations of several domains against a reference model,
with the address and undefined-behaviour sanitizers (tests/heap).

The seed of the long run is new each time and printed; heap_fuzz <operations> <seed> repeats it. SEEDED are bugs planted
in a copy of the sources, of which each must be found: so the model can fail. A line that is not in its file any more is
a failure.
"""
import os
import random
import re
import shutil
import subprocess

import common
import ktap
from common import ROOT, check

PARALLEL = 2
OPERATIONS = 12_000_000
SEEDED_OPERATIONS, SEED = 3_000_000, 1
TIMEOUT_SECONDS = 300

SEEDED = [
    ("shared-heap/monitor.c", "drain without the owner check",
     "number > XHEAP_GRANULES || xheap_entry_owner(owner_table[number - 1].owner_link) != caller",
     "number > XHEAP_GRANULES || !owner_table[number - 1].owner_link"),
    ("shared-heap/monitor.c", "drain forgets the children",
     "child; child = next, taken++", "child && 0; child = next, taken++"),
    ("shared-heap/monitor.c", "refill does not zero",
     "memset(object, 0, bytes);", "(void)0;"),
    ("shared-heap/monitor.c", "refill beyond the quota in objects",
     "account->objects >= domain", "account->objects > domain"),
    ("shared-heap/monitor.c", "refill beyond the quota in bytes",
     "account->bytes + bytes > domain", "account->bytes > domain"),
    ("shared-heap/monitor_freelist.c", "a free object is not unlinked",
     "free_head[size_class] = heap_next[head - 1];", "(void)0;"),
    ("shared-heap/monitor_reclaim.c", "reclaim skips a class",
     "if ((owner_table[granule].owner_link & mask) == link)",
     "if (heap_class(granule) != 3 && (owner_table[granule].owner_link & mask) == link)"),
    ("shared-heap/monitor_reclaim.c", "reclaim frees what was lent",
     "        orphan_lent(domain, thread);\n", ""),
    ("shared-heap/monitor_reclaim.c", "reclaim leaves the charges",
     "    move_charges(domain);\n", ""),
    ("shared-heap/monitor_reclaim.c", "an orphan is freed with the first of its threads",
     "if (!orphan_threads[d]) freed", "freed"),
    ("shared-heap/monitor_reclaim.c", "reclaim trusts what was borrowed",
     "        distrust_borrowed(domain, thread);\n", ""),
    ("shared-heap/monitor_reclaim.c", "reclaim believes a forged loan",
     "if (owner_of(granule) == domain)\n", "if (owner_of(granule))\n"),
    ("shared-heap/monitor_chain.c", "a child's generation is its own alone",
     "        heap_entry(number - 1)->generation -= of->generation;\n", ""),
    ("shared-heap/monitor_chain.c", "a child is detached from the head of the chain",
     "while (heap_next[before] != child + 1)", "while (0)"),
    ("shared-heap/monitor_chain.c", "somebody else's child is detached",
     "    if (!is_own_root(root, caller)) return -EPERM;\n", ""),
    ("shared-heap/monitor_chain.c", "a root becomes a child",
     "xheap_entry_link(owner_table[number - 1].owner_link) & LINK_CHILDREN", "0"),
    ("shared-heap/monitor_chain.c", "one child too many",
     "+ joined > XHEAP_CHILDREN_MAX", "+ joined > XHEAP_CHILDREN_MAX + 1"),
    ("tests/heap/heap_system.c", "give keeps the generation",
     "    heap_owner_table[granule].generation++;\n", ""),
    ("tests/heap/heap_system.c", "give of an interior pointer",
     "granule = granule >> 8 | granule << 56;", "granule = granule >> 8;"),
    ("shared-heap/client.c", "free twice",
     "|| !use_end(granule), 0))", "|| !(use_end(granule), owner_table[granule].owner_link), 0))"),
    ("shared-heap/client.h", "free of what is lent",
     "if (__builtin_expect(!is_lent(granule_of(address)), 1)) return true;", "return true;"),
    ("shared-heap/client_lend.c", "give of what is lent",
     "if (!is_lent(granule_of(address))) return 0;", "return 0;"),
    ("shared-heap/client_pass.c", "pass of what is lent",
     "if (is_lent(granule_of(passed[i]))) error = client_misuse(XHEAP_PASS, -EBUSY, passed[i], 0);", "(void)0;"),
    ("shared-heap/client.c", "a full cache loses an object",
     "    drain(&mine->granule[mine->count], count);\n    mine->granule[mine->count++] = granule;",
     "    drain(&mine->granule[mine->count], count);"),
    ("shared-heap/client_lend.c", "what arrives is not in use",
     "{ use_begin(granule_of(address)); }", "{ (void)address; }"),
    ("shared-heap/client_pass.c", "what is passed stays in use",
     "        passed[done] = object;", "        use_begin(granule_of(passed[done] = object));"),
    ("shared-heap/client.c", "a handle without the owner's count",
     " | (uint64_t)(local_state[view->granule] >> 1) << 18", ""),
    ("shared-heap/client.c", "a handle of what was passed or freed",
     " && is_used(view.root)) return address_of(granule);", ") return address_of(granule);"),
    ("shared-heap/client_pass.c", "a failed pass keeps its objects",
     "while (error && count-- > 0) use_begin(granule_of(passed[count]));", "(void)0;"),
    ("shared-heap/client_pass.c", "after a callee's death the list before is taken",
     "result == -EDOMAINDEAD || ", ""),
    ("shared-heap/client_lend.c", "a child is lent without its root",
     "view.owner == domain_self ? view.root :", "view.owner == domain_self ? view.granule :"),
    ("shared-heap/client_lend.c", "what is lent on counts as own",
     "view.owner == domain_self ? view.root : LENDS_NOTHING", "view.root"),
    ("shared-heap/client_lend.c", "a range may end beyond its object",
     "is_right = bytes <= view.room && view.owner &&", "is_right = view.owner &&"),
    ("shared-heap/client_lend.c", "own objects pass as borrowed",
     "view.owner != domain_self && client_reaches", "client_reaches"),
    ("shared-heap/client_chain.c", "a detached child of a lent root",
     "    if (!part_with(address_of(view.root))) return client_refusal(XHEAP_DETACH, address_of(view.root));\n",
     ""),
]


def make(target, *variables):
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make", "-C", ROOT, "--no-print-directory", "-f", "tests/unit/unit.mk",
                           f"O={common.system.out_folder()}", *variables, target], env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=TIMEOUT_SECONDS)
    check(done.returncode == 0, f"{target} does not build\n" + common.tail(done.stdout.splitlines()))


def out():
    return os.path.join(common.system.out_folder(), "unit", "heap")


def fuzz(program, operations, seed):
    return subprocess.run([program, str(operations), str(seed)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=TIMEOUT_SECONDS, text=True, errors="replace")


def long_run():
    seed = random.SystemRandom().getrandbits(40)
    done = fuzz(os.path.join(out(), "heap_fuzz"), OPERATIONS, seed)
    check(done.returncode == 0, f"heap_fuzz {OPERATIONS} {seed} ended with {done.returncode}\n" +
          common.tail(done.stdout.splitlines()))
    last = done.stdout.splitlines()[-1]
    never = re.findall(r"([a-z ]+) 0(?:,|$)", last)
    check(not never, f"seed {seed}: some operation never happened: {last}")
    return f"{OPERATIONS} operations, seed {seed}: {last}"


def seeded(number, path, old, new):
    root, built = (os.path.join(common.system.out_folder(), "unit", f"heap-{kind}{number}") for kind in ("bug", "out"))
    for folder in (root, built):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in ("shared-heap", "tests/heap"):
        shutil.copytree(os.path.join(ROOT, folder), os.path.join(root, folder))
    shutil.copytree(out(), built)               # with their dates: only what is changed is compiled again
    place = os.path.join(root, path)
    with open(place, encoding="utf-8") as text:
        source = text.read()
    check(source.count(old) == 1,
          f"{path} has {source.count(old)} times {old!r}, where this test plants a bug: change SEEDED")
    with open(place, "w", encoding="utf-8") as text:
        text.write(source.replace(old, new))
    make(os.path.join(built, "heap_fuzz"), f"HEAP_ROOT={root}", f"HEAP_OUT={built}", "HEAP_WARNINGS=-w")
    done = fuzz(os.path.join(built, "heap_fuzz"), SEEDED_OPERATIONS, SEED)
    check(done.returncode != 0, f"{SEEDED_OPERATIONS} operations with seed {SEED} did not find it")
    for folder in (root, built):
        shutil.rmtree(folder)
    where = re.search(r"operation (\d+)", done.stdout)
    return f"found at operation {where.group(1)}" if where else "found by a sanitizer"


def cases():
    make(os.path.join(out(), "heap_fuzz"))
    yield ktap.Case("random operations agree with the model", long_run)
    for number, (path, name, old, new) in enumerate(SEEDED):
        yield ktap.Case(f"finds: {name}", lambda bug=(number, path, old, new): seeded(*bug))
