"""The network, drawn: extraction, interleaved branches, fusion, reconstruction and the global residual (Eqs. 13-19)."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import product

from app.i18n import say

# Of the paper's network (section 5.2).
BRANCHES, WRDBS = 4, 5

# Pixels. A branch is a row: its first WRDB begins at LEFT, and each has its node before it and its output behind it.
LEFT, TOP, COLUMN, ROW = 270, 116, 130, 106
BOX_W, BOX_H, RADIUS = 78, 44, 11
NODE_BEFORE, OUTPUT_BEHIND = 22, 12  # from a WRDB's edges to its node and to where its output parts
FIRST_TURN, TURN = 36, 58  # below a row: where its last output, and where each one, turns to the next row

LEGEND = {  # as drawn, and the sentence that tells what it is
    "I<sub>LQ</sub>": "about.legend_input",
    "H<sub>0</sub>": "about.legend_extraction",
    "WRDB": "about.legend_wrdb",
    '<i class="din-node"></i> AsyCA': "about.legend_asyca",
    '<i class="din-last"></i> F<sub>D</sub>': "about.legend_last",
    "GFF": "about.legend_gff",
    "H<sub>FR</sub>": "about.legend_reconstruction",
    "Î<sub>HQ</sub>": "about.legend_output",
}

Point = tuple[float, float]


def architecture_svg(language: str, branches: int = BRANCHES, wrdbs: int = WRDBS) -> str:
    """DIN with M ``branches`` of D ``wrdbs``, labelled in a language; its colours follow the theme."""
    bottom, right = TOP + (branches - 1) * ROW, LEFT + (wrdbs - 1) * COLUMN + BOX_W
    middle, wide_y = (TOP + bottom) / 2, bottom + 76
    deep_x, sum_x = right + 40, right + 108
    tail_x, out_x = sum_x + 44, sum_x + 198
    plus_x = tail_x + 90
    size = (out_x + 96, wide_y + 44)
    last = range(1, branches + 1)
    marks = [
        # The photo, its shallow features, and the ways they take.
        box((16, TOP - 24), (72, 48), "I", "LQ", "input"),
        box((112, TOP - 24), (64, 48), "H", "0", ""),
        arrow((88, TOP), (112, TOP)),
        arrow((176, TOP), (LEFT, TOP)),
        arrow((206, TOP), (206, wide_y), (LEFT, wide_y)),
        dot((206, TOP)),
        # The global residual.
        arrow((52, TOP - 24), (52, 40), (plus_x, 40), (plus_x, middle - RADIUS - 2), kind="skip"),
        *(block(m, d) for m, d in product(last, range(1, wrdbs + 1))),
        *(mark for m in last for mark in branch_ways(m, wrdbs)),
        # Global feature fusion: what each branch ends with, and what the last one held on the way.
        *(arrow((right, row_y(m)), (deep_x, row_y(m))) for m in last),
        *(arrow(output(branches, d), (output(branches, d)[0], wide_y - 17)) for d in range(1, wrdbs)),
        box((deep_x, TOP - 22), (44, bottom - TOP + 44), "GFF", "1", "fusion"),
        box((LEFT, wide_y - 17), (right - LEFT, 34), "GFF", "2", "fusion"),
        arrow((deep_x + 44, middle), (sum_x - RADIUS - 2, middle)),
        arrow((right, wide_y), (sum_x, wide_y), (sum_x, middle + RADIUS + 2)),
        plus((sum_x, middle)),
        arrow((sum_x + RADIUS + 2, middle), (tail_x, middle)),
        box((tail_x, middle - 24), (60, 48), "H", "FR", ""),
        arrow((tail_x + 60, middle), (plus_x - RADIUS - 2, middle)),
        plus((plus_x, middle)),
        arrow((plus_x + RADIUS + 2, middle), (out_x, middle)),
        box((out_x, middle - 24), (76, 48), "Î", "HQ", "input"),
        *(label((LEFT, row_y(m) - 29), say("about.branch", number=m).into(language), "start") for m in last),
        label(((52 + plus_x) / 2, 30), say("about.residual").into(language)),
    ]
    title, told = (escape(say(key).into(language)) for key in ("about.drawing", "about.network"))
    return (
        f'<svg class="din-drawing" viewBox="0 0 {size[0]:.0f} {size[1]:.0f}" role="img" '
        f'aria-labelledby="din-drawing-title din-drawing-text"><title id="din-drawing-title">{title}</title>'
        f'<desc id="din-drawing-text">{told}</desc>'
        '<defs><marker id="din-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0.5 8 4 0 7.5z"/></marker></defs>{"".join(marks)}</svg>'
    )


def row_y(branch: int) -> float:
    return TOP + (branch - 1) * ROW


def column_x(wrdb: int) -> float:
    return LEFT + (wrdb - 1) * COLUMN


def output(branch: int, wrdb: int) -> Point:
    """Where F_d^m, the state behind a WRDB, parts to those that take it."""
    return column_x(wrdb) + BOX_W + OUTPUT_BEHIND, row_y(branch)


def block(branch: int, wrdb: int) -> str:
    return box((column_x(wrdb), row_y(branch) - BOX_H / 2), (BOX_W, BOX_H), "WRDB", "", "block")


def branch_ways(branch: int, wrdbs: int) -> Iterable[str]:
    """How states reach the WRDBs of a branch: in the first directly, in later ones through nodes (Eqs. 13-14)."""
    y = row_y(branch)
    for d in range(1, wrdbs):
        yield dot(output(branch, d))
        start = column_x(d) + BOX_W
        stop = column_x(d + 1) if branch == 1 else column_x(d + 1) - NODE_BEFORE - RADIUS
        yield arrow((start, y), (stop, y))
    if branch == 1:
        return
    above = row_y(branch - 1)
    for d in range(1, wrdbs + 1):
        node, (x, _) = column_x(d) - NODE_BEFORE, output(branch - 1, d)
        yield arrow((x, above), (x, above + TURN), (node, above + TURN), (node, y - RADIUS))
        yield arrow((node + RADIUS, y), (column_x(d), y))
        yield f'<circle class="node" cx="{node}" cy="{y}" r="{RADIUS}"/>'
    node, (x, _) = LEFT - NODE_BEFORE, output(branch - 1, wrdbs)
    yield dot((x, above))
    turn = above + FIRST_TURN
    yield arrow((x, above), (x, turn), (node - 24, turn), (node - 24, y), (node - RADIUS, y), kind="last")


def box(at: Point, size: tuple[float, float], name: str, index: str, kind: str) -> str:
    """A box of (w, h) from its upper left corner, with a name and its index in the middle."""
    x, y = at[0] + size[0] / 2, at[1] + size[1] / 2 + 5
    below = f'<tspan class="index" dy="4">{index}</tspan>' if index else ""
    return (
        f'<rect class="{kind}" x="{at[0]}" y="{at[1]}" width="{size[0]}" height="{size[1]}" rx="8"/>'
        f'<text x="{x}" y="{y}" text-anchor="middle">{name}{below}</text>'
    )


def arrow(*points: Point, kind: str = "") -> str:
    way = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<polyline class="way {kind}" points="{way}" marker-end="url(#din-tip)"/>'


def dot(at: Point) -> str:
    return f'<circle class="dot" cx="{at[0]}" cy="{at[1]}" r="3"/>'


def plus(at: Point) -> str:
    x, y, arm = at[0], at[1], RADIUS - 5
    cross = f"M{x - arm} {y}H{x + arm}M{x} {y - arm}V{y + arm}"
    return f'<circle class="plus" cx="{x}" cy="{y}" r="{RADIUS}"/><path class="way" d="{cross}"/>'


def label(at: Point, text: str, anchor: str = "middle") -> str:
    return f'<text class="label" x="{at[0]}" y="{at[1]}" text-anchor="{anchor}">{escape(text)}</text>'


def legend_html(language: str) -> str:
    """The drawing's names, and what each means."""
    entries = "".join(
        f"<div><dt>{name}</dt><dd>{escape(say(key).into(language))}</dd></div>" for name, key in LEGEND.items()
    )
    return f'<dl class="din-legend">{entries}</dl>'
