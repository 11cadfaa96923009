"""DIN+: the mean over the flips and rotations of the input (paper, section 5.3.1)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def self_ensemble(restore: Callable[[Tensor], Tensor], x: Tensor, quarter_turns: bool = True) -> Tensor:
    """Restore all orientations of a batch and average them.

    Args:
        restore: (N, 3, H, W) -> (N, 3, sH, sW); must accept (N, 3, W, H) too.
        x: LQ batch, (N, 3, H, W), RGB in [0, 1].
        quarter_turns: eight orientations; without, the four that keep the vertical
            (:attr:`imaging.degradations.kind.Degradation.is_upright`).

    Returns:
        The mean restored batch, (N, 3, sH, sW).
    """
    total: Tensor | None = None
    turned_by = range(4) if quarter_turns else range(0, 4, 2)
    for turns in turned_by:
        for flip in (False, True):
            turned = torch.rot90(x, turns, (2, 3))
            restored = restore(turned.flip(3) if flip else turned)
            back = torch.rot90(restored.flip(3) if flip else restored, -turns, (2, 3))
            total = back if total is None else total + back
    assert total is not None
    return total / (2 * len(turned_by))
