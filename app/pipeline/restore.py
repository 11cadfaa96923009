"""The one pipeline: bytes -> pixels -> tiles -> Triton -> restored pixels -> a photo to encode.

Its parts are generators that yield how far they are, and return what they made. So whoever drives one may show
progress, or stop by closing it: the tiles under way are then taken back from the server.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from app import codec
from app.client import Attention, RestorationClient
from app.codec import Photo, Pixels
from app.errors import ServerMemoryError
from app.i18n import say
from app.pipeline import tiling
from app.tasks import ServedTask
from app.usage import Usage, spent

# Tiles under way at once: enough to keep every instance busy, few enough to bound memory and share the server.
TILES_IN_FLIGHT = 8
# DIN+: quarter turns, and whether mirrored (paper, section 5.3).
ORIENTATIONS = [(turns, flip) for turns in range(4) for flip in (False, True)]
CLEAN = "BI"  # the one degradation that leaves neither blur nor noise: alpha has none either

T = TypeVar("T")
Progress = Callable[[int, int], None]  # tiles done, tiles in all
Steps = Generator[tuple[int, int], None, T]  # the same, yielded


@dataclass(frozen=True)
class Restoration:
    """A restored photo and how it came about.

    Attributes:
        task: what ran.
        self_ensemble: whether it ran as DIN+.
        before: the photo as decoded.
        after: the restored photo, ``task.scale`` times as large.
        tiles: how many it was cut into.
        seconds: from the first tile sent to the last one received.
        usage: what Triton counted of the task's models meanwhile, for other visitors too; None where it cannot be told.
    """

    task: ServedTask
    self_ensemble: bool
    before: Photo
    after: Photo
    tiles: int
    seconds: float
    usage: Usage | None


def restore(
    data: bytes,
    task_name: str,
    client: RestorationClient,
    progress: Progress | None = None,
    self_ensemble: bool = False,
) -> Restoration:
    """Restores an image file.

    Args:
        data: content of the file.
        task_name: for example ``sr_x4``.
        client: connection to Triton.
        progress: called with (tiles done, tiles in all), first with (0, n).
        self_ensemble: DIN+, the mean over eight flips and rotations; takes eight times as long.

    Raises:
        RestorationError: nothing was restored; the message says why. There is no partial result.
    """
    task = client.task(task_name)
    return run(photo_steps(codec.decode(data, task.scale), task, client, self_ensemble), progress)


def run(steps: Steps[T], progress: Progress | None = None) -> T:
    """Goes through all steps, telling each, and returns what they made."""
    while True:
        try:
            done, total = next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if progress is not None:
            progress(done, total)


def photo_steps(
    before: Photo, task: ServedTask, client: RestorationClient, self_ensemble: bool = False
) -> Steps[Restoration]:
    """Restores a decoded photo, its alpha with it; in smaller tiles where the server has no memory for larger ones.

    Raises:
        ServerError: a tile failed; the others are taken back.
    """
    opening = client.counted()
    started, tiled = time.monotonic(), task
    while True:
        try:
            rgb, alpha = yield from plane_steps(before, tiled, client, self_ensemble)
            break
        except ServerMemoryError:
            smaller = halve_tiles(tiled)
            if smaller is None:
                raise
            tiled = smaller
    seconds = time.monotonic() - started
    usage = spent(opening, client.counted(), task.name)
    after = codec.finish(before, rgb, task.scale, alpha)
    if tiled is not task:
        after = replace(after, notices=(*after.notices, say("notice.memory")))
    return Restoration(task, self_ensemble, before, after, len(plan_tiles(before.size, tiled)), seconds, usage)


def halve_tiles(task: ServedTask) -> ServedTask | None:
    """The task in tiles of half the side; None where they would be too small."""
    tile = task.tile // 2 // task.size_multiple * task.size_multiple
    if tile <= 2 * task.overlap + task.size_multiple:
        return None
    return replace(task, tile=tile, whole_pixels=min(task.whole_pixels, tile**2))


def plane_steps(
    before: Photo, task: ServedTask, client: RestorationClient, self_ensemble: bool
) -> Steps[tuple[Pixels, Pixels | None]]:
    """Restores a photo's colours, and its alpha where that is as clean as they are: else None."""
    plan = plan_tiles(before.size, task)
    restores_alpha = before.alpha is not None and task.degradation == CLEAN
    colours = ensemble_steps(before.rgb, task, client) if self_ensemble else pixel_steps(before.rgb, plan, task, client)
    rgb = yield from within(colours, 0, 1 + restores_alpha)
    if before.alpha is None or not restores_alpha:
        return rgb, None
    gray = np.ascontiguousarray(codec.eight_bits(before.alpha)[..., None].repeat(3, 2))
    alpha = yield from within(pixel_steps(gray, plan, task, client), 1, 2)
    return rgb, alpha[..., 1]


def plan_tiles(size: tuple[int, int], task: ServedTask) -> list[tiling.Tile]:
    """The tiles that a photo of (h, w) is cut into."""
    return tiling.plan(size, task.tile, task.overlap, task.size_multiple, task.whole_pixels)


def ensemble_steps(rgb: Pixels, task: ServedTask, client: RestorationClient) -> Steps[Pixels]:
    """DIN+: the mean over all eight orientations of a photo (paper, section 5.3); steps and result as pixel_steps."""
    h, w = rgb.shape[0] * task.scale, rgb.shape[1] * task.scale
    total = np.zeros((h, w, 3), np.uint16)
    for i, (turns, flip) in enumerate(ORIENTATIONS):
        turned = np.rot90(rgb, turns)
        turned = np.ascontiguousarray(turned[:, ::-1] if flip else turned)
        plan = plan_tiles((turned.shape[0], turned.shape[1]), task)
        steps = pixel_steps(turned, plan, task, client)
        restored = yield from within(steps, i, len(ORIENTATIONS))
        total += np.rot90(restored[:, ::-1] if flip else restored, -turns)
    return ((total + len(ORIENTATIONS) // 2) // len(ORIENTATIONS)).astype(np.uint8)


def within(steps: Steps[T], part: int, parts: int) -> Steps[T]:
    """The steps of one of several equal parts, as steps of the whole."""
    while True:
        try:
            done, total = next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield part * total + done, parts * total


def pixel_steps(rgb: Pixels, plan: list[tiling.Tile], task: ServedTask, client: RestorationClient) -> Steps[Pixels]:
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
    yield 0, total
    attention: Attention | None = None
    for _ in range(rounds):
        ask = functools.partial(ask_attention, rgb, task, client, attention)
        weighted: list[Attention] = []
        for tile, part in in_flight(ask, plan):
            weighted.append(part * tiling.core_pixels(tile))
            yield next(steps), total
        mean = np.sum(weighted, axis=0, dtype=np.float64) / (rgb.shape[0] * rgb.shape[1])
        attention = np.asarray(mean, np.float32)
    canvas = np.empty((rgb.shape[0] * task.scale, rgb.shape[1] * task.scale, 3), np.uint8)
    for tile, restored in in_flight(functools.partial(ask_pixels, rgb, task, client, attention), plan):
        tiling.stitch(canvas, tile, restored, task.scale)
        yield next(steps), total
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
