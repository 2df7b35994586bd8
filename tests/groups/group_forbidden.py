# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""group_forbidden.py - every domain touches what is not its own; the whole fault record is compared.

Generated from the image's own domain table: each ordered pair of domains, the monitor as victim, and the owner table;
data, stack and slots; read and write. Each case is one boot with probe=<domain>:<address>:<r|w> (CONFIG_TEST_PROBE).
The control is monolith: the same accesses there succeed and nobody notices.
"""
import os

import audit
import common
import ktap
import system
from common import check, equal

PARALLEL = 2
FRAGMENT = os.path.join("tests", "configs", "probe.config")
TIMEOUT_SECONDS = 30
# core/include/address_map_asm.h and slots_asm.h
PAGE_BYTES, SLOTS_BYTES = 0x1000, 0x2000
OWNER_TABLE_BASE, PUBLIC_KEY = 0x271000000, 15
STACKS_BASE, STACK_AREA_BYTES, STACK_STRIDE = 0x300000000, 0x1000000, 0x20000


def image(config):
    """Beside the configuration itself: the folder's name must be another one, the objects are shared."""
    return common.image(config, fragments=(FRAGMENT, common.fragment(f"{config}-probe")))


def targets(victim):
    """(object as the report calls it, address) in the victim's memory."""
    yield "slots", victim["data_start"] + PAGE_BYTES - 8
    if victim["data_bytes"] > SLOTS_BYTES:
        yield "data", victim["data_start"] + victim["data_bytes"] - 8
    # The stack of thread 0, on which the probe itself runs: a live one.
    yield "stack", STACKS_BASE + victim["id"] * STACK_AREA_BYTES + STACK_STRIDE - 256


def accesses(rows):
    """(culprit, victim name, key, object, address, kind): everything that must not be possible."""
    for culprit in rows:
        if culprit["name"] == "monitor":
            continue
        for victim in rows:
            if victim is culprit:
                continue
            for what, address in targets(victim):
                for kind in ("read", "write"):
                    yield culprit["name"], victim["name"], victim["pkey"], what, address, kind
        yield culprit["name"], "monitor", PUBLIC_KEY, "owner-table", OWNER_TABLE_BASE, "write"


def boot(folder, culprit, address, kind):
    with system.System(os.path.join(folder, "cloister.elf"), [f"probe={culprit}:{address:#x}:{kind[0]}"]) as running:
        return running.wait_exit(TIMEOUT_SECONDS), running.console()


def refused(folder, culprit, owner, key, what, address, kind):
    status, lines = boot(folder, culprit, address, kind)
    records = [line for line in lines if line.startswith("FAULTREC")]
    check(records, f"no fault record; status {status}\n{common.tail(lines)}")
    equal("fault record", records, [f"FAULTREC domain={culprit} gen=1 kind={kind} address={address:#x} key={key} owner={owner} "
                                    f"object='{what}' thread=0 gate=probe_{culprit} caller=monitor"])
    check(status == 1, f"exit status {status}\n{common.tail(lines)}")


def unnoticed(folder, address, kind):
    status, lines = boot(folder, "system", address, kind)
    check(any(line.startswith("PROBE ok") for line in lines), f"status {status}\n{common.tail(lines)}")
    check(not any(line.startswith("FAULT") for line in lines), common.tail(lines))
    equal("exit status", status, 0)


def allowed(folder, culprit, address, kind):
    """The control within separate: what a domain may do does not fault, so that the probe itself proves something."""
    status, lines = boot(folder, culprit, address, kind)
    check(any(line.startswith(f"PROBE ok {culprit}") for line in lines), f"status {status}\n{common.tail(lines)}")
    equal("exit status", status, 0)


def cases():
    skip = common.skip_of(mpk=True)
    folder = image("separate")
    rows = audit.domains(folder)
    for culprit, owner, key, what, address, kind in accesses(rows):
        yield ktap.Case(f"separate: {culprit} must not {kind} {owner}'s {what}",
                        lambda arguments=(folder, culprit, owner, key, what, address, kind): refused(*arguments), skip)
    for row in rows:
        if row["name"] != "monitor":
            yield ktap.Case(f"separate: {row['name']} may write its own data", lambda row=row: allowed(
                folder, row["name"], row["data_start"] + row["data_bytes"] - 8, "write"), skip)
            yield ktap.Case(f"separate: {row['name']} may read the owner table", lambda row=row: allowed(
                folder, row["name"], OWNER_TABLE_BASE, "read"), skip)
    plain = image("monolith")
    for victim in audit.domains(plain):
        for what, address in targets(victim):
            for kind in ("read", "write"):
                yield ktap.Case(f"monolith: nobody notices a {kind} of {victim['name']}'s {what}",
                                lambda arguments=(plain, address, kind): unnoticed(*arguments), common.skip_of(mpk=False))
    yield ktap.Case("monolith: nobody notices a write of the owner table",
                    lambda: unnoticed(plain, OWNER_TABLE_BASE, "write"), common.skip_of(mpk=False))
