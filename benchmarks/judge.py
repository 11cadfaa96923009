"""Measure the judge of photos: ``python -m benchmarks.judge [--root DATA]``.

How long an answer takes, from decoded pixels to the judgement and from a file, by the embedded Triton on this machine.
With the data, also what is said of photos that were held back from its training, of real pairs that no training has,
and of the real photos, whose folders tell what they need.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import skimage.data
import torch
from PIL import Image

from app.client import RestorationClient
from app.codec import Pixels
from app.triton import Triton, embedded
from benchmarks.common import print_row, start_table
from din_model.data import list_photos, read_photo
from din_model.judge import NAMES, load_judge
from din_model.judge_data import exhibit
from din_model.train_judge import (
    calibration_error,
    confusion,
    held_back,
    logits_of,
    read_recipe,
    stack,
    table_rows,
)

SIZES = {"0.15": (321, 481), "2": (1224, 1632), "12": (3000, 4000), "24": (4000, 6000)}  # megapixels, (h, w)
RUNS = 30
# Below a data folder: pictures that no training saw, and what they need. GoPro's, SOTS's and Rain100L's are pairs.
REAL = {
    "eval/real_demo/real_rain": "rain",
    "eval/real_demo/real_haze": "haze",
    "eval/real_demo/sots_outdoor_haze": "haze",
    "eval/real_demo/gopro_blur": "motion_blur",
    "eval/real_demo/hide_blur": "motion_blur",
    "eval/real_demo/real_blur": "motion_blur",
    "eval/Rain100L/input": "rain",
    "eval/Rain1400_demo/input": "rain",
    "eval/SOTS_indoor_s1425_1449/input": "haze",
    "eval/SOTS_outdoor_like/input": "haze",
    "eval/GoPro_subset/input": "motion_blur",
    "eval/GoPro_subset/gt": "none",
}


def photo(size: tuple[int, int]) -> Pixels:
    """Return a photo of (h, w) pixels."""
    return np.asarray(Image.fromarray(skimage.data.astronaut()).resize(size[::-1], Image.Resampling.BICUBIC))


def times_ms(action: Callable[[], object]) -> list[float]:
    """Return the times of several runs in ms, the fastest first, after one that is not counted."""
    action()
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        action()
        times.append(1e3 * (time.perf_counter() - started))
    return sorted(times)


def time_answers(client: RestorationClient) -> None:
    """Print how long an answer takes."""
    caption = "In ms, the fastest of 30 runs, for other work on the machine only slows them, and their median."
    start_table("Time of a judgement", caption, "megapixels", "of pixels", "of a JPEG, decoded here")
    for name, size in SIZES.items():
        pixels, file = photo(size), io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=92)
        cells = []
        for picture in (pixels, file.getvalue()):
            times = times_ms(lambda picture=picture: client.judge(picture))  # type: ignore[misc]
            cells.append(f"{times[0]:.0f}, {statistics.median(times):.0f}")
        print_row(name, *cells)


def real_rows(root: Path) -> Iterator[tuple[str, int, int, str]]:
    """Yield of each folder of real pictures its path, how many it has, how many are told right, and what is said."""
    judge = load_judge()
    for folder, kind in REAL.items():
        said: Counter[str] = Counter()
        for path in list_photos(root / folder):
            squares, size, _ = stack([exhibit(read_photo(path), kind)], 1)
            with torch.inference_mode():
                said[NAMES[int(judge(squares[:, :-1], squares[:, -1], size).argmax())]] += 1
        yield folder, said.total(), said[kind], ", ".join(f"{name} {count}" for name, count in said.most_common())


def tell(root: Path) -> None:
    """Print what is said of photos whose damage is known."""
    judge, recipe = load_judge(), read_recipe()
    logits, kinds = logits_of(judge, held_back(recipe, root, "test"))
    probabilities = torch.softmax(logits / judge.temperature, 1)
    table = confusion(probabilities, kinds)
    print(f"\n## Held-back photos\n\n{table_rows(table)}\n")
    print(
        f"{table.trace()} of {table.sum()} are told right ({table.trace() / table.sum():.1%}); expected calibration "
        f"error {calibration_error(probabilities, kinds):.1%}."
    )
    start_table("Pictures of others", "None of them was trained on.", "folder", "pictures", "told right", "said")
    total: Counter[str] = Counter()
    for folder, count, right, said in real_rows(root):
        print_row(folder, count, right, said)
        part = "real photos" if "real_demo" in folder else "test sets"
        total.update({part: count, f"{part} right": right})
    for part in ("real photos", "test sets"):
        print_row(f"all {part}", total[part], total[f"{part} right"], "")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge", description="Measure the judge of photos.")
    parser.add_argument("--root", type=Path, help="folder of the data; default: only the times are measured")
    args = parser.parse_args()
    if args.root:
        tell(args.root)
    with Triton(embedded.launch()) as triton, RestorationClient(triton.url) as client:
        triton.wait_ready()
        time_answers(client)


if __name__ == "__main__":
    main()
