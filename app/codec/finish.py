"""Give restored pixels the properties of the photo that the network does not see: depth, alpha, profile, EXIF.

The network reads and writes 8 bits a channel. Of a photo of 16 bits it restores the upper byte. The difference between
the result and the bicubic enlargement of the upper byte is added to the bicubic enlargement of all 16 bits (to the
photo itself at scale 1): where the network changes nothing, gradients stay as smooth as they were.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.codec.photo import DeepPixels, Photo, Pixels, eight_bits, enlarge

STRIP_ROWS = 64  # LQ rows processed at once, to bound memory
DEEP = 257  # one 8-bit step in 16-bit steps
ROUNDING = 0.5  # of 8 bits, in their steps: a smaller difference is no change


def finish(before: Photo, rgb: Pixels, scale: int, alpha: Pixels | None = None) -> Photo:
    """Return the restored photo with the depth, alpha, gray, colour profile and EXIF of the original.

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
    """Return alpha at the size of the result, in the depth that it had.

    Args:
        before: uint8 or uint16 (H, W), or None for an opaque photo.
        restored: uint8 (scale * H, scale * W), or None to enlarge ``before`` bicubically.
        scale: of the task.
    """
    if before is None or scale == 1:
        return before
    eight = eight_bits(before)
    restored = enlarge(eight, scale) if restored is None else restored
    return restored if before.dtype == np.uint8 else deepen(cast(DeepPixels, before), eight, restored, scale)


def deepen(deep: DeepPixels, eight: Pixels, restored: Pixels, scale: int) -> DeepPixels:
    """Apply the change that restoring made to 8-bit values to the same values of 16 bits.

    Args:
        deep, eight: (H, W), the same values in both depths.
        restored: (scale * H, scale * W), ``eight`` restored.
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
    """Enlarge rows ``top`` to ``bottom`` of a float image bicubically, with the same result as in the whole."""
    size = (image.width * scale, (bottom - top) * scale)
    box = (0, top, image.width, bottom)
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC, box=box) if scale > 1 else image.crop(box))
