"""Degradations against independent formulas; their agreement with MATLAB's images is held by the golden tests."""

import numpy as np
import pytest
import skimage.data

from imaging.degradations import DEGRADATIONS, Degradation, find_degradations, rain
from imaging.degradations.downscale import BD, BI, DN
from imaging.degradations.rain import (
    RAIN_LIGHT,
)
from imaging.degradations.resize import resize


@pytest.fixture
def photo():
    return skimage.data.astronaut()[:96, 120:240]


def keys_cubic(x):
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


@pytest.mark.parametrize(("in_size", "out_size"), [(12, 3), (12, 4), (5, 20), (7, 14), (9, 9)])
def test_resize_of_a_row_is_the_weighted_sum_of_its_neighbours(in_size, out_size):
    row = np.random.default_rng(0).integers(0, 256, in_size).astype(np.uint8)
    stretch = max(1, in_size / out_size)
    expected = []
    for i in range(out_size):
        centre = (i + 0.5) * in_size / out_size - 0.5
        taps = range(int(np.floor(centre - 2 * stretch)) - 1, int(np.ceil(centre + 2 * stretch)) + 2)
        weights = [keys_cubic((centre - t) / stretch) for t in taps]
        mirrored = [min(t % (2 * in_size), 2 * in_size - 1 - t % (2 * in_size)) for t in taps]
        value = sum(w * float(row[m]) for w, m in zip(weights, mirrored, strict=True)) / sum(weights)
        expected.append(np.clip(np.floor(value + 0.5), 0, 255))
    picture = np.repeat(row[None, :, None], 3, 2)
    assert resize(picture, (1, out_size))[0, :, 0].tolist() == expected


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_bi_is_the_bicubic_reduction(photo, scale):
    lq = BI.apply(photo, scale, np.random.default_rng(0))
    assert lq.shape == (96 // scale, 120 // scale, 3)
    means = photo.reshape(96 // scale, scale, 120 // scale, scale, 3).mean((1, 3))
    assert np.abs(lq - means).mean() < 8  # close to the mean of what each pixel covers, whatever the phase


def test_bd_is_the_blurred_photo_at_every_third_pixel(photo):
    lq = BD.apply(photo, 3, np.random.default_rng(0))
    y, x = np.mgrid[-3:4, -3:4]
    kernel = np.exp(-(x**2 + y**2) / (2 * 1.6**2))
    kernel /= kernel.sum()
    padded = np.pad(photo.astype(float), ((3, 3), (3, 3), (0, 0)), "edge")
    for i, j in ((0, 0), (5, 7), (31, 39)):
        window = padded[3 * i + 1 : 3 * i + 8, 3 * j + 1 : 3 * j + 8]
        expected = np.floor((window * kernel[..., None]).sum((0, 1)) + 0.5)
        assert lq[i, j].tolist() == expected.tolist()
    assert lq.shape == (32, 40, 3)


def test_dn_adds_noise_of_level_30_that_its_generator_decides():
    gray = np.full((300, 300, 3), 128, np.uint8)
    noisy = DN.apply(gray, 3, np.random.default_rng(1))
    assert 29 < noisy.std() < 31
    assert abs(noisy.mean() - 128) < 1
    assert np.array_equal(noisy, DN.apply(gray, 3, np.random.default_rng(1)))
    assert not np.array_equal(noisy, DN.apply(gray, 3, np.random.default_rng(2)))


def test_every_degradation_of_the_package_is_found():
    found = {"BI", "BD", "DN", "motion blur", "light rain", "heavy rain", "mixed rain", "indoor haze", "outdoor haze"}
    assert set(DEGRADATIONS) == found
    assert DEGRADATIONS["light rain"] is RAIN_LIGHT


def test_degradations_of_one_name_are_refused(monkeypatch):
    monkeypatch.setattr(rain, "OTHER", Degradation("BI", RAIN_LIGHT.apply, is_random=False), raising=False)
    with pytest.raises(ValueError, match="two degradations are named 'BI'"):
        find_degradations()


def test_those_said_to_be_fixed_ignore_their_generator(photo):
    for degradation in (BI, BD):
        assert not degradation.is_random
        first, second = (degradation.apply(photo, 3, np.random.default_rng(seed)) for seed in (1, 2))
        assert np.array_equal(first, second)
    assert DN.is_random
