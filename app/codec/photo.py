"""The decoded photo, its sizes and their limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.errors import PhotoError
from app.i18n import Text, say

MAX_INPUT_PIXELS = 24_000_000
MAX_OUTPUT_PIXELS = 96_000_000
SMALL_SIDE = 16  # pixels: of a smaller photo, a notice says that there is little to restore from

Pixels = NDArray[np.uint8]
DeepPixels = NDArray[np.uint16]


@dataclass(frozen=True)
class Photo:
    """A decoded photo, upright.

    Attributes:
        rgb: uint8 (H, W, 3), the input of the network.
        alpha: uint8 or uint16 (H, W), or None for an opaque photo.
        icc_profile: colour profile of the pixels, or None.
        notices: sentences about what decoding had to change.
        deep: uint16 (H, W, 3) of a file with 16 bits a channel, else None; ``rgb`` is its upper byte.
        is_gray: whether the file has one colour channel; the three of ``rgb`` are equal then.
        exif: EXIF as a TIFF structure, without orientation and thumbnail; None if there is none.
    """

    rgb: Pixels
    alpha: Pixels | DeepPixels | None = None
    icc_profile: bytes | None = None
    notices: tuple[Text, ...] = ()
    deep: DeepPixels | None = None
    is_gray: bool = False
    exif: bytes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]


def check_size(size: tuple[int, int], *scales: int) -> None:
    """Check a photo's (h, w) against the limits.

    Args:
        size: (h, w) in pixels.
        scales: of the task, for the limit on the result; or of the tasks of a chain, each of which has both limits.

    Raises:
        PhotoError: the photo has no pixels, or it or a result would be too large; the message names the limit.
    """
    pixels = size[0] * size[1]
    if pixels == 0:
        raise PhotoError(say("error.damaged"))
    if pixels > MAX_INPUT_PIXELS:
        raise PhotoError(say("error.too_large", size=megapixels(pixels), limit=megapixels(MAX_INPUT_PIXELS)))
    scale = 1
    for step, factor in enumerate(scales, 1):
        if pixels * scale**2 > MAX_INPUT_PIXELS:
            raise PhotoError(exceeded("error.too_large_between", pixels, scale, MAX_INPUT_PIXELS, step=step))
        scale *= factor
        if pixels * scale**2 > MAX_OUTPUT_PIXELS:
            raise PhotoError(exceeded("error.too_large_enlarged", pixels, scale, MAX_OUTPUT_PIXELS, scale=scale))


def exceeded(key: str, pixels: int, factor: int, limit: int, **values: object) -> Text:
    """Return the sentence that a photo of so many pixels, enlarged, would exceed a limit, and which one would not."""
    enlarged, most = megapixels(pixels * factor**2), megapixels(limit // factor**2)
    return say(key, size=enlarged, limit=megapixels(limit), most=most, **values)


def megapixels(pixels: int) -> Text:
    """Return a number of pixels in megapixels, as text."""
    return say("page.megapixels", number=round(pixels / 1e6, 1))


def enlarge(pixels: Pixels, scale: int) -> Pixels:
    """Enlarge uint8 (H, W) or (H, W, 3) pixels bicubically by an integer factor."""
    if scale == 1:
        return pixels
    h, w = pixels.shape[:2]
    return np.asarray(Image.fromarray(pixels).resize((w * scale, h * scale), Image.Resampling.BICUBIC))


def resize(photo: Photo, size: tuple[int, int]) -> Photo:
    """Resize a photo to (h, w) bicubically, in 8 bits a channel; return it as it is if it has that size and depth."""
    if photo.size == size and photo.deep is None:
        return photo
    planes = [photo.rgb] if photo.alpha is None else [photo.rgb, eight_bits(photo.alpha)]
    rgb, *alpha = (np.asarray(Image.fromarray(p).resize(size[::-1], Image.Resampling.BICUBIC)) for p in planes)
    return replace(photo, rgb=rgb, alpha=alpha[0] if alpha else None, deep=None)


def eight_bits(pixels: NDArray[Any]) -> Pixels:
    """Return the upper byte of uint16 values, and uint8 values as they are."""
    return pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)


def fit(size: tuple[int, int], max_pixels: int) -> tuple[int, int]:
    """Shrink (h, w) to at most ``max_pixels`` with the same aspect ratio; sides are rounded down, but at least 1."""
    h, w = size
    factor = min(1.0, (max_pixels / (h * w)) ** 0.5)
    return max(1, int(h * factor)), max(1, int(w * factor))
