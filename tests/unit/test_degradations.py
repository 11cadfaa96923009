"""Degradations against independent formulas; their agreement with MATLAB's images is held by the golden tests."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.data

from imaging.degradations import DEGRADATIONS, Degradation, find_degradations, rain
from imaging.degradations.downscale import BD, BI, DN
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
    LONGEST_PX,
    MOTION_BLUR,
    between_rows,
    draw_extent,
    expose,
    motion_blur,
    moving_frame,
    path_extent,
    segment,
    shake,
    without,
)
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


def test_the_ranges_are_reside_s():
    assert (INDOOR.light, INDOOR.density) == ((0.7, 1.0), (0.6, 1.8))
    assert (OUTDOOR.light, OUTDOOR.density) == ((0.8, 1.0), (0.04, 0.2))


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


PIXEL_VALUES = (np.arange(256) / 255).astype(np.float32)
STILL = np.zeros(2)


def test_a_path_has_its_extent_and_its_middle_at_the_origin():
    for seed in range(10):
        path = shake(11, 20.0, np.random.default_rng(seed))
        assert path_extent(path) == pytest.approx(20.0)
        assert path[5].tolist() == [0, 0]
    steady = np.linspace(-8, 8, 101)[:, None] * [0.6, 0.8]
    assert path_extent(steady) == pytest.approx(16, rel=0.03)


def test_extents_are_those_of_the_real_pairs():
    extents = [draw_extent(np.random.default_rng(seed)) for seed in range(2000)]
    assert max(extents) <= LONGEST_PX
    assert 12 < np.median(extents) < 18
    assert 4 < np.percentile(extents, 5) < 8
    assert np.percentile(extents, 95) > 33


def test_rows_between_are_cubic_means():
    photo = np.random.default_rng(0).integers(0, 256, (9, 4, 3)).astype(np.uint8)
    fine = between_rows(photo)
    assert np.array_equal(fine[::2], photo)
    p = photo.astype(float)
    expected = np.clip((9 * (p[3] + p[4]) - p[2] - p[5]) / 16, 0, 255)
    assert np.abs(fine[7] - expected).max() <= 0.5


def test_a_camera_at_rest_takes_the_photo_itself(photo):
    still = moving_frame(np.zeros((7, 2)), 0.0, 0.0, STILL)
    assert np.allclose(expose(photo, PIXEL_VALUES, still, []), photo / 255, atol=1e-6)


def test_a_shift_averages_neighbours_and_keeps_their_light(photo):
    path = np.array([[0, -2], [0, -1], [0, 0], [0, 1], [0, 2]], float)
    seen = expose(photo, PIXEL_VALUES, moving_frame(path, 0.0, 0.0, STILL), [])
    expected = np.mean([photo[:, 4 + k : k - 8 + 120] for k in range(-2, 3)], 0) / 255
    assert np.allclose(seen[:, 4 : 4 + expected.shape[1]], expected, atol=1e-6)
    dots = np.zeros((101, 101, 3), np.uint8)
    dots[50, 50] = 200
    for seed in range(5):
        motion = moving_frame(shake(13, 20.0, np.random.default_rng(seed)), 0.0, 0.0, STILL)
        # Positions are rounded to half pixels, and what falls between four pixels is their cubic mean.
        assert expose(dots, PIXEL_VALUES, motion, []).sum() == pytest.approx(3 * 200 / 255, rel=0.25)


def test_a_turn_and_a_zoom_leave_the_middle_and_blur_the_border():
    x = np.arange(161)
    board = ((x[:, None] // 4 + x // 4) % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2)
    for turn, zoom in ((0.05, 0.0), (0.0, 0.05)):
        seen = expose(board, PIXEL_VALUES, moving_frame(np.zeros((13, 2)), turn, zoom, STILL), [])
        error = np.abs(seen - board / 255)
        assert error[76:85, 76:85].mean() < 0.1
        assert error[:20, :20].mean() > 0.3


def test_an_object_moves_alone_and_over_what_is_behind_it():
    photo = np.full((80, 120, 3), 100, np.uint8)
    region = np.zeros((80, 120), bool)
    region[30:50, 40:80] = True
    photo[region] = 200
    path = np.linspace(-10, 10, 21)[:, None] * [0.0, 1.0]
    still, moving = (moving_frame(p, 0.0, 0.0, STILL) for p in (np.zeros((21, 2)), path))
    seen = 255 * expose(photo, PIXEL_VALUES, still, [(region, moving)])[..., 0]
    assert np.allclose(seen[40, 51:69], 200, atol=1)  # always covered
    assert np.all((seen[40, 72:89] > 101) & (seen[40, 72:89] < 200))  # covered for a part of the exposure
    assert np.allclose(seen[:29], 100)
    assert np.allclose(seen[51:], 100)


def test_what_is_behind_a_region_is_mirrored_from_its_nearer_side():
    photo = np.arange(12, dtype=np.uint8)[None, :, None].repeat(2, 0).repeat(3, 2)
    region = np.zeros((2, 12), bool)
    region[0, 4:8] = True
    region[1] = True  # nothing to mirror
    filled = without(photo, region)[..., 0]
    assert filled[0].tolist() == [0, 1, 2, 3, 3, 2, 9, 8, 8, 9, 10, 11]
    assert filled[1].tolist() == list(range(12))


def test_a_segment_is_one_part_of_the_photo(photo):
    for seed in range(20):
        region = segment(photo, np.random.default_rng(seed))
        assert region.shape == photo.shape[:2]
        assert 0 < region.mean() < 0.9
        changes = np.abs(np.diff(region.astype(int))).sum()
        assert changes < 0.15 * region.size  # no dust


def test_lamps_draw_white_lines():
    dark = np.full((60, 60, 3), 20, np.uint8)
    dark[29:32, 29:32] = 255
    light = (np.arange(256) / 255).astype(np.float32) ** 2.2
    path = np.linspace(-10, 10, 21)[:, None] * [0.0, 1.0]
    motion = moving_frame(path, 0.0, 0.0, STILL)
    lamp, paper = (expose(dark, light, motion, [], glow)[30, 30, 0] for glow in (8.0, 0.0))
    assert lamp > 1 > 0.3 > paper


def test_blur_averages_pixel_values_or_light():
    stripes = np.zeros((96, 96, 3), np.uint8)
    stripes[:, ::2] = 200
    brightness = [motion_blur(stripes, 1, np.random.default_rng(seed))[20:-20, 20:-20].mean() for seed in range(40)]
    assert min(brightness) == pytest.approx(100, abs=5)  # GoPro's mean of pixel values
    assert max(brightness) > 130  # half the light of 200 is 146


def test_the_middle_of_the_exposure_is_in_place(photo):
    """A patch cut from a blurred photo fits the sharp one best where it was."""
    clear = photo.mean(2)
    for seed in range(6):
        blurred = motion_blur(photo, 1, np.random.default_rng(seed)).mean(2)
        spectrum = np.fft.fft2(blurred - blurred.mean()) * np.conj(np.fft.fft2(clear - clear.mean()))
        dy, dx = np.unravel_index(np.fft.ifft2(spectrum).real.argmax(), clear.shape)
        assert np.hypot((dy + 48) % 96 - 48, (dx + 60) % 120 - 60) < 8


def test_made_blur_is_about_as_strong_as_the_real_pairs():
    photo = skimage.data.astronaut()
    scores = [psnr(motion_blur(photo, 1, np.random.default_rng(seed)), photo, "rgb") for seed in range(24)]
    assert 15 < np.percentile(scores, 10) < np.percentile(scores, 90) < 30
    assert 18 < np.median(scores) < 25
