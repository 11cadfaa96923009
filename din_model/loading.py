"""Load weights: those shipped with the package, of a file, or from the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

from din_model.checkpoint import WEIGHTS, Checkpoint, CheckpointError, load_weights
from din_model.config import FASTEST_FIRST
from din_model.network import DIN
from din_model.tasks import find_task

HUB_PREFIX = "hf://"


def shipped_presets(task: str) -> list[str]:
    """Return the presets of a task's shipped weights, the fastest first; empty where none are shipped."""
    return [name for name in FASTEST_FIRST if weights_path(task, name).is_file()]


def shipped_weights(task: str, preset: str | None = None) -> Path | None:
    """Return the file of a task's shipped weights, or None where there are none.

    Args:
        task: name in ``TASKS``.
        preset: None takes the fastest that is shipped.
    """
    names = shipped_presets(task)
    name = preset or next(iter(names), None)
    return weights_path(task, name) if name in names else None


def weights_path(task: str, preset: str) -> Path:
    """Return the path of the weights of a task and preset, whether they are shipped or not."""
    return WEIGHTS / f"{task}-{preset}.safetensors"


def load_model(task: str, preset: str | None = None, source: Path | str | None = None) -> DIN:
    """Load a trained network.

    Args:
        task: name in ``TASKS``.
        preset: name in ``PRESETS``; None takes the fastest that is there.
        source: a weights file, ``.safetensors`` or a ``.pth`` of the authors' code; ``hf://OWNER/NAME@REVISION``;
            None takes the shipped weights. No code in a file is ever run.

    Returns:
        The network in evaluation mode, float32.

    Raises:
        ValueError: the task is unknown.
        CheckpointError: no such weights are there, they are damaged, or they are another task's.
    """
    return load_checkpoint(task, preset, source).model


def load_checkpoint(task: str, preset: str | None = None, source: Path | str | None = None) -> Checkpoint:
    """Load a trained network with its metadata; arguments and errors as of :func:`load_model`."""
    scale = find_task(task).scale
    path = find_weights(task, preset, source)
    if path.suffix == ".pth":
        from din_model.convert import convert, preset_name, read_state_dict  # a command too, so not imported ahead

        model = convert(read_state_dict(path))
        # Such a file does not say what it restores, but its tail says how much it enlarges.
        name = task if model.config.scale == scale else f"a network of scale {model.config.scale}"
        checkpoint = Checkpoint(model, name, preset_name(model.config), {"origin": path.name})
    else:
        checkpoint = load_weights(path)
    if checkpoint.task != task or preset not in (None, checkpoint.preset):
        raise CheckpointError(f"{path} holds {checkpoint.task} ({checkpoint.preset}), not {task} ({preset or 'any'})")
    return checkpoint


def find_weights(task: str, preset: str | None, source: Path | str | None) -> Path:
    """Return the file of a source, downloaded if need be.

    Raises:
        CheckpointError: no such weights are shipped or on the hub.
    """
    if source is None:
        path = shipped_weights(task, preset)
        if path is None:
            wanted = f"preset {preset}" if preset else "any preset"
            raise CheckpointError(f"no weights of {task} ({wanted}) are shipped: train them or give a weights file")
        return path
    if str(source).startswith(HUB_PREFIX):
        from din_model import hub  # a command too, and slow to import

        return hub.download(str(source), task, preset)
    return Path(source)
