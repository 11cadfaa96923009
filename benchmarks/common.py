"""What the benchmarks of serving share: tables, callers that keep a server busy, and a Triton of one model."""

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
RETRY_S = 1.0  # what a caller that was refused waits
TILE_STREAMS = (1, 8)
WARM_UP_S = 1.0


def keep_memory() -> None:
    """Starts this program again with the allocator's settings that the server's instances have."""
    if not KEPT_MEMORY.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **KEPT_MEMORY})


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_table(title: str, caption: str, *header: str) -> None:
    print(f"\n## {title}\n\n{caption}\n")
    print_row(*header)
    print("|" + "---|" * len(header), flush=True)


def print_row(*cells: object) -> None:
    """Rows appear as they are measured."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


# Load: callers that call again as soon as they have their answer


@dataclass
class Load:
    """What a number of callers saw.

    Attributes:
        seconds: from the first call to the last answer.
        latencies: seconds of every call that succeeded.
        failures: what the others were told.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, q: float) -> float:
        return float(np.percentile(self.latencies, q)) if self.latencies else float("nan")


def keep_busy(callers: Sequence[Callable[[], object]], seconds: float) -> Load:
    """Lets every caller call again and again until the time is up.

    What is under way then is waited for and counts, or the slow answers would be the ones left out.
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


# A Triton of one model in one configuration


@dataclass(frozen=True)
class Setting:
    """One configuration of the server and the tile it is sent; the defaults are the present ones on two cores."""

    instances: int = 2
    threads: int = 1
    batch: int = 4
    delay_us: int = 0
    side: int = 192

    @property
    def cores(self) -> int:
        return self.instances * self.threads


PRESENT = Setting()


def configure(text: str, setting: Setting) -> str:
    """A model's ``cpu.pbtxt`` with the setting written into it."""
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
def held_to(cores: int) -> Iterator[None]:
    """Holds what is started meanwhile to so many cores, which its backend then shares out among its instances."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def serving(setting: Setting) -> Iterator[tuple[RestorationClient, Network]]:
    """An embedded Triton in that configuration, every instance of which has loaded its network."""
    with tempfile.TemporaryDirectory(prefix="din-serving-") as folder:
        shutil.copytree(REPOSITORY / MODEL, Path(folder) / MODEL)
        config = Path(folder) / MODEL / "configs" / "cpu.pbtxt"
        config.write_text(configure(config.read_text(), setting))
        with held_to(setting.cores):
            triton = Triton(embedded.launch(), Path(folder))
        with triton, RestorationClient(triton.url) as client:
            triton.wait_ready()
            network = client.task(TASK).network()
            stream_tiles(client, network, setting.side, max(TILE_STREAMS), WARM_UP_S)
            yield client, network


def stream_tiles(client: RestorationClient, network: Network, side: int, streams: int, seconds: float) -> Load:
    """Sends one tile after the other in each of several streams."""
    tile = PHOTO[:side, :side]
    return keep_busy([lambda: client.submit(network, tile).result()] * streams, seconds)
