# SPDX-License-Identifier: BSD-3-Clause
# SPDX-FileCopyrightText: The Cloister authors
"""partition.py - the partition of a built configuration, as a table (make domains) or as a picture (make graph).

Usage: partition.py domains|graph <folder>; the folder holds audit.json. graph writes <folder>/graph.svg.
The picture shows callers above callees. Every domain calls the monitor, and the monitor starts every domain: these edges
are numbers in the boxes, for as lines they would hide the others.
"""
import html
import os
import sys

sys.dont_write_bytecode = True
import audit

TRUSTED = ("monitor", "nucleus")
BOX_WIDTH, BOX_HEIGHT, COLUMN, LANE, ROW, MARGIN = 214, 92, 280, 60, 210, 40
TITLE_HEIGHT, BAR_HEIGHT = 84, 54
FUNCTIONS_SHOWN = 4
COLOURS = {"full": "#1f4e8c", "light": "#c46210", "give": "#17734a", "gives": "#17734a", "none": "#666666"}
MEANINGS = (("full", "full gate"), ("gives", "full gate that gives objects"), ("light", "light gate"),
            ("none", "function call, no gate"))


def pairs(edges):
    """{(caller, callee): [edge]}"""
    found = {}
    for edge in edges:
        found.setdefault((edge["caller"], edge["callee"]), []).append(edge)
    return found


def table(folder):
    data = audit.load(folder)
    yield f"{data['name']}: platform {data['platform']}, backend {data['backend']}"
    rows = [("domain", "key", "components", "gates in", "gates out", "stack/thread", "heap", "persistent")]
    for row in data["domains"]:
        incoming = [edge for edge in data["edges"] if edge["callee"] == row["name"]]
        outgoing = [edge for edge in data["edges"] if edge["caller"] == row["name"]]
        rows.append((row["name"], "-" if data["backend"] == "none" else str(row["pkey"]), " ".join(row["components"]),
                     str(len(incoming)), str(len(outgoing)), f"{row['stack_kib']} KiB", f"{row['heap_kib']} KiB", f"{row['persist_kib']} KiB"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(text.rjust(width) if column > 2 else text.ljust(width)
                        for column, (text, width) in enumerate(zip(row, widths))).rstrip()
    between = {pair: edges for pair, edges in pairs(data["edges"]).items() if not set(pair) & set(TRUSTED)}
    if data["backend"] == "none":
        yield "one domain: all calls are function calls, nothing is isolated"
    for (caller, callee), edges in sorted(between.items()):
        yield f"{caller} -> {callee}: " + ", ".join(
            edge["function"] + ("" if edge["kind"] == "full" else f" ({edge['kind']})") for edge in edges)


def layers(names, calls, size):
    """Rows of names, callers above callees: the longest path from a domain that nobody calls; cycles are cut."""
    depth = dict.fromkeys(names, 0)

    def sink(name, path):
        for callee in sorted(calls.get(name, ())):
            if callee not in path:
                if depth[callee] < depth[name] + 1:
                    depth[callee] = depth[name] + 1
                    sink(callee, path | {callee})
    called = {callee for callees in calls.values() for callee in callees}
    for name in sorted(name for name in names if name not in called):
        sink(name, {name})
    # A circle of calls has no top: the domain with the most components is put there.
    for name in sorted(names, key=lambda name: (-size[name], name)):
        if not depth[name] and name in called and calls.get(name):
            sink(name, {name})
            break
    # Whom nobody calls and who calls nobody sits at the bottom, next to the monitor.
    alone = [name for name in names if name not in called and not calls.get(name)]
    last = max(depth.values(), default=0)
    for name in alone:
        depth[name] = last
    rows = [[name for name in sorted(names) if depth[name] == level] for level in range(last + 1)]
    # A call that skips rows gets a place in each of them, so that its line goes between the boxes.
    for caller in sorted(calls):
        for callee in sorted(calls[caller]):
            top, bottom = sorted((depth[caller], depth[callee]))
            for between in range(top + 1, bottom):
                rows[between].append((caller, callee))
    for above, row in zip(rows, rows[1:]):
        def centre(item):
            near = {item[0], item[1], item} if isinstance(item, tuple) else {
                other for other in names if item in calls.get(other, ()) or other in calls.get(item, ())}
            at = [index for index, other in enumerate(above) if other in near
                  or isinstance(other, tuple) and item in other]
            return (sum(at) / len(at) if at else len(above), str(item))
        row.sort(key=centre)
    return rows


class Picture:
    def __init__(self, width, height):
        self.lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
                      f'height="{height}" font-family="DejaVu Sans, Helvetica, Arial, sans-serif">',
                      "<defs>"]
        for kind, colour in COLOURS.items():
            self.lines.append(f'<marker id="{kind}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="5.5" markerHeight="5.5" '
                              f'orient="auto"><path d="M0 0 L10 5 L0 10 z" fill="{colour}"/></marker>')
        self.lines.append(f'</defs><rect width="{width}" height="{height}" fill="white"/>')

    def box(self, x, y, width, height, fill, stroke):
        self.lines.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="8" fill="{fill}" '
                          f'stroke="{stroke}" stroke-width="1.6"/>')

    def text(self, x, y, words, size=13, weight="normal", colour="#222222", anchor="middle"):
        self.lines.append(f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" font-weight="{weight}" fill="{colour}" '
                          f'text-anchor="{anchor}">{html.escape(words)}</text>')

    def arrow(self, path, kind):
        self.lines.append(f'<path d="{path}" fill="none" stroke="{COLOURS[kind]}" stroke-width="2.2" '
                          f'marker-end="url(#{kind})"/>')


def shorten(text, most=30):
    return text if len(text) <= most else text[:most - 3] + "..."


def strongest(edges):
    kinds = {edge["kind"] for edge in edges}
    return next((kind for kind in ("gives", "give", "full", "light") if kind in kinds), "none")


def curve(x1, y1, x2, y2, bend=None):
    """A curve that leaves and arrives vertically; bend: both ends are at the bottoms of boxes."""
    out, back = (bend, bend) if bend else ((y2 - y1) * 0.5, (y1 - y2) * 0.5)
    return f" C{x1:.0f} {y1 + out:.0f} {x2:.0f} {y2 + back:.0f} {x2:.0f} {y2:.0f}"


def ports(ends):
    """{(box, side, key): offset}: the arrows at one side of a box are spread over it, in the order of their far ends."""
    sides = {}
    for box, side, key, far in ends:
        sides.setdefault((box, side), []).append((far, key))
    spread = {}
    for (box, side), members in sides.items():
        for index, (_, key) in enumerate(sorted(members)):
            spread[box, side, key] = BOX_WIDTH * ((index + 1) / (len(members) + 1) - 0.5) * 0.9
    return spread


def draw(folder):
    data = audit.load(folder)
    domains = {row["name"]: row for row in data["domains"]}
    names = [name for name in domains if name not in TRUSTED]
    between = {pair: edges for pair, edges in pairs(data["edges"]).items() if not set(pair) & set(TRUSTED)}
    calls = {}
    for caller, callee in between:
        calls.setdefault(caller, set()).add(callee)
    rows = layers(names, calls, {name: len(domains[name]["components"]) for name in names})
    level = {name: number for number, row in enumerate(rows) for name in row}
    beside = any(level[caller] == level[callee] == len(rows) - 1 for caller, callee in between)
    room = lambda item: COLUMN if isinstance(item, str) else LANE
    width = max(3 * COLUMN, *(sum(map(room, row)) for row in rows)) + 2 * MARGIN
    bars_top = TITLE_HEIGHT + (len(rows) - 1) * ROW + BOX_HEIGHT + (140 if beside else 46)
    height = bars_top + 2 * (BAR_HEIGHT + 12) + 50
    picture = Picture(width, height)

    place = {}
    for number, row in enumerate(rows):
        x = (width - sum(map(room, row))) / 2
        for item in row:
            key = item if isinstance(item, str) else (*item, number)
            place[key] = (x + room(item) / 2, TITLE_HEIGHT + number * ROW)
            x += room(item)
    picture.text(MARGIN, 36, f"{data['name']}: {len(names)} domain{'s' if len(names) != 1 else ''}", 21, "bold", anchor="start")
    picture.text(MARGIN, 60, f"platform {data['platform']}, backend {data['backend']}; an arrow is a caller's right to enter "
                 "through the gates that it names", 13, colour="#555555", anchor="start")

    def beyond(box, other, row):
        """Where the line of a call comes from or goes to, seen from one of its boxes."""
        key = (box, other, row) if (box, other, row) in place else (other, box, row)
        return place[key if key in place else other][0]
    ends = []
    for caller, callee in between:
        below = level[callee] > level[caller]
        same = level[callee] == level[caller]
        # Calls in one row and upwards leave at the bottom and arrive at the bottom; others go straight down.
        ends.append((caller, "bottom" if below or same else "top", (caller, callee), beyond(caller, callee, level[caller] + (1 if below else -1))))
        ends.append((callee, "top" if below else "bottom", (caller, callee), beyond(callee, caller, level[callee] + (-1 if below else 1))))
    spread = ports(ends)
    labels = []
    for (caller, callee), edges in sorted(between.items()):
        key, kind = (caller, callee), strongest(edges)
        below, same = level[callee] > level[caller], level[callee] == level[caller]
        start = "bottom" if below or same else "top"
        end = "top" if below else "bottom"
        x1, x2 = (place[name][0] + spread[name, side, key] for name, side in ((caller, start), (callee, end)))
        y1 = place[caller][1] + (BOX_HEIGHT if start == "bottom" else 0)
        y2 = place[callee][1] + (BOX_HEIGHT if end == "bottom" else 0)
        path = f"M{x1:.0f} {y1:.0f}"
        for row in range(level[caller] + 1, level[callee]) if below else range(level[caller] - 1, level[callee], -1):
            x, y = place[caller, callee, row]
            near, far = (y, y + BOX_HEIGHT) if below else (y + BOX_HEIGHT, y)
            path += curve(x1, y1, x, near) + f" L{x:.0f} {far:.0f}"
            x1, y1 = x, far
        picture.arrow(path + curve(x1, y1, x2, y2, 70 if same else None), kind)
        x, y = (x1 + x2) / 2, (y1 + y2) / 2 + (52 if same else 0)
        if (callee, caller) in between and not same:
            # Two directions: each name on its own side of the two lines.
            other = sum(spread[name, side, (callee, caller)] for name, side in ((callee, end), (caller, start)))
            mine = spread[caller, start, key] + spread[callee, end, key]
            wide = max(len(edge["function"]) for edge in edges) * 3.7 + 10
            x += wide if mine > other else -wide
        labels.append((x, y, edges, kind))
    lift(labels)
    for x, y, edges, kind in labels:
        lines = [edge["function"] for edge in edges[:FUNCTIONS_SHOWN]]
        if len(edges) > FUNCTIONS_SHOWN:
            lines.append(f"and {len(edges) - FUNCTIONS_SHOWN} more")
        wide = max(map(len, lines)) * 7.4 + 12
        top = y - len(lines) * 8
        picture.lines.append(f'<rect x="{x - wide / 2:.0f}" y="{top - 4:.0f}" width="{wide:.0f}" '
                             f'height="{len(lines) * 16 + 6}" rx="4" fill="white" fill-opacity="0.93"/>')
        for number, line in enumerate(lines):
            edge = edges[number] if number < FUNCTIONS_SHOWN else None
            picture.text(x, top + 11 + number * 16, line, 12, colour=COLOURS[edge["kind"] if edge else kind])

    count = lambda caller, callee: sum(edge["caller"] == caller and edge["callee"] == callee for edge in data["edges"])
    for name in names:
        x, y = place[name]
        row = domains[name]
        picture.box(x - BOX_WIDTH / 2, y, BOX_WIDTH, BOX_HEIGHT, "#eaf1fb" if data["backend"] == "mpk" else "#f0f0f0", "#1f4e8c")
        picture.text(x, y + 24, name + (f"  (key {row['pkey']})" if data["backend"] == "mpk" else "  (no key)"), 15, "bold")
        members = shorten(" ".join(row["components"]), 34)
        picture.text(x, y + 43, members if row["components"] != [name] else "one component", 11, colour="#333333")
        kept = f", kept {row['persist_kib']} KiB" if row["persist_kib"] else ""
        picture.text(x, y + 61, f"stack {row['stack_kib']} KiB, heap {row['heap_kib']} KiB{kept}", 11, colour="#555555")
        picture.text(x, y + 79, f"monitor: calls {count(name, 'monitor')}, is called by {count('monitor', name)}", 11,
                     colour="#555555")
    for index, (name, what) in enumerate((("monitor", "threads, events, owners of shared objects; starts every domain"),
                                          ("nucleus", "memory and keys; only the monitor calls it"))):
        y = bars_top + index * (BAR_HEIGHT + 12)
        picture.box(MARGIN, y, width - 2 * MARGIN, BAR_HEIGHT, "#fbf3e4" if name == "monitor" else "#f6e3e0", "#8c5a1f")
        key = f"  (key {domains[name]['pkey']})" if data["backend"] == "mpk" else ""
        picture.text(width / 2, y + 23, f"{name}{key}", 15, "bold")
        callers = [edge for edge in data["edges"] if edge["callee"] == name]
        picture.text(width / 2, y + 42, f"{what}; {len(callers)} {'gates' if data['backend'] == 'mpk' else 'calls'} in", 12,
                     colour="#555555")
    kinds = {edge["kind"] for edges in between.values() for edge in edges}
    x = MARGIN
    for kind, meaning in MEANINGS:
        if kind in kinds:
            picture.arrow(f"M{x} {height - 26} H{x + 44}", kind)
            picture.text(x + 52, height - 22, meaning, 12, anchor="start")
            x += 90 + 8 * len(meaning)
    picture.lines.append("</svg>")
    return "\n".join(picture.lines) + "\n"


def lift(labels):
    """Moves labels that would cover each other apart, downwards."""
    labels.sort(key=lambda label: (label[1], label[0]))
    for index, (x, y, edges, kind) in enumerate(labels):
        for other_x, other_y, other_edges, _ in labels[:index]:
            wide = (max(len(e["function"]) for e in edges) + max(len(e["function"]) for e in other_edges)) * 3.8
            tall = (min(len(edges), FUNCTIONS_SHOWN + 1) + min(len(other_edges), FUNCTIONS_SHOWN + 1)) * 8 + 6
            if abs(x - other_x) < wide and abs(y - other_y) < tall:
                y = other_y + tall
        labels[index] = (x, y, edges, kind)


def main():
    command, folder = sys.argv[1:]
    if command == "domains":
        print("\n".join(table(folder)))
        return 0
    path = os.path.join(folder, "graph.svg")
    with open(path, "w", encoding="utf-8") as out:
        out.write(draw(folder))
    print(f"written to {os.path.relpath(path)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
