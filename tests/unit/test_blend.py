"""Between a photo and its restoration: both ends exactly, the middle by the values, in 8 and in 16 bits."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from app import codec
from app.codec import Photo, blend, enlarge
from app.codec.finish import STRIP_ROWS
from app.errors import PhotoError

STRENGTHS = (0, 1, 37, 50, 99, 100)


def noise(*shape, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def photos(scale, is_deep, size=(2 * STRIP_ROWS + 5, 23)):
    """A photo with alpha, and something that could be its restoration."""
    h, w = size
    dtype = np.uint16 if is_deep else np.uint8
    made = []
    for seed, factor in enumerate((1, scale)):
        values = noise(h * factor, w * factor, 4, dtype=dtype, seed=seed)
        deep = np.ascontiguousarray(values[..., :3])
        rgb = codec.eight_bits(deep)
        alpha = np.ascontiguousarray(values[..., 3])
        made.append(Photo(rgb, alpha, b"profile", deep=deep if is_deep else None, exif=b"exif"))
    return made


def values(photo):
    """All values that a photo has."""
    return [plane for plane in (photo.rgb, photo.deep, photo.alpha) if plane is not None]


def bicubic(plane, scale):
    """A plane enlarged in one piece, in its own depth."""
    if plane.dtype == np.uint8:
        return enlarge(plane, scale)
    h, w = plane.shape
    image = Image.fromarray(plane.astype(np.float32))
    enlarged = np.asarray(image.resize((w * scale, h * scale), Image.Resampling.BICUBIC)) if scale > 1 else plane
    return np.clip(np.rint(enlarged), 0, 65535).astype(np.uint16)


@pytest.mark.parametrize("is_deep", [False, True], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
def test_nothing_of_it_is_the_bicubic_photo_and_all_of_it_the_restoration(scale, is_deep):
    before, after = photos(scale, is_deep)
    assert blend(before, after, 100) is after
    none = blend(before, after, 0)
    wanted = before.deep if is_deep else before.rgb
    expected = np.dstack([bicubic(np.ascontiguousarray(wanted[..., i]), scale) for i in range(3)])
    assert np.array_equal(none.deep if is_deep else none.rgb, expected)
    assert np.array_equal(none.rgb, codec.eight_bits(expected))
    assert np.array_equal(none.alpha, bicubic(before.alpha, scale))
    assert (none.icc_profile, none.exif, none.is_gray) == (after.icc_profile, after.exif, after.is_gray)


@pytest.mark.parametrize("is_deep", [False, True], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("strength", STRENGTHS)
def test_values_are_mixed_by_the_percent_to_half_a_step(strength, is_deep):
    before, after = photos(2, is_deep)
    none, mixed = blend(before, after, 0), blend(before, after, strength)
    for low, high, found in zip(values(none), values(after), values(mixed), strict=True):
        if is_deep and found.dtype == np.uint8:
            continue  # the upper byte, which the next assertion compares
        exact = low * (1 - strength / 100) + high * (strength / 100)
        assert found.dtype == high.dtype
        assert np.abs(found - exact).max() <= 0.5 + 1e-6
    if is_deep:
        assert np.array_equal(mixed.rgb, codec.eight_bits(mixed.deep))


def test_16_bits_are_finer_than_8():
    before = Photo(np.zeros((4, 4, 3), np.uint8), deep=np.full((4, 4, 3), 100, np.uint16))
    after = replace(before, deep=np.full((4, 4, 3), 200, np.uint16))
    assert set(np.unique(blend(before, after, 25).deep)) == {125}


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 100), st.integers(1, 3), st.sampled_from([np.uint8, np.uint16]), st.integers(0, 2**32 - 1))
def test_gray_stays_gray_and_equal_stays_equal(strength, scale, dtype, seed):
    h, w = 9, 7
    gray = noise(h, w, 1, dtype=dtype, seed=seed).repeat(3, 2)
    before = Photo(codec.eight_bits(gray), deep=gray if dtype == np.uint16 else None, is_gray=True)
    unchanged = blend(before, before, strength)
    assert all(np.array_equal(a, b) for a, b in zip(values(unchanged), values(before), strict=True))
    other = noise(h * scale, w * scale, 1, dtype=dtype, seed=seed + 1).repeat(3, 2)
    after = Photo(codec.eight_bits(other), deep=other if dtype == np.uint16 else None, is_gray=True)
    mixed = blend(before, after, strength)
    assert (mixed.rgb == mixed.rgb[..., :1]).all()
    assert mixed.is_gray


def test_stored_photos_blend_as_they_are(tmp_path):
    """A page stores both as PNG, and blends what it reads again."""
    before, after = photos(2, is_deep=True)
    before, after = (replace(photo, icc_profile=None, exif=None) for photo in (before, after))
    for name, photo in (("before", before), ("after", after)):
        codec.save_png(photo, tmp_path / f"{name}.png")
    first, second = (codec.reopen(tmp_path / f"{name}.png") for name in ("before", "after"))
    expected, found = blend(before, after, 60), blend(first, second, 60)
    assert all(np.array_equal(a, b) for a, b in zip(values(expected), values(found), strict=True))


@pytest.mark.parametrize("strength", [-1, 101])
def test_a_strength_out_of_range_is_one_sentence(strength):
    photo = Photo(np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(PhotoError, match=rf"The strength {strength} is outside the range of 0 to 100\."):
        blend(photo, photo, strength)
