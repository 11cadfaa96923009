"""Decode PNG and TIFF of 16 bits a channel by imagecodecs and tifffile: Pillow reads them in 8 bits, or not at all."""

from __future__ import annotations

import logging
from typing import BinaryIO

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from tifffile import COMPRESSION, EXTRASAMPLE, FILLORDER, PHOTOMETRIC, TiffPage

from app.codec.photo import DeepPixels
from app.errors import PhotoError
from app.i18n import say

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # odd tags in visitors' files do not belong in a server's log

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_DEPTH_AT = 24  # bytes: after signature, and IHDR's length, name, width and height
TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
DEEP_MAX = 65535
MOST_CHANNELS = 16  # of a photo; all are decoded, and a damaged file may name 65535
STRIP_ROWS = 64  # computed at once, to bound memory
# The colour spaces that are read here; Pillow converts the others.
READ_HERE = (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB)
ALPHAS = (EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA)


def peek(file: BinaryIO, count: int) -> bytes:
    """Return the first bytes of a file, which is left at its start."""
    file.seek(0)
    found = file.read(count)
    file.seek(0)
    return found


def is_deep_png(file: BinaryIO) -> bool:
    """Return whether a file is a PNG of 16 bits a channel."""
    head = peek(file, PNG_DEPTH_AT + 1)
    return head.startswith(PNG_SIGNATURE) and head[PNG_DEPTH_AT:] == b"\x10"


def read_png(file: BinaryIO) -> DeepPixels:
    """Decode a PNG of 16 bits a channel.

    Returns:
        uint16 (H, W, C): gray, gray and alpha, RGB or RGBA.
    """
    file.seek(0)
    planes: DeepPixels = imagecodecs.png_decode(file.read())
    return planes[..., None] if planes.ndim == 2 else planes


def deep_tiff(file: BinaryIO) -> TiffPage | None:
    """Open the first page of a TIFF of more than 8 bits a channel; return None for any other file."""
    if not peek(file, len(TIFF_SIGNATURES[0])).startswith(TIFF_SIGNATURES):
        return None
    page = tifffile.TiffFile(file).pages.first
    assert isinstance(page, TiffPage)  # the first one is always read in full
    file.seek(0)
    bits = page.bitspersample
    deepest = max(bits) if isinstance(bits, tuple) else bits
    return page if deepest > 8 and page.photometric in READ_HERE else None


def has_tiff_alpha(page: TiffPage) -> bool:
    """Return whether the channel after the colours is alpha."""
    return page.extrasamples[:1] in [(alpha,) for alpha in ALPHAS]


def check_lzw(page: TiffPage) -> None:
    """Check the segments of a TIFF page that is compressed by LZW.

    Given the size of the result, as tifffile gives it, imagecodecs' decoder crashes on some damaged segments, which it
    refuses where it has to find the size itself.

    Raises:
        PhotoError: one is damaged.
    """
    file = page.parent.filehandle
    for start, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        file.seek(start)
        segment = file.read(count)
        try:
            imagecodecs.lzw_decode(
                imagecodecs.bitorder_decode(segment) if page.fillorder == FILLORDER.LSB2MSB else segment
            )
        except imagecodecs.ImcdError as error:
            raise PhotoError(say("error.damaged")) from error


def read_tiff(page: TiffPage) -> DeepPixels:
    """Decode a TIFF page of 16 bits a channel.

    Returns:
        uint16 (H, W, C): gray, gray and alpha, RGB or RGBA; colours are not multiplied by alpha.

    Raises:
        PhotoError: its values are not 16-bit integers, some are missing, or they are too many for a pixel.
    """
    if page.dtype != np.uint16:
        raise PhotoError(say("error.float"))
    if page.samplesperpixel > MOST_CHANNELS:
        raise PhotoError(say("error.damaged"))
    ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if not ends or max(ends) > page.parent.filehandle.size:
        raise PhotoError(say("error.damaged"))  # tifffile would fill up with zeros
    if page.compression == COMPRESSION.LZW:
        check_lzw(page)
    planes: NDArray[np.uint16] = page.asarray()
    if planes.ndim == 3 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
        planes = np.moveaxis(planes, 0, 2)
    planes = planes[..., None] if planes.ndim == 2 else planes
    colours = 3 if page.photometric == PHOTOMETRIC.RGB else 1
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        planes = np.dstack([DEEP_MAX - planes[..., :1], planes[..., 1:]])
    if not has_tiff_alpha(page):
        return planes[..., :colours]
    planes = planes[..., : colours + 1]
    return unmultiplied(planes) if page.extrasamples[0] == EXTRASAMPLE.ASSOCALPHA else planes


def unmultiplied(planes: DeepPixels) -> DeepPixels:
    """Divide colours by the alpha that they were multiplied by.

    Args:
        planes: uint16 (H, W, C), alpha last.

    Returns:
        The same shape and dtype; colours are clipped to 65535.
    """
    result = planes.copy()
    for top in range(0, len(planes), STRIP_ROWS):
        strip = planes[top : top + STRIP_ROWS]
        colour = strip[..., :-1].astype(np.float64) * DEEP_MAX / np.maximum(strip[..., -1:], 1)
        result[top : top + STRIP_ROWS, :, :-1] = np.rint(np.minimum(colour, DEEP_MAX))
    return result
