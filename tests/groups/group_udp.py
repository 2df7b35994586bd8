# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_udp.py - datagrams of every size, malformed ones and floods against an echo server (tests/components/udpecho).

The objects of the shared heap are counted before and after a second run: none may be lost, whatever was dropped.
"""
import os
import sys
import time

import common
import ktap
import system
from common import check, equal

CONFIG = "tests/configs/udp_defconfig"
CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "udp_client.py")
CACHED_MAX = 3 * 64 # see group_connections.py


def variant_without_keys():
    return "tests/configs/none.config", common.fragment("udp-none")


def objects(running):
    time.sleep(0.3)
    return {name: count for name, count in running.statistics().items() if name.startswith("objects.")}


def client(running):
    done = running.command([sys.executable, CLIENT, system.HOST_ADDRESS, system.ADDRESS], timeout=60)
    check(done.stdout.startswith("ok "), running.report(f"the client said {done.stdout}{done.stderr}"))
    return done.stdout.strip()


def echo(fragments=()):
    folder = common.image(CONFIG, fragments=fragments)
    with system.System(os.path.join(folder, "cloister.elf")) as running:
        running.wait_for("^udpecho: ready$", 30)
        client(running)
        before = objects(running)
        said = client(running)
        after = objects(running)
        lost = {name: after[name] - before.get(name, 0) for name in after if after[name] > before.get(name, 0) + CACHED_MAX}
        check(before and not lost, f"objects that were not given back: {lost}")
        check(not any("wrong" in line for line in running.console()), running.report("a wrong event"))
        equal("exit status", running.stop(), 0)
        return said.replace("ok", "checks:")


def cases():
    yield ktap.Case("datagrams through gates", echo, common.skip_of(mpk=True))
    yield ktap.Case("datagrams as function calls", lambda: echo(variant_without_keys()), common.skip_of(mpk=False))
