"""The configuration of a DIN, and the presets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

RESIDUAL_SCALE = 0.1  # gamma of Eq. 2
SUBPIXEL_STAGES: dict[int, tuple[int, ...]] = {1: (), 2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}  # by scale


@dataclass(frozen=True)
class DINConfig:
    """Shape and formulas of one DIN.

    The defaults are the paper's network for x4 super-resolution. Where the paper and the authors' released
    code disagree there is one field for each item, and its default is the form that trains stably: the
    authors' for scaling and activations, the paper's for the fusion at d = 1 and for the bicubic skip.

    Attributes:
        scale: output size over input size; 1 outside super-resolution.
        stride: 1, or 4 for deblurring and dehazing, which work at a quarter of the resolution.
        channels: C, features everywhere in the body.
        growth: G, filters of an RDB's convolution.
        branches: M.
        wrdbs: D, WRDBs in a branch.
        rdbs: B, RDBs in a WRDB.
        convs: K, convolutions in an RDB.
        reduction: r, of AsyCA's excitation (Eq. 9).
        tail: ``staged`` sub-pixel layers (paper) or a ``single`` convolution and pixel shuffle (compact).
        detail: features at full resolution that bypass the body of a strided network and join it again in two
            convolutions after the upscaling, which removes the grid that a stride leaves; 0 for none (paper). Without
            effect where ``stride`` is 1.
        fusion: ``asyca``, ``concat``, ``sum`` or ``se`` at the interleaved nodes (section 4.3).
        dwc: ``added`` (authors' code), ``input`` (Eq. 3) or ``none`` (ablation).
        gff: global feature fusion (Eq. 15); without it the last WRDB feeds the tail (ablation).
        rdb_scale_on: gamma on the dense ``branch`` (authors' code) or on the ``skip`` (Eq. 2).
        rdb_last_activation: LeakyReLU after an RDB's last convolution too (Eq. 1).
        wrdb_first_activation: LeakyReLU after a WRDB's first convolution (authors' code).
        wrdb_residual_scale: 0.1 (authors' code) or 1 (Eq. 5).
        first_fusion: what d = 1 fuses: ``last_first`` is [F_D, F_1] (Eq. 14), ``first_first`` the authors' code.
        gff_activation: LeakyReLU before both GFF convolutions (authors' code).
        skip: interpolation of the input for global residual learning in super-resolution: ``bicubic`` (paper) or
            ``bilinear`` (authors' code).

    Raises:
        ValueError: the scale or the stride is not supported, or both are larger than 1.
    """

    scale: int = 4
    stride: int = 1
    channels: int = 64
    growth: int = 32
    branches: int = 4
    wrdbs: int = 5
    rdbs: int = 3
    convs: int = 6
    reduction: int = 4
    tail: Literal["staged", "single"] = "staged"
    detail: int = 0
    fusion: Literal["asyca", "concat", "sum", "se"] = "asyca"
    dwc: Literal["added", "input", "none"] = "added"
    gff: bool = True
    rdb_scale_on: Literal["branch", "skip"] = "branch"
    rdb_last_activation: bool = False
    wrdb_first_activation: bool = True
    wrdb_residual_scale: float = RESIDUAL_SCALE
    first_fusion: Literal["last_first", "first_first"] = "last_first"
    gff_activation: bool = True
    skip: Literal["bicubic", "bilinear"] = "bicubic"

    def __post_init__(self) -> None:
        if self.scale not in SUBPIXEL_STAGES:
            raise ValueError(f"scale must be one of {sorted(SUBPIXEL_STAGES)}, not {self.scale}")
        if self.stride not in (1, 4):
            raise ValueError(f"stride must be 1 or 4, not {self.stride}")
        if self.scale > 1 and self.stride > 1:
            raise ValueError("a strided front is for scale 1 only")

    def for_task(self, scale: int, stride: int) -> DINConfig:
        """Return the same network with the feature extraction and reconstruction of a task."""
        return replace(self, scale=scale, stride=stride)

    def as_authors(self) -> DINConfig:
        """Return the same network with every formula as in the authors' released code."""
        return replace(self, first_fusion="first_first", skip="bilinear")


def compact(channels: int) -> DINConfig:
    """Return a network of few wide layers, which a CPU computes faster than many narrow ones."""
    return DINConfig(channels=channels, growth=channels, branches=2, wrdbs=2, rdbs=1, convs=3, tail="single", detail=32)


PRESETS: dict[str, DINConfig] = {  # the slowest first; docs/experiments.md has the sweep that they are chosen by
    "din": DINConfig(),
    "din_128": compact(128),
    "din_96": compact(96),
    "din_s": DINConfig(branches=2, wrdbs=2, rdbs=2, convs=4, tail="single"),
    "din_t": DINConfig(channels=32, growth=16, branches=3, wrdbs=2, rdbs=2, convs=4, tail="single"),
    "din_64": compact(64),
}
FASTEST_FIRST = tuple(reversed(PRESETS))
