"""Antialiased bicubic resizing that equals MATLAB's ``imresize``, which the paper's LR images come from."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from imaging.degradations.kind import Image


def cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel with a = -0.5."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


@lru_cache(maxsize=32)
def resize_matrix(in_size: int, out_size: int) -> NDArray[np.float64]:
    """Return the weights of one axis: (out_size, in_size), rows summing to one, borders mirrored."""
    ratio = out_size / in_size
    stretch = max(1.0, 1 / ratio)  # antialiasing: the kernel covers what one output pixel covers
    centres = (np.arange(out_size) + 0.5) / ratio - 0.5
    taps = int(np.ceil(4 * stretch)) + 2
    positions = np.floor(centres - 2 * stretch).astype(int)[:, None] + np.arange(taps)
    weights = cubic((centres[:, None] - positions) / stretch)
    weights /= weights.sum(1, keepdims=True)
    mirrored = positions % (2 * in_size)
    sources = np.where(mirrored < in_size, mirrored, 2 * in_size - 1 - mirrored)
    matrix = np.zeros((out_size, in_size))
    np.add.at(matrix, (np.arange(out_size)[:, None], sources), weights)
    return matrix


def resize_rows(image: Image | NDArray[np.float64], h: int) -> NDArray[np.float64]:
    """Resize the first axis of (H, W, 3) to h rows."""
    rows: NDArray[np.float64] = np.tensordot(resize_matrix(image.shape[0], h), image.astype(np.float64), axes=1)
    return rows


def resize(image: Image, size: tuple[int, int]) -> Image:
    """Resize a picture as ``imresize(image, 'bicubic')`` does a uint8 one.

    Args:
        image: uint8 (H, W, 3).
        size: (h, w) of the result.

    Returns:
        uint8 (h, w, 3); rounded to uint8 after each axis, height first, as MATLAB does.
    """
    h, w = size
    rows = to_uint8(resize_rows(image, h))
    return to_uint8(resize_rows(rows.swapaxes(0, 1), w)).swapaxes(0, 1)


def bicubic_baseline(image: Image, size: tuple[int, int]) -> Image:
    """Enlarge as the papers' bicubic baseline: as :func:`resize`, but rounded once, at the end."""
    h, w = size
    rows = resize_rows(image, h)
    return to_uint8(resize_rows(rows.swapaxes(0, 1), w).swapaxes(0, 1))


def to_uint8(image: NDArray[np.float64]) -> Image:
    """Round half up, as MATLAB, and clip to 0..255."""
    pixels: Image = np.clip(np.floor(image + 0.5), 0, 255).astype(np.uint8)
    return pixels
