"""Measure what decoding in a bounded process costs: ``python -m benchmarks.decoding``.

Photos of 12 megapixels are decoded in this process and in a worker of the page, in turn; the fastest of several runs
counts, since other work on the machine only slows them.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

from app import codec
from app.codec.bounded import Workers
from benchmarks.common import print_row, start_table

SIZE = 3000, 4000  # (h, w)
RUNS = 20
FORMATS = {"JPEG": {"quality": 92}, "PNG": {"compress_level": 1}, "WEBP": {"quality": 90, "method": 0}}


def photo() -> Image.Image:
    """Return a photo of 12 megapixels, with noise as a camera's."""
    large = Image.fromarray(skimage.data.astronaut()).resize(SIZE[::-1], Image.Resampling.BICUBIC)
    noise = np.random.default_rng(0).normal(0, 4, (*SIZE, 1))
    return Image.fromarray(np.clip(np.asarray(large) + noise, 0, 255).astype(np.uint8))


def fastest_ms(*actions: Callable[[], object]) -> list[float]:
    """Return the shortest time of each action, in ms; they are run in turn."""
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(RUNS):
        for action, found in zip(actions, times, strict=True):
            started = time.perf_counter()
            action()
            found.append(1e3 * (time.perf_counter() - started))
    return [min(found) for found in times]


def main() -> None:
    """Print the table."""
    image, workers = photo(), Workers(1)
    caption = f"Decoding {SIZE[1]}x{SIZE[0]} pixels, in ms."
    start_table(
        "Decoding in a process with limits", caption, "file", "here", "in a worker", "header here", "in a worker"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo"
        for name, options in FORMATS.items():
            target = io.BytesIO()
            image.save(target, name, **options)
            path.write_bytes(target.getvalue())
            figures = fastest_ms(
                lambda: codec.decode(path),
                lambda: workers.ask({"scale": 1}, path),
                lambda: codec.read_header(path),
                lambda: workers.ask({}, path),
            )
            print_row(f"{name}, {len(target.getvalue()) / 1e6:.1f} MB", *(f"{figure:.1f}" for figure in figures))
        started = time.perf_counter()
        another = Workers(1)
        another.ask({}, path)
        print(f"\nStarting a worker: {1e3 * (time.perf_counter() - started):.0f} ms, once.")
    for made in (workers, another):
        made.close()


if __name__ == "__main__":
    main()
