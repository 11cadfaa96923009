"""Weights on disk: safetensors files that carry their own configuration."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from din_model.network import DIN, PRESETS, DINConfig
from din_model.tasks import find_task

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


def shipped_weights(task: str, preset: str | None = None) -> Path | None:
    """The file of the weights that come with the package, or None where a task has none yet.

    Args:
        task: name in ``TASKS``.
        preset: None takes the first of ``PRESETS``, largest first, that is shipped.
    """
    for name in PRESETS if preset is None else (preset,):
        path = WEIGHTS / f"{task}-{name}.safetensors"
        if path.is_file():
            return path
    return None


def load_model(task: str, preset: str | None = None, source: Path | str | None = None) -> DIN:
    """A trained network, ready to restore.

    Args:
        task: name in ``TASKS``.
        preset: name in ``PRESETS``; None takes the largest that is shipped.
        source: a weights file; None takes the shipped one.

    Returns:
        The network in evaluation mode, float32.

    Raises:
        ValueError: the task is unknown.
        CheckpointError: no such weights are there, they are damaged, or they are another task's.
    """
    return load_checkpoint(task, preset, source).model


def load_checkpoint(task: str, preset: str | None = None, source: Path | str | None = None) -> Checkpoint:
    """As :func:`load_model`, with what the weights file says of itself."""
    find_task(task)
    path = Path(source) if source is not None else shipped_weights(task, preset)
    if path is None:
        wanted = f"preset {preset}" if preset else "any preset"
        raise CheckpointError(f"no weights of {task} ({wanted}) are shipped: train them or give a weights file")
    checkpoint = load_weights(path)
    if checkpoint.task != task or preset not in (None, checkpoint.preset):
        raise CheckpointError(f"{path} holds {checkpoint.task} ({checkpoint.preset}), not {task} ({preset or 'any'})")
    return checkpoint
