"""The loss: the paper's L1 (Eq. 20), or with a share of it on luma, which the benchmarks of most tasks measure."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from imaging.metrics import LUMA

Loss = Callable[[Tensor, Tensor], Tensor]  # of the restored and the clean patches, (N, 3, H, W), 0..1


def l1(luma: float) -> Loss:
    """Return L1 with a share of it on luma.

    An error that all channels share counts the same either way; one of colour alone counts less on luma.

    Args:
        luma: the share, 0..1; 0 is the paper's loss.
    """
    if not 0 <= luma <= 1:
        raise ValueError(f"the share of the loss on luma is 0 to 1, not {luma}")
    if luma == 0:
        return F.l1_loss
    weights = torch.tensor(LUMA / LUMA.sum(), dtype=torch.float32)

    def loss(restored: Tensor, clean: Tensor) -> Tensor:
        error = restored - clean
        of_luma = torch.einsum("nchw,c->nhw", error, weights.to(error))
        return (1 - luma) * error.abs().mean() + luma * of_luma.abs().mean()

    return loss
