"""Bytes to pixels and back: orientation, alpha, colour profile, limits."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from app.errors import PhotoError

MAX_INPUT_PIXELS = 24_000_000
MAX_OUTPUT_PIXELS = 96_000_000
SMALL_SIDE = 16  # below it a photo is restored, with a word that there is little to restore from
# Fast and nearly as small: level 6 takes four times as long on a photo.
PNG_COMPRESS_LEVEL = 1

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Photo:
    """A decoded photo.

    Attributes:
        rgb: uint8 (H, W, 3), upright.
        alpha: uint8 (H, W), or None for an opaque photo.
        icc_profile: colour profile of the pixels, or None.
        notices: sentences about what decoding had to change.
    """

    rgb: Pixels
    alpha: Pixels | None = None
    icc_profile: bytes | None = None
    notices: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]


def decode(data: bytes, scale: int = 1) -> Photo:
    """Decodes a photo, after checking its size against the limits.

    Args:
        data: content of an image file of any format that Pillow reads.
        scale: of the task, for the limit on the result.

    Raises:
        PhotoError: empty, not an image, damaged, or above a limit.
    """
    if not data:
        raise PhotoError("The file is empty: choose a photo.")
    try:
        with warnings.catch_warnings():
            # Our own limit is checked below, before any pixel is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data))
        check_size((image.height, image.width), scale)
        with image:
            image.load()
            return from_image(image)
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        if isinstance(error, Image.DecompressionBombError):
            raise PhotoError(f"The photo has more pixels than the limit of {megapixels(MAX_INPUT_PIXELS)}.") from error
        raise PhotoError("The file is not an image that can be read: use PNG, JPEG, WebP, TIFF, BMP or GIF.") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise PhotoError(f"The image is damaged or cut off and cannot be read ({error}).") from error


def check_size(size: tuple[int, int], scale: int) -> None:
    """Checks a photo's (h, w) against the limits before any of its pixels are decoded.

    Raises:
        PhotoError: the photo or its result would be too large; the message names the limit.
    """
    pixels = size[0] * size[1]
    if pixels > MAX_INPUT_PIXELS:
        raise PhotoError(
            f"The photo has {megapixels(pixels)}, above the limit of {megapixels(MAX_INPUT_PIXELS)}: make it smaller."
        )
    if pixels * scale**2 > MAX_OUTPUT_PIXELS:
        raise PhotoError(
            f"Enlarged {scale}x the photo would have {megapixels(pixels * scale**2)}, above the limit of "
            f"{megapixels(MAX_OUTPUT_PIXELS)}: use a photo of at most {megapixels(MAX_OUTPUT_PIXELS // scale**2)}."
        )


def megapixels(pixels: int) -> str:
    return f"{pixels / 1e6:.1f} megapixels"


def from_image(image: Image.Image) -> Photo:
    """The pixels of a loaded Pillow image, upright, as 8-bit RGB with alpha where there is any."""
    notices = []
    if getattr(image, "n_frames", 1) > 1:
        notices.append("The file holds several pictures: the first one is used.")
    icc_profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):
        notices.append("The photo has more than 8 bits a channel: it is restored at 8 bits.")
        upright = to_8_bits(upright)
    elif upright.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        notices.append(f"The photo was converted from {upright.mode} to RGB.")
        icc_profile = None  # it describes the colours before the conversion
    if min(upright.size) < SMALL_SIDE:
        notices.append(f"The photo is only {upright.width}x{upright.height} pixels: there is little to restore from.")
    if not upright.has_transparency_data:
        return Photo(np.asarray(upright.convert("RGB")), None, icc_profile, tuple(notices))
    rgba = np.asarray(upright.convert("RGBA"))
    return Photo(np.ascontiguousarray(rgba[..., :3]), rgba[..., 3], icc_profile, tuple(notices))


def to_8_bits(image: Image.Image) -> Image.Image:
    """A deep gray image in 8 bits: 16-bit values keep their upper byte, others are clipped to 0..255."""
    values = np.asarray(image)
    if image.mode.startswith("I;16") or (image.mode == "I" and values.max(initial=0) > 255):
        values = values.astype(np.int64) >> 8
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def enlarge(pixels: Pixels, scale: int) -> Pixels:
    """Bicubic enlargement of (H, W) or (H, W, 3) pixels: what alpha becomes."""
    if scale == 1:
        return pixels
    h, w = pixels.shape[:2]
    return np.asarray(Image.fromarray(pixels).resize((w * scale, h * scale), Image.Resampling.BICUBIC))


def resize(photo: Photo, size: tuple[int, int]) -> Photo:
    """The photo at another (h, w), bicubically; itself if it has that size."""
    if photo.size == size:
        return photo
    planes = (photo.rgb,) if photo.alpha is None else (photo.rgb, photo.alpha)
    rgb, *alpha = (np.asarray(Image.fromarray(p).resize(size[::-1], Image.Resampling.BICUBIC)) for p in planes)
    return replace(photo, rgb=rgb, alpha=alpha[0] if alpha else None)


def fit(size: tuple[int, int], max_pixels: int) -> tuple[int, int]:
    """The largest (h, w) of the same shape with at most ``max_pixels``, or ``size`` if that is smaller."""
    h, w = size
    factor = min(1.0, (max_pixels / (h * w)) ** 0.5)
    return max(1, int(h * factor)), max(1, int(w * factor))


def save_png(photo: Photo, target: Path | BinaryIO) -> None:
    """Writes a photo as PNG, to the bit, with its alpha and colour profile."""
    pixels = photo.rgb if photo.alpha is None else np.dstack([photo.rgb, photo.alpha])
    image = Image.fromarray(pixels)
    image.save(target, "PNG", compress_level=PNG_COMPRESS_LEVEL, icc_profile=photo.icc_profile)


def encode_png(photo: Photo) -> bytes:
    """A photo as the bytes of a PNG file."""
    buffer = io.BytesIO()
    save_png(photo, buffer)
    return buffer.getvalue()
