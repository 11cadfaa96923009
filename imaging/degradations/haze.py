"""Haze: I = J t + A (1 - t) with t = exp(-beta d), the scattering model that RESIDE is made with (section 5.1).

The depth d comes from a map where there is one, from a hazy and a clear photo of one place where there are both
(:func:`recover_depth`), and otherwise from a made-up room or landscape fitted to the photo's edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from imaging.degradations.kind import Degradation, Image
from imaging.degradations.resize import to_uint8

Plane = NDArray[np.float64]  # (H, W)


@dataclass(frozen=True)
class Air:
    """The ranges that RESIDE draws from.

    Attributes:
        light: A, the haze's own brightness, 0..1.
        density: beta, per unit of depth.
        reach: the farthest depth.
    """

    light: tuple[float, float]
    density: tuple[float, float]
    reach: float

    def fill(self, hq: Image, depth: Plane, rng: np.random.Generator) -> Image:
        """Haze of a random brightness and density over a photo of known depth."""
        return haze(hq, depth, rng.uniform(*self.light), rng.uniform(*self.density))

    def fill_map(self, hq: Image, depth: Plane, rng: np.random.Generator) -> Image:
        """The same for a depth map, which is 1 where it is farthest."""
        return self.fill(hq, self.reach * depth, rng)

    def refill(self, hq: Image, lq: Image, rng: np.random.Generator) -> Image:
        """Other haze over the depth that a pair shows."""
        typical_density = sum(self.density) / 2
        return self.fill(hq, recover_depth(lq, hq) / typical_density, rng)


INDOOR = Air(light=(0.7, 1.0), density=(0.6, 1.8), reach=1.0)
OUTDOOR = Air(light=(0.8, 1.0), density=(0.04, 0.2), reach=10.0)


def haze(hq: Image, depth: Plane, light: float, density: float) -> Image:
    """I = J t + A (1 - t).

    Args:
        hq: J, the clear photo, uint8 (H, W, 3).
        depth: d, (H, W), in the unit that ``density`` is given for.
        light: A, 0..1, the same for the three channels.
        density: beta.

    Returns:
        I, the hazy photo, uint8 (H, W, 3).
    """
    transmission = np.exp(-density * depth)[..., None]
    return to_uint8(hq * transmission + 255 * light * (1 - transmission))


def box_mean(plane: Plane, radius: int) -> Plane:
    """The mean over the (2 radius + 1) square around every pixel; the border is replicated."""
    side = 2 * radius + 1
    sums = np.pad(np.pad(plane, radius, "edge").cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    mean: Plane = (sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]) / side**2
    return mean


def fit_to_edges(depth: Plane, photo: Image, radius: int = 12, smallest_contrast: float = 0.03) -> Plane:
    """Moves the steps of a depth map to the photo's edges: a guided filter (He et al.), the photo's luma guiding."""
    guide = photo.mean(2) / 255
    mean_guide, mean_depth = box_mean(guide, radius), box_mean(depth, radius)
    variance = box_mean(guide * guide, radius) - mean_guide**2
    slope = (box_mean(guide * depth, radius) - mean_guide * mean_depth) / (variance + smallest_contrast**2)
    offset = mean_depth - slope * mean_guide
    fitted: Plane = box_mean(slope, radius) * guide + box_mean(offset, radius)
    return np.clip(fitted, depth.min(), depth.max())


def place_objects(depth: Plane, count: int, rng: np.random.Generator) -> Plane:
    """Stands upright boxes on a scene: each as far away as the ground at its foot, hiding what is behind it."""
    h, w = depth.shape
    scene = depth.copy()
    feet = np.sort(rng.uniform(0.55, 1.1, count))  # far ones first: a lower foot is nearer
    for foot in feet:
        bottom, height, width = int(foot * h), rng.uniform(0.15, 0.6) * h, rng.uniform(0.05, 0.35) * w
        left, top = int(rng.uniform(-0.1, 0.95) * w), max(0, int(bottom - height))
        right = max(1, int(left + width))
        distance = depth[min(bottom, h - 1), min(max(left, 0), w - 1)] * rng.uniform(0.85, 1.0)
        area = scene[top : max(top + 1, bottom), max(left, 0) : right]
        np.minimum(area, distance, out=area)
    return scene


def room_depth(size: tuple[int, int], rng: np.random.Generator) -> Plane:
    """A box-shaped room with furniture, seen by a camera inside; depths of about 0.1 to 1.2."""
    h, w = size
    field = rng.uniform(0.45, 0.7)  # tangent of half the angle of view
    x, y = np.meshgrid(np.linspace(-1, 1, w) * field, np.linspace(-1, 1, h) * field * h / w)
    yaw, pitch = np.deg2rad(rng.uniform(-40, 40)), np.deg2rad(rng.uniform(-5, 25))
    down, ahead = y * np.cos(pitch) + np.sin(pitch), np.cos(pitch) - y * np.sin(pitch)
    aside, ahead = x * np.cos(yaw) + ahead * np.sin(yaw), ahead * np.cos(yaw) - x * np.sin(yaw)
    # Along each axis a ray meets the wall on the side it points to; the nearest of the three is what is seen.
    walls = (
        (aside, rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.5)),
        (down, rng.uniform(0.12, 0.2), rng.uniform(0.12, 0.2)),
        (ahead, rng.uniform(0.25, 1.2), 0.3),
    )
    reach = [
        np.where(direction > 0, positive, negative) / np.maximum(np.abs(direction), 1e-6)
        for direction, positive, negative in walls
    ]
    depth: Plane = np.minimum.reduce(reach)
    return np.clip(place_objects(depth, int(rng.integers(1, 7)), rng), 0.08, 1.2)


def landscape_depth(size: tuple[int, int], rng: np.random.Generator) -> Plane:
    """Ground up to a horizon, a skyline before the sky, objects on the ground; depths of about 1 to 10."""
    h, w = size
    horizon, far = rng.uniform(0.15, 0.6), rng.uniform(5.0, 10.0)
    y = np.linspace(0, 1, h)[:, None] + np.linspace(-1, 1, w) * rng.normal(0, 0.03)
    depth: Plane = np.minimum(far, rng.uniform(0.4, 1.5) / np.maximum(y - horizon, 1e-3))
    edges = np.linspace(0, w, int(rng.integers(4, 14))).astype(int)
    for left, right in pairwise(edges):  # houses, trees and hills of different distances
        top = max(0, int(h * (horizon - abs(rng.normal(0, 0.2)))))
        area = depth[top : int(h * (horizon + 0.05)), left:right]
        np.minimum(area, far * rng.uniform(0.35, 1.0), out=area)
    return np.clip(place_objects(depth, int(rng.integers(0, 5)), rng), 0.8, 10.0)


def recover_airlight(lq: Image, hq: Image) -> float:
    """A of a hazy and a clear photo of one place, 0..1.

    Where the scene has colour, the differences between its channels shrink by t exactly, whatever A is; the mean of
    the channels then gives A.

    Raises:
        ValueError: the two do not differ by haze, or have no colour to tell it by.
    """
    hazy, clear = lq / 255, hq / 255
    hazy_colour, clear_colour = hazy - np.roll(hazy, 1, 2), clear - np.roll(clear, 1, 2)
    product = box_mean((hazy_colour * clear_colour).sum(2), 3)
    power = box_mean((clear_colour**2).sum(2), 3)
    transmission = product / np.maximum(power, 1e-9)
    sure = (power > 0.01) & (transmission > 0.02) & (transmission < 0.9)
    if sure.sum() < 100:
        raise ValueError("the photos do not show haze and the same place without it")
    light = ((hazy - clear * transmission[..., None]).mean(2)[sure] / (1 - transmission[sure])).clip(0, 1)
    return float(np.median(light))


def recover_depth(lq: Image, hq: Image) -> Plane:
    """The optical depth beta d = -log t of a hazy and a clear photo of one place, (H, W).

    A least-squares t over small windows; where the scene is as bright as the haze nothing can be told, and the
    estimate of the next larger window stands in.

    Raises:
        ValueError: the two do not differ by haze, or have no colour to tell it by.
    """
    light = recover_airlight(lq, hq)
    product = ((light - lq / 255) * (light - hq / 255)).sum(2)
    power = ((light - hq / 255) ** 2).sum(2)
    transmission = np.full(power.shape, product.sum() / max(power.sum(), 1e-9))
    for radius in (32, 16, 8, 4, 2):
        trust = 0.01  # in units of power: what the larger window's estimate weighs
        transmission = (box_mean(product, radius) + trust * transmission) / (box_mean(power, radius) + trust)
    depth: Plane = -np.log(np.clip(transmission, 0.02, 1.0))
    return depth


def indoor_haze(hq: Image, scale: int, rng: np.random.Generator) -> Image:
    """RESIDE's indoor haze over a made-up room."""
    return INDOOR.fill(hq, fit_to_edges(room_depth((hq.shape[0], hq.shape[1]), rng), hq), rng)


def outdoor_haze(hq: Image, scale: int, rng: np.random.Generator) -> Image:
    """RESIDE's outdoor haze over a made-up landscape."""
    return OUTDOOR.fill(hq, fit_to_edges(landscape_depth((hq.shape[0], hq.shape[1]), rng), hq), rng)


HAZE_INDOOR = Degradation("indoor haze", indoor_haze, is_random=True, renew=INDOOR.refill, with_depth=INDOOR.fill_map)
HAZE_OUTDOOR = Degradation(
    "outdoor haze", outdoor_haze, is_random=True, renew=OUTDOOR.refill, with_depth=OUTDOOR.fill_map
)
