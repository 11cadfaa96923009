"""Haze: I = J t + A (1 - t) with t = exp(-beta d), the scattering model that RESIDE is made with (section 5.1).

The depth d comes from a map where there is one, from a hazy and a clear photo of one place where there are both
(:func:`recover_depth`), and otherwise from a generated room or landscape fitted to the photo's edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from imaging.degradations.kind import Degradation, Image
from imaging.degradations.resize import to_uint8

Plane = NDArray[np.float64]  # (H, W)
Region = NDArray[np.bool_]  # (H, W)
Light = NDArray[np.float64]  # (3,), 0..1


@dataclass(frozen=True)
class Air:
    """Ranges that the parameters of haze are drawn from: RESIDE's and wider ones, outdoors also half as dense.

    Attributes:
        light: A, the haze's own brightness, 0..1.
        white: how often A is 1, as in all of SOTS indoor.
        colour: how often A has a cast; its channels differ by a few percent then.
        density: beta, per unit of depth.
        dense, denser: how often the haze is denser than that, and the largest beta then.
        reach: the farthest depth.
    """

    light: tuple[float, float]
    white: float
    colour: float
    density: tuple[float, float]
    dense: float
    denser: float
    reach: float

    def draw_light(self, rng: np.random.Generator) -> Light:
        """Draw A of one photo, (3,)."""
        light = 1.0 if rng.random() < self.white else rng.uniform(*self.light)
        if rng.random() >= self.colour:
            return np.full(3, light)
        warmth, green = rng.normal(0, CAST), rng.normal(0, CAST / 3)
        return np.clip(light * (1 + np.array([warmth, green, -warmth])), 0, 1)

    def draw_density(self, rng: np.random.Generator) -> float:
        """Draw beta of one photo."""
        limits = (self.density[1], self.denser) if rng.random() < self.dense else self.density
        return rng.uniform(*limits)

    def fill(self, hq: Image, depth: Plane, rng: np.random.Generator, light: Light | None = None) -> Image:
        """Add haze of a random density to a photo of known depth; its light is random too where none is given.

        At times the density varies in banks, and the camera adds noise, the only signal left under dense haze.

        Args:
            hq: uint8 (H, W, 3), the clear photo.
            depth: (H, W), in the unit that beta is given for.
            rng: draws density, banks, noise and light.
            light: A, (3,) in 0..1.
        """
        light = self.draw_light(rng) if light is None else light
        density = self.draw_density(rng)
        banks = drift(depth.shape, rng) if rng.random() < UNEVEN else np.ones((1, 1))
        noise = rng.uniform(0, 2) if rng.random() < NOISY else 0.0
        return haze(hq, depth * banks, light, density, noise, rng)

    def fill_map(self, hq: Image, depth: Plane, rng: np.random.Generator) -> Image:
        """Add haze by a depth map (H, W), 1 where it is farthest."""
        return self.fill(hq, self.reach * depth, rng)

    def refill(self, hq: Image, lq: Image, rng: np.random.Generator) -> Image:
        """Add other haze by the depth that is recovered from a pair."""
        typical_density = sum(self.density) / 2
        return self.fill(hq, recover_depth(lq, hq) / typical_density, rng)


INDOOR = Air(light=(0.7, 1.0), white=0.5, colour=0.15, density=(0.6, 1.8), dense=0.1, denser=2.5, reach=1.0)
OUTDOOR = Air(light=(0.8, 1.0), white=0.1, colour=0.4, density=(0.02, 0.2), dense=0.15, denser=0.35, reach=10.0)
CAST = 0.05  # standard deviation of how far red and blue are from gray
UNEVEN, NOISY = 0.15, 0.5  # how often haze drifts in banks, and how often there is noise


def haze(
    hq: Image,
    depth: Plane,
    light: float | Light,
    density: float,
    noise: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Image:
    """Add haze: I = J t + A (1 - t).

    Args:
        hq: J, the clear photo, uint8 (H, W, 3).
        depth: d, (H, W), in the unit that ``density`` is given for.
        light: A, 0..1, one for all channels or (3,).
        density: beta.
        noise: standard deviation of what the camera adds, of 255.
        rng: source of the noise; needed only for it.

    Returns:
        I, the hazy photo, uint8 (H, W, 3).
    """
    transmission = np.exp(-density * depth)[..., None]
    hazy = hq * transmission + 255 * np.asarray(light) * (1 - transmission)
    if noise and rng is not None:
        hazy += noise * rng.standard_normal(hazy.shape, np.float32)
    return to_uint8(hazy)


def drift(size: tuple[int, ...], rng: np.random.Generator) -> Plane:
    """Draw banks of haze: the density relative to its mean, (H, W), about 0.5 to 1.5."""
    y, x = (np.linspace(0, 1, n)[:, None] for n in size)
    waves = sum(
        np.sin(2 * np.pi * (rng.uniform(0.3, 1.5) * y + rng.random()))
        @ np.sin(2 * np.pi * (rng.uniform(0.3, 1.5) * x + rng.random())).T
        for _ in range(3)
    )
    banks: Plane = 1 + rng.uniform(0.1, 0.3) * np.clip(waves, -1.6, 1.6)
    return banks


def box_mean(plane: Plane, radius: int) -> Plane:
    """Average over the (2 radius + 1) square around every pixel; the border is replicated."""
    side = 2 * radius + 1
    sums = np.pad(np.pad(plane, radius, "edge").cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    mean: Plane = (sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]) / side**2
    return mean


def fit_to_edges(depth: Plane, photo: Image, radius: int = 32, smallest_contrast: float = 0.02) -> Plane:
    """Move the steps of a depth map to the photo's edges: a guided filter (He et al.), the photo's luma guiding.

    Args:
        depth: (H, W), in any unit.
        photo: uint8 (H, W, 3).
        radius: half the side of the filter's window, pixels.
        smallest_contrast: standard deviation of luma, 0..1, from which on a window counts as an edge.
    """
    guide = photo.mean(2) / 255
    mean_guide, mean_depth = box_mean(guide, radius), box_mean(depth, radius)
    variance = box_mean(guide * guide, radius) - mean_guide**2
    slope = (box_mean(guide * depth, radius) - mean_guide * mean_depth) / (variance + smallest_contrast**2)
    offset = mean_depth - slope * mean_guide
    fitted: Plane = box_mean(slope, radius) * guide + box_mean(offset, radius)
    return np.clip(fitted, depth.min(), depth.max())


def place_objects(depth: Plane, count: int, rng: np.random.Generator) -> Plane:
    """Place upright boxes in a scene, each at the depth of the ground at its foot, in front of what is behind."""
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
    """Generate the depth of a box-shaped room with furniture, seen from inside; about 0.1 to 1.2, (H, W)."""
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


def find_sky(photo: Image) -> Region:
    """Find the sky of a photo: bright, even, not warm in colour and connected with the upper border.

    Returns:
        (H, W), false everywhere where less than a twentieth of the photo seems to be sky.
    """
    r, _, b = (photo[..., c] / 255 for c in range(3))
    luma = photo.mean(2) / 255
    texture = box_mean(luma * luma, 3) - box_mean(luma, 3) ** 2
    # Blue skies are darker than white ones; a sunset's warmth is left to the other depths.
    seems = (luma + (b - r) > 0.55) & (b > r - 0.04) & (texture < 0.03**2)
    # Cells of 4x4 pixels: what is connected with the upper border, found by sweeping over the photo both ways, twice.
    h, w = (n // 4 for n in luma.shape)
    even = seems[: 4 * h, : 4 * w].reshape(h, 4, w, 4).mean((1, 3)) > 0.5
    found = np.zeros_like(even)
    found[0] = even[0]
    for _ in range(2):
        for cells, passable in (
            (found, even),
            (found.T, even.T),
            (found[::-1], even[::-1]),
            (found.T[::-1], even.T[::-1]),
        ):
            for row in range(1, len(cells)):
                cells[row] |= cells[row - 1] & passable[row]
    sky: Region = np.pad(found.repeat(4, 0).repeat(4, 1), [(0, n % 4) for n in luma.shape], "edge")
    return sky if sky.mean() > 0.05 else np.zeros_like(sky)


def landscape_depth(size: tuple[int, int], rng: np.random.Generator, horizon: float | None = None) -> Plane:
    """Generate the depth of ground up to a horizon, a skyline and objects; about 1 to 10, (H, W).

    Args:
        size: (h, w).
        rng: source of all randomness.
        horizon: as a share of the height, from above; None draws it.
    """
    h, w = size
    far = rng.uniform(5.0, 10.0)
    horizon = rng.uniform(0.15, 0.6) if horizon is None else horizon
    y = np.linspace(0, 1, h)[:, None] + np.linspace(-1, 1, w) * rng.normal(0, 0.03)
    depth: Plane = np.minimum(far, rng.uniform(0.4, 1.5) / np.maximum(y - horizon, 1e-3))
    edges = np.linspace(0, w, int(rng.integers(4, 14))).astype(int)
    for left, right in pairwise(edges):  # houses, trees and hills of different distances
        top = max(0, int(h * (horizon - abs(rng.normal(0, 0.2)))))
        area = depth[top : int(h * (horizon + 0.05)), left:right]
        np.minimum(area, far * rng.uniform(0.35, 1.0), out=area)
    return np.clip(place_objects(depth, int(rng.integers(0, 3)), rng), 0.8, 10.0)


def recover_airlight(lq: Image, hq: Image) -> float:
    """Estimate A, 0..1, from a hazy and a clear photo of one place.

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
    """Estimate the optical depth beta d = -log t, (H, W), from a hazy and a clear photo of one place.

    t is a least-squares fit over small windows; where the scene is as bright as the haze it is not determined, and the
    estimate of the next larger window is used.

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
    """Add RESIDE's indoor haze by the depth of a generated room."""
    return INDOOR.fill(hq, fit_to_edges(room_depth((hq.shape[0], hq.shape[1]), rng), hq), rng)


def light_of(sky: Light, rng: np.random.Generator) -> Light:
    """Draw A, (3,), for a sky of that mean colour: as bright, or brighter for a deep blue, and less saturated."""
    brightest = max(float(sky.max()), 0.8)
    light: Light = np.clip((sky + rng.uniform(0.3, 1) * (brightest - sky)) * rng.uniform(0.95, 1.05), 0, 1)
    return light


def outdoor_haze(hq: Image, scale: int, rng: np.random.Generator) -> Image:
    """Add RESIDE's outdoor haze by the depth of a generated landscape; a sky of the photo is farthest.

    Haze and sky are one light scattered by the same air. So in most photos with a sky A is near the sky's own colour,
    which then stays as it is: a bright sky is not to be darkened.
    """
    sky = find_sky(hq)
    size = (hq.shape[0], hq.shape[1])
    if not sky.any():
        return OUTDOOR.fill(hq, fit_to_edges(landscape_depth(size, rng), hq), rng)
    skyline = sky.sum(0) / size[0]
    depth = landscape_depth(size, rng, horizon=float(np.percentile(skyline[skyline > 0], 80)))
    depth = fit_to_edges(np.where(sky, OUTDOOR.reach, depth), hq)
    return OUTDOOR.fill(hq, depth, rng, light_of(hq[sky].mean(0) / 255, rng) if rng.random() < 0.6 else None)


HAZE_INDOOR = Degradation("indoor haze", indoor_haze, is_random=True, renew=INDOOR.refill, with_depth=INDOOR.fill_map)
HAZE_OUTDOOR = Degradation(
    "outdoor haze", outdoor_haze, is_random=True, renew=OUTDOOR.refill, with_depth=OUTDOOR.fill_map
)
