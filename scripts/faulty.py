# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""faulty.py - systems that go wrong on request, and the client that watches them: for make chaos and make demo-faults.

Interface:
  build(config, platform)   the image, with faults on request; its folder
  Client(running, ...)      scripts/witness.py in the system's network: now, history, complaints, ask(), finish()
  Console()                 a pipe for the system's standard input, whose other end types for the shell
  Records(running)          what the console has said of faults, by number
"""
import collections
import json
import os
import re
import subprocess
import sys
import threading
import time

import system

FRAGMENTS = {"monolith": os.path.join("tests", "configs", "inject.config")}
FRAGMENT = os.path.join("tests", "configs", "chaos.config")
LOG = ("appendonly=yes", "appendfsync=always")   # so that each write that is acknowledged is in the log
WITNESS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "witness.py")
READY = r"^kv: .*ready$"


def build(config, platform="host", driver=None):
    """Under a name of its own, so that no other image of this configuration is replaced."""
    own = system.fragment(os.path.join(system.out_folder(), "test"), f"{config}-chaos")
    fragments = [FRAGMENTS.get(config, FRAGMENT), own] + ([system.STREAM_FRAGMENT] if driver == "stream" else [])
    return system.build(config, fragments=fragments, platform=platform)


class Client:
    """The witness; what it says comes on a thread of its own."""

    def __init__(self, running, *options, cpu=None):
        command = running.inside([sys.executable, "-B", WITNESS, running.address, str(running.port),
                                  *map(str, options)])
        if cpu is not None:
            command = ["taskset", "-c", str(cpu), *command]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        self.now, self.history, self.complaints, self.answers, self.end = {}, [], [], collections.deque(), None
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def _read(self):
        for line in self.process.stdout:
            what = json.loads(line)
            if "complaint" in what:
                self.complaints.append(what)
            elif "line" in what:
                self.answers.append(what)
            elif "end" in what:
                self.end = what["end"]
            else:
                self.now = what
                self.history.append(what)

    def wait_serving(self, timeout=30):
        end = time.monotonic() + timeout
        while not self.now.get("checked"):
            if time.monotonic() > end or self.process.poll() is not None:
                raise system.Failure("the checking client gets no replies")
            time.sleep(0.02)

    def say(self, *words):
        """A command, once: whether it was answered is in answers."""
        try:
            self.process.stdin.write(" ".join(words) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError as gone:
            raise system.Failure("the checking client has ended") from gone

    def ask(self, *words, timeout=10):
        """A command that must be answered: asked again when its answer is lost with a connection."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            self.answers.clear()
            self.say(*words)
            while time.monotonic() < end:
                if self.answers and (answer := self.answers.popleft())["line"] == " ".join(words):
                    if answer["answer"] is not None:
                        return answer["answer"]
                    break
                time.sleep(0.002)
        raise system.Failure(f"no answer to {' '.join(words)}")

    def finish(self, timeout=90):
        """Reads everything back; the counts."""
        self.say("end")
        self.thread.join(timeout)
        if self.end is None:
            raise system.Failure("the checking client gave no result")
        return self.end


class Console:
    def __init__(self):
        self.read_end, self.write_end = os.pipe()
        os.set_blocking(self.write_end, False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.read_end)
        os.close(self.write_end)

    def type(self, text):
        try:
            os.write(self.write_end, text.encode())
        except BlockingIOError:
            pass                     # nobody reads at the moment


class Records:
    """by_number: {number: the fields of the last HEALREC line}, blocks: {number: lines for people}, in order of
    reading."""

    def __init__(self, running):
        self.running, self.position, self.block = running, len(running.console()), []
        self.by_number, self.blocks = {}, {}

    def read(self):
        lines = self.running.console()
        for line in lines[self.position:]:
            if re.match(r"FAULT domain=\S+ gen=\d+ ", line):
                self.block = [line]
            elif line.startswith("  ") and self.block and len(self.block) < 4:
                self.block.append(line)
            elif line.startswith("HEALREC "):
                fields = dict(word.split("=", 1) for word in line.split()[1:])
                number = int(fields["number"])
                if number not in self.blocks:
                    self.blocks[number], self.block = self.block, []
                self.by_number[number] = fields
        self.position = len(lines)
        return self
