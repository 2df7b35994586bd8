# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""tree_copy.py - a second copy of the tree, in another folder with another build folder, to try builds in.

Interface: root() the copy (made once per run, gone at its end); out() its build folder; make(config, ...) -> (status, output).
The copy holds what git would commit: tracked files and new ones that are not ignored.
"""
import atexit
import os
import shutil
import subprocess

import common
import system

_made = []
BUILD_TIMEOUT_SECONDS = 600


def names():
    """The files that belong to the tree, by their paths from its root."""
    if shutil.which("git"):
        listed = subprocess.run(["git", "-C", common.ROOT, "ls-files", "-z", "--cached", "--others",
                                 "--exclude-standard"], capture_output=True, timeout=60)
        if listed.returncode == 0:
            return [name.decode() for name in listed.stdout.split(b"\0") if name]
    # A machine without git, a tarball, or somebody else's clone: everything but what was built.
    found, built = [], {os.path.join(common.ROOT, "build"), system.out_folder()}
    for parent, folders, files in os.walk(common.ROOT):
        folders[:] = [name for name in folders if name not in (".git", "__pycache__") and os.path.join(parent, name) not in built]
        found += [os.path.relpath(os.path.join(parent, name), common.ROOT) for name in files]
    return found


def root():
    # Two runs at once must not share it.
    folder = os.path.join(common.TEST_OUT, f"another-folder-{os.getpid()}", "tree")
    if not _made:
        atexit.register(shutil.rmtree, os.path.dirname(folder), ignore_errors=True)
        for name in names():
            source, target = os.path.join(common.ROOT, name), os.path.join(folder, name)
            if os.path.isfile(source):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy2(source, target)
        sources = os.path.join(os.path.dirname(common.TEST_OUT), "sources")
        if os.path.isdir(sources):
            shutil.copytree(sources, os.path.join(out_of(folder), "sources"), symlinks=True)
        _made.append(folder)
    return folder


def out_of(folder):
    return os.path.join(os.path.dirname(folder), "output")


def out():
    return out_of(root())


def make(config, fragments=(), further=()):
    """Builds in the copy; returns (exit status, everything that make printed)."""
    command = ["make", "-C", root(), "--no-print-directory", f"-j{os.cpu_count()}", f"O={out()}", f"CONFIG={config}",
               *further]
    if fragments:
        command.append("FRAGMENTS=" + " ".join(fragments))
    environment = {**system.outside_make(), "LC_ALL": "C"}   # the compiler's quotes follow the locale
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=BUILD_TIMEOUT_SECONDS)
    return done.returncode, done.stdout
