# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""demo_picture.py - the table of make demo as a picture.

Interface: draw(path, configs, workloads, results, domains, khz) -> bool; False, and a sentence, where matplotlib is missing.
Bars are medians, whiskers the range of all rounds, the number on a bar its ratio to the first configuration.
"""
import platform
import statistics
import time

COLOURS = ("#9aa5b1", "#5b8ec9", "#1f4e8c", "#17734a", "#c46210")
PANELS = ((0, "requests/s (more is better)", 1e3, "thousand requests/s"),
          (1, "server cycles per request (less is better)", 1e3, "thousand cycles"),
          (2, "gate crossings per request", 1, "crossings"))


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as text:
        return next((line.split(":", 1)[1].strip() for line in text if line.startswith("model name")), platform.machine())


def draw_panel(axis, panel, configs, names, results, domains, titled):
    column, title, scale, unit = panel
    width = 0.8 / len(configs)
    for index, config in enumerate(configs):
        label = f"{config} ({domains[config]} domain{'s' if domains[config] != 1 else ''})"
        for place, name in enumerate(names):
            values = [sample[column] / scale for sample in results[config, name]]
            middle = statistics.median(values)
            base = statistics.median(sample[column] / scale for sample in results[configs[0], name])
            x = place + (index - (len(configs) - 1) / 2) * width
            axis.bar(x, middle, width * 0.94, color=COLOURS[index % len(COLOURS)], label=label if place == 0 else None,
                     yerr=[[middle - min(values)], [max(values) - middle]], ecolor="#555555", capsize=3)
            note = f"{middle:.2f}" if column == 2 else f"{middle / base:.2f}"
            axis.annotate(note, (x, max(values)), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=9)
    if titled:
        axis.set_title(title, fontsize=11, loc="left", fontweight="bold")
    axis.set_ylabel(unit)
    axis.set_xticks(range(len(names)), names)
    axis.tick_params(axis="x", length=0)
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(y=0.12)
    axis.set_ylim(bottom=0)


def draw(path, configs, workloads, results, domains, khz):
    try:
        import matplotlib
        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError:
        print("No picture: python3-matplotlib is missing; run scripts/setup.sh.")
        return False
    # A row per pipeline depth, for their scales differ by an order of magnitude.
    rows = [[name for name in workloads if "pipeline" not in name], [name for name in workloads if "pipeline" in name]]
    rows = [row for row in rows if row]
    figure, axes = plt.subplots(len(rows), len(PANELS), figsize=(13, 3.4 * len(rows) + 1.2), squeeze=False)
    for row, names in enumerate(rows):
        for axis, panel in zip(axes[row], PANELS):
            draw_panel(axis, panel, configs, names, results, domains, row == 0)
    rounds = len(next(iter(results.values())))
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper right", ncols=len(configs), frameon=False, fontsize=10, bbox_to_anchor=(0.99, 0.985))
    figure.suptitle("What isolation costs a Redis client", x=0.01, y=0.98, ha="left", fontsize=14, fontweight="bold")
    figure.text(0.01, 0.015, f"redis-benchmark over TAP; medians of {rounds} interleaved rounds, whiskers: all rounds; "
                f"numbers on bars: ratio to {configs[0]}, or crossings.  {processor()}, TSC {khz / 1000:.0f} MHz, Linux "
                f"{platform.release().split('-')[0]}, {time.strftime('%Y-%m-%d')}", fontsize=8, color="#555555")
    figure.tight_layout(rect=(0, 0.03, 1, 0.97))
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return True
