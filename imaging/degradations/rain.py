"""Rain: streaks of many depths, lengths and widths, and a veil (tasks of the paper's section 5.1).

A streak is what a falling drop leaves on a picture while the shutter is open: a line, fading at its ends, narrow, of no
colour of its own. Near drops make long, wide, bright and few streaks, far drops short, thin, faint and many; those out
of focus are wide and faint. Each streak is drawn by itself, so that no two are alike. Rain1400's rain was made in an
image editor: noise, enlarged, smeared in one direction, its contrast raised, and blended by "Screen"
(https://www.photoshopessentials.com/photo-effects/rain/). So is a part of it here.

The ranges are calibrated on Rain100L's inputs and on the training pairs of the others (docs/experiments.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.degradations.kind import Degradation, Image
from imaging.degradations.resize import resize_matrix, to_uint8

Plane = NDArray[np.float32]  # (H, W), light added to each pixel, 0..1
Size = tuple[int, int]  # (h, w), pixels

STREAKS_AT_ONCE = 2000  # bounds the memory
BRIGHTEST = 0.7  # light of a streak by itself
PARTS_TO_CHOOSE_FROM = 4
VEIL_LEVELS = (0.3, 0.95)  # of a veil's gray: under trees, and before a bright sky
TAPER = 1.5  # exponent of a streak's profile, from its ends to its middle


@dataclass(frozen=True)
class Shower:
    """The streaks of one direction.

    Attributes:
        angle_deg: away from straight down, to the right; below 75.
        spread_deg: standard deviation of the single streaks' angles.
        length_px, width_px: of a middling streak; the width is the standard deviation of its cross-section.
        variety: standard deviation of the logarithm of the drops' sizes.
        defocus_px: how much wider those far from the middling depth may be.
        cover: the share of the picture that the streaks would cover side by side.
        brightness: of a middling streak's brightest part, 0..1.
    """

    angle_deg: float
    spread_deg: float
    length_px: float
    width_px: float
    variety: float
    defocus_px: float
    cover: float
    brightness: float


@dataclass(frozen=True)
class Grain:
    """Rain as it is made in an image editor: bright grains of noise, smeared in one direction.

    Attributes:
        angle_deg: away from straight down, to the right; below 75.
        length_px: of the smear.
        grain_px: the width of a grain.
        share: of the grains that are bright.
        brightness: of the smeared layer, as its standard deviation, 0..1.
        base: the light that is everywhere, in the same units.
    """

    angle_deg: float
    length_px: int
    grain_px: float
    share: float
    brightness: float
    base: float


def draw(size: Size, shower: Shower, rng: np.random.Generator) -> Plane:
    """Draw the light of a shower over a picture of (h, w) pixels."""
    h, w = size
    slope = np.tan(np.deg2rad(shower.angle_deg))
    above, beside = 1.5 * shower.length_px, abs(slope) * 1.5 * shower.length_px + 4
    area = (h + 2 * above) * (w + 2 * beside)
    count = rng.poisson(shower.cover * area / (shower.length_px * 4 * shower.width_px))
    light = np.zeros(h * w)
    for first in range(0, count, STREAKS_AT_ONCE):
        n = min(STREAKS_AT_ONCE, count - first)
        depth = rng.normal(0, 1, n)
        drop = np.exp(shower.variety * depth)
        length = np.clip(shower.length_px * drop * np.exp(rng.normal(0, 0.3, n)), 3, 3 * shower.length_px)
        sharp = shower.width_px * np.sqrt(drop)
        width = np.hypot(sharp, shower.defocus_px * np.maximum(np.abs(depth) - 0.8, 0))
        peak = np.minimum(shower.brightness * rng.beta(2, 2, n) * 2 * np.sqrt(drop), BRIGHTEST) * sharp / width
        slopes = np.tan(np.deg2rad(np.clip(shower.angle_deg + rng.normal(0, shower.spread_deg, n), -80, 80)))
        middle_y, middle_x = rng.uniform(-above, h + above, n), rng.uniform(-beside, w + beside, n)
        light += streaks((h, w), middle_y, middle_x, length / np.hypot(1, slopes), slopes, width, peak)
    return light.reshape(h, w).astype(np.float32)


def streaks(
    size: Size,
    middle_y: NDArray[np.float64],
    middle_x: NDArray[np.float64],
    height: NDArray[np.float64],
    slope: NDArray[np.float64],
    width: NDArray[np.float64],
    peak: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Render the light of single streaks, row by row: (h * w,).

    Args:
        size: (h, w) of the picture.
        middle_y: row of the middle of each streak, pixels.
        middle_x: its column.
        height: rows that it crosses.
        slope: columns to the right for each row down.
        width: standard deviation of its cross-section, pixels.
        peak: its brightest light.
    """
    h, w = size
    first, last = np.ceil(middle_y - height / 2), np.floor(middle_y + height / 2)
    first, last = np.maximum(first, 0), np.minimum(last, h - 1)
    rows = np.maximum(last - first + 1, 0).astype(np.intp)
    streak = np.repeat(np.arange(len(rows)), rows)
    y = np.arange(len(streak)) - np.repeat(np.cumsum(rows) - rows, rows) + first[streak]
    offset = y - middle_y[streak]
    profile = np.maximum(1 - np.abs(2 * offset / height[streak]), 0) ** (1 / TAPER) * peak[streak]
    x = middle_x[streak] + slope[streak] * offset
    across = np.hypot(1, slope[streak])  # a slanted streak crosses a row over a longer distance
    reach = int(np.ceil(2.5 * float((width * np.hypot(1, slope)).max(initial=0)))) + 1
    columns = np.floor(x)[:, None] + np.arange(-reach, reach + 1)
    light = profile[:, None] * np.exp(-(((columns - x[:, None]) / (width[streak] * across)[:, None]) ** 2) / 2)
    seen = (columns >= 0) & (columns < w) & (light > 1 / 512)
    place = (y[:, None] * w + columns)[seen].astype(np.intp)
    return np.bincount(place, light[seen], h * w).astype(np.float64)


def smear(size: Size, grain: Grain, rng: np.random.Generator) -> Plane:
    """Draw the light of smeared noise over a picture of (h, w) pixels."""
    h, w = size
    slope = np.tan(np.deg2rad(grain.angle_deg))
    lean = int(np.ceil(abs(slope) * h / 2)) + 1
    # White noise is the same along any direction: it is smeared down its columns, and the columns are leant after.
    height, width = h + grain.length_px, w + 2 * lean + 2
    cells = [max(2, round(side / grain.grain_px)) for side in (height, width)]
    noise = np.maximum(rng.random(cells, np.float32) - (1 - grain.share), 0)
    rows, columns = (resize_matrix(n, side).astype(np.float32) for n, side in zip(cells, (height, width), strict=True))
    sums = np.cumsum(rows @ noise @ columns.T, 0, dtype=np.float64)
    smeared = (sums[grain.length_px :] - sums[: -grain.length_px]).astype(np.float32)
    x = np.arange(w) + lean - slope * (np.arange(h)[:, None] - h / 2)
    left = x.astype(np.intp)
    right = (x - left).astype(np.float32)
    row = np.arange(h)[:, None]
    leant = smeared[row, left] * (1 - right) + smeared[row, left + 1] * right
    spread = leant.std()
    light: Plane = np.maximum(grain.base + (leant - leant.mean()) / max(float(spread), 1e-9), 0) * grain.brightness
    return light


def soft_plane(size: Size, rng: np.random.Generator) -> Plane:
    """Draw a linear gradient in a random direction, 0..1: the density of a veil over a picture."""
    h, w = size
    heading = rng.uniform(0, 2 * np.pi)
    y, x = np.linspace(-0.5, 0.5, h, dtype=np.float32)[:, None], np.linspace(-0.5, 0.5, w, dtype=np.float32)
    plane: Plane = np.clip(0.5 + rng.uniform(0, 0.7) * (np.sin(heading) * y + np.cos(heading) * x), 0, 1)
    return plane


def compose(hq: Image, light: Plane, veil: float, covering: float, rng: np.random.Generator) -> Image:
    """Add rain to a photo.

    Args:
        hq: uint8 (H, W, 3).
        light: of the streaks.
        veil: how much of the photo the rain too far to be seen drop by drop hides, 0..1.
        covering: 0 adds the streaks' light; 1 lets them hide what is behind, so that they vanish before a bright sky.
        rng: source of all randomness.
    """
    scene = hq.astype(np.float32) / 255
    tint = (1 + rng.normal(0, 0.01, 3)).astype(np.float32)
    if veil > 0:
        hidden = np.minimum(2 * veil * soft_plane((hq.shape[0], hq.shape[1]), rng), 0.9)[..., None]
        scene = (1 - hidden) * scene + hidden * np.float32(rng.uniform(*VEIL_LEVELS)) * tint
    streak = light[..., None] * tint
    return to_uint8(255 * (scene + streak * (1 - np.float32(covering) * scene)))


def light_rain(hq: Image, scale: int, rng: np.random.Generator) -> Image:
    """Add thin, sparse streaks of one steep direction, as in Rain100L."""
    return compose(hq, draw((hq.shape[0], hq.shape[1]), light_shower(rng), rng), 0.0, 0.0, rng)


def light_shower(rng: np.random.Generator) -> Shower:
    """Draw a shower as in Rain100L."""
    return Shower(
        angle_deg=float(np.clip(rng.normal(0, 17), -45, 45)),
        spread_deg=rng.uniform(0.3, 3.5),
        length_px=rng.uniform(14, 42),
        width_px=rng.uniform(0.45, 0.9),
        variety=rng.uniform(0.3, 0.6),
        defocus_px=rng.choice([0.0, rng.uniform(0, 0.8)]),
        cover=rng.uniform(0.12, 0.45),
        brightness=float(np.exp(rng.uniform(np.log(0.06), np.log(0.38)))),
    )


def heavy_rain(hq: Image, scale: int, rng: np.random.Generator) -> Image:
    """Add dense streaks of one or more directions, often with a veil, as in Rain100H and in cloudbursts (Li et al.)."""
    size = (hq.shape[0], hq.shape[1])
    directions = rng.normal(0, 10) + rng.normal(0, 8, int(rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2])))
    cover = float(np.exp(rng.uniform(np.log(0.6), np.log(5.0))))
    brightness = rng.uniform(0.1, 0.45) / max(1, cover) ** 0.4
    light = np.zeros(size, np.float32)
    for angle in directions:
        shower = Shower(
            angle_deg=angle,
            spread_deg=rng.uniform(0.5, 4),
            length_px=rng.uniform(18, 55),
            width_px=rng.uniform(0.5, 1.0),
            variety=rng.uniform(0.3, 0.6),
            defocus_px=rng.choice([0.0, rng.uniform(0, 1.0)]),
            cover=cover / len(directions),
            brightness=brightness,
        )
        light += draw(size, shower, rng)
    veil = rng.choice([0.0, rng.uniform(0.1, 0.75)], p=[0.4, 0.6])
    if veil > 0:
        light *= np.float32(rng.uniform(0.1, 1))  # the mist hides streaks, too
    return compose(hq, light, veil, rng.choice([0.0, 1.0], p=[0.75, 0.25]), rng)


def editor_rain(size: Size, rng: np.random.Generator) -> Plane:
    """Draw smeared noise of one angle, as in Rain1400."""
    grain = Grain(
        angle_deg=rng.uniform(-50, 50),
        length_px=int(np.exp(rng.uniform(np.log(8), np.log(60)))),
        grain_px=rng.uniform(1.0, 3.5),
        share=rng.uniform(0.02, 0.5),
        brightness=np.exp(rng.uniform(np.log(0.03), np.log(0.12))),
        base=rng.uniform(0.2, 3.0),
    )
    return smear(size, grain, rng)


def natural_rain(size: Size, rng: np.random.Generator) -> Plane:
    """Draw streaks of any angle and density, more varied than those of the benchmarks."""
    light = np.zeros(size, np.float32)
    angle, scale, brightness = rng.normal(0, 20), np.exp(rng.normal(0, 0.35)), rng.uniform(0.08, 0.4)
    for _ in range(int(rng.integers(1, 4))):
        shower = Shower(
            angle_deg=float(np.clip(angle + rng.normal(0, 2), -60, 60)),
            spread_deg=rng.uniform(0.5, 4),
            length_px=scale * np.exp(rng.uniform(np.log(8), np.log(60))),
            width_px=scale * rng.uniform(0.5, 1.3),
            variety=rng.uniform(0.3, 0.7),
            defocus_px=rng.uniform(0, 2),
            cover=rng.uniform(0.03, 0.35),
            brightness=brightness * rng.uniform(0.5, 1.2),
        )
        light += draw(size, shower, rng)
    return light


def mixed_rain(hq: Image, scale: int, rng: np.random.Generator) -> Image:
    """Add rain of any kind: as in Rain1400, as in Rain100L, and as in photos."""
    size = (hq.shape[0], hq.shape[1])
    kind = rng.choice(["editor", "light", "natural"], p=[0.6, 0.1, 0.3])
    if kind == "editor":
        return compose(hq, editor_rain(size, rng), 0.0, 1.0, rng)  # its layer is blended by "Screen"
    if kind == "light":
        return light_rain(hq, scale, rng)
    veil = rng.choice([0.0, rng.uniform(0.0, 0.3)])
    return compose(hq, natural_rain(size, rng), veil, rng.choice([0.0, 1.0]), rng)


def transfer_rain(hq: Image, pair: tuple[Image, Image], rng: np.random.Generator) -> Image:
    """Add the rain of a pair of another scene, a part of it, mirrored at random, fainter or brighter.

    RainTrainH and pairs of its kind add the same light to all channels, whatever is behind it: the difference of a pair
    is the light. Where the input is saturated it is cut off, so the least saturated of a few parts is taken.
    """
    h, w = hq.shape[:2]
    parts = [random_part(pair, (h, w), rng) for _ in range(PARTS_TO_CHOOSE_FROM)]
    clear, rainy = min(parts, key=lambda part: float((part[1] == 255).mean()))
    light = np.median(rainy.astype(np.float32) - clear, axis=2) / 255
    light = light[:, ::-1] if rng.random() < 0.5 else light
    # A pair of another size is continued by its mirror image.
    light = np.pad(light, ((0, max(0, h - light.shape[0])), (0, max(0, w - light.shape[1]))), mode="symmetric")
    gain = np.float32(np.clip(np.exp(rng.normal(0, 0.25)), 0.5, 1.6))
    return compose(hq, gain * light, 0.0, 0.0, rng)


def random_part(pair: tuple[Image, Image], size: Size, rng: np.random.Generator) -> tuple[Image, Image]:
    """Cut a random part of at most (h, w) pixels out of both pictures of a pair."""
    rows, columns = (
        slice(first := int(rng.integers(max(1, n - side + 1))), first + side)
        for n, side in zip(pair[0].shape[:2], size, strict=True)
    )
    return pair[0][rows, columns], pair[1][rows, columns]


RAIN_LIGHT = Degradation("light rain", light_rain, is_random=True, is_upright=True, transfer=transfer_rain)
RAIN_HEAVY = Degradation("heavy rain", heavy_rain, is_random=True, is_upright=True, transfer=transfer_rain)
RAIN_MIXED = Degradation("mixed rain", mixed_rain, is_random=True, is_upright=True, transfer=transfer_rain)
