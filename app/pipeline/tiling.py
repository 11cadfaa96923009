"""Tiling of large photos: plan tiles, cut them and stitch the results. Sizes are (h, w) in LQ pixels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from app.codec import Pixels


@dataclass(frozen=True)
class Span:
    """The extent of a tile along one axis: input [start, stop), of which the output [core_start, core_stop) is kept."""

    start: int
    stop: int
    core_start: int
    core_stop: int


@dataclass(frozen=True)
class Tile:
    """A tile: its spans of rows and columns."""

    rows: Span
    columns: Span


def smallest_tile(overlap: int, multiple: int) -> int:
    """Return the smallest side of a tile with which an axis of any length can be covered.

    A tile is shortened by up to ``multiple`` - 1 so that the last one starts on the grid; the remainder must contain
    the context on both sides and one step of ``multiple``.
    """
    return 2 * overlap + 2 * multiple - 1


def plan_axis(size: int, tile: int, overlap: int, multiple: int) -> list[Span]:
    """Plan tiles of equal length along one axis; neighbours share at least 2 * ``overlap`` pixels.

    Args:
        size: length to cover.
        tile: longest tile; at least :func:`smallest_tile`.
        overlap: context on each inner side of a tile.
        multiple: every tile starts at a multiple of this, so that strided networks use one grid.

    Returns:
        Spans from first to last; their cores cover [0, size) without gap or overlap.
    """
    if size <= tile:
        return [Span(0, size, 0, size)]
    length = tile - (tile - size) % multiple  # so that the last tile starts on the grid, too
    travel = size - length
    step = (length - 2 * overlap) // multiple * multiple
    steps = -(-travel // step)
    starts = [travel * i // steps // multiple * multiple for i in range(steps)] + [travel]
    # The cores of neighbours meet in the middle of their overlap.
    cuts = [0, *((b + a + length) // 2 for a, b in pairwise(starts)), size]
    return [Span(s, s + length, lo, hi) for s, (lo, hi) in zip(starts, pairwise(cuts), strict=True)]


def plan(size: tuple[int, int], tile: int, overlap: int, multiple: int = 1, whole_pixels: int = 0) -> list[Tile]:
    """Plan the tiles of a photo, row by row, all of one shape since Triton batches only equal shapes.

    Args:
        size: (h, w) of the photo.
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
    """Return (top, bottom, left, right) of a tile's core within the tile."""
    r, c = tile.rows, tile.columns
    return r.core_start - r.start, r.core_stop - r.start, c.core_start - c.start, c.core_stop - c.start


def core_pixels(tile: Tile) -> int:
    """Return the number of pixels in a tile's core."""
    top, bottom, left, right = core(tile)
    return (bottom - top) * (right - left)


def cut(photo: Pixels, tile: Tile) -> Pixels:
    """Return the pixels of a tile, (h, w, 3), as a view."""
    return photo[tile.rows.start : tile.rows.stop, tile.columns.start : tile.columns.stop]


def stitch(canvas: Pixels, tile: Tile, restored: Pixels, scale: int) -> None:
    """Write the core of a restored tile, (scale * h, scale * w, 3), to its place in the restored photo."""
    r, c = tile.rows, tile.columns
    top, bottom, left, right = (scale * edge for edge in core(tile))
    canvas[r.core_start * scale : r.core_stop * scale, c.core_start * scale : c.core_stop * scale] = restored[
        top:bottom, left:right
    ]
