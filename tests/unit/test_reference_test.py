"""The reference test on a clean photo."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.data

from app.codec import Photo
from app.errors import PhotoError
from app.pipeline.reference_test import MAX_REFERENCE_PIXELS, degrade, reference_steps
from app.pipeline.restore import run
from din_model.tasks import TASKS
from imaging.degradations import DEGRADATIONS
from imaging.degradations.resize import bicubic_baseline
from imaging.metrics import psnr, ssim
from tests.support.clients import CountingClient, finished
from tests.support.served import NETWORK, TASK

WHOLE = replace(NETWORK, whole_pixels=10**6)


@pytest.fixture
def clean():
    return Photo(np.ascontiguousarray(skimage.data.astronaut()[:121, 200:333]))


class PerfectClient(CountingClient):
    def __init__(self, answer):
        self.answer = answer

    def submit(self, network, pixels, descriptors):
        return finished(self.answer)


def test_every_task_names_a_degradation():
    assert {task.degradation.name for task in TASKS.values()} == set(DEGRADATIONS)


def test_the_photo_is_degraded_restored_and_compared(clean):
    task = replace(TASK, degradation="BI", networks=(WHOLE,))
    cut = np.ascontiguousarray(clean.rgb[:120, :132])
    test = run(reference_steps(clean, task, PerfectClient(cut)))
    lq = DEGRADATIONS["BI"].apply(cut, 2, np.random.default_rng(0))
    assert np.array_equal(test.restoration.before.rgb, lq)
    assert np.array_equal(test.clean.rgb, cut)
    baseline = bicubic_baseline(lq, (120, 132))
    assert np.array_equal(test.baseline.rgb, baseline)
    assert test.before.psnr == psnr(baseline, cut, "y", 2)
    assert test.before.ssim == ssim(baseline, cut, "y", 2)
    assert test.after.psnr == float("inf")
    assert test.after.ssim == pytest.approx(1.0)


def test_where_nothing_is_enlarged_the_degraded_photo_is_the_baseline(clean):
    task = replace(TASK, scale=1, degradation="light rain", networks=(replace(WHOLE, scale=1),))
    again = [degrade(clean, task)[1].rgb for _ in range(2)]
    assert np.array_equal(*again)  # the same rain falls every time
    test = run(reference_steps(clean, task, PerfectClient(clean.rgb)))
    assert np.array_equal(test.baseline.rgb, again[0])
    assert test.before.psnr == psnr(again[0], clean.rgb, "y", 0)


def test_gray_photos_are_their_own_luma(clean):
    gray = replace(clean, rgb=clean.rgb[..., :1].repeat(3, 2), is_gray=True)
    task = replace(TASK, scale=1, metric="y", degradation="light rain", networks=(replace(WHOLE, scale=1),))
    test = run(reference_steps(gray, task, PerfectClient(gray.rgb)))
    assert test.before.psnr == psnr(test.baseline.rgb, gray.rgb, "rgb")
    assert test.before.psnr != psnr(test.baseline.rgb, gray.rgb, "y")


def test_sizes_that_cannot_be_measured_are_named():
    with pytest.raises(PhotoError, match="at least 22 pixels on each side"):
        degrade(Photo(np.zeros((21, 400, 3), np.uint8)), TASK)
    side = int(MAX_REFERENCE_PIXELS**0.5) + 2
    with pytest.raises(PhotoError, match=r"at most 4 megapixels"):
        degrade(Photo(np.zeros((side, side, 3), np.uint8)), TASK)
