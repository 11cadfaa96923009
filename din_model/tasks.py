"""TASKS: the one list of what DIN restores. Training, evaluation, export and serving follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from imaging.degradations import (
    BD,
    BI,
    DN,
    HAZE_INDOOR,
    HAZE_OUTDOOR,
    MOTION_BLUR,
    RAIN_HEAVY,
    RAIN_LIGHT,
    RAIN_MIXED,
    Degradation,
)


@dataclass(frozen=True)
class Task:
    """One thing that DIN restores.

    Attributes:
        name: identifier; the Triton model is ``din_<name>``.
        label: what a visitor reads.
        family: what tasks that differ in their variant have in common.
        variant: what tells it from the others of its family.
        degradation: makes LQ from HQ.
        scale: output size over input size.
        stride: 4 where the network works at a quarter of the resolution (section 3.5), else 1.
        metric: what PSNR and SSIM are measured on: ``y`` (luma, rounded) or ``rgb``.
        descriptor_rounds: how often the tiles of a photo are averaged for the channel descriptors of the whole photo
            (Eq. 8), before they are restored with them. 0: each tile is restored with its own, where restoring is
            local; how much haze, rain or noise there is can only be told from the photo. Each round brings tiles closer
            to the photo in one piece.
        bf16: whether bfloat16 keeps its PSNR to 0.01 dB. Taking haze or heavy rain away moves pixels so far that the
            rounding of the weights alone moves it by up to 0.15 dB.
    """

    name: str
    label: str
    family: str
    variant: str
    degradation: Degradation
    scale: int = 1
    stride: int = 1
    metric: Literal["y", "rgb"] = "y"
    descriptor_rounds: int = 0
    bf16: bool = True


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("sr_x2", "Enlarge 2x", "enlarge", "2x", BI, scale=2),
        Task("sr_x3", "Enlarge 3x", "enlarge", "3x", BI, scale=3),
        Task("sr_x4", "Enlarge 4x", "enlarge", "4x", BI, scale=4),
        Task("sr_x8", "Enlarge 8x", "enlarge", "8x", BI, scale=8),
        Task("sr_x3_bd", "Enlarge 3x, blurred photo", "enlarge", "3x, blurred photo", BD, scale=3, descriptor_rounds=1),
        Task("sr_x3_dn", "Enlarge 3x, noisy photo", "enlarge", "3x, noisy photo", DN, scale=3, descriptor_rounds=2),
        Task(
            "deblur",
            "Remove motion blur",
            "deblur",
            "motion",
            MOTION_BLUR,
            stride=4,
            metric="rgb",
            descriptor_rounds=1,
        ),
        Task("derain_light", "Remove light rain", "derain", "light", RAIN_LIGHT, descriptor_rounds=1),
        Task("derain_heavy", "Remove heavy rain", "derain", "heavy", RAIN_HEAVY, descriptor_rounds=2, bf16=False),
        Task("derain_mixed", "Remove rain of any kind", "derain", "any kind", RAIN_MIXED, descriptor_rounds=2),
        Task(
            "dehaze_indoor",
            "Remove haze indoors",
            "dehaze",
            "indoors",
            HAZE_INDOOR,
            stride=4,
            metric="rgb",
            descriptor_rounds=2,
            bf16=False,
        ),
        Task(
            "dehaze_outdoor",
            "Remove haze outdoors",
            "dehaze",
            "outdoors",
            HAZE_OUTDOOR,
            stride=4,
            metric="rgb",
            descriptor_rounds=2,
            bf16=False,
        ),
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
