"""Checkpoints of the authors' code: every name finds its place, and the pixels are the same."""

import pickle

import pytest
import torch
from torch.nn import functional as F

from din_model.checkpoint import CheckpointError, load_weights
from din_model.config import PRESETS, DINConfig
from din_model.convert import convert, main
from din_model.loading import load_model

C, G = 4, 2
BRANCHES, WRDBS, RDBS, CONVS = 4, 5, 3, 6


def authors_shapes(scale, channels=C, growth=G):
    """Names and shapes of the authors' tensors, as their released code lays them out."""
    shapes: dict[str, tuple[int, ...]] = {}

    def conv(name, out_channels, in_channels, size):
        shapes[f"{name}.weight"] = (out_channels, in_channels, size, size)
        shapes[f"{name}.bias"] = (out_channels,)

    conv("feat_conv", channels, 3, 3)
    for m in range(1, BRANCHES + 1):
        for d in range(1, WRDBS + 1):
            wrdb = f"WRDB{m}_{d}"
            conv(f"{wrdb}.conv0", channels, channels, 3)
            for b in range(1, RDBS + 1):
                for k in range(1, CONVS):
                    conv(f"{wrdb}.RDB{b}.conv{k}", growth, channels + (k - 1) * growth, 3)
                conv(f"{wrdb}.RDB{b}.conv{CONVS}", channels, channels + (CONVS - 1) * growth, 3)
            for state, step in ((1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (3, 1)):
                conv(f"{wrdb}.conv{state}_{step}", channels, 1, 1)
            if m > 1:
                conv(f"AsyCA{m}_{d}.conv_init", channels, 2 * channels, 1)
                conv(f"AsyCA{m}_{d}.conv_dc", channels // 4, channels, 1)
                conv(f"AsyCA{m}_{d}.conv_ic", 2 * channels, channels // 4, 1)
    conv("conv_out1", channels, BRANCHES * channels, 1)
    conv("conv_out2", channels, WRDBS * channels, 1)
    steps = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}[scale]
    for i, step in enumerate(steps):
        conv(f"up_recon.UPNet.{2 * i}", channels * step**2, channels, 3)
    conv(f"up_recon.UPNet.{2 * len(steps)}", 3, channels, 3)
    return shapes


def authors_weights(scale):
    torch.manual_seed(scale)
    return {name: torch.randn(shape) * 0.15 for name, shape in authors_shapes(scale).items()}


def authors_forward(w, x, scale):
    """Compute what the authors' network computes, from their tensors by their names."""

    def conv(name, features, groups=1):
        weight = w[f"{name}.weight"]
        return F.conv2d(features, weight, w[f"{name}.bias"], padding=weight.shape[-1] // 2, groups=groups)

    def rdb(name, features):
        states = [features]
        for k in range(1, CONVS):
            states.append(F.leaky_relu(conv(f"{name}.conv{k}", torch.cat(states, 1)), 0.2))
        return 0.1 * conv(f"{name}.conv{CONVS}", torch.cat(states, 1)) + features

    def wrdb(name, features):
        def weighted(weight, state):
            return conv(f"{name}.conv{weight}", state, C)

        s1 = F.leaky_relu(conv(f"{name}.conv0", features), 0.2)
        s2 = rdb(f"{name}.RDB1", s1) + weighted("1_1", s1)
        s3 = rdb(f"{name}.RDB2", s2) + weighted("2_1", s2) + weighted("1_2", s1)
        s4 = rdb(f"{name}.RDB3", s3) + weighted("3_1", s3) + weighted("2_2", s2) + weighted("1_3", s1)
        return 0.1 * s4 + features

    def asyca(name, a, b):
        z = conv(f"{name}.conv_init", torch.cat([a, b], 1)).mean((2, 3), keepdim=True)
        s = conv(f"{name}.conv_ic", F.relu(conv(f"{name}.conv_dc", z)))
        share = torch.softmax(torch.stack([s[:, :C], s[:, C:]]), 0)
        return share[0] * a + share[1] * b

    f0 = conv("feat_conv", x)
    outputs: list[list[torch.Tensor]] = []
    for m in range(1, BRANCHES + 1):
        branch: list[torch.Tensor] = []
        for d in range(1, WRDBS + 1):
            if m == 1:
                entering = branch[-1] if branch else f0
            elif d == 1:
                entering = asyca(f"AsyCA{m}_1", outputs[-1][0], outputs[-1][0])
            else:
                entering = asyca(f"AsyCA{m}_{d}", outputs[-1][d - 1], branch[-1])
            branch.append(wrdb(f"WRDB{m}_{d}", entering))
        outputs.append(branch)
    deep = torch.cat([branch[-1] for branch in outputs], 1)
    wide = torch.cat([*outputs[-1][:-1], f0], 1)
    features = conv("conv_out1", F.leaky_relu(deep, 0.2)) + conv("conv_out2", F.leaky_relu(wide, 0.2))
    stage = 0
    while f"up_recon.UPNet.{stage + 2}.weight" in w:
        step = {4: 2, 9: 3}[w[f"up_recon.UPNet.{stage}.weight"].shape[0] // C]
        features = F.pixel_shuffle(conv(f"up_recon.UPNet.{stage}", features), step)
        stage += 2
    up = F.interpolate(x, scale_factor=float(scale), mode="bilinear", align_corners=False)
    return conv(f"up_recon.UPNet.{stage}", features) + up


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_converted_weights_give_the_same_pixels(scale):
    weights = authors_weights(scale)
    model = convert(weights)
    x = torch.rand(2, 3, 5, 4)
    with torch.no_grad():
        assert torch.allclose(model(x), authors_forward(weights, x, scale), atol=1e-4)
    assert len(model.state_dict()) == len(weights)


def test_the_paper_sized_network_is_recognised():
    shapes = authors_shapes(4, channels=64, growth=32)
    model = convert({name: torch.zeros(shape) for name, shape in shapes.items()})
    assert model.config == PRESETS["din"].as_authors()


def test_the_command_writes_weights_that_load(tmp_path, capsys):
    weights = authors_weights(4)
    source, target = tmp_path / "in.pth", tmp_path / "out.safetensors"
    torch.save({f"module.{name}": tensor for name, tensor in weights.items()}, source)
    assert main([str(source), str(target)]) == 0
    checkpoint = load_weights(target)
    expected = DINConfig(scale=4, channels=C, growth=G).as_authors()
    assert (checkpoint.task, checkpoint.model.config) == ("sr_x4", expected)
    x = torch.rand(1, 3, 6, 6)
    with torch.no_grad():
        assert torch.allclose(checkpoint.model(x), authors_forward(weights, x, 4), atol=1e-4)
    assert "sr_x4" in capsys.readouterr().out


def test_a_pth_file_loads_as_it_is(tmp_path):
    weights, path = authors_weights(2), tmp_path / "authors.pth"
    torch.save(weights, path)
    model = load_model("sr_x2", source=path)
    x = torch.rand(1, 3, 9, 8)
    with torch.inference_mode():
        assert torch.allclose(model(x), authors_forward(weights, x, 2), atol=1e-4)
    with pytest.raises(CheckpointError, match=r"authors\.pth holds a network of scale 2 .*, not sr_x4"):
        load_model("sr_x4", source=path)


def test_left_over_and_missing_tensors_are_refused():
    weights = authors_weights(2)
    with pytest.raises(CheckpointError, match="not a tensor of the authors' network"):
        convert({**weights, "unknown.weight": torch.zeros(1)})
    del weights["WRDB3_2.RDB1.conv4.bias"]
    with pytest.raises(CheckpointError, match="not the weights of a whole DIN"):
        convert(weights)


class Payload:
    def __reduce__(self):
        return (print, ("this must never run",))


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", pickle.dumps(Payload(), protocol=2)])
def test_files_that_are_no_checkpoints_are_refused_without_running_them(tmp_path, capsys, content):
    source = tmp_path / "in.pth"
    source.write_bytes(content)
    assert main([str(source), str(tmp_path / "out.safetensors")]) == 2
    output = capsys.readouterr()
    assert "cannot be read as a checkpoint" in output.err
    assert "never run" not in output.out
