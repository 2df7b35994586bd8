# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""pc_common.py - what the groups of platform pc share: images, boots that end by themselves, skips."""
import os

import common
import pc
from common import check

PINGPONG = "tests/configs/pingpong_defconfig"
PROBE = "tests/configs/probe.config"
# Hangs, not speeds.
TIMEOUT_SECONDS = {"kernel": 60, "iso": 120, "uefi": 120}


def folder(config, none=False):
    """The folder of a configuration built for pc; with none, on the backend without keys."""
    if not none:
        return common.image(config, platform="pc")
    own = common.fragment(os.path.basename(config).removesuffix("_defconfig") + "-none", "CONFIG_BACKEND_NONE=y\n")
    return common.image(config, fragments=(own,), platform="pc")


def probe(config):
    """The folder of the same with the holes that controls need (CONFIG_TEST_PROBE)."""
    own = common.fragment(os.path.basename(config).removesuffix("_defconfig") + "-probe")
    return common.image(config, fragments=(PROBE, own), platform="pc")


def machine(where, arguments=(), **options):
    return pc.Machine(os.path.join(where, "cloister.elf"), arguments, **options)


def boot(where, arguments=(), **options):
    """(exit status, console lines) of a system that ends by itself."""
    with machine(where, arguments, **options) as running:
        status = running.wait_exit(TIMEOUT_SECONDS[options.get("boot", "kernel")])
        return status, running.console()


def records(lines):
    return [line for line in lines if line.startswith("FAULTREC")]


def has_line(lines, wanted):
    check(any(wanted in line for line in lines), f"no line with '{wanted}'\n{common.tail(lines)}")
