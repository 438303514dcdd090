#!/usr/bin/env python3
"""Cost against the number of tunnels, as SVG.

    tests/bench/chart.py build/bench/scale.jsonl >build/bench/scale.svg
"""

import json
import math
import sys

# Of the figures of childless tunnels, in this order.
PANELS = (
    "up from cold: CPU a tunnel",
    "memory a tunnel",
    "CPU a second, idle",
    "status as JSON",
    "configure",
    "rekey: CPU a tunnel",
)
ACROSS = 3
WIDTH, HEIGHT, MARGIN, HEAD = 300, 220, 52, 34
SIDES = (("ours", "#0b6e4f", ""), ("peer", "#b23a48", ' stroke-dasharray="5 3"'))


def read(lines):
    """By figure: its unit, and what each side took at each number of tunnels."""
    out = {}
    for it in map(json.loads, lines):
        if not it["variant"].endswith("childless"):
            continue
        unit, points = out.setdefault(it["figure"], (it["unit"], {"ours": [], "peer": []}))
        for side in points:
            # What took less than a tick of the clock has no place on a logarithmic scale.
            if it[side]:
                points[side].append((int(it["variant"].split()[0]), it[side]))
    return out


def scale(values, least, most):
    """From a value to a place, logarithmic, between powers of ten."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    decades = [10.0**power for power in range(low, high + 1)]
    return lambda it: least + (most - least) * (math.log10(it) - low) / (high - low), decades


def panel(left, top, name, unit, points):
    every = [point for side in points.values() for point in side]
    x, x_decades = scale([count for count, _ in every], left + MARGIN, left + WIDTH - 14)
    y, y_decades = scale([value for _, value in every], top + HEIGHT - 26, top + HEAD)
    yield f'<text x="{left + MARGIN}" y="{top + 18}" font-weight="bold">{name}, {unit}</text>'
    for it in y_decades:
        yield (f'<line x1="{x(x_decades[0]):.1f}" x2="{x(x_decades[-1]):.1f}" y1="{y(it):.1f}" '
               f'y2="{y(it):.1f}" stroke="#ddd"/>')
        yield f'<text x="{left + MARGIN - 6}" y="{y(it) + 4:.1f}" text-anchor="end">{it:g}</text>'
    for it in x_decades:
        yield (f'<line x1="{x(it):.1f}" x2="{x(it):.1f}" y1="{y(y_decades[0]):.1f}" '
               f'y2="{y(y_decades[-1]):.1f}" stroke="#ddd"/>')
        yield f'<text x="{x(it):.1f}" y="{top + HEIGHT - 10}" text-anchor="middle">{it:,.0f}</text>'
    for side, colour, dashes in SIDES:
        places = [f"{x(count):.1f},{y(value):.1f}" for count, value in points[side]]
        yield (f'<polyline points="{" ".join(places)}" fill="none" stroke="{colour}" '
               f'stroke-width="2"{dashes}/>')
        for place in places:
            at_x, at_y = place.split(",")
            yield f'<circle cx="{at_x}" cy="{at_y}" r="3" fill="{colour}"/>'


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        figures = read(file)
    # A quick run has some that took less than a tick everywhere.
    shown = [name for name in PANELS if name in figures and any(figures[name][1].values())]
    rows = math.ceil(len(shown) / ACROSS)
    width, height = ACROSS * WIDTH, rows * HEIGHT + 30
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for i, name in enumerate(shown):
        left, top = i % ACROSS * WIDTH, i // ACROSS * HEIGHT
        lines += panel(left, top, name, *figures[name])
    at = MARGIN
    for (side, colour, dashes), label in zip(SIDES, ("ipsecd", "charon")):
        lines.append(f'<line x1="{at}" x2="{at + 30}" y1="{height - 14}" y2="{height - 14}" '
                     f'stroke="{colour}" stroke-width="2"{dashes}/>')
        lines.append(f'<text x="{at + 36}" y="{height - 10}">{label}</text>')
        at += 110
    lines.append(f'<text x="{at}" y="{height - 10}">against the number of tunnels; both scales '
                 "logarithmic</text>")
    lines.append("</svg>")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
