"""The network: the paper's counts to the unit, its size rules, its starting point, its switches."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from din_model.config import PRESETS, DINConfig
from din_model.network import DIN, count_parameters

PAPER = PRESETS["din"]
TINY = DINConfig(channels=8, growth=4, branches=3, wrdbs=2, rdbs=2, convs=3, tail="single")


def randomised(config: DINConfig, seed: int = 0) -> DIN:
    """A network none of whose parameters is zero."""
    torch.manual_seed(seed)
    model = DIN(config).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.1)
    return model


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (PAPER.for_task(2, 1), 19_928_307),
        (PAPER.for_task(3, 1), 20_112_947),
        (PAPER.for_task(4, 1), 20_076_019),
        (PAPER.for_task(8, 1), 20_223_731),
        (replace(PAPER, rdbs=4), 26_357_619),
        (PAPER.for_task(1, 4), 20_338_227),
        (PAPER.for_task(1, 1), 19_780_595),
        (PRESETS["din_s"], 1_620_304),
        (PRESETS["din_t"], 614_544),
        (PRESETS["din_64"], 1_102_672),
        (PRESETS["din_128"].for_task(1, 4), 5_152_195),
    ],
    ids=["x2", "x3", "x4", "x8", "x4 B=4", "deblur", "derain", "din_s x4", "din_t x4", "din_64 x4", "din_128 deblur"],
)
def test_parameter_counts(config, parameters):
    with torch.device("meta"):
        assert count_parameters(DIN(config)) == parameters


def test_mult_adds_of_deblurring_at_720p(monkeypatch):
    """1198.05 G of Table 5, counted as its tool does: convolution MACs, biases, LeakyReLUs and pooled inputs."""
    counted = 0

    def count_conv(module, inputs, output):
        nonlocal counted
        counted += output.numel() * (module.weight[0].numel() + 1)

    def counting(function):
        def wrapped(x, *args, **kwargs):
            nonlocal counted
            counted += x.numel()
            return function(x, *args, **kwargs)

        return wrapped

    monkeypatch.setattr(F, "leaky_relu", counting(F.leaky_relu))
    monkeypatch.setattr(F, "adaptive_avg_pool2d", counting(F.adaptive_avg_pool2d))
    with torch.device("meta"):
        model, photo = DIN(PAPER.for_task(1, 4)), torch.empty(1, 3, 720, 1280)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count_conv)
    with torch.no_grad():
        model(photo)
    assert counted == 1_198_045_949_040


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (31, 57), (48, 48)])
@pytest.mark.parametrize(("scale", "stride"), [(2, 1), (3, 1), (4, 1), (8, 1), (1, 1), (1, 4)])
def test_any_size_is_restored_to_its_scale(scale, stride, size):
    model = randomised(TINY.for_task(scale, stride))
    with torch.no_grad():
        restored = model(torch.rand(2, 3, *size))
    assert restored.shape == (2, 3, size[0] * scale, size[1] * scale)
    assert restored.isfinite().all()


def test_an_untrained_network_is_bicubic_interpolation():
    torch.manual_seed(0)
    gray = torch.rand(9, 11)
    with torch.no_grad():
        restored = DIN(TINY)(gray.expand(1, 3, 9, 11))
    pillow = np.asarray(Image.fromarray(gray.numpy()).resize((44, 36), Image.Resampling.BICUBIC))
    assert np.abs(restored[0, 0].numpy() - pillow).max() < 1e-5


def test_pictures_of_a_batch_do_not_see_each_other():
    model = randomised(TINY)
    batch = torch.rand(3, 3, 12, 10)
    with torch.no_grad():
        alone = torch.cat([model(picture[None]) for picture in batch])
        assert torch.allclose(model(batch), alone, atol=1e-5)


@pytest.mark.parametrize(
    "switch",
    [
        {"fusion": "concat"},
        {"fusion": "sum"},
        {"fusion": "se"},
        {"dwc": "none"},
        {"dwc": "input"},
        {"gff": False},
        {"rdb_scale_on": "skip"},
        {"rdb_last_activation": True},
        {"wrdb_first_activation": False},
        {"wrdb_residual_scale": 1.0},
        {"first_fusion": "first_first"},
        {"gff_activation": False},
        {"skip": "bilinear"},
        {"tail": "staged"},
    ],
    ids=lambda switch: "=".join(map(str, *switch.items())),
)
def test_every_switch_changes_the_network_and_keeps_it_trainable(switch):
    x = torch.rand(1, 3, 8, 8)
    model, plain = randomised(replace(TINY, **switch)), randomised(TINY)
    shared = model.state_dict()
    shared.update({k: v for k, v in plain.state_dict().items() if k in shared and shared[k].shape == v.shape})
    model.load_state_dict(shared)
    restored = model(x)
    assert not torch.allclose(restored, plain(x))
    restored.mean().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_switches_off_cost_fewer_parameters():
    full = count_parameters(DIN(TINY))
    for switch in ({"fusion": "sum"}, {"dwc": "none"}, {"gff": False}):
        assert count_parameters(DIN(replace(TINY, **switch))) < full


@pytest.mark.parametrize("wrong", [{"scale": 5}, {"stride": 2}, {"scale": 2, "stride": 4}])
def test_impossible_configurations_are_refused(wrong):
    with pytest.raises(ValueError, match=r"scale|stride"):
        DINConfig(**wrong)
