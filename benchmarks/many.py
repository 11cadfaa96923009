"""Measure how many photos a second the commands restore: ``python -m benchmarks.many``; needs the extra ``ray``.

The same photos are restored by the same embedded Triton with ``din restore``, ``din restore-many`` and ``din
restore-many --ray``, whose workers are started on this machine, in turns. Each is run on few photos and on many: the
difference gives the rate, and the former what a start costs. The medians of the rounds count.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from app.triton import Triton, embedded
from benchmarks.common import PHOTO, ROOT, print_row, start_table
from tests.support import ray_cluster

TASK, SIDE = "sr_x2", 192
FEW = 4
COMMANDS = {
    "`din restore`": ("restore", ()),
    "`din restore-many --jobs 1`": ("restore-many", ("--jobs", "1")),
    "`din restore-many --jobs 4`": ("restore-many", ("--jobs", "4")),
    "`din restore-many --ray --jobs 4`": ("restore-many", ("--ray", "--jobs", "4")),
}


def make_photos(folder: Path, count: int) -> Path:
    """Create a folder of different parts of a photo, as JPEG."""
    folder.mkdir()
    for number in range(count):
        top, left = 16 * (number // 16), 16 * (number % 16)
        Image.fromarray(PHOTO[top : top + SIDE, left : left + SIDE]).save(folder / f"{number:03}.jpg", quality=92)
    return folder


def seconds(command: str, options: tuple[str, ...], photos: Path, url: str) -> float:
    """Return how long a command takes for a folder of photos, its start included."""
    with tempfile.TemporaryDirectory() as out, tempfile.TemporaryDirectory(prefix="din-ray-") as home:
        places = [*map(str, sorted(photos.iterdir())), "--out", out] if command == "restore" else [str(photos), out]
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "app", command, *places, "--task", TASK, "--triton-url", url, *options],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=ray_cluster.environment(Path(home)),
        )
        if done.returncode:
            sys.exit(f"{command}: {done.stderr}")
        return time.monotonic() - started


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photos", type=int, default=64, help="how many are many; default: %(default)s")
    args = parser.parse_args()
    rounds, count = args.rounds, args.photos
    with tempfile.TemporaryDirectory() as folder, Triton(embedded.launch()) as triton:
        triton.wait_ready()
        few, many = make_photos(Path(folder) / "few", FEW), make_photos(Path(folder) / "many", count)
        seconds("restore", (), few, triton.url)  # the network is loaded by its first request
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
        for _ in range(rounds):
            for name, (command, options) in COMMANDS.items():
                taken[name].append(
                    (seconds(command, options, few, triton.url), seconds(command, options, many, triton.url))
                )
    rates = {name: statistics.median((count - FEW) / (b - a) for a, b in pairs) for name, pairs in taken.items()}
    caption = f"Photos of {SIDE}x{SIDE}, {TASK}, medians of {rounds} rounds."
    start_table("Many photos", caption, "command", "photos/s", "of the first", f"{FEW} photos, s", f"{count} photos, s")
    for name, pairs in taken.items():
        few_s, many_s = (statistics.median(values) for values in zip(*pairs, strict=True))
        ratio = rates[name] / rates["`din restore`"]
        print_row(name, f"{rates[name]:.1f}", f"{ratio:.2f}", f"{few_s:.1f}", f"{many_s:.1f}")


if __name__ == "__main__":
    main()
