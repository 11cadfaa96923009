"""The paper's three super-resolution degradations: BI, BD and DN (section 5.3.1)."""

from __future__ import annotations

import numpy as np

from imaging.degradations.kind import Degradation, Image
from imaging.degradations.resize import resize, to_uint8

BLUR_SIZE, BLUR_SIGMA = 7, 1.6
NOISE_LEVEL = 30.0


def bicubic(hq: Image, scale: int, rng: np.random.Generator) -> Image:
    """BI: antialiased bicubic downscaling."""
    return resize(hq, (hq.shape[0] // scale, hq.shape[1] // scale))


def blur_downscale(hq: Image, scale: int, rng: np.random.Generator) -> Image:
    """BD: 7x7 Gaussian blur of sigma 1.6, then every ``scale``-th pixel, starting at the second."""
    offsets = np.arange(BLUR_SIZE) - BLUR_SIZE // 2
    kernel = np.exp(-(offsets**2) / (2 * BLUR_SIGMA**2))
    kernel /= kernel.sum()
    border = BLUR_SIZE // 2
    padded = np.pad(hq.astype(np.float64), ((border, border), (border, border), (0, 0)), "edge")
    h, w = hq.shape[:2]
    rows = sum(k * padded[i : i + h] for i, k in enumerate(kernel))
    blurred = sum(k * rows[:, i : i + w] for i, k in enumerate(kernel))
    return to_uint8(blurred)[1::scale, 1::scale]


def noisy_downscale(hq: Image, scale: int, rng: np.random.Generator) -> Image:
    """DN: bicubic downscaling, then Gaussian noise of level 30 (of 255)."""
    lq = bicubic(hq, scale, rng)
    return to_uint8(lq + rng.normal(0.0, NOISE_LEVEL, lq.shape))


BI = Degradation("BI", bicubic, is_random=False)
BD = Degradation("BD", blur_downscale, is_random=False)
DN = Degradation("DN", noisy_downscale, is_random=True)
