"""The restoration pipeline: file -> pixels -> tiles -> Triton -> restored pixels -> photo to encode.

Its parts are generators that yield their progress and return their result. The caller can show the progress, and can
stop a generator by closing it: the pending requests are then cancelled.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np

from app import codec
from app.codec import Photo, Pixels
from app.errors import ModelGoneError, ServerMemoryError
from app.i18n import say
from app.pipeline import tiling
from app.pipeline.requests import in_flight
from app.pipeline.server import Descriptors, Server
from app.tasks import Network, Quality, Task
from app.usage import Usage, usage_between

CLEAN = "BI"  # the degradation without blur and noise; networks trained for others would distort alpha


class Step(NamedTuple):
    """The progress of a photo.

    Attributes:
        done, total: finished tiles, and all of them.
        is_waiting: whether no server responds; the photo waits for it.
    """

    done: int
    total: int
    is_waiting: bool = False


T = TypeVar("T")
Progress = Callable[[int, int], None]  # called with (tiles done, tiles in all)
Steps = Generator[Step, None, T]  # returns the result


@dataclass(frozen=True)
class Restoration:
    """A restored photo with facts about its restoration.

    Attributes:
        task: the task that was run.
        quality: selects the network, and whether it ran as a self-ensemble.
        before: the decoded photo.
        after: the restored photo, as many times as large as the task makes it, or all tasks of a chain.
        tiles: number of tiles.
        seconds: from the first request to the last response.
        usage: change of Triton's counters of the network meanwhile, other clients' requests included; None if unknown.
        steps: of a chain, the restoration by each of its tasks, in order; empty for one task. Tiles, seconds and usage
            are then sums, and the task is the last one.
    """

    task: Task
    quality: Quality
    before: Photo
    after: Photo
    tiles: int
    seconds: float
    usage: Usage | None
    steps: tuple[Restoration, ...] = ()

    @property
    def each(self) -> tuple[Restoration, ...]:
        """The restorations by one task each."""
        return self.steps or (self,)


def restore(
    source: codec.Source,
    task: Task,
    client: Server,
    quality: Quality = Quality.FAST,
    progress: Progress | None = None,
) -> Restoration:
    """Restore an image file.

    Args:
        source: the file, or its content.
        task: of ``client.tasks()``.
        client: connection to Triton.
        quality: selects the network, and whether it runs as a self-ensemble.
        progress: called with (tiles done, tiles in all), first with (0, n).

    Raises:
        RestorationError: the photo could not be restored; the message gives the reason.
        OSError: the file cannot be opened.
    """
    return run(photo_steps(codec.decode(source, task.scale), task, client, quality), progress)


def run(steps: Steps[T], progress: Progress | None = None) -> T:
    """Run a generator of steps to its end, report its progress, and return its result."""
    return follow(steps, lambda step: progress(step.done, step.total) if progress is not None else None)


def follow(steps: Steps[T], report: Callable[[Step], object]) -> T:
    """Run a generator of steps to its end, report each step, and return its result.

    Args:
        steps: closed where ``report`` raises: the pending requests are then cancelled.
        report: called with each step.
    """
    with contextlib.closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            report(step)


def photo_steps(before: Photo, task: Task, client: Server, quality: Quality = Quality.FAST) -> Steps[Restoration]:
    """Restore a decoded photo with its alpha channel; tiles are halved while the server has too little memory for them.

    All tiles are restored by one version of the network: where that is replaced meanwhile, the photo starts again.

    Args:
        before: the decoded photo.
        task: of ``client.tasks()``.
        client: connection to Triton.
        quality: selects the network, and whether it runs as a self-ensemble.

    Returns:
        The restored photo, with facts about its restoration.

    Raises:
        ServerError: a tile failed; the others are cancelled.
    """
    opening = client.replica_usage()
    started = time.monotonic()
    network = tiled = task.network(quality)
    restores_alpha = before.alpha is not None and task.degradation == CLEAN
    while True:
        try:
            rgb, alpha = yield from plane_steps(before, tiled, client, quality.self_ensemble, restores_alpha)
            break
        except ServerMemoryError:
            smaller = halve_tiles(tiled)
            if smaller is None:
                raise
            tiled = smaller
        except ModelGoneError:
            served = client.task(task.name).network(quality)
            if served.version == network.version:
                raise
            network = tiled = served
    seconds = time.monotonic() - started
    usage = usage_between(opening, client.replica_usage(), network.name)
    after = codec.finish(before, rgb, task.scale, alpha)
    if tiled is not network and say("notice.memory") not in after.notices:
        after = replace(after, notices=(*after.notices, say("notice.memory")))
    return Restoration(task, quality, before, after, len(plan_tiles(before.size, tiled)), seconds, usage)


def halve_tiles(network: Network) -> Network | None:
    """Return the network with tiles of half the side; None if they would be too small."""
    tile = network.tile // 2 // network.size_multiple * network.size_multiple
    if tile < tiling.smallest_tile(network.overlap, network.size_multiple):
        return None
    return replace(network, tile=tile, whole_pixels=min(network.whole_pixels, tile**2))


def plane_steps(
    before: Photo, network: Network, client: Server, self_ensemble: bool, restores_alpha: bool
) -> Steps[tuple[Pixels, Pixels | None]]:
    """Restore a photo's RGB and, if requested, its alpha.

    Args:
        before: the decoded photo.
        network: of a task of the server.
        client: connection to Triton.
        self_ensemble: whether to restore RGB as a self-ensemble; alpha never is.
        restores_alpha: whether to restore alpha, if the photo has it.

    Returns:
        RGB, uint8 (scale * H, scale * W, 3), and alpha, uint8 (scale * H, scale * W), or None if it was not restored.

    Raises:
        ServerError: a tile failed; the others are cancelled.
    """
    restore_rgb = ensemble_steps if self_ensemble else pixel_steps
    rgb = yield from within(restore_rgb(before.rgb, network, client), 0, 1 + restores_alpha)
    if before.alpha is None or not restores_alpha:
        return rgb, None
    gray = np.ascontiguousarray(codec.eight_bits(before.alpha)[..., None].repeat(3, 2))
    alpha = yield from within(pixel_steps(gray, network, client), 1, 2)
    return rgb, alpha[..., 1]


def plan_tiles(size: tuple[int, int], network: Network) -> list[tiling.Tile]:
    """Return the tiles of a photo of (h, w)."""
    return tiling.plan(size, network.tile, network.overlap, network.size_multiple, network.whole_pixels)


def orientations(network: Network) -> list[tuple[int, bool]]:
    """Return the orientations of a self-ensemble: (quarter turns, whether it is mirrored then)."""
    return [(turns, flip) for turns in range(0, 4, 1 if network.quarter_turns else 2) for flip in (False, True)]


def passes(network: Network, quality: Quality) -> int:
    """Return how often the network sees a photo."""
    return len(orientations(network)) if quality.self_ensemble else 1


def ensemble_steps(rgb: Pixels, network: Network, client: Server) -> Steps[Pixels]:
    """Restore as a self-ensemble: the mean over the flips and rotations (DIN+, section 5.3 of the paper).

    Steps, result and errors are those of :func:`pixel_steps`.
    """
    h, w = rgb.shape[0] * network.scale, rgb.shape[1] * network.scale
    total = np.zeros((h, w, 3), np.uint16)
    turned_by = orientations(network)
    for i, (turns, flip) in enumerate(turned_by):
        turned = np.rot90(rgb, turns)
        turned = np.ascontiguousarray(turned[:, ::-1] if flip else turned)
        restored = yield from within(pixel_steps(turned, network, client), i, len(turned_by))
        total += np.rot90(restored[:, ::-1] if flip else restored, -turns)
    return ((total + len(turned_by) // 2) // len(turned_by)).astype(np.uint8)


def within(steps: Steps[T], part: int, parts: int) -> Steps[T]:
    """Convert the steps of one of several equal parts to steps of the whole."""
    while True:
        try:
            done, total, is_waiting = next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield Step(part * total + done, parts * total, is_waiting)


def pixel_steps(rgb: Pixels, network: Network, client: Server) -> Steps[Pixels]:
    """Restore pixels tile by tile and stitch the results.

    If the network has descriptor rounds, the channel descriptors of all tiles are first averaged over the photo, once
    for each round, and the tiles are then restored with them: else tiles would be restored unequally strongly.

    Args:
        rgb: uint8 (H, W, 3).
        network: of a task of the server.
        client: connection to Triton.

    Returns:
        uint8 (scale * H, scale * W, 3).

    Raises:
        ServerError: a tile was refused, or no server responded for too long; the others are cancelled.
    """
    plan = plan_tiles((rgb.shape[0], rgb.shape[1]), network)
    rounds = network.descriptor_rounds if len(plan) > 1 else 0
    total = len(plan) * (rounds + 1)
    done = 0
    yield Step(done, total)
    descriptors: Descriptors | None = None
    for _ in range(rounds):
        ask = functools.partial(ask_descriptors, rgb, network, client, descriptors)
        weighted: list[Descriptors] = []
        for answer in in_flight(ask, plan):
            if answer is not None:
                tile, part = answer
                weighted.append(part * tiling.core_pixels(tile))
                done += 1
            yield Step(done, total, is_waiting=answer is None)
        mean = np.sum(weighted, axis=0, dtype=np.float64) / (rgb.shape[0] * rgb.shape[1])
        descriptors = np.asarray(mean, np.float32)
    canvas = np.empty((rgb.shape[0] * network.scale, rgb.shape[1] * network.scale, 3), np.uint8)
    for response in in_flight(functools.partial(ask_pixels, rgb, network, client, descriptors), plan):
        if response is not None:
            tile, restored = response
            tiling.stitch(canvas, tile, restored, network.scale)
            done += 1
        yield Step(done, total, is_waiting=response is None)
    return canvas


def ask_descriptors(
    rgb: Pixels, network: Network, client: Server, previous: Descriptors | None, tile: tiling.Tile
) -> Future[Descriptors]:
    """Request the channel descriptors of a tile's core."""
    return client.descriptors(network, tiling.cut(rgb, tile), tiling.core(tile), previous)


def ask_pixels(
    rgb: Pixels, network: Network, client: Server, descriptors: Descriptors | None, tile: tiling.Tile
) -> Future[Pixels]:
    """Request a restored tile."""
    return client.submit(network, tiling.cut(rgb, tile), descriptors)
