"""What is under transparent pixels: nobody sees it, but the network does, and would bleed it into the edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.codec.photo import Photo, eight_bits

Values = NDArray[np.float32]


def fill_transparent(photo: Photo) -> Photo:
    """Gives fully transparent pixels the colour of the nearest others; the rest stays as it is."""
    if photo.alpha is None or photo.alpha.all() or not photo.alpha.any():
        return photo
    seen = photo.alpha[..., None] > 0
    colour = photo.rgb if photo.deep is None else photo.deep
    filled = np.rint(pull_push(colour.astype(np.float32), seen.astype(np.float32)))
    if photo.deep is None:
        return replace(photo, rgb=np.where(seen, photo.rgb, filled.astype(np.uint8)))
    deep = np.where(seen, photo.deep, filled.astype(np.uint16))
    return replace(photo, rgb=eight_bits(deep), deep=deep)


def pull_push(colour: Values, weight: Values) -> Values:
    """Colours where weight is 0 from the coarser picture that has some there.

    Args:
        colour: (H, W, 3).
        weight: (H, W, 1), 0..1.
    """
    h, w = weight.shape[:2]
    if h == w == 1 or weight.min() >= 1:
        return colour
    known = halve(weight)
    coarse = halve(colour * weight) / np.maximum(known, 1e-6)
    coarse = pull_push(coarse, np.minimum(known, 1))
    return colour * weight + coarse.repeat(2, 0).repeat(2, 1)[:h, :w] * (1 - weight)


def halve(values: Values) -> Values:
    """Sums over 2x2 pixels, (H, W, C) to half of it, rounded up."""
    h, w = values.shape[:2]
    even = np.pad(values, ((0, h % 2), (0, w % 2), (0, 0)))
    sums: Values = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    return sums
