"""Have many visitors restore photos at once: ``python -m benchmarks.load [--visitors 64] [--minutes 5]``.

Each visitor, with an address of its own, uploads a small photo, restores it, fetches the result, and begins again.
A result is right if no pixel differs by more than one step from what is restored without load: batches change the order
of sums.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image

from app.client import RestorationClient
from app.codec import Pixels
from app.pipeline.restore import restore
from app.triton import Triton, embedded
from app.triton.guardian import processes_below
from benchmarks.common import PHOTO, RETRY_S, TASK, print_row, start_table
from tests.support.files import png
from tests.support.processes import folder_of, processes_with, running_page
from tests.support.queue import TIMEOUT_S, Caller, event_numbers, restore_call, upload

SIDES = (24, 40, 64, 96)  # of the photos, in pixels
SAMPLE_S = 2.0
BUSY = ("busy: try again", "You already have")


@dataclass
class Tally:
    """The results of a load test.

    Attributes:
        seconds: it lasted.
        latencies: of right results, from the upload to the last byte of the result, in seconds.
        others: how many ended otherwise, by how.
        memory: of all processes of one name together, in bytes, at each sample of ``sampled_s``. Memory that several
            share counts once (proportional set size).
        left: files of visitors and regions of shared memory that the page and Triton leave behind.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    sampled_s: list[float] = field(default_factory=list)
    memory: dict[str, list[int]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def percentile(self, q: float) -> float:
        """Return a percentile of the latencies in seconds."""
        return float(np.percentile(self.latencies, q))

    def slope(self, name: str) -> float:
        """Return by how many MB an hour the memory of a program grows, over the second half of the time."""
        half = len(self.sampled_s) // 2
        per_second, _ = np.polyfit(self.sampled_s[half:], self.memory[name][half:], 1)
        return float(per_second) * 3600 / 1e6

    def sample(self, page: int, marker: str) -> None:
        """Note the memory of the page and what it has started, and of the processes with a marker in their commands."""
        found: Counter[str] = Counter()
        for pid in [page, *(process.pid for process in processes_below(page)), *processes_with(marker)]:
            try:
                process = psutil.Process(pid)
                name = "page" if pid == page else process.name()
                found[name] += int(process.memory_full_info().pss)
            except psutil.NoSuchProcess:
                continue
        self.sampled_s.append(time.monotonic())
        for name in found.keys() | self.memory.keys():
            earlier = self.memory.setdefault(name, [0] * (len(self.sampled_s) - 1))
            earlier.append(found[name])


def visit(caller: Caller, photo: bytes, expected: Pixels) -> str:
    """Restore a photo as a visitor does; return "right", "wrong", "busy" or what went wrong."""
    try:
        answer = caller.join("restore", *restore_call(upload(caller.url, photo), TASK))
        outcome: dict[str, Any] = {"error": answer.text} if answer.status_code != 200 else caller.answers(1)[0]
        if reason := outcome.get("error"):
            return "busy" if any(sentence in reason for sentence in BUSY) else reason[:100]
        result = httpx.get(outcome["data"][0]["url"], timeout=TIMEOUT_S)
        pixels = np.asarray(Image.open(io.BytesIO(result.content)).convert("RGB"))
    except (httpx.HTTPError, OSError, KeyError) as error:
        return f"{type(error).__name__}: {error}"[:100]
    return "right" if int(np.abs(pixels.astype(int) - expected).max()) <= 1 else "wrong"


def load(visitors: int, seconds: float) -> Tally:
    """Start Triton and the page, and have visitors restore photos for some time."""
    tally, photos = Tally(), [PHOTO[100 : 100 + side, 150 : 150 + side] for side in SIDES]
    with tempfile.TemporaryDirectory(prefix="din-load-") as folder:
        with Triton(embedded.launch()) as triton:
            triton.wait_ready()
            regions = folder_of(triton.port)
            with RestorationClient(triton.url) as client:
                expected = [restore(png(photo), client.task(TASK), client).after.rgb for photo in photos]
            with running_page("--triton-url", triton.url, folder=Path(folder)) as (url, page):
                numbers, started = event_numbers(url), time.monotonic()

                def keep_visiting(place: int) -> None:
                    turn = place
                    while time.monotonic() - started < seconds:
                        address = f"198.51.{place // 250}.{place % 250 + 1}"
                        caller = Caller(url, numbers, **{"X-Forwarded-For": address})
                        at, begun = turn % len(photos), time.monotonic()
                        ended = visit(caller, png(photos[at]), expected[at])
                        if ended == "right":
                            tally.latencies.append(time.monotonic() - begun)
                        else:
                            tally.others[ended] += 1
                            time.sleep(RETRY_S)
                        turn += 1

                done = threading.Event()

                def keep_sampling() -> None:
                    while not done.wait(SAMPLE_S):
                        tally.sample(page.pid, regions)

                sampling = threading.Thread(target=keep_sampling)
                sampling.start()
                with ThreadPoolExecutor(visitors) as threads:
                    list(threads.map(keep_visiting, range(visitors)))
                done.set()
                sampling.join()
                tally.seconds = time.monotonic() - started
        tally.left = [str(path) for path in Path(folder).iterdir()]
    tally.left += [str(path) for path in Path("/dev/shm").glob(f"{regions}*")]
    return tally


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--visitors", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=5.0)
    args = parser.parse_args()
    tally = load(args.visitors, args.minutes * 60)
    start_table("Load", f"{args.visitors} visitors for {args.minutes:g} minutes.", "", "")
    print_row("right results", len(tally.latencies))
    for ended, number in tally.others.most_common():
        print_row(ended, number)
    print_row("results a second", f"{len(tally.latencies) / tally.seconds:.1f}")
    for q in (50, 95, 99):
        print_row(f"p{q}", f"{tally.percentile(q):.1f} s")
    for name, sizes in tally.memory.items():
        print_row(f"memory of {name}", f"{sizes[-1] / 1e6:.0f} MB, {tally.slope(name):+.0f} MB an hour")
    print_row("left behind", ", ".join(tally.left) or "nothing")


if __name__ == "__main__":
    main()
