# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""ktap.py - runs named cases and reports them as KTAP version 1, with a plain last line.

Interface:
  Case(name, function, skip=reason)  function() returns nothing or a comment; raises Skip, or anything else: it failed
  run(groups, deadline, report)      groups: [(name, make_cases, parallel)]; returns the exit status
Invariant: every case ends in exactly one of passed, failed, skipped; a skip is never counted as passed, and a group
whose cases cannot even be listed is one failure. Results come in the order of the list, also when run in parallel.
It does not stop a case that hangs: cases bound everything that they wait for, and run() has one deadline behind them.
"""
import concurrent.futures
import faulthandler
import os
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from typing import Callable, Optional


class Skip(Exception):
    """This case cannot run on this machine; the text says why."""


@dataclass
class Case:
    name: str
    function: Optional[Callable] = None
    skip: Optional[str] = None


def _outcome(case):
    if case.skip:
        return "skip", case.skip, 0.0
    start = time.monotonic()
    try:
        comment = case.function()
        return "ok", comment or "", time.monotonic() - start
    except Skip as reason:
        return "skip", str(reason), time.monotonic() - start
    except subprocess.TimeoutExpired as late:
        return "fail", f"hang: {late}", time.monotonic() - start
    except Exception as error:  # a case may fail in any way; none may end the run
        text = str(error) if type(error).__name__ in ("Failure", "AssertionError") and str(error) \
            else traceback.format_exc()
        return "fail", text, time.monotonic() - start


_copy = None


def _print(text):
    print(text, flush=True)
    if _copy:
        print(text, file=_copy, flush=True)


def _run_group(name, make_cases, parallel, counts):
    """One subtest; returns whether nothing failed, or None when everything was skipped."""
    _print("  KTAP version 1")
    _print(f"  # Subtest: {name}")
    try:
        cases = list(make_cases())
    except Exception as error:
        text = str(error) if type(error).__name__ == "Failure" else traceback.format_exc()

        def refuse(message=text):
            raise AssertionError(message)
        cases = [Case("set-up", refuse)]
    _print(f"  1..{len(cases)}")
    before = dict(counts)
    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        for number, (case, (result, text, seconds)) in enumerate(zip(cases, pool.map(_outcome, cases)), 1):
            label = case.name.replace("#", "")
            first, *more = text.splitlines() or [""]
            if result == "ok":
                counts["passed"] += 1
                _print(f"  ok {number} {label}" + (f" # {first}" if first else ""))
            elif result == "skip":
                counts["skipped"] += 1
                _print(f"  ok {number} {label} # SKIP {first}")
            else:
                counts["failed"] += 1
                for line in (first, *more):
                    _print(f"  # {line}")
                _print(f"  not ok {number} {label}")
            if seconds > 5:
                _print(f"  # {seconds:.0f} s")
    if counts["failed"] > before["failed"]:
        return False
    return True if counts["passed"] > before["passed"] else None


def run(groups, deadline_seconds, report):
    """Runs every group, prints everything, to the file report as well; returns 0 when nothing failed, else 1."""
    global _copy
    os.makedirs(os.path.dirname(report), exist_ok=True)
    _copy = open(report, "w", encoding="utf-8")  # closed with the program: a deadline must not lose what is in it
    faulthandler.dump_traceback_later(deadline_seconds, exit=True)
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    _print("KTAP version 1")
    _print(f"1..{len(groups)}")
    for number, (name, make_cases, parallel) in enumerate(groups, 1):
        good = _run_group(name, make_cases, parallel, counts)
        if good is None:
            _print(f"ok {number} {name} # SKIP nothing in this group could run here")
        else:
            _print(f"{'ok' if good else 'not ok'} {number} {name}")
    faulthandler.cancel_dump_traceback_later()
    sys.stderr.flush()
    _print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0
