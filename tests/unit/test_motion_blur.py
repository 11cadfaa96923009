"""Motion blur against independent formulas."""

import numpy as np
import pytest
import skimage.data

from imaging.degradations.motion_blur import (
    LONGEST_PX,
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
from imaging.metrics import psnr


@pytest.fixture
def photo():
    return skimage.data.astronaut()[:96, 120:240]


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
