"""Small charts as inline SVG, in the page's colours (assets/tabs.css)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from app.web.server.traffic import WINDOW_S, Step

LINE_SIZE = (72, 360)  # height and width, pixels before scaling
BAR_HEIGHT, LABEL_HEIGHT, CHARACTER, GAP = 22, 14, 7, 10  # pixels


def sparkline(steps: Sequence[Step], label: str) -> str:
    """Rates over the last minute as a filled line of steps, now at the right.

    Args:
        steps: from old to new.
        label: what it shows, in words.
    """
    height, width = LINE_SIZE
    top = max([step.rate for step in steps], default=0.0) or 1.0

    def x(ago_s: float) -> float:
        return width * (1 - ago_s / WINDOW_S)

    points = [
        f"{x(at):.1f},{height - 1 - (height - 4) * step.rate / top:.1f}"
        for step in steps
        for at in (step.start_s, step.end_s)
    ]
    line = ""
    if steps:
        area = [f"{x(steps[0].start_s):.1f},{height}", *points, f"{x(steps[-1].end_s):.1f},{height}"]
        line = f'<polygon points="{" ".join(area)}"/><polyline points="{" ".join(points)}"/>'
    return (
        f'<svg class="din-sparkline" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}">{line}</svg>'
    )


def batch_bars(batches: Mapping[int, int], label: str) -> str:
    """How many batches of each size were run, a bar with ``size: count`` below for each; nothing for none.

    Args:
        batches: size to count.
        label: what it shows, in words.
    """
    if not batches:
        return ""
    names = [f"{size}: {count:,}" for size, count in sorted(batches.items())]
    pitch = CHARACTER * max(map(len, names)) + GAP
    most = max(batches.values())
    bars = []
    for i, (_, count) in enumerate(sorted(batches.items())):
        height = max(2.0, BAR_HEIGHT * count / most)  # a single batch among thousands is still seen
        bars.append(
            f'<rect x="{i * pitch}" y="{BAR_HEIGHT - height:.1f}" width="{pitch - GAP}" height="{height:.1f}" rx="2"/>'
            f'<text x="{i * pitch + (pitch - GAP) / 2}" y="{BAR_HEIGHT + LABEL_HEIGHT - 2}">{names[i]}</text>'
        )
    width, height = pitch * len(names) - GAP, BAR_HEIGHT + LABEL_HEIGHT
    return (
        f'<svg class="din-bars" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(label)}: {", ".join(names)}">{"".join(bars)}</svg>'
    )
