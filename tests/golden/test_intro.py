"""The pairs that the page opens with are what the shipped weights give; ``python -m tools.intro`` makes them anew."""

import io

import numpy as np
import pytest
from PIL import Image

from app.web.restore.intro import read_pairs
from din_model.tasks import TASKS
from imaging.metrics import psnr
from tools.intro import PERCENT, make

PAIRS = read_pairs()
# dB: WebP turns the last bits of float32, which processors round differently, into errors of a few levels. Weights that
# were trained a little further differ by more.
CLOSEST = 45


def encoded(picture):
    file = io.BytesIO()
    picture.save(file, "webp", quality=PERCENT, method=6)
    return np.asarray(Image.open(file).convert("RGB"))


def test_each_family_has_a_pair():
    assert sorted(TASKS[pair.task].family.name for pair in PAIRS) == sorted({t.family.name for t in TASKS.values()})


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.task)
def test_a_pair_is_what_the_shipped_weights_give(pair):
    made = make(pair)
    assert list(made) == [pair.before, pair.after]
    for path, picture in made.items():
        with Image.open(path) as shown:
            pixels = np.asarray(shown.convert("RGB"))
        assert pixels.shape == (*pair.crop[2:], 3)
        assert psnr(pixels, encoded(picture)) > CLOSEST, path.name
