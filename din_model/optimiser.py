"""Muon for the 3x3 convolutions within a network, Adam for everything else."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from din_model.network import DIN


class Optimiser:
    """The optimiser of a network.

    Muon orthogonalises the update of a matrix; a convolution's is (filters, 9 * channels). Its step has the size of
    Adam's, so that one learning rate is for both.

    Args:
        model: the network, laid out channels_last.
        kind: ``adam``, as in the paper, for everything, or ``muon``.

    Raises:
        ValueError: there is no such kind.
    """

    def __init__(self, model: DIN, kind: str) -> None:
        if kind not in ("adam", "muon"):
            raise ValueError(f"the optimiser is adam or muon, not {kind!r}")
        convs = [m for m in model.branches.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
        self.kernels = [conv.weight for conv in convs if kind == "muon"]
        # Views of the weights: what is added to a matrix is added to the convolution.
        self.matrices = [nn.Parameter(as_matrix(weight.detach())) for weight in self.kernels]
        by_muon = {id(weight) for weight in self.kernels}
        rest = [p for p in model.parameters() if id(p) not in by_muon]
        self.parts: list[torch.optim.Optimizer] = [torch.optim.Adam(rest, betas=(0.9, 0.99), eps=1e-8, fused=True)]
        if self.matrices:
            self.parts.append(torch.optim.Muon(self.matrices, weight_decay=0, adjust_lr_fn="match_rms_adamw"))

    def step(self, rate: float) -> None:
        """Update the weights at a learning rate, and clear the gradients."""
        for weight, matrix in zip(self.kernels, self.matrices, strict=True):
            if weight.grad is not None:
                matrix.grad = as_matrix(weight.grad)
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate
            part.step()
            part.zero_grad(set_to_none=True)
        for weight in self.kernels:
            weight.grad = None

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the state of every part."""
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Restore what :meth:`state_dict` returned."""
        for part, state in zip(self.parts, states, strict=True):
            part.load_state_dict(state)


def as_matrix(kernel: Tensor) -> Tensor:
    """Reshape (filters, channels, 3, 3) to (filters, 9 * channels); a view of a channels_last kernel."""
    return kernel.permute(0, 2, 3, 1).flatten(1)
