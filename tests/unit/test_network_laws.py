"""Laws of the network and of what surrounds it, tried on many inputs."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from din_model.config import DINConfig
from din_model.data import crop_to_multiple, to_image, to_tensor
from din_model.fold import fold
from din_model.network import DIN, crop_like, pad_to_multiple
from din_model.self_ensemble import self_ensemble
from imaging.degradations import DEGRADATIONS
from imaging.degradations.resize import resize, resize_matrix
from imaging.metrics import psnr, ssim

SIZES = st.integers(1, 23)
SEEDS = st.integers(0, 2**16)


def laws(examples):
    """Few examples that are the same in every run; a busy machine may take its time."""
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None)


@st.composite
def configs(draw):
    """Configurations that are served, of few features."""
    scale, stride = draw(st.sampled_from([(1, 1), (1, 4), (2, 1), (3, 1), (4, 1), (8, 1)]))
    return DINConfig(
        scale=scale,
        stride=stride,
        channels=draw(st.sampled_from([4, 8])),
        growth=draw(st.integers(1, 6)),
        branches=draw(st.integers(1, 3)),
        wrdbs=draw(st.integers(1, 3)),
        rdbs=draw(st.integers(1, 3)),
        convs=draw(st.integers(2, 4)),
        reduction=draw(st.sampled_from([2, 4])),
        tail=draw(st.sampled_from(["staged", "single"])),
        detail=draw(st.sampled_from([0, 5])),
        rdb_scale_on=draw(st.sampled_from(["branch", "skip"])),
        wrdb_first_activation=draw(st.booleans()),
        wrdb_residual_scale=draw(st.sampled_from([0.1, 1.0])),
        first_fusion=draw(st.sampled_from(["last_first", "first_first"])),
        gff_activation=draw(st.booleans()),
        skip=draw(st.sampled_from(["bicubic", "bilinear"])),
    )


def network(config, seed):
    """A network whose weights keep signals alive, none of them zero."""
    torch.manual_seed(seed)
    model = DIN(config).eval()
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=(module.weight[0].numel() + 1) ** -0.5)
            nn.init.normal_(module.bias, std=0.1)
    return model


@laws(25)
@given(config=configs(), h=SIZES, w=SIZES, seed=SEEDS)
def test_folding_is_exact_up_to_rounding(config, h, w, seed):
    model = network(config, seed)
    folded, exact = fold(model), model.double()
    x = torch.rand(2, 3, h, w)
    with torch.inference_mode():
        expected, ours = exact(x.double()), folded(x)
    assert ours.shape == (2, 3, h * config.scale, w * config.scale)
    assert (ours - expected).abs().max() <= 1e-5 * max(1.0, expected.abs().max().item())


@laws(20)
@given(h=SIZES, w=SIZES, seed=SEEDS, turns=st.integers(0, 3), flips=st.booleans())
def test_the_self_ensemble_commutes_with_turns_and_flips(h, w, seed, turns, flips):
    torch.manual_seed(seed)
    conv = nn.Conv2d(3, 3, 3, padding=1).double()

    def orient(x):
        turned = torch.rot90(x, turns, (2, 3))
        return turned.flip(3) if flips else turned

    x = torch.rand(1, 3, h, w, dtype=torch.float64)
    with torch.inference_mode():
        assert torch.allclose(self_ensemble(conv, orient(x)), orient(self_ensemble(conv, x)), atol=1e-12)


@pytest.mark.parametrize("kind", DEGRADATIONS)
@laws(6)
@given(data=st.data())
def test_a_degradation_keeps_the_scale_and_is_what_its_seed_decides(kind, data):
    degradation = DEGRADATIONS[kind]
    scale = data.draw(st.sampled_from([2, 3, 4] if kind in ("BI", "BD", "DN") else [1]))
    h, w = (scale * data.draw(st.integers(24 // scale, 72 // scale)) for _ in range(2))
    seed = data.draw(SEEDS)
    hq = np.random.default_rng(seed).integers(0, 256, (h, w, 3), np.uint8)
    before = hq.copy()
    lq, again = (degradation.apply(hq, scale, np.random.default_rng(seed)) for _ in range(2))
    assert lq.dtype == np.uint8
    assert lq.shape == (h // scale, w // scale, 3)
    assert np.array_equal(lq, again)
    assert np.array_equal(hq, before)


@st.composite
def pictures(draw, count):
    """Pictures of one size, at least 11x11 as SSIM needs."""
    rng = np.random.default_rng(draw(SEEDS))
    size = draw(st.integers(11, 30)), draw(st.integers(11, 30))
    return [rng.integers(0, 256, (*size, 3), np.uint8) for _ in range(count)]


@laws(25)
@given(pair=pictures(2), on=st.sampled_from(["y", "rgb"]))
def test_metrics_are_symmetric_and_perfect_at_identity(pair, on):
    a, b = pair
    assert psnr(a, b, on) == psnr(b, a, on)
    assert ssim(a, b, on) == pytest.approx(ssim(b, a, on), abs=1e-12)
    assert ssim(a, b, on) <= 1
    assert psnr(a, a, on) == np.inf
    assert ssim(a, a, on) == pytest.approx(1, abs=1e-12)


@laws(40)
@given(h=SIZES, w=SIZES, multiple=st.sampled_from([1, 2, 3, 4, 8]), scale=st.integers(1, 3))
def test_padding_is_undone_by_cropping(h, w, multiple, scale):
    x = torch.rand(1, 2, h, w)
    padded = pad_to_multiple(x, multiple)
    assert padded.shape[2] % multiple == padded.shape[3] % multiple == 0
    assert max(padded.shape[2] - h, padded.shape[3] - w) < multiple
    assert torch.equal(crop_like(padded, x, 1), x)
    enlarged = padded.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    assert crop_like(enlarged, x, scale).shape == (1, 2, h * scale, w * scale)


@laws(40)
@given(h=st.integers(8, 40), w=st.integers(8, 40), multiple=st.integers(1, 8))
def test_cropping_to_a_multiple_loses_less_than_one(h, w, multiple):
    picture = np.arange(h * w * 3, dtype=np.uint32).astype(np.uint8).reshape(h, w, 3)
    cropped = crop_to_multiple(picture, multiple)
    assert cropped.shape[0] % multiple == cropped.shape[1] % multiple == 0
    assert 0 <= h - cropped.shape[0] < multiple
    assert 0 <= w - cropped.shape[1] < multiple
    assert np.array_equal(cropped, crop_to_multiple(cropped, multiple))


@laws(20)
@given(picture=pictures(1))
def test_a_picture_survives_the_tensor(picture):
    assert np.array_equal(to_image(to_tensor(picture[0][None])[0]), picture[0])


@laws(30)
@given(in_size=st.integers(1, 60), out_size=st.integers(1, 60), value=st.integers(0, 255))
def test_resizing_keeps_what_is_constant(in_size, out_size, value):
    assert np.allclose(resize_matrix(in_size, out_size).sum(1), 1)
    flat = np.full((in_size, in_size + 1, 3), value, np.uint8)
    assert (resize(flat, (out_size, out_size + 2)) == value).all()
