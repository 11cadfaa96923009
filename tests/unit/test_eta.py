"""How long a photo will take."""

from dataclasses import replace

import pytest

from app.pipeline.eta import PAGE_S_PER_PIXEL, Pace, work
from app.tasks import Quality
from tests.support.served import NETWORK, TASK, restored


def test_work_counts_tiles_passes_and_instances():
    one = work(NETWORK, (32, 32), Quality.FAST)
    assert one == 32 * 32 * NETWORK.mult_adds_per_pixel
    assert work(NETWORK, (32, 32), Quality.BEST) == 8 * one
    twelve = work(NETWORK, (100, 75), Quality.FAST)
    assert 6 * 0.7 * one < twelve <= 6 * one  # two instances share the twelve
    shared = replace(NETWORK, attention_rounds=2)
    assert work(shared, (100, 75), Quality.FAST) == 3 * twelve
    assert work(shared, (32, 32), Quality.FAST) == one  # in one piece it takes its own


def test_nothing_is_expected_before_anything_is_known():
    assert Pace().expect_s(TASK, (32, 32), Quality.FAST) is None


def test_the_same_photo_is_expected_to_take_as_long_again():
    pace = Pace()
    pace.learn(restored(TASK, (100, 75), 2.0))
    shown = PAGE_S_PER_PIXEL * 100 * 75 * 4
    assert pace.expect_s(TASK, (100, 75), Quality.FAST) == pytest.approx(2.0 + shown)
    assert pace.expect_s(TASK, (100, 75), Quality.BEST) == pytest.approx(16.0 + shown)


def test_newer_photos_weigh_more_and_other_tasks_follow():
    pace, twice = Pace(), 2 * NETWORK.mult_adds_per_pixel
    other = replace(TASK, name="other", networks=(replace(NETWORK, name="other", mult_adds_per_pixel=twice),))
    for _ in range(20):
        pace.learn(restored(TASK, (32, 32), 1.0))
    pace.learn(restored(TASK, (32, 32), 4.0))
    now = pace.expect_s(TASK, (32, 32), Quality.FAST)
    assert 1.0 < now < 2.0
    assert pace.expect_s(other, (32, 32), Quality.FAST) == pytest.approx(2 * now, rel=0.01)
