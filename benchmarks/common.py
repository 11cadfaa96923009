"""Shared parts of the serving benchmarks: tables, load generation, and a Triton with one model."""

import os
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import skimage.data

from app.client import RestorationClient
from app.tasks import Network
from app.triton import REPOSITORY, Triton, embedded
from app.triton.launch import KEPT_MEMORY

ROOT = Path(__file__).parent.parent
TASK, SCALE = "sr_x4", 4
MODEL = f"din_{TASK}"
PHOTO = skimage.data.astronaut()  # 512x512
RETRY_S = 1.0  # wait of a caller after a refused request
TILE_STREAMS = (1, 8)
WARM_UP_S = 1.0


def use_server_allocator() -> None:
    """Restart this program with the allocator settings of the server's instances, unless it has them."""
    if not KEPT_MEMORY.items() <= os.environ.items():
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **KEPT_MEMORY})


def free_port() -> int:
    """Return a free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_table(title: str, caption: str, *header: str) -> None:
    """Print the heading and the header row of a Markdown table."""
    print(f"\n## {title}\n\n{caption}\n")
    print_row(*header)
    print("|" + "---|" * len(header), flush=True)


def print_row(*cells: object) -> None:
    """Print a row of a Markdown table at once."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


# Load generation: each caller repeats its request as soon as it has the response


@dataclass
class Load:
    """The results of a load test.

    Attributes:
        seconds: from the first request to the last response.
        latencies: of the successful requests, seconds.
        failures: error messages of the failed requests.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Successful requests per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, q: float) -> float:
        """Return a percentile of the latencies, seconds; NaN if every request failed."""
        return float(np.percentile(self.latencies, q)) if self.latencies else float("nan")


def keep_busy(callers: Sequence[Callable[[], object]], seconds: float) -> Load:
    """Repeat the requests of every caller until the time is up.

    Pending requests are completed and counted; otherwise slow responses would be left out.
    """
    load = Load()
    started = time.monotonic()

    def repeat(call: Callable[[], object]) -> None:
        while time.monotonic() - started < seconds:
            asked = time.monotonic()
            try:
                call()
            except Exception as error:
                load.failures.append(f"{type(error).__name__}: {error}".splitlines()[0][:160])
                time.sleep(RETRY_S)
            else:
                load.latencies.append(time.monotonic() - asked)

    with ThreadPoolExecutor(len(callers)) as threads:
        list(threads.map(repeat, callers))
    load.seconds = time.monotonic() - started
    return load


# A Triton with one model in one configuration


@dataclass(frozen=True)
class Setting:
    """A configuration of the server, and the side of its tiles; the defaults are those of the demo on two cores."""

    instances: int = 2
    threads: int = 1
    batch: int = 4
    delay_us: int = 0
    side: int = 192

    @property
    def cores(self) -> int:
        """Number of cores that the instances use."""
        return self.instances * self.threads


PRESENT = Setting()


def configure(text: str, setting: Setting) -> str:
    """Return a model's ``cpu.pbtxt`` with a setting applied.

    Raises:
        ValueError: a field of the setting is missing or not unique.
    """
    delay = f"max_queue_delay_microseconds: {setting.delay_us} " if setting.delay_us else ""
    text = re.sub(r"max_queue_delay_microseconds: *\d+ *", "", text)
    for pattern, value in (
        (r"(KIND_CPU count: *)\d+", rf"\g<1>{setting.instances}"),
        (r"(max_batch_size: *)\d+", rf"\g<1>{setting.batch}"),
        (r"(dynamic_batching \{ *)", rf"\g<1>{delay}"),
    ):
        text, found = re.subn(pattern, value, text)
        if found != 1:
            raise ValueError(f"{pattern} is {found} times in the model's configuration, not once")
    return text


@contextmanager
def limited_to(cores: int) -> Iterator[None]:
    """Limit processes started in the context to a number of cores, which the backend divides among its instances."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def serving(setting: Setting) -> Iterator[tuple[RestorationClient, Network]]:
    """Run an embedded Triton in a configuration; every instance has loaded the network."""
    with tempfile.TemporaryDirectory(prefix="din-serving-") as folder:
        shutil.copytree(REPOSITORY / MODEL, Path(folder) / MODEL)
        config = Path(folder) / MODEL / "configs" / "cpu.pbtxt"
        config.write_text(configure(config.read_text(), setting))
        with limited_to(setting.cores):
            triton = Triton(embedded.launch(), Path(folder))
        with triton, RestorationClient(triton.url) as client:
            triton.wait_ready()
            network = client.task(TASK).network()
            stream_tiles(client, network, setting.side, max(TILE_STREAMS), WARM_UP_S)
            yield client, network


def stream_tiles(client: RestorationClient, network: Network, side: int, streams: int, seconds: float) -> Load:
    """Send tiles one after the other in several concurrent streams."""
    tile = PHOTO[:side, :side]
    return keep_busy([lambda: client.submit(network, tile).result()] * streams, seconds)
