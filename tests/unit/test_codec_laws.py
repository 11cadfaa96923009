"""Laws of the codec, for photos of any size and content."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps

from app import codec
from app.codec import FORMATS, Output, Photo
from app.codec.alpha import fill_transparent

law = settings(max_examples=60, deadline=None, derandomize=True)
sides = st.integers(1, 40)
names = st.text("aZ9 ._-%é日", min_size=1)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def photos(draw, is_deep=None, has_alpha=None):
    """Photos of random values: 8 or 16 bits, gray or RGB, with alpha or without."""
    h, w, rng = draw(sides), draw(sides), np.random.default_rng(draw(seeds))
    is_gray = draw(st.booleans())
    is_deep = draw(st.booleans()) if is_deep is None else is_deep
    has_alpha = draw(st.booleans()) if has_alpha is None else has_alpha
    dtype = np.uint16 if is_deep else np.uint8
    most = int(np.iinfo(dtype).max)
    values = rng.integers(0, most, (h, w, 1 if is_gray else 3), dtype, endpoint=True)
    values = np.repeat(values, 3, 2) if is_gray else values
    alpha = rng.choice(np.array([0, 1, most // 2, most], dtype), (h, w)) if has_alpha else None
    deep = values if is_deep else None
    return Photo(codec.eight_bits(values), alpha, deep=deep, is_gray=is_gray)


def assert_same(found, expected):
    for name in ("rgb", "alpha", "deep"):
        mine, theirs = getattr(found, name), getattr(expected, name)
        assert (mine is None) == (theirs is None), name
        assert mine is None or (mine.dtype == theirs.dtype and np.array_equal(mine, theirs)), name


@pytest.mark.parametrize("name", ["png", "tiff"])
@law
@given(photo=photos())
def test_what_is_encoded_without_loss_is_decoded_to_the_same_values(name, photo):
    found = codec.reopen(codec.encode(photo, Output(name)))
    assert_same(found, photo)
    assert found.is_gray == photo.is_gray


@law
@given(photo=photos(is_deep=False))
def test_webp_of_the_best_quality_is_lossless(photo):
    found = codec.reopen(codec.encode(photo, Output("webp", percent=codec.MAX_PERCENT)))
    if found.alpha is None and photo.alpha is not None:  # the format leaves out alpha that is opaque everywhere
        assert (photo.alpha == 255).all()
        found = Photo(found.rgb, photo.alpha)
    assert_same(found, photo)


@law
@given(photo=photos(), name=st.sampled_from(list(FORMATS)))
def test_no_depth_and_no_alpha_is_lost_without_a_notice(photo, name):
    found, notices = codec.reopen(codec.encode(photo, Output(name))), codec.losses(photo, Output(name))
    assert found.size == photo.size
    loses_depth = photo.deep is not None and found.deep is None
    loses_alpha = photo.alpha is not None and found.alpha is None and codec.eight_bits(photo.alpha).min() < 255
    assert len(notices) >= loses_depth + loses_alpha
    assert len(notices) == sum("bits" in str(n) or "transparency" in str(n) for n in notices)


@law
@given(h=sides, w=sides, seed=seeds, turn=st.integers(1, 8), name=st.sampled_from(["PNG", "TIFF"]))
def test_each_orientation_is_applied_once(h, w, seed, turn, name):
    """The reference is Pillow's own; a photo that is encoded again is upright."""
    stored = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8))
    exif, target = Image.Exif(), io.BytesIO()
    exif[ExifTags.Base.Orientation] = turn
    stored.save(target, name, exif=exif)
    stored.getexif()[ExifTags.Base.Orientation] = turn
    expected = np.asarray(ImageOps.exif_transpose(stored))
    photo = codec.decode(target.getvalue())
    assert np.array_equal(photo.rgb, expected)
    for again in FORMATS:
        assert codec.reopen(codec.encode(photo, Output(again))).size == expected.shape[:2]


@law
@given(h=st.integers(1, 20_000), w=st.integers(1, 20_000), most=st.integers(1, 10**8))
def test_fit_keeps_the_limit_and_the_aspect_ratio(h, w, most):
    fitted = codec.fit((h, w), most)
    assert all(1 <= side <= whole for side, whole in zip(fitted, (h, w), strict=True))
    assert fitted[0] * fitted[1] <= most or 1 in fitted
    factor = min(1.0, (most / (h * w)) ** 0.5)
    for side, whole in zip(fitted, (h, w), strict=True):
        assert side == 1 or whole * factor - 1 < side <= whole * factor


@law
@given(photo=photos(), size=st.tuples(sides, sides))
def test_resize_gives_the_size_and_8_bits(photo, size):
    resized = codec.resize(photo, size)
    assert resized.size == size
    assert resized.deep is None
    assert resized.alpha is None or resized.alpha.shape == size
    assert (resized.alpha is None) == (photo.alpha is None)
    assert resized.is_gray == photo.is_gray
    if photo.is_gray:
        assert (resized.rgb == resized.rgb[..., :1]).all()


@law
@given(photo=photos(has_alpha=True))
def test_filling_changes_fully_transparent_pixels_alone(photo):
    filled, seen = fill_transparent(photo), photo.alpha > 0
    assert np.array_equal(filled.rgb[seen], photo.rgb[seen])
    assert filled.alpha is photo.alpha
    assert (filled.deep is None) == (photo.deep is None)
    if photo.deep is not None and filled.deep is not None:
        assert np.array_equal(filled.deep[seen], photo.deep[seen])
        assert np.array_equal(filled.rgb, codec.eight_bits(filled.deep))
    if seen.any():  # a filled colour lies between those that are seen; each level of the pyramid rounds
        rounded = 1 + int(np.ceil(np.log2(max(photo.size))))
        colours = photo.rgb[seen].astype(int)
        assert (filled.rgb >= colours.min(0) - rounded).all()
        assert (filled.rgb <= colours.max(0) + rounded).all()


@law
@given(stem=names, suffix=names, name=st.sampled_from(list(FORMATS)))
def test_output_names_keep_the_stem_and_tell_task_and_format(stem, suffix, name):
    made = codec.output_name(stem, suffix, Output(name))
    assert made == f"{stem}_{suffix}{FORMATS[name].suffix}"
    others = {codec.output_name(stem, suffix, Output(other)) for other in FORMATS}
    assert len(others) == len(FORMATS)
