"""Motion blur: sharp frames of a moving camera and of moving objects, averaged (as GoPro and REDS were made).

Each frame is the photo under an affine motion: the hand that holds the camera drifts, speeds up and trembles, turns it
and moves it to and fro; what is nearer moves farther. Segments of the photo may have another depth or move on their
own, with sharp edges. The frame in the middle of the exposure is the photo itself, which is what the network has to
find again.

The ranges are calibrated on real pairs (docs/experiments.md): kernels were estimated from GoPro's and REDS's pairs and
from made ones alike. GoPro's published blur averages pixel values, not light: its means before and after agree to
0.001 in pixel values and differ by 0.01 in light. A camera averages light. Both are made, in equal shares.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.degradations.kind import Degradation, Image
from imaging.degradations.resize import to_uint8

Light = NDArray[np.float32]  # (H, W, 3)
Table = NDArray[np.float32]  # (256,)
Region = NDArray[np.bool_]  # (H, W)
Path = NDArray[np.float64]  # (frames, 2), (y, x) in pixels
Motion = NDArray[np.float64]  # (frames, 2, 3): takes (y, x, 1) of the result, in pixels, to (y, x) of the photo

CONTEXT_PX = 32  # how far beside a patch its blur still comes from
LONGEST_PX = 48.0
LARGEST_STEP_PX = 2.0  # between two frames
WHITE = 250  # pixel values from which a lamp may be brighter than the picture tells
CURVES = (1.0, 2.2)  # pixel values averaged, and light under the usual display curve


def path_extent(path: Path) -> float:
    """Return the length, in pixels, of the steady straight path of the same spread: sqrt(12) standard deviations."""
    return float(np.sqrt(12 * np.linalg.eigvalsh(np.atleast_2d(np.cov(path.T, bias=True)))[-1]))


def shake(frames: int, extent_px: float, rng: np.random.Generator) -> Path:
    """Draw a camera's path over one exposure, (0, 0) in the middle frame: drift, a change of speed, and tremor.

    Args:
        frames: how many positions, odd.
        extent_px: what :func:`path_extent` is to be.
        rng: source of all randomness.
    """
    time = np.linspace(-0.5, 0.5, frames)[:, None]
    heading = rng.uniform(0, 2 * np.pi)
    drift = np.array([np.sin(heading), np.cos(heading)])
    path = time * drift + time**2 * rng.normal(0, 0.5, 2)
    # The hand's tremor has 4 to 12 Hz; an exposure lasts from a small part of its period to a little more than one.
    periods = rng.uniform(0.2, 1.5)
    path += rng.normal(0, rng.uniform(0, 0.25), 2) * np.sin(2 * np.pi * (periods * time + rng.random(2)))
    path *= extent_px / max(path_extent(path), 1e-6)
    centred: Path = path - path[frames // 2]
    return centred


def moving_frame(path: Path, turn: float, zoom: float, lean: NDArray[np.float64]) -> Motion:
    """Return the affine motion of a frame about the photo's middle.

    Args:
        path: of what is in the middle, (frames, 2), pixels.
        turn: of the whole exposure, radians.
        zoom: change of scale over the whole exposure.
        lean: (2,), how much farther than the middle a place moves, for each pixel down and to the right: a ground or a
            wall that comes nearer.
    """
    time = np.linspace(-0.5, 0.5, len(path))
    zeros = np.zeros_like(time)
    rows = np.stack([1 + zoom * time, turn * time, zeros], 1), np.stack([-turn * time, 1 + zoom * time, zeros], 1)
    motion: Motion = np.stack(rows, 1)
    motion[..., :2] += path[..., None] * lean
    motion[..., 2] = path
    return motion


def segment(photo: Image, rng: np.random.Generator) -> Region:
    """Choose a part of the photo as an object: the pixels near a random one in position and colour."""
    h, w = photo.shape[:2]
    seed = int(rng.integers(h)), int(rng.integers(w))
    radii = rng.uniform(0.12, 0.45, 2) * min(h, w)
    y, x = (np.arange(h, dtype=np.float32) - seed[0]) / radii[0], (np.arange(w, dtype=np.float32) - seed[1]) / radii[1]
    colour = photo[max(0, seed[0] - 2) : seed[0] + 3, max(0, seed[1] - 2) : seed[1] + 3].mean((0, 1))
    # Colours of two thirds of the full range are as far away as the object's border; many an object has all colours.
    tolerance = rng.choice([170.0, 500.0])
    difference = (photo.astype(np.float32) - colour.astype(np.float32)) / np.float32(tolerance)
    near: Region = np.einsum("ijk,ijk->ij", difference, difference) + (y**2)[:, None] + x**2 < 1
    return majority(near)


def majority(region: Region, radius: int = 2) -> Region:
    """Remove details of a few pixels from a region by a majority filter."""
    side = 2 * radius + 1
    sums = np.pad(np.pad(region, radius, "edge").astype(np.int32).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    most: Region = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side] > side**2 // 2
    return most


def between_rows(photo: Image) -> Image:
    """Double the rows, (2 H, W, 3); those between are the cubic means of their four neighbours."""
    rows = photo.astype(np.int16).reshape(len(photo), -1)
    means = rows[:-1] + rows[1:]
    means[1:-1] = (9 * means[1:-1] - rows[:-3] - rows[3:] + 8) >> 4
    means[[0, -1]] >>= 1
    fine = np.empty((2 * len(rows), rows.shape[1]), np.uint8)
    fine[::2] = rows
    fine[1:-1:2] = np.clip(means, 0, 255)
    fine[-1] = rows[-1]
    return fine.reshape(-1, *photo.shape[1:])


def refine(photo: Image) -> Image:
    """Double the rows and columns, (2 H, 2 W, 3)."""
    columns: Image = between_rows(between_rows(photo).swapaxes(0, 1)).swapaxes(0, 1)
    return columns


def without(photo: Image, region: Region) -> Image:
    """Fill a region with its surroundings: each row is mirrored from the nearer side, if there is one."""
    h, w = region.shape
    region = region & ~region.all(1, keepdims=True)
    columns = np.arange(w)
    left = np.maximum.accumulate(np.where(region, -w, columns), 1)
    right = np.minimum.accumulate(np.where(region, 2 * w, columns)[:, ::-1], 1)[:, ::-1]
    is_left = columns - left < right - columns
    mirrored = np.where(is_left, 2 * left + 1, 2 * right - 1) - columns
    beside = np.clip(np.where(is_left, left, right), 0, w - 1)
    inside = (mirrored >= 0) & (mirrored < w)
    rows = np.arange(h)[:, None]
    free = inside & ~region[rows, np.clip(mirrored, 0, w - 1)]
    filled: Image = photo[rows, np.where(region, np.where(free, mirrored, beside), columns)]
    return filled


def expose(
    photo: Image, light: Table, motion: Motion, objects: list[tuple[Region, Motion]], glow: float = 0.0
) -> Light:
    """Average the light over the frames of an exposure; beyond its border the photo is replicated.

    Args:
        photo: uint8 (H, W, 3), at least 4 pixels a side.
        light: of each pixel value, (256,).
        motion: of the camera.
        objects: what moves otherwise: where it is in the middle frame, and how it moves; the last is the nearest.
        glow: light that white pixels have beyond their value, for a saturated lamp may have been far brighter and then
            draws a white line, not a gray one.

    Returns:
        float32 (H, W, 3).
    """
    h, w = photo.shape[:2]
    y, x = np.arange(h) - (h - 1) / 2, np.arange(w) - (w - 1) / 2
    corners = np.array([[y[i], x[j], 1] for i in (0, -1) for j in (0, -1)]).T
    motions = [motion, *(own for _, own in objects)]
    reach = 2 + int(max(np.abs(each @ corners - corners[:2]).max() for each in motions))
    border = ((reach, reach), (reach, reach))
    # Positions are rounded to half a pixel: over the frames of an exposure that leaves nothing to be seen.
    scenes = [without(photo, np.logical_or.reduce([region for region, _ in objects]))] if objects else []
    fine = np.stack([refine(np.pad(scene, (*border, (0, 0)), "edge")) for scene in (*scenes, photo)])
    columns, pixels = fine.shape[2], fine.reshape(-1, 3)
    behind = (len(fine) - 1) * fine.shape[1] * columns  # from a pixel of the scene behind the objects to theirs
    regions = [np.pad(region, border).repeat(2, 0).repeat(2, 1).ravel() for region, _ in objects]
    fine_y, fine_x = (2 * y).astype(np.float32), (2 * x).astype(np.float32)
    middle_y, middle_x = (n - 1 + 2 * reach + 0.5 for n in (h, w))  # 0.5: to the nearest

    def places(affine: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the index into ``pixels`` for each pixel of the result."""
        (yy, yx, y0), (xy, xx, x0) = affine.astype(np.float32)
        row = (yy * fine_y + (2 * y0 + np.float32(middle_y)))[:, None] + yx * fine_x
        column = (xy * fine_y + (2 * x0 + np.float32(middle_x)))[:, None] + xx * fine_x
        index: NDArray[np.intp] = row.astype(np.intp) * columns + column.astype(np.intp)
        return index

    lamps = np.float32(glow) * (pixels.min(1) >= WHITE) if glow else None
    exposed = np.zeros(photo.shape, np.float32)
    for frame in range(len(motion)):
        index = places(motion[frame])
        for region, (_, own) in zip(regions, objects, strict=True):
            own_index = places(own[frame])
            index = np.where(region[own_index], own_index + behind, index)
        exposed += light.take(pixels.take(index, 0))
        if lamps is not None:
            exposed += lamps[index][..., None]
    return exposed / np.float32(len(motion))


def draw_extent(rng: np.random.Generator) -> float:
    """Draw how far light is spread, in pixels: log-normal, fitted to the pairs of GoPro and REDS."""
    return float(min(rng.lognormal(np.log(17), 0.6), LONGEST_PX))


def draw_motion(frames: int, extent_px: float, size: tuple[int, int], rng: np.random.Generator) -> Motion:
    """Draw a camera's motion over a photo of (h, w) pixels: a path, a rotation, a zoom and a slanted depth."""
    lean = rng.normal(0, 0.15, 2) / max(size)
    return moving_frame(
        shake(frames, extent_px, rng), np.deg2rad(rng.laplace(0, 0.35)), float(rng.laplace(0, 0.004)), lean
    )


def draw_object(photo: Image, motion: Motion, rng: np.random.Generator) -> tuple[Region, Motion]:
    """Draw a segment of another depth, which in half of the cases also moves on its own."""
    own = motion.copy()
    own[..., 2] *= rng.uniform(0.3, 1.8)
    if rng.random() < 0.5:
        own[..., 2] += shake(len(own), draw_extent(rng), rng)
    own[..., 2] *= min(1.0, LONGEST_PX / max(path_extent(own[..., 2]), 1e-6))
    return segment(photo, rng), own


def motion_blur(hq: Image, scale: int, rng: np.random.Generator) -> Image:
    """Blur a photo by the motion of camera and objects, and add a little sensor noise."""
    extent_px = draw_extent(rng)
    # 7 to 13, as a high-speed camera's frames are averaged; more where those would leave gaps to be seen.
    frames = 2 * max(int(rng.integers(3, 7)), int(extent_px / LARGEST_STEP_PX / 2)) + 1
    motion = draw_motion(frames, extent_px, (hq.shape[0], hq.shape[1]), rng)
    objects = [draw_object(hq, motion, rng) for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.4, 0.3, 0.2, 0.1])))]

    curve = np.float32(rng.choice(CURVES))
    light = (np.arange(256, dtype=np.float32) / 255) ** curve
    glow = rng.uniform(1, 8) if curve > 1 and rng.random() < 0.3 else 0.0
    noise = rng.uniform(0, 1.5) if rng.random() < 0.5 else 0.0  # the mean of several frames has next to none
    exposed = np.minimum(expose(hq, light, motion, objects, glow), 1)
    seen = 255 * exposed ** (1 / curve)
    return to_uint8(seen + np.float32(noise) * rng.standard_normal(seen.shape, np.float32))


MOTION_BLUR = Degradation("motion blur", motion_blur, is_random=True, context_px=CONTEXT_PX)
