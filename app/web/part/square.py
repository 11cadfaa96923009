"""The square of a photo that is restored first: how large it is, where it lies, and what it becomes."""

from __future__ import annotations

import numpy as np

from app.client import RestorationClient
from app.codec import Photo, Pixels
from app.pipeline.eta import EtaEstimator
from app.pipeline.restore import photo_steps, run
from app.tasks import Quality, Task

GOAL_S = 2.0  # expected seconds of the network's work, so that the visitor waits little more
SIDES = (512, 384, 256, 192)  # pixels of the restored square; the largest one within the goal is taken
SIDE = 256  # of these, while it is not known how fast the server is
CONTEXT = 16  # pixels around the square that the network also sees


def side_for(task: Task, quality: Quality, eta: EtaEstimator) -> int:
    """Return the side, in pixels of the photo, of a square that takes no longer than the goal, or the smallest."""

    def is_soon(side: int) -> bool:
        expected_s = eta.expect_s(task, (side // task.scale,) * 2, quality)
        return side <= SIDE if expected_s is None else expected_s <= GOAL_S

    return next((side for side in SIDES if is_soon(side)), SIDES[-1]) // task.scale


def square(size: tuple[int, int], centre: tuple[float, float], side: int) -> tuple[slice, slice]:
    """Return the rows and columns of a square of a photo, moved so that it lies within.

    Args:
        size: (h, w) of the photo; where it is smaller, the square is cut off.
        centre: (x, y) as shares of width and height; outside 0 to 1 the nearest place counts.
        side: in pixels.
    """
    x, y = centre

    def span(share: float, length: int) -> slice:
        start = max(0, min(round(share * length - side / 2), length - side))
        return slice(start, min(start + side, length))

    return span(y, size[0]), span(x, size[1])


def restore_square(
    pixels: Pixels, place: tuple[slice, slice], task: Task, quality: Quality, client: RestorationClient
) -> tuple[Pixels, Pixels]:
    """Restore a square of a photo, of which the network sees a little more.

    Args:
        pixels: uint8 (h, w, 3), the whole photo.
        place: rows and columns of the square.
        task: what to do.
        quality: selects the network, and whether it runs as a self-ensemble.
        client: connection to Triton.

    Returns:
        The square as it is, uint8 (H, W, 3), and restored, uint8 (scale * H, scale * W, 3).

    Raises:
        RestorationError: it could not be restored; the message gives the reason.
    """
    wider = tuple(slice(max(0, part.start - CONTEXT), part.stop + CONTEXT) for part in place)
    result = run(photo_steps(Photo(np.ascontiguousarray(pixels[wider])), task, client, quality)).after.rgb
    inner = tuple(
        slice((part.start - around.start) * task.scale, (part.stop - around.start) * task.scale)
        for part, around in zip(place, wider, strict=True)
    )
    return pixels[place], result[inner]
