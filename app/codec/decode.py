"""From the bytes of an image file to a photo."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError
from tifffile import TiffPage

from app.codec.alpha import fill_transparent
from app.codec.deep import deep_tiff, is_deep_png, read_png, read_tiff
from app.codec.photo import MAX_INPUT_PIXELS, SMALL_SIDE, Photo, Pixels, check_size, eight_bits, megapixels
from app.errors import PhotoError
from app.i18n import Text, say

pillow_heif.register_heif_opener(thumbnails=False)

GRAY_MODES = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
# Of a TIFF's tags, those that tell of the photo and not of how its file is laid out.
ABOUT_PHOTO = (
    *(ExifTags.Base.ImageDescription, ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.Software),
    *(ExifTags.Base.DateTime, ExifTags.Base.Artist, ExifTags.Base.Copyright),
)
ABOUT_PHOTO_IFDS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

# How each value of EXIF's orientation turns what a sensor saw upright: quarter turns, then whether it is mirrored.
TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}
SIDEWAYS = 5  # from here on a photo lies on its side


def decode(data: bytes, scale: int = 1) -> Photo:
    """Decodes a photo, after checking its size against the limits; what is transparent gets the nearest colour.

    Args:
        data: content of an image file: PNG, JPEG, WebP, TIFF, BMP, GIF, HEIC or another that Pillow reads.
        scale: of the task, for the limit on the result.

    Raises:
        PhotoError: empty, not an image, damaged, or above a limit.
    """
    return fill_transparent(read(data, lambda size: check_size(size, scale)))


def reopen(data: bytes) -> Photo:
    """Decodes a photo that was restored here, to the bit.

    Raises:
        PhotoError: it is damaged.
    """
    return read(data, lambda size: None)


def read_size(data: bytes) -> tuple[int, int]:
    """Upright (h, w) of a photo, from its header.

    Raises:
        PhotoError: empty or not an image.
    """
    with explained(data):
        if page := deep_tiff(data):
            size, turn = (page.imagelength, page.imagewidth), orientation(tiff_exif(page, data))
        else:
            with Image.open(io.BytesIO(data)) as image:
                size, turn = (image.height, image.width), turn_in_header(image)
        return size[::-1] if turn >= SIDEWAYS else size


@contextlib.contextmanager
def explained(data: bytes) -> Iterator[None]:
    """Says in a sentence what is wrong with a file."""
    if not data:
        raise PhotoError(say("error.empty_file"))
    try:
        with warnings.catch_warnings():
            # Our own limit is checked before any pixel is decoded; odd tags do no harm to the pixels.
            warnings.simplefilter("ignore")
            yield
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        raise PhotoError(say("error.bomb", limit=megapixels(MAX_INPUT_PIXELS))) from error
    except UnidentifiedImageError as error:
        raise PhotoError(say("error.not_an_image")) from error
    except Exception as error:  # of a dozen decoders, each with its own kinds
        raise PhotoError(say("error.damaged", reason=str(error) or type(error).__name__)) from error


def read(data: bytes, check: Callable[[tuple[int, int]], None]) -> Photo:
    """Decodes a file, whose stored (h, w) is checked before any of its pixels."""
    with explained(data):
        if page := deep_tiff(data):
            check((page.imagelength, page.imagewidth))
            return read_page(page, data)
        with Image.open(io.BytesIO(data)) as image:
            check((image.height, image.width))
            return read_image(image, data)


def read_page(page: TiffPage, data: bytes) -> Photo:
    """The photo on a TIFF's page of 16 bits a channel."""
    exif = tiff_exif(page, data)
    planes = upright(read_tiff(page, data), orientation(exif))
    notices = (say("notice.first"),) if len(page.parent.pages) > 1 else ()
    icc_profile = page.tags.valueof(ExifTags.Base.InterColorProfile)
    return from_planes(planes, icc_profile, keep_exif(exif, is_tiff=True), notices)


def read_image(image: Image.Image, data: bytes) -> Photo:
    """The photo in a file that Pillow has opened."""
    notices = list(about_file(image))
    icc_profile = image.info.get("icc_profile")
    is_tiff = image.format == "TIFF"
    exif = keep_exif(image.getexif(), is_tiff)
    if is_deep_png(data):
        planes: NDArray[Any] = read_png(data)
    else:
        image.load()
        if image.mode.startswith(("I", "F")):
            notices.append(say("notice.deep"))
        elif image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
            notices.append(say("notice.converted", mode=image.mode))
        planes, icc_profile = shallow_planes(image, icc_profile)
    turn = 1 if is_tiff else orientation(image.getexif())  # Pillow has turned a TIFF by now
    return from_planes(upright(planes, turn), icc_profile, exif, tuple(notices))


def from_planes(
    planes: NDArray[Any], icc_profile: bytes | None, exif: bytes | None, notices: tuple[Text, ...]
) -> Photo:
    """A photo of upright (H, W, C) values: gray, gray and alpha, RGB or RGBA."""
    h, w, count = planes.shape
    if min(h, w) < SMALL_SIDE:
        notices = (*notices, say("notice.small", w=w, h=h))
    alpha = np.ascontiguousarray(planes[..., -1]) if count in (2, 4) else None
    colour = planes[..., : count - (alpha is not None)]
    colour = np.ascontiguousarray(colour if colour.shape[2] == 3 else colour.repeat(3, 2))
    deep = colour if colour.dtype == np.uint16 else None
    return Photo(eight_bits(colour), alpha, icc_profile, notices, deep, count < 3, exif)


def about_file(image: Image.Image) -> Iterator[Text]:
    """What is lost by reading this kind of file as one photo of 8 or 16 bits."""
    if getattr(image, "n_frames", 1) > 1:
        yield say("notice.first")
    if image.format in ("HEIF", "AVIF") and image.info.get("bit_depth", 8) > 8:
        yield say("notice.deep")


def shallow_planes(image: Image.Image, icc_profile: bytes | None) -> tuple[Pixels, bytes | None]:
    """The 8-bit values of a loaded picture, (H, W, C), and the colour profile that they have."""
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
    """Printing colours as sRGB, by their profile if it can be used."""
    if icc_profile:
        with contextlib.suppress(ImageCms.PyCMSError, OSError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
            converted = ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB")
            if converted is not None:
                return converted
    return image.convert("RGB")


def to_8_bits(image: Image.Image) -> Image.Image:
    """A deep gray image in 8 bits: 16-bit values keep their upper byte, others are clipped to 0..255."""
    values = np.asarray(image)
    if image.mode.startswith("I;16") or (image.mode == "I" and values.max(initial=0) > 255):
        values = values.astype(np.int64) >> 8
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def orientation(exif: Image.Exif) -> int:
    """How a photo is to be turned, 1 where it is upright."""
    turn = exif.get(ExifTags.Base.Orientation, 1)
    return turn if turn in TURNS else 1


def turn_in_header(image: Image.Image) -> int:
    """The orientation of a file whose pixels are not decoded."""
    if image.format == "TIFF":
        return 1  # Pillow gives its size upright
    if image.format == "PNG" and "exif" not in image.info:
        return 1  # to look for EXIF behind the pixels Pillow would decode them
    return orientation(image.getexif())


def upright(planes: NDArray[Any], turn: int) -> NDArray[Any]:
    """(H, W, C) values turned as EXIF's orientation says."""
    if turn not in TURNS:
        return planes
    quarters, is_mirrored = TURNS[turn]
    turned = np.rot90(planes, quarters)
    return np.ascontiguousarray(turned[:, ::-1] if is_mirrored else turned)


def keep_exif(found: Image.Exif, is_tiff: bool) -> bytes | None:
    """What is known of a photo besides its pixels; without orientation, and without the thumbnail of what it was."""
    kept = Image.Exif()
    for tag in found:
        if tag in ABOUT_PHOTO or not (is_tiff or tag == ExifTags.Base.Orientation or tag in list(ExifTags.IFD)):
            kept[tag] = found[tag]
    for ifd in ABOUT_PHOTO_IFDS:
        if values := found.get_ifd(ifd):
            kept.get_ifd(ifd).update(values)
            kept[ifd] = kept.get_ifd(ifd)
    return kept.tobytes().removeprefix(b"Exif\0\0") if len(kept) else None


def tiff_exif(page: TiffPage, data: bytes) -> Image.Exif:
    """The tags of a TIFF's page, as Pillow tells those of other files."""
    exif = Image.Exif()
    exif.endian, exif.bigtiff = page.parent.byteorder, page.parent.is_bigtiff
    exif.load_from_fp(io.BytesIO(data), page.offset)
    return exif
