# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_pc_inject.py - faults on request on bare x86-64: contained, named and healed by the same code as on host.

One boot per kind with inject=fs:<kind> (core/include/inject.h): kv's first call of fs, when it looks for a snapshot.
Records and kinds are those of group_inject. The control is the same image without CONFIG_RECOVERY.
"""
import common
import group_inject
import ktap
import pc
from common import equal
from pc_common import TIMEOUT_SECONDS, machine, records

PARALLEL = 1
MACHINE = "microvm"
KINDS = ("write", "stack", "illegal", "privileged", "step", "data", "zero", "stack-zero", "stack-wild",
         "wild call 1 net", "syscall")


def argument(request):
    return "inject=fs:" + request.replace(" ", ":")


def contained(folder, request, wanted):
    kind, address, key, owner, what = wanted
    with machine(folder, [argument(request)], machine=MACHINE) as running:
        running.wait_for("^HEALREC .*domain=fs .*outcome=restarted ", TIMEOUT_SECONDS["kernel"])
        running.wait_for("^kv: .* ready$", TIMEOUT_SECONDS["kernel"])
        found = records(running.console())
        if address is None:
            address = int(found[0].split("address=")[1].split()[0], 16)
        equal("fault records", found, [group_inject.record("fs", kind, address, key, owner, what)])


def nobody_blamed(folder):
    with machine(folder, ["inject=fs:die"], machine=MACHINE) as running:
        running.wait_for("^HEALREC .*domain=fs .*outcome=restarted ", TIMEOUT_SECONDS["kernel"])
        equal("fault records", records(running.console()),
              [group_inject.record("unknown", "illegal-instruction", what="gate check", generation=0, gate="-",
                                   caller="-"),
               group_inject.record("fs", "collateral")])


def stops(folder, request, wanted):
    kind, address, key, owner, what = wanted
    with machine(folder, [argument(request)], machine=MACHINE) as running:
        equal("exit status", running.wait_exit(TIMEOUT_SECONDS["kernel"]), 1)
        equal("fault records", records(running.console()), [group_inject.record("fs", kind, address, key, owner, what)])


def cases():
    skip = pc.missing()
    folder = group_inject.image("separate", platform="pc")
    for request, wanted in group_inject.kinds(folder):
        if request in KINDS:
            yield ktap.Case(f"separate: fs {request}",
                            lambda arguments=(folder, request, wanted): contained(*arguments), skip)
    yield ktap.Case("separate: fs in a foreign gate: nobody is blamed", lambda: nobody_blamed(folder), skip)
    mortal = group_inject.image("separate", "# CONFIG_RECOVERY is not set", name="inject-norecover", platform="pc")
    for request, wanted in group_inject.kinds(mortal):
        if request == "illegal":
            yield ktap.Case(f"separate without recovery: fs {request}: it stops",
                            lambda arguments=(mortal, request, wanted): stops(*arguments), skip)
