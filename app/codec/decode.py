"""From the bytes of an image file to a photo."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from app.codec.alpha import fill_transparent
from app.codec.deep import bit_depth, read_deep
from app.codec.photo import MAX_INPUT_PIXELS, SMALL_SIDE, Photo, Pixels, check_size, eight_bits, megapixels
from app.errors import PhotoError
from app.texts import Text, say

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


def decode(data: bytes, scale: int = 1) -> Photo:
    """Decodes a photo, after checking its size against the limits.

    Args:
        data: content of an image file: PNG, JPEG, WebP, TIFF, BMP, GIF, HEIC or another that Pillow reads.
        scale: of the task, for the limit on the result.

    Raises:
        PhotoError: empty, not an image, damaged, or above a limit.
    """
    with opened(data) as image:
        check_size((image.height, image.width), scale)
        return fill_transparent(read_image(image, data))


def reopen(data: bytes) -> Photo:
    """Decodes a photo that was restored here, to the bit.

    Raises:
        PhotoError: it is damaged.
    """
    with opened(data) as image:
        return read_image(image, data)


def read_size(data: bytes) -> tuple[int, int]:
    """Upright (h, w) of a photo, from its header.

    Raises:
        PhotoError: empty or not an image.
    """
    with opened(data) as image:
        size = image.height, image.width
        return size[::-1] if image.format != "TIFF" and orientation(image) >= 5 else size


@contextlib.contextmanager
def opened(data: bytes) -> Iterator[Image.Image]:
    """An image file whose pixels are not decoded yet; what goes wrong with it then or later is explained."""
    if not data:
        raise PhotoError(say("error.empty_file"))
    try:
        with warnings.catch_warnings():
            # Our own limit is checked before any pixel is decoded; odd tags do no harm to the pixels.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                yield image
    except Image.DecompressionBombError as error:
        raise PhotoError(say("error.bomb", limit=megapixels(MAX_INPUT_PIXELS))) from error
    except UnidentifiedImageError as error:
        raise PhotoError(say("error.not_an_image")) from error
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError) as error:
        raise PhotoError(say("error.damaged", reason=str(error))) from error


def read_image(image: Image.Image, data: bytes) -> Photo:
    """The pixels of an opened file, upright, with all that goes along."""
    notices = list(about_file(image))
    icc_profile = image.info.get("icc_profile")
    exif = keep_exif(image)
    turn = orientation(image)
    deep = read_deep(data, str(image.format)) if bit_depth(image, data) > 8 else None
    if deep is None:
        image.load()
        turn = orientation(image)  # Pillow has turned a TIFF by now
        if image.mode.startswith(("I", "F")):
            notices.append(say("notice.deep"))
        elif image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
            notices.append(say("notice.converted", mode=image.mode))
        shallow, icc_profile = shallow_planes(image, icc_profile)
    planes = upright(shallow if deep is None else deep, turn)
    h, w = planes.shape[:2]
    if min(h, w) < SMALL_SIDE:
        notices.append(say("notice.small", w=w, h=h))
    return from_planes(planes, icc_profile, exif, tuple(notices))


def from_planes(
    planes: NDArray[Any], icc_profile: bytes | None, exif: bytes | None, notices: tuple[Text, ...]
) -> Photo:
    """A photo of (H, W, C) values: gray, gray and alpha, RGB or RGBA."""
    count = planes.shape[2]
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


def orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 where there is none."""
    turn = image.getexif().get(ExifTags.Base.Orientation, 1)
    return turn if turn in TURNS else 1


def upright(planes: NDArray[Any], turn: int) -> NDArray[Any]:
    """(H, W, C) values turned as EXIF's orientation says."""
    if turn not in TURNS:
        return planes
    quarters, is_mirrored = TURNS[turn]
    turned = np.rot90(planes, quarters)
    return np.ascontiguousarray(turned[:, ::-1] if is_mirrored else turned)


def keep_exif(image: Image.Image) -> bytes | None:
    """What is known of a photo besides its pixels; without orientation, and without the thumbnail of what it was."""
    found, kept = image.getexif(), Image.Exif()
    own = [tag for tag in found if image.format != "TIFF" or tag in ABOUT_PHOTO]
    for tag in own:
        if tag not in (ExifTags.Base.Orientation, *ExifTags.IFD):
            kept[tag] = found[tag]
    for ifd in ABOUT_PHOTO_IFDS:
        if values := found.get_ifd(ifd):
            kept.get_ifd(ifd).update(values)
    return kept.tobytes().removeprefix(b"Exif\0\0") if len(kept) or kept._ifds else None
