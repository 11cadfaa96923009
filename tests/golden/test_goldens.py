"""Pictures that may not change unnoticed; after a wanted change run them with ``--refresh-goldens``, and look."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from din_model import TASKS, load_model
from din_model.data import degrade
from din_model.evaluate import restore_image
from tests.support.served import SHIPPED

PICTURES = Path(__file__).parent / "pictures"
CROP = skimage.data.astronaut()[96:192, 192:288]
DEGRADED = [name for name, task in TASKS.items() if task.degradation]


def compare(name, picture, tolerance, request):
    """Compare with the golden picture, pixel by pixel; a failure shows how errors are distributed."""
    path = PICTURES / f"{name}.png"
    if request.config.getoption("--refresh-goldens"):
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(picture).save(path)
    with Image.open(path) as image:
        golden = np.asarray(image).astype(int)
    assert picture.shape == golden.shape
    error = np.abs(picture.astype(int) - golden)
    histogram = {int(value): int(count) for value, count in zip(*np.unique(error, return_counts=True), strict=True)}
    assert error.max() <= tolerance, f"{name}: errors and how often: {histogram}"


@pytest.mark.parametrize("name", DEGRADED)
def test_degradations(name, request):
    """BI and BD were equal to MATLAB's LR images of Set5 when these were made."""
    # Rain is summed by a Fourier transform, whose last bits differ between processors.
    tolerance = 1 if TASKS[name].scale == 1 else 0
    compare(f"{name}_lq", degrade(TASKS[name], CROP, np.random.default_rng(0)), tolerance, request)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights(name, request):
    with Image.open(PICTURES / f"{SHIPPED[name][0]}_lq.png") as image:
        lq = np.asarray(image)
    # One level: processors round float32 sums in different orders.
    compare(f"{name}_restored", restore_image(load_model(*SHIPPED[name]), lq), 1, request)
