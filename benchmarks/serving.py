"""Measure overhead and throughput of serving: ``python -m benchmarks.serving [--seconds S] [PART ...]`` (CPU, idle).

hop       latency of a tile on the embedded Triton, compared with the same tile in this process
visitors  photos per minute of this page and of a plain Gradio app, with 1, 4 and 16 concurrent visitors
sweep     instances, threads, batch, queue delay and tile, varied one at a time from the present configuration

The default is all of them.
"""

import argparse
import functools
import io
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import numpy as np
import torch
from gradio_client import Client, handle_file
from PIL import Image

from app.client import RestorationClient
from app.codec import Pixels
from app.tasks import Network
from app.triton import REPOSITORY
from app.triton.launch import KEPT_MEMORY
from benchmarks.common import (
    MODEL,
    PHOTO,
    PRESENT,
    RETRY_S,
    ROOT,
    SCALE,
    TASK,
    TILE_STREAMS,
    WARM_UP_S,
    free_port,
    keep_busy,
    print_row,
    serving,
    start_table,
    stream_tiles,
    use_server_allocator,
)

HOP_SIDE, HOP_PAIRS, EMPTY_HOP_PAIRS = 256, 40, 300
VISITORS = (1, 4, 16)
SWEEP_SHARE = 0.25  # of --seconds, for each row
SETTINGS = [
    PRESENT,
    replace(PRESENT, instances=1),
    replace(PRESENT, instances=1, threads=2),
    replace(PRESENT, threads=2),
    replace(PRESENT, batch=1),
    replace(PRESENT, delay_us=2000),
    replace(PRESENT, side=128),
    replace(PRESENT, side=256),
    PRESENT,  # repeated, to see how much the speed of the machine changed
]


# hop


def load_module() -> Callable[[Pixels], Pixels]:
    """Load the served network in this process, to be called as the backend does."""
    torch.set_num_threads(PRESENT.threads)
    module = torch.jit.load(REPOSITORY / MODEL / "1" / "model.pt").eval()

    def restore(pixels: Pixels) -> Pixels:
        with torch.inference_mode(), torch.jit.optimized_execution(False):
            restored = module(torch.from_numpy(pixels)[None])
        pixels_of: Pixels = restored[0].numpy()
        return pixels_of

    return restore


def timed(function: Callable[[], object]) -> float:
    """Return the time of a call in ms."""
    started = time.perf_counter()
    function()
    return (time.perf_counter() - started) * 1e3


def time_pairs(first: Callable[[], object], second: Callable[[], object], pairs: int) -> tuple[float, float, float]:
    """Measure two functions alternately; return their medians and the median of the paired differences, ms."""
    times: list[tuple[float, float]] = []
    for i in range(pairs):
        if i % 2:
            late = timed(second)
            times.append((timed(first), late))
        else:
            times.append((timed(first), timed(second)))
    a, b = (statistics.median(column) for column in zip(*times, strict=True))
    return a, b, statistics.median(late - early for early, late in times)


def restore_tile(client: RestorationClient, network: Network, tile: Pixels) -> Pixels:
    """Restore a tile on the server."""
    return client.submit(network, tile).result()


def measure_hop(seconds: float) -> None:
    """Print the overhead of Triton for a tile; the number of pairs is fixed, whatever ``seconds``."""
    module = load_module()
    rows = [(HOP_SIDE, HOP_PAIRS), (1, EMPTY_HOP_PAIRS)]
    with serving(replace(PRESENT, side=HOP_SIDE)) as (client, network):
        tiles = {side: np.ascontiguousarray(PHOTO[:side, :side]) for side, _ in rows}
        same = all(np.array_equal(module(tile), client.submit(network, tile).result()) for tile in tiles.values())
        start_table(
            "The hop",
            f"One tile of {TASK} at a time, {PRESENT.threads} thread: TorchScript in this process and the embedded "
            "Triton by its client in turns. Medians; the extra time is the median over the pairs. "
            f"Both restore {'the same picture to the bit' if same else 'DIFFERENT pictures'}.",
            *("tile", "pairs", "in process, ms", "served, ms", "extra, ms", "extra, %"),
        )
        for side, pairs in rows:
            tile = tiles[side]
            for _ in range(5):
                module(tile), client.submit(network, tile).result()
            alone = functools.partial(module, tile)
            a, b, extra = time_pairs(alone, functools.partial(restore_tile, client, network, tile), pairs)
            share = f"{100 * extra / a:.1f}" if side == HOP_SIDE else "the hop alone"
            print_row(f"{side}x{side}", pairs, f"{a:.2f}", f"{b:.2f}", f"{extra:.2f}", share)


# visitors


@dataclass(frozen=True)
class Page:
    """A page to measure: its program, and the inputs of its event after the photo."""

    name: str
    program: tuple[str, ...]
    inputs: tuple[str, ...] = ()


PLAIN_APP = "benchmarks.plain_app"
PAGES = [
    Page("this page", ("-m", "app"), (TASK,)),
    Page("plain Gradio, eager float32", ("-m", PLAIN_APP)),
    Page("plain Gradio, eager bfloat16", ("-m", PLAIN_APP, "--bf16")),
]


@contextmanager
def running(page: Page) -> Iterator[str]:
    """Run a page in a new process; yield its URL when it is ready.

    Raises:
        SystemExit: the page did not start.
    """
    port = free_port()
    command = [sys.executable, *page.program, "--port", str(port)]
    with tempfile.TemporaryDirectory(prefix="din-serving-") as folder:
        inherited = {name: value for name, value in os.environ.items() if name not in KEPT_MEMORY}
        environment = {**inherited, "GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False"}
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment) as process:
            try:
                assert process.stdout is not None
                if not any("The page is at" in line for line in process.stdout):
                    raise SystemExit(f"{page.name} did not start")
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


def visitor(url: str, page: Page, photo: Path) -> Callable[[], None]:
    """Return a function that acts as a visitor: uploads the photo, waits, and downloads the resulting pictures."""
    client = Client(url, verbose=False, download_files=False, analytics_enabled=False)

    def visit() -> None:
        answer = client.predict(handle_file(str(photo)), *page.inputs, api_name="/restore")
        for address in picture_addresses(answer):
            check_picture(httpx.get(address, timeout=60).raise_for_status().content)

    return visit


def picture_addresses(answer: object) -> set[str]:
    """Return the distinct URLs of the files in a response."""
    if isinstance(answer, dict):
        return {answer["url"]} if "url" in answer else set()
    if isinstance(answer, (list, tuple)):
        return {address for part in answer for address in picture_addresses(part)}
    return set()


def check_picture(data: bytes) -> None:
    """Check that a response is a PNG of the right size.

    Raises:
        ValueError: it is not.
    """
    with Image.open(io.BytesIO(data)) as picture:
        if picture.format != "PNG" or picture.size != (PHOTO.shape[1] * SCALE, PHOTO.shape[0] * SCALE):
            raise ValueError(f"got a {picture.format} of {picture.size}")


def measure_visitors(seconds: float) -> None:
    """Print the photos per minute of the page and of the plain app, one after the other."""
    start_table(
        "Visitors",
        f"Each sends a 512x512 photo for {TASK}, fetches both PNG files of the comparison and comes again, for "
        f"{seconds:.0f} s. The page keeps its own limits, the plain app Gradio's. Who is refused counts as a failure "
        f"and comes back after {RETRY_S:.0f} s.",
        *("page", "visitors", "photos a minute", "p50, s", "p95, s", "photos", "failures"),
    )
    failures: Counter[tuple[str, int, str]] = Counter()
    with tempfile.TemporaryDirectory(prefix="din-serving-") as folder:
        photo = Path(folder) / "photo.png"
        Image.fromarray(PHOTO).save(photo)
        for page in PAGES:
            with running(page) as url:
                visitors = [visitor(url, page, photo) for _ in range(max(VISITORS))]
                keep_busy(visitors[:2], WARM_UP_S)  # every instance loads its network
                for count in VISITORS:
                    load = keep_busy(visitors[:count], seconds)
                    failures.update((page.name, count, reason) for reason in load.failures)
                    times = (f"{load.percentile(q):.2f}" for q in (50, 95))
                    print_row(
                        page.name, count, f"{60 * load.rate:.1f}", *times, len(load.latencies), len(load.failures)
                    )
    print()
    for (name, count, reason), failed in failures.items():
        print(f"- {name}, {count} visitors: {failed} x {reason}")


# sweep


def measure_sweep(seconds: float) -> None:
    """Print the throughput of each setting, with one stream of tiles and with several."""
    cores = len(os.sched_getaffinity(0))
    possible = [setting for setting in SETTINGS if setting.cores <= cores]
    left_out = ", ".join(f"{s.instances}x{s.threads}" for s in SETTINGS if s.cores > cores)
    start_table(
        "The sweep",
        f"Tiles of {TASK} through the embedded Triton, {seconds * SWEEP_SHARE:.0f} s a figure, one factor changed at "
        "a time; the first row comes again at the end. The backend shares the cores out among its instances, so a "
        "server is held to instances x threads of them."
        + (f" Left out, for they need more than the {cores} cores here: {left_out}." if left_out else ""),
        *("instances", "threads", "batch", "delay, us", "tile", "streams"),
        *("megapixels in/s", "p50, ms", "p95, ms", "failures"),
    )
    for s in possible:
        with serving(s) as (client, network):
            for streams in TILE_STREAMS:
                load = stream_tiles(client, network, s.side, streams, seconds * SWEEP_SHARE)
                times = (f"{1e3 * load.percentile(q):.0f}" for q in (50, 95))
                megapixels = f"{load.rate * s.side**2 / 1e6:.3f}"
                print_row(
                    *(s.instances, s.threads, s.batch, s.delay_us, s.side, streams),
                    *(megapixels, *times, len(load.failures)),
                )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", choices=["hop", "visitors", "sweep"])
    parser.add_argument("--seconds", type=float, default=12.0, help="of each row; a quarter of it in the sweep")
    return parser.parse_args()


def cpu_name() -> str:
    """Return the model name of the processor."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else "unknown CPU"


def main() -> None:
    args = parse_arguments()
    use_server_allocator()  # for the tile in this process
    print(f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores, torch {torch.__version__}")
    for name, measure in {"hop": measure_hop, "visitors": measure_visitors, "sweep": measure_sweep}.items():
        if not args.parts or name in args.parts:
            measure(args.seconds)


if __name__ == "__main__":
    main()
