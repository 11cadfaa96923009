"""Decoding and encoding: no losses, and clear errors."""

import importlib
import io
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageCms

from app import codec
from app.codec import Photo
from app.codec.header import READ
from app.errors import PhotoError


@pytest.fixture
def rgb():
    return np.ascontiguousarray(skimage.data.astronaut()[:40, 200:260])


def encoded(pixels, image_format="PNG", **options):
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def test_png_is_lossless_both_ways(rgb):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    alpha = np.arange(40 * 60, dtype=np.uint8).reshape(40, 60)
    photo = codec.reopen(codec.encode_png(Photo(rgb, alpha, profile)))
    assert np.array_equal(photo.rgb, rgb)
    assert np.array_equal(photo.alpha, alpha)
    assert photo.icc_profile == profile
    assert photo.notices == ()


def test_suffixes_are_those_of_the_formats_that_are_read():
    registered = Image.registered_extensions()
    for name, readable in READ.items():
        assert {registered[suffix] for suffix in readable.suffixes} == {name}


@pytest.mark.parametrize("image_format", ["JPEG", "WEBP", "TIFF", "BMP", "GIF"])
def test_common_formats_are_read(rgb, image_format):
    photo = codec.decode(encoded(rgb, image_format))
    assert photo.rgb.shape == rgb.shape
    assert np.abs(photo.rgb.astype(int) - rgb).mean() < 10


def test_orientation_is_applied_once(rgb):
    exif = Image.Exif()
    exif[274] = 6  # the camera was turned: rows are columns
    photo = codec.decode(encoded(rgb, "PNG", exif=exif))
    assert np.array_equal(photo.rgb, np.rot90(rgb, -1))


def test_gray_palette_and_two_level_photos_become_rgb(rgb):
    gray = rgb[..., 0]
    assert np.array_equal(codec.decode(encoded(gray)).rgb, gray[..., None].repeat(3, 2))
    palette = Image.fromarray(rgb).quantize(16)
    assert np.array_equal(codec.decode(encoded(palette)).rgb, np.asarray(palette.convert("RGB")))
    two_levels = Image.fromarray(gray > 99)
    assert set(codec.decode(encoded(two_levels)).rgb.flat) == {0, 255}


def test_gray_of_16_bits_in_a_rare_format_keeps_its_range_and_says_so(rgb):
    photo = codec.decode(encoded(Image.fromarray(rgb[..., 0].astype(np.uint16) * 257), "PPM"))
    assert np.array_equal(photo.rgb[..., 0], rgb[..., 0])
    assert "more than 8 bits" in str(photo.notices[0])


def test_cmyk_is_converted_and_says_so(rgb):
    photo = codec.decode(encoded(Image.fromarray(rgb).convert("CMYK"), "JPEG"))
    assert photo.rgb.shape == rgb.shape
    assert "converted from CMYK" in str(photo.notices[0])


def test_the_first_of_several_pictures_is_used(rgb):
    frames = [Image.fromarray(rgb), Image.fromarray(255 - rgb)]
    photo = codec.decode(encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:]))
    assert np.array_equal(photo.rgb, rgb)
    assert "first one" in str(photo.notices[0])


def test_a_single_pixel_is_a_photo_with_a_word_of_warning():
    photo = codec.decode(encoded(np.full((1, 1, 3), 7, np.uint8)))
    assert photo.rgb.tolist() == [[[7, 7, 7]]]
    assert [str(notice) for notice in photo.notices] == [
        "The photo is only 1x1 pixels: there is little to restore from."
    ]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The file is empty"),
        (b"hello, this is no image", "not an image that can be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image that can be read"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "not an image|damaged"),
    ],
)
def test_what_is_no_image_is_refused(data, sentence):
    with pytest.raises(PhotoError, match=sentence):
        codec.decode(data)


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_truncated_files_are_refused(rgb, image_format):
    data = encoded(rgb, image_format)
    with pytest.raises(PhotoError, match="damaged or cut off|not an image"):
        codec.decode(data[: len(data) // 2])


def test_limits_are_named_before_pixels_are_decoded():
    # Only headers: decoding the pixels would fail with another sentence.
    wide = encoded(np.zeros((1, 1, 3), np.uint8), "BMP")
    huge = wide[:18] + (8000).to_bytes(4, "little") + (4000).to_bytes(4, "little") + wide[26:]
    with pytest.raises(PhotoError, match=r"has 32 megapixels, above the limit of 24 megapixels"):
        codec.decode(huge)
    large = wide[:18] + (3000).to_bytes(4, "little") + (3000).to_bytes(4, "little") + wide[26:]
    with pytest.raises(PhotoError, match=r"Enlarged 4x .* limit of 96 megapixels: use a photo of at most 6 "):
        codec.decode(large, scale=4)
    monster = wide[:18] + (60000).to_bytes(4, "little") + (60000).to_bytes(4, "little") + wide[26:]
    with pytest.raises(PhotoError, match="limit of 24 megapixels"):
        codec.decode(monster)


def test_enlarge_is_bicubic(rgb):
    expected = np.asarray(Image.fromarray(rgb).resize((240, 160), Image.Resampling.BICUBIC))
    assert np.array_equal(codec.enlarge(rgb, 4), expected)
    assert codec.enlarge(rgb, 1) is rgb


def test_resize_keeps_photos_of_that_size_and_fit_the_proportions(rgb):
    photo = Photo(np.tile(rgb, (2, 2, 1))[:40, :60], np.full((40, 60), 7, np.uint8), b"profile")
    assert codec.fit(photo.size, 40 * 60) == photo.size
    assert codec.fit(photo.size, 600) == (20, 30)
    assert codec.fit((1, 10_000), 100) == (1, 1000)
    assert codec.resize(photo, photo.size) is photo
    small = codec.resize(photo, (20, 30))
    assert (small.rgb.shape, small.icc_profile) == ((20, 30, 3), b"profile")
    assert np.array_equal(small.alpha, np.full((20, 30), 7))


def test_what_a_format_cannot_keep_is_said(rgb):
    photo = Photo(rgb, np.full((40, 60), 7, np.uint8), deep=rgb.astype(np.uint16) * 257)
    said = {name: " ".join(map(str, codec.losses(photo, codec.Output(name)))) for name in codec.FORMATS}
    assert said["png"] == said["tiff"] == ""
    assert "JPEG has no transparency" in said["jpeg"]
    assert "JPEG has 8 bits" in said["jpeg"]
    assert "transparency" not in said["webp"]
    assert "WebP has 8 bits" in said["webp"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"format": "bmp"}, "no format 'bmp': choose one of png, jpeg, "),
        ({"percent": 0}, "percent 0 is outside the range of 1 to 100"),
        ({"percent": 101}, "percent 101 is outside"),
    ],
)
def test_outputs_that_there_are_not(options, sentence):
    with pytest.raises(PhotoError, match=sentence):
        codec.Output(**options)


def test_a_side_too_long_for_a_format():
    long = Photo(np.zeros((1, 16_384, 3), np.uint8))
    with pytest.raises(PhotoError, match="WebP holds at most 16,383 pixels per side: save as PNG, JPEG, or TIFF"):
        codec.encode(long, codec.Output("webp"))
    assert codec.reopen(codec.encode(long, codec.Output("jpeg"))).size == (1, 16_384)


def test_names_are_kept_with_a_suffix():
    assert codec.output_name("My photo.v2", "sr_x4", codec.Output("jpeg")) == "My photo.v2_sr_x4.jpg"


class CountingFile(io.BytesIO):
    """A file in memory that counts the bytes that are read from it."""

    count = 0

    def read(self, size=-1):
        data = super().read(size)
        self.count += len(data)
        return data


@pytest.mark.parametrize(("image_format", "most"), [("PNG", 256), ("JPEG", 2048), ("BMP", 256), ("TIFF", 1024)])
def test_a_header_is_read_without_the_pixels(monkeypatch, image_format, most, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    data, path = encoded(noise, image_format), tmp_path / "photo"
    file = CountingFile(data)
    path.touch()
    monkeypatch.setattr(type(path), "open", lambda self, mode: file)
    assert codec.read_header(path).size == (300, 200)
    assert 0 < file.count <= most < len(data) / 4


@pytest.mark.parametrize(("data", "sentence"), [(b"", "The file is empty"), (b"hello", "not an image")])
def test_a_header_that_is_none_is_refused(tmp_path, data, sentence):
    path = tmp_path / "photo"
    path.write_bytes(data)
    with pytest.raises(PhotoError, match=sentence):
        codec.read_header(path)


def test_a_file_is_decoded_as_its_content_is(rgb, tmp_path):
    path = tmp_path / "photo.png"
    codec.save_png(Photo(rgb), path)
    assert np.array_equal(codec.decode(path).rgb, codec.decode(path.read_bytes()).rgb)
    with pytest.raises(FileNotFoundError):
        codec.decode(tmp_path / "gone.png")


def test_photos_are_decoded_concurrently(rgb, monkeypatch):
    """All threads are inside a decoder at the same time, and none changes what is shared: the filters of warnings."""
    threads = 8
    data, together = encoded(rgb), threading.Barrier(threads, timeout=60)
    decoder = importlib.import_module("app.codec.decode")  # whose name in the package is the function
    monkeypatch.setattr(decoder, "check_size", lambda size, scale: together.wait())
    before = list(warnings.filters)
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(5):
            photos = list(pool.map(codec.decode, [data] * threads))
            assert all(np.array_equal(photo.rgb, rgb) for photo in photos)
            assert warnings.filters == before


def test_odd_tags_do_no_harm_even_where_warnings_are_errors(rgb, tmp_path):
    path = tmp_path / "odd.jpg"
    path.write_bytes(encoded(rgb, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0"))  # five tags, and none is there
    with pytest.warns(UserWarning, match="Corrupt EXIF data"), Image.open(path) as image:
        image.getexif()
    code = "import sys; from pathlib import Path; from app import codec; print(codec.decode(Path(sys.argv[1])).size)"
    command = [sys.executable, "-W", "error::UserWarning", "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("(40, 60)\n", "")


def test_values_that_are_no_numbers_are_black(tmp_path):
    values = np.full((20, 20), 99, ">f4")
    values[3, 4] = np.nan
    photo = codec.decode(b"Pf\n20 20\n1.0\n" + values.tobytes())
    assert sorted(set(photo.rgb.flat)) == [0, 99]
