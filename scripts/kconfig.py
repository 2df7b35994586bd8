# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""kconfig.py - from what the user selects to one folder with a complete .config.

Usage: kconfig.py prepare|folder --out O [--config NAME|FILE] [--platform host|pc] [--fragment FILE]...
       kconfig.py defconfig --out O [...] FILE
  prepare    writes <folder>/.config, config.mk (for make) and autoconf.h (for the trusted code); prints the folder
  folder     only prints the folder
  defconfig  writes O/.config from FILE

Invariant: a setting that does not take is an error that names what stands against it. Without --config O/.config counts.
It never asks anything and never opens a menu.
"""
import argparse
import glob
import os
import re
import sys

import kconfiglib

from objects import write_if_changed

ASSIGNMENT = re.compile(r'^CONFIG_(\w+)=(.*)$')
UNSET = re.compile(r'^# CONFIG_(\w+) is not set')
# What reaches the trusted code's autoconf.h; placement must not, or moving a component would recompile it.
TRUSTED_OPTIONS = ("TICK_HZ", "RECOVERY", "WATCHDOG_MS", "GATE_COUNT", "TEST_PROBE", "TEST_STEP", "BENCH_FLOOR",
                   "SHARED_HEAP_STRICT", "FAULT_INJECTION")


class ConfigError(Exception):
    pass


def load_tree():
    os.environ.setdefault("CONFIG_", "CONFIG_")
    return kconfiglib.Kconfig("Kconfig", warn_to_stderr=False)


def assignments(path):
    """(symbol, value, place) per line of a .config, defconfig or fragment."""
    try:
        with open(path, encoding="utf-8") as text:
            lines = text.read().splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        line = line.strip()
        place = f"{path}:{number}"
        found = ASSIGNMENT.match(line)
        if found:
            yield found[1], found[2].strip().strip('"'), place
        elif UNSET.match(line):
            yield UNSET.match(line)[1], "n", place
        elif line and not line.startswith("#"):
            raise ConfigError(f"{place}: '{line}' is no setting; write CONFIG_<NAME>=<value>")


def prompt_condition(symbol):
    conditions = [node.prompt[1] for node in symbol.nodes if node.prompt]
    return conditions[0] if conditions else None


def obstacle(tree, symbol, value):
    """Why value did not become symbol's value: names the unmet dependency."""
    condition = prompt_condition(symbol)
    if condition is None:
        return "it has no prompt: other options decide it"
    if kconfiglib.expr_value(condition) == 0:
        unmet = [item for item in kconfiglib.split_expr(condition, kconfiglib.AND) if kconfiglib.expr_value(item) == 0]
        text = " and ".join(kconfiglib.expr_str(item) for item in unmet)
        states = ", ".join(f"{item.name} is {item.str_value or 'n'}" for whole in unmet for item in sorted(
            kconfiglib.expr_items(whole), key=lambda item: item.name or "") if item.name and item.name not in ("y", "n"))
        return f"it depends on {text}, but {states}"
    for low, high, when in symbol.ranges:
        if kconfiglib.expr_value(when):
            return f"it must lie in {low.str_value}..{high.str_value}"
    if symbol.choice and symbol.choice.selection and value == "y":
        return f"{symbol.choice.selection.name} was chosen instead"
    if symbol.choice and symbol.choice.selection is symbol:
        return f"one of {', '.join(member.name for member in symbol.choice.syms)} must be chosen, so switch another one on"
    selectors = kconfiglib.expr_str(symbol.rev_dep)
    if selectors != "n":
        return f"it is selected by {selectors}"
    return f"'{value}' is no value of type {kconfiglib.TYPE_TO_STR[symbol.orig_type]}"


def check(tree, files, extra, moved=()):
    """Every assignment, the last per symbol, must have become the symbol's value; those in moved need not."""
    last, chosen = {}, {}
    for path in files:
        for name, value, place in assignments(path):
            symbol = tree.syms.get(name)
            if symbol is None or not symbol.nodes:
                raise ConfigError(f"{place}: there is no option {name}; see make menuconfig")
            last[name] = (value, place)
            if symbol.choice and value == "y":
                chosen[symbol.choice] = name
    for name in extra:
        chosen[tree.syms[name].choice] = name
    for name, (value, place) in last.items():
        symbol = tree.syms[name]
        if name in moved:
            continue
        if symbol.choice and chosen.get(symbol.choice) not in (None, name):
            continue
        if symbol.str_value != value:
            raise ConfigError(f"{place}: CONFIG_{name}={value} does not take: {obstacle(tree, symbol, value)} "
                              f"(it stays {symbol.str_value or 'empty'})")


def follow_driver(tree, base, fragments):
    """What base says of its network driver (CONFIG_TAP_DOMAIN ...) holds for the one that a fragment, or the platform, puts in
    its place.

    Returns the names that so have lost their meaning."""
    choice = tree.named_choices["NETDEV_PROVIDER"]
    members = [symbol.name for symbol in choice.syms]
    said = {name for fragment in fragments for name, value, _ in assignments(fragment) if value == "y"}
    of_platform = choice.selection.name if choice.selection and tree.syms["PLATFORM_PC"].str_value == "y" else None
    new = next((name for name in members if name in said), of_platform)
    moved = set()
    for name, value, _ in assignments(base) if new else ():
        old, _, option = name.partition("_")
        if old in members and old != new and option and name not in members:
            moved.add(name)
            if f"{new}_{option}" in tree.syms:
                tree.syms[f"{new}_{option}"].set_value(value)
    return moved


def configs():
    return sorted(os.path.basename(path)[:-len("_defconfig")] for path in glob.glob("configs/*_defconfig"))


def base_file(arguments):
    """The file to start from, and the name it gives when it sets none."""
    if arguments.file:
        path = arguments.file
    elif not arguments.config:
        path = os.path.join(arguments.out, ".config")
        if not os.path.exists(path):
            where = "" if arguments.out == os.path.abspath("build") else f" O={arguments.out}"
            lines = "\n".join(f"  make{where} {name}_defconfig" for name in configs())
            raise ConfigError(f"{path} does not exist. Make one with one of\n{lines}\n  make{where} menuconfig\n"
                              f"or build one configuration directly: make{where} CONFIG={configs()[0] if configs() else '<name>'}")
        return path, None
    elif os.path.isfile(arguments.config):
        path = arguments.config
    else:
        path = f"configs/{arguments.config}_defconfig"
    if not os.path.isfile(path):
        raise ConfigError(f"there is no {path}; configurations: {' '.join(configs())}")
    stem = os.path.basename(path)
    return path, re.sub(r"(_defconfig|\.config|\.defconfig)$", "", stem)


def resolve(arguments):
    path, stem = base_file(arguments)
    tree = load_tree()
    files = [path] + arguments.fragment
    for file in files:
        if not os.path.isfile(file):
            raise ConfigError(f"there is no file {file}")
    tree.load_config(path)
    extra = []
    if arguments.platform:
        name = f"PLATFORM_{arguments.platform.upper()}"
        if name not in tree.syms:
            raise ConfigError(f"PLATFORM={arguments.platform}: platforms are host and pc")
        tree.syms[name].set_value(2)
        extra.append(name)
    moved = follow_driver(tree, path, arguments.fragment)
    for fragment in arguments.fragment:
        tree.load_config(fragment, replace=False)
    if stem and not any(name == "NAME" for file in files for name, _, _ in assignments(file)):
        tree.syms["NAME"].set_value(stem)
    check(tree, files, extra, moved)
    return tree


def folder_of(tree, out):
    name = tree.syms["NAME"].str_value
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name) or name in ("obj", "sources"):
        raise ConfigError(f"CONFIG_NAME='{name}' cannot name a folder; use letters, digits, '-', '_' and '.'")
    # Images of one placement for two platforms, or with two ways to the network, stand side by side.
    for symbol, suffix in (("SHARED_HEAP_STRICT", "-strict"), ("STREAM", "-stream"), ("PLATFORM_PC", "-pc")):
        if tree.syms[symbol].str_value == "y" and not name.endswith((suffix, suffix.replace("-", "_"))):
            name += suffix
    return os.path.join(out, name)


def make_lines(tree):
    for symbol in tree.unique_defined_syms:
        value = symbol.str_value
        if symbol.orig_type in (kconfiglib.BOOL, kconfiglib.TRISTATE):
            if value == "y":
                yield f"CONFIG_{symbol.name} := y"
        elif symbol.visibility or value:
            yield f"CONFIG_{symbol.name} := {value}"


def autoconf_lines(tree):
    yield "// Generated by scripts/kconfig.py: the options of the trusted code."
    for name in TRUSTED_OPTIONS:
        symbol = tree.syms.get(name)
        if symbol is None:
            continue
        value = symbol.str_value
        if symbol.orig_type == kconfiglib.BOOL:
            if value == "y":
                yield f"#define CONFIG_{name} 1"
        elif value:
            yield f"#define CONFIG_{name} {value}"


def prepare(tree, folder):
    os.makedirs(folder, exist_ok=True)
    tree.write_config(os.path.join(folder, ".config"), save_old=False)
    write_if_changed(os.path.join(folder, "config.mk"), "\n".join(make_lines(tree)) + "\n")
    write_if_changed(os.path.join(folder, "autoconf.h"), "\n".join(autoconf_lines(tree)) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=("prepare", "folder", "defconfig"))
    parser.add_argument("--out", required=True)
    parser.add_argument("--config")
    parser.add_argument("--platform")
    parser.add_argument("--fragment", action="append", default=[])
    parser.add_argument("file", nargs="?")
    arguments = parser.parse_intermixed_args()
    try:
        tree = resolve(arguments)
        if arguments.command == "defconfig":
            tree.write_config(os.path.join(arguments.out, ".config"))
            return 0
        folder = folder_of(tree, arguments.out)
        if arguments.command == "prepare":
            prepare(tree, folder)
        print(folder)
        return 0
    except (ConfigError, kconfiglib.KconfigError) as error:
        print(f"config: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
