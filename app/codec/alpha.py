"""Fill the colours under transparent pixels: nobody sees them, but the network would mix them into the edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.codec.photo import Photo, Pixels, eight_bits

OPAQUE = 255
IS_SEEN = [0] + [OPAQUE] * 255  # a lookup table: every alpha but 0 becomes opaque


def fill_transparent(photo: Photo) -> Photo:
    """Give fully transparent pixels the colour of the nearest others; keep all other pixels, and alpha, as they are."""
    if photo.alpha is None or photo.alpha.all() or not photo.alpha.any():
        return photo
    seen = photo.alpha > 0
    rgb = fill(photo.rgb, seen)
    if photo.deep is None:
        return replace(photo, rgb=rgb)
    deep = np.where(seen[..., None], photo.deep, rgb.astype(np.uint16) * 257)
    return replace(photo, rgb=eight_bits(deep), deep=deep)


def fill(rgb: Pixels, seen: NDArray[np.bool_]) -> Pixels:
    """Fill unseen pixels from an image pyramid, each level of which is the mean of the seen pixels of the finer one.

    Args:
        rgb: uint8 (H, W, 3).
        seen: (H, W), true at one pixel at least.

    Returns:
        uint8 (H, W, 3), equal to ``rgb`` where ``seen``.
    """
    levels = [Image.fromarray(np.dstack([rgb, np.where(seen, np.uint8(OPAQUE), np.uint8(0))]))]
    while levels[-1].getchannel("A").getextrema() != (OPAQUE, OPAQUE):
        coarse = levels[-1].reduce(2)
        coarse.putalpha(coarse.getchannel("A").point(IS_SEEN))
        levels.append(coarse)
    filled = levels.pop()
    for level in reversed(levels):
        part = (0, 0, level.width / 2, level.height / 2)  # of an odd side the coarser picture holds half a pixel more
        filled = filled.resize(level.size, Image.Resampling.NEAREST, box=part)
        filled.paste(level, mask=level.getchannel("A"))
    return np.asarray(filled.convert("RGB"))
