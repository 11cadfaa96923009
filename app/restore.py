"""The one pipeline: bytes -> pixels -> tiles -> Triton -> restored pixels -> bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass

import numpy as np

from app import codec, tiling
from app.client import RestorationClient, ServedTask
from app.codec import Photo, Pixels

# Tiles under way at once: enough to keep every instance busy, few enough to bound memory and share the server.
TILES_IN_FLIGHT = 8

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
    plan = tiling.plan(before.size, task.tile, task.overlap, task.size_multiple)
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

    Returns:
        uint8 (scale * H, scale * W, 3).

    Raises:
        ServerError: a tile failed; the others are taken back.
    """
    canvas = np.empty((rgb.shape[0] * task.scale, rgb.shape[1] * task.scale, 3), np.uint8)
    waiting: Iterator[tiling.Tile] = iter(plan)
    in_flight: dict[Future[Pixels], tiling.Tile] = {}
    done_count = 0
    progress(0, len(plan))
    try:
        while done_count < len(plan):
            while len(in_flight) < TILES_IN_FLIGHT and (tile := next(waiting, None)) is not None:
                in_flight[client.submit(task, tiling.cut(rgb, tile))] = tile
            finished, _ = wait(in_flight, return_when=FIRST_COMPLETED)
            for future in finished:
                tiling.stitch(canvas, in_flight.pop(future), future.result(), task.scale)
                done_count += 1
                progress(done_count, len(plan))
    finally:
        for future in in_flight:
            future.cancel()
    return canvas
