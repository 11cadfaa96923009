"""Folding changes nothing but rounding: presets, tasks and formulas against the network in float64."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from din_model.config import PRESETS, DINConfig
from din_model.fold import FoldedAsyCA, fold
from din_model.loading import load_model
from din_model.network import DIN
from din_model.tasks import TASKS

SMALL = DINConfig(channels=8, growth=4, branches=3, wrdbs=3, rdbs=3, convs=3)
CONFIGS = {
    **{f"{preset} {task}": PRESETS[preset].for_task(TASKS[task].scale, TASKS[task].stride)
       for preset in ("din_t", "din_s", "din_64")
       for task in ("sr_x2", "sr_x3", "sr_x4", "sr_x8", "derain_light", "deblur")},
    "din": PRESETS["din"],
    "din deblur": PRESETS["din"].for_task(1, 4),
    "authors": SMALL.as_authors(),
    **{f"{field}={value}": replace(SMALL, **{field: value}) for field, value in [
        ("rdb_scale_on", "skip"), ("wrdb_first_activation", False), ("wrdb_residual_scale", 1.0),
        ("first_fusion", "first_first"), ("gff_activation", False), ("skip", "bilinear"), ("tail", "single"),
        ("branches", 1), ("rdbs", 1), ("wrdbs", 1)]},
}  # fmt: skip
SHAPES = [(1, 12, 16), (2, 7, 9), (1, 1, 1), (3, 5, 8)]
TOLERANCE = 5e-6
NO_CORE = torch.zeros(2, 4, dtype=torch.int32)


def random_network(config: DINConfig) -> DIN:
    """Random weights of a size that keeps signals alive from the first layer to the last, none of them zero."""
    torch.manual_seed(0)
    model = DIN(config).eval()
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=(module.weight[0].numel() + 1) ** -0.5)
            nn.init.normal_(module.bias, std=0.1)
    return model


@pytest.mark.parametrize("name", CONFIGS)
def test_folded_equals_the_network(name):
    model = random_network(CONFIGS[name])
    folded, exact = fold(model), model.double()
    for n, h, w in SHAPES:
        x = torch.rand(n, 3, h, w)
        with torch.inference_mode():
            expected, ours = exact(x.double()), folded(x)
        # Values near one, as pictures have; the larger ones of an untrained network round as much more.
        assert (ours - expected).abs().max() <= TOLERANCE * max(1.0, expected.abs().max().item()), (n, h, w)
        assert (expected - x.double().mean()).std() > 0.05  # or there would be nothing to compare


def test_shipped_weights_fold_within_the_tolerance():
    for task in ("sr_x4", "deblur", "dehaze_outdoor"):
        model = load_model(task)
        x = torch.rand(1, 3, 40, 52)
        with torch.inference_mode():
            ours = fold(model)(x)
            assert (ours - model.double()(x.double())).abs().max() <= TOLERANCE


def test_folding_leaves_the_network_as_it_was():
    model = random_network(SMALL)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fold(model, peak=255)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_peak_is_the_range_of_the_pixels():
    model = random_network(SMALL)
    x = torch.rand(1, 3, 9, 11)
    with torch.inference_mode():
        assert torch.allclose(fold(model, peak=255)(x * 255), model(x) * 255, atol=2e-3)


@pytest.mark.parametrize(("field", "value"), [
    ("fusion", "concat"), ("fusion", "sum"), ("fusion", "se"), ("dwc", "input"), ("dwc", "none"), ("gff", False),
    ("rdb_last_activation", True),
])  # fmt: skip
def test_ablations_are_refused_by_name(field, value):
    with pytest.raises(ValueError, match=f"a network with {field}={value!r} is an ablation"):
        fold(DIN(replace(SMALL, **{field: value})))


@pytest.mark.parametrize(("config", "width"), [
    (SMALL, 2 * 3 * 16), (SMALL.as_authors(), 2 * 2 * 16), (replace(SMALL, branches=1), 0),
])  # fmt: skip
def test_tiles_are_restored_with_the_descriptors_that_they_are_given(config, width):
    folded = fold(random_network(config))
    assert folded.descriptor_width == width
    x, whole, own = torch.rand(2, 3, 12, 10), torch.tensor([[0, 12, 0, 10]] * 2), torch.full((2, width), torch.nan)
    with torch.inference_mode():
        restored, descriptors = folded.residual_of_tiles(x, own, whole)
        again, nothing = folded.residual_of_tiles(x, descriptors, NO_CORE)
        assert descriptors.shape == nothing.shape == (2, width)
        assert torch.allclose(restored, folded.residual(x), atol=1e-6)
        assert torch.allclose(again, restored, atol=1e-6)
        assert descriptors.isfinite().all()
        assert nothing.isnan().all()
        if width:  # another photo's descriptors give another picture, each row its own
            swapped, _ = folded.residual_of_tiles(x, descriptors.flip(0), NO_CORE)
            alone, _ = folded.residual_of_tiles(x[:1], descriptors[1:], NO_CORE[:1])
            assert not torch.allclose(swapped, restored)
            assert torch.allclose(swapped[:1], alone, atol=1e-6)


@pytest.mark.parametrize("stride", [1, 4])
def test_descriptors_are_those_of_the_core_alone(stride, monkeypatch):
    folded = fold(random_network(replace(SMALL, scale=1, stride=stride, branches=2, wrdbs=2)))
    x = torch.rand(2, 3, 26, 40)  # a height that the stride does not divide
    whole, own = torch.tensor([[0, 26, 0, 40]] * 2), torch.full((2, folded.descriptor_width), torch.nan)
    cores = torch.tensor([[4, 16, 8, 40], [0, 26, 0, 12]])
    seen = []
    node = folded.get_submodule("nodes.0.0")
    assert isinstance(node, FoldedAsyCA)
    fuse = node.fuse

    def watch(x1, x2, descriptors):
        seen.append((x1, x2))
        return fuse(x1, x2, descriptors)

    monkeypatch.setattr(node, "fuse", watch)
    with torch.inference_mode():
        of_whole = folded.residual_of_tiles(x, own, whole)[1]
        of_cores = folded.residual_of_tiles(x, own, cores)[1]
        for i, (top, bottom, left, right) in enumerate((-(-cores // stride)).tolist()):
            part = [state[i : i + 1, :, top:bottom, left:right] for state in seen[-1]]
            assert torch.allclose(of_cores[i, :16], node.squeeze(*part)[0], atol=1e-5)
            assert not torch.allclose(of_cores[i], of_whole[i], atol=1e-4)
        # With its own descriptors a picture finds the same once more; with others, others.
        assert torch.allclose(folded.residual_of_tiles(x, of_whole, whole)[1], of_whole, atol=1e-6)
        assert not torch.allclose(folded.residual_of_tiles(x, of_whole.flip(0) + 9, whole)[1], of_whole, atol=1e-5)


BAD_CORES = [[0, 0, 0, 0], [0, 27, 0, 40], [-1, 5, 0, 40], [9, 4, 0, 40], [3, 3, 1, 9], [0, 26, -(2**31), 2**31 - 1]]


@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("bad_core", BAD_CORES)
@pytest.mark.parametrize("bad_value", [torch.nan, torch.inf, -torch.inf, 1e30])
def test_a_bad_row_harms_no_other(stride, bad_core, bad_value):
    """It is restored with its own descriptors and has none for such a core; its neighbour is not affected."""
    folded = fold(random_network(replace(SMALL, scale=1, stride=stride, branches=2, wrdbs=2)))
    x = torch.rand(2, 3, 26, 40)
    core = torch.tensor([[4, 16, 8, 40], bad_core], dtype=torch.int32)
    given = torch.zeros(2, folded.descriptor_width)
    given[1, 3] = bad_value
    with torch.inference_mode():
        restored, states = folded.residual_of_tiles(x, given, core)
        alone, states_alone = folded.residual_of_tiles(x[:1], given[:1], core[:1])
        own = folded.residual(x[1:])
    assert torch.allclose(restored[:1], alone, atol=1e-6)
    assert torch.allclose(states[:1], states_alone, atol=1e-6)
    assert torch.allclose(restored[1:], own, atol=1e-5)
    assert states[1].isnan().all()


@pytest.mark.parametrize("value", [-1e6, 1e6])
def test_the_largest_descriptors_that_are_accepted_overflow_nowhere(value):
    folded = fold(random_network(SMALL))
    x = torch.rand(1, 3, 8, 8)
    with torch.inference_mode():
        restored, _ = folded.residual_of_tiles(x, torch.full((1, folded.descriptor_width), value), NO_CORE[:1])
    assert restored.isfinite().all()
