"""Every kind of file in, every format out, through the server; what came out is read by decoders that did not write it.

OpenCV tells pixels, alpha and depth, Exiv2 EXIF and the colour profile, and the header whether it is gray.
"""

import io
import struct
from dataclasses import dataclass

import cv2
import numpy as np
import pillow_heif
import pyexiv2
import pytest
import skimage.data
import tifffile
from PIL import ExifTags, Image, ImageCms, TiffImagePlugin

from app import codec
from app.client import ConnectionOptions, RestorationClient
from app.codec import FORMATS, Output
from app.errors import PhotoError
from app.pipeline.restore import restore

H, W, SCALE = 48, 64, 2
TASK = "sr_x2"
RGB = np.ascontiguousarray(skimage.data.astronaut()[:H, 200 : 200 + W])
ALPHA = np.repeat(np.linspace(0, 255, W).astype(np.uint8)[None], H, 0)
DEEP = RGB.astype(np.uint16) * 256 + np.random.default_rng(0).integers(0, 256, RGB.shape, dtype=np.uint16)
DEEP_ALPHA = ALPHA.astype(np.uint16) * 257
GRAY, DEEP_GRAY = RGB[..., 1], DEEP[..., 1]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
TURNED = 6  # held upright: rows are columns


def exif(orientation=1):
    tags = Image.Exif()
    tags[ExifTags.Base.Make] = "Pinhole"
    tags[ExifTags.Base.Orientation] = orientation
    tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] = TiffImagePlugin.IFDRational(1, 125)
    tags.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    return tags


def pillow(pixels, image_format, **options):
    target = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(target, image_format, **options)
    return target.getvalue()


def opencv(pixels, suffix):
    colours = pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return cv2.imencode(suffix, colours)[1].tobytes()


def tiff(pixels, **options):
    target = io.BytesIO()
    tifffile.imwrite(target, pixels, **options)
    return target.getvalue()


def heic(pixels, **options):
    target = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(target, quality=-1, **options)
    return target.getvalue()


def gif():
    transparent = Image.fromarray(RGB).quantize(63)
    transparent.info["transparency"] = 0
    return pillow(transparent, "GIF", save_all=True, append_images=[transparent.rotate(90)], transparency=0)


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        data: the file.
        alpha, deep, gray, icc, exif, turned: what it has.
        notices: the beginnings of what is to be said of it.
    """

    data: bytes
    alpha: bool = False
    deep: bool = False
    gray: bool = False
    icc: bool = False
    exif: bool = False
    turned: bool = False
    notices: tuple[str, ...] = ()


FIRST = "The file holds several images"
KINDS = {
    "png": Kind(pillow(RGB, "PNG", icc_profile=SRGB, exif=exif(TURNED)), icc=True, exif=True, turned=True),
    "png_alpha": Kind(pillow(np.dstack([RGB, ALPHA]), "PNG", icc_profile=SRGB), alpha=True, icc=True),
    "png_gray": Kind(pillow(GRAY, "PNG"), gray=True),
    "png_gray_alpha": Kind(pillow(np.dstack([GRAY, ALPHA]), "PNG"), alpha=True, gray=True),
    "png_palette": Kind(pillow(Image.fromarray(RGB).quantize(64), "PNG", transparency=0), alpha=True),
    "png_16": Kind(opencv(DEEP, ".png"), deep=True),
    "png_16_alpha": Kind(opencv(np.dstack([DEEP, DEEP_ALPHA]), ".png"), alpha=True, deep=True),
    "png_16_gray": Kind(opencv(DEEP_GRAY, ".png"), deep=True, gray=True),
    "jpeg": Kind(pillow(RGB, "JPEG", icc_profile=SRGB, exif=exif(TURNED)), icc=True, exif=True, turned=True),
    "jpeg_gray": Kind(pillow(GRAY, "JPEG"), gray=True),
    "jpeg_cmyk": Kind(pillow(Image.fromarray(RGB).convert("CMYK"), "JPEG"), notices=("The photo was converted",)),
    "webp": Kind(pillow(RGB, "WEBP", icc_profile=SRGB, exif=exif(TURNED)), icc=True, exif=True, turned=True),
    "webp_alpha": Kind(pillow(np.dstack([RGB, ALPHA]), "WEBP", lossless=True), alpha=True),
    "tiff": Kind(tiff(RGB, photometric="rgb", iccprofile=SRGB), icc=True),
    "tiff_exif": Kind(codec.encode(codec.decode(pillow(RGB, "JPEG", exif=exif())), Output("tiff")), exif=True),
    "tiff_alpha": Kind(tiff(np.dstack([RGB, ALPHA]), photometric="rgb", extrasamples=["unassalpha"]), alpha=True),
    "tiff_16": Kind(
        tiff(DEEP, photometric="rgb", iccprofile=SRGB, extratags=[(274, "H", 1, TURNED, True)]),
        deep=True,
        icc=True,
        turned=True,
    ),
    "tiff_16_gray_alpha": Kind(
        tiff(
            np.dstack([DEEP_GRAY, DEEP_ALPHA]),
            photometric="minisblack",
            planarconfig="contig",
            extrasamples=["unassalpha"],
        ),
        alpha=True,
        deep=True,
        gray=True,
    ),
    "bmp": Kind(pillow(RGB, "BMP")),
    "gif": Kind(gif(), alpha=True, notices=(FIRST,)),
    "heic": Kind(heic(RGB, exif=exif(TURNED).tobytes(), icc_profile=SRGB), icc=True, exif=True, turned=True),
    "heic_alpha": Kind(heic(np.dstack([RGB, ALPHA])), alpha=True),
}


@pytest.fixture(scope="module")
def restorations(triton):
    """Each kind, restored once."""
    with RestorationClient(triton.url, ConnectionOptions(timeout_s=60)) as client:
        return {name: restore(kind.data, client.task(TASK), client) for name, kind in KINDS.items()}


def seen(data):
    """The values of a file as RGB, RGBA or gray, of 8 or 16 bits."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]


def is_gray(data, file_format):
    """Return whether a file holds one colour channel, by its header."""
    if file_format == "png":
        return data[25] in (0, 4)
    if file_format == "tiff":
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            return file.pages.first.photometric == tifffile.PHOTOMETRIC.MINISBLACK
    return Image.open(io.BytesIO(data)).mode == "L"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file_format", FORMATS)
def test_nothing_is_lost(restorations, kind, file_format):
    asked, photo, output = KINDS[kind], restorations[kind].after, FORMATS[file_format]
    data = codec.encode(photo, Output(file_format, percent=100))
    has_alpha, is_deep = asked.alpha and output.has_alpha, asked.deep and output.is_deep
    size = (W, H) if asked.turned else (H, W)

    if kind.startswith("tiff_16_gray_alpha") and file_format == "tiff":
        pixels = tifffile.imread(io.BytesIO(data))  # no other decoder here reads it
    elif has_alpha and file_format == "tiff" and not is_deep:
        pixels = np.asarray(Image.open(io.BytesIO(data)))  # OpenCV multiplies colours by alpha
    else:
        pixels = seen(data)
    assert pixels.shape[:2] == (size[0] * SCALE, size[1] * SCALE)
    assert pixels.dtype == (np.uint16 if is_deep else np.uint8)
    assert is_gray(data, file_format) == (asked.gray and file_format != "webp")

    expected = photo.deep if is_deep else photo.rgb
    found = pixels[..., None] if pixels.ndim == 2 else pixels
    if has_alpha:
        alpha = photo.alpha if is_deep else codec.eight_bits(photo.alpha)
        assert np.array_equal(found[..., -1], alpha)
        assert 0 in alpha
        assert alpha.max() > (60000 if is_deep else 240)
        colours = found[..., :-1]
    else:
        assert found.shape[2] in (1, 3)
        colours = found
    if asked.alpha and not has_alpha:
        share = codec.eight_bits(photo.alpha)[..., None] / 255
        expected = np.rint(expected * share + 255 * (1 - share))
    difference = np.abs(colours.astype(float) - expected[..., : 1 if colours.shape[2] == 1 else 3])
    assert difference.mean() < (1.5 if file_format == "jpeg" else 0.01)

    with pyexiv2.ImageData(data) as written:
        tags, profile = written.read_exif(), written.read_icc()
    profile_fits = asked.icc and not (asked.gray and file_format == "webp")
    assert profile == (SRGB if profile_fits else b"")
    assert tags.get("Exif.Image.Orientation", "1") == "1"
    assert tags.get("Exif.Image.Make") == ("Pinhole" if asked.exif else None)
    assert tags.get("Exif.GPSInfo.GPSLatitudeRef") == ("N" if asked.exif else None)
    assert tags.get("Exif.Photo.ExposureTime") == ("1/125" if asked.exif else None)


@pytest.mark.parametrize("kind", KINDS)
def test_notices_tell_what_was_changed(restorations, kind):
    notices = [str(notice) for notice in restorations[kind].after.notices]
    assert len(notices) == len(KINDS[kind].notices)
    assert all(map(str.startswith, notices, KINDS[kind].notices))


@pytest.mark.parametrize("kind", KINDS)
def test_it_shows_the_same_photo(restorations, kind):
    """Restored and made small again it is what was given, upright: no channel swapped, no turn forgotten or doubled."""
    asked, photo = KINDS[kind], restorations[kind].after
    original = np.rot90(RGB, -1) if asked.turned else RGB
    if asked.gray:
        original = np.repeat(original[..., 1:2], 3, 2)
    small = np.asarray(Image.fromarray(photo.rgb).resize(original.shape[1::-1], Image.Resampling.BOX))
    visible = np.ones(original.shape[:2], bool)
    if asked.alpha:
        visible = np.asarray(Image.fromarray(codec.eight_bits(photo.alpha)).resize(original.shape[1::-1])) > 127
    difference = np.abs(small.astype(int) - original)[visible]
    assert difference.mean() < (14 if kind in ("gif", "png_palette", "jpeg_cmyk") else 7)


@pytest.mark.parametrize("kind", KINDS)
def test_the_header_tells_what_decoding_finds(kind, tmp_path):
    asked, path = KINDS[kind], tmp_path / "photo"
    path.write_bytes(asked.data)
    header, photo = codec.read_header(path), codec.decode(path)
    assert header.size == photo.size == ((W, H) if asked.turned else (H, W))
    assert (header.has_alpha, header.is_deep) == (asked.alpha, asked.deep)
    assert (photo.alpha is not None, photo.deep is not None) == (asked.alpha, asked.deep)
    # pillow_heif turns pixels and EXIF alike when it opens a file.
    assert header.orientation == (TURNED if asked.turned and kind != "heic" else 1)
    assert header.format.lower() == {"heic": "heif"}.get(kind.split("_")[0], kind.split("_")[0])


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_explained(kind):
    """Cut off or with some bytes changed, a file is decoded or refused as damaged: no other error is raised."""
    rng, whole, outcomes = np.random.default_rng(0), KINDS[kind].data, []
    for cut_off in [True, False] * 15:
        data = bytearray(whole[: rng.integers(1, len(whole))] if cut_off else whole)
        if not cut_off:
            data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        try:
            outcomes.append(codec.decode(bytes(data)).rgb.size > 0)
        except PhotoError as error:
            outcomes.append(str(error))
    assert False not in outcomes
    assert any(isinstance(outcome, str) and outcome.endswith(".") for outcome in outcomes)


@pytest.mark.parametrize("file_format", FORMATS)
def test_metadata_is_left_out_where_asked(restorations, file_format):
    data = codec.encode(restorations["jpeg"].after, Output(file_format, metadata=False))
    with pyexiv2.ImageData(data) as written:
        assert not [tag for tag in written.read_exif() if "GPS" in tag or "Photo." in tag or tag.endswith("Make")]
        assert written.read_icc() == SRGB


def test_quality_makes_files_smaller(restorations):
    photo = restorations["jpeg"].after
    for file_format in ("jpeg", "webp"):
        sizes = [len(codec.encode(photo, Output(file_format, percent=percent))) for percent in (40, 75, 95)]
        assert sizes == sorted(set(sizes))


def test_16_bits_stay_smooth_where_the_network_changes_nothing():
    """A dark ramp of 16 bits has more steps than 8 bits can tell, and keeps them."""
    ramp = np.repeat(np.linspace(2000, 2600, 256).astype(np.uint16)[None], 32, 0)
    photo = codec.decode(opencv(ramp, ".png"))
    kept = seen(codec.encode_png(codec.finish(photo, photo.rgb, 1)))
    assert np.array_equal(kept, ramp)
    enlarged = seen(codec.encode_png(codec.finish(photo, codec.enlarge(photo.rgb, 4), 4)))
    assert len(np.unique(enlarged)) > 256
    assert np.abs(np.diff(enlarged.astype(int), axis=1)).max() <= 3


def test_a_profile_of_gray_is_kept_where_it_fits():
    profile = gray_profile()
    photo = codec.decode(pillow(GRAY, "PNG", icc_profile=profile))
    for file_format in FORMATS:
        with pyexiv2.ImageData(codec.encode(photo, Output(file_format))) as written:
            assert written.read_icc() == (b"" if file_format == "webp" else profile)


def gray_profile():
    """The least of an ICC profile for one channel: header, white point and a curve of gamma 2.2."""
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, 0x0233) + bytes(2)
    start = 128 + 4 + 2 * 12
    table = struct.pack(">I", 2) + struct.pack(">4sII", b"wtpt", start, len(white))
    table += struct.pack(">4sII", b"kTRC", start + len(white), len(curve))
    body = table + white + curve
    header = struct.pack(">I4sI4s4s4s", 128 + len(body), bytes(4), 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + body
