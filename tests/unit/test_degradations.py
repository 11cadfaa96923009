"""Degradations against independent formulas; their agreement with MATLAB's images is held by the golden tests."""

import numpy as np
import pytest
import skimage.data

from imaging.degradations import (
    BD,
    BI,
    DN,
    HAZE_INDOOR,
    HAZE_OUTDOOR,
    MOTION_BLUR,
    RAIN_HEAVY,
    RAIN_LIGHT,
    RAIN_MIXED,
)
from imaging.degradations.haze import INDOOR, OUTDOOR, fit_to_edges, haze, recover_airlight, recover_depth
from imaging.degradations.motion_blur import motion_blur, sample, shake
from imaging.degradations.rain import Streaks, draw
from imaging.degradations.resize import resize
from imaging.metrics import psnr


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
    assert np.array_equal(added[..., 0], added[..., 2])
    assert 0.03 < (added[..., 0] > 10).mean() < 0.4


@pytest.mark.parametrize("angle_deg", [-40, 0, 25])
def test_streaks_fall_in_their_direction(angle_deg):
    layer = draw((256, 256), Streaks(angle_deg, 60, 2.0, 0.1, 0.5), np.random.default_rng(0))
    dy, dx = np.gradient(layer)
    # Light changes across streaks, so the gradients' main direction is theirs turned by a right angle.
    double = np.arctan2(2 * (dx * dy).sum(), (dx**2 - dy**2).sum())
    assert np.rad2deg(double / 2) == pytest.approx(-angle_deg, abs=3)


def test_heavier_rain_hides_more(photo):
    def mean_psnr(rain):
        return np.mean([psnr(rain.apply(photo, 1, np.random.default_rng(seed)), photo) for seed in range(20)])

    light, heavy, mixed = (mean_psnr(rain) for rain in RAINS)
    assert heavy < 17 < 21 < mixed < light + 3
    assert light > 23


def test_those_said_to_be_fixed_ignore_their_generator(photo):
    for degradation in (BI, BD):
        assert not degradation.is_random
        first, second = (degradation.apply(photo, 3, np.random.default_rng(seed)) for seed in (1, 2))
        assert np.array_equal(first, second)
    assert DN.is_random


HAZES = (HAZE_INDOOR, HAZE_OUTDOOR)


@pytest.mark.parametrize("degradation", [*HAZES, MOTION_BLUR], ids=lambda d: d.name)
def test_haze_and_blur_are_what_their_generator_decides(photo, degradation):
    first, again, other = (degradation.apply(photo, 1, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first.shape, first.dtype) == (photo.shape, np.uint8)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert degradation.is_random


def test_haze_is_the_scattering_model(photo):
    depth = np.random.default_rng(0).uniform(0, 2, photo.shape[:2])
    hazy = haze(photo, depth, light=0.8, density=1.5)
    for y, x in ((0, 0), (50, 70)):
        t = np.exp(-1.5 * depth[y, x])
        assert hazy[y, x].tolist() == np.floor(photo[y, x] * t + 255 * 0.8 * (1 - t) + 0.5).tolist()


@pytest.mark.parametrize("degradation", HAZES, ids=lambda d: d.name)
def test_haze_brightens_the_dark_and_keeps_to_reside_s_ranges(degradation):
    dark = np.zeros((120, 160, 3), np.uint8)
    for seed in range(20):
        hazy = degradation.apply(dark, 1, np.random.default_rng(seed))
        assert np.array_equal(hazy[..., 0], hazy[..., 2])  # A is gray
        assert 0 < hazy.max() <= 255
        assert hazy.std() > 0.5  # far is hazier than near
    assert all(air.light == light for air, light in ((INDOOR, (0.7, 1.0)), (OUTDOOR, (0.8, 1.0))))
    assert all(air.density == density for air, density in ((INDOOR, (0.6, 1.8)), (OUTDOOR, (0.04, 0.2))))


def test_a_pair_tells_its_haze():
    clear = skimage.data.coffee()[::2, ::2]
    y = np.linspace(0.2, 1.2, clear.shape[0])[:, None].repeat(clear.shape[1], 1)
    depth = np.where(np.arange(clear.shape[1]) < 150, y, 0.3)
    hazy = haze(clear, depth, 0.85, 1.0)
    assert recover_airlight(hazy, clear) == pytest.approx(0.85, abs=0.01)
    found = recover_depth(hazy, clear)
    assert np.median(np.abs(found - depth)) < 0.02
    # What matters: the same haze again.
    assert psnr(haze(clear, found, 0.85, 1.0), hazy, "rgb") > 40
    with pytest.raises(ValueError, match="do not show haze"):
        recover_airlight(clear, clear)


def test_new_haze_follows_the_old_depth():
    clear = skimage.data.coffee()[::2, ::2]
    depth = np.linspace(0.1, 1.0, clear.shape[0])[:, None].repeat(clear.shape[1], 1)
    hazy = haze(clear, depth, 1.0, 1.2)
    for seed in range(5):
        other = HAZE_INDOOR.renew(clear, hazy, np.random.default_rng(seed))
        change = np.abs(other.astype(int) - clear).mean((1, 2))
        assert change[-40:].mean() > 1.5 * change[:40].mean()


def test_depth_steps_move_to_the_photo_s_edges():
    photo = np.zeros((80, 100, 3), np.uint8)
    photo[:, 50:] = 255
    rough = np.ones((80, 100))
    rough[:, 56:] = 3.0  # six pixels beside the edge
    fitted = fit_to_edges(rough, photo)
    steps = np.abs(np.diff(fitted[40]))
    assert steps.argmax() == 49


def test_a_shaken_camera_keeps_light_and_the_middle_of_its_path():
    dots = np.zeros((161, 161, 3), np.uint8)
    dots[79:82, 79:82] = 255
    for seed in range(10):
        blurred = motion_blur(dots, 1, np.random.default_rng(seed)).astype(float)
        light = (blurred.mean(2) / 255) ** 2.2
        assert light.max() < 1
        path = light > 0.3 * light.max()
        y, x = np.nonzero(path)
        assert np.hypot(y - 80, x - 80).min() <= 3  # the middle frame is in place


def test_a_path_has_its_length_and_its_middle_at_the_origin():
    for seed in range(10):
        path = shake(11, 20.0, np.random.default_rng(seed))
        assert np.linalg.norm(np.diff(path, axis=0), axis=1).sum() == pytest.approx(20.0)
        assert path[5].tolist() == [0, 0]


def test_bilinear_sampling():
    photo = np.arange(12, dtype=np.float32).reshape(3, 4, 1).repeat(3, 2)
    y, x = np.float32([[0.5, 1.0, -3.0]]), np.float32([[0.0, 2.25, 9.0]])
    assert sample(photo, y, x)[0, :, 0].tolist() == [2.0, 6.25, 3.0]


def test_motion_blur_averages_light_not_pixel_values():
    stripes = np.zeros((96, 96, 3), np.uint8)
    stripes[:, ::2] = 255
    brightness = [motion_blur(stripes, 1, np.random.default_rng(seed))[20:-20, 20:-20].mean() for seed in range(12)]
    # Half the light is 186 of 255, not 127.
    assert np.median(brightness) > 150


def test_synthetic_blur_is_about_as_strong_as_gopro_s():
    photo = skimage.data.astronaut()
    scores = [psnr(motion_blur(photo, 1, np.random.default_rng(seed)), photo, "rgb") for seed in range(12)]
    assert 18 < np.mean(scores) < 28
