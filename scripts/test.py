# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""test.py - make test: every group of tests/groups, reported as KTAP, also to $(O)/test/report.ktap.

Usage: test.py [group ...]; without arguments all groups, in the order below. A group is a file tests/groups/group_<name>.py
with cases() -> [ktap.Case] (ktap.py) and, when its cases may run side by side, PARALLEL = number.
"""
import functools
import importlib
import os
import sys

sys.dont_write_bytecode = True
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)),
                os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "groups")]
import ktap
import system

GROUPS = """
unit heap model build illegal boot fs contract misuse
tools shell redis snapshot aof load wire stream connections udp counts
step storm forbidden strict faults inject unwind chaos recovery pc pc_faults pc_inject pc_tables pc_net pc_recovery entropy page
bench bench_boot
""".split()
# Groups whose systems do their usual work: none of them may misuse the shared heap.
INNOCENT = set("boot fs shell redis snapshot aof load wire stream connections udp counts step storm recovery pc_net".split())
DEADLINE_SECONDS = 25 * 60


def cases_of(name, module):
    made, misuses = system.System.made, len(system.System.misuses)

    def innocent():
        if system.System.made == made:
            raise ktap.Skip("no system ran")
        new = system.System.misuses[misuses:]
        assert not new, "\n".join(new)
    yield from module.cases()
    if name in INNOCENT:
        yield ktap.Case("no record of misuse of the shared heap", innocent)


def main():
    wanted = sys.argv[1:] or GROUPS
    unknown = [name for name in wanted if name not in GROUPS]
    if unknown:
        print(f"no such group: {' '.join(unknown)}; there are: {' '.join(GROUPS)}", file=sys.stderr)
        return 2
    modules = [importlib.import_module(f"group_{name}") for name in wanted]
    return ktap.run([(name, functools.partial(cases_of, name, module), getattr(module, "PARALLEL", 1))
                     for name, module in zip(wanted, modules)],
                    DEADLINE_SECONDS, os.path.join(system.out_folder(), "test", "report.ktap"))


if __name__ == "__main__":
    sys.exit(main())
