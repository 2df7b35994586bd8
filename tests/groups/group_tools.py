# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_tools.py - what shows a person the system: make domains, make graph."""
import os
import subprocess
import xml.etree.ElementTree

import audit
import common
from common import check
import ktap


def make(target):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(["make", "-C", common.ROOT, "--no-print-directory", target, "CONFIG=separate",
                           f"O={common.system.out_folder()}"], env=environment, capture_output=True, text=True, timeout=300)
    check(done.returncode == 0, f"make {target}: {done.stdout}{done.stderr}")
    return done.stdout


def domains():
    printed = [line.split() for line in make("domains").splitlines()]
    for row in audit.load(common.image("separate"))["domains"]:
        check([row["name"], str(row["pkey"])] in [words[:2] for words in printed], f"no line for {row['name']}: {printed}")
    check(any(words[:3] == ["kv", "->", "net:"] for words in printed), f"no line for kv -> net: {printed}")


def graph():
    make("graph")
    path = os.path.join(common.image("separate"), "graph.svg")
    texts = " ".join(element.text or "" for element in xml.etree.ElementTree.parse(path).iter())
    for row in audit.load(common.image("separate"))["domains"]:
        check(f"{row['name']}  (key {row['pkey']})" in texts, f"{path} does not show {row['name']}")
    check("net_exchange" in texts, f"{path} does not name the gate net_exchange")


def cases():
    yield ktap.Case("make domains: every domain and edge", domains)
    yield ktap.Case("make graph: an SVG with every domain and edge", graph)
