"""Large photos in pieces: plan the tiles, cut them, stitch the results. Sizes are (h, w) in LQ pixels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from app.codec import Pixels


@dataclass(frozen=True)
class Span:
    """One tile along one axis: it covers [start, stop) and is responsible for [core_start, core_stop)."""

    start: int
    stop: int
    core_start: int
    core_stop: int


@dataclass(frozen=True)
class Tile:
    """One tile: its span of rows and its span of columns."""

    rows: Span
    columns: Span


def smallest_tile(overlap: int, multiple: int) -> int:
    """Side of the smallest tile that an axis of any length can be cut into.

    A tile is shortened by up to ``multiple`` - 1 so that the last one starts on the grid; what is left must hold the
    context on both sides and one step of ``multiple``.
    """
    return 2 * overlap + 2 * multiple - 1


def plan_axis(size: int, tile: int, overlap: int, multiple: int) -> list[Span]:
    """Tiles of equal length along one axis, at least 2 * ``overlap`` in common between neighbours.

    Args:
        size: length to cover.
        tile: longest tile; at least :func:`smallest_tile`.
        overlap: context on each inner side of a tile.
        multiple: every tile starts at a multiple of it, so that a strided network sees one grid.

    Returns:
        Spans from first to last; their cores cover [0, size) without gap or overlap.
    """
    if size <= tile:
        return [Span(0, size, 0, size)]
    length = tile - (tile - size) % multiple  # so that the last tile, too, starts on the grid
    travel = size - length
    step = (length - 2 * overlap) // multiple * multiple
    steps = -(-travel // step)
    starts = [travel * i // steps // multiple * multiple for i in range(steps)] + [travel]
    # Neighbours divide what they share in the middle.
    cuts = [0, *((b + a + length) // 2 for a, b in pairwise(starts)), size]
    return [Span(s, s + length, lo, hi) for s, (lo, hi) in zip(starts, pairwise(cuts), strict=True)]


def plan(size: tuple[int, int], tile: int, overlap: int, multiple: int = 1, whole_pixels: int = 0) -> list[Tile]:
    """The tiles of a photo, all of one shape, row by row: Triton batches only equal shapes.

    Args:
        size: of the photo.
        tile: longest side of a tile; at least :func:`smallest_tile`.
        overlap: context on each inner side of a tile.
        multiple: every tile starts at a multiple of it.
        whole_pixels: a photo of at most so many pixels is one tile, however long its sides.
    """
    if size[0] * size[1] <= whole_pixels:
        tile = max(size)
    rows, columns = (plan_axis(n, tile, overlap, multiple) for n in size)
    return [Tile(r, c) for r in rows for c in columns]


def core(tile: Tile) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of what a tile is responsible for, within the tile."""
    r, c = tile.rows, tile.columns
    return r.core_start - r.start, r.core_stop - r.start, c.core_start - c.start, c.core_stop - c.start


def core_pixels(tile: Tile) -> int:
    """How many pixels a tile is responsible for."""
    top, bottom, left, right = core(tile)
    return (bottom - top) * (right - left)


def cut(photo: Pixels, tile: Tile) -> Pixels:
    """The pixels of a tile, (h, w, 3), as a view."""
    return photo[tile.rows.start : tile.rows.stop, tile.columns.start : tile.columns.stop]


def stitch(canvas: Pixels, tile: Tile, restored: Pixels, scale: int) -> None:
    """Writes the core of a restored tile, (scale * h, scale * w, 3), to its place in the restored photo."""
    r, c = tile.rows, tile.columns
    top, bottom, left, right = (scale * edge for edge in core(tile))
    canvas[r.core_start * scale : r.core_stop * scale, c.core_start * scale : c.core_stop * scale] = restored[
        top:bottom, left:right
    ]
