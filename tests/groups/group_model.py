# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_model.py - what is proved of the exchange heap (docs/heap-proofs.md), and of recovery (docs/recovery-proofs.md).

SPIN searches the models in tests/model, Frama-C proves the free lists and the lookup in the owner table.

Each scenario is searched completely. What the lookup's proof assumes of masks, z3 decides. Controls: each seeded bug must be found,
each broken function must leave a goal unproved.
"""
import os
import re
import shutil
import subprocess

import common
import ktap
from common import ROOT, check, equal

OUT = os.path.join(common.TEST_OUT, "model")
PARALLEL = 2
SEARCH_SECONDS = 300  # a hang's limit
ALLOC, FREE, DRAIN, LEND, GIVE, GIVES, ATTACH, DETACH, HANDLE = (1 << bit for bit in range(9))  # as in the model

# name: objects, deaths, what threads 0, 1 (domain A) and 2 (domain B) do, more
OWNERSHIP = {
    "two threads of a domain, gifts to and fro": (1, 0, ALLOC + FREE + DRAIN + LEND + GIVE, ALLOC + FREE + DRAIN + LEND + GIVE,
                                                  ALLOC + FREE + GIVE + GIVES),
    "deaths and gifts": (1, 1, ALLOC + GIVE, ALLOC + FREE + DRAIN + LEND, ALLOC + FREE + GIVE + GIVES),
    "deaths and loans": (1, 2, ALLOC + LEND, ALLOC + FREE + DRAIN + LEND, 0),
    "deaths and handles": (1, 1, HANDLE, ALLOC + FREE + GIVE, FREE + GIVE),
    "children and loans": (2, 0, FREE + ATTACH + DETACH, ALLOC + FREE + DRAIN + LEND, 0),
    "children and gifts": (2, 0, ALLOC + ATTACH + DETACH, FREE + GIVE, FREE),
    "children and deaths": (2, 1, ATTACH, ALLOC + LEND, 0),
    "a hostile domain": (2, 0, ALLOC + FREE, 0, 0, "HOSTILE"),
    "a hostile domain, deaths": (1, 1, ALLOC + LEND + GIVE, FREE, 0, "HOSTILE"),
}
# seeded bug: the scenario that finds it
OWNERSHIP_BUGS = {
    "BUG_FREE_WITHOUT_MARK": "two threads of a domain, gifts to and fro",
    "BUG_DRAIN_CLEARS": "two threads of a domain, gifts to and fro",
    "BUG_GIVE_LOOKS_ONLY": "two threads of a domain, gifts to and fro",
    "BUG_GIVE_OF_LENT": "two threads of a domain, gifts to and fro",
    "BUG_EXPORT_PUTS_BACK": "two threads of a domain, gifts to and fro",
    "BUG_LEND_DOES_NOT_LOOK": "two threads of a domain, gifts to and fro",
    "BUG_RECLAIM_SKIPS_CHILDLESS": "deaths and gifts",
    "BUG_ORPHAN_NEVER": "deaths and loans",
    "BUG_RECLAIM_FREES_LENT": "deaths and loans",
    "BUG_ORPHAN_FIRST": "deaths and loans",
    "BUG_GIVE_KEEPS_GENERATION": "deaths and handles",
    "BUG_FREE_LOOKS_FIRST": "children and loans",
    "BUG_DETACH_LOOKS_ONLY": "children and loans",
    "BUG_LEND_LOOKS_ONCE": "children and loans",
    "BUG_PART_KEEPS_LINK": "children and loans",
    "BUG_TAKE_BACK_ALONE": "children and gifts",
    "BUG_DRAIN_UNCHECKED": "a hostile domain",
    "BUG_GATE_UNCHECKED": "a hostile domain",
}
M_X, X_B, B_Y, X_Y, B_M, B_X, Y_B, X_GIVES, X_TAKES, M_B, Y_X = (1 << edge for edge in range(11))  # as in the model
# name: threads, ends of domains, calls of each thread, which calls there are, more
UNWINDING = {
    "calls back, and two ends": (1, 2, 5, M_X + X_B + B_Y + X_Y + B_M + B_X + Y_B + M_B + Y_X),
    "two threads, two ends": (2, 2, 3, M_X + X_B + B_Y),
    "three threads": (3, 1, 2, M_X + X_B),
    "objects, two threads": (2, 1, 3, M_X + X_GIVES + X_TAKES, "OBJECT"),
    "objects, three ends": (1, 3, 4, M_X + X_B + B_Y + X_GIVES + X_TAKES, "OBJECT"),
}
UNWINDING_BUGS = {
    "BUG_ONE_DEATH": "calls back, and two ends",
    "BUG_FRAME_OF_DEAD": "calls back, and two ends",
    "BUG_CALLER_ALIVE": "calls back, and two ends",
    "BUG_GATES_GO_ON": "calls back, and two ends",
    "BUG_ANCHOR_STAYS": "calls back, and two ends",
    "BUG_REDRAWS_IN_GATE": "calls back, and two ends",
    "BUG_REDRAWS_ENDED": "calls back, and two ends",
    "BUG_GATES_NOT_LEFT": "calls back, and two ends",
    "BUG_RECLAIM_LEAVES_LISTS": "objects, two threads",
    "BUG_RECLAIM_FORGETS_ALL": "objects, three ends",
    "BUG_CUT_FORGETS": "objects, three ends",
    "BUG_NOT_GIVEN_BACK": "objects, three ends",
    "BUG_LIST_AFTER_DEATH": "objects, three ends",
    "CAN_CALL_WHILE_DRAINING": "calls back, and two ends",
    "CAN_PASS_TWO_DEAD": "calls back, and two ends",
}
# name: priority of the last thread (the others have 2), more
HANDOVER = {
    "equal priorities": (2,),
    "a lower priority": (1,),
    "the fallback alone, equal priorities": (2, "FALLBACK_ALONE", "LIVENESS"),
    "the fallback alone, a lower priority": (1, "FALLBACK_ALONE", "LIVENESS"),
}
HANDOVER_BUGS = {
    "BUG_ANSWER_UNCHECKED": "a lower priority",
    "BUG_BUSY_STAYS": "a lower priority",
    "BUG_ENTERED_WHILE_ASKING": "a lower priority",
    "BUG_IDLE_WHILE_DOWN": "a lower priority",
    "BUG_ASKER_FORGOTTEN": "a lower priority",
    "BUG_HEALER_SLEEPS": "a lower priority",
    "BUG_WAITS_BLINDLY": "a lower priority",
    "BUG_NO_BUDGET": "a lower priority",
    "BUG_IDLE_ASKS_NO_DEVICE": "a lower priority",
    "BUG_TICK_KEEPS_ORDER": "the fallback alone, equal priorities",
    "BUG_FALLBACK_BY_INDEX": "the fallback alone, equal priorities",
    "BUG_TICK_KEEPS_NO_TIME": "the fallback alone, equal priorities",
}
# tests/model/<name>.pml: what the numbers of a scenario are, scenarios, bugs, how its search is compiled
MODELS = {
    "ownership": (("OBJECTS", "DEATHS", "THREAD_0", "THREAD_1", "THREAD_2"), OWNERSHIP, OWNERSHIP_BUGS,
                  ("-O2", "-DMEMLIM=3000")),
    "unwinding": (("THREADS", "DEATHS", "CALLS", "EDGES"), UNWINDING, UNWINDING_BUGS, ("-O1", "-DMEMLIM=1000")),
    "handover": (("LAST_PRIORITY",), HANDOVER, HANDOVER_BUGS, ("-O1", "-DMEMLIM=1000")),
}
VIOLATIONS = ("assertion violated", "acceptance cycle", "invalid end state")

# what is wrong with the free lists, where, how
BROKEN = (
    ("pop that does not unlink", "    free_head[size_class] = heap_next[head - 1];\n", ""),
    ("push that forgets the list", "    heap_next[granule] = free_head[size_class];\n", "    heap_next[granule] = 0;\n"),
    ("an index one too high", "    heap_next[head - 1] = 0;\n", "    heap_next[head] = 0;\n"),
)

# the same for the lookup, in shared-heap/client.h, after the function and the goal that must stay open
BROKEN_LOOKUP = (
    ("view_at", "assert_rte_index_bound", "the first byte past the heap",
     "offset < ARENA_BYTES ? chunk_class", "offset <= ARENA_BYTES ? chunk_class"),
    ("view_at", "object_ensures_4", "room counted from the start",
     "xheap_entry_owner(entry), bytes - inside}", "xheap_entry_owner(entry), bytes}"),
    ("view_at", "assert_rte_index_bound_3", "a link followed that is none", "== XHEAP_CHILD, 0)", "!= XHEAP_CHILD, 0)"),
    ("view_at", "object_ensures_13", "a child without its root's owner",
     "        entry = owner_table[root].owner_link;", "       "),
)


def missing(*programs):
    absent = [program for program in programs if not shutil.which(program)]
    return f"not here: {', '.join(absent)} (scripts/setup.sh installs them on Debian 12)" if absent else None


def command(arguments, folder, timeout=SEARCH_SECONDS, environment=None):
    done = subprocess.run(arguments, cwd=folder, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def model_file(model):
    return os.path.join(ROOT, "tests", "model", model + ".pml")


def search(model, scenario, bug=None):
    """(errors, states stored) of a search that was not cut short."""
    names, scenarios, _, compiled = MODELS[model]
    values, more = scenarios[scenario][:len(names)], [*scenarios[scenario][len(names):], *([bug] if bug else [])]
    folder = os.path.join(OUT, bug or re.sub("[^a-z]+", "-", f"{model} {scenario}"))
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    defines = [f"-D{name}={value}" for name, value in zip(names, values)] + [f"-D{name}" for name in more]
    status, text = command(["spin", *defines, "-a", model_file(model)], folder)
    check(status == 0 and os.path.exists(os.path.join(folder, "pan.c")), "spin refuses the model\n" + text)
    level = "-O0" if bug else compiled[0] # a seeded bug is found before the compiler would be done
    # NFAIR: room for as many processes as handover.pml has
    kind, run = ("-DNFAIR=4", ["-a", "-f"]) if "LIVENESS" in more else ("-DSAFETY", [])
    status, text = command(["gcc", level, "-w", kind, "-DCOLLAPSE", *compiled[1:], "-o", "pan", "pan.c"], folder)
    check(status == 0, "the search does not compile\n" + text)
    status, text = command(["./pan", *run, "-m1000000", "-w22"], folder)
    found = re.search(r"errors: (\d+)", text)
    check(status == 0 and found, f"the search ended with status {status}\n" + text)
    errors, states = int(found.group(1)), int(re.search(r"(\d+) states, stored", text).group(1))
    violated = re.search(r"pan:1: (.*)", text)
    # With an error the search stops; without one it must have seen everything.
    for cut in ("max search depth too small", "reached -DMEMLIM", "out of memory", "truncated"):
        check(cut not in text, f"the search was cut short: {cut}\n" + text)
    check(errors or "Search not completed" not in text, "the search was not completed\n" + text)
    return errors, states, violated.group(1) if violated else ""


def scenario_case(model, name):
    def run():
        errors, states, violated = search(model, name)
        check(not errors, f"{violated}; see {OUT}: spin -t -p shows how")
        check(states > 10000, f"only {states} states: the scenario does nothing")
        return f"{states} states"
    return ktap.Case(f"{model}: {name}", run, skip=missing("spin"))


def bug_case(model, bug, scenario):
    def run():
        with open(model_file(model), encoding="utf-8") as text:
            check(bug in text.read(), f"the model knows no {bug}")
        errors, states, violated = search(model, scenario, bug)
        check(errors and any(kind in violated for kind in VIOLATIONS), f"{states} states without an error")
        return f"found after {states} states"
    return ktap.Case(f"control: {bug} is found", run, skip=missing("spin"))


def proved(source, functions, folder, seconds, *more, first=()):
    """(goals proved, goals, output) for functions in this source, with so many seconds a goal; folders in first have other headers."""
    os.makedirs(folder, exist_ok=True)
    environment = {"WHY3CONFIG": os.path.join(folder, "why3.conf")}
    command(["why3", "config", "detect"], folder, environment=environment)
    includes = " ".join("-I" + os.path.join(ROOT, part) for part in (*first, "core/include", "shared-heap", "core/monitor", "lib"))
    status, text = command(["frama-c", "-machdep", "gcc_x86_64", "-c11", f"-cpp-extra-args={includes}", source, "-wp", "-wp-rte",
                            "-wp-prover", "z3,cvc4", "-wp-timeout", str(seconds), "-wp-par", "2",
                            "-wp-fct", functions, *more], folder, environment=environment)
    found = re.search(r"Proved goals:\s+(\d+) / (\d+)", text)
    check(status == 0 and found, "frama-c did not finish\n" + text)
    return int(found.group(1)), int(found.group(2)), text


FREELIST = os.path.join(ROOT, "shared-heap", "monitor_freelist.c")
LISTS = "freelist_push,freelist_pop"
CLIENT = os.path.join(ROOT, "shared-heap", "client.h")
LOOKUP = os.path.join(ROOT, "tests", "model", "lookup.c")
LOOKUPS = "view_at,granule_of,heap_class,xheap_entry_owner,xheap_entry_link"
BITS = 64
AXIOM = r"axiom \w+: \\forall integer x; 0 <= x < 0x1(0{16}) ==> \(x & (\d+)\) == x % (\d+);"
PART = ("axiom part: \\forall integer x, y;\n        0 <= x < 0x10000000000000000 && 0 <= y < 0x10000000000000000"
        " ==> 0 <= (x & y) <= x;")


def freelists():
    done, goals, text = proved(FREELIST, LISTS, os.path.join(OUT, "freelist"), 20)
    check(goals >= 30, f"only {goals} goals: the contracts are gone")
    equal("goals proved", done, goals)
    return f"{goals} goals"


def broken_copy(source, what, line, instead):
    """(folder, path) of a copy of source in which line is replaced."""
    folder = os.path.join(OUT, "broken-" + re.sub("[^a-z]+", "-", what))
    os.makedirs(folder, exist_ok=True)
    with open(source, encoding="utf-8") as original:
        text = original.read()
    equal(f"places of {line}", text.count(line), 1)
    copy = os.path.join(folder, os.path.basename(source))
    with open(copy, "w", encoding="utf-8") as out:
        out.write(text.replace(line, instead))
    return folder, copy


def broken_freelists(what, line, instead):
    folder, copy = broken_copy(FREELIST, what, line, instead)
    done, goals, _ = proved(copy, LISTS, folder, 5)
    check(done < goals, f"all {goals} goals are proved of broken code")
    return f"{goals - done} of {goals} goals unproved"


def lookup():
    done, goals, text = proved(LOOKUP, LOOKUPS, os.path.join(OUT, "lookup"), 20, "-wp-no-volatile")
    check(goals >= 40, f"only {goals} goals: the contracts are gone")
    equal("goals proved", done, goals)
    return f"{goals} goals"


def broken_lookup(function, goal, what, line, instead):
    folder, _ = broken_copy(CLIENT, what, line, instead)
    _, _, text = proved(LOOKUP, function, folder, 1, "-wp-no-volatile", first=(folder,))
    found = re.search(rf"^.*Goal typed_{function}_{goal}\b.*$", text, re.MULTILINE)
    check(found and "Valid" not in found.group(0), f"{goal} is proved of broken code, or is no goal\n" + text)
    return f"{goal} is unproved"


def always(claim):
    """Whether z3 finds the claim true of all 64-bit x, y."""
    x_and_y = "".join(f"(declare-const {name} (_ BitVec {BITS}))" for name in "xy")
    path = os.path.join(OUT, "axiom.smt2")
    os.makedirs(OUT, exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(f"(set-logic QF_BV){x_and_y}(assert (not {claim}))(check-sat)\n")
    _, text = command(["z3", "-T:60", path], OUT)
    return text.strip() == "unsat"


def axioms():
    with open(LOOKUP, encoding="utf-8") as source:
        text = source.read()
    masks = [(int(mask), int(size)) for _, mask, size in re.findall(AXIOM, text)]
    equal("axioms", text.count("axiom "), len(masks) + 1)
    equal("axioms of the other form", text.count(PART), 1)
    check(always("(bvule (bvand x y) x)"), "z3 does not confirm the axiom part")
    for mask, size in masks:
        claim = f"(= (bvand x (_ bv{mask} {BITS})) (bvurem x (_ bv{size} {BITS})))"
        check(always(claim), f"z3 does not confirm & {mask}")
    check(not always(f"(= (bvand x (_ bv255 {BITS})) (bvurem x (_ bv512 {BITS})))"), "z3 confirms what is false")
    return f"{len(masks) + 1} axioms"


def cases():
    reason = missing("frama-c", "why3", "z3", "cvc4")
    yield ktap.Case("free lists: once each, and they end", freelists, skip=reason)
    for what, line, instead in BROKEN:
        yield ktap.Case(f"control: {what} leaves a goal unproved",
                        lambda broken=(what, line, instead): broken_freelists(*broken), skip=reason)
    yield ktap.Case("lookup in the owner table: in bounds, and the object round the address", lookup, skip=reason)
    yield ktap.Case("lookup: the axioms hold", axioms, skip=reason)
    for function, goal, what, line, instead in BROKEN_LOOKUP:
        yield ktap.Case(f"control: {what} leaves a goal unproved",
                        lambda broken=(function, goal, what, line, instead): broken_lookup(*broken), skip=reason)
    for model, (_, scenarios, bugs, _) in MODELS.items():
        for name in scenarios:
            yield scenario_case(model, name)
        for bug, scenario in bugs.items():
            yield bug_case(model, bug, scenario)
