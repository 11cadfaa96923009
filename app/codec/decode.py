"""Decode an image file to a photo."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, PngImagePlugin
from tifffile import TiffPage

from app.codec.alpha import fill_transparent
from app.codec.deep import deep_tiff, is_deep_png, read_png, read_tiff
from app.codec.header import (
    READ,
    UPRIGHT,
    Header,
    Source,
    find_exif,
    image_header,
    may_follow_pixels,
    opened,
    orientation,
    page_header,
    tiff_exif,
)
from app.codec.photo import SMALL_SIDE, Photo, Pixels, check_size, eight_bits
from app.i18n import Text, say

GRAY_MODES = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
# The tags of a TIFF that describe the photo; the others describe the layout of the file.
ABOUT_PHOTO = (
    *(ExifTags.Base.ImageDescription, ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.Software),
    *(ExifTags.Base.DateTime, ExifTags.Base.Artist, ExifTags.Base.Copyright),
)
ABOUT_PHOTO_IFDS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
LARGEST_PROFILE = 16_000_000  # bytes: JPEG stores 16.7 MB
# Pillow reads no larger profiles from a PNG. Its limit is for bombs, which meet the limits of the process here.
PngImagePlugin.MAX_TEXT_CHUNK = LARGEST_PROFILE
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

# What makes pixels upright, by EXIF orientation: quarter turns counterclockwise, then whether to mirror.
TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}


def decode(source: Source, scale: int = 1) -> Photo:
    """Decode a photo, after checking its size; give fully transparent pixels the colour of the nearest others.

    Args:
        source: an image file of a format in :data:`~app.codec.header.READ`, or its content.
        scale: of the task, for the limit on the result.

    Raises:
        PhotoError: empty, not an image, damaged, or above a limit.
        OSError: the file cannot be opened.
    """
    return with_sound_profile(fill_transparent(read(source, lambda header: check_size(header.size, scale))))


def reopen(source: Source) -> Photo:
    """Decode a photo that was encoded here, of any size and with exactly the values that were encoded.

    Raises:
        PhotoError: it is damaged.
        OSError: the file cannot be opened.
    """
    return read(source, lambda header: None)


def read(source: Source, check: Callable[[Header], None]) -> Photo:
    """Decode an image file whose header passes a check.

    Args:
        source: an image file, or its content.
        check: called before any pixel is decoded, and after; raises PhotoError to refuse the file.

    Raises:
        PhotoError: empty, not an image, damaged, or refused.
        OSError: the file cannot be opened.
    """
    with opened(source) as file:
        if page := deep_tiff(file):
            header = page_header(page)
            check(header)
            photo = read_page(page, header)
        else:
            is_deep = is_deep_png(file)
            with Image.open(file, formats=tuple(READ)) as image:
                exif = None if may_follow_pixels(image) else find_exif(image)
                header = image_header(image, exif, is_deep)
                check(header)
                photo = read_image(image, exif, file, header)
        check(replace(header, size=photo.size))  # which is another where the header lies
        return photo


def read_page(page: TiffPage, header: Header) -> Photo:
    """Decode a TIFF page of 16 bits a channel.

    Raises:
        PhotoError: its values are not 16-bit integers, or some are missing.
    """
    planes = upright(read_tiff(page), header.orientation)
    exif, notices = keep_exif(tiff_exif(page), is_tiff=True)
    if page.parent.pages.is_multipage:
        notices = (say("notice.first"), *notices)
    icc_profile = page.tags.valueof(ExifTags.Base.InterColorProfile)
    return from_planes(planes, icc_profile, exif, notices)


def read_image(image: Image.Image, exif: Image.Exif | None, file: BinaryIO, header: Header) -> Photo:
    """Decode a file that Pillow has opened, with the EXIF that stands before its pixels, or None."""
    notices = list(file_notices(image))
    icc_profile = image.info.get("icc_profile")
    is_tiff = header.format == "TIFF"
    found = find_exif(image) if may_follow_pixels(image) else exif
    if header.is_deep:
        planes: NDArray[Any] = read_png(file)
    else:
        image.load()
        if image.mode.startswith(("I", "F")):
            notices.append(say("notice.deep"))
        elif image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
            notices.append(say("notice.converted", mode=image.mode))
        planes, icc_profile = shallow_planes(image, icc_profile)
    kept, damage = keep_exif(found, is_tiff)
    # Pillow has turned a TIFF by now.
    turn = UPRIGHT if is_tiff else orientation(found)
    return from_planes(upright(planes, turn), icc_profile, kept, (*notices, *damage))


def from_planes(
    planes: NDArray[Any], icc_profile: bytes | None, exif: bytes | None, notices: tuple[Text, ...]
) -> Photo:
    """Make a photo of decoded values.

    Args:
        planes: upright uint8 or uint16 (H, W, C): gray, gray and alpha, RGB or RGBA.
        icc_profile: of the values, or None.
        exif: as in :class:`Photo`.
        notices: of what decoding had to change.
    """
    h, w, count = planes.shape
    if min(h, w) < SMALL_SIDE:
        notices = (*notices, say("notice.small", w=w, h=h))
    alpha = np.ascontiguousarray(planes[..., -1]) if count in (2, 4) else None
    colour = planes[..., : count - (alpha is not None)]
    colour = np.ascontiguousarray(colour if colour.shape[2] == 3 else colour.repeat(3, 2))
    deep = colour if colour.dtype == np.uint16 else None
    return Photo(eight_bits(colour), alpha, icc_profile, notices, deep, count < 3, exif)


def file_notices(image: Image.Image) -> Iterator[Text]:
    """Yield a notice of each thing that is lost by reading the file as one image of 8 or 16 bits a channel."""
    if getattr(image, "is_animated", False):  # to count the images, all would be read
        yield say("notice.first")
    if image.format in ("HEIF", "AVIF") and image.info.get("bit_depth", 8) > 8:
        yield say("notice.deep")


def shallow_planes(image: Image.Image, icc_profile: bytes | None) -> tuple[Pixels, bytes | None]:
    """Convert a loaded image to 8 bits a channel.

    Returns:
        uint8 (H, W, C): gray, gray and alpha, RGB or RGBA; and the colour profile of these values, or None.
    """
    if image.mode == "CMYK":
        return np.asarray(from_cmyk(image, icc_profile)), None
    if image.mode.startswith(("I", "F")):
        image = to_8_bits(image)
    elif image.mode in ("YCbCr", "LAB", "HSV"):
        icc_profile = None  # it describes the colours before the conversion
    mode = "L" if image.mode in GRAY_MODES else "RGB"
    if image.has_transparency_data:
        mode = "LA" if mode == "L" else "RGBA"
    planes = np.asarray(image.convert(mode))
    return (planes[..., None] if planes.ndim == 2 else planes), icc_profile


def from_cmyk(image: Image.Image, icc_profile: bytes | None) -> Image.Image:
    """Convert CMYK to sRGB, by its colour profile where that can be used."""
    if icc_profile:
        with contextlib.suppress(ImageCms.PyCMSError, OSError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
            converted = ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB")
            if converted is not None:
                return converted
    return image.convert("RGB")


def to_8_bits(image: Image.Image) -> Image.Image:
    """Convert a gray image to 8 bits: 16-bit values keep their upper byte, others are clipped to 0..255, NaN is 0."""
    values = np.asarray(image)
    if image.mode.startswith("I;16") or (image.mode == "I" and values.max(initial=0) > 255):
        values = values.astype(np.int64) >> 8
    return Image.fromarray(np.clip(np.nan_to_num(values), 0, 255).astype(np.uint8))


def upright(planes: NDArray[Any], turn: int) -> NDArray[Any]:
    """Turn (H, W, C) values upright, by their EXIF orientation."""
    if turn == UPRIGHT:
        return planes
    quarters, is_mirrored = TURNS[turn]
    turned = np.rot90(planes, quarters)
    return np.ascontiguousarray(turned[:, ::-1] if is_mirrored else turned)


def keep_exif(found: Image.Exif | None, is_tiff: bool) -> tuple[bytes | None, tuple[Text, ...]]:
    """Keep EXIF without orientation and thumbnail, which no longer hold.

    Args:
        found: as read; None if it is damaged.
        is_tiff: whether these are the tags of a TIFF page; those of its layout are left out then.

    Returns:
        EXIF as a TIFF structure, or None if there is none; and a notice if it is damaged.
    """
    if found is None:
        return None, (say("notice.metadata_damaged"),)
    kept = Image.Exif()
    try:
        for tag in found:
            if tag in ABOUT_PHOTO or not (is_tiff or tag == ExifTags.Base.Orientation or tag in list(ExifTags.IFD)):
                kept[tag] = found[tag]
        for ifd in ABOUT_PHOTO_IFDS:
            if values := found.get_ifd(ifd):
                kept.get_ifd(ifd).update(values)
                kept[ifd] = kept.get_ifd(ifd)
        exif = kept.tobytes().removeprefix(b"Exif\0\0") if len(kept) else None
    except Exception:  # of any kind: Pillow writes what it read by other rules
        return None, (say("notice.metadata_damaged"),)
    return exif, ()


def with_sound_profile(photo: Photo) -> Photo:
    """Return a photo without its colour profile, and with a notice, if the profile cannot be used or stored."""
    if photo.icc_profile is None:
        return photo
    with contextlib.suppress(Exception):
        if len(photo.icc_profile) <= LARGEST_PROFILE:
            ImageCms.ImageCmsProfile(io.BytesIO(photo.icc_profile))
            return photo
    return replace(photo, icc_profile=None, notices=(*photo.notices, say("notice.metadata_damaged")))
