"""Encode a photo as the content of an image file."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import ExifTags, Image, TiffImagePlugin, TiffTags

from app.codec.blend import WHOLE
from app.codec.photo import Photo, Pixels, eight_bits
from app.errors import PhotoError
from app.i18n import Text, say

# Fast and nearly as small: level 6 takes four times as long on a photo, and trying all filters twice.
PNG_LEVEL = 1
PNG_HEADER_END = 33  # after the signature and IHDR, where a PNG's colour profile belongs
# How much of a photo lossy compression keeps; a Quality is what restores it (app/tasks.py).
MIN_PERCENT, DEFAULT_PERCENT, MAX_PERCENT = 1, 92, 100
STAND_IN = 1  # tifffile refuses the tag of an IFD, and writes the one before it instead: the tags stay in order


@dataclass(frozen=True)
class Format:
    """A file format that a photo can be encoded in.

    Attributes:
        label: its name for people.
        suffix: of file names.
        has_alpha, is_deep: whether it holds alpha, and 16 bits a channel.
        has_percent: whether its compression can be lossy, and takes a percent.
        largest_side: of an image, in pixels.
        largest_exif: in bytes.
    """

    label: str
    suffix: str
    has_alpha: bool
    is_deep: bool
    has_percent: bool
    largest_side: int
    largest_exif: int = 2**31 - 1


FORMATS = {
    "png": Format("PNG", ".png", has_alpha=True, is_deep=True, has_percent=False, largest_side=2**31 - 1),
    "jpeg": Format(
        "JPEG", ".jpg", has_alpha=False, is_deep=False, has_percent=True, largest_side=65_500, largest_exif=65_527
    ),
    "webp": Format("WebP", ".webp", has_alpha=True, is_deep=False, has_percent=True, largest_side=16_383),
    "tiff": Format("TIFF", ".tif", has_alpha=True, is_deep=True, has_percent=False, largest_side=2**31 - 1),
}


@dataclass(frozen=True)
class Output:
    """Options for encoding a photo.

    Attributes:
        format: one of :data:`FORMATS`.
        percent: quality of the compression, 1 to 100, for formats that have one; WebP is lossless at 100.
        metadata: whether to keep EXIF; the colour profile is always kept, for colours depend on it.

    Raises:
        PhotoError: there is no such format, or the percent is out of range.
    """

    format: str = "png"
    percent: int = DEFAULT_PERCENT
    metadata: bool = True

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise PhotoError(say("error.format", name=self.format, offered=", ".join(FORMATS)))
        if not MIN_PERCENT <= self.percent <= MAX_PERCENT:
            raise PhotoError(say("error.percent", number=self.percent, least=MIN_PERCENT, most=MAX_PERCENT))


def encode(photo: Photo, output: Output | None = None) -> bytes:
    """Encode a photo as an image file, by default as PNG.

    Raises:
        PhotoError: the format cannot hold a photo of that size, or its values.
    """
    output = output or Output()
    kind = FORMATS[output.format]
    if max(photo.size) > kind.largest_side:
        others = [other.label for other in FORMATS.values() if max(photo.size) <= other.largest_side]
        raise PhotoError(say("error.format_side", format=kind.label, limit=kind.largest_side, others=others))
    pixels = planes(photo, kind)
    exif = photo.exif if output.metadata and not exceeds(photo, kind) else None
    try:
        return WRITERS[output.format](pixels, output, photo.icc_profile, exif)
    except Exception as error:  # of several encoders, each with its own kinds
        raise PhotoError(say("error.encode", format=kind.label)) from error


def exceeds(photo: Photo, kind: Format) -> bool:
    """Return whether a photo has more EXIF than a format can hold."""
    return photo.exif is not None and len(photo.exif) > kind.largest_exif


def losses(photo: Photo, output: Output) -> tuple[Text, ...]:
    """Return a notice of each property of a photo that the format cannot hold."""
    kind = FORMATS[output.format]
    lost = []
    if photo.alpha is not None and not kind.has_alpha:
        lost.append(say("notice.flattened", format=kind.label))
    if photo.deep is not None and not kind.is_deep:
        others = [other.label for other in FORMATS.values() if other.is_deep]
        lost.append(say("notice.reduced", format=kind.label, others=others))
    if output.metadata and exceeds(photo, kind):
        lost.append(say("notice.exif_large", format=kind.label))
    return tuple(lost)


def output_name(stem: str, suffix: str, output: Output, strength: int = WHOLE) -> str:
    """Return the file name of a restored photo: ``<stem>_<suffix>`` and the suffix of the format.

    Args:
        stem: of the photo's file name.
        suffix: tells what was done to it.
        output: how it is encoded.
        strength: in percent; one below 100 is in the name, too.
    """
    blended = "" if strength == WHOLE else f"_{strength}percent"
    return f"{stem}_{suffix}{blended}{FORMATS[output.format].suffix}"


def save_png(photo: Photo, target: Path | BinaryIO) -> None:
    """Write a photo as PNG, with all its properties."""
    data = encode_png(photo)
    if isinstance(target, Path):
        target.write_bytes(data)
    else:
        target.write(data)


def encode_png(photo: Photo) -> bytes:
    """Encode a photo as PNG, which holds all its properties."""
    return encode(photo, Output("png"))


def planes(photo: Photo, kind: Format) -> NDArray[Any]:
    """Return the values of a photo that a format holds.

    Returns:
        (H, W) or (H, W, C), uint8, or uint16 where photo and format have 16 bits a channel. C is 2 for gray and alpha,
        3 for RGB, 4 for RGBA.
    """
    colour: NDArray[Any] = photo.deep if photo.deep is not None and kind.is_deep else photo.rgb
    colour = colour[..., :1] if photo.is_gray else colour
    if photo.alpha is not None and kind.has_alpha:
        return np.dstack([colour, photo.alpha if colour.dtype == np.uint16 else eight_bits(photo.alpha)])
    if photo.alpha is not None:
        colour = on_white(colour, eight_bits(photo.alpha))
    # A copy: imagecodecs refuses the strides that a single pixel has as a part of others.
    return colour[..., 0].copy() if colour.shape[2] == 1 else colour


def on_white(colour: Pixels, alpha: Pixels) -> Pixels:
    """Compose uint8 (H, W, C) colours, by their uint8 (H, W) alpha, with a white background."""
    share = alpha[..., None].astype(np.float32) / 255
    shown: Pixels = np.rint(colour * share + 255 * (1 - share)).astype(np.uint8)
    return shown


def write_png(pixels: NDArray[Any], output: Output, icc_profile: bytes | None, exif: bytes | None) -> bytes:
    """Encode (H, W) or (H, W, C) values of 8 or 16 bits as PNG."""
    # imagecodecs writes neither, and Pillow writes no RGB of 16 bits: docs/decisions/0010.
    data = imagecodecs.png_encode(np.ascontiguousarray(pixels), level=PNG_LEVEL, filter=imagecodecs.PNG.FILTER.UP)
    chunks = b""
    if icc_profile:
        chunks += png_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc_profile))
    if exif:
        chunks += png_chunk(b"eXIf", exif)
    return bytes(data[:PNG_HEADER_END]) + chunks + bytes(data[PNG_HEADER_END:])


def png_chunk(name: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG file: length, name, content, checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def write_jpeg(pixels: NDArray[Any], output: Output, icc_profile: bytes | None, exif: bytes | None) -> bytes:
    """Encode (H, W) or (H, W, 3) values of 8 bits as JPEG."""
    # 4:4:4: halving the colours' resolution would undo some of what was restored.
    return by_pillow(pixels, "JPEG", icc_profile, exif, quality=output.percent, subsampling=0)


def write_webp(pixels: NDArray[Any], output: Output, icc_profile: bytes | None, exif: bytes | None) -> bytes:
    """Encode (H, W), (H, W, 3) or (H, W, 4) values of 8 bits as WebP."""
    if icc_profile and icc_profile[16:20] == b"GRAY":
        icc_profile = None  # WebP has three channels, which a profile of one does not describe
    options = {"quality": output.percent, "lossless": output.percent == MAX_PERCENT, "exact": True, "method": 2}
    return by_pillow(pixels, "WEBP", icc_profile, exif, **options)


def write_tiff(pixels: NDArray[Any], output: Output, icc_profile: bytes | None, exif: bytes | None) -> bytes:
    """Encode (H, W) or (H, W, C) values of 8 or 16 bits as TIFF."""
    target, found = io.BytesIO(), Image.Exif()
    if exif:
        found.load(exif)
    count = 1 if pixels.ndim == 2 else pixels.shape[2]
    tifffile.imwrite(
        target,
        pixels,
        byteorder="<",
        photometric="rgb" if count > 2 else "minisblack",
        planarconfig="contig",
        extrasamples=["unassalpha"] if count in (2, 4) else None,
        compression="zlib",
        predictor=True,
        iccprofile=icc_profile,
        metadata=None,
        software=False,
        extratags=[tiff_tag(int(tag), value) for tag, value in found.items() if isinstance(value, str | int)],
    )
    return with_ifds(target.getvalue(), {int(ifd): found.get_ifd(ifd) for ifd in ExifTags.IFD if ifd in found})


def tiff_tag(tag: int, value: str | int) -> tuple[int, str, int, bytes | int, bool]:
    """Return a tag as tifffile takes it: text, or the offset of an IFD, which :func:`with_ifds` sets."""
    if isinstance(value, int):
        return tag - STAND_IN, "I", 1, value, True
    text = value.encode() + b"\0"
    return tag, "s", len(text), text, True


def with_ifds(data: bytes, ifds: dict[int, dict[int, Any]]) -> bytes:
    """Append the IFDs of EXIF to a TIFF file, and set the tags of its first page that hold their offsets.

    tifffile does not write them, and Pillow writes no RGB of 16 bits.

    Args:
        data: content of a little-endian TIFF file, with a stand-in for the tag of each IFD.
        ifds: the tags of each IFD by the tag that holds its offset.
    """
    result = bytearray(data)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags_at = {ifd: file.pages.first.tags[ifd - STAND_IN].offset for ifd in ifds}
    for ifd, values in ifds.items():
        result += bytes(len(result) % 2)
        struct.pack_into("<HHII", result, tags_at[ifd], ifd, TiffTags.LONG, 1, len(result))
        table = TiffImagePlugin.ImageFileDirectory_v2(group=ifd)
        table.update(values)
        result += table.tobytes(len(result))
    return bytes(result)


def by_pillow(
    pixels: NDArray[Any], file_format: str, icc_profile: bytes | None, exif: bytes | None, **options: Any
) -> bytes:
    """Encode uint8 values by Pillow, with its options for the format."""
    target = io.BytesIO()
    if exif:
        options["exif"] = b"Exif\0\0" + exif
    Image.fromarray(pixels).save(target, file_format, icc_profile=icc_profile, **options)
    return target.getvalue()


# Takes the values that the format holds (uint8 or uint16, (H, W) or (H, W, C)), the options, and the ICC profile and
# the EXIF, where there are any; returns the content of a file.
Writer = Callable[[NDArray[Any], Output, bytes | None, bytes | None], bytes]
WRITERS: dict[str, Writer] = {"png": write_png, "jpeg": write_jpeg, "webp": write_webp, "tiff": write_tiff}
