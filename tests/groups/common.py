# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""common.py - what the test groups share: skips, images built once, boots that end by themselves.

Interface: both() names of the two ready configurations; skip_of(config); image(config, ...) builds once per run;
boot_to_end(elf, arguments, timeout) -> (status, console lines).
"""
import os
import threading

import ktap
import system
from system import Failure, ROOT

BOTH = ("monolith", "separate")
TEST_OUT = os.path.join(system.out_folder(), "test")

_images = {}
_lock = threading.Lock()


def skip_of(mpk, network=True):
    """The reason to skip a case that needs protection keys (mpk) and a TAP (network) by name; None: it can run."""
    key = (mpk, network)
    if key not in _reasons:
        _reasons[key] = (system.missing_mpk() if mpk else None) or (system.missing_network() if network else None)
    return _reasons[key]


_reasons = {}


def image(config, out=None, fragments=(), platform="host"):
    """The folder of a built configuration; built at most once per run."""
    key = (config, out, tuple(fragments), platform)
    with _lock:
        if key not in _images:
            _images[key] = system.build(config, out=out or system.out_folder(), fragments=fragments,
                                        platform=platform)
        return _images[key]


def fragment(name, settings=""):
    return system.fragment(TEST_OUT, name, settings)


def check(condition, text):
    if not condition:
        raise Failure(text)


def equal(what, got, wanted):
    if got != wanted:
        raise Failure(f"{what}:\n  expected {wanted!r}\n  got      {got!r}")


def boot_to_end(elf, arguments=(), timeout=60, network=False):
    """Boots an image that ends by itself."""
    with system.System(elf, arguments, network=network) as running:
        status = running.wait_exit(timeout)
        return status, running.console()


def start(running, pattern, timeout):
    """Starts a system and waits for its line; it is killed when that does not come."""
    try:
        running.start()
        running.wait_for(pattern, timeout)
    except Failure:
        running.kill()
        raise


def tail(lines, count=25):
    return "\n".join("  | " + line for line in lines[-count:])
