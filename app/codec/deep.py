"""Files of 16 bits a channel, which Pillow reads in 8: by imagecodecs and tifffile."""

from __future__ import annotations

import io

import numpy as np
from PIL import ExifTags, Image

from app.codec.photo import DeepPixels
from app.errors import PhotoError
from app.texts import say

PNG_DEPTH_AT = 24  # in the header, after signature, length, name, width and height


def bit_depth(image: Image.Image, data: bytes) -> int:
    """Bits a channel of an opened PNG or TIFF file, from its header; 8 for other formats."""
    if image.format == "PNG":
        return data[PNG_DEPTH_AT]
    if image.format == "TIFF":
        return int(max(image.tag_v2.get(ExifTags.Base.BitsPerSample, (1,))))  # type: ignore[attr-defined]
    return 8


def read_deep(data: bytes, file_format: str) -> DeepPixels | None:
    """The values of a PNG or TIFF file of 16 bits.

    Returns:
        uint16 (H, W, C), gray, gray and alpha, RGB or RGBA; None where Pillow has to read it after all.

    Raises:
        PhotoError: it has more than 16 bits or floating point values.
    """
    planes = read_png(data) if file_format == "PNG" else read_tiff(data)
    if planes is None or planes.dtype == np.uint16:
        return planes
    raise PhotoError(say("error.float"))


def read_png(data: bytes) -> DeepPixels:
    import imagecodecs  # here, for few photos need it

    planes: DeepPixels = imagecodecs.png_decode(data)
    return planes[..., None] if planes.ndim == 2 else planes


def read_tiff(data: bytes) -> DeepPixels | None:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        if page.photometric not in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB):
            return None
        planes: DeepPixels = page.asarray()
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and planes.ndim == 3:
            planes = np.moveaxis(planes, 0, 2)
    planes = planes[..., None] if planes.ndim == 2 else planes
    return planes[..., :4]
