# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_boot.py - every ready configuration, and a few random ones, boots, reports itself, idles, and stops when asked.

The placements are checked too: a component that a configuration of configs/ forgets would silently get its own domain.
"""
import os
import subprocess
import sys
import time

import audit
import common
import kconfig
import ktap
import system
from common import check, equal

IDLE_SECONDS = 2.0
# Domains of each ready configuration and who lives there; "system" takes everybody else. separate: one each.
PLACEMENTS = {"net": [{"net"}], "sched": [{"sched"}], "net_sched": [{"net", "sched"}],
              "net_sched_apart": [{"net"}, {"sched"}]}
SEEDS = (1, 2, 3, 5)  # of make randconfig
IDLE_CPU_SHARE = 0.2  # a hang detector for a system that spins, not a target


def placement(config):
    """Who lives with whom is what the configuration's name says."""
    domains = {row["name"]: set(row["components"]) for row in audit.load(common.image(config))["domains"]
               if row["name"] not in ("monitor", "nucleus")}
    if config in ("separate", "separate_strict"):
        check(all(len(members) == 1 for members in domains.values()), f"separate shares a domain: {domains}")
        return f"{len(domains)} domains"
    rest = domains.pop("system", set())
    if config == "drivers":
        members = domains.pop("drivers", set())
        check({"console", "tap", "virtio_rng"} <= members and not members & {"kv", "net", "sched", "time"}, f"in drivers: {members}")
    wanted = PLACEMENTS.get(config, [])
    check(sorted(map(sorted, domains.values())) == sorted(map(sorted, wanted)),
          f"configs/{config}_defconfig leaves components to domains of their own: {domains}; wanted {wanted}, and "
          f'all others in system (CONFIG_<COMPONENT>_DOMAIN="system")')
    return f"{len(rest)} components in system"


def random_config(seed):
    """make randconfig twice: the same seed, the same file; then it boots."""
    files = [os.path.join(common.TEST_OUT, f"random-{seed}-{turn}.config") for turn in (1, 2)]
    texts = []
    for file in files:
        subprocess.run([sys.executable, "-B", "scripts/randconfig.py", "--out", common.TEST_OUT, "--seed", str(seed),
                        "--file", file], cwd=common.ROOT, check=True, capture_output=True, timeout=60)
        with open(file, encoding="utf-8") as text:
            texts.append(text.read())
    equal(f"two files of seed {seed}", texts[0] == texts[1], True)
    folder = system.build(files[0])
    if audit.load(folder)["backend"] != "none" and common.skip_of(mpk=True):
        raise ktap.Skip(common.skip_of(mpk=True))
    with system.System(os.path.join(folder, "cloister.elf")) as running:
        running.wait_ready(30)
        check(not [line for line in running.console() if line.startswith("FAULT")], running.report("a fault at boot"))
        equal("PING", running.redis("PING"), "PONG")
        equal("exit status after SIGTERM", running.stop(), 0)
    return " | ".join(" ".join(row["components"]) for row in audit.load(folder)["domains"]
                      if row["name"] not in ("monitor", "nucleus"))


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
    for config in kconfig.configs():
        skip = common.skip_of(mpk=config != "monolith")
        yield ktap.Case(f"{config}: boots, idles, stops", lambda config=config: boot(config), skip)
        if config != "monolith":
            yield ktap.Case(f"{config}: who lives with whom", lambda config=config: placement(config))
    for seed in SEEDS:
        yield ktap.Case(f"random configuration, SEED={seed}: boots", lambda seed=seed: random_config(seed),
                        common.skip_of(mpk=False))
