# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_heap.py - the exchange heap outside an image: random operations of several domains against a reference model, with the
address and undefined-behaviour sanitizers (tests/heap).

The seed of the long run is new each time and printed; heap_fuzz <operations> <seed> repeats it. SEEDED are bugs planted in a
copy of the sources, of which each must be found: so the model can fail. A line that is not in its file any more is a failure.
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

SEEDED = {
    "drain without the owner check": ("shared-heap/monitor.c", "number > XHEAP_GRANULES || xheap_entry_owner(owner_table[number - 1].owner_link) != caller",
                                      "number > XHEAP_GRANULES || !owner_table[number - 1].owner_link"),
    "drain forgets the children": ("shared-heap/monitor.c", "child; child = next, taken++", "child && 0; child = next, taken++"),
    "refill does not zero": ("shared-heap/monitor.c", "memset(object, 0, bytes);", "(void)0;"),
    "refill beyond the quota in objects": ("shared-heap/monitor.c", "account->objects >= domain", "account->objects > domain"),
    "refill beyond the quota in bytes": ("shared-heap/monitor.c", "account->bytes + bytes > domain", "account->bytes > domain"),
    "a free object is not unlinked": ("shared-heap/monitor_freelist.c", "free_head[size_class] = heap_next[head - 1];", "(void)0;"),
    "reclaim skips a class": ("shared-heap/monitor_reclaim.c", "if ((owner_table[granule].owner_link & mask) == link)",
                              "if (heap_class(granule) != 3 && (owner_table[granule].owner_link & mask) == link)"),
    "reclaim frees what was lent": ("shared-heap/monitor_reclaim.c", "        orphan_lent(domain, thread);\n", ""),
    "reclaim leaves the charges": ("shared-heap/monitor_reclaim.c", "    move_charges(domain);\n", ""),
    "an orphan is freed with the first of its threads": ("shared-heap/monitor_reclaim.c", "if (!orphan_threads[d]) freed", "freed"),
    "reclaim trusts what was borrowed": ("shared-heap/monitor_reclaim.c", "        distrust_borrowed(domain, thread);\n", ""),
    "reclaim believes a forged loan": ("shared-heap/monitor_reclaim.c", "if (owner_of(granule) == domain) {", "if (owner_of(granule)) {"),
    "a child's generation is its own alone": ("shared-heap/monitor_chain.c", "        heap_entry(number - 1)->generation -= of->generation;\n", ""),
    "a child is detached from the head of the chain": ("shared-heap/monitor_chain.c", "while (heap_next[before] != child + 1)", "while (0)"),
    "somebody else's child is detached": ("shared-heap/monitor_chain.c", "    if (!is_own_root(root, caller)) return -EPERM;\n", ""),
    "a root becomes a child": ("shared-heap/monitor_chain.c", "xheap_entry_link(owner_table[number - 1].owner_link) & LINK_CHILDREN", "0"),
    "one child too many": ("shared-heap/monitor_chain.c", "+ joined > XHEAP_CHILDREN_MAX", "+ joined > XHEAP_CHILDREN_MAX + 1"),
    "give keeps the generation": ("tests/heap/heap_system.c", "    heap_owner_table[granule].generation++;\n", ""),
    "give of an interior pointer": ("tests/heap/heap_system.c", "granule = granule >> 8 | granule << 56;", "granule = granule >> 8;"),
    "free twice": ("shared-heap/client.c", "|| !use_end(granule), 0)) return", "|| !(use_end(granule), owner_table[granule].owner_link), 0)) return"),
    "free of what is lent": ("shared-heap/client.h", "if (__builtin_expect(!is_lent((uint32_t)granule), 1)) return true;", "return true;"),
    "a full cache loses an object": ("shared-heap/client.c", "    drain(&mine->granule[mine->count], count);\n    mine->granule[mine->count++] = granule;",
                                     "    drain(&mine->granule[mine->count], count);"),
    "what arrives is not in use": ("shared-heap/client_lend.c", "{ use_begin(granule_of(address)); }", "{ (void)address; }"),
    "what is passed stays in use": ("shared-heap/client_pass.c", "        pass->passed[first + i] = object;", "        use_begin(granule_of(pass->passed[first + i] = object));"),
    "a handle without the owner's count": ("shared-heap/client.c", " | (uint64_t)(local_state[view->granule] >> 1) << 18", ""),
    "a handle of what was passed or freed": ("shared-heap/client.c", " || !is_used(view.root)) return NULL;", ") return NULL;"),
    "a failed pass keeps its objects": ("shared-heap/client_pass.c", "while (i-- > 0) use_begin(granule_of(pass->passed[first + i]));", "(void)0;"),
    "after a callee's death the list before is taken": ("shared-heap/client_pass.c", "result != -EDOMAINDEAD && ", ""),
    "a child is lent without its root": ("shared-heap/client_lend.c", "view.owner == domain_self ? view.root :", "view.owner == domain_self ? view.granule :"),
    "what is lent on counts as own": ("shared-heap/client_lend.c", "view.owner == domain_self ? view.root : LENDS_NOTHING", "view.root"),
    "a range may end beyond its object": ("shared-heap/client_lend.c", "return bytes <= view.room && view.owner &&", "return view.owner &&"),
    "own objects pass as borrowed": ("shared-heap/client_lend.c", "view.owner && view.owner != domain_self ? 0", "view.owner ? 0"),
    "a detached child of a lent root": ("shared-heap/client_chain.c", "    if (!part_with(address_of(view.root))) return client_refusal(address_of(view.root)); // as for attaching\n", ""),
}


def make(target, *variables):
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make", "-C", ROOT, "--no-print-directory", "-f", "tests/unit/unit.mk", f"O={common.system.out_folder()}",
                           *variables, target], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_SECONDS)
    check(done.returncode == 0, f"{target} does not build\n" + common.tail(done.stdout.splitlines()))


def out():
    return os.path.join(common.system.out_folder(), "unit", "heap")


def fuzz(program, operations, seed):
    return subprocess.run([program, str(operations), str(seed)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=TIMEOUT_SECONDS, text=True, errors="replace")


def long_run():
    seed = random.SystemRandom().getrandbits(40)
    done = fuzz(os.path.join(out(), "heap_fuzz"), OPERATIONS, seed)
    check(done.returncode == 0, f"heap_fuzz {OPERATIONS} {seed} ended with {done.returncode}\n" + common.tail(done.stdout.splitlines()))
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
    check(source.count(old) == 1, f"{path} has {source.count(old)} times {old!r}, where this test plants a bug: change SEEDED")
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
    for number, (name, bug) in enumerate(SEEDED.items()):
        yield ktap.Case(f"finds: {name}", lambda number=number, bug=bug: seeded(number, *bug))
