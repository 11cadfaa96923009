"""The type of all degradations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3) RGB


@dataclass(frozen=True)
class Degradation:
    """A degradation, from HQ to LQ.

    Attributes:
        name: the paper's name of it.
        apply: (hq, scale, rng) -> lq; hq is uint8 (H, W, 3) with H and W multiples of scale.
        is_random: whether two calls on one photo differ; if not, training degrades each photo once.
        is_upright: whether it keeps to the vertical, as rain does: a picture turned by a quarter is then no input for
            its network, neither in training nor in a self-ensemble.
        context_px: how far around a part of a photo its degradation depends on pixels.
        renew: (hq, lq, rng) -> another lq of the same scene, where one can be made from a pair.
        transfer: (hq, pair, rng) -> lq, degraded as the pair (hq, lq) of another scene is, where that can be told from
            the pair.
        with_depth: (hq, depth, rng) -> lq, where the degradation depends on depth: (H, W), 1 where it is farthest.
    """

    name: str
    apply: Callable[[Image, int, np.random.Generator], Image]
    is_random: bool
    is_upright: bool = False
    context_px: int = 0
    renew: Callable[[Image, Image, np.random.Generator], Image] | None = None
    transfer: Callable[[Image, tuple[Image, Image], np.random.Generator], Image] | None = None
    with_depth: Callable[[Image, NDArray[np.float64], np.random.Generator], Image] | None = None
