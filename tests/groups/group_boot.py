# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_boot.py - both configurations boot, report themselves, idle without work, and stop when asked."""
import os
import time

import audit
import common
import ktap
import system
from common import check, equal

IDLE_SECONDS = 2.0
IDLE_CPU_SHARE = 0.2  # a hang detector for a system that spins, not a target


def boot(config):
    folder = common.image(config)
    with system.System(os.path.join(folder, "cloister.elf")) as running:
        running.wait_ready(30)
        check(not [line for line in running.console() if line.startswith("FAULT")], running.report("a fault at boot"))
        crossed = running.statistics()["crossings"]
        if config == "monolith":
            equal("crossings in monolith", sum(crossed.values()), 0)
        else:
            check(sum(crossed.values()) > 0, running.report("no crossings were counted"))
            wanted = {("monitor", item["name"] + "_init") for item in audit.load(folder)["components"]}
            check(wanted <= set(crossed), running.report(f"not counted: {sorted(wanted - set(crossed))}"))
        used, start = running.cpu_ns(), time.monotonic()
        time.sleep(IDLE_SECONDS)
        share = (running.cpu_ns() - used) / 1e9 / (time.monotonic() - start)
        check(share < IDLE_CPU_SHARE, f"the idle system uses {share:.0%} of a CPU")
        equal("exit status after SIGTERM", running.stop(), 0)
        return f"{share:.1%} of a CPU when idle"


def cases():
    for config in common.BOTH:
        skip = common.skip_of(mpk=config != "monolith")
        yield ktap.Case(f"{config}: boots, idles, stops", lambda config=config: boot(config), skip)
