"""Trace the judge of photos into Triton's model repository: ``din export --task judge``.

Its model is called ``judge`` alone: what restores is called ``din_...``, and clients take nothing else for a task.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from din_model.checkpoint import JUDGE, read_metadata
from din_model.judge import JUDGE_WEIGHTS, KINDS, Judge, load_judge
from din_model.serving import (
    CPU_SERVING,
    GPU_SERVING,
    config_lines,
    frozen_trace,
    parameter_lines,
    write_model,
)
from imaging.look import SIDE, SQUARES

REQUEST_BYTES = SQUARES * SIDE * SIDE * 3
REASONS = ("A photo takes milliseconds and one instance: it is judged far more seldom than tiles are restored.",)
SERVINGS = {
    "config.pbtxt": replace(GPU_SERVING, reasons=REASONS),
    "configs/cpu.pbtxt": replace(CPU_SERVING, instances="{ kind: KIND_CPU count: 1 }", reasons=REASONS),
}
# What the weights state and clients may show.
STATED = ("parameters", "accuracy", "calibration_error", "trained_on", "training", "data_licence", "licence")


class ServedJudge(nn.Module):
    """The judge between the tensors of the wire contract; the arguments of ``forward`` name its inputs.

    Attributes:
        inputs, outputs: the tensors as Triton's configuration has them.
    """

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self.judge = judge
        self.inputs = [
            f'{{ name: "squares" data_type: TYPE_UINT8 dims: [ {SQUARES}, {SIDE}, {SIDE}, 3 ] }}',
            '{ name: "size" data_type: TYPE_INT32 dims: [ 2 ] }',
        ]
        self.outputs = [f'{{ name: "probabilities" data_type: TYPE_FP32 dims: [ {len(KINDS)} ] }}']

    def forward(self, squares: Tensor, size: Tensor) -> Tensor:
        """Judge photos.

        Args:
            squares: uint8 (N, SQUARES, SIDE, SIDE, 3), as :func:`imaging.look.look` cuts them out.
            size: int32 (N, 2), h and w of the photos.

        Returns:
            The probability of each kind, float32 (N, kinds).
        """
        return self.judge.probabilities(squares[:, :-1], squares[:, -1], size)


def judge_configs() -> dict[str, str]:
    """Return the configurations of the judge's model by their paths in its folder.

    Raises:
        CheckpointError: its weights are missing or damaged.
    """
    card = read_metadata(JUDGE_WEIGHTS)
    kinds = {kind.name: kind.tasks for kind in KINDS}
    parameters = {"kinds": json.dumps(kinds), **{name: card.get(name, "") for name in STATED}}
    served = ServedJudge(load_judge(JUDGE_WEIGHTS))
    return {
        path: "\n".join(
            [
                *config_lines(JUDGE, JUDGE, serving, serving.batch, serving.batch * REQUEST_BYTES, served),
                *parameter_lines(parameters),
            ]
        )
        + "\n"
        for path, serving in SERVINGS.items()
    }


def export_judge(repository: Path, device: torch.device) -> Path:
    """Write the judge's Triton model with the shipped weights and its configurations.

    Args:
        repository: folder of all models.
        device: where it will run.

    Returns:
        The path of ``model.pt``.

    Raises:
        CheckpointError: its weights are missing or damaged.
    """
    examples = [
        torch.zeros(1, SQUARES, SIDE, SIDE, 3, dtype=torch.uint8, device=device),
        torch.full((1, 2), SIDE, dtype=torch.int32, device=device),
    ]
    traced = frozen_trace(ServedJudge(load_judge(JUDGE_WEIGHTS)), examples, device)
    return write_model(repository / JUDGE, traced, judge_configs())
