"""PSNR and SSIM by the convention of the paper's tables; plain NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from imaging.degradations.kind import Image

Metric = Literal["y", "rgb"]  # measured on luma, or on all three planes

WINDOW_SIZE, WINDOW_SIGMA = 11, 1.5
LUMA = np.array([65.481, 128.553, 24.966]) / 255  # BT.601, studio range


@dataclass(frozen=True)
class Score:
    """PSNR and SSIM of a photo against the clean one.

    Attributes:
        psnr: dB; infinite for equal photos.
        ssim: at most 1.
    """

    psnr: float
    ssim: float


def score(image: Image, reference: Image, metric: Metric, scale: int = 1, is_gray: bool = False) -> Score:
    """Score a photo by the protocol of the paper: super-resolution without a border of ``scale`` pixels.

    Args:
        image: uint8 (H, W, 3) RGB, restored, or enlarged by the scale alone.
        reference: uint8 (H, W, 3) RGB, the clean photo.
        metric: planes that the task is measured on.
        scale: of the task; 1 where it does not enlarge, and no border is cut. At least 11x11 pixels must remain.
        is_gray: whether the clean photo has one channel, repeated in the three planes. It is its own luma, and measured
            on its values: the studio range of YCbCr would flatter it by 1.3 dB.

    Returns:
        PSNR, dB, and SSIM, at most 1.
    """
    on: Metric = "rgb" if is_gray else metric
    border = scale if scale > 1 else 0
    return Score(psnr(image, reference, on, border), ssim(image, reference, on, border))


def luma(image: Image) -> NDArray[np.float64]:
    """Return Y of YCbCr (BT.601, studio range), rounded as a uint8 picture would be: (H, W, 3) -> (H, W)."""
    return np.round(image @ LUMA + 16)


def measured_planes(image: Image, on: Metric, border: int) -> NDArray[np.float64]:
    """Return the planes that a metric compares, (H, W, planes), without ``border`` pixels on each side."""
    planes = luma(image)[..., None] if on == "y" else image.astype(np.float64)
    return planes[border : planes.shape[0] - border, border : planes.shape[1] - border]


def psnr(image: Image, reference: Image, on: Metric = "y", border: int = 0) -> float:
    """Compute the peak signal-to-noise ratio.

    Args:
        image: uint8 (H, W, 3) RGB.
        reference: the same, of the same size.
        on: ``y`` for luma, ``rgb`` for all three planes.
        border: pixels cut from each side first; the scale in super-resolution.

    Returns:
        PSNR in dB; infinite for equal pictures.
    """
    error = measured_planes(image, on, border) - measured_planes(reference, on, border)
    mse = float(np.mean(error**2))
    return float("inf") if mse == 0 else 10 * float(np.log10(255**2 / mse))


def ssim(image: Image, reference: Image, on: Metric = "y", border: int = 0) -> float:
    """Compute the structural similarity: Gaussian 11x11 window, sigma 1.5, valid region, mean over planes.

    Args:
        image: uint8 (H, W, 3) RGB.
        reference: the same, of the same size.
        on: ``y`` for luma, ``rgb`` for all three planes.
        border: pixels cut from each side first; at least 11x11 must remain.

    Returns:
        SSIM, at most 1.
    """
    a, b = measured_planes(image, on, border), measured_planes(reference, on, border)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_a, mean_b = gaussian(a), gaussian(b)
    var_a, var_b = gaussian(a * a) - mean_a**2, gaussian(b * b) - mean_b**2
    covariance = gaussian(a * b) - mean_a * mean_b
    similarity = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    )
    return float(similarity.mean())


def gaussian(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Gaussian-weighted window means where the whole window lies inside, (H - 10, W - 10, planes)."""
    offsets = np.arange(WINDOW_SIZE) - WINDOW_SIZE // 2
    kernel = np.exp(-(offsets**2) / (2 * WINDOW_SIGMA**2))
    kernel /= kernel.sum()
    rows = sliding_window_view(planes, WINDOW_SIZE, axis=0) @ kernel
    means: NDArray[np.float64] = sliding_window_view(rows, WINDOW_SIZE, axis=1) @ kernel
    return means
