# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_page.py - docs/first-component.md, followed to the letter: its code blocks run in order, in a copy of the tree."""
import os
import re
import shutil
import subprocess

import common
import ktap
import system
import tree_copy
from common import check

PAGE = "docs/first-component.md"
# What the page says that one sees, per step (the number in its heading).
SEEN = {3: (r"^counter +\d+ +counter ", r"^reader +\d+ +reader ", r"^reader -> counter: counter_add$"),
        4: (r"^reader: counter counted 13 bytes$",), 5: (r"^both +\d+ +counter reader ",)}
NOT_SEEN = {5: (r"counter_add",)}
STEP_SECONDS = 300


def steps():
    with open(os.path.join(common.ROOT, PAGE), encoding="utf-8") as text:
        for number, body in re.findall(r"^## (\d)\. .*?$(.*?)(?=^## |\Z)", text.read(), re.M | re.S):
            for block in re.findall(r"^```sh\n(.*?)^```$", body, re.M | re.S):
                yield int(number), block


def follow():
    tree = tree_copy.root()
    environment = system.outside_make(O=tree_copy.out())
    try:
        done = set()
        for number, block in steps():
            run = subprocess.run(["sh", "-ec", block], cwd=tree, env=environment, stdin=subprocess.DEVNULL, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=STEP_SECONDS)
            check(run.returncode == 0, f"{PAGE}, step {number}, ends with {run.returncode}:\n{run.stdout[-3000:]}")
            for wanted in SEEN.get(number, ()):
                check(re.search(wanted, run.stdout, re.M), f"{PAGE}, step {number}: no line /{wanted}/ in\n{run.stdout[-3000:]}")
            for unwanted in NOT_SEEN.get(number, ()):
                check(not re.search(unwanted, run.stdout), f"{PAGE}, step {number}: /{unwanted}/ in\n{run.stdout[-3000:]}")
            done.add(number)
        check(set(SEEN) <= done, f"{PAGE} has lost a step: it has {sorted(done)}")
    finally:
        for name in ("counter", "reader"):
            shutil.rmtree(os.path.join(tree, "domains", name), ignore_errors=True)


def cases():
    yield ktap.Case(f"{PAGE}: every block, as a newcomer would type it", follow, common.skip_of(mpk=True))
