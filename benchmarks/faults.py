"""Restore photos while something breaks: ``python -m benchmarks.faults [--photos 20]``.

Each fault comes when a third of the first photos' tiles are done. A photo is right if it equals, to the bit, what is
restored without a fault.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from app.client import RestorationClient
from app.codec import Photo, Pixels
from app.errors import RestorationError
from app.pipeline.restore import Step, photo_steps
from app.tasks import Task
from app.triton import Triton, embedded
from benchmarks.common import print_row, start_table
from tests.support.fault_proxy import FaultProxy, fault_proxy
from tests.support.processes import process_of

TASK = "sr_x4"
SIZE, TILES = (500, 640), 12  # (h, w) of a photo, and the number of its tiles
JOBS = 4  # photos at a time


@dataclass(frozen=True)
class Scene:
    """The parts of the service that a fault can break.

    Attributes:
        triton: the server.
        proxy: between it and the client.
    """

    triton: Triton
    proxy: FaultProxy

    def signal(self, word: str, number: signal.Signals) -> None:
        """Send a signal to the server or to one of its instances."""
        os.kill(process_of(self.triton.port, word), number)


INSTANCE = f"din_{TASK}_0_0"
FAULTS: dict[str, Callable[[Scene], object]] = {
    "the server is killed": lambda scene: scene.signal("bin/tritonserver", signal.SIGKILL),
    "the server is stopped (SIGSTOP)": lambda scene: scene.signal("bin/tritonserver", signal.SIGSTOP),
    "an instance is killed": lambda scene: scene.signal(INSTANCE, signal.SIGKILL),
    "an instance crashes (SIGSEGV)": lambda scene: scene.signal(INSTANCE, signal.SIGSEGV),
    "an instance is stopped (SIGSTOP)": lambda scene: scene.signal(INSTANCE, signal.SIGSTOP),
    "the connection is reset": lambda scene: scene.proxy.reset(),
    "an answer is cut short": lambda scene: scene.proxy.truncate(),
    "the connection is closed on one side": lambda scene: scene.proxy.half_close(),
    "the connection carries nothing any more": lambda scene: scene.proxy.stall(),
    "the connection is slow (50 ms for each 64 KiB)": lambda scene: scene.proxy.delay(0.05),
}


@dataclass(frozen=True)
class Found:
    """The outcome of restoring the photos while a fault occurred.

    Attributes:
        photos: restored pixels, or the error.
        longest_s: without a finished tile, over all photos.
        seconds: until the last photo was done.
    """

    photos: list[Pixels | RestorationError]
    longest_s: float
    seconds: float

    def right(self, expected: list[Pixels]) -> int:
        """Return the number of photos that are as expected."""
        pairs = zip(self.photos, expected, strict=True)
        return sum(isinstance(found, np.ndarray) and np.array_equal(found, pixels) for found, pixels in pairs)


def noise_photos(number: int) -> list[Photo]:
    """Return photos of noise, all different."""
    noise = np.random.default_rng(0)
    return [Photo(noise.integers(0, 256, (*SIZE, 3)).astype(np.uint8)) for _ in range(number)]


@contextmanager
def scene() -> Iterator[Scene]:
    """Start a Triton, and a proxy in front of it."""
    with Triton(embedded.launch()) as triton:
        triton.wait_ready()
        with fault_proxy(triton.port) as proxy:
            yield Scene(triton, proxy)


def watched(photo: Photo, task: Task, client: RestorationClient, progress: Callable[[Step], object]) -> Pixels:
    """Restore a photo, and report each step."""
    steps = photo_steps(photo, task, client)
    while True:
        try:
            progress(next(steps))
        except StopIteration as end:
            restored: Pixels = end.value.after.rgb
            return restored


def restore_all(photos: list[Photo], port: int, strike: Callable[[], object] = lambda: None) -> Found:
    """Restore photos, several at a time.

    Args:
        photos: to restore.
        port: of the server, or of the proxy before it.
        strike: called once, when a third of the tiles of the first photos are done.
    """
    started = time.monotonic()
    first, lock = [TILES // 3 * min(JOBS, len(photos))], threading.Lock()

    def restore(photo: Photo) -> tuple[Pixels | RestorationError, float]:
        longest_s, tile_s = 0.0, time.monotonic()

        def progress(step: Step) -> None:
            nonlocal longest_s, tile_s
            if step.is_waiting:
                return
            longest_s, tile_s = max(longest_s, time.monotonic() - tile_s), time.monotonic()
            with lock:
                first[0] -= 1 if step.done else 0
                strikes = bool(step.done) and first[0] == 0
            if strikes:
                strike()

        try:
            return watched(photo, task, client, progress), longest_s
        except RestorationError as error:
            return error, longest_s

    with RestorationClient(f"127.0.0.1:{port}") as client, ThreadPoolExecutor(JOBS) as executor:
        task = client.task(TASK)
        found = list(executor.map(restore, photos))
    return Found([photo for photo, _ in found], max(wait_s for _, wait_s in found), time.monotonic() - started)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--photos", type=int, default=20)
    photos = noise_photos(parser.parse_args().photos)
    caption = f"{len(photos)} photos of {SIZE[1]}x{SIZE[0]} pixels, {TILES} tiles each, {JOBS} at a time, `{TASK}`."
    start_table("Faults", caption, "fault", "photos right", "errors", "longest time without a tile, s", "in all, s")
    with scene() as calm:
        plain = restore_all(photos, calm.proxy.port)
    expected = [photo for photo in plain.photos if isinstance(photo, np.ndarray)]
    for name, fault in {"none": lambda _: None, **FAULTS}.items():
        with scene() as broken:
            found = restore_all(photos, broken.proxy.port, lambda: fault(broken))  # noqa: B023 - called within the turn
        errors = sum(isinstance(photo, RestorationError) for photo in found.photos)
        print_row(name, found.right(expected), errors, f"{found.longest_s:.1f}", f"{found.seconds:.0f}")


if __name__ == "__main__":
    main()
