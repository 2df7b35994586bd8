# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""progress.py - shows that something long goes on, and how far it is.

Interface: Bar(steps), a context manager with step(text), called before each step; Activity(text), for one step of
unknown length. On a terminal one line is rewritten; into a file or pipe only a few lines are written.
"""
import sys
import threading
import time

WIDTH = 30
LINES_WITHOUT_TERMINAL = 10


class Bar:
    def __init__(self, steps):
        self.steps, self.done, self.shown = steps, -1, -1
        self.start = time.monotonic()

    def __enter__(self):
        return self

    def step(self, text):
        self.done += 1
        part = min(1.0, self.done / self.steps)
        seconds = time.monotonic() - self.start
        if sys.stdout.isatty():
            filled = int(part * WIDTH)
            left = f", {seconds / part - seconds:.0f} s left" if part > 0.05 else ""
            print(f"\r[{'#' * filled}{'.' * (WIDTH - filled)}] {part:4.0%}{left}  {text}\x1b[K", end="", flush=True)
        elif int(part * LINES_WITHOUT_TERMINAL) > self.shown:
            self.shown = int(part * LINES_WITHOUT_TERMINAL)
            print(f"{part:4.0%} after {seconds:.0f} s: {text}", flush=True)

    def __exit__(self, *_):
        if sys.stdout.isatty():
            print("\r\x1b[K", end="", flush=True)


class Activity:
    """Seconds count up beside the text until the block ends."""

    def __init__(self, text):
        self.text, self.ended = text, threading.Event()
        self.thread = threading.Thread(target=self._show, daemon=True)

    def __enter__(self):
        self.start = time.monotonic()
        if sys.stdout.isatty():
            self.thread.start()
        else:
            print(self.text, flush=True)
        return self

    def _show(self):
        while True:
            print(f"\r{self.text} ... {time.monotonic() - self.start:.0f} s\x1b[K", end="", flush=True)
            if self.ended.wait(1.0):
                return

    def __exit__(self, *_):
        self.ended.set()
        if sys.stdout.isatty():
            self.thread.join()
            print(f"\r{self.text}: {time.monotonic() - self.start:.0f} s\x1b[K", flush=True)
