"""Convert a checkpoint of the authors' code: ``din convert IN.pth OUT.safetensors``.

The result is float32 with every formula as in the authors' code, so it gives the same pixels.
"""

from __future__ import annotations

import argparse
import pickle
import re
import sys
from pathlib import Path

import torch
from torch import Tensor

from din_model.checkpoint import CheckpointError, first_line, save_weights
from din_model.config import PRESETS, DINConfig
from din_model.network import DIN

# Their names count from 1. Their conv{i}_{j} weighs state i - 1 on its way to state i - 1 + j.
RENAMINGS: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"feat_conv\."), "head.conv."),
    (re.compile(r"WRDB(\d+)_(\d+)\.RDB(\d+)\.conv(\d+)\."), "branches.{0}.{1}.rdbs.{2}.convs.{3}."),
    (re.compile(r"WRDB(\d+)_(\d+)\.conv0\."), "branches.{0}.{1}.conv."),
    (re.compile(r"AsyCA(\d+)_(\d+)\.conv_init\."), "fusions.{before}.{1}.integrate."),
    (re.compile(r"AsyCA(\d+)_(\d+)\.conv_dc\."), "fusions.{before}.{1}.squeeze."),
    (re.compile(r"AsyCA(\d+)_(\d+)\.conv_ic\."), "fusions.{before}.{1}.excite."),
    (re.compile(r"WRDB(\d+)_(\d+)\.conv(\d+)_(\d+)\."), "branches.{0}.{1}.dwcs.{target}.{2}."),
    (re.compile(r"conv_out1\."), "gff1."),
    (re.compile(r"conv_out2\."), "gff2."),
    (re.compile(r"up_recon\.UPNet\."), "tail."),
]


def rename(name: str) -> str:
    """Return our name of one of the authors' tensors.

    Raises:
        CheckpointError: it is not a name of their network.
    """
    for pattern, ours in RENAMINGS:
        if match := pattern.match(name):
            indices = [int(group) - 1 for group in match.groups()]
            before = indices[0] - 1 if indices else 0  # branch 1 has no nodes, so node lists start at branch 2
            return ours.format(*indices, before=before, target=sum(indices[2:])) + name[match.end() :]
    raise CheckpointError(f"{name!r} is not a tensor of the authors' network")


def infer_config(weights: dict[str, Tensor]) -> DINConfig:
    """Infer the configuration from the names and shapes of renamed weights.

    Raises:
        CheckpointError: the sub-pixel tail is of no known scale.
    """
    channels = weights["head.conv.weight"].shape[0]
    stages = sorted(int(n.split(".")[1]) for n in weights if n.startswith("tail.") and n.endswith(".weight"))
    first_stage = weights["tail.0.weight"].shape[0] // channels
    scale = {(4, 2): 2, (9, 2): 3, (4, 3): 4, (4, 4): 8}.get((first_stage, len(stages)))
    if scale is None:
        raise CheckpointError(f"a tail of {len(stages)} convolutions, the first to {first_stage} C, is of no scale")
    rdb = "branches.0.0.rdbs."
    return DINConfig(
        scale=scale,
        channels=channels,
        growth=weights[rdb + "0.convs.0.weight"].shape[0],
        branches=1 + max(int(n.split(".")[1]) for n in weights if n.startswith("branches.")),
        wrdbs=1 + max(int(n.split(".")[2]) for n in weights if n.startswith("branches.")),
        rdbs=1 + max(int(n.split(".")[4]) for n in weights if n.startswith(rdb)),
        convs=1 + max(int(n.split(".")[6]) for n in weights if n.startswith(rdb)),
        reduction=channels // weights["fusions.0.0.squeeze.weight"].shape[0],
    ).as_authors()


def convert(authors: dict[str, Tensor]) -> DIN:
    """Build a network with the weights of a state dict of the authors' code.

    Args:
        authors: their tensors by their names; a ``module.`` prefix of data-parallel training is dropped.

    Returns:
        The network in evaluation mode, float32.

    Raises:
        CheckpointError: tensors are left over, missing or of the wrong shape.
    """
    weights = {rename(name.removeprefix("module.")): tensor.float() for name, tensor in authors.items()}
    try:
        model = DIN(infer_config(weights))
        model.load_state_dict(weights)
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"these are not the weights of a whole DIN: {error}") from error
    return model.eval()


def preset_name(config: DINConfig) -> str:
    """Return the preset of a converted network, or ``custom``."""
    fitting = (name for name, p in PRESETS.items() if p.for_task(config.scale, config.stride).as_authors() == config)
    return next(fitting, "custom")


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a ``.pth`` file, without running any code in it.

    Raises:
        CheckpointError: it is missing, damaged, or holds something else than tensors.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {first_line(error)}") from error
    if isinstance(content, dict):
        content = content.get("state_dict", content)
    if not isinstance(content, dict) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise CheckpointError(f"{path} holds no state dict")
    return content


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="din convert", description="Convert a checkpoint of the authors' code; the result gives the same pixels."
    )
    parser.add_argument("source", type=Path, metavar="IN.pth")
    parser.add_argument("target", type=Path, metavar="OUT.safetensors")
    args = parser.parse_args(arguments)
    try:
        model = convert(read_state_dict(args.source))
    except CheckpointError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    c, preset = model.config, preset_name(model.config)
    card = {"origin": f"converted from {args.source.name}"}
    save_weights(args.target, model.state_dict(), c, f"sr_x{c.scale}", preset, card, torch.float32)
    print(f"{args.target}: sr_x{c.scale}, preset {preset}, {len(model.state_dict())} tensors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
