# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""audit.py - reads a built configuration's audit.json for the runners and the tests.

Interface: domains(folder) -> [{name, id, key, data_start, data_bytes, stack_bytes, ...}], the monitor included;
domain(folder, name); domain_count(folder).
"""
import json
import os


def load(folder):
    with open(os.path.join(folder, "audit.json"), encoding="utf-8") as text:
        return json.load(text)


def domains(folder):
    return [row for row in load(folder)["domains"] if row["name"] != "nucleus"]


def domain(folder, name):
    return next(row for row in domains(folder) if row["name"] == name)


def domain_count(folder):
    """Protection domains of components: the monitor and the nucleus are not counted."""
    return len([row for row in domains(folder) if row["name"] != "monitor"])
