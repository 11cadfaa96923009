"""The inference form of a trained DIN: the same function with fewer passes over memory.

What is linear is folded into the convolution before it: gamma of Eq. 2, the skip of every RDB (as a centre tap), the
DWC of the state that the RDB reads (Eq. 3), the scale of Eq. 5 and the range of the pixels. A fusion node pools before
its 1x1 convolution instead of after it, for the two commute, and its softmax over two states is a sigmoid. A node that
fuses a state with itself is left out.

Attention is explicit here: the network tells which weights its nodes took from the picture, and takes given ones
instead. So the tiles of one photo can share the attention of the photo.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import deepcopy
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from din_model.blocks import NEGATIVE_SLOPE, RDB, WRDB, AsyCA, SEFusion
from din_model.network import DIN, Fuse, Interleaved, global_skip

# Pooled states of a trained network stay below a few hundred; far above, their excitation would overflow.
LARGEST_STATE = 1e6
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def fold(model: DIN, peak: float = 1.0) -> FoldedDIN:
    """The inference form of a network, which itself stays as it is.

    Args:
        model: a trained network of any configuration.
        peak: largest pixel value of the folded network's input and output, where ``model`` has 1.
    """
    return FoldedDIN(deepcopy(model).float().requires_grad_(False).eval(), peak)


def activate_(x: Tensor) -> Tensor:
    """LeakyReLU in place, for what nobody else reads."""
    return F.leaky_relu_(x, NEGATIVE_SLOPE)


def per_channel(values: Tensor) -> Tensor:
    """(C,) or (N, C) as factors of (N, C, H, W)."""
    return values[..., None, None]


def scale_output_(conv: nn.Conv2d, by: float) -> None:
    """Makes a convolution's output ``by`` times as large."""
    conv.weight.mul_(by)
    conv.bias.mul_(by)  # type: ignore[union-attr]


class FoldedRDB(nn.Module):
    """gain * dense(x) + identity * x + shift, where dense is the RDB without its skip (Eqs. 1-2).

    Args:
        rdb: the trained block, taken over.
        gain: positive factor.
        identity, shift: (C,).
    """

    identity: Tensor
    shift: Tensor

    def __init__(self, rdb: RDB, gain: float, identity: Tensor, shift: Tensor) -> None:
        super().__init__()
        *dense, last = cast("list[nn.Conv2d]", rdb.convs)
        self.dense, self.last = nn.ModuleList(dense), last
        self.last_activation = rdb.last_activation
        scale_output_(last, gain)  # a LeakyReLU passes a positive factor on
        if self.last_activation:
            self.register_buffer("identity", per_channel(identity))
            self.register_buffer("shift", per_channel(shift))
        else:
            channel = torch.arange(len(identity))
            last.weight[channel, channel, 1, 1] += identity
            last.bias += shift  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W) -> (N, C, H, W)
        features = x
        for conv in self.dense:
            features = torch.cat([features, activate_(conv(features))], 1)
        out: Tensor = self.last(features)
        return torch.addcmul(activate_(out) + self.shift, x, self.identity) if self.last_activation else out


class FoldedWRDB(nn.Module):
    """WRDB with its scales and, where an RDB reads the state itself, the DWC of that state in its RDBs (Eqs. 3-5)."""

    def __init__(self, wrdb: WRDB) -> None:
        super().__init__()
        self.conv, self.first_activation, self.dwc = wrdb.conv, wrdb.first_activation, wrdb.dwc
        self.rdbs = nn.ModuleList()
        # factors[b - 1]: the DWCs' weights of the states that RDB b does not fold, and their biases for "input".
        self.factors = nn.ModuleList()
        blocks = cast("list[RDB]", wrdb.rdbs)
        for b, rdb in enumerate(blocks, start=1):
            # X_B is read by the skip alone, so its scale goes where it is made.
            scale = wrdb.residual_scale if b == len(blocks) else 1.0
            dwcs = cast("list[nn.Conv2d]", wrdb.dwcs[b - 1]) if self.dwc != "none" else []
            weights = [dwc.weight.flatten() for dwc in dwcs]
            biases = sum((cast(Tensor, dwc.bias) for dwc in dwcs), torch.zeros_like(cast(Tensor, self.conv.bias)))
            identity = torch.full_like(biases, rdb.skip_scale)
            if self.dwc == "input":
                factors, shift = [*weights, biases], torch.zeros_like(biases)
            else:
                factors, shift = [scale * weight for weight in weights[:-1]], scale * biases
                identity = sum(weights[-1:], identity)
            self.rdbs.append(FoldedRDB(rdb, scale * rdb.branch_scale, scale * identity, shift))
            self.factors.append(nn.ParameterList(nn.Parameter(per_channel(f), False) for f in factors))

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W) -> (N, C, H, W)
        first = self.conv(x)
        states = [activate_(first) if self.first_activation else first]
        for rdb, factors in zip(self.rdbs, cast("list[nn.ParameterList]", self.factors), strict=True):
            if self.dwc == "input":
                *weights, total = factors
                for state, weight in zip(states, weights, strict=True):
                    total = torch.addcmul(total, state, weight)
                states.append(rdb(total))
            else:
                out = rdb(states[-1])
                for state, weight in zip(states[:-1], factors, strict=False):  # "none" has no factors
                    out.addcmul_(state, weight)
                states.append(out)
        restored: Tensor = states[-1].add_(x)
        return restored


@torch.jit.script_if_tracing  # type: ignore[untyped-decorator]
def core_in_features(core: Tensor, x: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Where in the features each picture is pooled; scripted, or a trace bakes the size of its example in.

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


def pooled(x: Tensor, core: Tensor) -> Tensor:
    """Mean over the part of each picture that ``core`` (N, 4) gives: (N, C, H, W) -> (N, C), float32."""
    top, bottom, left, right = core.unsqueeze(2).unbind(1)
    row, column = torch.arange(x.size(2), device=x.device), torch.arange(x.size(3), device=x.device)
    rows, columns = (row >= top) & (row < bottom), (column >= left) & (column < right)
    weights = (rows.unsqueeze(2) & columns.unsqueeze(1)).unsqueeze(1)
    return (x * weights).sum((2, 3), dtype=torch.float32) / weights.sum((2, 3))


@torch.jit.script_if_tracing  # type: ignore[untyped-decorator]
def choose_states(
    x1: Tensor, x2: Tensor, given: Tensor, is_given: Tensor, core: Tensor, is_asked: Tensor
) -> tuple[Tensor, Tensor]:
    """What a node's attention follows from, both states pooled (Eq. 8): what each picture uses, and what it has.

    Scripted, so that a trace pools only what a batch needs: parts where one is asked for, nothing where every picture
    is given its attention.
    """
    if bool(is_asked.any()):
        found = torch.cat([pooled(x1, core), pooled(x2, core)], 1)
    elif bool(is_given.all()):
        found = given
    else:
        found = torch.cat([x1.mean((2, 3), dtype=torch.float32), x2.mean((2, 3), dtype=torch.float32)], 1)
    return torch.where(is_given, given, found), torch.where(is_asked, found, float("nan"))


@dataclass(frozen=True)
class Attention:
    """Where a batch's attention comes from, row by row.

    Attributes:
        given: (N, K) float32, pooled states to use.
        is_given: (N, 1), whether to use them; else what is found in the picture.
        core: (N, 4) integers, the part of the features that is looked at.
        is_asked: (N, 1), whether to tell what was found there.
    """

    given: Tensor
    is_given: Tensor
    core: Tensor
    is_asked: Tensor


class FoldedNode(nn.Module, ABC):
    """A fusion node; ``width`` is how many values its attention follows from."""

    width = 0

    def __init__(self) -> None:
        super().__init__()
        self.excitation = nn.ParameterList()

    def squeeze(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The pooled states of both, (N, width), float32."""
        return x1.new_empty((len(x1), 0), dtype=torch.float32)

    def choose(self, x1: Tensor, x2: Tensor, attention: Attention, first: int) -> tuple[Tensor, Tensor]:
        """The states to use and those that were found, (N, width), float32; their place in K begins at ``first``."""
        nothing = attention.given[:, :0]
        return nothing, nothing

    @abstractmethod
    def fuse(self, x1: Tensor, x2: Tensor, states: Tensor) -> Tensor:
        """Fuses two states (N, C, H, W) by the attention that follows from ``states`` (N, width)."""


class FoldedPlain(FoldedNode):
    """A node without attention: concatenation or sum (ablations)."""

    def __init__(self, node: nn.Module) -> None:
        super().__init__()
        self.node = node

    def fuse(self, x1: Tensor, x2: Tensor, states: Tensor) -> Tensor:
        fused: Tensor = self.node(x1, x2)
        return fused


class FoldedSelf(FoldedNode):
    """AsyCA of a state with itself: its weights add up to one."""

    def fuse(self, x1: Tensor, x2: Tensor, states: Tensor) -> Tensor:
        return x1


class FoldedExcitation(FoldedNode):
    """A node whose attention is a two-layer excitation of both pooled states (Eq. 9)."""

    def __init__(self, width: int, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> None:
        super().__init__()
        self.width = width
        self.excitation.extend(nn.Parameter(t, False) for t in (w1, b1, w2, b2))

    def squeeze(self, x1: Tensor, x2: Tensor) -> Tensor:
        return torch.cat([x.mean((2, 3), dtype=torch.float32) for x in (x1, x2)], 1)

    def choose(self, x1: Tensor, x2: Tensor, attention: Attention, first: int) -> tuple[Tensor, Tensor]:
        given = attention.given[:, first : first + self.width]
        use, found = choose_states(x1, x2, given, attention.is_given, attention.core, attention.is_asked)
        return use, found

    def gate(self, states: Tensor, like: Tensor) -> Tensor:
        """Attention between 0 and 1, as factors of a tensor (N, C, H, W)."""
        w1, b1, w2, b2 = self.excitation
        return per_channel(F.linear(F.relu(F.linear(states, w1, b1)), w2, b2).sigmoid()).to(like.dtype)


class FoldedAsyCA(FoldedExcitation):
    """AsyCA: alpha of the first state and 1 - alpha of the second (Eqs. 7-12)."""

    def __init__(self, asyca: AsyCA) -> None:
        (integrate, b_int), (w1, b1), (excite, b2) = map(matrix, (asyca.integrate, asyca.squeeze, asyca.excite))
        (first, second), (b_first, b_second) = excite.chunk(2), b2.chunk(2)
        super().__init__(integrate.shape[1], w1 @ integrate, w1 @ b_int + b1, first - second, b_first - b_second)

    def fuse(self, x1: Tensor, x2: Tensor, states: Tensor) -> Tensor:
        return torch.lerp(x2, x1, self.gate(states, x1))


class FoldedSE(FoldedExcitation):
    """Squeeze-and-excitation (ablation): the gates of both states, then their integration."""

    def __init__(self, se: SEFusion) -> None:
        super().__init__(se.squeeze.in_channels, *matrix(se.squeeze), *matrix(se.excite))
        self.integrate = se.integrate

    def fuse(self, x1: Tensor, x2: Tensor, states: Tensor) -> Tensor:
        fused: Tensor = self.integrate(torch.cat([x1, x2], 1) * self.gate(states, x1))
        return fused


def matrix(conv: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """A 1x1 convolution as a matrix and a bias."""
    return conv.weight[:, :, 0, 0], cast(Tensor, conv.bias)


def fold_node(node: nn.Module, fuses_itself: bool) -> FoldedNode:
    """The inference form of one node."""
    if isinstance(node, AsyCA):
        return FoldedSelf() if fuses_itself else FoldedAsyCA(node)
    return FoldedSE(node) if isinstance(node, SEFusion) else FoldedPlain(node)


class FoldedDIN(Interleaved):
    """The same restoration as :class:`DIN`, for inference alone; made by :func:`fold`.

    Attributes:
        attention_width: K, the values that all nodes together take from one picture.
    """

    def __init__(self, model: DIN, peak: float) -> None:
        super().__init__()
        self.config = c = model.config
        self.head, self.tail = model.head, model.tail
        self.head.conv.weight.div_(peak)
        scale_output_([m for m in self.tail if isinstance(m, nn.Conv2d)][-1], peak)
        branches = cast("list[list[WRDB]]", model.branches)
        self.branches = nn.ModuleList(nn.ModuleList(FoldedWRDB(wrdb) for wrdb in branch) for branch in branches)
        rows = cast("list[list[nn.Module]]", model.fusions)
        self.nodes = nn.ModuleList(
            nn.ModuleList(fold_node(node, d == 0 and c.first_fusion == "first_first") for d, node in enumerate(row))
            for row in rows
        )
        self.attention_width = sum(node.width for row in self._rows() for node in row)
        if c.gff:
            self.gff1, self.gff2 = model.gff1, model.gff2

    def in_precision(self, dtype: torch.dtype) -> FoldedDIN:
        """Casts everything but the excitations: single vectors, whose rounding would shift whole channels."""
        nodes = [node for row in self._rows() for node in row]
        exact = [deepcopy(node.excitation) for node in nodes]
        self.to(dtype=dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for node, excitation in zip(nodes, exact, strict=True):
            node.excitation = excitation
        return self

    def _rows(self) -> list[list[FoldedNode]]:
        return cast("list[list[FoldedNode]]", self.nodes)

    def residual(self, x: Tensor) -> Tensor:
        """What the network adds to the (interpolated) input: (N, 3, H, W) in [0, peak] -> (N, 3, sH, sW)."""

        def fusion(node: FoldedNode) -> Fuse:
            return lambda x1, x2: node.fuse(x1, x2, node.squeeze(x1, x2))

        return self.through(x, [[fusion(node) for node in row] for row in self._rows()])

    def residual_under(self, x: Tensor, given: Tensor, core: Tensor) -> tuple[Tensor, Tensor]:
        """The same for parts of larger pictures, which share the attention of the whole. Each row is on its own.

        Args:
            x: (N, 3, H, W) RGB in [0, peak].
            given: (N, K) float32, pooled states that the gates follow from. A row that holds anything but numbers
                below ``LARGEST_STATE`` is not used: that picture takes its own.
            core: (N, 4) integers: top, bottom, left, right of the part that states are looked for in, in pixels; any
                that the picture does not have, such as zeros, is no part.

        Returns:
            I_R, (N, 3, sH, sW), and the pooled states of each core, (N, K), NaN where there is no such part. A
            picture's states are the mean of its parts'.
        """
        is_given = (given.abs() <= LARGEST_STATE).all(1, keepdim=True)  # NaN is not, either
        part, is_asked = core_in_features(core, x, self.config.stride)
        attention = Attention(torch.where(is_given, given, 0.0), is_given, part, is_asked)
        found: list[Tensor] = []

        def fusion(node: FoldedNode, first: int) -> Fuse:
            def fuse(x1: Tensor, x2: Tensor) -> Tensor:
                states, of_core = node.choose(x1, x2, attention, first)
                found.append(of_core)
                return node.fuse(x1, x2, states)

            return fuse

        fusions: list[list[Fuse]] = []
        first = 0
        for row in self._rows():
            fusions.append([])
            for node in row:
                fusions[-1].append(fusion(node, first))
                first += node.width
        restored = self.through(x, fusions)
        return restored, torch.cat(found, 1) if found else given[:, :0]

    def forward(self, x: Tensor) -> Tensor:
        """Restores a batch, each picture with its own attention.

        Args:
            x: (N, 3, H, W) float32, RGB in [0, peak].

        Returns:
            (N, 3, sH, sW) float32, unclamped. The body runs in its own precision, the global skip in float32.
        """
        return self.residual(x.to(self.head.conv.weight.dtype)).float() + global_skip(x, self.config)
