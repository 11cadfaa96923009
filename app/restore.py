"""The one pipeline: bytes -> pixels -> tiles -> Triton -> restored pixels -> bytes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from app import codec, tiling
from app.client import Attention, RestorationClient, ServedTask
from app.codec import Photo, Pixels

# Tiles under way at once: enough to keep every instance busy, few enough to bound memory and share the server.
TILES_IN_FLIGHT = 8

T = TypeVar("T")
Progress = Callable[[int, int], None]  # tiles done, tiles in all


@dataclass(frozen=True)
class Restoration:
    """A restored photo and how it came about.

    Attributes:
        task: what ran.
        before: the photo as decoded.
        after: the restored photo, ``task.scale`` times as large.
        tiles: how many it was cut into.
        seconds: from the first tile sent to the last one received.
    """

    task: ServedTask
    before: Photo
    after: Photo
    tiles: int
    seconds: float


def restore(data: bytes, task_name: str, client: RestorationClient, progress: Progress | None = None) -> Restoration:
    """Restores an image file.

    Args:
        data: content of the file.
        task_name: for example ``sr_x4``.
        client: connection to Triton.
        progress: called with (tiles done, tiles in all), first with (0, n).

    Raises:
        RestorationError: nothing was restored; the message says why. There is no partial result.
    """
    task = client.task(task_name)
    before = codec.decode(data, task.scale)
    plan = tiling.plan(before.size, task.tile, task.overlap, task.size_multiple, task.whole_pixels)
    started = time.monotonic()
    rgb = restore_pixels(before.rgb, plan, task, client, progress or (lambda done, total: None))
    seconds = time.monotonic() - started
    alpha = None if before.alpha is None else codec.enlarge(before.alpha, task.scale)
    after = Photo(rgb, alpha, before.icc_profile, before.notices)
    return Restoration(task, before, after, len(plan), seconds)


def restore_pixels(
    rgb: Pixels, plan: list[tiling.Tile], task: ServedTask, client: RestorationClient, progress: Progress
) -> Pixels:
    """Sends the tiles of a plan, a few at a time, and stitches the answers.

    Where haze or rain is told from the whole photo, the tiles are sent twice: once for its attention, which is the mean
    over theirs, and once to be restored with it. So no tile is restored more strongly than its neighbour.

    Returns:
        uint8 (scale * H, scale * W, 3).

    Raises:
        ServerError: a tile failed; the others are taken back.
    """
    shares = task.attention == "photo" and len(plan) > 1
    steps = itertools.count(1)
    total = len(plan) * (1 + shares)
    progress(0, total)
    attention: Attention | None = None
    if shares:
        weighted: list[Attention] = []
        areas: list[int] = []

        def ask(tile: tiling.Tile) -> Future[Attention]:
            return client.attention(task, tiling.cut(rgb, tile), tiling.core(tile))

        for tile, part in in_flight(ask, plan):
            top, bottom, left, right = tiling.core(tile)
            areas.append((bottom - top) * (right - left))
            weighted.append(areas[-1] * part)
            progress(next(steps), total)
        attention = (np.sum(weighted, axis=0) / sum(areas)).astype(np.float32)

    canvas = np.empty((rgb.shape[0] * task.scale, rgb.shape[1] * task.scale, 3), np.uint8)

    def send(tile: tiling.Tile) -> Future[Pixels]:
        return client.submit(task, tiling.cut(rgb, tile), attention)

    for tile, restored in in_flight(send, plan):
        tiling.stitch(canvas, tile, restored, task.scale)
        progress(next(steps), total)
    return canvas


def in_flight(ask: Callable[[tiling.Tile], Future[T]], plan: list[tiling.Tile]) -> Iterator[tuple[tiling.Tile, T]]:
    """Asks for every tile, a few at a time, and yields the answers as they come; takes the rest back at the end."""
    waiting: Iterator[tiling.Tile] = iter(plan)
    asked: dict[Future[T], tiling.Tile] = {}
    try:
        for tile in itertools.islice(waiting, TILES_IN_FLIGHT):
            asked[ask(tile)] = tile
        while asked:
            finished, _ = wait(asked, return_when=FIRST_COMPLETED)
            for future in finished:
                yield asked.pop(future), future.result()
                for tile in itertools.islice(waiting, 1):
                    asked[ask(tile)] = tile
    finally:
        for future in asked:
            future.cancel()
