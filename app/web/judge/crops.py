"""Crops of a photo that preview what its candidates make of it."""

from __future__ import annotations

import base64

import numpy as np

from app import codec
from app.client import RestorationClient
from app.codec import Photo, Pixels
from app.pipeline.restore import photo_steps, run
from app.tasks import Task
from app.web.squares import squares

SIDE = 256  # pixels of a crop
MAGNIFIED = 96  # pixels that are shown of it where a candidate enlarges: more would not be seen enlarged
CONTEXT = 16  # pixels around them that a network that enlarges also sees
GRID = 3  # places a side
PICTURE = codec.Output("jpeg", percent=92, metadata=False)


def most_detailed(pixels: Pixels) -> Pixels:
    """Return the square of a photo, among nine places, whose brightness varies most; a small photo as it is."""
    return max(squares(pixels, SIDE, GRID), key=lambda square: float(square.mean(2).std()))


def middle(pixels: Pixels, side: int) -> Pixels:
    """Return the middle of a picture, at most ``side`` pixels high and wide."""
    top, left = (max(0, (n - side) // 2) for n in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def restored_crop(crop: Pixels, task: Task, client: RestorationClient, is_magnified: bool) -> Pixels:
    """Restore what is shown of a crop.

    Args:
        crop: as of :func:`most_detailed`.
        task: what to do.
        client: connection to Triton.
        is_magnified: whether only the middle is shown.

    Raises:
        RestorationError: it could not be restored; the message gives the reason.
    """
    # Removing rain or haze needs to see more than is shown; enlarging does not, and takes longest.
    seen = middle(crop, MAGNIFIED + 2 * CONTEXT) if task.scale > 1 else crop
    after = run(photo_steps(Photo(np.ascontiguousarray(seen)), task, client)).after.rgb
    return middle(after, task.scale * MAGNIFIED) if is_magnified else after


def as_url(pixels: Pixels) -> str:
    """Return a picture as a URL that holds it."""
    encoded = codec.encode(Photo(np.ascontiguousarray(pixels)), PICTURE)
    return f"data:image/jpeg;base64,{base64.b64encode(encoded).decode()}"
