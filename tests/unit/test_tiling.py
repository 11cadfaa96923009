"""Tiles: one shape, no gap, enough context, and a faithful stitch."""

import numpy as np
import pytest

from app.pipeline import tiling


@pytest.mark.parametrize("multiple", [1, 4])
@pytest.mark.parametrize("size", [1, 63, 64, 65, 66, 97, 100, 127, 500, 1001])
def test_an_axis_is_covered_once(size, multiple):
    spans = tiling.plan_axis(size, tile=64, overlap=8, multiple=multiple)
    assert [i for s in spans for i in range(s.core_start, s.core_stop)] == list(range(size))
    assert len({s.stop - s.start for s in spans}) == 1
    assert spans[0].start == 0
    assert spans[-1].stop == size
    for span in spans:
        assert span.stop - span.start <= 64
        assert span.start % multiple == 0
        assert span.start == 0 or span.core_start - span.start >= 8
        assert span.stop == size or span.stop - span.core_stop >= 8


@pytest.mark.parametrize("size", [(1, 1), (30, 40), (64, 200), (131, 77), (300, 201)])
@pytest.mark.parametrize("scale", [1, 3])
def test_stitched_tiles_are_the_photo(size, scale):
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    enlarged = photo.repeat(scale, 0).repeat(scale, 1)
    canvas = np.zeros_like(enlarged)
    plan = tiling.plan(size, tile=64, overlap=8, multiple=4)
    assert len({tiling.cut(photo, tile).shape for tile in plan}) == 1
    for tile in plan:
        tiling.stitch(canvas, tile, tiling.cut(photo, tile).repeat(scale, 0).repeat(scale, 1), scale)
    assert np.array_equal(canvas, enlarged)


def test_a_small_photo_is_one_tile():
    (tile,) = tiling.plan((64, 10), tile=64, overlap=8)
    assert tiling.cut(np.zeros((64, 10, 3), np.uint8), tile).shape == (64, 10, 3)
