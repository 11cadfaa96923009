"""Restore a photo by a chain of tasks: each restores the result of the one before, with its 16 bits and its alpha."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace

from app import codec
from app.codec import Photo
from app.pipeline.restore import (
    CLEAN,
    Restoration,
    Step,
    Steps,
    passes,
    photo_steps,
    plan_tiles,
)
from app.pipeline.server import Server
from app.tasks import Chain, Quality, scales
from app.usage import Usage


def chain_steps(before: Photo, chain: Chain, client: Server, quality: Quality = Quality.FAST) -> Steps[Restoration]:
    """Restore a decoded photo by a chain of tasks.

    Args:
        before: the decoded photo.
        chain: tasks of ``client.tasks()``; at least one.
        client: connection to Triton.
        quality: of every task.

    Yields:
        The progress of the whole chain; the tiles of tasks that have not begun are counted as planned.

    Returns:
        The restoration of the last task, from the photo to its result, with those of all tasks as its steps.

    Raises:
        PhotoError: the photo, or what one of the tasks makes of it, is too large; nothing has been sent then.
        ServerError: a tile failed; the others are cancelled.
    """
    codec.check_size(before.size, *scales(chain))
    waiting = [expected_tiles(before, number, chain, quality) for number in range(len(chain))]
    made: list[Restoration] = []
    photo, done = before, 0
    for task in chain:
        waiting.pop(0)
        total = 0
        with contextlib.closing(photo_steps(photo, task, client, quality)) as steps:
            while True:
                try:
                    step = next(steps)
                except StopIteration as end:
                    made.append(end.value)
                    break
                total = step.total
                yield Step(done + step.done, done + total + sum(waiting), step.is_waiting)
        done += total
        photo = made[-1].after
    return joined(made)


def joined(steps: list[Restoration]) -> Restoration:
    """Return the restorations of a chain as one."""
    if len(steps) == 1:
        return steps[0]
    first, last = steps[0], steps[-1]
    known = [step.usage for step in steps if step.usage is not None]
    usage = sum(known, Usage()) if len(known) == len(steps) else None
    tiles, seconds = sum(step.tiles for step in steps), sum(step.seconds for step in steps)
    return replace(last, before=first.before, tiles=tiles, seconds=seconds, usage=usage, steps=tuple(steps))


def expected_tiles(photo: Photo, number: int, chain: Chain, quality: Quality) -> int:
    """Return how many tiles a task of a chain is expected to count.

    Args:
        photo: the photo that the chain begins with.
        number: of the task in the chain, from 0.
        chain: the tasks.
        quality: of every task.
    """
    task = chain[number]
    network, scale = task.network(quality), math.prod(scales(chain[:number]))
    tiles = len(plan_tiles((photo.size[0] * scale, photo.size[1] * scale), network))
    rounds = 1 + (network.descriptor_rounds if tiles > 1 else 0)
    planes = 2 if photo.alpha is not None and task.degradation == CLEAN else 1
    return tiles * rounds * planes * passes(network, quality)
