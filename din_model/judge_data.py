"""Samples for the judge: photos as a camera leaves them, with one kind of damage or none."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageEnhance, ImageFilter

from din_model.camera import add_camera_artifacts
from din_model.data import read_photo
from din_model.datasets import Sample
from din_model.judge import NAMES
from imaging.degradations.downscale import blur_downscale
from imaging.degradations.haze import indoor_haze, outdoor_haze
from imaging.degradations.kind import Image
from imaging.degradations.motion_blur import motion_blur
from imaging.degradations.rain import heavy_rain, light_rain, mixed_rain
from imaging.degradations.resize import to_uint8
from imaging.look import look

Part = Literal["train", "fit", "test"]
Damage = Callable[[Image, np.random.Generator], Image]

LONGEST_PX, SHORTEST_PX = 1280, 320  # of a sample's longer side, before the damage
VISIBLE = 2.5  # mean change of a pixel, of 255, from which on damage counts
TRIES = 4
SMALL_PX, LARGE_PX = 200.0, 600.0  # geometric mean of the sides: always, and never, called small
Resampling = PillowImage.Resampling


@dataclass(frozen=True)
class Exhibit:
    """What the judge is to tell of one picture.

    Attributes:
        squares: as of :func:`imaging.look.look`.
        size: (h, w) of the picture.
        truth: probability of each kind; a small clean picture is partly one of low resolution.
    """

    squares: Image
    size: tuple[int, int]
    truth: NDArray[np.float32]


def part_of(path: Path) -> Part:
    """Return the part of a training that a photo belongs to: a sixth each is held back for fit and test."""
    place = zlib.crc32(path.stem.encode()) % 12
    return "fit" if place < 2 else "test" if place < 4 else "train"


def resized(photo: Image, factor: float, method: PillowImage.Resampling) -> Image:
    """Resize a picture by a factor; no side becomes less than 16 pixels."""
    h, w = (max(16, round(side * factor)) for side in photo.shape[:2])
    return np.asarray(PillowImage.fromarray(photo).resize((w, h), method))


def compressed(photo: Image, quality: int) -> Image:
    """Compress a picture as JPEG and read it again."""
    file = io.BytesIO()
    PillowImage.fromarray(photo).save(file, "JPEG", quality=quality)
    return np.asarray(PillowImage.open(file))


def draw_window(photo: Image, rng: np.random.Generator) -> Image:
    """Take a photo, or a part of it, of a random size and look: exposure, contrast, colour, sharpening."""
    longest = int(np.exp(rng.uniform(np.log(SHORTEST_PX), np.log(LONGEST_PX))))
    sides = photo.shape[:2]
    factor = rng.uniform(max(0.4, min(1.0, longest / max(sides))), 1.0)
    if rng.random() < 0.5:
        photo = resized(photo, factor, Resampling.LANCZOS)
    elif rng.random() < 0.5:  # a large photo is never as sharp at each pixel as a reduced one
        longest = int(longest / (grown := rng.uniform(1.1, 1.6)))
        photo = resized(cut(photo, max(longest, 200), rng), grown, Resampling.BICUBIC)
    photo = cut(photo, max(longest, SHORTEST_PX), rng)
    picture = PillowImage.fromarray(photo)
    if rng.random() < 0.6:
        picture = ImageEnhance.Brightness(picture).enhance(rng.uniform(0.7, 1.2))
        picture = ImageEnhance.Contrast(picture).enhance(rng.uniform(0.75, 1.2))
        picture = ImageEnhance.Color(picture).enhance(rng.uniform(0.5, 1.3))
    if rng.random() < 0.4:
        picture = picture.filter(ImageFilter.UnsharpMask(rng.uniform(0.7, 2), int(rng.integers(30, 150)), 2))
    photo = np.asarray(picture)
    return photo[:, ::-1] if rng.random() < 0.5 else photo


def cut(photo: Image, longest: int, rng: np.random.Generator) -> Image:
    """Cut a random part whose longer side is at most that long and whose shape is the photo's or near it."""
    factor = min(1.0, longest / max(photo.shape[:2]))
    h, w = (max(16, min(side, round(side * factor * rng.uniform(0.85, 1.15)))) for side in photo.shape[:2])
    top, left = (int(rng.integers(n - side + 1)) for n, side in zip(photo.shape[:2], (h, w), strict=True))
    return photo[top : top + h, left : left + w]


def reduce_resolution(hq: Image, rng: np.random.Generator) -> Image:
    """Make a picture small, or enlarged from a small one, or out of focus."""
    how = rng.choice(["small", "enlarged", "soft"], p=[0.35, 0.45, 0.2])
    if how == "soft":
        return np.asarray(PillowImage.fromarray(hq).filter(ImageFilter.GaussianBlur(rng.uniform(1.6, 5.0))))
    if how == "small":
        small = resized(hq, rng.uniform(80, 280) / np.sqrt(hq.shape[0] * hq.shape[1]), Resampling.BICUBIC)
        return compressed(small, int(rng.integers(50, 96))) if rng.random() < 0.5 else small
    factor = rng.uniform(2.0, 6.0)
    small = blur_downscale(hq, 3, rng) if rng.random() < 0.2 else resized(hq, 1 / factor, Resampling.BICUBIC)
    small = compressed(small, int(rng.integers(40, 96))) if rng.random() < 0.5 else small
    method = Resampling(int(rng.choice([Resampling.BILINEAR, Resampling.BICUBIC, Resampling.LANCZOS])))
    enlarged = PillowImage.fromarray(small).resize((hq.shape[1], hq.shape[0]), method)
    return np.asarray(enlarged)


def blur(hq: Image, rng: np.random.Generator) -> Image:
    """Blur by motion."""
    return motion_blur(hq, 1, rng)


def rain(hq: Image, rng: np.random.Generator) -> Image:
    """Add rain of any kind."""
    fall = (light_rain, heavy_rain, mixed_rain)[int(rng.choice(3, p=[0.25, 0.4, 0.35]))]
    return fall(hq, 1, rng)


def haze(hq: Image, rng: np.random.Generator) -> Image:
    """Add haze, mostly outdoors."""
    return (outdoor_haze if rng.random() < 0.7 else indoor_haze)(hq, 1, rng)


def add_noise(hq: Image, rng: np.random.Generator) -> Image:
    """Add a sensor's noise of poor light: more where it is brighter, in fine or coarse grains, often coloured."""
    level = np.exp(rng.uniform(np.log(7), np.log(50)))
    shape = hq.shape if rng.random() < 0.75 else (*hq.shape[:2], 1)
    grain = rng.standard_normal(shape, np.float32)
    if rng.random() < 0.4:  # as a camera's mosaic and its smoothing leave it
        mixed = grain + np.roll(grain, 1, 0) + np.roll(grain, 1, 1) + np.roll(grain, (1, 1), (0, 1))
        grain = mixed / np.float32(mixed.std())
    shot = np.sqrt((hq.astype(np.float32) + 30) / 158) if rng.random() < 0.5 else np.float32(1)
    dark = np.float32(rng.uniform(0.4, 1.0)) if rng.random() < 0.4 else np.float32(1)
    return to_uint8(hq * dark + np.float32(level) * shot * grain)


DAMAGES: Mapping[str, Damage] = {
    "low_resolution": reduce_resolution,
    "motion_blur": blur,
    "rain": rain,
    "haze": haze,
    "noise": add_noise,
    "none": lambda hq, rng: hq,
}


def damaged(photo: Image, kind: str, rng: np.random.Generator) -> Image:
    """Return a photo, or a part of it, with visible damage of a kind, mostly as a camera then writes it."""
    for _ in range(TRIES):
        hq = draw_window(photo, rng)
        lq = DAMAGES[kind](hq, rng)
        if kind == "none" or lq.shape != hq.shape or np.abs(lq.astype(np.int16) - hq).mean() >= VISIBLE:
            break
    return add_camera_artifacts(lq, rng) if rng.random() < 0.7 else lq


def truth_of(kind: str, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the probability of each kind: of ``kind`` alone, but a clean picture that is small is partly that."""
    truth = np.zeros(len(NAMES), np.float32)
    truth[NAMES.index(kind)] = 1
    if kind == "none":
        small = float(np.clip((LARGE_PX - np.sqrt(size[0] * size[1])) / (LARGE_PX - SMALL_PX), 0, 1))
        truth[NAMES.index("low_resolution")] = small
        truth[NAMES.index("none")] = 1 - small
    return truth


def exhibit(picture: Image, kind: str) -> Exhibit:
    """Show a picture of a known kind to the judge."""
    size = picture.shape[0], picture.shape[1]
    return Exhibit(look(picture), size, truth_of(kind, size))


class Exhibits:
    """Makes exhibits of photos and of real pairs.

    Args:
        photos: folders' clean photos with their weights.
        pairs: by kind, pairs whose inputs have that damage; their ground truths have none.
        pairs_share: how often a kind that has pairs is taken from them.
        seed: of everything random.
    """

    def __init__(
        self,
        photos: Sequence[tuple[Sequence[Path], float]],
        pairs: Mapping[str, Sequence[Sample]],
        pairs_share: float,
        seed: int,
    ) -> None:
        self.photos = [path for paths, _ in photos for path in paths]
        chances = np.array([weight / len(paths) for paths, weight in photos for _ in paths])
        self.chances = chances / chances.sum()
        self.inputs = {kind: [sample.lq for sample in samples if sample.lq] for kind, samples in pairs.items()}
        self.inputs["none"] = sorted({sample.hq for samples in pairs.values() for sample in samples})
        self.pairs_share, self.seed = pairs_share, seed
        self._read = lru_cache(64)(read_photo)

    def __call__(self, number: int) -> Exhibit:
        """Make the exhibit of that number; the kinds take turns."""
        rng = np.random.default_rng((self.seed, number))
        kind = NAMES[number % len(NAMES)]
        real = self.inputs.get(kind)
        if real and rng.random() < self.pairs_share:
            picture = self._read(real[int(rng.integers(len(real)))])
            picture = cut(picture, int(rng.uniform(0.6, 1) * max(picture.shape)), rng)
            picture = picture[:, ::-1] if rng.random() < 0.5 else picture
            return exhibit(add_camera_artifacts(picture, rng) if rng.random() < 0.4 else picture, kind)
        photo = self._read(self.photos[int(rng.choice(len(self.photos), p=self.chances))])
        return exhibit(damaged(photo, kind, rng), kind)
