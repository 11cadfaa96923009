"""The building blocks of DIN: RDB, WRDB and the fusions at interleaved nodes (paper, sections 3.1-3.2)."""

from __future__ import annotations

from functools import reduce
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from din_model.config import RESIDUAL_SCALE, DINConfig

NEGATIVE_SLOPE = 0.2  # of every LeakyReLU (section 3.5)


def leaky_relu(x: Tensor) -> Tensor:
    """LeakyReLU (sigma of Eq. 1)."""
    return F.leaky_relu(x, NEGATIVE_SLOPE)


def conv3x3(in_channels: int, out_channels: int) -> nn.Conv2d:
    """Convolution that keeps the size."""
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)


def conv1x1(in_channels: int, out_channels: int) -> nn.Conv2d:
    """Convolution of the channels of each pixel."""
    return nn.Conv2d(in_channels, out_channels, 1)


class RDB(nn.Module):
    """Residual dense block: every convolution sees the outputs of all earlier ones (Eqs. 1-2).

    K convolutions, all but the last of G filters; the last one returns to C channels. gamma = 0.1 multiplies F_K
    (authors' code: gamma F_K + F) or, with ``rdb_scale_on="skip"``, F (Eq. 2 as printed: F_K + gamma F).

    Args:
        config: gives C, G, K, ``rdb_scale_on`` and ``rdb_last_activation``.
    """

    def __init__(self, config: DINConfig) -> None:
        super().__init__()
        widths = [config.channels + k * config.growth for k in range(config.convs)]
        dense = [conv3x3(width, config.growth) for width in widths[:-1]]
        self.convs = nn.ModuleList([*dense, conv3x3(widths[-1], config.channels)])
        on_branch = config.rdb_scale_on == "branch"
        self.branch_scale, self.skip_scale = (RESIDUAL_SCALE, 1.0) if on_branch else (1.0, RESIDUAL_SCALE)
        self.last_activation = config.rdb_last_activation

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W) -> (N, C, H, W)
        features = [x]
        for conv in self.convs[:-1]:
            features.append(leaky_relu(conv(torch.cat(features, 1))))
        dense: Tensor = self.convs[-1](torch.cat(features, 1))
        if self.last_activation:
            dense = leaky_relu(dense)
        return self.branch_scale * dense + self.skip_scale * x


class WRDB(nn.Module):
    """Weighted residual dense block: B RDBs and their densely weighted connections (Eq. 3) under a skip (Eq. 5).

    X_0 is the first convolution. With ``dwc="added"`` (authors' code) X_b is RDB_b(X_{b-1}) + sum_i W_i^b X_i;
    with ``dwc="input"`` (Eq. 3) it is RDB_b(sum_i W_i^b X_i); with ``dwc="none"`` (ablation) it is RDB_b(X_{b-1}).
    The result is X + s X_B, where s is 0.1 (authors' code) or 1 (Eq. 5).

    Args:
        config: gives C, B, ``dwc``, ``wrdb_first_activation``, ``wrdb_residual_scale`` and what :class:`RDB` takes.
    """

    def __init__(self, config: DINConfig) -> None:
        super().__init__()
        c = config.channels
        self.conv = conv3x3(c, c)
        self.rdbs = nn.ModuleList(RDB(config) for _ in range(config.rdbs))
        # dwcs[b - 1][i] is W_i^b: a 1x1 depth-wise convolution, one weight and one bias a channel.
        self.dwcs = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(c, c, 1, groups=c) for _ in range(b))
            for b in range(1, config.rdbs + 1)
            if config.dwc != "none"
        )
        self.dwc = config.dwc
        self.first_activation = config.wrdb_first_activation
        self.residual_scale = config.wrdb_residual_scale

    def weighted_sum(self, b: int, states: list[Tensor]) -> Tensor:
        """Return sum_i W_i^b X_i over the states 0 .. b-1 (Eq. 3), (N, C, H, W)."""
        weights = cast("list[nn.Conv2d]", self.dwcs[b - 1])
        total: Tensor = reduce(torch.add, [dwc(x) for dwc, x in zip(weights, states, strict=True)])
        return total

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W) -> (N, C, H, W)
        first = self.conv(x)
        states = [leaky_relu(first) if self.first_activation else first]
        for b, rdb in enumerate(self.rdbs, start=1):
            if self.dwc == "added":
                states.append(rdb(states[-1]) + self.weighted_sum(b, states))
            elif self.dwc == "input":
                states.append(rdb(self.weighted_sum(b, states)))
            else:
                states.append(rdb(states[-1]))
        return x + self.residual_scale * states[-1]


class AsyCA(nn.Module):
    """Asymmetric co-attention: a weight for each channel decides how much of each state passes (Eqs. 6-12)."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.integrate = conv1x1(2 * channels, channels)  # H_int, Eq. 7
        self.squeeze = conv1x1(channels, channels // reduction)  # W_1, Eq. 9
        self.excite = conv1x1(channels // reduction, 2 * channels)  # W_2, Eq. 9

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:  # 2 x (N, C, H, W) -> (N, C, H, W)
        u = self.integrate(torch.cat([x1, x2], 1))  # Eqs. 6-7
        z = F.adaptive_avg_pool2d(u, 1)  # the channel descriptor, (N, C, 1, 1), Eq. 8
        s = self.excite(F.relu(self.squeeze(z)))  # (N, 2C, 1, 1), Eq. 9
        alpha: Tensor = s.unflatten(1, (2, -1)).softmax(1)  # (N, 2, C, 1, 1), Eq. 10
        fused: Tensor = alpha[:, 0] * x1 + alpha[:, 1] * x2  # Eqs. 11-12
        return fused


class ConcatFusion(nn.Module):
    """Ablation (section 4.3): concatenation, then a 1x1 convolution back to C channels."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.integrate = conv1x1(2 * channels, channels)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        fused: Tensor = self.integrate(torch.cat([x1, x2], 1))
        return fused


class SumFusion(nn.Module):
    """Ablation (section 4.3): element-wise summation."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return x1 + x2


class SEFusion(nn.Module):
    """Ablation (section 4.3): concatenation, squeeze-and-excitation, then a 1x1 convolution to C channels."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.squeeze = conv1x1(2 * channels, 2 * channels // reduction)
        self.excite = conv1x1(2 * channels // reduction, 2 * channels)
        self.integrate = conv1x1(2 * channels, channels)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        x = torch.cat([x1, x2], 1)
        z = F.adaptive_avg_pool2d(x, 1)
        fused: Tensor = self.integrate(x * torch.sigmoid(self.excite(F.relu(self.squeeze(z)))))
        return fused


FUSIONS: dict[str, type[nn.Module]] = {
    "asyca": AsyCA,
    "concat": ConcatFusion,
    "sum": SumFusion,
    "se": SEFusion,
}
