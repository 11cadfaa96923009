"""Haze against independent formulas."""

import numpy as np
import pytest
import skimage.data

from imaging.degradations.haze import (
    HAZE_INDOOR,
    HAZE_OUTDOOR,
    INDOOR,
    OUTDOOR,
    drift,
    find_sky,
    fit_to_edges,
    haze,
    light_of,
    recover_airlight,
    recover_depth,
)
from imaging.degradations.motion_blur import (
    MOTION_BLUR,
)
from imaging.metrics import psnr


@pytest.fixture
def photo():
    return skimage.data.astronaut()[:96, 120:240]


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
def test_haze_brightens_the_dark_and_is_hazier_far_away(degradation):
    dark = np.zeros((120, 160, 3), np.uint8)
    for seed in range(20):
        hazy = degradation.apply(dark, 1, np.random.default_rng(seed))
        assert 0 < hazy.max() <= 255
        assert hazy.std() > 0.5


AIRS = {"indoor": INDOOR, "outdoor": OUTDOOR}


@pytest.mark.parametrize("air", AIRS.values(), ids=AIRS)
def test_haze_keeps_to_its_ranges(air):
    lights = np.array([air.draw_light(np.random.default_rng(seed)) for seed in range(1000)])
    gray = np.ptp(lights, 1) == 0
    assert gray.mean() == pytest.approx(1 - air.colour, abs=0.1)  # a warm A of 1 is clipped, but never to gray
    assert lights[gray].min() >= air.light[0]
    assert (lights == 1).all(1).mean() == pytest.approx(air.white * (1 - air.colour), abs=0.05)
    assert np.percentile(np.ptp(lights[~gray], 1), 95) < 0.25  # a cast, not a colour
    densities = np.array([air.draw_density(np.random.default_rng(seed)) for seed in range(1000)])
    assert air.density[0] <= densities.min() < densities.max() <= air.denser
    assert (densities > air.density[1]).mean() == pytest.approx(air.dense, abs=0.05)


def test_the_ranges_are_reside_s_and_outdoors_thin_haze_too():
    assert (INDOOR.light, INDOOR.density) == ((0.7, 1.0), (0.6, 1.8))
    assert (OUTDOOR.light, OUTDOOR.density) == ((0.8, 1.0), (0.02, 0.2))


def test_a_light_has_three_channels_and_the_camera_noise(photo):
    far = np.full(photo.shape[:2], 50.0)
    assert haze(photo, far, np.array([0.9, 0.8, 0.7]), 1.0)[3, 4].tolist() == [230, 204, 179]
    noisy = haze(photo, far, 0.5, 1.0, noise=2.0, rng=np.random.default_rng(0))
    assert noisy.std() == pytest.approx(2.0, rel=0.1)


def test_drift_leaves_the_mean_density():
    banks = np.array([drift((60, 80), np.random.default_rng(seed)) for seed in range(100)])
    assert banks.shape == (100, 60, 80)
    assert 0.4 < banks.min() < 0.8 < 1.2 < banks.max() < 1.6
    assert banks.mean() == pytest.approx(1, abs=0.05)


@pytest.fixture
def landscape():
    """A blue, slightly uneven sky above a dark and rough ground, with a tower before the sky and a pond below."""
    rng = np.random.default_rng(0)
    scene = rng.integers(20, 120, (160, 200, 3)).astype(np.uint8)
    scene[:80] = np.array([140, 170, 220]) + rng.integers(-2, 3, (80, 200, 3))
    scene[40:80, 100:120] = rng.integers(30, 130, (40, 20, 3))
    scene[120:150, 20:80] = (150, 170, 210)
    return scene


def test_a_sky_is_what_reaches_down_from_the_upper_border(landscape):
    sky = find_sky(landscape)
    expected = np.zeros_like(sky)
    expected[:80] = True
    expected[40:80, 100:120] = False
    assert (sky != expected).mean() < 0.05
    assert not sky[120:150].any()  # water is no sky
    assert not find_sky(np.rot90(landscape, 2)).any()
    assert not find_sky(skimage.data.coffee()).any()


def test_a_sky_is_farthest_and_mostly_stays_what_it_is(landscape):
    sky = find_sky(landscape)
    changes, brightness = [], []
    for seed in range(60):
        hazy = HAZE_OUTDOOR.apply(landscape, 1, np.random.default_rng(seed)).astype(float)
        changes.append(np.abs(hazy - landscape)[sky].mean())
        brightness.append((hazy - landscape)[sky].mean())
        assert hazy[sky].std(0).max() < 12  # no banks or objects before it
    assert np.median(changes) < 45
    assert np.median(brightness) > 0  # haze before a sky of that blue is brighter than it


@pytest.mark.parametrize("sky", [(0.9, 0.9, 0.92), (0.3, 0.5, 0.8)])
def test_the_light_of_haze_is_near_the_sky_s(sky):
    lights = np.array([light_of(np.array(sky), np.random.default_rng(seed)) for seed in range(50)])
    assert lights.min() >= min(sky) * 0.95
    assert lights.max() <= 1.0
    assert (np.ptp(lights, 1) <= np.ptp(sky)).all()


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
        assert HAZE_INDOOR.renew is not None
        other = HAZE_INDOOR.renew(clear, hazy, np.random.default_rng(seed))
        change = np.abs(other.astype(int) - clear).mean((1, 2))
        assert change[-40:].mean() > 1.5 * change[:40].mean()


def test_depth_steps_move_to_the_photo_s_edges():
    photo = np.zeros((80, 100, 3), np.uint8)
    photo[:, 50:] = 255
    rough = np.ones((80, 100))
    rough[:, 56:] = 3.0  # six pixels beside the edge
    fitted = fit_to_edges(rough, photo, radius=12)
    steps = np.abs(np.diff(fitted[40]))
    assert steps.argmax() == 49
