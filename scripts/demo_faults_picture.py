# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""demo_faults_picture.py - requests/s over time, and who was broken when: as a picture, and for a terminal.

Interface: terminal(show, platform) -> text; draw(path, show, monolith's show, platform, seed, end) -> bool, False, and
a sentence, where matplotlib is missing. A show has load.samples, outcomes, base (demo_faults.py).
"""
import platform as machine
import statistics
import time

import demo_picture

COLUMNS, ROWS = 110, 8
EIGHTHS = " ▁▂▃▄▅▆▇█"
COLOURS = {"net": "#1f77b4", "kv": "#d62728", "fs": "#2ca02c", "tap": "#9467bd", "virtio_net": "#9467bd",
           "stream": "#9467bd",
           "sched": "#e08a00", "time": "#17a2b8", "console": "#8c564b", "shell": "#d94f9b", "virtio_rng": "#6b7a1e",
           "everybody": "#222222"}
WORDS = {"wild": "wild write", "zero": "null pointer", "stack": "stack overflow", "loop": "endless loop",
         "never": "never returns",
         "die": "forged gate entry", "init": "init fails, twice", "read": "foreign read", "write": "write to monitor",
         "illegal": "illegal instruction",
         "privileged": "privileged instr.", "noncanonical": "impossible pointer", "divide": "division by zero",
         "data": "jump into data",
         "step": "single step", "syscall": "system call", "unmapped": "stray pointer", "storm": "20 faults/s",
         "breakpoint": "breakpoint",
         "stack-zero": "stack pointer 0", "stack-wild": "stack ptr. wild", "stack-foreign": "foreign stack"}


def terminal(show, platform):
    samples = show.load.samples
    start, end = samples[0].at, samples[-1].at
    columns = [[] for _ in range(COLUMNS)]
    for sample in samples:
        columns[min(COLUMNS - 1, int((sample.at - start) / (end - start) * COLUMNS))].append(sample.rate)
    top = max(sample.rate for sample in samples) or 1.0
    heights = [min(column) / top * ROWS * 8 if column else None for column in columns]
    last = 0.0
    lines = []
    for index, height in enumerate(heights):      # a column without a sample of its own repeats the one before
        heights[index] = last = last if height is None else height
    for row in range(ROWS, 0, -1):
        label = f"{top * row / ROWS / 1000:>6,.0f}k " if platform.shows_time else f"{row / ROWS:>7.0%} "
        lines.append(label + "".join(EIGHTHS[max(0, min(8, round(height - (row - 1) * 8)))] for height in heights))
    marks = [" "] * COLUMNS
    for outcome in show.outcomes:
        at = min(COLUMNS - 2, int((outcome.at - start) / (end - start) * COLUMNS))
        for offset, digit in enumerate(str(outcome.step.number)):
            marks[at + offset] = digit
    lines.append("        " + "".join(marks))
    head = "requests/s" if platform.shows_time else "of the highest rate"
    lines.append(f"        {head} over {end - start:.0f} s, the lowest of each moment; numbers: where a step broke "
                 "something")
    return "\n".join(lines)


def times_of(outcome):
    return [int(fields["ready_ns"]) / 1000 for _, fields in outcome.records if fields["outcome"] == "restarted"]


def result_of(outcome, platform):
    times = times_of(outcome)
    if outcome.step.kind == "storm":
        return f"{len(outcome.records)} faults, {len(times)} restarts"
    if not times:
        return "call ended" if outcome.records else "-"
    if not platform.shows_time:
        return "restarted"
    worst = max(times)
    return f"{worst:,.0f} µs" if worst < 10000 else f"{worst / 1000:,.0f} ms"


def curve(axis, samples, start, scale, colour):
    x, y = [sample.at - start for sample in samples], [sample.rate / scale for sample in samples]
    axis.fill_between(x, y, step="pre", color=colour, alpha=0.22, linewidth=0)
    axis.step(x, y, where="pre", color=colour, linewidth=1.3)


def mark(axis, outcome, start, top, is_low):
    colour, x = COLOURS.get(outcome.step.component, "#555555"), outcome.at - start
    axis.axvline(x, color=colour, linewidth=1.0, alpha=0.75, ymax=0.90 if is_low else 0.96)
    axis.annotate(str(outcome.step.number), (x, top * (1.115 if is_low else 1.19)), ha="center", va="center",
                  fontsize=8.5, color="white",
                  fontweight="bold", bbox={"boxstyle": "circle,pad=0.24", "facecolor": colour, "edgecolor": "none"},
                  annotation_clip=False)


def style(axis, label):
    axis.set_ylabel(label, fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color="#dddddd", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=9)


def table(figure, box, show, platform):
    """The steps in columns below the curves, by component."""
    left, bottom, width, height = box
    columns, per = 3, -(-len(show.outcomes) // 3)
    order = sorted(show.outcomes, key=lambda outcome: outcome.step.number)
    for index, outcome in enumerate(order):
        column, row = divmod(index, per)
        x, y = left + width * column / columns, bottom + height * (1 - (row + 0.5) / per)
        colour = COLOURS.get(outcome.step.component, "#555555")
        figure.text(x + 0.012, y, str(outcome.step.number), ha="center", va="center", fontsize=8, color="white",
                    fontweight="bold",
                    bbox={"boxstyle": "circle,pad=0.24", "facecolor": colour, "edgecolor": "none"})
        figure.text(x + 0.027, y, outcome.step.component, va="center", fontsize=9, color=colour, fontweight="bold")
        figure.text(x + 0.100, y, WORDS.get(outcome.step.kind, outcome.step.kind), va="center", fontsize=9,
                    color="#222222")
        figure.text(x + width / columns - 0.035, y, result_of(outcome, platform), va="center", ha="right", fontsize=9,
                    color="#222222")


def draw(path, show, monolith, platform, seed, end):
    try:
        import matplotlib
        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError:
        print("No picture: python3-matplotlib is missing; run scripts/setup.sh.")
        return False
    base = statistics.median(sample.rate for sample in show.load.samples if sample.rate) or 1.0
    scale, label = (1e3, "thousand requests/s") if platform.shows_time else (base / 100, "% of the usual rate")
    figure = plt.figure(figsize=(14, 8.6))
    upper, lower = figure.add_axes((0.055, 0.56, 0.93, 0.315)), figure.add_axes((0.055, 0.315, 0.93, 0.155))
    seconds = show.load.samples[-1].at - show.load.samples[0].at
    for axis, of, colour, is_low in ((upper, show, "#1f4e8c", False), (lower, monolith, "#8a8f98", True)):
        start, top = of.load.samples[0].at, max(sample.rate for sample in show.load.samples) / scale
        curve(axis, of.load.samples, start, scale, colour)
        for outcome in of.outcomes:
            mark(axis, outcome, start, top, is_low)
        axis.set_xlim(0, seconds)
        axis.set_ylim(0, top * (1.22 if is_low else 1.25))
        style(axis, label if not is_low else "")
    upper.set_title(f"separate: each component in a protection domain of its own. {len(show.outcomes)} steps, "
                    f"{sum(len(outcome.records) for outcome in show.outcomes)} faults, {end['wrong']} wrong replies, "
                    f"{end['lost']} acknowledged writes lost",
                    loc="left", fontsize=11, fontweight="bold", pad=8)
    died = next((sample.at for sample in reversed(monolith.load.samples) if sample.rate), monolith.load.samples[0].at)
    lower.set_title("monolith: the same attacks in one domain", loc="left", fontsize=11, fontweight="bold", pad=8)
    x = died - monolith.load.samples[0].at
    lower.annotate("the system has ended", (x, 0), xytext=(x + seconds * 0.03, lower.get_ylim()[1] * 0.45),
                   fontsize=11, color="#b02020",
                   arrowprops={"arrowstyle": "->", "color": "#b02020"})
    lower.set_xlabel("seconds", fontsize=10)
    table(figure, (0.03, 0.055, 0.955, 0.205), show, platform)
    figure.suptitle("Faults heal", x=0.03, y=0.975, ha="left", fontsize=17, fontweight="bold")
    figure.text(0.03, 0.918,
                f"redis-benchmark -t get -c {platform.clients}, a point every 250 ms; at each number something is "
                "broken on purpose"
                + ("; below: until it serves again, the longest of the step" if platform.shows_time else ""),
                fontsize=10, color="#444444")
    figure.text(0.03, 0.018, f"make demo-faults SEED={seed}; "
                f"{demo_picture.processor() if platform.shows_time else 'QEMU, no speed of a CPU'}, "
                f"Linux {machine.release().split('-')[0]}, {time.strftime('%Y-%m-%d')}", fontsize=8, color="#666666")
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return True
