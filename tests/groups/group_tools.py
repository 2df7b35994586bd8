# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_tools.py - what shows a person the system: make domains, make graph, gdb."""
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree

import audit
import common
from common import check, equal
import ktap


def make(target):
    done = subprocess.run(["make", "-C", common.ROOT, "--no-print-directory", target, "CONFIG=separate",
                           f"O={common.system.out_folder()}"], env=common.system.outside_make(), capture_output=True, text=True, timeout=300)
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


def gdb():
    """Stops where a call of kv has arrived in net: rights, stacks and counts must say so."""
    image = os.path.join(common.image("separate"), "cloister.elf")
    words = [word for command in ("break net_exchange", "run", "ck-domains", "ck-threads", "ck-gates net_exchange", "ck-pkru",
                                  "kill") for word in ("-ex", command)]
    done = subprocess.run([sys.executable, "-B", "scripts/debug.py", image, "-batch", *words], cwd=common.ROOT, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    report = done.stdout[-5000:] + done.stderr[-1000:]
    lines = [line.split() for line in done.stdout.splitlines()]
    net = audit.domain(common.image("separate"), "net")
    check([">", str(net["id"]), "net", str(net["pkey"]), net["pkru"]] in [words[:5] for words in lines],
          f"ck-domains does not mark net as running:\n{report}")
    thread = [words for words in lines if words[:1] == [">"] and "kv_main" in words]
    check(thread and "kv" in thread[0], f"ck-threads does not show kv_main, with a stack in kv:\n{report}")
    gate = [words for words in lines if words[1:5] == ["kv", "net", "net_exchange", "gives"]]
    check(gate and int(gate[0][5]) == 1, f"ck-gates does not count one call of net_exchange:\n{report}")
    check("the rights of domain net" in done.stdout, f"ck-pkru does not see net's rights:\n{report}")
    for key, access in ((net["pkey"], "write"), (audit.domain(common.image("separate"), "kv")["pkey"], "no")):
        check(any(words[:1] == [str(key)] and words[-1:] == [access] for words in lines), f"key {key}, not {access}:\n{report}")


def gdb_constants():
    """The script stands alone, so it repeats a few numbers of the headers."""
    with open(os.path.join(common.ROOT, "scripts/gdb/cloister-gdb.py"), encoding="utf-8") as text:
        script = text.read()
    headers = ""
    for name in ("address_map_asm.h", "slots_asm.h"):
        with open(os.path.join(common.ROOT, "core/include", name), encoding="utf-8") as text:
            headers += text.read()
    for names, values in re.findall(r"^([A-Z_, ]+) = ([0-9a-fx, ]+)(?:  #.*)?$", script, re.M):
        for name, value in zip(names.split(", "), values.split(", ")):
            if name != "BASE_ANCHOR_BYTES":
                wanted = re.search(rf"^#define {name} (\w+)", headers, re.M)
                check(wanted and int(wanted[1], 0) == int(value, 0), f"{name} is {value} in the script, not so in the headers")


def own_configuration():
    """make X_defconfig, and then no CONFIG=: that configuration counts. Before it, make says which commands make one."""
    out = os.path.join(common.TEST_OUT, "own")
    shutil.rmtree(out, ignore_errors=True)

    def run(*words):
        return subprocess.run(["make", "-C", common.ROOT, "--no-print-directory", f"O={out}", *words], text=True, timeout=300,
                              env=common.system.outside_make(), stdin=subprocess.DEVNULL, capture_output=True)
    os.makedirs(out)
    os.symlink(os.path.join(common.system.out_folder(), "sources"), os.path.join(out, "sources"))
    for target in ("all", "bench"):
        done = run(target)
        check(done.returncode == 2 and f"make O={out} net_defconfig\n" in done.stderr and "menuconfig" in done.stderr,
              f"make {target} without a configuration: {done.returncode} {done.stderr}")
    check(run("net_defconfig").returncode == 0, "make net_defconfig")
    equal("the image without CONFIG=", run("-s", "image-path").stdout.strip(), os.path.join(out, "net", "cloister.elf"))
    equal("the image with one", run("-s", "image-path", "CONFIG=sched").stdout.strip(), os.path.join(out, "sched", "cloister.elf"))
    done = run("domains")
    check(re.search(r"^net +\d+ +net ", done.stdout, re.M) and re.search(r"^system +\d+ .*\bkv\b", done.stdout, re.M),
          f"make domains does not show net's two domains:\n{done.stdout}{done.stderr}")


def cases():
    yield ktap.Case("make domains: every domain and edge", domains)
    yield ktap.Case("make net_defconfig: what make takes without CONFIG=", own_configuration)
    yield ktap.Case("make graph: an SVG with every domain and edge", graph)
    yield ktap.Case("gdb stops behind a gate: ck-domains, ck-threads, ck-gates, ck-pkru", gdb,
                    common.skip_of(mpk=True) or (None if shutil.which("gdb") else "gdb is missing: run scripts/setup.sh"))
    yield ktap.Case("gdb script: numbers as in the headers", gdb_constants)
