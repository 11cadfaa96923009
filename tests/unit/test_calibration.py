"""The measurements of tools/calibration.py, on what is known."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from imaging.degradations.haze import haze
from imaging.degradations.motion_blur import expose, moving_frame
from imaging.degradations.rain import Shower, compose, draw

SCRIPT = Path(__file__).parents[2] / "tools/calibration.py"


@pytest.fixture(scope="module")
def calibration():
    spec = importlib.util.spec_from_file_location("calibration", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("length", [9, 21])
def test_the_length_of_a_blur_is_found(calibration, length):
    photo = skimage.data.astronaut()[100:260, 150:310]
    path = np.linspace(-(length - 1) / 2, (length - 1) / 2, length)[:, None] * [0.6, 0.8]
    blurred = expose(photo, (np.arange(256) / 255).astype(np.float32), moving_frame(path, 0.0, 0.0, np.zeros(2)), [])
    long, narrow, offset = calibration.extent(calibration.kernel(photo.mean(2) / 255, blurred.mean(2)))
    assert long == pytest.approx(length, rel=0.25)
    assert narrow < 4
    assert offset < 1.5


def test_the_noise_of_flat_areas_is_found(calibration):
    rng = np.random.default_rng(0)
    gray = np.full((160, 160, 3), 128.0) + rng.normal(0, 4, (160, 160, 1))
    gray[:, 80:] += rng.normal(0, 40, (160, 80, 1))  # structure
    found = calibration.flat_noise(np.clip(gray, 0, 255).astype(np.uint8))
    assert found == pytest.approx(4 * np.sqrt(8 / 9), rel=0.15)


def test_rain_is_described(calibration):
    photo = skimage.data.coffee()[:256, :256]
    shower = Shower(20, 0, 40, 1.5, variety=0, defocus_px=0, cover=0.3, brightness=0.2)
    rng = np.random.default_rng(0)
    figures = calibration.rain_figures(compose(photo, draw((256, 256), shower, rng), 0.0, 0.0, rng), photo)
    assert figures["angle from straight down, degrees"][0] == pytest.approx(20, abs=4)
    assert figures["how much of one direction, 0 to 1"][0] > 0.8
    along, across = (figures[name][0] for name in ("half-length along the streaks, px", "half-length across"))
    assert 5 < along < 30
    assert along > 3 * across
    assert figures["light added, mean of 255"][0] > 2


@pytest.mark.parametrize(("covering", "share"), [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)])
def test_it_is_told_whether_rain_is_added_or_hides_the_scene(calibration, covering, share):
    photo = np.random.default_rng(1).integers(0, 180, (256, 256, 1)).astype(np.uint8).repeat(3, 2)
    shower = Shower(20, 0, 40, 1.5, variety=0, defocus_px=0, cover=2.0, brightness=0.1)
    rng = np.random.default_rng(0)
    rainy = compose(photo, draw((256, 256), shower, rng), 0.0, covering, rng)
    found = calibration.rain_figures(rainy, photo)["light before white, of that before black"][0]
    assert found == pytest.approx(share, abs=0.15)


def test_haze_is_described(calibration):
    clear = skimage.data.coffee()[::2, ::2]
    depth = np.linspace(0.1, 1.0, clear.shape[0])[:, None].repeat(clear.shape[1], 1)
    figures = calibration.haze_figures(haze(clear, depth, 0.9, 1.2), clear)
    assert figures["A"][0] == pytest.approx(0.9, abs=0.01)
    assert figures["its median"][0] == pytest.approx(np.exp(-1.2 * 0.55), abs=0.05)


def test_the_sheet_shows_every_kind(calibration):
    assert set(calibration.SHEET) == {comparison.kind for comparison in calibration.COMPARISONS} | {"outdoor haze"}
    strip = calibration.row([("a", np.zeros((300, 300, 3), np.uint8))] * 3)
    sheet = calibration.stack([strip, strip])
    assert sheet.size == (strip.width, 2 * strip.height)


def test_the_spread_of_figures_is_their_median_and_quantiles(calibration):
    assert calibration.spread([float(n) for n in range(1, 102)]) == "51 (11 to 91)"
    assert calibration.spread([0.1, 0.1, 0.1]) == "0.10 (0.10 to 0.10)"
