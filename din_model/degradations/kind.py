"""What every degradation is: a function with its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3) RGB


@dataclass(frozen=True)
class Degradation:
    """A way from HQ to LQ.

    Attributes:
        name: the paper's name of it.
        apply: (hq, scale, rng) -> lq; hq is uint8 (H, W, 3) with H and W multiples of scale.
        is_random: whether two calls on one photo differ; if not, training degrades each photo once.
    """

    name: str
    apply: Callable[[Image, int, np.random.Generator], Image]
    is_random: bool
