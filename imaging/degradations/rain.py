"""Rain: streaks of several depths and directions, added as light (tasks of the paper's section 5.1).

A streak is what a falling drop leaves on a picture while the shutter is open: a line, fading at its ends, narrow, of no
colour of its own. Near drops make long, wide, bright and few streaks, far drops short, thin, faint and many. The
streaks of one direction are random points convolved with one line a depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.degradations.kind import Degradation, Image
from imaging.degradations.resize import to_uint8

Plane = NDArray[np.float64]  # (H, W), light added to each pixel, 0..1


@dataclass(frozen=True)
class Streaks:
    """The streaks of one direction and depth.

    Attributes:
        angle_deg: away from straight down, to the right.
        length_px, width_px: of one streak; the width is the standard deviation of its cross-section.
        cover: streak length per pixel of picture times width: about the share of pixels that are wet.
        brightness: of a streak's middle, 0..1, of the brightest ones.
    """

    angle_deg: float
    length_px: float
    width_px: float
    cover: float
    brightness: float


def streak_kernel(streaks: Streaks) -> Plane:
    """One streak, centred, with a brightest value of 1."""
    reach = int(np.ceil(streaks.length_px / 2 + 3 * streaks.width_px))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float64)
    angle = np.deg2rad(streaks.angle_deg)
    along, across = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
    # Flat in the middle, fading over the outer parts: the drop enters and leaves while the shutter moves.
    ends = np.exp(-((2 * along / streaks.length_px) ** 4))
    kernel: Plane = ends * np.exp(-((across / streaks.width_px) ** 2) / 2)
    return kernel


def draw(size: tuple[int, int], streaks: Streaks, rng: np.random.Generator) -> Plane:
    """Streaks over a picture of (h, w) pixels, each of its own brightness."""
    kernel = streak_kernel(streaks)
    margin = kernel.shape[0] // 2
    canvas = (size[0] + 2 * margin, size[1] + 2 * margin)  # streaks may begin outside the picture
    density = streaks.cover / (streaks.length_px * 2 * streaks.width_px)
    points = (rng.random(canvas) < density) * rng.uniform(0.3, 1.0, canvas)
    shape = (canvas[0] + kernel.shape[0] - 1, canvas[1] + kernel.shape[1] - 1)
    spread = np.fft.irfft2(np.fft.rfft2(points, shape) * np.fft.rfft2(kernel, shape), shape)
    inside = spread[2 * margin : 2 * margin + size[0], 2 * margin : 2 * margin + size[1]]
    light: Plane = streaks.brightness * np.clip(inside, 0, 1.5)
    return light


def depths(angle_deg: float, cover: float, brightness: float, rng: np.random.Generator) -> list[Streaks]:
    """The streaks of one direction: a few near ones, more between, many far ones."""
    size = rng.uniform(0.7, 1.4)  # of the drops, or of the picture's resolution
    return [
        Streaks(
            angle_deg + rng.normal(0, 1.5),
            length_px=size * length * rng.uniform(0.8, 1.25),
            width_px=size * width * rng.uniform(0.8, 1.25),
            cover=cover * share,
            brightness=brightness * strength,
        )
        for length, width, share, strength in ((48, 0.9, 0.35, 1.0), (28, 0.65, 0.4, 0.8), (14, 0.5, 0.25, 0.55))
    ]


def compose(hq: Image, layers: list[Streaks], veil: float, rng: np.random.Generator) -> Image:
    """Adds streaks, and before them a gray veil: the rain too far to be seen drop by drop."""
    scene = hq / 255
    if veil > 0:
        scene = (1 - veil) * scene + veil * rng.uniform(0.6, 0.9)
    for streaks in layers:
        scene = scene + draw((hq.shape[0], hq.shape[1]), streaks, rng)[..., None]
    return to_uint8(255 * scene)


def light_rain(hq: Image, scale: int, rng: np.random.Generator) -> Image:
    """Thin, sparse streaks of one steep direction, as in Rain100L."""
    layers = depths(rng.normal(0, 7), rng.uniform(0.03, 0.17), rng.uniform(0.25, 0.6), rng)
    return compose(hq, layers, 0.0, rng)


def heavy_rain(hq: Image, scale: int, rng: np.random.Generator) -> Image:
    """Dense streaks of several directions and a veil, as in Rain100H (input around 13.5 dB)."""
    directions = rng.uniform(-35, 35, rng.integers(2, 6))
    cover, brightness = rng.uniform(0.35, 0.85), rng.uniform(0.4, 0.7)
    layers = [s for angle in directions for s in depths(angle, cover / len(directions), brightness, rng)]
    return compose(hq, layers, rng.uniform(0.0, 0.15), rng)


def mixed_rain(hq: Image, scale: int, rng: np.random.Generator) -> Image:
    """One direction a picture, of any angle and density, as in Rain1400."""
    layers = depths(rng.uniform(-50, 50), rng.uniform(0.04, 0.4), rng.uniform(0.15, 0.45), rng)
    return compose(hq, layers, rng.choice([0.0, rng.uniform(0.0, 0.1)]), rng)


RAIN_LIGHT = Degradation("light rain", light_rain, is_random=True)
RAIN_HEAVY = Degradation("heavy rain", heavy_rain, is_random=True)
RAIN_MIXED = Degradation("mixed rain", mixed_rain, is_random=True)
