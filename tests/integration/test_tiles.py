"""A photo in tiles is the photo in one piece, for every task: no seam, not even on a smooth gradient."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.data

from app.pipeline.restore import pixel_steps, plan_tiles, run
from din_model.data import degrade
from din_model.tasks import TASKS
from tests.support.served import SHIPPED

ANY_SIZE = 2**30
CLOSE_DB = 60
VISIBLE_STEP = 2  # of 255, between neighbouring pixels of a smooth gradient


def gradient(h, w):
    """Dusk: bright at the horizon, dark above, without a single edge."""
    rows, columns = np.linspace(0, 1, h)[:, None], np.linspace(0, 1, w)
    planes = [60 + 150 * rows + 0 * columns, 80 + 90 * rows + 20 * columns, 140 + 30 * rows * columns]
    return np.stack(planes, -1).round().astype(np.uint8)


def network_named(name, client):
    return next(network for network in client.task(SHIPPED[name][0]).networks if network.name == name)


def in_one_piece_and_in_tiles(photo, network, client):
    """Tiles smaller than what is served with, so that a small photo has several."""
    tile = 128 if network.size_multiple == 1 else 256
    whole, tiled = (replace(network, tile=tile, whole_pixels=pixels) for pixels in (ANY_SIZE, 0))
    assert len(plan_tiles(photo.shape[:2], whole)) == 1
    assert len(plan_tiles(photo.shape[:2], tiled)) >= 2
    return [run(pixel_steps(photo, form, client)).astype(int) for form in (whole, tiled)]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_photo(name, client):
    task = TASKS[SHIPPED[name][0]]
    # A strided network has larger tiles, and is faster.
    photo = skimage.data.astronaut()[:240, 100:370] if task.stride == 1 else skimage.data.astronaut()[:360, 60:460]
    if task.scale == 1:
        photo = degrade(task, photo, np.random.default_rng(0))
    whole, tiled = in_one_piece_and_in_tiles(photo, network_named(name, client), client)
    psnr = 10 * np.log10(255**2 / max(np.mean((tiled - whole) ** 2), 1e-9))
    print(f"{name}: {psnr:.1f} dB, at most {np.abs(tiled - whole).max()} levels")
    assert psnr >= CLOSE_DB


@pytest.mark.parametrize("name", SHIPPED)
def test_a_smooth_gradient(name, client):
    whole, tiled = in_one_piece_and_in_tiles(gradient(240, 270), network_named(name, client), client)
    difference = tiled - whole
    for axis in (0, 1):  # a seam is a step in the difference from one row or column to the next
        assert np.abs(np.diff(difference, axis=axis)).mean(axis=1 - axis).max() < VISIBLE_STEP / 2
        assert np.abs(np.diff(difference, axis=axis)).max() <= VISIBLE_STEP
