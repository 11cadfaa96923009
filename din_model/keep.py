"""What of a degradation is left in the ground truths that a network learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imaging.degradations.kind import Image
from imaging.degradations.resize import to_uint8


@dataclass(frozen=True)
class Keep:
    """A share of the degradation, and at most so much of it; of haze that is J' = J + k (I - J).

    The ground truths of real pairs are photos of a clear day, which has haze, too, and that is no denser where more was
    added: hence a limit beside the share.

    Attributes:
        least, most: k is drawn between the two for every patch.
        levels: the largest mean difference that is left between J' and J, of 255.

    Raises:
        ValueError: the two are no shares from 0 to 1, or the levels are not above 0.
    """

    least: float
    most: float
    levels: float = 255.0

    def __post_init__(self) -> None:
        if not (0 <= self.least <= self.most <= 1 and self.levels > 0):
            raise ValueError(f"keep is {self}: give two shares from 0 to 1, and levels above 0")

    def draw(self, rng: np.random.Generator) -> float:
        """Draw the share k of a patch."""
        return rng.uniform(self.least, self.most)

    def leave(self, lq: Image, hq: Image, share: float) -> Image:
        """Return J', the ground truth with a share of the degradation left in it, uint8 as both."""
        difference = lq.astype(np.float64) - hq
        change = max(float(np.abs(difference).mean()), 1e-6)
        return to_uint8(hq + min(share, self.levels / change) * difference)
