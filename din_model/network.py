"""The deep interleaved network, top to bottom: feature extraction, IMBF, reconstruction (paper, sections 3.3-3.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from din_model.blocks import FUSIONS, WRDB, conv1x1, conv3x3, leaky_relu
from din_model.config import SUBPIXEL_STAGES, DINConfig


@torch.jit.script_if_tracing  # type: ignore[untyped-decorator]
def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Replicate the last row and column until both sizes are multiples; scripted, or a trace bakes the pad in."""
    h, w = x.shape[-2], x.shape[-1]
    return F.pad(x, [0, (multiple - w % multiple) % multiple, 0, (multiple - h % multiple) % multiple], "replicate")


@torch.jit.script_if_tracing  # type: ignore[untyped-decorator]
def crop_like(x: Tensor, reference: Tensor, scale: int) -> Tensor:
    """Cut off what :func:`pad_to_multiple` added, from a ``scale`` times larger result."""
    return x[..., : reference.shape[-2] * scale, : reference.shape[-1] * scale]


class Head(nn.Module):
    """Feature extraction H_0 (Eq. 17): one convolution, and a strided one for deblurring and dehazing."""

    def __init__(self, channels: int, stride: int, detail: int) -> None:
        super().__init__()
        full = detail if detail and stride > 1 else channels
        self.conv = conv3x3(3, full)
        # 8x8 with stride 4 and padding 2 maps 4n pixels to exactly n.
        self.down = nn.Conv2d(full, channels, 8, stride=stride, padding=2) if stride > 1 else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return F_0, (N, C, H / stride, W / stride), and the features at full resolution, (N, ., H, W)."""
        features: Tensor = self.conv(x)
        if self.down is None:
            return features, features
        features = leaky_relu(features)
        return self.down(features), features


class Tail(nn.Sequential):
    """Feature reconstruction H_FR (Eq. 19): sub-pixel layers up to the output size, three channels."""

    def __init__(self, channels: int, factor: int, kind: str) -> None:
        if kind == "single":
            super().__init__(conv3x3(channels, 3 * factor**2), nn.PixelShuffle(factor))
            return
        stages: list[nn.Module] = []
        for step in SUBPIXEL_STAGES[factor]:
            stages += [conv3x3(channels, channels * step**2), nn.PixelShuffle(step)]
        super().__init__(*stages, conv3x3(channels, 3))


class DetailTail(nn.Sequential):
    """Feature reconstruction that joins the features which bypassed the body, at full resolution."""

    def __init__(self, channels: int, factor: int, detail: int) -> None:
        up = nn.Sequential(conv3x3(channels, detail * factor**2), nn.PixelShuffle(factor))
        super().__init__(up, conv3x3(detail, detail), conv3x3(detail, 3))

    def forward(self, features: Tensor, full: Tensor) -> Tensor:  # type: ignore[override]
        """Join (N, C, H / factor, W / factor) and (N, detail, H, W) into (N, 3, H, W)."""
        up, join, last = self
        restored: Tensor = last(leaky_relu(join(leaky_relu(up(features) + full))))
        return restored


Fuse = Callable[[Tensor, Tensor], Tensor]  # 2 x (N, C, H, W) -> (N, C, H, W)


def interleave(
    f0: Tensor,
    branches: Iterable[Iterable[Callable[[Tensor], Tensor]]],
    fusions: Iterable[Iterable[Fuse]],
    first_fusion: str,
) -> tuple[list[Tensor], list[Tensor]]:
    """Run the interleaved multi-branch framework (Eqs. 13-14).

    Args:
        f0: shallow features F_0, (N, C, H, W).
        branches: the WRDBs of every branch.
        fusions: the nodes of every branch but the first, which has none (Eq. 13).
        first_fusion: what the node at d = 1 fuses, as in :class:`DINConfig`.

    Returns:
        [F_D^1 .. F_D^M], the last state of every branch, and [F_1^M .. F_D^M], the states of the last one.
    """
    first, *later = branches
    previous: list[Tensor] = []
    x = f0
    for wrdb in first:
        x = wrdb(x)
        previous.append(x)
    last_of_branch = [x]
    for wrdbs, nodes in zip(later, fusions, strict=True):
        current: list[Tensor] = []
        for d, (wrdb, fuse) in enumerate(zip(wrdbs, nodes, strict=True)):
            if d > 0:
                fused = fuse(previous[d], current[-1])
            elif first_fusion == "last_first":
                fused = fuse(previous[-1], previous[0])
            else:
                fused = fuse(previous[0], previous[0])
            current.append(wrdb(fused))
        previous = current
        last_of_branch.append(current[-1])
    return last_of_branch, previous


def global_skip(x: Tensor, config: DINConfig) -> Tensor:
    """Return the input for global residual learning (Eq. 19), (N, 3, H, W) interpolated to (N, 3, sH, sW)."""
    if config.scale == 1:
        return x
    # antialias selects Keys' cubic with a = -0.5, the paper's (MATLAB's) bicubic; upwards it smooths nothing.
    bicubic = config.skip == "bicubic"
    return F.interpolate(x, scale_factor=float(config.scale), mode=config.skip, align_corners=False, antialias=bicubic)


class Interleaved(nn.Module):
    """The forward pass that DIN and its inference form share (Eqs. 13-19)."""

    config: DINConfig
    head: Head
    branches: nn.ModuleList
    gff1: nn.Conv2d
    gff2: nn.Conv2d
    tail: Tail | DetailTail

    def through(self, x: Tensor, fusions: list[list[Fuse]]) -> Tensor:
        """Return I_R, what the network adds to the (interpolated) input: (N, 3, H, W) -> (N, 3, sH, sW)."""
        f0, full = self.head(pad_to_multiple(x, self.config.stride) if self.config.stride > 1 else x)
        branches = cast("list[list[nn.Module]]", self.branches)
        last_of_branch, last_branch = interleave(f0, branches, fusions, self.config.first_fusion)
        if self.config.gff:  # Eqs. 15-16
            deep, wide = torch.cat(last_of_branch, 1), torch.cat([*last_branch[:-1], f0], 1)
            if self.config.gff_activation:
                deep, wide = leaky_relu(deep), leaky_relu(wide)
            features = self.gff1(deep) + self.gff2(wide)
        else:
            features = last_branch[-1]
        restored: Tensor = self.tail(features, full) if isinstance(self.tail, DetailTail) else self.tail(features)
        return crop_like(restored, x, self.config.scale) if self.config.stride > 1 else restored


class DIN(Interleaved):
    """Deep interleaved network: feature extraction, IMBF, GFF, reconstruction, global residual.

    Convention: ``(N, 3, H, W)`` RGB in [0, 1] to ``(N, 3, scale * H, scale * W)``, unclamped; any H, W >= 1.

    Args:
        config: the network's configuration, for example ``PRESETS["din"]`` of :mod:`din_model.config`.
    """

    def __init__(self, config: DINConfig) -> None:
        super().__init__()
        self.config = c = config
        fusion = FUSIONS[c.fusion]
        self.head = Head(c.channels, c.stride, c.detail)
        # branches[m][d] is H_{d+1}^{m+1}; fusions[m][d] is S_{d+1}^{m+2}: branch 1 has no nodes (Eq. 13).
        self.branches = nn.ModuleList(nn.ModuleList(WRDB(c) for _ in range(c.wrdbs)) for _ in range(c.branches))
        self.fusions = nn.ModuleList(
            nn.ModuleList(fusion(c.channels, c.reduction) for _ in range(c.wrdbs)) for _ in range(c.branches - 1)
        )
        if c.gff:
            self.gff1 = conv1x1(c.branches * c.channels, c.channels)
            self.gff2 = conv1x1(c.wrdbs * c.channels, c.channels)
        if c.detail and c.stride > 1:
            self.tail = DetailTail(c.channels, c.stride, c.detail)
        else:
            self.tail = Tail(c.channels, c.scale * c.stride, c.tail)
        self._initialise()

    def _initialise(self) -> None:
        """He initialisation; DWCs and the last convolution start at zero, so that training starts at the skip."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.2, nonlinearity="leaky_relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
            if isinstance(module, WRDB):
                for weights in cast("list[list[nn.Conv2d]]", module.dwcs):
                    for dwc in weights:
                        nn.init.zeros_(dwc.weight)
                    if module.dwc == "input":  # Eq. 3 has no other path: start as a plain chain
                        nn.init.ones_(weights[-1].weight)
        last = [m for m in self.tail if isinstance(m, nn.Conv2d)][-1]
        nn.init.zeros_(last.weight)

    def residual(self, x: Tensor) -> Tensor:
        """Return I_R, what the network adds to the (interpolated) input: (N, 3, H, W) -> (N, 3, sH, sW)."""
        return self.through(x, cast("list[list[Fuse]]", self.fusions))

    def forward(self, x: Tensor) -> Tensor:
        """Restore a batch (Eqs. 17-19).

        Args:
            x: LQ images, (N, 3, H, W), RGB in [0, 1].

        Returns:
            Restored images, (N, 3, scale * H, scale * W), unclamped.
        """
        return self.residual(x) + global_skip(x, self.config)


def count_parameters(model: nn.Module) -> int:
    """Return the number of parameters, frozen ones included."""
    return sum(p.numel() for p in model.parameters())


def count_mult_adds(config: DINConfig, size: tuple[int, int]) -> int:
    """Count the multiply-adds of the convolutions, for one LQ image of (h, w)."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        DIN(config).residual(torch.zeros(1, 3, *size))
    return int(counter.get_total_flops()) // 2
