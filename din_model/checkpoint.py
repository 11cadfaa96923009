"""The weights file: safetensors that carry their own configuration."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from din_model.config import DINConfig
from din_model.network import DIN

WEIGHTS = Path(__file__).parent / "weights"


class CheckpointError(ValueError):
    """Weights are missing, damaged or made for another network; the message says which and what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """What a weights file holds.

    Attributes:
        model: the network with its weights, float32, in evaluation mode.
        task: name of the task it restores.
        preset: name of its configuration.
        card: figures and facts about the training, for example ``psnr``; strings as in the file.
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
    """Writes weights as safetensors, float16 unless told, with configuration, task, preset and card as metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in weights.items()}
    metadata = {**card, "config": json.dumps(asdict(config)), "task": task, "preset": preset}
    # Written aside and renamed: a reader, or a killed run, never meets half a file.
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata=metadata)
    partial.replace(path)


def load_weights(path: Path) -> Checkpoint:
    """Reads a weights file.

    Raises:
        CheckpointError: the file is missing, damaged or not one of DIN's.
    """
    if not path.is_file():
        raise CheckpointError(f"there are no weights at {path}")
    try:
        with safe_open(path, framework="pt") as file:
            card = dict(file.metadata() or {})
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - not a dict
        config, task, preset = DINConfig(**json.loads(card.pop("config"))), card.pop("task"), card.pop("preset")
        model = DIN(config)
        model.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"the weights at {path} are damaged or not DIN's: {first_line(error)}") from error
    return Checkpoint(model.eval(), task, preset, card)


def first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
