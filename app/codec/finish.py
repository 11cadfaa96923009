"""From restored pixels to a restored photo: what the network does not see comes back here.

The network reads and writes 8 bits a channel. Of a deeper photo it restores the upper byte, and what it changed is
added to the bicubic enlargement of all 16 bits (to the photo itself at scale 1): where it changed nothing, gradients
stay as smooth as they were.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.codec.photo import DeepPixels, Photo, Pixels, eight_bits, enlarge

STRIP_ROWS = 64  # LQ rows worked on at once, to bound memory
DEEP = 257  # 16-bit steps in one of 8 bits
ROUNDING = 0.5  # what 8 bits leave out: a smaller change is none


def finish(before: Photo, rgb: Pixels, scale: int, alpha: Pixels | None = None) -> Photo:
    """The restored photo with the depth, alpha, gray, colour profile and EXIF that it had.

    Args:
        before: the photo as decoded, (H, W).
        rgb: its restored pixels, uint8 (scale * H, scale * W, 3).
        scale: of the task.
        alpha: its restored alpha, uint8 (scale * H, scale * W), or None to enlarge it bicubically.
    """
    if before.is_gray:
        gray = ((rgb.sum(2, dtype=np.uint16) + 1) // 3).astype(np.uint8)
        rgb = np.repeat(gray[..., None], 3, 2)
    deep = None
    if before.deep is not None:
        planes = range(1 if before.is_gray else 3)
        deepened = [deepen(before.deep[..., i], before.rgb[..., i], rgb[..., i], scale) for i in planes]
        deep = np.dstack(deepened * (3 if before.is_gray else 1))
        rgb = eight_bits(deep)
    return replace(before, rgb=rgb, deep=deep, alpha=finish_alpha(before.alpha, alpha, scale))


def finish_alpha(before: Pixels | DeepPixels | None, restored: Pixels | None, scale: int) -> Pixels | DeepPixels | None:
    """Alpha at its new size and in its old depth."""
    if before is None or scale == 1:
        return before
    eight = eight_bits(before)
    restored = enlarge(eight, scale) if restored is None else restored
    return restored if before.dtype == np.uint8 else deepen(cast(DeepPixels, before), eight, restored, scale)


def deepen(deep: DeepPixels, eight: Pixels, restored: Pixels, scale: int) -> DeepPixels:
    """Adds to 16-bit values what restoring changed in 8-bit ones.

    Args:
        deep, eight: (H, W), the same values in both depths.
        restored: (scale * H, scale * W), what became of ``eight``.
        scale: of the task.

    Returns:
        uint16 (scale * H, scale * W).
    """
    result = np.empty(restored.shape, np.uint16)
    images = [Image.fromarray(plane.astype(np.float32)) for plane in (deep, eight)]
    for top in range(0, deep.shape[0], STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, deep.shape[0])
        base, base_eight = (enlarge_rows(image, top, bottom, scale) for image in images)
        rows = slice(top * scale, bottom * scale)
        change = restored[rows] - base_eight
        change[np.abs(change) <= ROUNDING] = 0
        result[rows] = np.clip(np.rint(base + DEEP * change), 0, 65535)
    return result


def enlarge_rows(image: Image.Image, top: int, bottom: int, scale: int) -> NDArray[np.float32]:
    """Some rows of a float picture, enlarged bicubically as part of the whole."""
    size = (image.width * scale, (bottom - top) * scale)
    box = (0, top, image.width, bottom)
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC, box=box) if scale > 1 else image.crop(box))
