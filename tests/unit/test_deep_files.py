"""TIFF and PNG of 16 bits in all their kinds, whose values no library but their own reads to the bit."""

import io
import tracemalloc

import numpy as np
import pytest
import skimage.data
import tifffile

from app import codec
from app.codec.deep import unmultiplied
from app.errors import PhotoError
from tools.hostile_files.handmade import tiff as raw_tiff
from tools.hostile_files.handmade import tiff_page

DEEP = skimage.data.astronaut()[:20, 200:230].astype(np.uint16) * 257
ALPHA = np.repeat(np.linspace(0, 65535, 30).astype(np.uint16)[None], 20, 0)


def tiff(pixels, **options):
    target = io.BytesIO()
    tifffile.imwrite(target, pixels, **options)
    return target.getvalue()


def test_colour_gray_and_planes():
    assert np.array_equal(codec.decode(tiff(DEEP, photometric="rgb")).deep, DEEP)
    in_planes = tiff(np.moveaxis(DEEP, 2, 0), photometric="rgb", planarconfig="separate")
    assert np.array_equal(codec.decode(in_planes).deep, DEEP)
    gray = codec.decode(tiff(DEEP[..., 0], photometric="minisblack"))
    assert gray.is_gray
    assert np.array_equal(gray.deep, DEEP[..., :1].repeat(3, 2))
    assert np.array_equal(gray.rgb, (DEEP[..., :1].repeat(3, 2) >> 8).astype(np.uint8))


def test_gray_where_white_is_zero():
    photo = codec.decode(tiff(65535 - DEEP[..., 0], photometric="miniswhite"))
    assert np.array_equal(photo.deep, DEEP[..., :1].repeat(3, 2))


def test_alpha_apart_and_multiplied():
    apart = tiff(np.dstack([DEEP, ALPHA]), photometric="rgb", extrasamples=["unassalpha"])
    multiplied = np.dstack([np.rint(DEEP * (ALPHA[..., None] / 65535)).astype(np.uint16), ALPHA])
    together = tiff(multiplied, photometric="rgb", extrasamples=["assocalpha"])
    for photo in (codec.reopen(apart), codec.reopen(together)):
        assert np.array_equal(photo.alpha, ALPHA)
        seen = ALPHA > 6000
        assert photo.deep is not None
        assert np.abs(photo.deep.astype(int) - DEEP)[seen].max() <= 6


def test_a_channel_that_is_no_alpha_is_left_out():
    photo = codec.decode(tiff(np.dstack([DEEP, ALPHA]), photometric="rgb", extrasamples=["unspecified"]))
    assert photo.alpha is None
    assert np.array_equal(photo.deep, DEEP)


def test_big_tiff_of_several_pages_with_its_metadata():
    target = io.BytesIO()
    with tifffile.TiffWriter(target, bigtiff=True) as writer:
        for page in (DEEP, DEEP // 2):
            writer.write(page, photometric="rgb", extratags=[(271, "s", 8, b"Pinhole\0", True)])
    photo = codec.decode(target.getvalue())
    assert np.array_equal(photo.deep, DEEP)
    assert photo.exif is not None
    assert b"Pinhole" in photo.exif
    assert "first one" in str(photo.notices[0])


@pytest.mark.parametrize("kind", [np.float32, np.uint32])
def test_other_numbers_are_refused_with_a_way_out(kind):
    with pytest.raises(PhotoError, match="save it with 8 or 16 bits"):
        codec.decode(tiff(DEEP.astype(kind), photometric="rgb"))


def test_an_end_that_is_missing_is_not_filled_up():
    data = tiff(DEEP, photometric="rgb")
    with pytest.raises(PhotoError, match="damaged or cut off"):
        codec.decode(data[:-100])


def test_limits_hold_before_pixels_are_read(tmp_path):
    header = tiff(np.zeros((1, 1, 3), np.uint16), photometric="rgb")
    with tifffile.TiffFile(io.BytesIO(header)) as file:
        places = [file.pages.first.tags[tag].valueoffset for tag in (256, 257)]
    huge = bytearray(header)
    for place in places:
        huge[place : place + 2] = (9000).to_bytes(2, "little")
    (tmp_path / "huge.tif").write_bytes(huge)
    assert codec.read_header(tmp_path / "huge.tif").size == (9000, 9000)
    with pytest.raises(PhotoError, match="81 megapixels, above the limit of 24"):
        codec.decode(bytes(huge))


@pytest.mark.parametrize("tag", [256, 257])
def test_a_page_without_a_size_is_refused(tag):
    """tifffile makes an empty array of it."""
    page = tiff_page(4, 4, 32, bits=16)
    assert codec.decode(raw_tiff(page, bytes(32))).size == (4, 4)
    del page[tag]
    with pytest.raises(PhotoError, match="damaged or cut off"):
        codec.decode(raw_tiff(page, bytes(32)))


def test_dividing_by_alpha_takes_little_memory():
    """Less than three times the pixels; at once, as floats, it took nine times."""
    planes = np.full((2000, 2000, 4), 9999, np.uint16)
    tracemalloc.start()
    try:
        result = unmultiplied(planes)
        assert tracemalloc.get_traced_memory()[1] < 3 * planes.nbytes
    finally:
        tracemalloc.stop()
    assert np.array_equal(np.unique(result), [9999, 65535])
