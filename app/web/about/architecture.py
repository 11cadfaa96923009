"""The drawing of the network: extraction, interleaved branches, fusion, reconstruction, the residual (Eqs. 13-19).

Coordinates are pixels, x to the right and y down. The template ``about/architecture.svg`` has the markup.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from app.i18n import Text, say

# The paper's network (section 5.2).
BRANCHES, WRDBS = 4, 5

# A branch is a row, whose first WRDB begins at LEFT. A WRDB has its node before it and its output behind it.
LEFT, TOP, COLUMN, ROW = 270, 116, 130, 106
BOX_W, BOX_H, RADIUS, ARM = 78, 44, 11, 6
NODE_BEFORE, OUTPUT_BEHIND = 22, 12  # from the edges of a WRDB to its node and to where its output divides
FIRST_TURN, TURN = 36, 58  # below a row: where its last output, and where every output, turns to the next row

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A box with a name and an index in its middle.

    Attributes:
        kind: its style: ``block``, ``fusion``, ``input`` or none.
    """

    left: float
    top: float
    width: float
    height: float
    name: str
    index: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Way:
    """An arrow along points.

    Attributes:
        kind: its style: ``last`` (F_D of a branch), ``skip`` (the global residual) or none.
    """

    points: tuple[Point, ...]
    kind: str = ""


@dataclass(frozen=True)
class Drawing:
    """All that is drawn of a network.

    Attributes:
        branches, wrdbs: M and D of the network.
        width, height: of the drawing.
        boxes: operations, the WRDBs row by row.
        ways: of the states.
        nodes: centres of the AsyCA nodes.
        dots: where a state divides.
        sums: centres of the sums.
        branch_labels: the name of each branch, and where it begins.
        residual_label: the name of the global residual, and its middle.
        radius: of nodes and sums.
        arm: of the plus in a sum, from its centre.
    """

    branches: int
    wrdbs: int
    width: float
    height: float
    boxes: tuple[Box, ...]
    ways: tuple[Way, ...]
    nodes: tuple[Point, ...]
    dots: tuple[Point, ...]
    sums: tuple[Point, ...]
    branch_labels: tuple[tuple[Text, Point], ...]
    residual_label: tuple[Text, Point]
    radius: float = RADIUS
    arm: float = ARM


def draw(branches: int = BRANCHES, wrdbs: int = WRDBS) -> Drawing:
    """Lay out DIN with M ``branches`` of D ``wrdbs``."""
    numbers = range(1, branches + 1)
    bottom, right = row_y(branches), column_x(wrdbs) + BOX_W
    middle, wide_y = (TOP + bottom) / 2, bottom + 76
    deep_x, sum_x = right + 40, right + 108
    tail_x, out_x = sum_x + 44, sum_x + 198
    plus_x = tail_x + 90
    outlet = RADIUS + 2  # from the middle of a sum to the arrows at it
    boxes = [
        Box(16, TOP - 24, 72, 48, "I", "LQ", "input"),
        Box(112, TOP - 24, 64, 48, "H", "0"),
        *(
            Box(column_x(d), row_y(m) - BOX_H / 2, BOX_W, BOX_H, "WRDB", kind="block")
            for m, d in product(numbers, range(1, wrdbs + 1))
        ),
        Box(deep_x, TOP - 22, 44, bottom - TOP + 44, "GFF", "1", "fusion"),
        Box(LEFT, wide_y - 17, right - LEFT, 34, "GFF", "2", "fusion"),
        Box(tail_x, middle - 24, 60, 48, "H", "FR"),
        Box(out_x, middle - 24, 76, 48, "Î", "HQ", "input"),
    ]
    ways = [
        # The photo and its shallow features.
        way((88, TOP), (112, TOP)),
        way((176, TOP), (LEFT, TOP)),
        way((206, TOP), (206, wide_y), (LEFT, wide_y)),
        # The global residual.
        way((52, TOP - 24), (52, 40), (plus_x, 40), (plus_x, middle - outlet), kind="skip"),
        *(found for m in numbers for found in branch_ways(m, wrdbs)),
        # Global feature fusion of F_D of each branch, and of F_1 .. F_{D-1} of the last one.
        *(way((right, row_y(m)), (deep_x, row_y(m))) for m in numbers),
        *(way(output(branches, d), (output(branches, d)[0], wide_y - 17)) for d in range(1, wrdbs)),
        way((deep_x + 44, middle), (sum_x - outlet, middle)),
        way((right, wide_y), (sum_x, wide_y), (sum_x, middle + outlet)),
        # The tail.
        way((sum_x + outlet, middle), (tail_x, middle)),
        way((tail_x + 60, middle), (plus_x - outlet, middle)),
        way((plus_x + outlet, middle), (out_x, middle)),
    ]
    return Drawing(
        branches,
        wrdbs,
        width=out_x + 96,
        height=wide_y + 44,
        boxes=tuple(boxes),
        ways=tuple(ways),
        nodes=tuple(node(m, d) for m in numbers[1:] for d in range(1, wrdbs + 1)),
        dots=(
            (206, TOP),
            *(output(m, d) for m in numbers for d in range(1, wrdbs)),
            *(output(m, wrdbs) for m in numbers[:-1]),
        ),
        sums=((sum_x, middle), (plus_x, middle)),
        branch_labels=tuple((say("about.branch", number=m), (LEFT, row_y(m) - 29)) for m in numbers),
        residual_label=(say("about.residual"), ((52 + plus_x) / 2, 30)),
    )


def branch_ways(branch: int, wrdbs: int) -> Iterator[Way]:
    """Yield how states reach the WRDBs of a branch: in the first directly, in later ones through nodes (Eqs. 13-14)."""
    y, above = row_y(branch), row_y(branch - 1)
    for d in range(1, wrdbs):
        stop = column_x(d + 1) if branch == 1 else node(branch, d + 1)[0] - RADIUS
        yield way((column_x(d) + BOX_W, y), (stop, y))
    if branch == 1:
        return
    for d in range(1, wrdbs + 1):
        (x, _), (out_x, _) = node(branch, d), output(branch - 1, d)
        yield way((out_x, above), (out_x, above + TURN), (x, above + TURN), (x, y - RADIUS))
        yield way((x + RADIUS, y), (column_x(d), y))
    (x, _), (out_x, _), turn = node(branch, 1), output(branch - 1, wrdbs), above + FIRST_TURN
    yield way((out_x, above), (out_x, turn), (x - 24, turn), (x - 24, y), (x - RADIUS, y), kind="last")


def row_y(branch: int) -> float:
    """Return the middle of a branch, numbered from 1."""
    return TOP + (branch - 1) * ROW


def column_x(wrdb: int) -> float:
    """Return the left edge of a WRDB, numbered from 1."""
    return LEFT + (wrdb - 1) * COLUMN


def node(branch: int, wrdb: int) -> Point:
    """Return the centre of the node before a WRDB."""
    return column_x(wrdb) - NODE_BEFORE, row_y(branch)


def output(branch: int, wrdb: int) -> Point:
    """Return where F_d^m, the state behind a WRDB, divides among those that take it."""
    return column_x(wrdb) + BOX_W + OUTPUT_BEHIND, row_y(branch)


def way(*points: Point, kind: str = "") -> Way:
    return Way(points, kind)
