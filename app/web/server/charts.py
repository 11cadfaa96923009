"""The coordinates of the panel's charts, in pixels, y down; ``templates/server/charts.html`` has their markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.web.server.traffic import WINDOW_S, Interval

LINE_HEIGHT, LINE_WIDTH = 72, 360  # before it is scaled to its place
BAR_HEIGHT, LABEL_HEIGHT, CHARACTER_WIDTH, GAP = 22, 14, 7, 10


@dataclass(frozen=True)
class Line:
    """A line over time, now at the right, over a filled area.

    Attributes:
        points: (x, y) from old to new.
    """

    points: tuple[tuple[float, float], ...]
    width: int = LINE_WIDTH
    height: int = LINE_HEIGHT


@dataclass(frozen=True)
class Bar:
    """A bar and what stands below it."""

    left: float
    width: float
    height: float
    name: str


@dataclass(frozen=True)
class Bars:
    """Bars from left to right.

    Attributes:
        ground: y on which the bars stand.
        height: with the names below.
    """

    bars: tuple[Bar, ...]
    width: float
    ground: int = BAR_HEIGHT
    height: int = BAR_HEIGHT + LABEL_HEIGHT


def sparkline(intervals: Sequence[Interval]) -> Line:
    """Lay out the rates of the last minute as a line of steps; the highest rate is at the top.

    Args:
        intervals: from old to new.
    """
    top = max([interval.rate for interval in intervals], default=0.0) or 1.0
    return Line(
        tuple(
            (
                round(LINE_WIDTH * (1 - at_s / WINDOW_S), 1),
                round(LINE_HEIGHT - 1 - (LINE_HEIGHT - 4) * interval.rate / top, 1),
            )
            for interval in intervals
            for at_s in (interval.start_s, interval.end_s)
        )
    )


def batch_bars(batches: Mapping[int, int]) -> Bars:
    """Lay out how many batches of each size were run, a bar for each size with ``size: count`` below.

    Args:
        batches: size to count.
    """
    names = {size: f"{size}: {count:,}" for size, count in sorted(batches.items())}
    width = CHARACTER_WIDTH * max(map(len, names.values()), default=0)
    most = max(batches.values(), default=1)
    bars = tuple(
        # A single batch among thousands is still seen.
        Bar(place * (width + GAP), width, round(max(2.0, BAR_HEIGHT * batches[size] / most), 1), name)
        for place, (size, name) in enumerate(names.items())
    )
    return Bars(bars, len(bars) * (width + GAP) - GAP if bars else 0)
