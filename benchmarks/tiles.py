"""Prints how close a photo in tiles is to the photo in one piece, and what that costs: ``python -m benchmarks.tiles``.

Every task through the embedded Triton, with tiles that take their own attention and with the rounds that the task asks
for. Strided tasks are cut into smaller tiles than they are served with, or a photo of this size would be one.
"""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import skimage.data

from app.client import RestorationClient
from app.codec import Pixels
from app.pipeline import tiling
from app.pipeline.restore import pixel_steps, run
from app.tasks import ServedTask
from app.triton import Triton, embedded
from din_model.data import degrade
from din_model.tasks import TASKS

ROOT = Path(__file__).parent.parent
STRIDED_TILE = 384
ANY_SIZE = 2**30


def restored(photo: Pixels, task: ServedTask, client: RestorationClient, whole_pixels: int) -> tuple[Pixels, float]:
    """The restored photo and the seconds it took."""
    tile = task.tile if task.size_multiple == 1 else STRIDED_TILE
    plan = tiling.plan(photo.shape[:2], tile, task.overlap, task.size_multiple, whole_pixels)
    started = time.monotonic()
    pixels = run(pixel_steps(photo, plan, task, client))
    return pixels, time.monotonic() - started


def load(task: ServedTask, client: RestorationClient) -> None:
    """Has every instance load the network: several pictures at once, so that each gets some."""
    for answer in [client.submit(task, np.zeros((64, 64, 3), np.uint8)) for _ in range(16)]:
        answer.result()


def psnr(one: Pixels, other: Pixels) -> str:
    error = np.mean((one.astype(float) - other) ** 2)
    return f"{10 * np.log10(255**2 / error):.1f} dB" if error else "equal"


def main() -> None:
    print("| task | rounds | own attention | shared attention | one piece | tiles | with the rounds |")
    print("|---|---|---|---|---|---|---|")
    with Triton(embedded.launch()) as triton, RestorationClient(triton.url) as client:
        triton.wait_ready()
        for name, task in client.tasks().items():
            side = min(512, int(task.max_pixels**0.5))
            photo = skimage.data.astronaut()[:side, :side]
            if task.scale == 1:
                photo = degrade(TASKS[task.task], photo, np.random.default_rng(0))
            load(task, client)
            whole, whole_s = restored(photo, task, client, ANY_SIZE)
            own, own_s = restored(photo, replace(task, attention_rounds=0), client, 0)
            shared, shared_s = restored(photo, task, client, 0) if task.attention_rounds else (own, own_s)
            quality = f"{psnr(own, whole)} | {psnr(shared, whole) if task.attention_rounds else ''}"
            seconds = f"{whole_s:.2f} s | {own_s:.2f} s | {f'{shared_s:.2f} s' if task.attention_rounds else ''}"
            print(f"| `{name}` | {task.attention_rounds} | {quality} | {seconds} |", flush=True)


if __name__ == "__main__":
    main()
