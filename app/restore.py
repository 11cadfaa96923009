"""The one pipeline: bytes -> pixels -> tiles -> Triton -> restored pixels -> bytes."""

from __future__ import annotations

import functools
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

    Where haze or rain is told from the whole photo, the tiles are first asked for its attention, once or more, and then
    restored with it. So no tile is restored more strongly than its neighbour.

    Returns:
        uint8 (scale * H, scale * W, 3).

    Raises:
        ServerError: a tile failed; the others are taken back.
    """
    rounds = task.attention_rounds if len(plan) > 1 else 0
    total = len(plan) * (rounds + 1)
    steps = itertools.count(1)
    progress(0, total)
    attention: Attention | None = None
    for _ in range(rounds):
        ask = functools.partial(ask_attention, rgb, task, client, attention)
        weighted: list[Attention] = []
        for tile, part in in_flight(ask, plan):
            weighted.append(part * tiling.core_pixels(tile))
            progress(next(steps), total)
        mean = np.sum(weighted, axis=0, dtype=np.float64) / (rgb.shape[0] * rgb.shape[1])
        attention = np.asarray(mean, np.float32)
    canvas = np.empty((rgb.shape[0] * task.scale, rgb.shape[1] * task.scale, 3), np.uint8)
    for tile, restored in in_flight(functools.partial(ask_pixels, rgb, task, client, attention), plan):
        tiling.stitch(canvas, tile, restored, task.scale)
        progress(next(steps), total)
    return canvas


def ask_attention(
    rgb: Pixels, task: ServedTask, client: RestorationClient, under: Attention | None, tile: tiling.Tile
) -> Future[Attention]:
    """Asks for the attention of what a tile is responsible for."""
    return client.attention(task, tiling.cut(rgb, tile), tiling.core(tile), under)


def ask_pixels(
    rgb: Pixels, task: ServedTask, client: RestorationClient, attention: Attention | None, tile: tiling.Tile
) -> Future[Pixels]:
    """Asks for a restored tile."""
    return client.submit(task, tiling.cut(rgb, tile), attention)


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
