"""Estimates of the time of a photo."""

from dataclasses import replace

import pytest

from app.pipeline.eta import PAGE_S_PER_PIXEL, EtaEstimator, multiply_adds
from app.tasks import Quality
from tests.support.served import NETWORK, TASK, restored


def test_work_counts_tiles_passes_and_instances():
    one = multiply_adds(NETWORK, (32, 32), Quality.FAST)
    assert one == 32 * 32 * NETWORK.mult_adds_per_pixel
    assert multiply_adds(NETWORK, (32, 32), Quality.BEST) == 8 * one
    twelve = multiply_adds(NETWORK, (100, 75), Quality.FAST)
    assert 6 * 0.7 * one < twelve <= 6 * one  # two instances share the twelve
    shared = replace(NETWORK, descriptor_rounds=2)
    assert multiply_adds(shared, (100, 75), Quality.FAST) == 3 * twelve
    assert multiply_adds(shared, (32, 32), Quality.FAST) == one  # in one piece it takes its own


def test_nothing_is_expected_before_anything_is_known():
    estimator = EtaEstimator()
    assert not estimator.is_known
    assert estimator.expect_s(TASK, (32, 32), Quality.FAST) is None
    estimator.update(restored(TASK, (32, 32), 2.0))
    assert estimator.is_known


def test_the_same_photo_is_expected_to_take_as_long_again():
    estimator = EtaEstimator()
    estimator.update(restored(TASK, (100, 75), 2.0))
    shown = PAGE_S_PER_PIXEL * 100 * 75 * 4
    assert estimator.expect_s(TASK, (100, 75), Quality.FAST) == pytest.approx(2.0 + shown)
    assert estimator.expect_s(TASK, (100, 75), Quality.BEST) == pytest.approx(16.0 + shown)


def test_newer_photos_weigh_more_and_other_tasks_follow():
    estimator, twice = EtaEstimator(), 2 * NETWORK.mult_adds_per_pixel
    other = replace(TASK, name="other", networks=(replace(NETWORK, name="other", mult_adds_per_pixel=twice),))
    for _ in range(20):
        estimator.update(restored(TASK, (32, 32), 1.0))
    estimator.update(restored(TASK, (32, 32), 4.0))
    now = estimator.expect_s(TASK, (32, 32), Quality.FAST)
    assert now is not None
    assert 1.0 < now < 2.0
    assert estimator.expect_s(other, (32, 32), Quality.FAST) == pytest.approx(2 * now, rel=0.01)
