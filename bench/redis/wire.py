# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""wire.py - a configuration with the load generator inside (drivers/wire) in place of its TAP driver.

Interface: build(config) -> folder; run(folder, load, start) -> Sample. The same placement: what CONFIG_TAP_* says of
tap holds for wire.
"""
import collections
import os
import re

import system

# What this says of the name and of network drivers.
ELSEWHERE = re.compile(r"(# )?CONFIG_(NAME|TAP|STREAM|WIRE|NETDEV|NETDEV_NONE)( is not set|=)|CONFIG_(WIRE|STREAM)_")
Load = collections.namedtuple("Load", "command pipeline connections requests")
# cycles: TSC cycles of everything; own: the generator's part of them; crossings: {(caller, function): per request}, the boot's few included.
Sample = collections.namedtuple("Sample", "requests cycles own wrong crossings khz")


def build(config, out=None, **options):
    """config: a name, or the path of a configuration."""
    out = out or system.out_folder()
    source = config if os.path.isfile(config) else os.path.join(system.ROOT, "configs", f"{config}_defconfig")
    name = system.config_name(config) + "-wire"
    with open(source, encoding="utf-8") as text:
        lines = [line.replace("CONFIG_TAP_", "CONFIG_WIRE_") for line in text if not ELSEWHERE.match(line)]
    path = os.path.join(out, "bench", f"{name}_defconfig")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as text:
        text.writelines([*lines, f'CONFIG_NAME="{name}"\n', "CONFIG_WIRE=y\n"])
    return system.build(path, out, **options)


def on_host(elf, arguments):
    return system.System(elf, arguments, network=False)


def run(folder, load, start=on_host, timeout=60):
    """Boots the image by start(elf, arguments), waits for its line; system.Failure when it says of wrong replies."""
    arguments = [f"wire_command={load.command.upper()}", f"wire_pipeline={load.pipeline}",
                 f"wire_connections={load.connections}", f"wire_requests={load.requests}"]
    with start(os.path.join(folder, "cloister.elf"), arguments) as running:
        line, _ = running.wait_for(r"^WIRE (?:requests=(\d+) cycles=(\d+) own=(\d+) wrong=(\d+)|.*)$", timeout)
        if line[1] is None or line[4] != "0":
            raise system.Failure(running.report("the wire's load did not end well"))
        figures = running.statistics()
        status = running.stop()
        if status:
            raise system.Failure(running.report(f"the system ended with status {status}"))
    # Its warm-up crossed as well: wire_init() in drivers/wire/wire.c.
    every = load.requests + load.requests // 8 + load.connections
    requests, cycles, own, wrong = (int(word) for word in line.groups())
    return Sample(requests, cycles, own, wrong, {edge: calls / every for edge, calls in figures["crossings"].items()},
                  figures["tsc_khz"])
