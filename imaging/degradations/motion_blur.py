"""Motion blur: sharp frames of a moving camera and a moving object, averaged in linear light (as GoPro was made).

The hand that holds a camera drifts and trembles: a path with inertia, small jerks and a pull back to the middle. Each
frame is the photo moved, turned and zoomed along such a path; one region may move on its own. The frame in the middle
of the exposure is the photo itself, which is what the network has to find again.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.degradations.kind import Degradation, Image
from imaging.degradations.resize import to_uint8

Plane = NDArray[np.float32]  # (H, W)
Path = NDArray[np.float64]  # (frames, 2), (y, x) in pixels

GAMMA = 2.2  # of the camera's response, as GoPro's authors take it


def shake(frames: int, length_px: float, rng: np.random.Generator) -> Path:
    """A camera's path over one exposure, (0, 0) in the middle frame.

    Args:
        frames: how many positions.
        length_px: of the whole path.
        rng: source of all randomness.
    """
    inertia, tremor = rng.uniform(0.85, 0.99), rng.uniform(0.05, 0.4)
    heading = rng.uniform(0, 2 * np.pi)
    velocity = np.array([np.sin(heading), np.cos(heading)])
    position, path = np.zeros(2), []
    for _ in range(frames):
        path.append(position)
        push = tremor * rng.normal(0, 1, 2) - 0.05 * position
        velocity = inertia * velocity + (1 - inertia) * push * 3
        position = position + velocity
    points = np.array(path)
    walked = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
    centred: Path = (points - points[frames // 2]) * (length_px / max(walked, 1e-6))
    return centred


def sample(photo: NDArray[np.float32], y: Plane, x: Plane) -> NDArray[np.float32]:
    """The photo at fractional positions, bilinear; beyond the border it goes on with its last pixels."""
    h, w = photo.shape[:2]
    y, x = np.clip(y, 0, h - 1), np.clip(x, 0, w - 1)
    top, left = np.minimum(y.astype(np.intp), h - 2), np.minimum(x.astype(np.intp), w - 2)
    down, right = (y - top)[..., None].astype(np.float32), (x - left)[..., None].astype(np.float32)
    upper = photo[top, left] * (1 - right) + photo[top, left + 1] * right
    lower = photo[top + 1, left] * (1 - right) + photo[top + 1, left + 1] * right
    blended: NDArray[np.float32] = upper * (1 - down) + lower * down
    return blended


def moving_region(size: tuple[int, int], rng: np.random.Generator) -> Plane:
    """How much of a second motion each pixel takes part in: an ellipse with a soft edge, 0..1."""
    h, w = size
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    centre, radii = rng.uniform(0.1, 0.9, 2) * size, rng.uniform(0.12, 0.4, 2) * size
    distance = np.hypot((y - centre[0]) / radii[0], (x - centre[1]) / radii[1])
    region: Plane = np.clip((1.1 - distance) / 0.2, 0, 1).astype(np.float32)
    return region


def motion_blur(hq: Image, scale: int, rng: np.random.Generator) -> Image:
    """A shaken photo, in half of all cases with an object of its own motion, and a little sensor noise."""
    h, w = hq.shape[:2]
    length_px = rng.triangular(2, 5, 30)  # short shakes are the usual ones
    frames = int(np.clip(length_px / 1.5, 7, 21)) // 2 * 2 + 1  # close enough together to blend; odd: one is the middle
    path = shake(frames, length_px, rng)
    turns = np.linspace(-0.5, 0.5, frames) * np.deg2rad(rng.normal(0, 0.9))
    zooms = 1 + np.linspace(-0.5, 0.5, frames) * rng.normal(0, 0.01)
    region = moving_region((h, w), rng)
    own = shake(frames, rng.uniform(3, 20), rng) if rng.random() < 0.5 else np.zeros((frames, 2))

    light = (hq.astype(np.float32) / 255) ** np.float32(GAMMA)
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    y, x = y - h / 2, x - w / 2
    exposed = np.zeros_like(light)
    for (dy, dx), (own_dy, own_dx), turn, zoom in zip(path, own, turns, zooms, strict=True):
        cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
        exposed += sample(
            light,
            (cos * y + sin * x + (h / 2 + dy) + region * own_dy).astype(np.float32),
            (cos * x - sin * y + (w / 2 + dx) + region * own_dx).astype(np.float32),
        )
    seen = 255 * (exposed / frames) ** np.float32(1 / GAMMA)
    return to_uint8(seen + rng.normal(0, rng.uniform(0, 1.5), seen.shape))


MOTION_BLUR = Degradation("motion blur", motion_blur, is_random=True)
