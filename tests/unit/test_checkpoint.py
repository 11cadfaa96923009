"""Weights files are read as they were written, and errors in them are named."""

import pytest
import torch

from din_model import DIN, PRESETS, TASKS, DINConfig, load_model
from din_model.checkpoint import CheckpointError, save_weights
from din_model.loading import load_checkpoint, shipped_weights
from tests.support.served import SHIPPED

CONFIG = DINConfig(channels=8, growth=4, branches=2, wrdbs=2, rdbs=2, convs=3, tail="single", scale=2)


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, DIN(CONFIG).state_dict(), CONFIG, "sr_x2", "custom", {"psnr": "37.1"})
    return path


def test_what_is_saved_is_loaded(tmp_path):
    model = DIN(CONFIG)
    path = tmp_path / "w.safetensors"
    save_weights(path, model.state_dict(), CONFIG, "sr_x2", "custom", {"psnr": "37.1"}, torch.float32)
    checkpoint = load_checkpoint("sr_x2", source=path)
    assert (checkpoint.preset, checkpoint.card, checkpoint.model.config) == ("custom", {"psnr": "37.1"}, CONFIG)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), checkpoint.model.parameters(), strict=True))
    assert not checkpoint.model.training


def test_shipped_weights_are_float16_and_finite():
    shipped = [shipped_weights(*network) for network in SHIPPED.values()]
    assert shipped, "no weights are shipped"
    for path in shipped:
        assert path is not None
        task, _, preset = path.stem.rpartition("-")
        model = load_model(task, preset)
        assert preset in PRESETS
        assert all(p.isfinite().all() and torch.equal(p, p.half().float()) for p in model.parameters())
        assert path.with_suffix(".md").is_file(), f"{path.name} has no card"


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"there are no weights at .*none\.safetensors"):
        load_model("sr_x2", source=tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match="no weights of sr_x4 .preset din. are shipped"):
        load_model("sr_x4", preset="din")


@pytest.mark.parametrize("keep", [0, 20, 2000])
def test_damaged_weights_are_named(weights, keep):
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"w\.safetensors are damaged or not DIN's"):
        load_model("sr_x2", source=weights)


def test_weights_of_another_task_are_refused(weights):
    with pytest.raises(CheckpointError, match="holds sr_x2"):
        load_model("sr_x4", source=weights)


def test_unknown_tasks_are_refused():
    with pytest.raises(ValueError, match="unknown task 'sr_x5'; the tasks are sr_x2"):
        load_model("sr_x5")


def test_tasks_are_the_twelve_of_the_paper():
    assert list(TASKS) == [
        "sr_x2",
        "sr_x3",
        "sr_x4",
        "sr_x8",
        "sr_x3_bd",
        "sr_x3_dn",
        "deblur",
        "derain_mixed",
        "derain_light",
        "derain_heavy",
        "dehaze_outdoor",
        "dehaze_indoor",
    ]
    assert all(task.stride == 4 for task in TASKS.values() if task.name.startswith(("deblur", "dehaze")))
