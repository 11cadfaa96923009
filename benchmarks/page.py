"""Prints the figures of docs/performance.md on the machine it runs on: ``python benchmarks/page.py`` (CPU, idle).

Start-up, page memory, a 512x512 photo at 4x, and how far tiles are from the whole photo. Medians of several runs.
"""

import io
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import skimage.data
from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from app import codec, tiling  # noqa: E402
from app.client import RestorationClient  # noqa: E402
from app.restore import restore, restore_pixels  # noqa: E402
from app.server import EmbeddedTriton, free_port  # noqa: E402

RUNS = 7
START_RUNS = 3


def start_page() -> tuple[float, float]:
    """Seconds until the page says where it is, and its resident MB then."""
    started = time.monotonic()
    command = [sys.executable, "-m", "app", "--port", str(free_port())]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as page:
        while "The page is at" not in page.stdout.readline():
            pass
        seconds = time.monotonic() - started
        status = Path(f"/proc/{page.pid}/status").read_text()
        page.terminate()
    return seconds, int(status.split("VmRSS:")[1].split()[0]) / 1000


def timed(function) -> float:
    started = time.monotonic()
    function()
    return time.monotonic() - started


def server_memory_gb() -> float:
    """What Triton and its stubs take together, shared pages counted once."""
    processes = psutil.Process().children(recursive=True)
    return sum(p.memory_full_info().pss for p in processes) / 1e9


def start_server() -> float:
    """Seconds until every model answers."""
    started = time.monotonic()
    with EmbeddedTriton() as triton:
        triton.wait_ready()
        return time.monotonic() - started


def main() -> None:
    servers = [start_server() for _ in range(START_RUNS)]
    starts = [start_page() for _ in range(START_RUNS)]
    photo = skimage.data.astronaut()
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "PNG")
    data = buffer.getvalue()
    print("| figure | value |\n|---|---|")
    print(f"| `python -m app` to a usable page | {statistics.median(s for s, _ in starts):.1f} s |")
    print(f"| resident memory of the page's process | {max(mb for _, mb in starts):.0f} MB |")
    with EmbeddedTriton() as triton, RestorationClient(triton.url) as client:
        triton.wait_ready()
        tasks = client.tasks().values()
        print(f"| the server alone, {len(tasks)} tasks | {statistics.median(servers):.1f} s |")
        print(f"| its memory then | {server_memory_gb():.1f} GB |")
        tile = np.zeros((32, 32, 3), np.uint8)
        firsts = [timed(lambda task=task: client.submit(task, tile).result()) for task in tasks]
        print(f"| what the first picture of a task waits for its network | {statistics.median(firsts):.1f} s |")
        for task in tasks:  # several at once, so that every instance gets some
            for answer in [client.submit(task, tile) for _ in range(16)]:
                answer.result()
        print(f"| the server's memory when every task has been used | {server_memory_gb():.1f} GB |")
        result = restore(data, "sr_x4", client)
        seconds = statistics.median(timed(lambda: restore(data, "sr_x4", client)) for _ in range(RUNS))
        encode = statistics.median(timed(lambda: codec.encode_png(result.after)) for _ in range(RUNS))
        print(f"| 512x512 photo at 4x, {result.task.preset}, {result.tiles} tiles | {seconds:.2f} s |")
        print(f"| encoding its 2048x2048 PNG | {encode:.2f} s |")
        hop = np.zeros((1, 1, 3), np.uint8)
        hops = [timed(lambda: client.submit(result.task, hop).result()) for _ in range(200)]
        print(f"| one 1x1 tile, there and back | {statistics.median(hops) * 1e3:.1f} ms |")
        whole = tiling.plan((512, 512), 512, result.task.overlap)
        reference = restore_pixels(photo, whole, result.task, client, lambda done, total: None)
        error = np.mean((result.after.rgb.astype(float) - reference) ** 2)
        print(f"| tiled against whole, 512x512 | {10 * np.log10(255**2 / error):.1f} dB |")


if __name__ == "__main__":
    main()
