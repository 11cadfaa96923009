"""What the judge of photos looks at: nine squares of a photo as it is, and the whole photo reduced to one more.

Noise, blur and streaks of rain are told by pixels as they are; haze by the whole. The number of squares is fixed, so a
photo of a hundred megapixels is judged as fast as a small one. Training and serving both look this way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.degradations.kind import Image

SIDE = 128  # pixels of a square
GRID = 3  # squares a side, from the photo's border to its border
SQUARES = GRID * GRID + 1  # the last one is the whole photo
SUBPIXELS = 4  # a side, averaged for a pixel of the whole photo


def look(photo: Image) -> Image:
    """Cut the squares out of a photo.

    Args:
        photo: uint8 (H, W, 3), of any size; a smaller one than a square is continued by its mirror image.

    Returns:
        uint8 (SQUARES, SIDE, SIDE, 3): row by row, then the whole photo.
    """
    h, w = photo.shape[:2]
    missing = [(0, max(0, SIDE - side)) for side in (h, w)]
    large = np.pad(photo, (*missing, (0, 0)), "symmetric") if h < SIDE or w < SIDE else photo
    tops, lefts = (np.linspace(0, side - SIDE, GRID).round().astype(int) for side in large.shape[:2])
    squares = [large[top : top + SIDE, left : left + SIDE] for top in tops for left in lefts]
    return np.stack([*squares, reduce(photo)])


def reduce(photo: Image) -> Image:
    """Reduce a photo to one square, its sides by themselves, from a fixed number of its pixels: (SIDE, SIDE, 3)."""
    rows, columns = (
        ((np.arange(SIDE * SUBPIXELS) + 0.5) * side / (SIDE * SUBPIXELS)).astype(np.intp) for side in photo.shape[:2]
    )
    seen: NDArray[np.uint16] = photo[rows[:, None], columns].astype(np.uint16)
    sums = seen.reshape(SIDE, SUBPIXELS, SIDE, SUBPIXELS, 3).sum((1, 3), dtype=np.uint16)
    square: Image = ((sums + SUBPIXELS**2 // 2) // SUBPIXELS**2).astype(np.uint8)
    return square
