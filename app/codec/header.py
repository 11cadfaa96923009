"""Read a photo's properties from its file's header, without decoding a pixel."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

import pillow_heif
from PIL import ExifTags, Image, UnidentifiedImageError
from tifffile import TiffPage

from app.codec.deep import deep_tiff, has_tiff_alpha, is_deep_png
from app.codec.photo import MAX_INPUT_PIXELS, megapixels
from app.errors import PhotoError
from app.i18n import say

pillow_heif.register_heif_opener(thumbnails=False)
# Pillow warns of odd tags, which do not touch the pixels, and of sizes, which are limited here. The filter is set once:
# `warnings.catch_warnings` swaps the filters of all threads.
warnings.filterwarnings("ignore", module=r"PIL\.")

UPRIGHT, SIDEWAYS, LAST = 1, 5, 8  # EXIF orientations: those from SIDEWAYS on swap height and width

Source = bytes | Path  # an image file, or its content


@dataclass(frozen=True)
class Readable:
    """A file format that is read.

    Attributes:
        label: its name for people.
        suffixes: of file names.
    """

    label: str
    suffixes: tuple[str, ...]


# What is read, by Pillow's names. Pillow knows more, and each decoder is another that a hostile file can attack: EPS
# even runs programs.
READ = {
    "PNG": Readable("PNG", (".png",)),
    "JPEG": Readable("JPEG", (".jpg", ".jpeg")),
    "WEBP": Readable("WebP", (".webp",)),
    "TIFF": Readable("TIFF", (".tif", ".tiff")),
    "BMP": Readable("BMP", (".bmp",)),
    "GIF": Readable("GIF", (".gif",)),
    "HEIF": Readable("HEIC", (".heic", ".heif")),
    "AVIF": Readable("AVIF", (".avif",)),
    "JPEG2000": Readable("JPEG 2000", (".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc")),
    "PPM": Readable("PPM", (".ppm", ".pgm", ".pbm", ".pnm")),
}
READ_LABELS = tuple(readable.label for readable in READ.values())
READ_SUFFIXES = tuple(suffix for readable in READ.values() for suffix in readable.suffixes)


@dataclass(frozen=True)
class Header:
    """Properties of a photo that its file's header holds.

    Attributes:
        format: of the file, as Pillow names it, for example ``JPEG``.
        size: upright (h, w) in pixels.
        orientation: of EXIF, 1 to 8: how the stored pixels have to be turned.
        has_alpha: whether the photo has an alpha channel or a transparent colour.
        is_deep: whether it is decoded with 16 bits a channel.
    """

    format: str
    size: tuple[int, int]
    orientation: int
    has_alpha: bool
    is_deep: bool


def read_header(source: Source) -> Header:
    """Read the header of an image file.

    Pillow reads no more than the header, except of WebP and HEIC, which it reads as a whole.

    Args:
        source: an image file, or its content.

    Raises:
        PhotoError: empty or not an image.
        OSError: the file cannot be opened.
    """
    with opened(source) as file:
        if page := deep_tiff(file):
            return page_header(page)
        is_deep = is_deep_png(file)
        with Image.open(file, formats=tuple(READ)) as image:
            return image_header(image, None if may_follow_pixels(image) else find_exif(image), is_deep)


@contextlib.contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """Open an image file, and turn the errors of reading it into sentences.

    Raises:
        PhotoError: empty, not an image, or damaged.
        OSError: the file cannot be opened.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file, explained():
        if not file.read(1):
            raise PhotoError(say("error.empty_file"))
        file.seek(0)
        yield file


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn the errors of any decoder into a PhotoError."""
    try:
        yield
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        raise PhotoError(say("error.bomb", limit=megapixels(MAX_INPUT_PIXELS))) from error
    except UnidentifiedImageError as error:
        raise PhotoError(say("error.not_an_image", formats=READ_LABELS)) from error
    except MemoryError as error:
        raise PhotoError(say("error.decode_memory")) from error
    except Exception as error:  # of a dozen decoders, each with its own kinds
        raise PhotoError(say("error.damaged")) from error


def page_header(page: TiffPage) -> Header:
    """Return the header of a TIFF page of more than 8 bits a channel."""
    turn = orientation(tiff_exif(page))
    return Header("TIFF", turned((page.imagelength, page.imagewidth), turn), turn, has_tiff_alpha(page), is_deep=True)


def may_follow_pixels(image: Image.Image) -> bool:
    """Return whether EXIF can stand behind the pixels of an opened file: to find it, Pillow decodes them."""
    return image.format == "PNG" and "exif" not in image.info


def find_exif(image: Image.Image) -> Image.Exif | None:
    """Return the EXIF of a file that Pillow has opened; None if it is damaged. A second call would find it empty."""
    try:
        return image.getexif()
    except Exception:
        return None


def image_header(image: Image.Image, exif: Image.Exif | None, is_deep: bool) -> Header:
    """Return the header of a file that Pillow has opened and not decoded.

    Args:
        image: as opened.
        exif: before its pixels, or None.
        is_deep: whether it is a PNG of 16 bits a channel.
    """
    turn = orientation(exif)
    size = image.height, image.width
    if image.format != "TIFF":  # whose size Pillow gives upright
        size = turned(size, turn)
    loses_alpha = image.mode == "CMYK" or (image.mode.startswith(("I", "F")) and not is_deep)
    return Header(image.format or "", size, turn, image.has_transparency_data and not loses_alpha, is_deep)


def turned(size: tuple[int, int], turn: int) -> tuple[int, int]:
    """Return the upright (h, w) of a photo that is stored with that size and orientation."""
    return size[::-1] if turn >= SIDEWAYS else size


def orientation(exif: Image.Exif | None) -> int:
    """Return EXIF's orientation, 1 where it is missing, damaged or out of range."""
    with contextlib.suppress(Exception):  # Pillow reads a tag when it is asked for
        if exif is not None and (turn := exif.get(ExifTags.Base.Orientation, UPRIGHT)) in range(UPRIGHT, LAST + 1):
            return int(turn)
    return UPRIGHT


def tiff_exif(page: TiffPage) -> Image.Exif | None:
    """Return the tags of a TIFF page in Pillow's type, which the tags of other files have; None if one is damaged."""
    exif = Image.Exif()
    exif.endian, exif.bigtiff = page.parent.byteorder, page.parent.is_bigtiff
    try:
        exif.load_from_fp(cast(IO[bytes], page.parent.filehandle), page.offset)
    except Exception:
        return None
    return exif
