"""Squares that stand for a whole photo, which would take too long to look at."""

from __future__ import annotations

import numpy as np

from app.codec import Pixels


def squares(pixels: Pixels, side: int, grid: int) -> list[Pixels]:
    """Return evenly spread squares of a picture.

    Args:
        pixels: uint8 (h, w, 3).
        side: of a square, in pixels; a side of the picture that is shorter is taken whole.
        grid: places along each side.
    """
    h, w = (min(side, length) for length in pixels.shape[:2])
    tops, lefts = (
        np.unique(np.linspace(0, length - part, grid).astype(int))
        for length, part in zip(pixels.shape[:2], (h, w), strict=True)
    )
    return [pixels[top : top + h, left : left + w] for top in tops for left in lefts]
