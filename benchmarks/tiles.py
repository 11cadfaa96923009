"""Measure difference and time of a photo in tiles and in one piece: ``python -m benchmarks.tiles``.

Every task runs on the embedded Triton, with tiles that use their own channel descriptors, and with the task's rounds of
shared ones. Strided tasks are cut into smaller tiles than in service; otherwise a photo of this size would be one tile.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import skimage.data

from app.client import RestorationClient
from app.codec import Pixels
from app.pipeline.restore import pixel_steps, run
from app.tasks import Network
from app.triton import Triton, embedded
from din_model.data import degrade
from din_model.tasks import TASKS
from imaging.metrics import psnr

ROOT = Path(__file__).parent.parent
STRIDED_TILE = 384
ANY_SIZE = 2**30


def restored(photo: Pixels, network: Network, client: RestorationClient, whole_pixels: int) -> tuple[Pixels, float]:
    """Return the restored photo and the time in seconds."""
    tile = network.tile if network.size_multiple == 1 else STRIDED_TILE
    started = time.monotonic()
    pixels = run(pixel_steps(photo, replace(network, tile=tile, whole_pixels=whole_pixels), client))
    return pixels, time.monotonic() - started


def load(network: Network, client: RestorationClient) -> None:
    """Make every instance load the network, by several requests at once."""
    for answer in [client.submit(network, np.zeros((64, 64, 3), np.uint8)) for _ in range(16)]:
        answer.result()


def agreement(one: Pixels, other: Pixels) -> str:
    """Format the PSNR of two photos over all planes."""
    return "equal" if np.array_equal(one, other) else f"{psnr(one, other, 'rgb'):.1f} dB"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()  # it has no options but --help
    print("| task | rounds | own attention | shared attention | one piece | tiles | with the rounds |")
    print("|---|---|---|---|---|---|---|")
    with Triton(embedded.launch()) as triton, RestorationClient(triton.url) as client:
        triton.wait_ready()
        served = [(task, network) for task in client.tasks().values() for network in task.networks]
        for task, network in served:
            side = min(512, int(network.max_pixels**0.5))
            photo = skimage.data.astronaut()[:side, :side]
            if task.scale == 1:
                photo = degrade(TASKS[task.name], photo, np.random.default_rng(0))
            load(network, client)
            whole, whole_s = restored(photo, network, client, ANY_SIZE)
            own, own_s = restored(photo, replace(network, descriptor_rounds=0), client, 0)
            shared, shared_s = restored(photo, network, client, 0) if network.descriptor_rounds else (own, own_s)
            quality = f"{agreement(own, whole)} | {agreement(shared, whole) if network.descriptor_rounds else ''}"
            seconds = f"{whole_s:.2f} s | {own_s:.2f} s | {f'{shared_s:.2f} s' if network.descriptor_rounds else ''}"
            print(f"| `{network.name}` | {network.descriptor_rounds} | {quality} | {seconds} |", flush=True)


if __name__ == "__main__":
    main()
