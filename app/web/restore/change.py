"""What a restoration changes, in numbers that a sentence can say to those who do not see the comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app import codec
from app.codec import Photo, Pixels
from app.i18n import Text, as_is, say
from app.web.squares import squares

GRID, SIDE = 4, 256  # places a side, and pixels of the restored photo a square: the whole would take seconds
BLACK = 0.5  # levels; what is less counts as nothing


@dataclass(frozen=True)
class Look:
    """How a picture looks: levels of its luma, 0 to 255.

    Attributes:
        detail: mean difference of neighbouring pixels.
        contrast: standard deviation.
        brightness: mean.
    """

    detail: float
    contrast: float
    brightness: float


def look(luma: NDArray[np.float32]) -> Look:
    """Describe squares of luma, float32 (n, h, w)."""
    steps = (np.abs(np.diff(luma, axis=axis)).mean() if luma.shape[axis] > 1 else 0.0 for axis in (1, 2))
    return Look(float(sum(steps)) / 2, float(luma.std()), float(luma.mean()))


def luma(parts: list[Pixels]) -> NDArray[np.float32]:
    """Return the luma of squares: float32 (n, h, w)."""
    return np.stack(parts).astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def change(before: Photo, after: Photo) -> Text:
    """Say how much more, or less, detail, contrast and brightness a photo has than before.

    Args:
        before: the photo.
        after: the same, restored, and a whole number of times as large.
    """
    scale = after.size[0] // before.size[0]
    side = max(1, SIDE // scale)
    enlarged = [
        codec.resize(Photo(np.ascontiguousarray(part)), (part.shape[0] * scale, part.shape[1] * scale)).rgb
        for part in squares(before.rgb, side, GRID)
    ]
    old, new = look(luma(enlarged)), look(luma(squares(after.rgb, side * scale, GRID)))
    return say(
        "report.changes",
        detail=difference(old.detail, new.detail),
        contrast=difference(old.contrast, new.contrast),
        brightness=difference(old.brightness, new.brightness),
    )


def difference(old: float, new: float) -> Text:
    """Format by how much a value has changed, in percent of what it was."""
    return as_is(f"{100 * (max(new, BLACK) / max(old, BLACK) - 1):+.0f}%".replace("-", "−").replace("−0%", "+0%"))
