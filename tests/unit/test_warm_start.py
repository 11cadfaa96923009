"""Warm start: a wider network begins as the function that a narrower one has learnt."""

from dataclasses import replace

import pytest
import torch

from din_model.checkpoint import save_weights
from din_model.config import PRESETS, compact
from din_model.network import DIN, count_parameters
from din_model.warm_start import channel_places, warm_start

SMALL, WIDE = compact(16), compact(24)


def saved(path, config, preset="din_64"):
    """Save a network whose every tensor is random, so that nothing is hidden by zeros, and return it."""
    torch.manual_seed(0)
    model = DIN(config)
    for tensor in model.parameters():
        torch.nn.init.normal_(tensor, std=0.1)
    save_weights(path, model.state_dict(), config, "sr_x2", preset, {}, torch.float32)
    return model


@pytest.mark.parametrize("reduction", [4, 8])
def test_a_wider_network_starts_as_the_same_function(tmp_path, reduction):
    narrow = replace(SMALL.for_task(2, 1), reduction=reduction)
    learnt = saved(tmp_path / "narrow.safetensors", narrow)
    wider = DIN(replace(WIDE.for_task(2, 1), reduction=reduction))
    warm_start(wider, tmp_path / "narrow.safetensors")
    assert count_parameters(wider) > 2 * count_parameters(learnt)
    photo = torch.rand(2, 3, 20, 24)
    assert torch.allclose(wider(photo), learnt(photo), atol=1e-5)
    # The new channels are not dead: they hold features, and their weights receive gradients.
    wider(photo).sum().backward()
    gradient = wider.get_parameter("tail.0.weight").grad
    assert gradient is not None
    assert gradient[:, 16:].abs().max() > 0


def test_another_task_s_tail_stays_as_initialised(tmp_path):
    saved(tmp_path / "narrow.safetensors", SMALL.for_task(2, 1))
    enlarging = DIN(WIDE.for_task(4, 1))
    weight = enlarging.get_parameter("tail.0.weight")
    tail = weight.detach().clone()
    warm_start(enlarging, tmp_path / "narrow.safetensors")
    assert torch.equal(weight, tail)


@pytest.mark.parametrize(
    ("given", "own", "expected"),
    [(12, 12, list(range(12))), (32, 48, [*range(16), *range(24, 40)]), (4, 6, [0, 1, 2, 3]), (12, 48, None)],
    ids=["same", "two states", "bottleneck", "another task's"],
)
def test_places(given, own, expected):
    places = channel_places(given, own, replace(SMALL, reduction=4), replace(WIDE, reduction=4))
    assert (places if places is None else places.tolist()) == expected


def test_the_finer_network_of_4x_is_a_wider_one():
    assert PRESETS["din_96"] == replace(PRESETS["din_64"], channels=96, growth=96)
