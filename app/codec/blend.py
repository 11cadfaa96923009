"""Blend a restored photo with the photo that it was made of: how strongly a restoration is seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.codec.finish import STRIP_ROWS, enlarge_rows
from app.codec.photo import Photo, eight_bits
from app.errors import PhotoError
from app.i18n import say

NONE, WHOLE = 0, 100  # percent
MARGIN_ROWS = 4


def check_strength(strength: int) -> None:
    """Check a strength in percent.

    Raises:
        PhotoError: it is out of range.
    """
    if not NONE <= strength <= WHOLE:
        raise PhotoError(say("error.strength", number=strength, least=NONE, most=WHOLE))


def blend(before: Photo, after: Photo, strength: int) -> Photo:
    """Return a photo between a photo and its restoration, with the depth, alpha and metadata of the restoration.

    Args:
        before: the photo, (H, W); it is enlarged bicubically to the size of its restoration.
        after: its restoration, (scale * H, scale * W).
        strength: in percent: 0 for the photo, 100 for the restoration, both exactly.

    Raises:
        PhotoError: the strength is out of range.
    """
    check_strength(strength)
    if strength == WHOLE:
        return after
    alpha = after.alpha
    if before.alpha is not None and alpha is not None:
        alpha = blend_values(before.alpha, alpha, strength)
    if before.deep is None or after.deep is None:
        return replace(after, rgb=blend_values(before.rgb, after.rgb, strength), alpha=alpha)
    deep = blend_values(before.deep, after.deep, strength)
    return replace(after, rgb=eight_bits(deep), deep=deep, alpha=alpha)


def blend_values(before: NDArray[Any], after: NDArray[Any], strength: int) -> NDArray[Any]:
    """Blend (H, W) or (H, W, C) values with (scale * H, scale * W) or (scale * H, scale * W, C) ones of the same type.

    It is done in strips: beside the result, only their intermediate values take memory.
    """
    scale = after.shape[0] // before.shape[0]
    result = np.empty_like(after)
    for top in range(0, before.shape[0], STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, before.shape[0])
        rows = slice(top * scale, bottom * scale)
        base = enlarged_rows(before, top, bottom, scale)
        # Whole numbers, for equal values to stay what they are; half a step is rounded up.
        weighted = base.astype(np.uint32) * (WHOLE - strength) + after[rows].astype(np.uint32) * strength
        result[rows] = (weighted + WHOLE // 2) // WHOLE
    return result


def enlarged_rows(pixels: NDArray[Any], top: int, bottom: int, scale: int) -> NDArray[Any]:
    """Return rows ``top`` to ``bottom`` of (H, W) or (H, W, C) values, enlarged bicubically as in the whole."""
    if scale == 1:
        return pixels[top:bottom]
    # Of the rows beyond the strip, bicubic needs two; making an image of all would copy them for each strip.
    first = max(0, top - MARGIN_ROWS)
    near = pixels[first : bottom + MARGIN_ROWS]
    if near.dtype == np.uint8:
        return enlarge_rows(Image.fromarray(np.ascontiguousarray(near)), top - first, bottom - first, scale)
    planes = near[..., None] if near.ndim == 2 else near
    images = [Image.fromarray(planes[..., i].astype(np.float32)) for i in range(planes.shape[2])]
    enlarged = np.dstack([enlarge_rows(image, top - first, bottom - first, scale) for image in images])
    rounded = np.clip(np.rint(enlarged), 0, np.iinfo(near.dtype).max)
    return rounded[..., 0] if near.ndim == 2 else rounded
