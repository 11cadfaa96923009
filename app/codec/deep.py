"""Files of 16 bits a channel, which Pillow reads in 8 or not at all: by imagecodecs and tifffile."""

from __future__ import annotations

import io
import logging

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from tifffile import EXTRASAMPLE, PHOTOMETRIC, TiffPage

from app.codec.photo import DeepPixels
from app.errors import PhotoError
from app.i18n import say

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # odd tags of visitors' files are no news for the server's log

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_DEPTH_AT = 24  # in the header, after signature, length, name, width and height
TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
DEEP_MAX = 65535
# What has a TIFF's values as they are seen; anything else is left to Pillow, which converts it.
READ_HERE = (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB)


def is_deep_png(data: bytes) -> bool:
    """Whether a file is a PNG of 16 bits a channel."""
    return data.startswith(PNG_SIGNATURE) and data[PNG_DEPTH_AT : PNG_DEPTH_AT + 1] == b"\x10"


def read_png(data: bytes) -> DeepPixels:
    """The values of a PNG file of 16 bits: uint16 (H, W, C), gray, gray and alpha, RGB or RGBA."""
    planes: DeepPixels = imagecodecs.png_decode(data)
    return planes[..., None] if planes.ndim == 2 else planes


def deep_tiff(data: bytes) -> TiffPage | None:
    """The first page of a TIFF file of more than 8 bits a channel; None for any other file."""
    if not data.startswith(TIFF_SIGNATURES):
        return None
    page = tifffile.TiffFile(io.BytesIO(data)).pages.first
    assert isinstance(page, TiffPage)  # the first one is always read in full
    bits = page.bitspersample
    deepest = max(bits) if isinstance(bits, tuple) else bits
    return page if deepest > 8 and page.photometric in READ_HERE else None


def read_tiff(page: TiffPage, data: bytes) -> DeepPixels:
    """The values of a TIFF file of 16 bits: uint16 (H, W, C), gray, gray and alpha, RGB or RGBA.

    Raises:
        PhotoError: it has more than 16 bits or floating point values, or its end is missing.
    """
    if page.dtype != np.uint16:
        raise PhotoError(say("error.float"))
    ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if not ends or max(ends) > len(data):
        raise PhotoError(say("error.damaged", reason="image file is truncated"))  # tifffile would fill up with zeros
    planes: NDArray[np.uint16] = page.asarray()
    if planes.ndim == 3 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
        planes = np.moveaxis(planes, 0, 2)
    planes = planes[..., None] if planes.ndim == 2 else planes
    colours = 3 if page.photometric == PHOTOMETRIC.RGB else 1
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        planes = np.dstack([DEEP_MAX - planes[..., :1], planes[..., 1:]])
    kind = page.extrasamples[0] if page.extrasamples else None
    if kind not in (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA):
        return planes[..., :colours]
    planes = planes[..., : colours + 1]
    return unmultiplied(planes) if kind == EXTRASAMPLE.ASSOCALPHA else planes


def unmultiplied(planes: DeepPixels) -> DeepPixels:
    """Colours as they are, of colours that were multiplied by their alpha, the last channel."""
    alpha = planes[..., -1:]
    colour = planes[..., :-1].astype(np.float64) * DEEP_MAX / np.maximum(alpha, 1)
    return np.dstack([np.rint(np.minimum(colour, DEEP_MAX)).astype(np.uint16), alpha])
