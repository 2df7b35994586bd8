# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""bench_json.py - writes benchmark results in the project's one schema (bench/README.md).

Interface: row(...), summary(samples), write(path, rows), config_hash(folder); save(name, rows, khz, kind, further)
writes $(O)/bench/<name>.json and says so; finish(main) ends a benchmark's program: its status, or the sentence of what
went wrong.
"""
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time

from system import Failure, ROOT, out_folder


def config_hash(folder):
    """16 hex digits over the settings of a built configuration: comments and order do not count."""
    with open(os.path.join(folder, ".config"), encoding="utf-8") as text:
        lines = sorted(line.strip() for line in text if line.startswith("CONFIG_"))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def percentile(samples, percent):
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, -(-len(ordered) * percent // 100) - 1)]


def summary(samples):
    return {"median": statistics.median(samples), "min": min(samples), "max": max(samples),
            "p99": percentile(samples, 99), "samples": len(samples)}


def row(config, folder, path, name, unit, figures, ratio=None, ratio_to=None, where="host"):
    """One row; figures as from summary(); folder None: not a configuration of ours."""
    return {"config": config, "config_hash": config_hash(folder) if folder else None, "platform": where, "path": path, "name": name,
            "unit": unit, "median": figures["median"], "min": figures["min"], "max": figures["max"],
            "p99": figures["p99"], "samples": figures["samples"], "ratio": ratio, "ratio_to": ratio_to}


def _first(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
        return (done.stdout.splitlines() or [""])[0].strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _field(path, key):
    try:
        with open(path, encoding="utf-8", errors="replace") as text:
            for line in text:
                name, found, value = line.partition(":" if path.startswith("/proc") else "=")
                if found and name.strip() == key:
                    return value.strip().strip('"')
    except OSError:
        pass
    return ""


def host(khz=None):
    """What a reader needs to judge the figures. Holds no host name and no user name."""
    commit = _first(["git", "-C", ROOT, "rev-parse", "HEAD"])
    return {"cpu": _field("/proc/cpuinfo", "model name"), "cpus": os.cpu_count(),
            "microcode": _field("/proc/cpuinfo", "microcode"), "kernel": os.uname().release,
            "system": _field("/etc/os-release", "PRETTY_NAME"), "compiler": _first(["gcc", "--version"]),
            "hypervisor": "hypervisor" in _field("/proc/cpuinfo", "flags").split(),
            "python": platform.python_version(), "tsc_khz": khz,
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}, commit


def write(path, rows, khz=None, kind="times", further=None):
    """kind: "times", of this machine, or "counts", which say nothing of speed; further: fields beside it."""
    about, commit = host(khz)
    changed = _first(["git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no"])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"kind": kind, **(further or {}), "host": about, "commit": commit + ("-changed" if changed else ""),
                   "rows": rows}, out, indent=1)
        out.write("\n")


def save(name, rows, khz=None, kind="times", further=None):
    path = os.path.join(out_folder(), "bench", f"{name}.json")
    write(path, rows, khz, kind, further)
    print(f"\nwritten to {os.path.relpath(path)}")
    return path


def finish(main):
    try:
        sys.exit(main())
    except Failure as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
