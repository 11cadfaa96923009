"""Rain against independent formulas."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.data

from imaging.degradations.rain import (
    RAIN_HEAVY,
    RAIN_LIGHT,
    RAIN_MIXED,
    Grain,
    Shower,
    compose,
    draw,
    smear,
    streaks,
    transfer_rain,
)
from imaging.metrics import psnr


@pytest.fixture
def photo():
    return skimage.data.astronaut()[:96, 120:240]


RAINS = (RAIN_LIGHT, RAIN_HEAVY, RAIN_MIXED)


@pytest.mark.parametrize("rain", RAINS, ids=lambda rain: rain.name)
def test_rain_is_what_its_generator_decides(photo, rain):
    first, again, other = (rain.apply(photo, 1, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == photo.shape
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert rain.is_random


def test_streaks_add_gray_light():
    dark = np.full((200, 300, 3), 40, np.uint8)
    added = RAIN_LIGHT.apply(dark, 1, np.random.default_rng(0)).astype(int) - 40
    assert added.min() == 0
    assert added.max() > 40
    assert np.abs(added[..., 0] - added[..., 2]).max() <= 0.1 * added.max()  # nearly without a colour
    assert 0.03 < (added[..., 0] > 10).mean() < 0.4


STREAKS = Shower(
    angle_deg=0, spread_deg=0, length_px=40, width_px=1.0, variety=0, defocus_px=0, cover=0.2, brightness=0.4
)


def direction_deg(layer):
    """Away from straight down: light changes across streaks, so the gradients' main direction is theirs turned."""
    dy, dx = np.gradient(layer)
    return -np.rad2deg(np.arctan2(2 * (dx * dy).sum(), (dx**2 - dy**2).sum()) / 2)


@pytest.mark.parametrize("angle_deg", [-60, -40, 0, 25])
def test_streaks_fall_in_their_direction(angle_deg):
    shower, rng = replace(STREAKS, angle_deg=angle_deg, length_px=90, width_px=2.5), np.random.default_rng(0)
    directions = [direction_deg(draw((256, 256), shower, rng)) for _ in range(8)]  # one picture alone has few streaks
    assert np.mean(directions) == pytest.approx(angle_deg, abs=3)


@pytest.mark.parametrize("angle_deg", [-60, -40, 0, 25])
def test_noise_is_smeared_in_its_direction(angle_deg):
    grain = Grain(angle_deg, length_px=60, grain_px=2.0, share=0.1, brightness=0.05, base=0.5)
    layer = smear((200, 301), grain, np.random.default_rng(0))
    assert layer.shape == (200, 301)
    assert layer.min() >= 0
    rows = layer - layer.mean(1, keepdims=True)
    shifts = np.arange(-60, 61)
    agreement = [(rows[:-20, 60:-60] * np.roll(rows[20:], -shift, 1)[:, 60:-60]).sum() for shift in shifts]
    assert shifts[np.argmax(agreement)] == pytest.approx(20 * np.tan(np.deg2rad(angle_deg)), abs=1)


def test_a_streak_is_as_long_wide_and_bright_as_it_is_said_to_be():
    middle, height = np.array([50.0]), np.array([40.0])
    light = streaks((101, 101), middle, middle, height, np.zeros(1), np.array([1.5]), np.array([0.5])).reshape(101, 101)
    assert light.max() == pytest.approx(0.5)
    rows, columns = np.nonzero(light > 0.02)
    assert rows.min() == 31
    assert rows.max() == 69
    profile = light[50] / light[50].sum()
    assert np.sqrt((profile * (np.arange(101) - 50.0) ** 2).sum()) == pytest.approx(1.5, rel=0.05)
    assert columns.min() > 44


def test_twice_the_cover_is_twice_the_light():
    def mean_light(cover):
        return draw((400, 400), replace(STREAKS, cover=cover), np.random.default_rng(0)).mean()

    assert mean_light(0.4) == pytest.approx(2 * mean_light(0.2), rel=0.15)
    assert draw((50, 50), replace(STREAKS, cover=0), np.random.default_rng(0)).max() == 0


def test_no_part_of_a_picture_has_less_rain():
    rng = np.random.default_rng(1)
    layer = np.mean([draw((300, 300), replace(STREAKS, angle_deg=40, cover=0.5), rng) for _ in range(20)], 0)
    blocks = layer.reshape(3, 100, 3, 100).mean((1, 3))
    assert blocks.min() > 0.85 * blocks.max()


def test_a_covering_streak_vanishes_before_white_and_an_added_one_does_not_before_gray():
    light = draw((64, 64), STREAKS, np.random.default_rng(0))
    white, gray = (np.full((64, 64, 3), value, np.uint8) for value in (255, 128))
    rng = np.random.default_rng(0)
    assert np.abs(compose(white, light, 0.0, 1.0, rng).astype(int) - 255).max() <= 2
    assert compose(gray, light, 0.0, 0.0, rng).max() > 200


def test_a_veil_takes_contrast(photo):
    dry = compose(photo, np.zeros(photo.shape[:2], np.float32), 0.4, 0.0, np.random.default_rng(0))
    assert dry.std() < 0.8 * photo.std()


def test_rain_has_the_strength_of_its_benchmark():
    """Input PSNR: Rain100L's median is 25.5 dB, Rain100H's training pairs' 12.0, Rain1400's 20.3 to 23.9."""
    photo = skimage.data.coffee()[:256, :256]

    def scores(rain):
        return [psnr(rain.apply(photo, 1, np.random.default_rng(seed)), photo) for seed in range(60)]

    light, heavy, mixed = (scores(rain) for rain in RAINS)
    assert 23 < np.median(light) < 28
    assert 11 < np.median(heavy) < 16
    assert 20 < np.median(mixed) < 26
    assert np.percentile(light, 10) > 18
    assert np.percentile(heavy, 90) < 22


@pytest.mark.parametrize("size", [(120, 150), (300, 420)], ids=["smaller than the pair", "larger than the pair"])
def test_a_pair_s_rain_falls_on_another_photo(size):
    dim = np.full((200, 220, 3), 60, np.uint8)
    rainy = RAIN_LIGHT.apply(dim, 1, np.random.default_rng(0))
    gray = np.full((*size, 3), 90, np.uint8)
    for seed in range(5):
        wet = transfer_rain(gray, (dim, rainy), np.random.default_rng(seed))
        assert wet.shape == gray.shape
        assert np.array_equal(wet, transfer_rain(gray, (dim, rainy), np.random.default_rng(seed)))
        light = wet.astype(int) - gray
        assert light.min() == 0, "rain makes nothing darker"
        # As much rain as in the pair, at most 1.6 times as bright; a part of it may hold more or less than the mean.
        assert 0.3 < light.mean() / (rainy.astype(int) - dim).mean() < 2.5


def test_rain_is_taken_from_where_its_pair_is_not_saturated():
    clear = np.full((64, 256, 3), 255, np.uint8)
    clear[:, :128] = 40
    rainy = np.minimum(clear.astype(int) + 50, 255).astype(np.uint8)
    photo = np.full((64, 64, 3), 90, np.uint8)
    light = [float(transfer_rain(photo, (clear, rainy), np.random.default_rng(seed)).mean()) - 90 for seed in range(20)]
    assert np.median(light) > 25, "a part without rain was taken although others have it"
