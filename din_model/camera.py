"""Artifacts of cameras that real inputs have beside their degradation: a little sensor noise and JPEG."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image as PillowImage

from imaging.degradations.kind import Image
from imaging.degradations.resize import to_uint8

NOISE = (0.0, 3.0)  # standard deviation at middle gray, of 255
QUALITY = (75, 98)  # of JPEG
BLOCK = 8  # pixels a side, 16 where colour has half the resolution


def add_camera_artifacts(lq: Image, rng: np.random.Generator) -> Image:
    """Add noise that grows with the square root of light, then compress as JPEG.

    Args:
        lq: uint8 (H, W, 3).
        rng: source of all randomness.

    Returns:
        uint8 (H, W, 3). The blocks of JPEG begin anywhere, as in a part of a photo.
    """
    level = rng.uniform(*NOISE) * np.sqrt((lq.astype(np.float32) + 8) / 136)
    noisy = to_uint8(lq + level * rng.standard_normal(lq.shape, np.float32))
    top, left = (int(offset) for offset in rng.integers(0, 2 * BLOCK, 2))
    file = io.BytesIO()
    PillowImage.fromarray(np.pad(noisy, ((top, 0), (left, 0), (0, 0)), "edge")).save(
        file,
        "JPEG",
        quality=int(rng.integers(QUALITY[0], QUALITY[1] + 1)),
        subsampling=int(rng.choice([0, 2])),  # 4:4:4 or 4:2:0
    )
    return np.asarray(PillowImage.open(file))[top:, left:]
