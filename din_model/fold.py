"""The inference form of a trained DIN: the same function with fewer passes over memory.

What is linear is folded into the convolution before it: gamma of Eq. 2, the skip of every RDB (as a centre tap), the
DWC of the state that an RDB reads (Eq. 3), the scale of Eq. 5 and the range of the pixels. AsyCA pools before its 1x1
convolution instead of after it, for the two commute, and its softmax over two states is a sigmoid. A node that fuses a
state with itself is left out.

The channel descriptors of AsyCA (Eq. 8) are explicit: the network returns those that it found in a picture and accepts
given ones instead. So the tiles of one photo can share the descriptors of the whole photo. A descriptor here is the
mean of both states, 2C values a node: the z of Eq. 8 follows from it by H_int (Eq. 7).
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from din_model.blocks import NEGATIVE_SLOPE, RDB, WRDB, AsyCA
from din_model.config import DINConfig
from din_model.network import DIN, Fuse, Interleaved, global_skip

# Descriptors of a trained network stay below a few hundred; far above, their excitation would overflow.
LARGEST_DESCRIPTOR = 1e6
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# The switches that decide what there is to fold. Their other values are for ablations and are never served.
FOLDED = {"fusion": "asyca", "dwc": "added", "gff": True, "rdb_last_activation": False}


def fold(model: DIN, peak: float = 1.0) -> FoldedDIN:
    """Return the inference form of a network, which itself stays as it is.

    Args:
        model: a trained network.
        peak: largest pixel value of the folded network's input and output, where ``model`` has 1.

    Raises:
        ValueError: the network is an ablation (one of ``FOLDED`` has another value).
    """
    check_foldable(model.config)
    return FoldedDIN(deepcopy(model).float().requires_grad_(False).eval(), peak)


def check_foldable(config: DINConfig) -> None:
    """Refuse networks that have no inference form.

    Raises:
        ValueError: one of ``FOLDED`` has another value; the message names it.
    """
    for field, value in FOLDED.items():
        if getattr(config, field) != value:
            raise ValueError(
                f"a network with {field}={getattr(config, field)!r} is an ablation and has no inference form, "
                f"so it cannot be exported or scored in a precision; only {field}={value!r} can"
            )


def activate_(x: Tensor) -> Tensor:
    """LeakyReLU in place, for a tensor that nothing else reads."""
    return F.leaky_relu_(x, NEGATIVE_SLOPE)


def per_channel(values: Tensor) -> Tensor:
    """Shape (C,) or (N, C) to broadcast over (N, C, H, W)."""
    return values[..., None, None]


def scale_output_(conv: nn.Conv2d, by: float) -> None:
    """Multiply a convolution's output by a factor, in place in its weights."""
    conv.weight.mul_(by)
    conv.bias.mul_(by)  # type: ignore[union-attr]


class FoldedRDB(nn.Module):
    """gain * dense(x) + identity * x + shift, where dense is the RDB without its skip (Eqs. 1-2).

    Args:
        rdb: the trained block; its convolutions are taken over and changed.
        gain: factor of the dense part.
        identity: factor of the input, (C,).
        shift: added to the sum, (C,).
    """

    def __init__(self, rdb: RDB, gain: float, identity: Tensor, shift: Tensor) -> None:
        super().__init__()
        *dense, last = cast("list[nn.Conv2d]", rdb.convs)
        self.dense, self.last = nn.ModuleList(dense), last
        scale_output_(last, gain)
        channel = torch.arange(len(identity))
        last.weight[channel, channel, 1, 1] += identity
        last.bias += shift  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W) -> (N, C, H, W)
        features = x
        for conv in self.dense:
            features = torch.cat([features, activate_(conv(features))], 1)
        out: Tensor = self.last(features)
        return out


class FoldedWRDB(nn.Module):
    """WRDB with its scales, and the DWC of the state that an RDB reads, folded into its RDBs (Eqs. 3 and 5)."""

    def __init__(self, wrdb: WRDB) -> None:
        super().__init__()
        self.conv, self.first_activation = wrdb.conv, wrdb.first_activation
        self.rdbs = nn.ModuleList()
        self.factors = nn.ModuleList()  # factors[b - 1][i]: W_i^b of the states that RDB b does not read
        blocks = cast("list[RDB]", wrdb.rdbs)
        for b, rdb in enumerate(blocks, start=1):
            # X_B is read by the skip alone, so its scale goes where it is made.
            scale = wrdb.residual_scale if b == len(blocks) else 1.0
            dwcs = cast("list[nn.Conv2d]", wrdb.dwcs[b - 1])
            *others, own = [dwc.weight.flatten() for dwc in dwcs]
            shift = scale * sum((cast(Tensor, dwc.bias) for dwc in dwcs), torch.zeros_like(own))
            self.rdbs.append(FoldedRDB(rdb, scale * rdb.branch_scale, scale * (rdb.skip_scale + own), shift))
            self.factors.append(nn.ParameterList(nn.Parameter(per_channel(scale * w), False) for w in others))

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W) -> (N, C, H, W)
        first = self.conv(x)
        states = [activate_(first) if self.first_activation else first]
        for rdb, factors in zip(self.rdbs, cast("list[nn.ParameterList]", self.factors), strict=True):
            out = rdb(states[-1])
            for state, factor in zip(states[:-1], factors, strict=True):
                out.addcmul_(state, factor)
            states.append(out)
        restored: Tensor = states[-1].add_(x)
        return restored


@torch.jit.script_if_tracing  # type: ignore[untyped-decorator]
def core_in_features(core: Tensor, x: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Convert cores from pixels to features; scripted, or a trace bakes the size of its example in.

    Args:
        core: (N, 4) integers: top, bottom, left, right of a part of each picture, in pixels.
        x: the pictures, (N, C, H, W).
        stride: pixels a feature. Rounding up gives each feature to one of two neighbouring parts, and the last one to
            the picture's end.

    Returns:
        (N, 4), the part in features, or all of them where the picture has no such part; (N, 1), whether it has.
    """
    edges = torch.tensor([x.size(2), x.size(2), x.size(3), x.size(3)], device=core.device)
    lies_within = ((core >= 0) & (core <= edges)).all(1, keepdim=True)
    part = (core.long() + (stride - 1)) // stride
    is_part = lies_within & (part[:, :1] < part[:, 1:2]) & (part[:, 2:3] < part[:, 3:])
    whole = (edges + (stride - 1)) // stride * torch.tensor([0, 1, 0, 1], device=core.device)
    return torch.where(is_part, part, whole), is_part


def pool_core(x: Tensor, core: Tensor) -> Tensor:
    """Average each picture over its core (N, 4), in features: (N, C, H, W) -> (N, C), float32."""
    top, bottom, left, right = core.unsqueeze(2).unbind(1)
    row, column = torch.arange(x.size(2), device=x.device), torch.arange(x.size(3), device=x.device)
    rows, columns = (row >= top) & (row < bottom), (column >= left) & (column < right)
    weights = (rows.unsqueeze(2) & columns.unsqueeze(1)).unsqueeze(1)
    return (x * weights).sum((2, 3), dtype=torch.float32) / weights.sum((2, 3))


@torch.jit.script_if_tracing  # type: ignore[untyped-decorator]
def choose_descriptors(
    x1: Tensor, x2: Tensor, given: Tensor, is_given: Tensor, core: Tensor, is_asked: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the descriptors of a node that each picture is restored with, and those found in its core.

    Scripted, so that a trace pools only what a batch needs: cores where one is asked for, nothing where every picture
    is given its descriptors.

    Args:
        x1: first state, (N, C, H, W).
        x2: second state, (N, C, H, W).
        given: float32 (N, 2C), descriptors to use.
        is_given: bool (N, 1), whether to use them; otherwise those found in the picture are used.
        core: integers (N, 4), the part of the features to pool over: top, bottom, left, right.
        is_asked: bool (N, 1), whether to return the descriptors found there.

    Returns:
        Twice (N, 2C) float32; the second is NaN where no core was asked for.
    """
    if bool(is_asked.any()):
        found = torch.cat([pool_core(x1, core), pool_core(x2, core)], 1)
    elif bool(is_given.all()):
        found = given
    else:
        found = torch.cat([x1.mean((2, 3), dtype=torch.float32), x2.mean((2, 3), dtype=torch.float32)], 1)
    return torch.where(is_given, given, found), torch.where(is_asked, found, float("nan"))


@dataclass(frozen=True)
class Descriptors:
    """Where the channel descriptors of a batch come from, row by row.

    Attributes:
        given: (N, K) float32, descriptors to use.
        is_given: (N, 1), whether to use them; otherwise those found in the picture are used.
        core: (N, 4) integers, the part of the features to pool over.
        is_asked: (N, 1), whether to return what was found there.
    """

    given: Tensor
    is_given: Tensor
    core: Tensor
    is_asked: Tensor


class FoldedAsyCA(nn.Module):
    """AsyCA with alpha for the first state and 1 - alpha for the second (Eqs. 6-12).

    Args:
        asyca: the trained node.

    Attributes:
        excitation: from a descriptor to the logits of alpha: H_int and W_1 as one matrix and bias, then the difference
            of the halves of W_2 as another (Eqs. 7, 9 and 10).
    """

    def __init__(self, asyca: AsyCA) -> None:
        super().__init__()
        (integrate, b_int), (w1, b1), (w2, b2) = map(matrix, (asyca.integrate, asyca.squeeze, asyca.excite))
        (first, second), (b_first, b_second) = w2.chunk(2), b2.chunk(2)
        folded = w1 @ integrate, w1 @ b_int + b1, first - second, b_first - b_second
        self.excitation = nn.ParameterList(nn.Parameter(t, False) for t in folded)

    def squeeze(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Average both states over the picture: 2 x (N, C, H, W) -> (N, 2C), float32."""
        return torch.cat([x.mean((2, 3), dtype=torch.float32) for x in (x1, x2)], 1)

    def fuse(self, x1: Tensor, x2: Tensor, descriptors: Tensor) -> Tensor:
        """Fuse two states (N, C, H, W) with the weights that follow from descriptors (N, 2C)."""
        w1, b1, w2, b2 = self.excitation
        alpha = F.linear(F.relu(F.linear(descriptors, w1, b1)), w2, b2).sigmoid()
        return torch.lerp(x2, x1, per_channel(alpha).to(x1.dtype))

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:  # 2 x (N, C, H, W) -> (N, C, H, W)
        return self.fuse(x1, x2, self.squeeze(x1, x2))


def matrix(conv: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Return a 1x1 convolution as a matrix and a bias."""
    return conv.weight[:, :, 0, 0], cast(Tensor, conv.bias)


def keep_first(x1: Tensor, x2: Tensor) -> Tensor:
    """Fuse a state with itself: the weights of AsyCA add up to one."""
    return x1


class FoldedDIN(Interleaved):
    """The same restoration as :class:`DIN`, for inference alone; made by :func:`fold`.

    Attributes:
        descriptor_width: K, the values of all nodes' descriptors of one picture.
    """

    def __init__(self, model: DIN, peak: float) -> None:
        super().__init__()
        self.config = c = model.config
        self.head, self.tail = model.head, model.tail
        self.head.conv.weight.div_(peak)
        scale_output_([m for m in self.tail if isinstance(m, nn.Conv2d)][-1], peak)
        branches = cast("list[list[WRDB]]", model.branches)
        self.branches = nn.ModuleList(nn.ModuleList(FoldedWRDB(wrdb) for wrdb in branch) for branch in branches)
        # With "first_first" the node at d = 1 fuses a state with itself and is left out.
        self.left_out = int(c.first_fusion == "first_first")
        rows = cast("list[nn.ModuleList]", model.fusions)
        self.nodes = nn.ModuleList(
            nn.ModuleList(FoldedAsyCA(cast(AsyCA, node)) for node in row[self.left_out :]) for row in rows
        )
        self.descriptor_width = sum(2 * c.channels * len(row) for row in self._rows())
        self.gff1, self.gff2 = model.gff1, model.gff2

    def in_precision(self, dtype: torch.dtype) -> FoldedDIN:
        """Cast everything but the excitations: single vectors, whose rounding would shift whole channels."""
        nodes = [node for row in self._rows() for node in row]
        exact = [deepcopy(node.excitation) for node in nodes]
        self.to(dtype=dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for node, excitation in zip(nodes, exact, strict=True):
            node.excitation = excitation
        return self

    def _rows(self) -> list[list[FoldedAsyCA]]:
        return cast("list[list[FoldedAsyCA]]", self.nodes)

    def _fusions(self, fusion: Callable[[FoldedAsyCA], Fuse]) -> list[list[Fuse]]:
        """Return what is done at every node, including those that are left out."""
        return [[*[keep_first] * self.left_out, *map(fusion, row)] for row in self._rows()]

    def residual(self, x: Tensor) -> Tensor:
        """Return I_R, what the network adds to the (interpolated) input (Eq. 19).

        Args:
            x: (N, 3, H, W) RGB in [0, peak].

        Returns:
            (N, 3, sH, sW).
        """
        return self.through(x, self._fusions(lambda node: node))

    def residual_of_tiles(self, x: Tensor, given: Tensor, core: Tensor) -> tuple[Tensor, Tensor]:
        """Return I_R of tiles that share the channel descriptors of their photo, and the descriptors of their cores.

        Each row is independent of the others.

        Args:
            x: (N, 3, H, W) RGB in [0, peak].
            given: (N, K) float32, descriptors to restore with. A row with anything but numbers up to
                ``LARGEST_DESCRIPTOR`` is not used: that tile is restored with its own.
            core: (N, 4) integers: top, bottom, left, right of the part of the tile to pool over, in pixels. What the
                tile does not have, such as zeros, is no part.

        Returns:
            (N, 3, sH, sW), and the descriptors of each core, (N, K) float32, NaN where there is no such part. A
            photo's descriptors are the mean of its parts', weighted by area.
        """
        is_given = (given.abs() <= LARGEST_DESCRIPTOR).all(1, keepdim=True)  # NaN is not, either
        part, is_asked = core_in_features(core, x, self.config.stride)
        batch = Descriptors(torch.where(is_given, given, 0.0), is_given, part, is_asked)
        of_nodes = iter(torch.split(batch.given, 2 * self.config.channels, 1))
        found: list[Tensor] = []

        def fusion(node: FoldedAsyCA) -> Fuse:
            given_here = next(of_nodes)

            def fuse(x1: Tensor, x2: Tensor) -> Tensor:
                descriptors, of_core = choose_descriptors(
                    x1, x2, given_here, batch.is_given, batch.core, batch.is_asked
                )
                found.append(of_core)
                return node.fuse(x1, x2, descriptors)

            return fuse

        restored = self.through(x, self._fusions(fusion))
        return restored, torch.cat(found, 1) if found else given[:, :0]

    def forward(self, x: Tensor) -> Tensor:
        """Restore a batch, each picture with its own channel descriptors.

        Args:
            x: (N, 3, H, W) float32, RGB in [0, peak].

        Returns:
            (N, 3, sH, sW) float32, unclamped. The body runs in its own precision, the global skip in float32.
        """
        return self.residual(x.to(self.head.conv.weight.dtype)).float() + global_skip(x, self.config)
