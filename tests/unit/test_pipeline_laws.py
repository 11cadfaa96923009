"""Laws of the pipeline, tried on many inputs: of tiles, of steps, of estimates and of counters."""

from collections import deque
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.codec import Photo
from app.pipeline import tiling
from app.pipeline.eta import PAGE_S_PER_PIXEL, SMOOTHING, EtaEstimator, multiply_adds
from app.pipeline.restore import Step, halve_tiles, photo_steps, plan_tiles, run, within
from app.tasks import Quality
from app.usage import Usage, usage_between
from app.web.server.traffic import WINDOW_S, View, intervals
from tests.support.clients import CountingClient, finished
from tests.support.served import NETWORK, TASK, restored

laws = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

SIDES = st.integers(1, 200)
SIZES = st.tuples(SIDES, SIDES)
SCALES = st.sampled_from([1, 2, 3, 4, 8])


@st.composite
def tilings(draw):
    """Tile, overlap and multiple as :func:`tiling.plan_axis` allows them."""
    overlap, multiple = draw(st.integers(0, 16)), draw(st.sampled_from([1, 2, 4, 8]))
    return tiling.smallest_tile(overlap, multiple) + draw(st.integers(0, 100)), overlap, multiple


@st.composite
def networks(draw):
    """Networks that differ in what the plan of a photo depends on."""
    tile, overlap, multiple = draw(tilings())
    return replace(
        NETWORK,
        tile=tile,
        overlap=overlap,
        size_multiple=multiple,
        whole_pixels=draw(st.integers(0, 20_000)),
        descriptor_rounds=draw(st.integers(0, 3)),
        instances=draw(st.integers(1, 4)),
        quarter_turns=draw(st.booleans()),
    )


def noise(size, channels=3):
    return np.random.default_rng(0).integers(0, 256, (*size, channels)).astype(np.uint8)


def repeated(pixels, scale):
    """Enlarged by the nearest neighbour."""
    return pixels.repeat(scale, 0).repeat(scale, 1)


@laws
@given(size=st.integers(1, 5000), tiles=tilings())
def test_the_cores_of_an_axis_cover_it_once(size, tiles):
    tile, overlap, multiple = tiles
    spans = tiling.plan_axis(size, tile, overlap, multiple)
    assert [span.core_start for span in spans] + [size] == [0] + [span.core_stop for span in spans]
    assert all(span.start <= span.core_start < span.core_stop <= span.stop for span in spans)
    (length,) = {span.stop - span.start for span in spans}
    assert length <= tile
    assert spans[0].start == 0
    assert spans[-1].stop == size
    assert all(span.start % multiple == 0 for span in spans)
    assert all(after.start > before.start for before, after in pairwise(spans))
    for before, after in pairwise(spans):
        assert before.stop - before.core_stop >= overlap
        assert after.core_start - after.start >= overlap


@laws
@given(size=SIZES, tiles=tilings(), whole_pixels=st.integers(0, 40_000))
def test_the_cores_of_a_photo_cover_it_once(size, tiles, whole_pixels):
    tile, overlap, multiple = tiles
    plan = tiling.plan(size, tile, overlap, multiple, whole_pixels)
    counted = np.zeros(size, np.uint8)
    for each in plan:
        rows, columns = each.rows, each.columns
        counted[rows.core_start : rows.core_stop, columns.core_start : columns.core_stop] += 1
    assert (counted == 1).all()
    assert sum(tiling.core_pixels(each) for each in plan) == size[0] * size[1]
    assert len({(t.rows.stop - t.rows.start, t.columns.stop - t.columns.start) for t in plan}) == 1
    if size[0] * size[1] <= whole_pixels or max(size) <= tile:
        assert len(plan) == 1


@laws
@given(size=SIZES, tiles=tilings(), scale=SCALES)
def test_stitching_undoes_cutting(size, tiles, scale):
    """Scale 1 is the identity; at any other, tiles enlarged by the nearest neighbour give the photo so enlarged."""
    photo, (tile, overlap, multiple) = noise(size), tiles
    canvas = np.full((size[0] * scale, size[1] * scale, 3), 7, np.uint8)
    for each in tiling.plan(size, tile, overlap, multiple):
        tiling.stitch(canvas, each, repeated(tiling.cut(photo, each), scale), scale)
    assert np.array_equal(canvas, repeated(photo, scale))


@laws
@given(network=networks())
def test_halved_tiles_can_be_planned_or_there_are_none(network):
    smaller = halve_tiles(network)
    while smaller is not None:
        assert smaller.tile <= network.tile // 2
        assert smaller.tile % smaller.size_multiple == 0
        assert smaller.tile >= tiling.smallest_tile(smaller.overlap, smaller.size_multiple)
        assert smaller.whole_pixels <= smaller.tile**2
        assert len(plan_tiles((150, 100), smaller)) >= len(plan_tiles((150, 100), network))
        network, smaller = smaller, halve_tiles(smaller)
    half = network.tile // 2 // network.size_multiple * network.size_multiple
    assert half < tiling.smallest_tile(network.overlap, network.size_multiple)


def counting(total, made):
    """Steps as the pipeline's: from (0, total) on, one more each time."""
    for done in range(total + 1):
        yield Step(done, total)
    return made


@laws
@given(total=st.integers(0, 50), parts=st.integers(1, 8))
def test_equal_parts_make_one_whole(total, parts):
    def whole():
        made = []
        for part in range(parts):
            made.append((yield from within(counting(total, part), part, parts)))
        return made

    told = []
    assert run(whole(), lambda *step: told.append(step)) == list(range(parts))
    assert {of for _, of in told} == {parts * total}
    assert told[0] == (0, parts * total)
    assert told[-1] == (parts * total, parts * total)
    assert all(later - earlier in (0, 1) for (earlier, _), (later, _) in pairwise(told))
    assert run(whole()) == list(range(parts))  # also where nobody listens


class RepeatingClient(CountingClient):
    """It enlarges by the nearest neighbour; the descriptor of a part is its mean."""

    def submit(self, network, pixels, descriptors):
        return finished(repeated(pixels, network.scale))

    def descriptors(self, network, pixels, core, previous):
        top, bottom, left, right = core
        return finished(pixels[top:bottom, left:right].mean((0, 1), dtype=np.float32))


@laws
@given(
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    network=networks(),
    scale=SCALES,
    quality=st.sampled_from([Quality.FAST, Quality.BEST]),
    has_alpha=st.booleans(),
)
def test_tiles_equal_the_whole_photo_and_steps_end_at_the_total(size, network, scale, quality, has_alpha):
    """Tiles that do not matter to the network do not matter to the photo, in any orientation."""
    task = replace(TASK, scale=scale, degradation="BI", networks=(replace(network, scale=scale),))
    photo = Photo(noise(size), noise(size, 1)[..., 0] if has_alpha else None)
    told = []
    result = run(photo_steps(photo, task, RepeatingClient(), quality), lambda *step: told.append(step))
    assert np.array_equal(result.after.rgb, repeated(photo.rgb, scale))
    assert not has_alpha or np.array_equal(result.after.alpha, repeated(photo.alpha, scale))
    assert result.tiles == len(plan_tiles(size, network))
    assert [done / of for done, of in told] == sorted(done / of for done, of in told)
    assert (told[0][0], told[-1][0]) == (0, told[-1][1])


@laws
@given(size=SIZES, network=networks())
def test_work_is_that_of_the_pixels_and_more_where_tiles_overlap(size, network):
    plan = plan_tiles(size, network)
    fast, best = (multiply_adds(network, size, quality) for quality in (Quality.FAST, Quality.BEST))
    assert best == (8 if network.quarter_turns else 4) * fast
    assert fast * network.instances >= size[0] * size[1] * network.mult_adds_per_pixel
    alone = multiply_adds(replace(network, instances=1), size, Quality.FAST)
    assert fast <= alone <= network.instances * fast
    rounds = 1 + network.descriptor_rounds * (len(plan) > 1)
    assert fast == rounds * multiply_adds(replace(network, descriptor_rounds=0), size, Quality.FAST)


@laws
@given(size=SIZES, seconds=st.lists(st.floats(0.01, 1000), min_size=1, max_size=10))
def test_an_estimate_lies_within_what_was_seen(size, seconds):
    estimator = EtaEstimator()
    for each in seconds:
        estimator.update(restored(TASK, size, each))
    expected = estimator.expect_s(TASK, size, Quality.FAST) - PAGE_S_PER_PIXEL * size[0] * size[1] * TASK.scale**2
    assert min(seconds) * 0.999 <= expected <= max(seconds) * 1.001
    if len(seconds) == 2:
        first, second = seconds
        assert 1 / expected == pytest.approx(SMOOTHING / first + (1 - SMOOTHING) / second)


# Sums of binary fractions are exact, so that equality holds to the bit.
SECONDS = st.integers(0, 2**30).map(lambda count: count / 1024)
BATCHES = st.dictionaries(st.integers(1, 64), st.integers(1, 1000), max_size=5)
USAGES = st.builds(Usage, st.integers(0, 10**9), st.integers(0, 10**9), SECONDS, SECONDS, BATCHES)


@laws
@given(USAGES, USAGES, USAGES)
def test_usage_is_added_and_subtracted_as_numbers_are(a, b, c):
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + Usage() == a
    assert a - Usage() == a
    assert a - a == Usage()
    assert (a + b) - b == a


@laws
@given(st.dictionaries(st.sampled_from("abc"), st.tuples(USAGES, USAGES), min_size=1))
def test_what_was_spent_is_the_sum_over_replicas(replicas):
    opening = {address: {"x": before, "y": more} for address, (before, more) in replicas.items()}
    closing = {address: {"x": before + more, "y": more} for address, (before, more) in replicas.items()}
    total = Usage()
    for _, more in replicas.values():
        total += more
    assert usage_between(opening, closing, "x") == total
    assert usage_between(opening, closing, "y") == Usage()
    assert usage_between(opening, closing, "unknown") == Usage()
    assert usage_between(opening, {**closing, "away": {}}, "x") is None
    assert usage_between({}, {}, "x") is None
    if any(more.requests for _, more in replicas.values()):
        assert usage_between(closing, opening, "x") is None  # counters only fall when a server restarts


@laws
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 1000)), min_size=1, max_size=30),
    st.integers(0, 10),
)
def test_the_intervals_of_traffic_join_and_add_up(gaps, age):
    """Readings some seconds apart, each with the requests answered since the one before it."""
    readings: deque[tuple[float, int]] = deque()
    now_s, requests = 0.0, 0
    for gap, more in gaps:
        now_s, requests = now_s + gap, requests + more
        readings.append((now_s, requests))
    now_s += age
    made = intervals(readings, now_s)
    recent = [reading for reading in readings if now_s - reading[0] <= WINDOW_S]
    assert len(made) == max(len(recent) - 1, 0)
    assert all(before.end_s == after.start_s for before, after in pairwise(made))
    assert all(WINDOW_S >= step.start_s > step.end_s >= 0 and step.rate >= 0 for step in made)
    rate = View(intervals=made).rate
    if not made:
        assert rate is None
    else:
        (start_s, first), (end_s, last) = recent[0], recent[-1]
        assert rate == pytest.approx((last - first) / (end_s - start_s))
