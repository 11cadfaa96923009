"""TASKS: the one list of what DIN restores. Training, evaluation, export and serving follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from din_model.degradations import BD, BI, DN, RAIN_HEAVY, RAIN_LIGHT, RAIN_MIXED, Degradation


@dataclass(frozen=True)
class Task:
    """One thing that DIN restores.

    Attributes:
        name: identifier; the Triton model is ``din_<name>``.
        label: what a visitor reads.
        scale: output size over input size.
        stride: 4 where the network works at a quarter of the resolution (section 3.5), else 1.
        metric: what PSNR and SSIM are measured on: ``y`` (luma, rounded) or ``rgb``.
        patch: LQ pixels of a square training crop (section 5.2).
        degradation: makes LQ from HQ; None where only paired photos exist so far.
    """

    name: str
    label: str
    scale: int = 1
    stride: int = 1
    metric: Literal["y", "rgb"] = "y"
    patch: int = 48
    degradation: Degradation | None = None


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("sr_x2", "Enlarge 2x", scale=2, degradation=BI),
        Task("sr_x3", "Enlarge 3x", scale=3, degradation=BI),
        Task("sr_x4", "Enlarge 4x", scale=4, degradation=BI),
        Task("sr_x8", "Enlarge 8x", scale=8, degradation=BI),
        Task("sr_x3_bd", "Enlarge 3x, blurred photo", scale=3, degradation=BD),
        Task("sr_x3_dn", "Enlarge 3x, noisy photo", scale=3, degradation=DN),
        Task("deblur", "Remove motion blur", stride=4, metric="rgb", patch=256),
        Task("derain_light", "Remove light rain", degradation=RAIN_LIGHT),
        Task("derain_heavy", "Remove heavy rain", degradation=RAIN_HEAVY),
        Task("derain_mixed", "Remove rain of any kind", degradation=RAIN_MIXED),
        Task("dehaze_indoor", "Remove haze indoors", stride=4, metric="rgb", patch=256),
        Task("dehaze_outdoor", "Remove haze outdoors", stride=4, metric="rgb", patch=256),
    )
}


def find_task(name: str) -> Task:
    """The task of that name.

    Raises:
        ValueError: there is none; the message lists those there are.
    """
    if name not in TASKS:
        raise ValueError(f"unknown task {name!r}; the tasks are {', '.join(TASKS)}")
    return TASKS[name]
