"""The square of a photo that is restored first."""

from dataclasses import replace

import gradio as gr
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline.eta import EtaEstimator
from app.tasks import Quality
from app.web.part.square import CONTEXT, GOAL_S, SIDE, SIDES, restore_square, side_for, square
from app.web.part.tab import centre_of
from tests.support.clients import NearestClient, finished
from tests.support.served import NETWORK, TASK

PLAIN = replace(TASK, scale=1, networks=(replace(NETWORK, scale=1),))


class Known(EtaEstimator):
    """A server that restores so many pixels a second, or whose speed is not known."""

    def __init__(self, pixels_per_s):
        super().__init__()
        self.pixels_per_s = pixels_per_s

    def expect_s(self, task, size, quality):
        return self.pixels_per_s and size[0] * size[1] / self.pixels_per_s


@pytest.mark.parametrize(
    ("task", "pixels_per_s", "side"),
    [
        *((PLAIN, 10**9, SIDES[0]), (PLAIN, 256**2 / GOAL_S, 256), (PLAIN, 1, SIDES[-1]), (PLAIN, None, SIDE)),
        *((TASK, 10**9, SIDES[0] // 2), (TASK, 1, SIDES[-1] // 2), (TASK, None, SIDE // 2)),
    ],
)
def test_a_square_is_as_large_as_the_time_allows(task, pixels_per_s, side):
    assert side_for(task, Quality.FAST, Known(pixels_per_s)) == side


@given(
    st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.integers(1, 600),
)
def test_a_square_lies_within_the_photo_and_holds_its_centre(size, centre, side):
    rows, columns = square(size, centre, side)
    for part, length, share in ((rows, size[0], centre[1]), (columns, size[1], centre[0])):
        assert 0 <= part.start < part.stop <= length
        assert part.stop - part.start == min(side, length)
        assert part.start - 1 <= share * length <= part.stop + 1


class SeenClient(NearestClient):
    """It notes the sizes of what it restores."""

    def __init__(self):
        super().__init__(expected=1)
        self.seen = []

    def submit(self, network, pixels, descriptors=None):
        self.seen.append(pixels.shape[:2])
        return finished(pixels.repeat(network.scale, 0).repeat(network.scale, 1))


@pytest.mark.parametrize("task", [TASK, PLAIN])
@pytest.mark.parametrize("corner", [0, 20, 100])
def test_the_network_sees_more_than_the_square(task, corner):
    photo = np.random.default_rng(0).integers(0, 256, (110, 110, 3)).astype(np.uint8)
    place, client = (slice(corner, min(corner + 10, 110)),) * 2, SeenClient()
    one_tile = replace(task, networks=(replace(task.networks[0], tile=256, whole_pixels=256**2),))
    before, after = restore_square(photo, place, one_tile, Quality.FAST, client)
    assert np.array_equal(before, photo[place])
    assert np.array_equal(after, before.repeat(task.scale, 0).repeat(task.scale, 1))
    around = min(corner, CONTEXT) + len(before) + min(CONTEXT, 110 - place[0].stop)
    assert client.seen == [(around, around)]


@pytest.mark.parametrize(
    ("told", "centre"),
    [
        *(([0.25, 1], (0.25, 1)), ([-1, 0.5], (0.5, 0.5)), (["a", None], (0.5, 0.5)), ([float("nan"), 2], (0.5, 0.5))),
        *((None, (0.5, 0.5)), ([0.1], (0.5, 0.5)), ("0.1", (0.5, 0.5)), ({"x": 1}, (0.5, 0.5))),
    ],
)
def test_whatever_a_visitor_sends_is_a_place_in_the_photo(told, centre):
    assert centre_of(gr.SelectData(None, {"index": told, "value": None})) == centre
