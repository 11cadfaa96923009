"""Transparent pixels are filled, so that it cannot bleed into the edges."""

import numpy as np
import pytest

from app.codec import Photo
from app.codec.alpha import fill_transparent

H, W = 37, 53  # odd, so that halves are not whole
ROUNDED = 3  # levels: each halving rounds once


@pytest.fixture
def disc():
    """A warm disc whose surroundings are transparent green."""
    rows, columns = np.mgrid[:H, :W]
    inside = (rows - 18) ** 2 + (columns - 26) ** 2 < 12**2
    rgb = np.where(inside[..., None], np.uint8([200, 120, 60]), np.uint8([0, 255, 0]))
    return rgb, np.where(inside, np.uint8(255), np.uint8(0))


def test_the_colour_spreads_from_the_edge(disc):
    rgb, alpha = disc
    filled = fill_transparent(Photo(rgb, alpha))
    assert np.abs(filled.rgb.astype(int) - [200, 120, 60]).max() <= ROUNDED
    assert filled.alpha is alpha


def test_what_can_be_seen_stays_to_the_bit(disc):
    rgb, alpha = disc
    rgb = np.random.default_rng(0).integers(0, 256, rgb.shape, dtype=np.uint8)
    alpha[18, 26] = 1  # hardly, but seen
    filled = fill_transparent(Photo(rgb, alpha)).rgb
    assert np.array_equal(filled[alpha > 0], rgb[alpha > 0])
    assert not np.array_equal(filled, rgb)


def test_in_16_bits_too(disc):
    rgb, alpha = disc
    deep = rgb.astype(np.uint16) * 257 + (alpha > 0)[..., None].astype(np.uint16) * 3
    filled = fill_transparent(Photo(rgb, alpha.astype(np.uint16) * 257, deep=deep))
    assert filled.deep is not None
    assert np.array_equal(filled.deep[alpha > 0], deep[alpha > 0])
    assert np.abs(filled.deep[alpha == 0] // 257 - np.int64([200, 120, 60])).max() <= ROUNDED
    assert np.array_equal(filled.rgb, (filled.deep >> 8).astype(np.uint8))


@pytest.mark.parametrize("alpha", [0, 128, 255])
def test_nothing_to_fill_or_nothing_to_fill_it_with(disc, alpha):
    photo = Photo(disc[0], np.full((H, W), alpha, np.uint8))
    assert fill_transparent(photo) is photo
