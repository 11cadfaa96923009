"""Damaged metadata costs the metadata, not the photo; and what no format holds is left out or refused, and told."""

import importlib
import struct
import zlib

import numpy as np
import pytest
from PIL import GifImagePlugin, Image, TiffImagePlugin

from app import codec
from app.codec import Output, Photo
from app.errors import PhotoError
from app.i18n import say
from tools.hostile_files.handmade import chunk, exifs, gif, gif_frame, png, tiff, tiff_page
from tools.hostile_files.seeds import colours, exif, heic, profile, saved

# The codec ignores Pillow's warnings of odd tags; pytest's filters, which make errors of them, take precedence over it.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")

RGB = np.asarray(colours())
DOT = zlib.compress(b"\0abc")
DAMAGED = "metadata (EXIF or colour profile) is damaged or too large and was left out"


def sentences(photo):
    return " ".join(str(notice) for notice in photo.notices)


def with_exif(image_format, data):
    if image_format == "HEIC":
        return heic(colours(), exif=b"Exif\0\0" + data)
    if image_format == "PNG":
        return png(28, 20, zlib.compress(b"".join(b"\0" + row.tobytes() for row in RGB)), chunk(b"eXIf", data))
    return saved(colours(), image_format, exif=b"Exif\0\0" + data)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "HEIC"])
@pytest.mark.parametrize("name", exifs())
def test_broken_exif_does_not_cost_the_photo(name, image_format):
    photo = codec.decode(with_exif(image_format, exifs()[name]))
    assert sorted(photo.size) == sorted(RGB.shape[:2])
    turned = [np.rot90(photo.rgb, turns).astype(int) for turns in range(4)]  # HEIC's reader takes some for a turn
    assert min(np.abs(rgb - RGB).mean() for rgb in turned if rgb.shape == RGB.shape) < 20
    for file_format in codec.FORMATS:
        assert codec.reopen(codec.encode(photo, Output(file_format))).size == photo.size


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "HEIC"])
@pytest.mark.parametrize("name", ["noise", "a header alone", "a tag as signed and as float"])
def test_the_visitor_is_told_that_exif_is_left_out(name, image_format):
    photo = codec.decode(with_exif(image_format, exifs()[name]))
    assert photo.exif is None
    assert DAMAGED in sentences(photo)


def test_sound_metadata_is_kept_without_a_word():
    photo = codec.decode(saved(colours(), "JPEG", exif=exif(1), icc_profile=profile()))
    assert photo.exif is not None
    assert b"Pinhole" in photo.exif
    assert photo.icc_profile == profile()
    assert photo.notices == ()


def test_a_broken_profile_is_left_out():
    photo = codec.decode(saved(colours(), "PNG", icc_profile=b"no profile" * 20))
    assert photo.icc_profile is None
    assert DAMAGED in sentences(photo)


@pytest.mark.parametrize(("size", "is_kept"), [(3_000_000, True), (15_900_000, True), (16_100_000, False)])
def test_a_large_profile_survives_every_format_or_is_left_out_at_once(size, is_kept):
    photo = codec.decode(saved(colours(), "TIFF", icc_profile=profile(size)))
    assert (photo.icc_profile is not None) == is_kept
    assert (DAMAGED in sentences(photo)) != is_kept
    for file_format in codec.FORMATS:
        again = codec.reopen(codec.encode(photo, Output(file_format)))
        assert again.icc_profile == photo.icc_profile, file_format


def test_exif_that_jpeg_cannot_hold_is_left_out_and_told():
    large = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 0x010E, 2, 70_000, 26) + bytes(4) + b"a" * 70_000
    photo = codec.decode(png(1, 1, DOT, chunk(b"eXIf", large)))
    assert len(photo.exif) > 70_000
    for name in codec.FORMATS:
        lost = [str(loss) for loss in codec.losses(photo, Output(name))]
        assert lost == (["JPEG cannot hold this much EXIF data: it was left out."] if name == "jpeg" else []), name
        assert (codec.reopen(codec.encode(photo, Output(name))).exif is None) == (name == "jpeg")
    assert codec.losses(photo, Output("jpeg", metadata=False)) == ()


@pytest.mark.parametrize("name", codec.FORMATS)
def test_one_gray_pixel_is_saved_in_every_format(name):
    photo = codec.decode(saved(Image.new("L", (1, 1), 99), "PNG"))
    assert codec.reopen(codec.encode(photo, Output(name))).rgb.tolist() == [[[99, 99, 99]]]


@pytest.mark.parametrize("name", codec.FORMATS)
def test_an_encoder_that_fails_is_a_sentence(name, monkeypatch):
    def fail(*_):
        raise struct.error("'H' format requires 0 <= number <= 65535")

    module = importlib.import_module("app.codec.encode")  # whose name in the package is the function
    monkeypatch.setitem(module.WRITERS, name, fail)
    with pytest.raises(PhotoError) as refused:
        codec.encode(Photo(RGB), Output(name))
    assert str(refused.value) == f"The photo cannot be saved as {codec.FORMATS[name].label}: choose another format."


def test_frames_and_pages_are_not_counted(monkeypatch):
    """A file may have millions."""

    def count(_):
        raise AssertionError

    monkeypatch.setattr(GifImagePlugin.GifImageFile, "n_frames", property(count))
    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "n_frames", property(count))
    page, content = tiff_page(2, 2, 4), bytes(8)
    deep = tiff_page(2, 2, 8, bits=16)
    for data in (gif(1, 1, gif_frame(), gif_frame()), tiff(page, content, 16), tiff(deep, content, 16)):
        assert codec.decode(data).size in ((1, 1), (2, 2))


@pytest.mark.parametrize(
    "data",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n%%EOF",
        b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 4, 4, 8, 3) + bytes(12) + bytes(2 + 48),
        saved(colours(), "ICO"),
        saved(colours(), "TGA"),
    ],
)
def test_formats_that_are_not_named_are_not_read(data):
    """EPS, PSD, ICO, TGA: Pillow would read them, the first one by running a program."""
    with pytest.raises(PhotoError, match="not an image that can be read: use PNG"):
        codec.decode(data)


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"])
def test_a_refusal_has_no_words_of_a_library(image_format):
    data = saved(colours(), image_format)
    with pytest.raises(PhotoError) as refused:
        codec.decode(data[: len(data) * 3 // 4])
    assert str(refused.value) in (
        "The image is damaged or cut off and cannot be read.",
        str(say("error.not_an_image", formats=codec.READ_LABELS)),
    )
