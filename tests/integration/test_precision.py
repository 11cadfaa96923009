"""Half precision costs no quality: what is served against float32, on a degraded photo of every task."""

import functools

import numpy as np
import pytest
import skimage.data

from din_model.data import Pair, degrade
from din_model.evaluate import in_precision, score_pairs
from din_model.fold import DTYPES
from din_model.loading import load_model
from din_model.tasks import TASKS
from tests.support.served import SHIPPED

MOST_LOST_DB = 0.01

pytestmark = pytest.mark.timeout(600)  # processors without these precisions emulate them slowly


CHOSEN = [(name, "fp16") for name in SHIPPED] + [
    (name, "bf16") for name, (task, _) in SHIPPED.items() if TASKS[task].bf16
]


@functools.cache
def in_float32(name):
    """The task and the network of what is served, degraded photos, and their scores in float32."""
    task, model = TASKS[SHIPPED[name][0]], load_model(*SHIPPED[name])
    photos = [
        skimage.data.astronaut()[0:168, 136:304],
        skimage.data.chelsea()[36:204, 136:304],
        skimage.data.coffee()[116:284, 186:354],
        skimage.data.rocket()[36:204, 236:404],
    ]
    rng = np.random.default_rng(0)
    pairs = [Pair(str(i), degrade(task, photo, rng), photo, False) for i, photo in enumerate(photos)]
    return task, model, pairs, score_pairs(task, pairs, model)


@pytest.mark.parametrize(("name", "precision"), CHOSEN)
def test_psnr_moves_by_a_hundredth_of_a_decibel_at_most(name, precision):
    task, model, pairs, exact = in_float32(name)
    ours = score_pairs(task, pairs, in_precision(model, DTYPES[precision]))
    moved = np.mean([a.psnr - b.psnr for a, b in zip(ours, exact, strict=True)])
    assert abs(moved) <= MOST_LOST_DB, [(a.psnr, b.psnr) for a, b in zip(ours, exact, strict=True)]
    assert np.mean([a.psnr - a.baseline_psnr for a in ours]) > 0  # or nothing was restored that could be lost
