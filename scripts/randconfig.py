# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""randconfig.py - a random valid configuration: who lives with whom, gates, sizes, options (make randconfig).

Usage: randconfig.py --out O [--seed N] [--file FILE]     writes O/.config (or FILE) and prints the seed
Interface: write(seed, file) for the tests.
Invariant: the same seed on the same tree gives the same file; every file builds and boots on host. Therefore it leaves
out what makes another kind of image: platform, test options, components of tests and benchmarks, and network drivers
besides the default one. Stacks and heaps are never below their defaults, which are what each component needs.
"""
import argparse
import os
import random
import sys

import kconfiglib

import kconfig

# One configuration in so many has no protection at all.
NONE_ONE_IN = 8
# And of the others, one in so many has the shared heap's strict mode.
STRICT_ONE_IN = 3
# Number of domain names to choose among; the build has keys for twelve.
DOMAINS_MAX = 12
# A quota, in KiB or objects, with which every component serves.
SHARED_LEAST = 16384
# kv says that the system is ready; the monitor does not link without a scheduler.
ALWAYS = ("KV", "SCHED")


def component_symbols(tree):
    """The switches of domains/ and drivers/, and all symbols of these components, in the order of the files."""
    switches = [symbol for symbol in tree.unique_defined_syms if symbol.name + "_STACK_KIB" in tree.syms
                and symbol.nodes[0].filename.startswith(("domains/", "drivers/"))]
    prefixes = tuple(symbol.name + "_" for symbol in switches)
    return switches, [symbol for symbol in tree.unique_defined_syms if symbol.name.startswith(prefixes)]


def needed(tree, name, seen):
    """name and the symbols that it depends on or that its dependencies are selected by: these stay as they are."""
    if name in seen:
        return seen
    seen.add(name)
    symbol = tree.syms[name]
    for item in kconfiglib.expr_items(symbol.direct_dep) | kconfiglib.expr_items(symbol.rev_dep):
        if isinstance(item, kconfiglib.Symbol) and item.nodes:
            needed(tree, item.name, seen)
    return seen


def number(dice, symbol):
    """Between the default and twice the default, inside the option's range."""
    low = int(symbol.str_value)
    for _, high, when in symbol.ranges:
        if kconfiglib.expr_value(when):
            return dice.randint(low, min(int(high.str_value), max(low * 2, low + 16)))
    return low


def randomise(tree, dice):
    if dice.randrange(NONE_ONE_IN) == 0:
        tree.syms["BACKEND_NONE"].set_value(2)
    tree.syms["TICK_HZ"].set_value(str(dice.choice((100, 250, 1000))))
    for name in ("GATE_COUNT", "XHEAP_ORIGINS"):
        tree.syms[name].set_value(dice.choice((0, 2)))
    fixed = set()
    for name in ALWAYS:
        needed(tree, name, fixed)
    switches, symbols = component_symbols(tree)
    for symbol in switches:
        if symbol.name not in fixed and not symbol.selects:
            symbol.set_value(dice.choice((0, 2, 2)) if symbol.str_value == "y" else dice.choice((0, 0, 2)))
    names = [symbol.name.lower() for symbol in switches if symbol.str_value == "y"]
    names = dice.sample(names, dice.randint(1, min(len(names), DOMAINS_MAX)))
    for symbol in symbols:
        if symbol.visibility and symbol.name.endswith("_DOMAIN"):
            symbol.set_value(dice.choice(names))
        elif symbol.visibility and symbol.name.endswith("_GATE_LIGHT") and dice.randrange(4) == 0:
            symbol.set_value(2)
        elif symbol.visibility and symbol.name.endswith(("_SHARED_KIB", "_SHARED_OBJECTS")):
            symbol.set_value(str(dice.choice((0, 0, SHARED_LEAST))))
        elif symbol.visibility and symbol.orig_type == kconfiglib.INT:
            symbol.set_value(str(number(dice, symbol)))
    if tree.syms["BACKEND_MPK"].str_value == "y" and dice.randrange(STRICT_ONE_IN) == 0:
        tree.syms["SHARED_HEAP_STRICT"].set_value(2)


def write(seed, file):
    tree = kconfig.load_tree()
    tree.syms["NAME"].set_value(f"random-{seed}")
    randomise(tree, random.Random(seed))
    os.makedirs(os.path.dirname(file) or ".", exist_ok=True)
    tree.write_config(file)
    # The same check as for every file of a user: each value took.
    tree = kconfig.load_tree()
    tree.load_config(file)
    kconfig.check(tree, (file,), ())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--seed")
    parser.add_argument("--file")
    arguments = parser.parse_args()
    try:
        seed = int(arguments.seed) if arguments.seed else random.SystemRandom().randrange(1, 1000000)
    except ValueError:
        print(f"randconfig: SEED={arguments.seed} is no whole number", file=sys.stderr)
        return 2
    file = arguments.file or os.path.join(arguments.out, ".config")
    write(seed, file)
    print(f"  WROTE   {file}, random with SEED={seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
