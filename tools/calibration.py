"""Compare the degradations with real pairs: ``python -m tools.calibration --root DATA [--looks FOLDER]``.

Measures the inputs of real pairs and the synthetic inputs of the same ground truths, prints the table of
docs/experiments.md, and draws docs/images/degradations.jpg from scikit-image's photos. ``--looks`` also writes pictures
of real and synthetic inputs side by side, for inspection only: they are parts of the data sets.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from din_model.data import read_photo
from din_model.datasets import Sample, read_dataset
from imaging.degradations import DEGRADATIONS
from imaging.degradations.haze import recover_airlight, recover_depth
from imaging.metrics import psnr

ROOT = Path(__file__).parent.parent
MOST_PICTURES = 20  # of a set
MOST_PIXELS = 720, 1280
Picture = NDArray[np.uint8]  # (H, W, 3)
Plane = NDArray[np.floating[Any]]  # (H, W)
Figures = dict[str, list[float]]


def kernel(sharp: Plane, blurred: Plane, reach: int = 31) -> Plane:
    """Estimate the blur kernel of a square window by Wiener deconvolution: (2 reach + 1, 2 reach + 1)."""
    side = len(sharp)
    window = np.hanning(side)[:, None] * np.hanning(side)
    before, after = (np.fft.rfft2((plane - plane.mean()) * window) for plane in (sharp, blurred))
    power = np.abs(before) ** 2
    spread = np.fft.fftshift(np.fft.irfft2(np.conj(before) * after / (power + 0.01 * power.mean()), (side, side)))
    rows = slice(side // 2 - reach, side // 2 + reach + 1)
    return spread[rows, rows]


def extent(blur: Plane) -> tuple[float, float, float]:
    """Return length, width and offset of a kernel in pixels: those of the uniform bar with equal second moments."""
    weight = np.where(blur > 0.12 * blur.max(), blur, 0)
    weight = weight / weight.sum()
    reach = len(blur) // 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    middle = (weight * y).sum(), (weight * x).sum()
    y, x = y - middle[0], x - middle[1]
    moments = np.array([[(weight * a * b).sum() for b in (y, x)] for a in (y, x)])
    narrow, wide = np.sqrt(12 * np.linalg.eigvalsh(moments))
    return float(wide), float(narrow), float(np.hypot(*middle))


def flat_noise(picture: Picture, side: int = 16) -> float:
    """Return the standard deviation of structures finer than 3 pixels, in the flattest tenth of the blocks."""
    luma = picture.mean(2)
    fine = luma[1:-1, 1:-1] - sum(luma[i : i - 2 or None, j : j - 2 or None] for i in range(3) for j in range(3)) / 9
    h, w = (n // side for n in fine.shape)
    blocks = fine[: h * side, : w * side].reshape(h, side, w, side)
    deviations = np.sort(blocks.std((1, 3)).ravel())
    return float(np.median(deviations[: max(1, len(deviations) // 10)]))


def blur_figures(lq: Picture, hq: Picture) -> Figures:
    """Measure blur in every window with enough structure to estimate a kernel."""
    side = 160 if min(hq.shape[:2]) > 400 else 80
    sharp, blurred = hq.mean(2) / 255, lq.mean(2) / 255
    corners = [(y, x) for y in range(0, hq.shape[0] - side + 1, side) for x in range(0, hq.shape[1] - side + 1, side)]
    kernels = [
        extent(kernel(sharp[y : y + side, x : x + side], blurred[y : y + side, x : x + side]))
        for y, x in corners
        if sharp[y : y + side, x : x + side].std() > 0.08
    ]
    lengths, widths, offsets = (list(column) for column in zip(*kernels, strict=True)) if kernels else ([], [], [])
    return {
        "input PSNR, dB": [psnr(lq, hq, "rgb")],
        "length of the kernels, px": lengths,
        "their width": widths,
        "their centre's offset": offsets,
        "lengths' deviation within a picture": [float(np.std(lengths))] if len(lengths) > 3 else [],
        "noise in flat areas, of 255": [flat_noise(lq)],
    }


def correlation_length(correlation: Plane, direction: tuple[float, float]) -> float:
    """Return the distance in pixels at which a centred autocorrelation falls to a half along a direction (y, x)."""
    middle = np.array(correlation.shape) // 2
    for distance in np.arange(0.5, 100, 0.5):
        y, x = np.rint(middle + distance * np.array(direction)).astype(int)
        if correlation[y, x] < correlation[tuple(middle)] / 2:
            return float(distance)
    return 100.0


def rain_figures(lq: Picture, hq: Picture) -> Figures:
    """Measure the luma that rain adds."""
    weights = np.array([0.299, 0.587, 0.114])
    added, scene = (lq.astype(float) - hq) @ weights, hq @ weights
    is_dark = scene < 200  # elsewhere it is clipped
    dark = added[is_dark]
    slope, before_black = np.polyfit(scene[is_dark], dark, 1)
    dy, dx = np.gradient(added)
    across, both = (dx**2 - dy**2).sum(), (dx**2 + dy**2).sum()
    angle = -np.arctan2(2 * (dx * dy).sum(), across) / 2
    size = tuple(2 * n for n in added.shape)
    power = np.abs(np.fft.rfft2(added - added.mean(), size)) ** 2
    correlation = np.fft.fftshift(np.fft.irfft2(power, size))
    quantiles = np.percentile(dark, [50, 95, 99])
    return {
        "input PSNR (luma), dB": [psnr(lq, hq)],
        "light added, mean of 255": [float(dark.mean())],
        "its median": [float(quantiles[0])],
        "its 95 % quantile": [float(quantiles[1])],
        "its 99 % quantile": [float(quantiles[2])],
        "share with more than 10, %": [100 * float((dark > 10).mean())],
        "light before white, of that before black": [float(1 + 255 * slope / max(before_black, 1e-9))],
        "angle from straight down, degrees": [float(np.rad2deg(angle))],
        "how much of one direction, 0 to 1": [float(np.hypot(2 * (dx * dy).sum(), across) / max(both, 1e-9))],
        "half-length along the streaks, px": [correlation_length(correlation, (np.cos(angle), np.sin(angle)))],
        "half-length across": [correlation_length(correlation, (-np.sin(angle), np.cos(angle)))],
    }


def haze_figures(lq: Picture, hq: Picture) -> Figures:
    """Measure airlight A and transmission t of a pair."""
    transmission = np.exp(-recover_depth(lq, hq))
    low, middle, high = np.percentile(transmission, [10, 50, 90])
    return {
        "input PSNR, dB": [psnr(lq, hq, "rgb")],
        "A": [recover_airlight(lq, hq)],
        "t of the farthest tenth": [float(low)],
        "its median": [float(middle)],
        "t of the nearest tenth": [float(high)],
    }


@dataclass(frozen=True)
class Comparison:
    """A degradation, and the real pairs that it models."""

    title: str
    kind: str
    data: str
    figures: Callable[[Picture, Picture], Figures]


COMPARISONS = (
    Comparison("GoPro, a training scene", "motion blur", "pairs:train/gopro_GOPR0372_07_00", blur_figures),
    Comparison("REDS, 320x180", "motion blur", "pairs:train/reds_320x180", blur_figures),
    Comparison("Rain100L (inputs only measured)", "light rain", "pairs:eval/Rain100L", rain_figures),
    Comparison("RainTrainH", "heavy rain", "pairs:train/rain100h_train12", rain_figures),
    Comparison("Rain1400, 3 pairs (only measured)", "mixed rain", "pairs:eval/Rain1400_demo", rain_figures),
    Comparison("Pairs of several kinds", "mixed rain", "pairs:train/rain1400_like11", rain_figures),
    Comparison("SOTS indoor, training rooms", "indoor haze", "sots:train/SOTS_indoor_s1400_1424", haze_figures),
    Comparison("OTS, 2 of its pairs", "outdoor haze", "sots:train/OTS_depth_samples", haze_figures),
    Comparison("Outdoor test pairs, 2 (only measured)", "outdoor haze", "pairs:eval/SOTS_outdoor_like", haze_figures),
)


def read_pair(sample: Sample) -> tuple[Picture, Picture]:
    """Read input and ground truth, cropped to their common size and to ``MOST_PIXELS``."""
    assert sample.lq is not None
    lq, hq = read_photo(sample.lq), read_photo(sample.hq)
    h, w = (min(sizes) for sizes in zip(lq.shape[:2], hq.shape[:2], MOST_PIXELS, strict=True))
    return lq[:h, :w], hq[:h, :w]


def some(samples: list[Sample], most: int = MOST_PICTURES) -> list[Sample]:
    return samples[:: -(-len(samples) // most)]


def join(parts: Iterator[Figures]) -> Figures:
    """Concatenate the figures of several pictures."""
    joined: Figures = {}
    for part in parts:
        for name, values in part.items():
            joined.setdefault(name, []).extend(values)
    return joined


def made(comparison: Comparison, hq: Picture, index: int) -> Picture:
    degradation = DEGRADATIONS[comparison.kind]
    return degradation.apply(hq, 1, np.random.default_rng(index))


def measure(comparison: Comparison, root: Path) -> tuple[Figures, Figures]:
    """Measure the real and the synthetic inputs of the same ground truths; where these are few, several of each."""
    pairs = [read_pair(sample) for sample in some(dataset(comparison, root))]
    real = join(comparison.figures(lq, hq) for lq, hq in pairs)
    sharp = [hq for _, hq in pairs] * max(1, MOST_PICTURES // len(pairs))
    return real, join(comparison.figures(made(comparison, hq, i), hq) for i, hq in enumerate(sharp))


def dataset(comparison: Comparison, root: Path) -> list[Sample]:
    layout, _, folder = comparison.data.partition(":")
    return read_dataset(f"{layout}:{root / folder}")


def spread(values: list[float]) -> str:
    """Format the median with the 10 % and 90 % quantiles."""
    low, middle, high = np.percentile(values, [10, 50, 90])
    digits = 0 if max(abs(low), abs(high)) >= 30 else 1 if max(abs(low), abs(high)) >= 2 else 2
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(root: Path) -> str:
    lines = []
    for comparison in COMPARISONS:
        real, by_us = measure(comparison, root)
        lines += ["", f"| {comparison.title} / {comparison.kind} | real | made |", "|---|---|---|"]
        lines += [f"| {name} | {spread(real[name])} | {spread(by_us[name])} |" for name in real]
    return "\n".join(lines[1:])


CELL, CAPTION, EXAMPLES = 224, 20, 4
SHEET: dict[str, tuple[Callable[[], Picture], int, int]] = {
    "motion blur": (skimage.data.astronaut, 0, 100),
    "light rain": (skimage.data.coffee, 60, 180),
    "heavy rain": (skimage.data.chelsea, 40, 110),
    "mixed rain": (skimage.data.astronaut, 240, 30),
    "indoor haze": (skimage.data.coffee, 0, 100),
    "outdoor haze": (skimage.data.rocket, 190, 180),
}


def row(cells: list[tuple[str, Picture]]) -> Image.Image:
    """Place pictures side by side, with captions."""
    strip = Image.new("RGB", (len(cells) * (CELL + 4) - 4, CELL + CAPTION), "white")
    draw = ImageDraw.Draw(strip)
    for i, (caption, picture) in enumerate(cells):
        strip.paste(Image.fromarray(np.ascontiguousarray(picture[:CELL, :CELL])), (i * (CELL + 4), CAPTION))
        draw.text((i * (CELL + 4) + 2, 2), caption, "black", ImageFont.load_default(13))
    return strip


def stack(strips: list[Image.Image]) -> Image.Image:
    sheet = Image.new("RGB", (max(strip.width for strip in strips), sum(strip.height for strip in strips)), "white")
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    return sheet


def examples() -> Image.Image:
    """Draw examples of each degradation on scikit-image's photos."""
    strips = []
    for kind, (photo, top, left) in SHEET.items():
        hq = photo()[top : top + CELL + 32, left : left + CELL + 32]
        seen = [DEGRADATIONS[kind].apply(hq, 1, np.random.default_rng(seed)) for seed in range(EXAMPLES)]
        captions = [f"{kind}, {psnr(lq, hq, 'rgb'):.1f} dB" for lq in seen]
        strips.append(row([("clean", hq), *zip(captions, seen, strict=True)]))
    return stack(strips)


def looks(comparison: Comparison, root: Path, rows: int = 6) -> Image.Image:
    """Draw ground truth, real input and three synthetic inputs, of the same part of each picture."""
    rng, strips = np.random.default_rng(0), []
    for i, sample in enumerate(some(dataset(comparison, root), rows)):
        lq, hq = read_pair(sample)
        top, left = (int(rng.integers(max(1, n - CELL))) for n in hq.shape[:2])
        cut = (slice(top, top + CELL), slice(left, left + CELL))
        cells = [("clean", hq[cut]), ("real", lq[cut])]
        strips.append(row([*cells, *((f"made {k}", made(comparison, hq, 10 * i + k)[cut]) for k in range(3))]))
    return stack(strips)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder that the data sets lie in")
    parser.add_argument("--looks", type=Path, help="folder for pictures of real and made inputs side by side")
    args = parser.parse_args()
    examples().save(ROOT / "docs/images/degradations.jpg", quality=88)
    if args.looks is not None:
        args.looks.mkdir(parents=True, exist_ok=True)
        for comparison in COMPARISONS:
            name = comparison.data.rpartition("/")[2]
            looks(comparison, args.root).save(args.looks / f"{name}.png")
    print(table(args.root))


if __name__ == "__main__":
    main()
