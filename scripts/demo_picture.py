# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""demo_picture.py - the table of make demo as a picture.

Interface: draw(path, results, workloads, figures, domains, load, measured) -> bool; False, and a sentence, where
matplotlib is missing. results {(configuration, workload): [{what: value}]}, figures {what: unit}, domains
{configuration: how many}.
Bars are medians, whiskers the range of all rounds, the number on a bar its ratio to the first configuration.
"""
import platform
import statistics
import time

COLOURS = ("#9aa5b1", "#5b8ec9", "#1f4e8c", "#17734a", "#c46210")
# unit: (title, scale, axis)
PANELS = {"requests/s": ("requests/s (more is better)", 1e3, "thousand requests/s"),
          "cycles/request": ("server cycles per request (less is better)", 1e3, "thousand cycles"),
          "instructions/request": ("instructions per request (less is better)", 1e3, "thousand instructions"),
          "crossings/request": ("gate crossings per request", 1, "crossings")}


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as text:
        return next((line.split(":", 1)[1].strip() for line in text if line.startswith("model name")), platform.machine())


def draw_panel(axis, what, unit, names, results, domains, titled):
    title, scale, label = PANELS[unit]
    configs = list(domains)
    width = 0.8 / len(configs)
    for index, config in enumerate(configs):
        legend = f"{config} ({domains[config]} domain{'s' if domains[config] != 1 else ''})"
        for place, name in enumerate(names):
            values = [sample[what] / scale for sample in results[config, name]]
            middle = statistics.median(values)
            base = statistics.median(sample[what] / scale for sample in results[configs[0], name])
            x = place + (index - (len(configs) - 1) / 2) * width
            axis.bar(x, middle, width * 0.94, color=COLOURS[index % len(COLOURS)], label=legend if place == 0 else None,
                     yerr=[[middle - min(values)], [max(values) - middle]], ecolor="#555555", capsize=3)
            note = f"{middle:.2f}" if what == "crossings" else f"{middle / base:.2f}"
            axis.annotate(note, (x, max(values)), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=9)
    if titled:
        axis.set_title(title, fontsize=11, loc="left", fontweight="bold")
    axis.set_ylabel(label)
    axis.set_xticks(range(len(names)), [name.replace(", ", "\n") for name in names])
    axis.tick_params(axis="x", length=0)
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(y=0.12)
    axis.set_ylim(bottom=0)


def draw(path, results, workloads, figures, domains, load, measured):
    try:
        import matplotlib
        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError:
        print("No picture: python3-matplotlib is missing; run scripts/setup.sh.")
        return False
    # A row for those with a pipeline and one for those without, for their scales differ by an order of magnitude.
    rows = [[name for name in workloads if "pipeline" not in name], [name for name in workloads if "pipeline" in name]]
    rows = [row for row in rows if row]
    figures = {what: unit for what, unit in figures.items() if unit in PANELS}
    size = (4 + 3 * len(figures), 3.4 * len(rows) + 1.2)
    figure, axes = plt.subplots(len(rows), len(figures), figsize=size, squeeze=False)
    for row, names in enumerate(rows):
        for axis, (what, unit) in zip(axes[row], figures.items()):
            draw_panel(axis, what, unit, names, results, domains, row == 0)
    rounds, first = len(next(iter(results.values()))), next(iter(domains))
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper right", ncols=len(domains), frameon=False, fontsize=10,
                  bbox_to_anchor=(0.99, 0.985))
    figure.suptitle("What isolation costs a Redis client", x=0.01, y=0.98, ha="left", fontsize=14, fontweight="bold")
    figure.text(0.01, 0.015, f"{load}; medians of {rounds} interleaved rounds, whiskers: all rounds; numbers on bars: "
                f"ratio to {first}, or crossings.\n{measured}, Linux {platform.release().split('-')[0]}, "
                f"{time.strftime('%Y-%m-%d')}", fontsize=8, color="#555555")
    figure.tight_layout(rect=(0, 0.05, 1, 0.97))
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return True
