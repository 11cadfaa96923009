"""The weights file: safetensors with their configuration and their facts as metadata."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from din_model.config import DINConfig
from din_model.files import replacing
from din_model.network import DIN

WEIGHTS = Path(__file__).parent / "weights"
JUDGE = "judge"  # stands in the place of a task in the weights of the network that judges photos


class CheckpointError(ValueError):
    """Weights are missing, damaged or made for another network; the message says which and what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """The content of a weights file.

    Attributes:
        model: the network with its weights, float32, in evaluation mode.
        task: name of the task it restores.
        preset: name of its configuration.
        card: the other metadata, for example ``psnr``; strings as in the file. :mod:`din_model.card` lists
            what the metadata of shipped weights state.
    """

    model: DIN
    task: str
    preset: str
    card: dict[str, str]


def save_weights(
    path: Path,
    weights: dict[str, Tensor],
    config: DINConfig,
    task: str,
    preset: str,
    card: dict[str, str],
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write weights as safetensors that state their configuration.

    Args:
        path: of the file; its folder is made if need be.
        weights: state dict of the network.
        config: of the network.
        task: name of the task that it restores.
        preset: name of the configuration.
        card: further metadata.
        dtype: of the tensors in the file.
    """
    tensors = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in weights.items()}
    metadata = {**card, "config": json.dumps(asdict(config)), "task": task, "preset": preset}
    with replacing(path) as partial:
        save_file(tensors, partial, metadata=metadata)


def read_metadata(path: Path) -> dict[str, str]:
    """Read the metadata of a weights file, without its tensors.

    Raises:
        CheckpointError: the file is missing, damaged or not one of DIN's.
    """
    if not path.is_file():
        raise CheckpointError(f"there are no weights at {path}")
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except SafetensorError as error:
        raise CheckpointError(f"the weights at {path} are damaged or not DIN's: {first_line(error)}") from error


def load_weights(path: Path) -> Checkpoint:
    """Read a weights file.

    Raises:
        CheckpointError: the file is missing, damaged or not one of DIN's.
    """
    card = read_metadata(path)
    try:
        with safe_open(path, framework="pt") as file:
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - not a dict
        config, task, preset = DINConfig(**json.loads(card.pop("config"))), card.pop("task"), card.pop("preset")
        model = DIN(config)
        model.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"the weights at {path} are damaged or not DIN's: {first_line(error)}") from error
    return Checkpoint(model.eval(), task, preset, card)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its type where it has none."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
