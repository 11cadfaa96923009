"""A photo in tiles is the photo in one piece, for every task: no seam, not even on a smooth gradient."""

import numpy as np
import pytest
import skimage.data

from app.pipeline import tiling
from app.pipeline.restore import pixel_steps, run
from din_model.data import degrade
from din_model.tasks import TASKS
from tests.conftest import SHIPPED

ANY_SIZE = 2**30
CLOSE_DB = 60
VISIBLE_STEP = 2  # of 255, between neighbouring pixels of a smooth gradient


def gradient(h, w):
    """Dusk: bright at the horizon, dark above, without a single edge."""
    rows, columns = np.linspace(0, 1, h)[:, None], np.linspace(0, 1, w)
    planes = [60 + 150 * rows + 0 * columns, 80 + 90 * rows + 20 * columns, 140 + 30 * rows * columns]
    return np.stack(planes, -1).round().astype(np.uint8)


def in_one_piece_and_in_tiles(photo, task, client):
    """Tiles smaller than what is served with, so that a small photo has several."""
    tile, size = (128 if task.size_multiple == 1 else 256), photo.shape[:2]
    plans = [tiling.plan(size, tile, task.overlap, task.size_multiple, whole) for whole in (ANY_SIZE, 0)]
    assert len(plans[0]) == 1
    assert len(plans[1]) >= 2
    return [run(pixel_steps(photo, plan, task, client)).astype(int) for plan in plans]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_photo(name, client):
    task = TASKS[SHIPPED[name][0]]
    photo = skimage.data.astronaut()[:240, 100:370]
    if task.scale == 1:
        photo = degrade(task, photo, np.random.default_rng(0))
    whole, tiled = in_one_piece_and_in_tiles(photo, client.task(name), client)
    psnr = 10 * np.log10(255**2 / max(np.mean((tiled - whole) ** 2), 1e-9))
    print(f"{name}: {psnr:.1f} dB, at most {np.abs(tiled - whole).max()} levels")
    assert psnr >= CLOSE_DB


@pytest.mark.parametrize("name", SHIPPED)
def test_a_smooth_gradient(name, client):
    whole, tiled = in_one_piece_and_in_tiles(gradient(240, 270), client.task(name), client)
    difference = tiled - whole
    for axis in (0, 1):  # a seam is a step in the difference from one row or column to the next
        assert np.abs(np.diff(difference, axis=axis)).mean(axis=1 - axis).max() < VISIBLE_STEP / 2
        assert np.abs(np.diff(difference, axis=axis)).max() <= VISIBLE_STEP
